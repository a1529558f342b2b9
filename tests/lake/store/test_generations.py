import google_crc32c
import numpy as np
import pytest

import lake
from lake.errors import MissingError
from lake.storage.connect import connect
from lake.store import commits, generations, manifest
from lake.store.generations import StoreState
from tests.lake.small_store import CUBES, KEY, commit, small_domain, values, write


@pytest.fixture(scope="module")
def domain():
    return small_domain()


def test_second_publisher_after_the_same_parent_is_refused_and_stays_invisible(tmp_path, domain):
    objects = connect(tmp_path / KEY)
    about = {"key": KEY, "months": [], "suspect": []}
    first, second = (generations.draft(objects, None, domain, CUBES, about)[0] for _ in range(2))
    commit(objects, None, first, ())
    with pytest.raises(FileExistsError):
        commit(objects, None, second, ())
    assert lake.open(tmp_path / KEY).url.endswith(first)


def test_copied_shard_equals_its_source(tmp_path, domain):
    parent = write(str(tmp_path / KEY), domain)
    objects = connect(tmp_path / KEY)
    source = StoreState.from_commit(parent).path
    about = {"key": KEY, "months": [7], "suspect": []}
    target, _ = generations.draft(objects, parent, domain, CUBES, about)
    for cube in CUBES:
        for superblock in range(-(-domain.pixels // domain.layout.superblock)):
            generations.copy_shard(
                objects, source, target, generations.shard_path(cube.name, 7, superblock)
            )
    commit(objects, parent, target, (7,))
    found = lake.open(tmp_path / KEY)
    np.testing.assert_array_equal(
        found.block("day-1km", slice(None), 7)[0], values(domain, CUBES[1], 7)
    )
    assert np.isnan(found.block("day-1km", slice(None), 1)).all()


def test_missing_shard_of_a_source_is_damage(tmp_path, domain):
    parent = write(str(tmp_path / KEY), domain)
    objects = connect(tmp_path / KEY)
    target, _ = generations.draft(objects, parent, domain, CUBES, {})
    path = generations.shard_path("day-2km", 2, 0)
    with pytest.raises(MissingError, match=f"should hold {path} but lacks it"):
        generations.copy_shard(objects, StoreState.from_commit(parent).path, target, path)


def test_shard_of_nan_alone_is_an_object_all_the_same(tmp_path, domain):
    objects = connect(tmp_path / KEY)
    path, _ = generations.draft(objects, None, domain, CUBES, {})
    nothing = np.full((3, 2, 7, domain.layout.superblock, 1), np.nan, np.float32)
    stored = generations.write_shard(objects, path, "day-2km", 1, 0, nothing, domain.layout)
    assert stored.path == generations.shard_path("day-2km", 1, 0)
    assert f"{path}/{stored.path}" in objects.list(path)


def test_manifest_names_every_object_of_the_generation_and_no_other(tmp_path, domain):
    state = StoreState.from_commit(write(str(tmp_path / KEY), domain))
    objects = connect(tmp_path / KEY)
    noted = manifest.read(objects, state.manifest)
    folder = tmp_path / KEY / state.path
    there = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    assert set(noted) == set(there)
    for path, stored in noted.items():
        data = there[path].read_bytes()
        assert (stored.size, stored.checksum) == (len(data), google_crc32c.value(data))


def test_state_comes_back_from_its_commit(tmp_path, domain):
    written = write(str(tmp_path / KEY), domain)
    assert StoreState.from_commit(commits.head(connect(tmp_path / KEY))) == StoreState.from_commit(
        written
    )


def test_store_of_which_nothing_is_published_says_what_waits(tmp_path):
    objects = connect(tmp_path / KEY)
    generations.commit(objects, None, StoreState("", "", (), (), "", ("a", "b"), "", ""))
    with pytest.raises(MissingError, match="2 staged parts wait: run 'lake ingest publish"):
        lake.open(tmp_path / KEY)
