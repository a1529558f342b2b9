"""Overview maps of published generations: what they say, what they cost, what is copied."""

import json
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import lake
from ingest import ingestion
from ingest.abi import filenames
from ingest.listing import listing
from ingest.publish import overview_maps
from ingest.publish.overview_maps import OverviewMaps
from ingest.synthetic import granules
from ingest.verify import verify
from lake.format import keys, moments, order
from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import commits, generations, manifest, overview
from lake.store.generations import StoreState

RULES = [
    "t0=2022-01-01", "tf=2022-12-31", "layout.chunk=128", "layout.phases=4", "domain.mask=none",
]  # fmt: skip
KEY = "goes16/clearland-l1b-c0/20220101_20221231/geom-goes-conus-0"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """One day of January and July."""
    folder = tmp_path_factory.mktemp("source")
    granules.write(folder, shape=(48, 64), years=(2022,), months=(1, 7), days=(10,), seed=5)
    return folder


@pytest.fixture(scope="module")
def july(client, source, tmp_path_factory) -> Path:
    """A lake that knows July."""
    folder, root = (tmp_path_factory.mktemp(name) for name in ("july", "lake"))
    for path in source.glob("*.nc"):
        if filenames.parse_name(path.name).start[4:7] > "100":  # day of the year
            (folder / path.name).symlink_to(path)
    ingest(client, folder, root)
    return root


@pytest.fixture
def root(july, tmp_path) -> Path:
    return Path(shutil.copytree(july, tmp_path / "lake"))


@pytest.fixture(autouse=True, scope="module")
def finer():
    """So small a grid has finer maps too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overview, "FINEST", 2)
        yield


def ingest(client, source: Path, root: Path) -> lake.Store:
    rules = listing.load("clearland-l1b-c0", RULES)
    return lake.open(ingestion.run(client, rules, str(source), str(root))[0].url)


def assert_maps_are_right(store: lake.Store) -> None:
    """Cells of each cube against statistics that plain NumPy merges of the results under them."""
    land = store.domain
    assert store.overview_factors == (4, 2)
    for size, name in product(store.overview_factors, store.cubes):
        row, column = land.row // size, land.column // size
        maps = store.overview(name, size)
        for month in store.months:
            block = store.block(name, slice(None), month)[0].astype(np.float64)
            for y, x in np.unique(np.stack([row, column], 1), axis=0)[::23]:
                under = block[:, :, :, (row == y) & (column == x)]
                assert_cell_is_right(maps.sel(month=month).isel(y=y, x=x), under)


def assert_cell_is_right(cell: xr.Dataset, under: np.ndarray) -> None:
    """Maps (tod, band) of a cell, against the results (tod, band, metric, pixel, subpixel) under it."""
    n, mean, m2 = (np.nan_to_num(under[:, :, METRICS.index(k)]) for k in ("count", "m1", "m2"))
    count = n.sum((2, 3))
    middle = (n * mean).sum((2, 3)) / count.clip(1)
    square = (m2 + n * (mean - middle[..., None, None]) ** 2).sum((2, 3))
    never = np.isnan(under[:, :, METRICS.index("count")]).all((2, 3))
    np.testing.assert_array_equal(cell["count"], np.where(never, np.nan, count))
    expected = np.where(count > 0, middle, np.nan)
    np.testing.assert_allclose(cell["mean"], expected, rtol=2**-13)
    expected = np.where(count > 1, np.sqrt(square / count.clip(1)), np.nan)
    np.testing.assert_allclose(cell["stddev"], expected, rtol=2**-10, atol=1e-4)
    for name, extreme in (("min", np.fmin), ("max", np.fmax)):
        expected = extreme.reduce(under[:, :, METRICS.index(name)], axis=(2, 3))
        np.testing.assert_allclose(cell[name], expected, rtol=2**-13)


def objects_of(store: lake.Store) -> dict[str, bytes]:
    names = [
        path for cube in store.cubes for path in overview.paths(cube, 7, store.overview_factors)
    ]
    return {name: connect(store.url).get(name) for name in names}


def test_a_month_that_did_not_change_keeps_the_bytes_of_its_maps(client, source, root):
    before = lake.open(root / KEY)
    after = ingest(client, source, root)
    assert (before.months, after.months) == ((7,), (1, 7))
    assert objects_of(before) == objects_of(after)
    assert_maps_are_right(after)
    assert verify.verify(client, keys.parse(KEY), str(root)).findings == ()


def test_a_generation_of_before_there_were_maps_gets_them_with_the_next_one(client, source, root):
    objects = connect(root / KEY)
    forget_maps(root, objects)
    assert not lake.open(root / KEY).has("overview")
    assert_maps_are_right(ingest(client, source, root))
    assert verify.verify(client, keys.parse(KEY), str(root)).findings == ()


def forget_maps(root: Path, objects) -> None:
    """As an earlier version would have written the newest generation."""
    head = commits.head(objects)
    state = StoreState.from_commit(head)
    shutil.rmtree(root / KEY / state.path / "overview")
    remaining = [
        stored
        for path, stored in manifest.read(objects, state.manifest).items()
        if not path.startswith("overview/")
    ]
    manifest_path = generations.seal(objects, state.path, remaining)
    path = root / KEY / commits.path(head.number)
    path.write_text(json.dumps(head.body | {"manifest": manifest_path}))


@pytest.mark.parametrize("refinement", [1, 2])
def test_maps_take_less_than_three_hundredths_of_the_bytes(tmp_path, monkeypatch, refinement):
    monkeypatch.setattr(overview, "FINEST", 4)  # as shipped
    of_cube = "ABI-L1b-RadC", "Rad", ("C13", "C15"), (54000, 64800)
    cubes = (Cube("day", f"{2 // refinement}km", refinement, *of_cube),)
    rng = np.random.default_rng(0)
    shape = (384, 512)
    y, x = 0.092372 - 5.6e-5 * np.arange(shape[0]), -0.017332 + 5.6e-5 * np.arange(shape[1])
    sea = np.hypot(*np.meshgrid(np.arange(512) - 300, np.arange(384) - 100)) < 90
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    land = from_mask(~sea, Grid(projection, y, x), order.Layout())
    objects = connect(tmp_path)
    path, stored = generations.draft(objects, None, land, cubes, {"months": (7,)})
    maps, cell = OverviewMaps(objects, path, land, cubes), overview.cells(land)
    written = []
    for n, pixels in enumerate(order.superblocks(land.pixels, land.layout)):
        size = pixels.stop - pixels.start
        level = 290 + 0.02 * land.row[pixels, None] + rng.normal(0, 1, (2, 2, size, refinement**2))
        values = level + rng.normal(0, 4, (12, 2, 2, size, refinement**2))
        valid = np.broadcast_to(rng.random((12, 1, 1, size, 1)) < 0.5, values.shape)
        block = moments.to_results(moments.from_observations(values, valid), axis=2)
        written.append(generations.write_shard(objects, path, "day", 7, n, block, land.layout))
        maps.add(7, n, {"day": overview_maps.sums(block, cell[pixels])})
    sizes = {s.path: s.size for s in (*stored.values(), *written, *maps.stored.values())}
    of_maps = sum(size for path, size in sizes.items() if path.startswith("overview/"))
    assert 0 < of_maps < 0.03 * sum(sizes.values())
    assert {store_path.split("/")[1] for store_path in sizes if "/max/c/" in store_path} == {
        "day",
        "factor-4",
    }
