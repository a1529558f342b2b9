"""Coarse maps against direct float64 statistics of all observations under each cell."""

import json
from pathlib import Path

import numpy as np
import pytest

import lake
from lake.errors import ConfigError, MissingError
from lake.format import moments, order
from lake.format.domain import Domain, from_mask
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import overview
from lake.store.manifest import Recorder
from tests.lake.small_store import KEY, commit, small_domain, write

PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
LAYOUT = Layout(chunk=64, phases=4)
CUBE = Cube("day-1km", "1km", 2, "ABI-L1b-RadC", "Rad", ("C01", "C03"), (54000, 0))
COARSE = Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C13",), (54000,))
TIMES = 5


def domain_of(mask: np.ndarray) -> Domain:
    rows, columns = mask.shape
    y, x = 0.092372 - 5.6e-5 * np.arange(rows), -0.017332 + 5.6e-5 * np.arange(columns)
    return from_mask(mask, Grid(PROJECTION, y, x), LAYOUT)


@pytest.fixture(scope="module")
def land() -> Domain:
    """Ragged: 130 rows and columns are no multiple of 8."""
    return domain_of(np.random.default_rng(2).random((130, 133)) < 0.9)


@pytest.fixture(scope="module")
def observed(land) -> np.ndarray:
    """(time, tod, band, pixel, subpixel) in kelvin, NaN where not clear; some pixels never are."""
    rng = np.random.default_rng(3)
    shape = (TIMES, len(CUBE.tods), len(CUBE.bands), land.pixels, CUBE.subpixels)
    values = rng.normal(290, 8, shape)
    values[rng.random(shape) < 0.4] = np.nan
    values[:, :, :, land.row < 16] = np.nan
    return values.astype(np.float32).astype(np.float64)


def results(observed: np.ndarray) -> np.ndarray:
    return moments.to_results(moments.from_observations(observed, ~np.isnan(observed)), axis=2)


def maps(land: Domain, block: np.ndarray, factor: int) -> dict[str, np.ndarray]:
    """The maps of a factor, of sums of superblocks in the finest cells."""
    sizes = overview.factors(land)
    cell = overview.cells(land)
    pieces = order.superblocks(land.pixels, land.layout)
    parts = [overview.sums(block[..., p, :], cell[p]) for p in pieces]
    whole = overview.merged(parts, CUBE, overview.shape_of(land.grid.shape, sizes[-1]))
    for _ in range(sizes[::-1].index(factor)):
        whole = overview.coarser(whole)
    return overview.maps(whole)


