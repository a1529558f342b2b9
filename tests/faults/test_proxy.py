"""The proxy itself: what it passes unchanged, and that a seed says what it breaks."""

import os
from contextlib import closing
from http.client import HTTPConnection

import fsspec
import pytest

from lake.storage.connect import connect
from tests.faults.proxy import KINDS, Faults


def test_without_faults_everything_passes_unchanged(s3_root, break_s3):
    proxy = break_s3(Faults())
    objects = connect(s3_root)
    large = os.urandom(6_000_000)
    objects.put("large", large)
    objects.create("einmal", b"1")
    objects.copy("large", "a copy, of ä")
    assert objects.get("a copy, of ä") == large
    with pytest.raises(FileExistsError):
        objects.create("einmal", b"2")
    assert objects.list() == ["a copy, of ä", "einmal", "large"]
    with fsspec.open(f"{s3_root}/large", endpoint_url=proxy.endpoint) as file:
        file.seek(1_000_000)
        assert file.read(1000) == large[1_000_000:1_001_000]
    objects.delete(objects.list())
    assert objects.list() == []
    assert (proxy.injected.total(), proxy.requests > 10) == (0, True)


def random_faults(seed: int) -> list[str]:
    faults = Faults(dict.fromkeys(("error_before", "stall", "slow"), 0.1), seed)
    return [faults.draw("GET", f"/bucket/{n % 7}", n)[0] for n in range(200)]


def test_seed_decides_what_breaks_and_rates_how_often():
    assert random_faults(1) == random_faults(1) != random_faults(2)
    for kind in ("error_before", "stall", "slow"):
        assert 5 <= random_faults(1).count(kind) <= 40
    assert random_faults(1).count("") > 100


def test_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="truncate"):
        Faults({"explode": 1})


@pytest.mark.parametrize("kind", [k for k in KINDS if k.startswith(("error", "reset"))])
def test_write_is_done_after_and_not_done_before(moto_root, break_s3, kind):
    proxy = break_s3(Faults({kind: 1}, limit=1))
    connection = HTTPConnection(proxy.endpoint.removeprefix("http://"))
    with closing(connection):
        connection.request("PUT", f"/{moto_root.removeprefix('s3://')}/x", b"data")
        if kind.startswith("error"):
            assert connection.getresponse().status in (500, 503)
        else:
            with pytest.raises(ConnectionError):
                connection.getresponse()
    assert proxy.injected == {kind: 1}
    assert connect(moto_root).list() == (["x"] if kind.endswith("after") else [])
