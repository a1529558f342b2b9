"""A few disturbed ingests of the campaign; `python -m tests.faults.campaign` is the whole of it."""

import os

import pytest

from tests import rgw
from tests.faults import campaign
from tests.faults.bench import Bench

DISTURBED = [
    ("worker", 1),
    ("driver", 1),
    ("scheduler", 1),
    ("server", 0),
    ("mixed", 0),
    ("overlap", 1),
    ("scratch", 0),
]


@pytest.fixture(scope="module")
def bench(request, tmp_path_factory):
    with_rgw = rgw.is_possible() and os.environ.get("LAKE_TEST_S3", "rgw") == "rgw"
    server = request.getfixturevalue("rgw_server") if with_rgw else None
    with Bench(tmp_path_factory.mktemp("campaign"), server) as prepared:
        yield prepared


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "seed"), DISTURBED)
def test_disturbed_ingest_equals_the_undisturbed(bench, kind, seed):
    if why := campaign.impossible(bench, kind):
        pytest.skip(f"{kind}: {why}")
    result = campaign.run(bench, kind, seed)
    assert result.outcome == campaign.EXACT, result
