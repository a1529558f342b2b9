"""Reading by place: points, pixels, regions, maps; statistics; all resolutions at once."""

import numpy as np
import pyproj
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import lake
from lake.catalogue import catalogue
from lake.errors import ConfigError, GeometryError
from lake.format import moments, order
from lake.storage.connect import connect
from lake.store import commits, generations
from lake.store.generations import StoreState
from tests.lake.small_store import CUBES, KEY, LAYOUT, MONTHS, small_domain, values, write

HEIGHT = 35786023.0
PROJ = "+proj=geos +h=35786023 +a=6378137 +b=6356752.31414 +lon_0=-75 +sweep=x +units=m +no_defs"


@pytest.fixture(scope="module")
def domain():
    return small_domain()


@pytest.fixture(scope="module")
def there(tmp_path_factory, domain):
    root = tmp_path_factory.mktemp("place") / KEY
    write(str(root), domain)
    return lake.open(root)


def study_order(domain, cube, month) -> np.ndarray:
    """(pixel, subpixel, tod, band, metric)"""
    return values(domain, cube, month).transpose(3, 4, 0, 1, 2)


def corners(domain, cube) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixel and subpixel, and by PROJ the longitude and latitude, of points all over the domain."""
    random = np.random.default_rng(5)
    side, step = cube.refinement, 5.6e-5
    pixel = random.integers(0, domain.pixels, 3000)
    subpixel = random.integers(0, side**2, 3000)
    down, right = (np.divmod(subpixel, side) + random.uniform(0.02, 0.98, (2, 3000))) / side
    x = domain.grid.x[domain.column[pixel]] + (right - 0.5) * step
    y = domain.grid.y[domain.row[pixel]] - (down - 0.5) * step
    lon, lat = pyproj.Proj(PROJ)(x * HEIGHT, y * HEIGHT, inverse=True)
    return pixel, subpixel, lon, lat


@pytest.mark.parametrize("cube", CUBES)
def test_points_get_the_subpixel_around_them(there, domain, cube):
    pixel, subpixel, lon, lat = corners(domain, cube)
    found = there.sel_lonlat(cube.name, lon, lat)
    assert_array_equal(found["pixel"], pixel)
    assert_array_equal(found["subpixel"], subpixel)
    july = found["results"].sel(month=7, metric=["m1", "count"])
    assert_array_equal(july.values, study_order(domain, cube, 7)[pixel, subpixel][..., [3, 0]])
    assert_array_equal(found["lon"], lon)
    assert found["results"].sel(month=2).isnull().all()


def test_points_in_no_pixel_are_an_error_or_nan(there, domain):
    lon, lat = (a[[0, 1, 2]].copy() for a in domain.lonlat())
    hole = np.argwhere(~domain.mask)[0]
    x, y = domain.grid.x[hole[1]], domain.grid.y[hole[0]]
    lon[1], lat[1] = pyproj.Proj(PROJ)(x * HEIGHT, y * HEIGHT, inverse=True)
    lon[2], lat[2] = 100.0, 0.0  # not in the satellite's view
    with pytest.raises(
        GeometryError, match=r"2 of 3 points lie in no pixel.*point 1 .*2 \(100, 0\)"
    ):
        there.sel_lonlat("day-1km", lon, lat)
    found = there.sel_lonlat("day-1km", lon, lat, outside="nan")
    assert_array_equal(found["pixel"], [0, -1, -1])
    assert_array_equal(found["subpixel"][1:], [-1, -1])
    assert_array_equal(there.pixels_at(lon, lat, outside="mark"), [0, -1, -1])
    with pytest.raises(GeometryError, match="2 of 3 points lie in no pixel"):
        there.pixels_at(lon, lat)
    july = found.sel(month=7)
    for name in ("results", "mean", "stddev"):
        assert july[name].isel(point=[1, 2]).isnull().all()
    assert july["mean"].isel(point=0).notnull().all()
    assert_array_equal(
        found["mean"].isel(point=slice(2, 0, -1), month=6).isnull().all(["tod", "band"]), True
    )


def test_polygon_holds_the_pixels_of_its_two_boxes(there, domain):
    lon, lat = domain.lonlat()
    west, middle, east = np.quantile(lon, [0.1, 0.5, 0.8])
    south, north, top = np.quantile(lat, [0.2, 0.5, 0.9])
    ring = [
        (west, south),
        (east, south),
        (east, north),
        (middle, north),
        (middle, top),
        (west, top),
    ]
    wanted = (
        (lon >= west)
        & (lat >= south)
        & (((lon <= east) & (lat <= north)) | ((lon <= middle) & (lat <= top)))
    )
    assert_array_equal(there.region(ring), np.flatnonzero(wanted))
    part = there.cube("day-2km").isel(pixel=there.region(ring))
    assert_array_equal(
        part["results"].sel(month=1).values, study_order(domain, CUBES[0], 1)[wanted]
    )


@pytest.mark.parametrize("cube", CUBES)
def test_maps_are_labelled_in_metres_radians_and_degrees(there, domain, cube):
    side = cube.refinement
    found = there.to_grid(there.cube(cube.name)["results"].sel(month=7, metric="m1"))
    assert found.dims == ("tod", "band", "y", "x")
    assert found.shape[2:] == (24 * side, 30 * side)
    assert found.attrs["grid_mapping"] == "crs"
    assert found["crs"].attrs["grid_mapping_name"] == "geostationary"
    x, y = np.meshgrid(found["x"], found["y"])
    lon, lat = pyproj.Proj(PROJ)(x, y, inverse=True)
    assert_allclose(found["lon"], lon, rtol=0, atol=1e-9)
    assert_allclose(found["lat"], lat, rtol=0, atol=1e-9)
    assert_allclose(found["scan_angle_x"] * HEIGHT, found["x"])
    stored = study_order(domain, cube, 7)[..., 3]
    for pixel in (0, 100, domain.pixels - 1):
        row, column = side * domain.row[pixel], side * domain.column[pixel]
        block = found.values[:, :, row : row + side, column : column + side]
        assert_array_equal(block.reshape(*block.shape[:2], -1), stored[pixel].transpose(1, 2, 0))
    assert np.isfinite(found.values[0, 0]).sum() == domain.pixels * side**2


def test_map_of_some_pixels_is_the_rectangle_around_them(there, domain):
    pixels = np.array([40, 41, 300])
    part = (
        there.cube("day-2km")["results"]
        .isel(pixel=pixels, subpixel=0)
        .sel(month=1, tod=0, band="C06")
    )
    found = there.to_grid(part.sel(metric="max"))
    row, column = domain.row[pixels], domain.column[pixels]
    assert found.shape == (np.ptp(row) + 1, np.ptp(column) + 1)
    assert np.isfinite(found.values).sum() == 3
    stored = study_order(domain, CUBES[0], 1)
    for pixel, r, c in zip(pixels, row - row.min(), column - column.min(), strict=True):
        assert found.values[r, c] == stored[pixel, 0, 2, 0, 2]
    assert_array_equal(found["scan_angle_y"], domain.grid.y[row.min() : row.max() + 1])


def test_dataset_becomes_a_dataset_of_maps(there):
    found = there.to_grid(there.metrics("day-1km")[["mean", "stddev"]].isel(month=[0, 6]))
    assert set(found.data_vars) == {"mean", "stddev"}
    assert found["stddev"].dims == ("month", "tod", "band", "y", "x")


def test_what_cannot_be_a_map_is_refused(there):
    results = there.cube("day-1km")["results"].isel(month=0, tod=0, band=0, metric=0)
    with pytest.raises(GeometryError, match="2 of the subpixels"):
        there.to_grid(results.isel(subpixel=[0, 1]))
    with pytest.raises(GeometryError, match="4 of the subpixels"):
        there.to_grid(results.isel(subpixel=[3, 2, 1, 0]))
    with pytest.raises(GeometryError, match="wanted one of pixels"):
        there.to_grid(results.isel(pixel=0))
    with pytest.raises(GeometryError, match="of 0 pixels"):
        there.to_grid(results.isel(pixel=slice(0)))


@pytest.fixture(scope="module")
def observed(tmp_path_factory, domain):
    """A store of the statistics of known observations, and these: (time, tod, band, pixel, subpixel)."""
    cube, root = CUBES[0], tmp_path_factory.mktemp("observed") / KEY
    shape = (9, len(cube.tods), len(cube.bands), domain.pixels, cube.subpixels)
    observations = np.random.default_rng(2).gamma(2, 5, shape) + 280
    about = {"key": KEY, "months": [7], "suspect": [], "listing": {}}
    objects = connect(root)
    path, stored = generations.draft(objects, None, domain, (cube,), about)
    results = moments.to_results(
        moments.from_observations(observations, np.ones(shape, bool)), axis=2
    )
    shards = [
        generations.write_shard(objects, path, cube.name, 7, n, results[:, :, :, block], LAYOUT)
        for n, block in enumerate(order.superblocks(domain.pixels, LAYOUT))
    ]
    manifest = generations.seal(objects, path, [*stored.values(), *shards])
    generations.commit(objects, None, StoreState(path, manifest, (7,), (), "", (), "", ""))
    return lake.open(root), observations


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("mean", lambda x: x.mean(0)),
        ("stddev", lambda x: x.std(0)),
        ("skewness", stats.skew),
        ("kurtosis", stats.kurtosis),
    ],
)
def test_statistics_are_those_of_the_observations(observed, name, oracle):
    there, observations = observed
    found = there.metrics("day-2km", (name,))[name]
    assert found.dims == ("pixel", "subpixel", "month", "tod", "band")
    wanted = oracle(observations).transpose(2, 3, 0, 1)
    assert_allclose(found.sel(month=7).values, wanted, rtol=2e-3, atol=2e-3)
    picked = found.isel(pixel=[200, 3], month=6, tod=1, band=slice(None, None, -1))
    assert_array_equal(picked.values, found.values[[200, 3]][:, :, 6, 1, ::-1])
    assert found.isel(month=0).isnull().all()


def test_statistics_have_units_and_what_they_are(there):
    found = there.metrics("day-1km")
    assert (found["mean"].attrs["units"], found["skewness"].attrs["units"]) == ("1", "1")
    assert found["stddev"].attrs["cell_methods"] == "time: standard_deviation"
    mixed = there.metrics("day-2km")["mean"]
    assert "units" not in mixed.attrs
    assert mixed["units"].values.tolist() == ["1", "K"]
    with pytest.raises(ConfigError, match="no statistic 'median'"):
        there.metrics("day-2km", ("median",))


def test_cube_has_its_labels_and_the_cf_grid_mapping(there, domain):
    found = there.cube("day-500m")
    assert found["results"].attrs["grid_mapping"] == "crs"
    assert found["crs"].attrs["sweep_angle_axis"] == "x"
    assert found.attrs["key"] == KEY
    assert (
        found.attrs["without_goeslake"]
        == f'xarray.open_zarr("{there.url}", group="day-500m", zarr_format=3)'
    )
    by_xarray = xr.open_zarr(there.url, group="day-500m", chunks=None)
    for name in ("month", "tod", "band", "metric", "subpixel", "units", "wavelength"):
        assert_array_equal(found[name].values, by_xarray[name].values)
        assert found[name].attrs == by_xarray[name].attrs
    root = xr.open_zarr(there.url, chunks=None)
    for name in ("pixel", "row", "column", "lat", "lon", "superblock", "phase"):
        assert_array_equal(found[name].values, root[name].values)
        assert found[name].attrs == root[name].attrs
        assert found[name].dtype == root[name].dtype


def test_tree_joins_cubes_of_all_resolutions_by_pixel(there, domain):
    pixels = [7, 5, 300]
    found = there.tree("day-2km", "day-500m").isel(pixel=pixels)
    assert_array_equal(found["pixel"], pixels)
    for cube in (CUBES[0], CUBES[2]):
        july = found[cube.name]["results"].sel(month=7)
        assert_array_equal(july.values, study_order(domain, cube, 7)[pixels])
        assert_array_equal(found[cube.name]["lat"], domain.lonlat()[1][pixels])
    assert set(there.tree().children) == {cube.name for cube in CUBES}


def test_series_of_a_pixel_is_all_that_cubes_hold_of_it(there, domain):
    found = there.series(123)
    for cube in CUBES:
        node = found[cube.name]
        assert node["results"].dims == ("subpixel", "month", "tod", "band", "metric")
        for month in MONTHS:
            assert_array_equal(
                node["results"].sel(month=month), study_order(domain, cube, month)[123]
            )
        assert_array_equal(node["mean"].sel(month=7), study_order(domain, cube, 7)[123][..., 3])
    assert set(there.series(0, "day-1km").children) == {"day-1km"}
    for pixel in (-1, domain.pixels):
        with pytest.raises(ConfigError, match="pixels_at"):
            there.series(pixel)


def test_store_shows_what_it_is_its_size_and_how_to_open_it_without_us(there):
    line = f'xarray.open_datatree("{there.url}", engine="zarr", zarr_format=3)'
    size = "1.18 MB"  # 2 months, 3 tods, 1 band, 7 metrics, 16 subpixels, 438 pixels, 4 bytes
    assert there.pixels == 438
    for shown in (repr(there), there._repr_html_().replace("&quot;", '"')):
        for said in (KEY, line, "438", "day-500m", "500m, 3 tods, bands C02", size, "1 7"):
            assert said in shown, said


def test_html_says_nothing_as_html(tmp_path):
    from lake.reading import reprs

    made = reprs.html("<script>", {"<b>": "<i>"}, "<u>")
    assert not {"<script>", "<i>", "<u>"} & set(made.split())
    assert "&lt;script&gt;" in made


def test_empty_lake_shows_itself(tmp_path):
    catalogue.claim(connect(tmp_path))
    assert "0 stores" in repr(lake.catalog(tmp_path))
    assert commits.head(connect(tmp_path), catalogue.FOLDER) is None
