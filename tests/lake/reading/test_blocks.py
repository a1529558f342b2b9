"""Blocks of pixels against what Zarr alone reads."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import lake
from lake.errors import ConfigError, FormatError, MissingError
from lake.reading import blocks
from lake.storage.connect import connect
from lake.store import shards
from tests.faults.proxy import Faults
from tests.lake.small_store import CUBES, KEY, LAYOUT, MONTHS, small_domain, write


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A store, and what Zarr reads of it."""
    root = tmp_path_factory.mktemp("blocks") / KEY
    write(str(root), small_domain())
    opened = lake.open(root)
    tree = xr.open_datatree(opened.url, engine="zarr", chunks=None)
    order = ("pixel", "subpixel", "month", "tod", "band", "metric")
    return opened, {c.name: tree[c.name]["results"].transpose(*order).values for c in CUBES}


@given(
    st.integers(-10, 440), st.integers(-10, 440), st.sampled_from(CUBES),
    st.sampled_from([1, 2, 7, None, (7, 1), (2,)]),
)  # fmt: skip
def test_block_of_any_run_of_pixels_is_what_zarr_reads(there, start, stop, cube, month):
    opened, by_zarr = there
    pixels = slice(start, stop)
    months = np.arange(12) if month is None else np.atleast_1d(month) - 1
    wanted = by_zarr[cube.name][pixels][:, :, months].transpose(2, 3, 4, 5, 0, 1)
    np.testing.assert_array_equal(opened.block(cube.name, pixels, month), wanted)


@given(
    st.lists(st.integers(0, 437), max_size=40), st.sampled_from(CUBES), st.sampled_from([(7,), (7, 1)]),
    st.sampled_from([slice(1, 2), np.array([2, 0])]), st.sampled_from([slice(None), slice(6, None, -3)]),
)  # fmt: skip
def test_pixels_anywhere_in_any_order_are_what_zarr_reads(there, pixels, cube, months, tod, metric):
    opened, by_zarr = there
    pixels = np.array(pixels, np.int64)
    subpixel = slice(None, None, 3)
    cut = blocks.Cut(tod, slice(None), metric, subpixel)
    wanted = by_zarr[cube.name][pixels][:, subpixel][:, :, [m - 1 for m in months]]
    wanted = wanted[:, :, :, tod][..., metric].transpose(2, 3, 4, 5, 0, 1)
    found = np.full(wanted.shape, -1, np.float32)
    opened.blocks.gather(cube, months, pixels, cut, list(found))
    np.testing.assert_array_equal(found, wanted)


def test_chunks_that_are_remembered_are_the_last_used_and_bounded():
    kept = blocks._ChunkCache(10)
    for number in range(3):
        kept.put(("a", number), b"1234")
        kept.get(("a", 0))
    assert [kept.get(("a", number)) for number in range(3)] == [b"1234", None, b"1234"]
    kept.put(("a", 2), b"12345")
    assert kept.get(("a", 0)) == b"1234"
    kept.put(("b", 0), bytes(11))
    assert kept.get(("b", 0)) is None


@pytest.mark.parametrize("number", [0, 5, 11])
def test_block_that_is_one_inner_chunk_is_what_zarr_reads(there, number):
    opened, by_zarr = there
    pixels = slice(number * LAYOUT.chunk, (number + 1) * LAYOUT.chunk)
    wanted = by_zarr["day-500m"][pixels].transpose(2, 3, 4, 5, 0, 1)
    np.testing.assert_array_equal(opened.block("day-500m", pixels), wanted)


def test_a_step_is_refused(there):
    with pytest.raises(ConfigError, match="step 1"):
        there[0].block("day-2km", slice(0, 10, 2))


@pytest.mark.parametrize("pixels", [slice(40, 50), slice(0, 128)])
def test_lost_shard_is_damage_and_no_nan(tmp_path, pixels):
    write(str(tmp_path / KEY), small_domain())
    opened = lake.open(tmp_path / KEY)
    path = "day-2km/results/c/6/0/0/0/0/0"
    connect(opened.url).delete([path])
    with pytest.raises(
        MissingError, match=f"{path}, which should be part of the store.*lake verify"
    ):
        opened.block("day-2km", pixels)
    assert not np.isnan(opened.block("day-2km", pixels, MONTHS[0])).any()


@pytest.mark.parametrize("pixels", [slice(40, 50), slice(0, 128)])
def test_damaged_shard_is_named(tmp_path, pixels):
    write(str(tmp_path / KEY), small_domain())
    opened = lake.open(tmp_path / KEY)
    path = "day-2km/results/c/6/0/0/0/0/0"
    objects = connect(opened.url)
    data = bytearray(objects.get(path))
    data[-1] ^= 1
    objects.put(path, bytes(data))
    with pytest.raises(FormatError, match=f"{path} is no shard"):
        opened.block("day-2km", pixels)


def test_a_block_on_a_server_asks_for_its_chunks_and_an_index_once(s3_root, break_s3):
    write(f"{s3_root}/{KEY}", small_domain())
    proxy = break_s3(Faults())
    opened = lake.open(f"{s3_root}/{KEY}")
    path = "day-500m/results/c/6/0/0/0/1/0"
    index = shards.index(connect(opened.url).get(path), LAYOUT, path)
    assert opened.domain.pixels > 5 * LAYOUT.chunk
    for asked, chunks in ((shards.index_bytes(LAYOUT), [5]), (0, [5]), (0, [5, 6])):
        before = proxy.sent.total()
        opened.block("day-500m", slice(5 * LAYOUT.chunk, (chunks[-1] + 1) * LAYOUT.chunk), 7)
        assert proxy.sent.total() - before == asked + sum(index[n - 4][1] for n in chunks)
