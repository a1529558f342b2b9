"""Garbage of a small store on a disk, where the tests can make objects old."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import lake
from lake.catalogue import catalogue
from lake.catalogue.catalogue import Row
from lake.errors import ConfigError, MissingError
from lake.storage.connect import connect
from lake.store import commits, generations, ledger
from lake.store.generations import StoreState
from lake.store.ledger import Ledger
from lake.upkeep import garbage
from tests.lake.small_store import CUBES, KEY, MONTHS, small_domain, write

DAYS = timedelta(days=1)
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
PART, OTHER = "0" * 32, "f" * 32


@pytest.fixture(scope="module")
def domain():
    return small_domain()


@pytest.fixture
def root(tmp_path, domain) -> Path:
    """A lake with one store of two generations; the second came 10 days ago, the first 30."""
    objects = connect(tmp_path)
    catalogue.claim(objects)
    first = write(str(tmp_path / KEY), domain)
    age(tmp_path, 30)
    second = write(str(tmp_path / KEY), domain, first)
    sat, listing, period, geom = KEY.split("/")
    catalogue.upsert(
        objects,
        Row(
            KEY, sat, listing, *period.split("_"), geom, 2, f"{KEY}/{StoreState.from_commit(second).path}",
            domain.pixels, "day-2km", 2, 0, 0, 0, "", -90.0, 30.0, -80.0, 40.0,
        ),
    )  # fmt: skip
    age(tmp_path, 10, younger_than=20)
    return tmp_path


def age(folder: Path, days: float, younger_than: float = 10_000) -> None:
    """As if everything had been written so long ago; what is older stays so."""
    limit, when = (NOW - days_ * DAYS for days_ in (younger_than, days))
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_mtime > limit.timestamp():
            os.utime(path, (when.timestamp(), when.timestamp()))


def collect(root: Path, days: float = 7, *, delete: bool = True) -> set[str]:
    found = garbage.collect(str(root), days * DAYS, NOW, delete=delete)
    return {item.path.removeprefix(f"{KEY}/") for item in found}


def states(root: Path) -> list[StoreState]:
    objects = connect(root / KEY)
    newest = commits.head(objects)
    return [StoreState.from_commit(commits.read(objects, n + 1)) for n in range(newest.number)]


def commit(root: Path, **changes) -> StoreState:
    """A commit that changes nothing but what is given."""
    objects = connect(root / KEY)
    newest = commits.head(objects)
    body = {k: v for k, v in newest.body.items() if k in StoreState.__slots__}
    written = commits.append(objects, newest, body | changes)
    return StoreState.from_commit(written)


def part(root: Path, name: str, *, finished: bool = True) -> None:
    objects = connect(root / KEY / "parts")
    objects.put(f"{name}-ab12.zarr/zarr.json", b"{}")
    objects.put(f"{name}-ab12.zarr/night/c/0", b"data")
    if finished:
        objects.put(f"{name}.json", b"{}")


def test_superseded_generation_goes_when_the_grace_period_is_over(root):
    first, second = states(root)
    found = collect(root)
    assert {first.path, first.manifest} <= found
    assert not {second.path, second.manifest} & found
    assert not (root / KEY / first.path / "zarr.json").exists()
    there = lake.open(root / KEY)
    assert there.url.endswith(second.path)
    assert np.isfinite(there.block("day-2km", slice(None), MONTHS[0])).all()
    assert collect(root) == set()


def test_generation_that_was_the_newest_within_the_grace_period_stays(root):
    # superseded 10 days ago: whoever opened it just before may still read it
    first, _ = states(root)
    assert not {first.path, first.manifest} & collect(root, days=11)
    assert first.path in collect(root, days=9)


def test_telling_deletes_nothing(root):
    before = sorted(root.rglob("*"))
    assert collect(root, delete=False)
    assert sorted(root.rglob("*")) == before


def test_draft_that_was_never_committed_goes_when_its_youngest_object_is_old(root, domain):
    objects = connect(root / KEY)
    draft, _ = generations.draft(objects, commits.head(objects), domain, CUBES, {})
    age(root, 8, younger_than=9)
    young = root / KEY / draft / "row" / "zarr.json"
    os.utime(young, ((NOW - 6 * DAYS).timestamp(),) * 2)
    assert draft not in collect(root)
    age(root, 8, younger_than=9)
    assert draft in collect(root)


def test_parts_that_nobody_names_go_finished_or_not_and_waiting_ones_stay(root):
    for name in (PART, OTHER, "a" * 32):
        part(root, name, finished=name != OTHER)
    commit(root, parts=[PART])
    age(root, 20, younger_than=5)
    assert {"parts/" + OTHER, "parts/" + "a" * 32} <= collect(root)
    left = {path.name for path in (root / KEY / "parts").iterdir()}
    assert left == {f"{PART}.json", f"{PART}-ab12.zarr"}


def test_part_published_within_the_grace_period_stays_for_a_publisher_that_lost(root):
    part(root, PART)
    commit(root, parts=[PART])
    age(root, 9, younger_than=9.5)
    commit(root, parts=[])
    age(root, 3, younger_than=5)
    assert f"parts/{PART}" not in collect(root)
    assert f"parts/{PART}" in collect(root, days=2)


def test_ledgers_of_kept_states_and_of_kept_generations_stay(root):
    objects = connect(root / KEY)
    named, old, new = (ledger.write(objects, Ledger()) for _ in range(3))
    generation = root / KEY / states(root)[-1].path / "zarr.json"
    metadata = json.loads(generation.read_text())
    metadata["attributes"]["provenance"] = {"ledger": named}
    generation.write_text(json.dumps(metadata))
    commit(root, ledger=old)
    age(root, 9, younger_than=9.5)
    commit(root, ledger=new)
    age(root, 8, younger_than=8.5)
    found = collect(root)
    assert old in found
    assert not {named, new} & found


def test_old_catalogue_tables_go_and_the_catalogue_stays(root):
    row = catalogue.rows(connect(root))[0]
    catalogue.upsert(
        connect(root), Row(**{f: getattr(row, f) for f in row.__slots__} | {"number": 3})
    )
    age(root, 9, younger_than=9.5)
    assert any(path.startswith("catalog/tables/") for path in collect(root))
    assert [r.number for r in catalogue.rows(connect(root))] == [3]


def test_what_a_killed_probe_left_goes(root):
    connect(root).put("probe/" + "e" * 32, b"writer 3")
    age(root, 3, younger_than=5)
    assert "probe/" + "e" * 32 not in collect(root, delete=False)
    age(root, 9, younger_than=9.5)
    assert "probe/" + "e" * 32 in collect(root)
    assert list((root / "probe").iterdir()) == []


def test_listings_commits_and_other_objects_stay(root):
    for path in (f"{KEY}/listings/x.json", "runs/pca-1/done.json", f"{KEY}/notes.txt"):
        connect(root).put(path, b"mine")
    age(root, 100)
    collect(root)
    assert all((root / path).exists() for path in ("runs/pca-1/done.json", f"{KEY}/notes.txt"))
    assert (root / KEY / "listings/x.json").exists()
    assert len(list((root / KEY / "commits").iterdir())) == 2


def test_clock_that_is_off_deletes_nothing(root):
    before = sorted(root.rglob("*"))
    late = root / KEY / "commits" / "00000002.json"
    os.utime(late, ((NOW + DAYS).timestamp(),) * 2)
    with pytest.raises(ConfigError, match="one of the clocks is off"):
        collect(root)
    assert sorted(root.rglob("*")) == before


def test_too_short_a_grace_period_is_refused():
    with pytest.raises(ConfigError, match="wanted at least 1 day"):
        garbage.check_grace(timedelta(hours=23))
    garbage.check_grace(DAYS)


def test_where_there_is_no_lake_is_said(tmp_path):
    with pytest.raises(MissingError, match="there is no lake"):
        garbage.collect(str(tmp_path), 7 * DAYS, NOW, delete=True)


def test_garbage_of_a_store_on_s3_goes(s3_root, domain):
    objects = connect(s3_root)
    catalogue.claim(objects)
    first = write(f"{s3_root}/{KEY}", domain)
    second = write(f"{s3_root}/{KEY}", domain, first)
    row = Row(KEY, "a", "b", "c", "d", "e", 2, "x", 1, "f", 2, 0, 0, 0, "", 0.0, 0.0, 0.0, 0.0)
    catalogue.upsert(objects, row)
    later = datetime.now(UTC) + 9 * DAYS
    found = garbage.collect(s3_root, 7 * DAYS, later, delete=True)
    assert f"{KEY}/{StoreState.from_commit(first).path}" in {item.path for item in found}
    left = connect(f"{s3_root}/{KEY}").list("v")
    assert left
    assert all(path.startswith(StoreState.from_commit(second).path) for path in left)
