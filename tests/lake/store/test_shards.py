import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from lake.errors import FormatError
from lake.format import schema
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.store import shards

CUBE = Cube("day-1km", "1km", 2, "ABI-L1b-RadC", "Rad", ("C01", "C03"), (54000, 64800, 0))
LAYOUT = Layout(chunk=24, phases=5)


def block(pixels: int, seed: int = 0) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel), a third of it NaN."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(3, 2, 7, pixels, 4)).astype(np.float32)
    values[random.random(values.shape) < 0.3] = np.nan
    return values


def by_zarr(pixels: int) -> tuple[MemoryStore, zarr.Array]:
    store = MemoryStore()
    schema.add(zarr.create_group(store), schema.results_array(pixels, LAYOUT, CUBE))
    return store, zarr.open_array(store, path="day-1km/results")


def put(store: MemoryStore, key: str, data: bytes) -> None:
    store._store_dict[key] = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(data)


@pytest.mark.parametrize("last", [120, 1, 24, 25, 119])
def test_zarr_reads_what_was_encoded(last):
    store, array = by_zarr(120 + last)
    for number, pixels in enumerate((120, last)):
        data = shards.encode(block(pixels, number), LAYOUT)
        put(store, f"day-1km/results/c/6/0/0/0/{number}/0", data)
    np.testing.assert_array_equal(array[6, :, :, :, :120], block(120, 0))
    np.testing.assert_array_equal(array[6, :, :, :, 120:], block(last, 1))
    assert np.isnan(array[5]).all()


@pytest.mark.parametrize("last", [120, 1, 25])
def test_what_zarr_wrote_is_decoded(last):
    store, array = by_zarr(120 + last)
    array[6, :, :, :, 120:] = block(last)
    data = store._store_dict["day-1km/results/c/6/0/0/0/1/0"].to_bytes()
    np.testing.assert_array_equal(
        shards.decode(data, block(last).shape, LAYOUT, "there"), block(last)
    )


@given(st.integers(1, 120), st.integers(1, 40), st.integers(3, 6))
def test_block_comes_back_bit_for_bit(pixels, chunk, phases):
    layout = Layout(chunk=chunk, phases=max(phases, -(-pixels // chunk)))
    wanted = block(pixels)
    found = shards.decode(shards.encode(wanted, layout), wanted.shape, layout, "there")
    np.testing.assert_array_equal(found.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("place", [-1, -4, -10, -80])
def test_damaged_index_is_an_error_that_names_the_object(place):
    data = bytearray(shards.encode(block(120), LAYOUT))
    data[place] ^= 1
    with pytest.raises(FormatError, match="s3://b/x is no shard of 5 chunks"):
        shards.decode(bytes(data), block(120).shape, LAYOUT, "s3://b/x")


@pytest.mark.parametrize("data", [b"", b"abc", bytes(84)])
def test_what_is_no_shard_is_an_error(data):
    with pytest.raises(FormatError, match="no shard"):
        shards.decode(data, block(120).shape, LAYOUT, "x")


def test_damaged_chunk_is_an_error_that_names_it():
    data = bytearray(shards.encode(block(120), LAYOUT))
    data[0:16] = bytes(16)
    with pytest.raises(FormatError, match="x, chunk 0 says 0 bytes in 0, wanted 16128 in"):
        shards.decode(bytes(data), block(120).shape, LAYOUT, "x")


def test_chunk_with_a_damaged_body_is_an_error_that_names_it():
    data = bytearray(shards.encode(block(120), LAYOUT))
    data[16:400] = bytes(384)
    with pytest.raises(FormatError, match="x, chunk 0 cannot be decoded"):
        shards.decode(bytes(data), block(120).shape, LAYOUT, "x")
