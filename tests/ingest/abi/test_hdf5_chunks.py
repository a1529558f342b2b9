"""Chunks read past HDF5 against what h5py itself reads, for every way a variable may be stored."""

import os
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ingest.abi import hdf5_chunks
from lake.errors import GranuleError

VALUES = np.random.default_rng(0).integers(0, 4000, (23, 31)).astype("<i2")


def stored(path: Path, values: np.ndarray = VALUES, **storage) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("Rad", data=values, **storage).attrs["_Unsigned"] = b"true"
    return path


def opened(path: Path) -> tuple[hdf5_chunks.Chunks, np.ndarray]:
    """As we and as h5py read it."""
    with h5py.File(path) as file:
        found = hdf5_chunks.chunks_of(
            file["Rad"], hdf5_chunks.mapped(str(path)), "s3://bucket/granule.nc"
        )
        return found, file["Rad"][()]


LAYOUTS = {
    "deflate": {"chunks": (10, 8), "compression": "gzip", "compression_opts": 1},
    "shuffle and deflate": {"chunks": (10, 8), "compression": "gzip", "shuffle": True},
    "shuffle alone": {"chunks": (5, 31), "shuffle": True},
    "no filter": {"chunks": (7, 7)},
    "one chunk, larger than the image": {"chunks": (23, 31), "compression": "gzip"},
    "contiguous": {},
    "a filter that HDF5 alone knows": {"chunks": (10, 8), "compression": "lzf"},
    "a checksum": {"chunks": (10, 8), "compression": "gzip", "fletcher32": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["<i2", ">i2", "<u2", "i1"])
def test_image_is_that_of_h5py_in_every_layout(tmp_path, layout, kind):
    found, wanted = opened(stored(tmp_path / "a.h5", VALUES.astype(kind), **LAYOUTS[layout]))
    image = found.image()
    assert image.dtype == f"u{wanted.itemsize}"
    assert image.dtype.isnative
    native = wanted.astype(wanted.dtype.newbyteorder("="))
    assert_array_equal(image, native.view(image.dtype))


def test_compact_storage_is_read(tmp_path):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        kind, space = h5py.h5t.NATIVE_UINT16, h5py.h5s.create_simple(VALUES.shape)
        h5py.h5d.create(file.id, b"Rad", kind, space, properties)
        file["Rad"][...] = VALUES
    assert_array_equal(opened(tmp_path / "a.h5")[0].image(), VALUES)


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        storage = {"chunks": (10, 8), "compression": "gzip", "fillvalue": -1}
        rad = file.create_dataset("Rad", VALUES.shape, "i2", **storage)
        rad.attrs["_Unsigned"] = "true"
        rad[12:15, 9:12] = 7
    found, wanted = opened(tmp_path / "a.h5")
    assert len(found.places) == 1
    assert_array_equal(found.image(), wanted.view("u2"))
    assert found.image()[0, 0] == 65535


def test_variable_of_which_nothing_was_written_holds_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("Rad", (4, 5), "u1", fillvalue=9)
    assert_array_equal(opened(tmp_path / "a.h5")[0].image(), np.full((4, 5), 9))


def test_filter_that_was_skipped_for_a_chunk_is_not_applied(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        rad = file.create_dataset("Rad", (4, 6), "<u2", chunks=(4, 3), compression="gzip")
        rad[...] = VALUES[:4, :6]
        rad.id.write_direct_chunk((0, 3), np.arange(12, dtype="<u2").tobytes(), filter_mask=1)
    found, wanted = opened(tmp_path / "a.h5")
    assert_array_equal(wanted[:, 3:], np.arange(12).reshape(4, 3))
    assert_array_equal(found.image(), wanted)


@settings(max_examples=40)
@given(st.data())
def test_each_gives_the_chunks_that_are_wanted_and_no_others(data):
    shape = tuple(data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20))))
    chunk = tuple(data.draw(st.integers(1, n)) for n in shape)
    values = np.arange(shape[0] * shape[1], dtype="u2").reshape(shape)
    with tempfile.TemporaryDirectory() as folder:
        storage = {"chunks": chunk, "compression": "gzip", "shuffle": data.draw(st.booleans())}
        found, _ = opened(stored(Path(folder) / "a.h5", values, **storage))
    bits = data.draw(
        st.lists(st.booleans(), min_size=(n := found.grid[0] * found.grid[1]), max_size=n)
    )
    wanted = np.array(bits, bool).reshape(found.grid)
    seen = np.zeros(shape, bool)
    for row, column, block in found.each(wanted):
        window = slice(row, row + block.shape[0]), slice(column, column + block.shape[1])
        assert not seen[window].any()
        seen[window] = True
        assert_array_equal(block, values[window])
    fine = wanted.repeat(chunk[0], 0).repeat(chunk[1], 1)[: shape[0], : shape[1]]
    assert_array_equal(seen, fine)
    assert_array_equal(found.image(wanted), np.where(fine, values, 0))


