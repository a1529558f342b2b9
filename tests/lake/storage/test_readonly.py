"""A Zarr store over objects reads what is there, refuses to write, and names what is not there."""

import asyncio

import numpy as np
import pytest
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype

from lake.errors import MissingError
from lake.storage.connect import connect
from lake.storage.readonly import ReadOnlyStore


@pytest.fixture
def made(objects):
    group = zarr.create_group(objects.zarr("g.zarr"))
    array = group.create_array("a", shape=(6,), chunks=(3,), dtype="int32", fill_value=-1)
    array[...] = np.arange(6)
    zarr.consolidate_metadata(group.store)
    return objects


def test_arrays_are_read_and_a_lost_chunk_is_a_fill_value_or_an_error(made):
    open_ = {"mode": "r", "zarr_format": 3}
    there = zarr.open_consolidated(ReadOnlyStore(made, "g.zarr", whole=True), **open_)
    np.testing.assert_array_equal(there["a"][...], np.arange(6))
    made.delete(["g.zarr/a/c/1"])
    lenient = zarr.open_consolidated(ReadOnlyStore(made, "g.zarr"), **open_)
    np.testing.assert_array_equal(lenient["a"][...], [0, 1, 2, -1, -1, -1])
    with pytest.raises(MissingError, match=r"there is no object .*g\.zarr/a/c/1"):
        there["a"][...]
    np.testing.assert_array_equal(there["a"][:3], [0, 1, 2])


def test_parts_of_objects_are_read_and_nothing_is_written_or_listed(tmp_path):
    (tmp_path / "x").write_bytes(b"0123456789")
    store = ReadOnlyStore(connect(tmp_path))
    buffers = default_buffer_prototype()
    asked = [RangeByteRequest(2, 5), SuffixByteRequest(3), OffsetByteRequest(7), None]
    found = asyncio.run(store.get_partial_values(buffers, [("x", one) for one in asked]))
    assert [one.to_bytes() for one in found] == [b"234", b"789", b"789", b"0123456789"]
    assert asyncio.run(store.get("y", buffers)) is None
    assert asyncio.run(store.exists("x"))
    assert not asyncio.run(store.exists("y"))
    for write in (store.set("x", None), store.delete("x")):
        with pytest.raises(ValueError, match="read-only"):
            asyncio.run(write)
    with pytest.raises(NotImplementedError):
        store.list_dir("")
    assert store == ReadOnlyStore(store._objects)
    assert (tmp_path / "x").read_bytes() == b"0123456789"
