"""Exported files, read back by the libraries of others: numbers, places, nodata."""

import json
import struct

import netCDF4
import numpy as np
import pyarrow.parquet as pq
import pyproj
import pytest
import rasterio
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import lake
from lake import export
from lake.errors import ConfigError
from lake.export import Selection
from tests.lake.small_store import CUBES, KEY, small_domain, values, write

HEIGHT = 35786023.0
STEP = 5.6e-5 * HEIGHT
"""Metres of the projection from pixel to pixel."""
PROJ = "+proj=geos +h=35786023 +a=6378137 +b=6356752.31414 +lon_0=-75 +sweep=x +units=m +no_defs"


@pytest.fixture(scope="module")
def domain():
    return small_domain()


@pytest.fixture(scope="module")
def root(tmp_path_factory, domain):
    root = tmp_path_factory.mktemp("export")
    write(str(root / KEY), domain)
    return root


@pytest.fixture(scope="module")
def there(root):
    return lake.open(root / KEY)


def image(domain, cube, month, tod, band, metric) -> np.ndarray:
    """What an image of the whole grid should hold, by loops over pixels."""
    stored = values(domain, cube, month)[tod, band, metric]
    side = cube.refinement
    wanted = np.full((domain.grid.shape[0] * side, domain.grid.shape[1] * side), np.nan)
    for pixel, (row, column) in enumerate(zip(domain.row, domain.column, strict=True)):
        block = stored[pixel].reshape(side, side)
        wanted[row * side : (row + 1) * side, column * side : (column + 1) * side] = block
    return wanted


def on_map(file, columns, rows):
    """Metres of the projection at places of the image, counted from its north-west corner."""
    where = file.transform
    return where.c + where.a * columns, where.f + where.e * rows


def assert_placed(lon, lat, file, rows, columns, fine) -> None:
    """Pixel centres, by PROJ from the file's own projection, within a hundredth of a pixel."""
    x, y = on_map(file, columns + 0.5, rows + 0.5)
    to_lonlat = pyproj.Transformer.from_crs(
        file.crs.to_wkt(), pyproj.CRS(file.crs.to_wkt()).geodetic_crs, always_xy=True
    )
    found = to_lonlat.transform(x, y)
    size_deg = 0.02 / fine
    assert_allclose(found[0], lon, rtol=0, atol=size_deg / 100)
    assert_allclose(found[1], lat, rtol=0, atol=size_deg / 100)


@pytest.mark.parametrize("cube", [CUBES[0], CUBES[2]])
def test_geotiff_holds_the_images_where_they_are(there, domain, cube, tmp_path):
    path = tmp_path / "a.tif"
    export.geotiff(there, path, Selection(cube.name, ("m1", "count"), months=(7,), tods=(0, 54000)))
    bands = len(cube.bands)
    with rasterio.open(path) as file:
        assert file.count == 2 * 2 * bands
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.isnan(file.nodata)
        assert file.descriptions[0] == f"{cube.bands[0]} m1 month 7 tod 0"
        assert (file.tags(1)["tod"], file.tags(1 + bands)["tod"]) == ("0", "54000")
        assert file.tags()["key"] == KEY
        for number, (metric, tod, band) in enumerate(
            ((m, t, b) for m in (3, 0) for t in (2, 0) for b in range(bands)), 1
        ):
            wanted = image(domain, cube, 7, tod, band, metric)
            assert_array_equal(file.read(number), wanted)
        masked = file.read(1, masked=True)
        assert masked.mask.sum() == masked.size - domain.pixels * cube.subpixels
        if cube.refinement == 1:
            lon, lat = domain.lonlat()
            assert_placed(lon, lat, file, domain.row, domain.column, 1)
            assert_allclose(file.transform.a, STEP, rtol=1e-9)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_geotiff_of_a_region_is_the_rectangle_around_it(there, domain, tmp_path):
    lon, lat = domain.lonlat()
    box = (
        np.quantile(lon, 0.3),
        np.quantile(lat, 0.3),
        np.quantile(lon, 0.6),
        np.quantile(lat, 0.7),
    )
    west, south, east, north = box
    inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    export.geotiff(there, tmp_path / "r.tif", Selection("day-1km", months=(1,), region=box))
    row, column = domain.row[inside], domain.column[inside]
    with rasterio.open(tmp_path / "r.tif") as file:
        assert file.shape == (2 * (np.ptp(row) + 1), 2 * (np.ptp(column) + 1))
        found = file.read(1)
        assert np.isfinite(found).sum() == 4 * inside.sum()
        whole = image(domain, CUBES[1], 1, 0, 0, 3)
        rows = slice(2 * row.min(), 2 * row.max() + 2)
        part = whole[rows, 2 * column.min() : 2 * column.max() + 2]
        assert_array_equal(found[np.isfinite(found)], part[np.isfinite(found)])
        # the middle of a pixel is the corner of its four subpixels
        x, y = on_map(file, 2 * (column - column.min()) + 1, 2 * (row - row.min()) + 1)
        to_lonlat = pyproj.Proj(PROJ)
        assert_allclose(
            to_lonlat(x, y, inverse=True), (lon[inside], lat[inside]), rtol=0, atol=1e-6
        )