@pytest.mark.parametrize("factor", [8, 4])
def test_maps_are_the_statistics_of_all_observations_under_each_cell(land, observed, factor):
    found = maps(land, results(observed), factor)
    assert found["max"].shape[2:] == {8: (17, 17), 4: (33, 34)}[factor]
    last = [n - 1 for n in found["max"].shape[2:]]
    for i, j in ((0, 0), (3, 5), (last[0], 2), (7, last[1]), last, (12, 9)):
        under = (land.row // factor == i) & (land.column // factor == j)
        for tod, band in np.ndindex(len(CUBE.tods), len(CUBE.bands)):
            values = observed[:, tod, band, under]
            values = values[~np.isnan(values)]
            assert found["count"][tod, band, i, j] == values.size
            if values.size:
                mean, stddev = values.mean(), values.std()
                np.testing.assert_allclose(found["mean"][tod, band, i, j], mean, rtol=2**-14)
                np.testing.assert_allclose(found["stddev"][tod, band, i, j], stddev, rtol=2**-10)
                for name, extreme in (("min", values.min()), ("max", values.max())):
                    np.testing.assert_allclose(found[name][tod, band, i, j], extreme, rtol=2**-14)
            else:
                assert np.isnan([found[name][tod, band, i, j] for name in ("min", "max")]).all()
                assert np.isnan(found["mean"][tod, band, i, j])
    assert (found["count"][..., 0, :] == 0).all()


def test_cells_without_pixel_or_without_any_time_step_are_nan():
    mask = np.ones((256, 256), bool)
    mask[:8, :8] = False
    land = domain_of(mask)
    block = np.full((2, 2, 7, land.pixels, 4), np.nan, np.float32)
    block[1, :, 0] = 0
    found = maps(land, block, 8)
    assert np.isnan(found["count"][0]).all()
    assert np.isnan(found["count"][1, :, 0, 0]).all()
    assert (found["count"][1, :, 1:] == 0).all()
    for name in ("mean", "stddev", "min", "max"):
        assert np.isnan(found[name]).all()


@pytest.mark.parametrize(
    ("shape", "every", "factors"),
    [
        ((1500, 2500), 1, (8, 4)),
        ((200, 300), 1, (8, 4)),
        ((600, 700), 2, (16, 8)),
        ((512, 512), 7, (32, 16)),
        ((100, 110), 1, (6,)),
        ((24, 30), 1, (1,)),
    ],
)
def test_factors_suit_the_size_of_the_grid_and_how_much_of_it_is_land(shape, every, factors):
    mask = np.zeros(shape, bool)
    mask[::every, ::every] = True
    assert overview.factors(domain_of(mask)) == factors


def test_cells_lie_where_their_pixels_are(land):
    of, whole = overview.grid_of(land, 8), land.grid
    np.testing.assert_allclose(of.y[3], whole.y[24:32].mean(), rtol=1e-12)
    np.testing.assert_allclose(of.x[0], whole.x[:8].mean(), rtol=1e-12)


@pytest.fixture
def mapped(tmp_path, land, observed) -> lake.Store:
    """A store of July with maps."""
    objects = connect(tmp_path / KEY)
    about = {"key": KEY, "months": (7,), "suspect": [], "listing": {}}
    path, _ = lake.store.generations.draft(objects, None, land, (COARSE, CUBE), about)
    block = results(observed)
    for n, pixels in enumerate(order.superblocks(land.pixels, land.layout)):
        shard = block[..., pixels, :]
        lake.store.generations.write_shard(objects, path, CUBE.name, 7, n, shard, land.layout)
    recorder = Recorder(objects.zarr(path))
    overview.create(recorder, land, (CUBE,))
    overview.draw(recorder, land, CUBE, 7, block)
    assert set(overview.paths(CUBE.name, 7, (8, 4))) <= set(recorder.stored)
    cell = overview.cells(land)
    np.testing.assert_array_equal(overview.read_cells(objects.zarr(path)), cell)
    commit(objects, None, path, (7,))
    return lake.open(tmp_path / KEY)


def test_dataset_has_labels_and_the_grid_of_cells(mapped, observed, land):
    maps = mapped.overview("day-1km")
    one = maps["mean"].sel(month=7, tod=54000, band="C03")
    assert one.shape == (17, 17)
    under = (land.row // 8 == 5) & (land.column // 8 == 6)
    np.testing.assert_allclose(one[5, 6], np.nanmean(observed[:, 0, 1, under]), rtol=2**-13)
    assert maps["mean"].attrs["units"] == "1"
    assert maps.attrs["factor"] == 8
    assert maps["crs"].attrs["sweep_angle_axis"] == "x"
    assert (maps["lat"].values[0, 0], maps["lon"].values[0, 0]) == pytest.approx(
        (32.4, -81.6), abs=0.2
    )
    assert np.isnan(maps["count"].sel(month=1)).all()
    assert maps["stddev"].sel(month=[1, 7], tod=0, y=slice(None, None, 2)).shape == (2, 2, 9, 17)


def test_finer_maps_have_their_own_grid(mapped, observed, land):
    assert mapped.overview_factors == (8, 4)
    finer = mapped.overview("day-1km", factor=4)
    assert finer.attrs["factor"] == 4
    under = (land.row // 4 == 10) & (land.column // 4 == 13)
    highest = finer["max"].sel(month=7, tod=54000, band="C03")
    assert highest.shape == (33, 34)
    np.testing.assert_allclose(highest[10, 13], np.nanmax(observed[:, 0, 1, under]), rtol=2**-13)
    np.testing.assert_allclose(
        finer["x"].values[:2].mean(), mapped.overview("day-1km")["x"].values[0], rtol=1e-12
    )
    with pytest.raises(ConfigError, match=r"no overview maps of factor 2 .*: it has 8, 4"):
        mapped.overview("day-1km", factor=2)


def test_generations_without_finer_maps_and_extremes_are_read(tmp_path, mapped):
    path = Path(mapped.url) / "zarr.json"
    document = json.loads(path.read_text())
    nodes = document["consolidated_metadata"]["metadata"]
    del nodes["overview"]["attributes"]["factors"]
    for name in list(nodes):
        if name.startswith("overview/") and ("factor-" in name or name.endswith(("/min", "/max"))):
            del nodes[name]
    path.write_text(json.dumps(document))
    old = lake.open(tmp_path / KEY)
    assert old.overview_factors == (8,)
    assert set(old.overview("day-1km").data_vars) == {"count", "mean", "stddev"}


def test_plain_xarray_opens_the_maps(mapped):
    import xarray as xr

    tree = xr.open_datatree(mapped.url, engine="zarr", chunks=None)
    for plain, factor in ((tree["overview/day-1km"], 8), (tree["overview/factor-4/day-1km"], 4)):
        ours = mapped.overview("day-1km", factor)
        for name in overview.MAPS:
            np.testing.assert_array_equal(plain[name].values, ours[name].values)
        np.testing.assert_allclose(plain["x"], ours["x"])


def test_lost_map_is_an_error_that_names_it(mapped):
    connect(mapped.url).delete(overview.paths("day-1km", 7, (8, 4)))
    with pytest.raises(MissingError, match="overview/day-1km/mean/c/6"):
        mapped.overview("day-1km")["mean"].sel(month=7).values  # noqa: B018


def test_store_without_maps_opens_and_says_so(tmp_path):
    write(tmp_path / KEY, small_domain())
    store = lake.open(tmp_path / KEY)
    with pytest.raises(MissingError, match="no overview maps"):
        store.overview("day-2km")
    with pytest.raises(ConfigError, match="no cube"):
        store.overview("night")
