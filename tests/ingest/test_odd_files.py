"""One odd file costs its own time step, at the first run and at every later one."""

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from ingest import run
from ingest.listing import listing
from ingest.listing.listing import Listing
from ingest.synthetic import granules
from ingest.synthetic.landscape import landscape
from ingest.synthetic.scene import scene
from lake.errors import GeometryError
from lake.storage.connect import connect
from lake.store import commits, ledger
from lake.store.generations import StoreState

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
    (outcome,) = run.run(client, rules, str(folder), root)
    assert (outcome.stored, outcome.merged) == (2, 2)
    copy(scans[DAYS[3]], folder)
    (outcome,) = run.run(client, rules, str(folder), root)
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
    run.run(client, rules, str(folder), root)
    *_, lst = copy(scans[DAYS[1]], folder)
    shift(lst)
    for _ in range(2):
        (outcome,) = run.run(client, rules, str(folder), root)
        assert (outcome.stored, outcome.merged) == (1, 0)


def test_two_crops_of_one_projection_are_refused_where_none_is_that_of_most_files(
    client, scans, rules, tmp_path
):
    folder = tmp_path / "source"
    copy(scans[DAYS[0]], folder)
    *_, lst = copy(scans[DAYS[1]], folder)
    shift(lst)
    with pytest.raises(GeometryError, match="none is that of most files"):
        run.run(client, rules, str(folder), str(tmp_path / "lake"))


@pytest.mark.parametrize("number", range(3))
def test_file_with_the_content_of_another_day_is_missing(client, scans, rules, tmp_path, number):
    folder, root = tmp_path / "source", str(tmp_path / "lake")
    for day in DAYS[:2]:
        copy(scans[day], folder)
    (folder / scans[DAYS[1]][number].name).write_bytes(scans[DAYS[0]][number].read_bytes())
    (outcome,) = run.run(client, rules, str(folder), root)
    assert (outcome.stored, outcome.merged) == (1, 1)
    day, other = (f"2022-07-{day:02} 18:01:17" for day in DAYS[:2])
    assert (
        f"holds start {day}, its name says {other}" in reasons(root, outcome.key)[f"{DAYS[1]:02}"]
    )