def test_netcdf_is_read_by_netcdf4_xarray_and_gdal(there, domain, tmp_path):
    path = tmp_path / "a.nc"
    export.netcdf(there, path, Selection("day-2km", ("mean", "count"), bands=("C13",)))
    wanted = image(domain, CUBES[0], 7, 1, 1, 3).astype(np.float32)
    with netCDF4.Dataset(path) as file:
        assert file.Conventions == "CF-1.11"
        variable = file["C13_mean"]
        assert variable.dimensions == ("month", "tod", "y", "x")
        assert (variable.units, file["C13_count"].units) == ("K", "1")
        assert variable.cell_methods == "time: mean"
        assert np.isnan(variable._FillValue)
        mapping = file[variable.grid_mapping]
        assert mapping.grid_mapping_name == "geostationary"
        assert mapping.sweep_angle_axis == "x"
        assert set(variable.coordinates.split()) >= {"lat", "lon"}
        assert "crs" not in variable.coordinates.split()
        assert_array_equal(file["month"][:], [1, 7])
        assert_array_equal(variable[1, 1].filled(np.nan), wanted)
        assert_allclose(file["x"][:], domain.grid.x * HEIGHT)
        lon, lat = domain.lonlat()
        assert_allclose(file["lat"][:][domain.row, domain.column], lat)
        assert_allclose(file["lon"][:][domain.row, domain.column], lon)
    with xr.open_dataset(path, engine="netcdf4", decode_coords="all") as opened:
        assert_array_equal(opened["C13_mean"].sel(month=7, tod=64800), wanted)
        assert "crs" in opened.coords
    with rasterio.open(f"netcdf:{path}:C13_count") as file:
        assert file.crs.to_dict()["proj"] == "geos"
        assert_array_equal(file.read(2), image(domain, CUBES[0], 1, 1, 1, 0))
        assert_placed(lon, lat, file, domain.row, domain.column, 1)


def test_parquet_has_a_row_for_each_subpixel_month_and_tod(there, domain, tmp_path):
    path = tmp_path / "a.parquet"
    ring = [(-180.0, -90.0), (180.0, -90.0), (180.0, 90.0), (-180.0, 90.0)]
    region = {"type": "Polygon", "coordinates": [ring]}
    export.parquet(there, path, Selection("day-1km", ("mean", "m2"), (7,), region=region))
    table = pq.read_table(path)
    frame = table.to_pandas()
    assert len(frame) == domain.pixels * 4 * 1 * 3
    assert pq.ParquetFile(path).num_row_groups == -(-domain.pixels // there.layout.superblock)
    stored = values(domain, CUBES[1], 7)
    tods = {tod: number for number, tod in enumerate(CUBES[1].tods)}
    tod = frame["tod"].map(tods).to_numpy()
    for column, metric in (("C01_mean", 3), ("C01_m2", 4)):
        wanted = stored[tod, 0, metric, frame["pixel"], frame["subpixel"]]
        assert_array_equal(frame[column], wanted)
    assert table.schema.field("C01_m2").metadata == {b"units": b"1"}
    x = (domain.grid.x[0] + 2.8e-5 * (frame["column"] - 0.5)) * HEIGHT
    y = (domain.grid.y[0] - 2.8e-5 * (frame["row"] - 0.5)) * HEIGHT
    lon, lat = pyproj.Proj(PROJ)(x, y, inverse=True)
    assert_allclose(frame["lon"], lon, rtol=0, atol=1e-7)
    assert_allclose(frame["lat"], lat, rtol=0, atol=1e-7)
    geo = json.loads(table.schema.metadata[b"geo"])
    assert geo["primary_column"] == "geometry"
    assert geo["columns"]["geometry"] == {"encoding": "WKB", "geometry_types": ["Point"]}
    points = [struct.unpack("<BIdd", point) for point in frame["geometry"][:50]]
    wanted = [(1, 1, *place) for place in zip(frame["lon"][:50], frame["lat"][:50], strict=True)]
    assert points == wanted


@pytest.mark.parametrize(
    ("kind", "tod"), [("geotiff", "15:00"), ("netcdf", "54000"), ("parquet", "00:00")]
)
def test_command_writes_every_format(run_lake, root, tmp_path, kind, tod):
    polygon = tmp_path / "region.json"
    ring = [[-90, 20], [-70, 20], [-70, 60], [-90, 60], [-90, 20]]
    polygon.write_text(
        json.dumps({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}})
    )
    code, out, err = run_lake(
        "export", KEY, "--lake", str(root), "--format", kind, "--out", str(tmp_path / "out"),
        "--cube", "day-2km", "--statistic", "stddev", "--month", "7", "--tod", tod, "--band", "C13",
        "--polygon", str(polygon), "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert json.loads(out)["bytes"] == (tmp_path / "out").stat().st_size > 0


def test_command_takes_the_url_of_a_store_too(run_lake, root, tmp_path):
    code, _, err = run_lake(
        "export", str(root / KEY), "--lake", "/elsewhere", "--format", "parquet",
        "--out", str(tmp_path / "out"), "--cube", "day-2km", "--month", "7",
    )  # fmt: skip
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection("night"), "no cube 'night'"),
        (Selection("day-2km", ("median",)), "no statistic 'median'"),
        (Selection("day-2km", months=(13,)), "no month 13: wanted some of"),
        (Selection("day-2km", bands=("C01",)), r"no band 'C01': wanted some of \['C06', 'C13'\]"),
        (Selection("day-2km", region=(0, 0, 10, 10)), "no pixel of"),
    ],
)
def test_what_the_store_lacks_is_refused_and_nothing_is_written(there, tmp_path, selection, said):
    with pytest.raises(ConfigError, match=said):
        export.netcdf(there, tmp_path / "a.nc", selection)
    assert not list(tmp_path.iterdir())


def test_missing_library_is_named_with_how_to_get_it(there, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
    with pytest.raises(ConfigError, match=r"goeslake\[export\]"):
        export.geotiff(there, tmp_path / "a.tif", Selection("day-2km"))
