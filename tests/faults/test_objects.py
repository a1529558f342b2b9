"""Objects, Zarr arrays and commits over a server that breaks some of the requests."""

import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import zarr
from obstore.exceptions import BaseError

from lake.catalogue import catalogue
from lake.errors import UnreachableError
from lake.storage.connect import connect
from lake.store import commits
from tests.faults.proxy import KINDS, Faults

SURVIVED = [kind for kind in KINDS if kind not in ("strip", "check_then_put", "expired")]
"""Those of a server that keeps its promises, and lets us in, over a network that does not."""

WRITERS, COMMITS = 8, 10


@pytest.fixture
def impatient(monkeypatch):
    """A request that stalls is given up after a second."""
    monkeypatch.setenv("LAKE_REQUEST_SECONDS", "1")


def faults(kind: str, rate: float, seed: int = 1, **more) -> Faults:
    return Faults({kind: rate}, seed, stall_s=1.5, slow_s=0.2, **more)


@pytest.mark.parametrize("kind", SURVIVED)
def test_what_was_written_is_read_whole(s3_root, break_s3, impatient, kind):
    proxy = break_s3(faults(kind, 0.15 if kind == "stall" else 0.3))
    objects = connect(s3_root)
    contents = {f"o/{n}": bytes([n]) * 10_000 * n for n in range(12)}
    for path, data in contents.items():
        objects.put(path, data)
    objects.copy("o/11", "p/copy")
    assert {path: objects.get(path) for path in contents} == contents
    assert objects.get("p/copy") == contents["o/11"]
    assert objects.list("o") == sorted(contents)
    objects.delete(contents)
    assert objects.list() == ["p/copy"]
    assert proxy.injected[kind] >= 2


@pytest.mark.parametrize("kind", SURVIVED)
def test_zarr_array_is_read_whole(s3_root, break_s3, impatient, kind):
    proxy = break_s3(faults(kind, 0.2, match="/c/"))
    values = np.random.default_rng(1).random((64, 64))
    store = connect(s3_root)
    group = zarr.create_group(store.zarr("g.zarr"))
    group.create_array("a", data=values, chunks=(8, 8), shards=(16, 64), fill_value=np.nan)
    array = zarr.open_group(store.zarr("g.zarr", read_only=True), mode="r")["a"]
    np.testing.assert_array_equal(array[:], values)
    np.testing.assert_array_equal(array[3:50:7, 60], values[3:50:7, 60])  # ranges within shards
    assert proxy.injected[kind] >= 1


@pytest.mark.parametrize("kind", SURVIVED)
def test_zarr_groups_are_consolidated(s3_root, break_s3, impatient, kind):
    store = connect(s3_root).zarr("g.zarr")
    proxy = break_s3(faults(kind, 1, match=r"^GET .*list-type", limit=2))
    group = zarr.create_group(store, path="a/b")
    group.create_array("c", data=np.ones(4))
    broken = connect(s3_root).zarr("g.zarr")
    with warnings.catch_warnings(action="ignore"):
        zarr.consolidate_metadata(broken)
    members = zarr.open_consolidated(broken, mode="r").members(max_depth=None)
    assert sorted(name for name, _ in members) == ["a", "a/b", "a/b/c"]
    assert proxy.injected[kind] == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "error_after"])
def test_chunk_that_becomes_empty_is_deleted(s3_root, break_s3, kind):
    array = zarr.create_array(connect(s3_root).zarr("a.zarr"), data=np.ones(4), fill_value=0)
    proxy = break_s3(faults(kind, 1, match=r"^POST .*\?delete", limit=1))
    zarr.open_array(connect(s3_root).zarr("a.zarr"), mode="r+")[:] = 0
    assert connect(s3_root).list() == ["a.zarr/zarr.json"]
    assert (array[:] == 0).all()
    assert proxy.injected == {kind: 1}


def test_body_that_always_ends_early_is_an_error_never_short(s3_root, break_s3, monkeypatch):
    monkeypatch.setattr("lake.storage.retries._RETRIES", 2)
    monkeypatch.setattr("lake.storage.retries._PAUSES", (0.1,))
    store = connect(s3_root)
    store.put("x", b"0123456789" * 1000)
    zarr.create_array(store.zarr("a.zarr"), data=np.ones(1000), chunks=(1000,), fill_value=np.nan)
    break_s3(faults("truncate", 1, match="/x|/c/0"))
    broken = connect(s3_root)
    with pytest.raises(UnreachableError):
        broken.get("x")
    array = zarr.open_array(broken.zarr("a.zarr", read_only=True), mode="r")
    with pytest.raises(BaseError):
        array[:]


@pytest.mark.parametrize("kind", ["error_after", "reset_after", "stall", "error_before"])
def test_commit_whose_answer_was_lost_counts_once(s3_root, break_s3, impatient, kind):
    proxy = break_s3(faults(kind, 1, match=r"^PUT .*commits", limit=1))
    objects = connect(s3_root)
    first = commits.append(objects, None, {"a": 1})
    assert proxy.injected == {kind: 1}
    assert (first.number, commits.head(objects)) == (1, first)
    assert commits.append(objects, first, {"a": 2}).number == 2


@pytest.mark.parametrize("kind", ["error_after", "reset_after"])
def test_lake_whose_claim_was_answered_by_an_error_is_claimed(s3_root, break_s3, kind):
    proxy = break_s3(faults(kind, 1, match=r"^PUT .*lake\.json", limit=1))
    catalogue.claim(connect(s3_root))
    assert proxy.injected == {kind: 1}
    assert catalogue.rows(connect(s3_root)) == []


@pytest.mark.parametrize("kind", [*SURVIVED, "all"])
def test_eight_writers_lose_no_commit_and_make_none_twice(s3_root, break_s3, impatient, kind):
    rates = dict.fromkeys(SURVIVED, 0.01) if kind == "all" else {kind: 0.06}
    proxy = break_s3(Faults(rates, seed=1, stall_s=1.5, slow_s=0.1))
    turns = COMMITS if kind == "all" else 2
    start = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        objects = connect(s3_root)
        start.wait()
        for turn in range(turns):
            append(objects, {"writer": writer, "turn": turn})

    with ThreadPoolExecutor(WRITERS) as pool:
        written = [pool.submit(write, writer) for writer in range(WRITERS)]
    failed = [error for future in written if (error := future.exception())]
    assert failed == []
    objects = connect(s3_root)
    total = WRITERS * turns
    assert commits.head(objects).number == total
    history = [commits.read(objects, number) for number in range(1, total + 1)]
    assert [c.body["parent"] for c in history] == [None, *range(1, total)]
    committed_turns = Counter((c.body["writer"], c.body["turn"]) for c in history)
    assert committed_turns == Counter((w, t) for w in range(WRITERS) for t in range(turns))
    assert proxy.injected.total() >= 5


def append(objects, body) -> None:
    """As every writer of a store does: after a lost race, on top of the winner's."""
    while True:
        try:
            commits.append(objects, commits.head(objects), body)
        except FileExistsError:
            continue
        return
