"""One odd file costs its own time step, at the first run and at every later one."""

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

import lake
from ingest import ingestion
from ingest.listing import listing
from ingest.listing.listing import Listing
from ingest.synthetic import granules
from ingest.synthetic.landscape import landscape
from ingest.synthetic.scene import scene
from ingest.verify import verify
from lake.errors import DataError, GeometryError
from lake.format import keys
from lake.storage.connect import connect
from lake.store import commits, ledger
from lake.store.generations import StoreState
from tests.compare import assert_equal
from tests.ingest.sources import copy_as

SHAPE, SEED, TOD = (40, 48), 3, 64800
DAYS = (8, 9, 10, 11)
BANDS = ("C06", "C13")


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> dict[int, list[Path]]:
    """The files of one scan of each day, LST last."""
    folder, country = tmp_path_factory.mktemp("scans"), landscape(SHAPE, SEED)
    return {
        day: granules.write_scene(
            folder,
            scene(country, datetime(2022, 7, day, 18, tzinfo=UTC) + granules.FIRST_SCAN),
            BANDS,
        )
        for day in DAYS
    }


@pytest.fixture(scope="module")
def rules() -> Listing:
    overrides = [
        "t0=2022-07-01", "tf=2022-07-31", "layout.chunk=128", "layout.phases=4", "domain.mask=none"
    ]  # fmt: skip
    raw = listing.load("clearland-l1b-c0", overrides).to_dict()
    cube = raw["cubes"]["day-2km"] | {"bands": list(BANDS), "tods": [TOD]}
    return Listing.from_dict(raw | {"cubes": {"day-2km": cube}})


