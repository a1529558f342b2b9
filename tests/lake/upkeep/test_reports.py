import time
from datetime import timedelta

import pytest

from lake.catalogue import catalogue
from lake.errors import DataError
from lake.storage import retries
from lake.storage.connect import connect
from lake.upkeep import reports


@pytest.fixture
def root(tmp_path) -> str:
    catalogue.claim(connect(tmp_path))
    return str(tmp_path)


def test_report_says_how_the_last_run_ended_and_when_one_last_succeeded(root):
    with reports.record(root, "ingest", "goes16/small") as report:
        report.numbers["merged"] = 3
    (first,) = reports.read(connect(root))
    assert (first.exit_code, first.error, first.numbers) == (0, "", {"merged": 3})
    assert first.succeeded >= first.began
    with pytest.raises(DataError), reports.record(root, "ingest", "goes16/small"):
        raise DataError("all is broken")
    (second,) = reports.read(connect(root))
    assert (second.exit_code, second.error) == (65, "DataError: all is broken")
    assert second.succeeded == first.succeeded


def test_each_command_and_subject_has_a_report(root):
    for command, subject in (("verify", "a/b"), ("verify", "a/c"), ("gc", "")):
        with pytest.raises(SystemExit), reports.record(root, command, subject):
            raise SystemExit(1)
    found = {(r.command, r.subject, r.exit_code, r.succeeded) for r in reports.read(connect(root))}
    assert found == {("verify", "a/b", 1, ""), ("verify", "a/c", 1, ""), ("gc", "", 1, "")}


def test_report_to_a_lake_that_does_not_answer_is_given_up_soon(moto_environment, monkeypatch):
    monkeypatch.setattr(reports, "PATIENCE", timedelta(seconds=0.2))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(DataError), reports.record("s3://bucket/lake", "ingest"):
        raise DataError("all is broken")
    assert time.monotonic() - began < retries.PATIENCE.total_seconds() / 10


def test_lake_that_is_not_there_stays_so(tmp_path):
    with reports.record(str(tmp_path / "lake"), "ingest", "x"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_measurements_are_added_up_in_the_report_that_is_made(root):
    reports.observe("commit_seconds", 9)  # of nobody
    with reports.record(root, "ingest", "x"):
        for seconds in (1.0, 3.0, 2.0):
            reports.observe("commit_seconds", seconds)
    (found,) = reports.read(connect(root))
    assert found.numbers == {
        "commit_seconds_sum": 6, "commit_seconds_count": 3, "commit_seconds_max": 3,
    }  # fmt: skip
