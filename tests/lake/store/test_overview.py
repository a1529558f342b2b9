"""Coarse maps against direct float64 statistics of all observations under each cell."""

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
    return domain_of(np.random.default_rng(2).random((130, 133)) < 0.5)


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


def parts(land: Domain, block: np.ndarray) -> list[overview.Sums]:
    cell = overview.cells(land)
    pieces = order.superblocks(land.pixels, land.layout)
    return [overview.sums(block[..., p, :], cell[p]) for p in pieces]


def test_maps_are_the_statistics_of_all_observations_under_each_cell(land, observed):
    assert overview.factor(land) == 8
    shape = overview.grid_of(land).shape
    assert shape == (17, 17)
    found = overview.maps(parts(land, results(observed)), CUBE, shape)
    for i, j in ((0, 0), (3, 5), (16, 2), (7, 16), (16, 16)):
        under = (land.row // 8 == i) & (land.column // 8 == j)
        for tod, band in np.ndindex(len(CUBE.tods), len(CUBE.bands)):
            values = observed[:, tod, band, under]
            values = values[~np.isnan(values)]
            assert found["count"][tod, band, i, j] == values.size
            if values.size:
                mean, stddev = values.mean(), values.std()
                np.testing.assert_allclose(found["mean"][tod, band, i, j], mean, rtol=2**-14)
                np.testing.assert_allclose(found["stddev"][tod, band, i, j], stddev, rtol=2**-10)
            else:
                assert np.isnan(found["mean"][tod, band, i, j])
    assert (found["count"][..., 0, :] == 0).all()


def test_cells_without_pixel_or_without_any_time_step_are_nan():
    mask = np.ones((256, 256), bool)
    mask[:8, :8] = False
    land = domain_of(mask)
    shape = overview.grid_of(land).shape
    block = np.zeros((2, 2, 7, land.pixels, 4), np.float32)
    block[0] = np.nan
    found = overview.maps(parts(land, block), CUBE, shape)
    assert np.isnan(found["count"][0]).all()
    assert np.isnan(found["count"][1, :, 0, 0]).all()
    assert (found["count"][1, :, 1:] == 0).all()
    assert np.isnan(found["mean"]).all()
    assert np.isnan(found["stddev"]).all()


@pytest.mark.parametrize(
    ("shape", "every", "factor"),
    [((1500, 2500), 1, 8), ((200, 300), 1, 8), ((24, 30), 1, 1), ((512, 512), 7, 32)],
)
def test_factor_suits_the_size_of_the_grid_and_how_much_of_it_is_land(shape, every, factor):
    mask = np.zeros(shape, bool)
    mask[::every, ::every] = True
    assert overview.factor(domain_of(mask)) == factor


def test_cells_lie_where_their_pixels_are(land):
    of, whole = overview.grid_of(land), land.grid
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
    assert set(overview.paths(CUBE.name, 7)) <= set(recorder.stored)
    np.testing.assert_array_equal(overview.read_cells(objects.zarr(path)), overview.cells(land))
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


def test_plain_xarray_opens_the_maps(mapped):
    import xarray as xr

    plain = xr.open_datatree(mapped.url, engine="zarr", chunks=None)["overview/day-1km"]
    ours = mapped.overview("day-1km")
    for name in overview.MAPS:
        np.testing.assert_array_equal(plain[name].values, ours[name].values)
    np.testing.assert_allclose(plain["x"], ours["x"])


def test_lost_map_is_an_error_that_names_it(mapped):
    connect(mapped.url).delete(overview.paths("day-1km", 7))
    with pytest.raises(MissingError, match="overview/day-1km/mean/c/6"):
        mapped.overview("day-1km")["mean"].sel(month=7).values  # noqa: B018


def test_store_without_maps_opens_and_says_so(tmp_path):
    write(tmp_path / KEY, small_domain())
    store = lake.open(tmp_path / KEY)
    with pytest.raises(MissingError, match="no overview maps"):
        store.overview("day-2km")
    with pytest.raises(ConfigError, match="no cube"):
        store.overview("night")
