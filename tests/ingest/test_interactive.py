"""`ingest.run` from Python, on granules of an invented country."""

import inspect
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import ingest
import lake
from ingest.ingestion import Bounds
from ingest.interactive import by_period, day, fill
from ingest.listing import listing as listings
from ingest.publish import policy
from ingest.source.scratch import Scratch
from ingest.synthetic import granules
from lake.errors import ConfigError, NoStepError

NAME = "clearland-l1b-c0"
YEAR = {"t0": date(2020, 1, 1), "tf": "2020-12-31", "domain.mask": "none"}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    granules.write(folder, shape=(32, 40), years=(2020,), months=(7,), days=(10,), missing=False)
    return folder


def test_outcomes_are_those_of_the_command(client, source, tmp_path, run_lake, monkeypatch):
    (outcome,) = ingest.run(client, NAME, source, tmp_path / "lake", settings=YEAR)
    assert (outcome.merged, outcome.stored) == (8, 8)
    assert lake.open(outcome.url).months == (7,)
    (again,) = ingest.run(client, NAME, str(source), str(tmp_path / "lake"), settings=YEAR)
    assert (again.merged, again.url) == (0, outcome.url)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", client.scheduler_info()["address"])
    given = [of for name, value in YEAR.items() for of in ("--set", f"{name}={value}")]
    where = ["--source", str(source), "--lake", str(tmp_path / "other"), "--json"]
    code, out, _ = run_lake("ingest", "run", NAME, *where, *given)
    assert code == 0
    (printed,) = json.loads(out)
    same = ("key", "merged", "staged", "missing", "stored")
    assert [printed[name] for name in same] == [getattr(outcome, name) for name in same]


def test_days_and_steps_bound_a_run_and_steps_wait(client, source, tmp_path):
    rules = listings.load(NAME, [f"{name}={value}" for name, value in YEAR.items()])
    (outcome,) = ingest.run(
        client, rules, source, tmp_path / "lake", since="2020-07-01", max_steps=3, publish="never"
    )
    assert (outcome.merged, outcome.staged, outcome.url) == (0, 3, "")


def test_what_cannot_work_is_refused_before_the_client_is_asked(source, tmp_path):
    refused = {
        "unknown key": {"settings": {"bands": 3}},
        "wanted the one or the other": {"settings": {"t0": "2020-01-01"}, "period": "year"},
        "period 'week': wanted one of listing, year": {"period": "week"},
        "wanted a first day": {"period": "month"},
        "weekly": {"publish": "weekly"},
    }
    for said, given in refused.items():
        with pytest.raises(ConfigError, match=said):
            ingest.run(None, NAME, source, tmp_path / "lake", **given)
    with pytest.raises(ConfigError, match="a listing that was read takes no settings"):
        ingest.run(None, listings.load(NAME), source, tmp_path / "lake", settings=YEAR)
    assert not (tmp_path / "lake").exists()


def test_period_without_files_fails_and_the_others_are_filled(client, source, tmp_path):
    override = [f"domain.mask={YEAR['domain.mask']}"]
    rules = by_period(NAME, override, "half", day("2020-01-01"), day("2020-12-31"))
    from contextlib import nullcontext

    filled = fill(
        lambda: nullcontext(client), rules, str(source), str(tmp_path / "lake"),
        bounds=Bounds(day("2020-01-01"), day("2020-12-31")), when=policy.NOW, scratch=Scratch(),
    )  # fmt: skip
    assert [outcome.merged for outcome in filled.outcomes] == [8]
    assert [type(failure) for failure in filled.failures] == [NoStepError]


def test_days_are_dates_or_ages():
    assert day("2020-02-29") == date(2020, 2, 29)
    assert day("10d") == datetime.now(UTC).date() - timedelta(days=10)
    with pytest.raises(ConfigError):
        day("yesterday")


def test_function_is_there_whatever_was_imported_before():
    import ingest.ingestion

    assert inspect.isfunction(ingest.run)
    assert "run" in dir(ingest)
    with pytest.raises(AttributeError, match="has no attribute 'fly'"):
        _ = ingest.fly
