"""What a sample run writes, who can read it, and what it reads."""

import itertools
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from jobs.features.features import FeatureSelection
from jobs.runs import driver, outputs, records
from jobs.sampling import writer
from jobs.sampling.sample import Settings
from lake.format.order import Layout
from lake.storage.connect import connect
from tests.faults.proxy import Faults
from tests.jobs import small

CUBE, MONTH = "day-2km", 7
LARGE = Layout(64, 4)


@pytest.fixture
def folder(client, truth):
    run = driver.run(client, truth.root, truth.key, Settings(phase=1, phases=2))
    return Path(truth.root) / "runs" / run


def test_pandas_pyarrow_and_xarray_alone_read_the_same(folder):
    plain = xr.open_zarr(folder / "sample.zarr")
    arrow = pq.read_table(folder / "sample.parquet")
    frame = pd.read_parquet(folder / "sample.parquet")
    assert len(list((folder / "sample.parquet").iterdir())) == 11  # a superblock each
    about = ["pixel", "row", "column", "lat", "lon", "probability", "stratum"]
    assert list(frame.columns) == [*about, *plain["feature"].to_numpy()]
    assert arrow.schema.field("day-2km/C13/07/64800/mean").type == "float"
    for name in about:
        assert_array_equal(frame[name], plain[name])
        assert_array_equal(arrow[name], plain[name])
    assert_array_equal(frame[plain["feature"].to_numpy()].to_numpy(), plain["features"])
    mean = arrow["day-2km/C13/07/64800/mean"].to_numpy()
    assert_array_equal(mean, plain["features"].sel(feature="day-2km/C13/07/64800/mean"))


@given(
    st.sets(st.integers(0, 5000), min_size=1).map(sorted),
    st.builds(Layout, st.integers(1, 50), st.integers(1, 8)),
    st.integers(1, 10**6),
)
def test_parts_are_whole_and_read_few_chunks_twice(pixel, layout, width):
    pixel = np.array(pixel)
    rows = writer.task_rows(pixel, layout, width)
    assert rows >= 1
    assert rows * width * 4 <= max(writer.MAX_BYTES, 4 * width)
    touched = np.unique(pixel // layout.chunk).size
    if rows < writer.MAX_BYTES // (4 * width) // 2:  # memory allows it
        read = sum(
            np.unique(pixel[i : i + rows] // layout.chunk).size for i in range(0, pixel.size, rows)
        )
        assert read <= touched * (1 + 1 / writer.CHUNKS) + 1


@given(st.sets(st.integers(0, 500), min_size=1).map(sorted), st.integers(1, 20), st.integers(0, 9))
def test_rows_are_read_at_once_where_their_chunks_follow_each_other(pixel, chunk, most):
    pixel = np.array(pixel)
    found = writer.reads(pixel, chunk, most)
    assert_array_equal(
        np.concatenate([np.arange(pixel.size)[of] for of in found]), np.arange(pixel.size)
    )
    touched = [set((pixel[of] // chunk).tolist()) for of in found]
    for chunks in touched:
        assert chunks == set(range(min(chunks), max(chunks) + 1))
        assert len(chunks) <= max(most, 1)
    assert len(set.union(*touched)) == sum(map(len, touched))  # none twice
    for one, following in itertools.pairwise(touched):
        assert len(one) >= most or max(one) + 1 < min(following)


def test_phases_are_parts_of_a_superblock_each():
    pixel = np.flatnonzero(np.arange(16384 * 3 + 500) % 16384 < 2048)
    assert writer.task_rows(pixel, Layout(1024, 16), 1680) == 2048


def needed(objects, generation, pixel, layout):
    """Bytes of the inner chunks that hold these pixels, by the index at the end of each shard."""
    total = 0
    for superblock in np.unique(pixel // layout.superblock):
        shard = objects.get(f"{generation}/{CUBE}/results/c/{MONTH - 1}/0/0/0/{superblock}/0")
        index = shard[-4 - 16 * layout.phases : -4]
        size = [struct.unpack_from("<QQ", index, 16 * k)[1] for k in range(layout.phases)]
        of = pixel[pixel // layout.superblock == superblock] % layout.superblock
        total += sum(size[k] for k in np.unique(of // layout.chunk))
    return total


@pytest.fixture
def there(s3_root):
    return small.build(s3_root, shape=(56, 64), layout=LARGE)


def test_sample_reads_little_more_than_the_chunks_that_hold_its_pixels(
    there, break_s3, monkeypatch
):
    monkeypatch.setattr(writer, "CHUNKS", 32)  # so that there are two parts
    objects = connect(there.root)
    generation = f"{there.key}/v/{records.open_store(there.root, there.key).generation}.zarr"
    chosen = FeatureSelection((CUBE,), (MONTH,))
    proxy = break_s3(Faults())
    inside = LocalCluster(1, processes=False, dashboard_address="127.0.0.1:0")
    with inside, Client(inside) as here:
        for how in ({"phases": 1}, {"design": "random", "pixels": 200}):
            proxy.sent.clear()
            run = driver.run(here, there.root, there.key, Settings(features=chosen, **how))
            read = sum(size for path, size in proxy.sent.items() if "/results/c/" in path)
            pixel = np.asarray(outputs.read(there.root, run, "pixel"))
            assert 1 <= read / needed(objects, generation, pixel, LARGE) <= 1.05