def test_only_the_chunks_that_are_wanted_are_inflated(tmp_path):
    path = stored(tmp_path / "a.h5", **LAYOUTS["deflate"])
    found, _ = opened(path)
    damaged = found.places[0, 8]
    with path.open("r+b") as file:
        file.seek(damaged.byte_offset)
        file.write(b"\xff" * damaged.size)
    wanted = np.ones(found.grid, bool)
    wanted[0, 1] = False
    assert (found.image(wanted)[:10, 8:16] == 0).all()
    with pytest.raises(GranuleError, match=r"granule\.nc: the chunk of Rad at \(0, 8\) is damaged"):
        found.image()


WINDOW = (slice(3, 17), slice(6, 25))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("window", [WINDOW, (slice(0, 23), slice(30, 31)), (slice(9, 10),) * 2])
def test_window_is_that_part_of_the_image(tmp_path, layout, window):
    chunks, wanted = opened(stored(tmp_path / "a.h5", **LAYOUTS[layout]))
    assert_array_equal(chunks.window(window), wanted.view("u2")[window])
    assert_array_equal(chunks.window(chunks.whole), chunks.image())


def test_window_reads_no_other_chunks(tmp_path):
    path = stored(tmp_path / "a.h5", **LAYOUTS["deflate"])
    with h5py.File(path) as file:
        last = file["Rad"].id.get_chunk_info_by_coord((20, 24))
    data = bytearray(path.read_bytes())
    data[last.byte_offset : last.byte_offset + last.size] = bytes(last.size)
    path.write_bytes(data)
    with h5py.File(path) as file:
        chunks = hdf5_chunks.chunks_of(file["Rad"], hdf5_chunks.mapped(str(path)), "a.nc")
    assert_array_equal(chunks.window(WINDOW), VALUES.view("u2")[WINDOW])
    with pytest.raises(GranuleError, match=r"chunk of Rad at \(20, 24\) is damaged"):
        chunks.window((slice(18, 23), slice(20, 31)))


@pytest.mark.parametrize(
    ("code", "name"), [(32015, r"Zstandard \(32015\)"), (307, "bzip2"), (40000, "unknown")]
)
def test_filter_that_is_not_there_is_named_with_what_to_install(tmp_path, code, name):
    if h5py.h5z.filter_avail(code):
        pytest.skip(f"this h5py brings the filter {code}")
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((23, 31))
    properties.set_filter(code, h5py.h5z.FLAG_OPTIONAL)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(VALUES.shape)
        dataset = h5py.h5d.create(file.id, b"Rad", h5py.h5t.NATIVE_INT16, space, dcpl=properties)
        dataset.write_direct_chunk((0, 0), b"compressed in a way that nobody knows", 0)
    with pytest.raises(GranuleError, match=rf"granule.nc: Rad .* {name}.* pip install hdf5plugin"):
        opened(path)


@pytest.mark.parametrize("layout", ["deflate", "no filter", "contiguous"])
def test_file_that_lost_its_end_is_an_error_that_says_where(tmp_path, layout):
    path = stored(tmp_path / "a.h5", **LAYOUTS[layout])
    with h5py.File(path) as file:
        whole = hdf5_chunks.chunks_of(file["Rad"], hdf5_chunks.mapped(str(path)), "granule.nc")
        place = max(whole.places.values(), key=lambda place: place.byte_offset)
        cut = hdf5_chunks.chunks_of(
            file["Rad"], whole.data[: place.byte_offset + place.size - 3], "granule.nc"
        )
    with pytest.raises(GranuleError, match=r"granule\.nc: the chunk of Rad .*fetch it again"):
        cut.image()


def test_chunks_are_read_after_the_file_was_deleted(tmp_path):
    path = stored(tmp_path / "a.h5", **LAYOUTS["deflate"])
    found, _ = opened(path)
    path.unlink()
    assert_array_equal(found.image(), VALUES)


def test_empty_file_cannot_be_mapped(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(OSError, match="empty"):
        hdf5_chunks.mapped(str(tmp_path / "empty"))


def test_no_file_stays_open(tmp_path):
    path = stored(tmp_path / "a.h5", **LAYOUTS["deflate"])
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (a file system of its own)
    for _ in range(20):
        opened(path)[0].image()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208 (likewise)
