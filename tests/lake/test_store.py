import numpy as np
import pytest

import lake
from lake import commits, store
from lake.errors import ConflictError, MissingError
from lake.objects import connect
from lake.store import Generation
from tests.lake.test_read import CUBES, KEY, small_domain, values, write


@pytest.fixture(scope="module")
def domain():
    return small_domain()


def test_second_publisher_after_the_same_parent_is_refused_and_stays_invisible(tmp_path, domain):
    objects = connect(tmp_path / KEY)
    about = {"key": KEY, "months": [], "suspect": []}
    drafts = [store.draft(objects, None, domain, CUBES, about) for _ in range(2)]
    first, second = (Generation(path, "", (), "", "") for path in drafts)
    store.publish(objects, None, first)
    with pytest.raises(ConflictError, match="run the same command again"):
        store.publish(objects, None, second)
    assert lake.open(tmp_path / KEY).url.endswith(first.path)


def test_copied_shard_equals_its_source(tmp_path, domain):
    commit = write(str(tmp_path / KEY), domain)
    objects = connect(tmp_path / KEY)
    source = Generation.of(commit).path
    target = store.draft(objects, commit, domain, CUBES, {"key": KEY, "months": [7], "suspect": []})
    for cube in CUBES:
        for superblock in range(-(-domain.pixels // domain.layout.superblock)):
            store.copy_shard(objects, source, target, cube.name, 7, superblock)
    store.publish(objects, commit, Generation(target, "", (7,), "", ""))
    found = lake.open(tmp_path / KEY)
    np.testing.assert_array_equal(
        found.block("day-1km", slice(None), 7)[0], values(domain, CUBES[1], 7)
    )
    assert np.isnan(found.block("day-1km", slice(None), 1)).all()


def test_missing_shard_of_a_source_is_damage(tmp_path, domain):
    commit = write(str(tmp_path / KEY), domain)
    objects = connect(tmp_path / KEY)
    target = store.draft(objects, commit, domain, CUBES, {})
    with pytest.raises(MissingError, match="should hold month 2 of day-2km"):
        store.copy_shard(objects, Generation.of(commit).path, target, "day-2km", 2, 0)


def test_shard_of_nan_alone_is_an_object_all_the_same(tmp_path, domain):
    objects = connect(tmp_path / KEY)
    path = store.draft(objects, None, domain, CUBES, {})
    nothing = np.full((3, 2, 7, domain.layout.superblock, 1), np.nan, np.float32)
    store.write_shard(objects, path, "day-2km", 1, slice(0, domain.layout.superblock), nothing)
    assert f"{path}/day-2km/results/c/0/0/0/0/0/0" in objects.list(path)


def test_generation_says_again_what_its_commit_was_told(tmp_path, domain):
    commit = write(str(tmp_path / KEY), domain)
    assert Generation.of(commits.head(connect(tmp_path / KEY))) == Generation.of(commit)