def copy(paths: list[Path], folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    copies = [folder / path.name for path in paths]
    for path, target in zip(paths, copies, strict=True):
        target.write_bytes(path.read_bytes())
    return copies


def shift(path: Path) -> None:
    """The same projection, ten pixels to the east."""
    with h5py.File(path, "r+") as file:
        file["x"].attrs["add_offset"] = file["x"].attrs["add_offset"] + np.float32(10 * 5.6e-5)


def reasons(root: str, key: str) -> dict[str, str]:
    """Why time steps are missing, by day of the month; those that are not have no reason."""
    objects = connect(f"{root}/{key}")
    entries = ledger.read(objects, StoreState.from_commit(commits.head(objects)).ledger)
    return {entry.step[6:8]: entry.reason for entry in entries if entry.files}


@pytest.mark.parametrize("odd", DAYS[:3])
def test_lst_file_on_another_grid_is_missing_and_all_others_are_taken(
    client, scans, rules, tmp_path, odd
):
    """The first, the middle or the last file of the first run; then a run with one good new step."""
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    for day in DAYS[:3]:
        *_, lst = copy(scans[day], folder)
        if day == odd:
            shift(lst)
    (outcome,) = ingestion.run(client, rules, str(folder), root)
    assert (outcome.stored, outcome.merged) == (2, 2)
    copy(scans[DAYS[3]], folder)
    (outcome,) = ingestion.run(client, rules, str(folder), root)
    assert (outcome.stored, outcome.merged) == (3, 1)
    missing = {day: reason for day, reason in reasons(root, outcome.key).items() if reason}
    assert list(missing) == [f"{odd:02}"]
    assert (
        "lies on another grid than this store's pixels: its x goes from -0." in missing[f"{odd:02}"]
    )
    assert "run it again" not in missing[f"{odd:02}"]


def test_run_that_meets_the_odd_file_alone_ends_well(client, scans, rules, tmp_path):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    copy(scans[DAYS[0]], folder)
    ingestion.run(client, rules, str(folder), root)
    *_, lst = copy(scans[DAYS[1]], folder)
    shift(lst)
    for _ in range(2):
        (outcome,) = ingestion.run(client, rules, str(folder), root)
        assert (outcome.stored, outcome.merged) == (1, 0)


def test_two_crops_of_one_projection_are_refused_where_none_is_that_of_most_files(
    client, scans, rules, tmp_path
):
    folder = tmp_path / "source"
    copy(scans[DAYS[0]], folder)
    *_, lst = copy(scans[DAYS[1]], folder)
    shift(lst)
    with pytest.raises(GeometryError, match="none is that of most files"):
        ingestion.run(client, rules, str(folder), str(tmp_path / "lake"))


@pytest.mark.parametrize("number", range(3))
def test_file_with_the_content_of_another_day_is_missing(client, scans, rules, tmp_path, number):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    for day in DAYS[:2]:
        copy(scans[day], folder)
    (folder / scans[DAYS[1]][number].name).write_bytes(scans[DAYS[0]][number].read_bytes())
    (outcome,) = ingestion.run(client, rules, str(folder), root)
    assert (outcome.stored, outcome.merged) == (1, 1)
    day, other = (f"2022-07-{day:02} 18:01:17" for day in DAYS[:2])
    assert (
        f"holds start {day}, its name says {other}" in reasons(root, outcome.key)[f"{DAYS[1]:02}"]
    )


def recreated(path: Path) -> Path:
    """The name of the same file, created a minute later."""
    stem, _, creation = path.stem.rpartition("_c")
    return path.with_name(f"{stem}_c{int(creation) + 1000}.nc")


@pytest.mark.parametrize("number", range(3))
def test_older_creation_is_taken_where_the_newest_is_broken(
    client, scans, rules, tmp_path, number, capsys
):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    for day in DAYS[:2]:
        files = copy(scans[day], folder)
    (wanted,) = ingestion.run(client, rules, str(folder), str(tmp_path / "wanted"))
    broken = recreated(files[number])
    broken.write_bytes(b"cut")
    for _ in range(2):
        (outcome,) = ingestion.run(client, rules, str(folder), root)
        assert (outcome.stored, outcome.changed) == (2, ())
    assert_equal(lake.open(outcome.url), lake.open(wanted.url))
    (noted,) = [reason for reason in reasons(root, outcome.key).values() if reason]
    assert noted.startswith(f"second choice: {broken} cannot be read")
    assert "warning" not in capsys.readouterr().err
    assert not verify.verify(
        client, keys.parse(outcome.key), root, str(folder), cells=None
    ).findings


def test_next_nearest_scan_is_taken_where_the_nearest_is_broken(client, scans, rules, tmp_path):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    day = DAYS[0]
    time = datetime(2022, 7, day, 18, 5, tzinfo=UTC) + granules.FIRST_SCAN
    copy(scans[DAYS[1]], folder)
    granules.write_scene(folder, scene(landscape(SHAPE, SEED), time), BANDS)
    (wanted,) = ingestion.run(client, rules, str(folder), str(tmp_path / "wanted"))
    nearest, *_ = copy(scans[day], folder)
    nearest.write_bytes(b"cut")
    (outcome,) = ingestion.run(client, rules, str(folder), root)
    assert_equal(lake.open(outcome.url), lake.open(wanted.url))
    entry, _ = entries(root, outcome.key)
    assert entry.start == f"{time:%Y%j%H%M%S}{time.microsecond // 100_000}"
    assert entry.reason.startswith(f"second choice: {nearest} cannot be read")


def entries(root: str, key: str) -> list[ledger.LedgerEntry]:
    objects = connect(f"{root}/{key}")
    every = ledger.read(objects, StoreState.from_commit(commits.head(objects)).ledger)
    return [entry for entry in every if entry.files]


def test_reprocessed_files_are_preferred_by_a_setting_and_never_mixed_silently(
    client, scans, rules, tmp_path, capsys
):
    folder = tmp_path / "source"
    for day in DAYS[:2]:
        files = copy(scans[day], folder)
    (before,) = ingestion.run(client, rules, str(folder), str(tmp_path / "before"))
    name = files[0].name.replace("OR_", "RP_")
    copy_as(scans[DAYS[2]][0], folder / name)
    (operational,) = ingestion.run(client, rules, str(folder), str(tmp_path / "operational"))
    assert_equal(lake.open(operational.url), lake.open(before.url))
    assert ingestion.plan(rules, str(folder)).passed_over == {
        "reprocessed: --set prefer=reprocessed takes them": 1
    }
    preferring = Listing.from_dict(rules.to_dict() | {"prefer": "reprocessed"})
    assert preferring.digest != rules.digest
    (outcome,) = ingestion.run(client, preferring, str(folder), str(tmp_path / "reprocessed"))
    band = lake.open(outcome.url).block("day-2km", slice(None), 7)[0, 0, 0]
    assert not np.array_equal(
        band, lake.open(before.url).block("day-2km", slice(None), 7)[0, 0, 0], equal_nan=True
    )
    assert "1 files of ABI-L1b-RadC are reprocessed, 3 are not" in capsys.readouterr().err
    names = {f.name for e in entries(str(tmp_path / "reprocessed"), outcome.key) for f in e.files}
    assert name in names
    assert files[0].name not in names


def test_run_of_which_no_new_step_can_be_read_says_so(client, scans, rules, tmp_path, capsys):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    copy(scans[DAYS[0]], folder)
    ingestion.run(client, rules, str(folder), root)
    for path in copy(scans[DAYS[1]], folder):
        path.write_bytes(b"cut")
    (outcome,) = ingestion.run(client, rules, str(folder), root)
    assert outcome.stored == 1
    assert "warning: no granule of clearland-l1b-c0 could be read" in capsys.readouterr().err


def test_source_of_other_files_alone_is_an_error_that_counts_them(client, scans, rules, tmp_path):
    folder = tmp_path / "source"
    for path in copy(scans[DAYS[0]], folder):
        path.rename(path.with_name(path.name.replace("OR_", "OT_")))
    (folder / "lat_lon.nc").write_bytes(b"")
    with pytest.raises(DataError) as error:
        ingestion.run(client, rules, str(folder), str(tmp_path / "lake"))
    assert "3 of the system environment OT_ (wanted OR_)" in str(error.value)
    assert "1 not named like an ABI granule" in str(error.value)
