"""The commands as a user gives them, on a cluster whose workers stand in another folder."""

import json
from datetime import UTC, datetime, timedelta

import pytest

import lake
from ingest.commands.options import _day
from ingest.synthetic import granules
from lake.storage.connect import connect


@pytest.fixture
def command(run_lake, monkeypatch, tmp_path, client):
    """`run_lake` in an empty folder, on a cluster that stands elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", client.scheduler_info()["address"])

    return run_lake


def test_relative_folders_mean_those_of_the_user(command, tmp_path):
    small = {"shape": (32, 40), "years": (2020,), "months": (7,), "days": (10,), "missing": False}
    granules.write(tmp_path / "source", **small)
    year = [
        "--set",
        "t0=2020-01-01",
        "--set",
        "tf=2020-12-31",
        "--set",
        "domain.mask=none",
        "--json",
    ]
    folders = ["--source", "source", "--lake", "here"]
    code, out, _ = command("ingest", "run", "clearland-l1b-c0", *folders, *year)
    assert code == 0
    (outcome,) = json.loads(out)
    assert (outcome["merged"], outcome["missing"]) == (8, 366 * 8 - 8)
    assert outcome["url"].startswith(str(tmp_path / "here"))
    assert lake.open(outcome["url"]).months == (7,)
    _, out, _ = command("ingest", "run", "clearland-l1b-c0", *folders, *year)
    assert json.loads(out)[0]["merged"] == 0


def test_legacy_pickles_are_imported_from_relative_folders(command, tmp_path, shared_data):
    (tmp_path / "legacy").symlink_to(shared_data / "legacy")
    folders = ["legacy/results", "--domains", "legacy/domains", "--lake", "here"]
    code, out, _ = command("ingest", "pickles", *folders)
    assert code == 0
    assert "48 merged, 48 stored, 0 missing" in out
    assert "nothing to do" in command("ingest", "pickles", *folders)[1]


def test_dry_run_plans_and_writes_nothing(command, tmp_path, shared_data):
    source = str(shared_data / "abi" / "lstf")
    period = ["--set", "t0=2022-12-14", "--set", "tf=2022-12-16"]
    code, out, _ = command(
        "ingest", "run", "lst-10km", "--source", source, "--lake", "here", "--dry-run", *period
    )
    assert code == 0
    assert out.startswith("48 time steps, 24 absent\n  24 x no ABI-L2-LSTF")
    files = [path for path in (shared_data / "abi" / "lstf").iterdir() if "_s2022" in path.name]
    size = sum(path.stat().st_size for path in files)
    assert f"{size / 1e6:.1f} MB to read\n  {size / 1e6:.1f} MB of ABI-L2-LSTF\n" in out
    assert out.endswith("passed over:\n  48 files of other days\n")
    assert list(tmp_path.iterdir()) == []


def test_plan_of_some_days_tells_their_bytes(command, shared_data):
    source = str(shared_data / "abi" / "lstf")
    days = ["--since", "2022-12-15", "--until", "20221215"]
    code, out, _ = command("ingest", "plan", "lst-10km", "--source", source, *days, "--json")
    assert code == 0
    planned = json.loads(out)
    assert (len(planned["steps"]), planned["absent"]) == (24, [])
    files = (shared_data / "abi" / "lstf").glob("*_s2022349*.nc")
    assert planned["bytes"] == sum(path.stat().st_size for path in files)
    assert planned["bytes_by_product"] == {"ABI-L2-LSTF": planned["bytes"]}
    assert sum(step["bytes"] for step in planned["steps"]) == planned["bytes"]


def test_synthetic_granules_are_not_written_into_a_folder_with_other_things(command, tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    code, _, err = command("ingest", "synthetic", ".")
    assert code == 64
    assert "is not empty" in err


def test_synthetic_granules_are_written_below_a_url(command, s3_root):
    small = ("--shape", "32", "40", "--years", "2020", "--months", "1", "--days", "10")
    code, _, err = command("ingest", "synthetic", s3_root, *small)
    assert code == 0, err
    names = connect(s3_root).list()
    assert len([name for name in names if name.endswith(".nc")]) == 5 * 9 + 3 * 3 - 1
    code, _, err = command("ingest", "synthetic", s3_root, *small)
    assert (code, "is not empty" in err) == (64, True)


def test_merge_needs_two_stores_that_exist(command, tmp_path):
    key = "goes16/clearland-l1b-c0/{}/geom-goes-conus-0"
    years = [key.format("20200101_20201231"), key.format("20210101_20211231")]
    code, _, err = command("merge", *years, "--lake", "here")
    assert code == 1
    assert f"there is no store {years[0]}" in err
    assert command("merge", years[0], years[0], "--lake", "here")[0] == 64
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "days"), [("0d", 0), ("10d", 10)])
def test_days_may_be_counted_back_from_today(text, days):
    before = datetime.now(UTC).date()
    day = _day(None, None, text)
    assert before <= day + timedelta(days=days) <= datetime.now(UTC).date()


def test_settings_and_stores_may_come_from_the_environment(command, monkeypatch):
    monkeypatch.setenv("LAKE_LISTING_SET", "t0=2022-12-14 sat=goes99")
    code, _, err = command("ingest", "plan", "lst-10km", "--source", ".")
    assert (code, "goes99" in err) == (64, True)
    monkeypatch.setenv("LAKE_MERGE", "not-a-key another")
    code, _, err = command("merge", "--lake", "here")
    assert (code, "not-a-key" in err) == (64, True)


RUN = ["clearland-l1b-c0", "--source", "source", "--lake", "here", "--set", "domain.mask=none"]
NEW_YEAR = ["--period", "year", "--since", "2020-12-22", "--until"]


def test_run_across_new_year_fills_both_years_and_nobody_moved_a_day(command, tmp_path):
    """The last evening, an hour into New Year, the next day; then last year is closed."""
    small = {"shape": (32, 40), "missing": False}
    december = {"years": (2020,), "months": (12,), "days": (30, 31)}
    granules.write(tmp_path / "source", **small, **december)
    code, out, _ = command("ingest", "run", *RUN, *NEW_YEAR, "2020-12-31", "--json")
    assert code == 0
    assert [(o["key"].split("/")[2], o["merged"]) for o in json.loads(out)] == [
        ("20200101_20201231", 16)
    ]

    code, out, err = command("ingest", "run", *RUN, *NEW_YEAR, "2021-01-01", "--json")
    assert code == 0  # nothing of the new year is there yet, which is no error
    assert "has no complete time step of goes16 clearland-l1b-c0 between 2021-01-01" in err
    assert len(json.loads(out)) == 1

    january = {"years": (2021,), "months": (1,), "days": (1,)}
    granules.write(tmp_path / "january", **small, **january)
    for path in (tmp_path / "january").glob("*.nc"):
        path.rename(tmp_path / "source" / path.name)
    code, out, _ = command("ingest", "run", *RUN, *NEW_YEAR, "2021-01-02", "--json")
    assert code == 0
    assert [(o["key"].split("/")[2], o["merged"]) for o in json.loads(out)] == [
        ("20200101_20201231", 0),
        ("20210101_20211231", 8),
    ]

    since = ["--period", "year", "--since", "2021-01-01", "--until", "2021-01-11", "--json"]
    code, out, _ = command("ingest", "run", *RUN, *since)
    assert [o["key"].split("/")[2] for o in json.loads(out)] == ["20210101_20211231"]
    newest = "goes16/clearland-l1b-c0/newest/geom-goes-conus-0"
    code, out, _ = command("verify", newest, "--lake", "here", "--json")
    assert (code, json.loads(out)["key"]) == (0, newest.replace("newest", "20210101_20211231"))


def test_year_of_which_there_is_nothing_at_all_is_an_error(command, tmp_path):
    small = {"shape": (32, 40), "years": (2020,), "months": (7,), "days": (10,), "missing": False}
    granules.write(tmp_path / "source", **small)
    code, _, err = command("ingest", "run", *RUN, *NEW_YEAR, "2021-01-02")
    assert (code, "has no complete time step" in err) == (65, True)


def test_days_of_the_listing_and_a_rule_are_not_both_given(command):
    days = ["--period", "year", "--since", "10d", "--set", "t0=2020-01-01"]
    code, _, err = command("ingest", "run", *RUN, *days)
    assert (code, "--period year and t0=2020-01-01" in err) == (64, True)


def test_newest_period_of_a_lake_without_one_is_nothing_to_verify(command, tmp_path):
    small = {"shape": (32, 40), "years": (2020,), "months": (7,), "days": (10,), "missing": False}
    granules.write(tmp_path / "source", **small)
    year = ["--set", "t0=2020-01-01", "--set", "tf=2020-12-31", "--publish", "never"]
    assert command("ingest", "run", *RUN, *year)[0] == 0
    newest = "goes16/clearland-l1b-c0/newest/geom-goes-conus-0"
    code, out, _ = command("verify", newest, "--lake", "here")
    assert (code, out.strip()) == (0, f"nothing of {newest} is published yet")
