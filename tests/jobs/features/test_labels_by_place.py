"""Labels by longitude and latitude, by rasters in any projection, and by polygons."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.transform import Affine

import lake
from jobs.features import labels
from jobs.features.pixel_classes import majority
from lake.errors import ConfigError, DataError

HEIGHT, STEP = 35786023.0, 5.6e-5 * 35786023.0
PROJ = "+proj=geos +h=35786023 +a=6378137 +b=6356752.31414 +lon_0=-75 +sweep=x +units=m +no_defs"


@pytest.fixture(scope="module")
def store(truth):
    return lake.open(f"{truth.root}/{truth.key}")


@pytest.fixture(scope="module")
def lonlat(store):
    """By PROJ, not by this project."""
    domain = store.domain
    x, y = domain.grid.x[domain.column] * HEIGHT, domain.grid.y[domain.row] * HEIGHT
    return pyproj.Proj(PROJ)(x, y, inverse=True)


def read(path, store, column="label"):
    return labels.classes(str(path), labels.digest(str(path)), store, column)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_points_are_of_the_pixels_that_contain_them(name, store, lonlat, tmp_path):
    lon, lat = (axis[[7, 2, 2, 2, 9, 9]] for axis in lonlat)
    lon = lon + np.array([0.004, -0.004, 0.001, 0.002, 0, 0.003])  # a pixel is 0.02 degrees wide
    lon, lat = np.append(lon, [-20.0, -75.0]), np.append(lat, [10.0, -80.0])
    kinds = ["wood", "city", "wood", "city", "wood", "city", "wood", "wood"]
    table = pa.table({"lon": lon, "lat": lat, "kind": kinds})
    if name == "x.csv":
        rows = [f"{x},{y},{kind}" for x, y, kind in zip(lon, lat, kinds, strict=True)]
        (tmp_path / name).write_text("\n".join(["lon,lat,kind", *rows]))
    else:
        pq.write_table(table, tmp_path / name)
    found = read(tmp_path / name, store, "kind")
    assert found.names == ("city", "wood")
    labelled = np.flatnonzero(found.labels >= 0)
    assert labelled.tolist() == [2, 7, 9]
    assert [found.names[found.labels[pixel]] for pixel in labelled] == ["city", "wood", "city"]
    outside, several = found.notes
    assert outside.startswith("2 of 8 points of")
    assert several.startswith("2 pixels have points of different labels")
    assert "in 1 of them" in several  # pixel 9


def test_points_without_label_are_none_and_quantities_are_means(store, lonlat, tmp_path):
    lon, lat = (axis[[3, 3, 4]] for axis in lonlat)
    rows = [f"{x},{y},{kind},{height}" for x, y, kind, height in zip(
        lon, lat, ["wood", "", "city"], [10.0, 20.0, 5.0], strict=True
    )]  # fmt: skip
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["lon,lat,label,height", *rows]))
    found = read(path, store)
    assert [found.names[n] for n in found.labels[[3, 4]]] == ["wood", "city"]
    assert found.notes == ()
    height = labels.quantities(str(path), labels.digest(str(path)), store, ("height",))["height"]
    assert height[[3, 4]].tolist() == [15.0, 5.0]
    assert np.isnan(height).sum() == store.domain.pixels - 2


def test_table_of_pixels_with_places_is_by_its_pixels(store, tmp_path):
    pq.write_table(
        pa.table({"pixel": [1], "lon": [0.0], "lat": [0.0], "label": [3]}), tmp_path / "x.parquet"
    )
    assert read(tmp_path / "x.parquet", store).labels[1] == 3


def test_points_that_all_lie_elsewhere_are_bad_input(store, tmp_path):
    (tmp_path / "x.csv").write_text("lon,lat,label\n10,50,1\n11,51,2\n")
    with pytest.raises(DataError, match=r"none of 2 points of .* lies in a pixel"):
        read(tmp_path / "x.csv", store)
    (tmp_path / "y.csv").write_text("lon,lat,label\nwest,50,1\n")
    with pytest.raises(DataError, match=r"'lon' .* is string: wanted degrees"):
        read(tmp_path / "y.csv", store)


def test_majority_equals_a_count_in_python():
    random = np.random.default_rng(1)
    pixel, values = random.integers(-1, 20, 300), random.integers(-1, 4, 300)
    found, several, ties = majority(pixel, values, 25)
    expected_several = expected_ties = 0
    for p in range(25):
        counts = Counter(values[(pixel == p) & (values >= 0)].tolist())
        if not counts:
            assert found[p] == -1
            continue
        most = max(counts.values())
        winners = [value for value, count in counts.items() if count == most]
        assert found[p] == min(winners)
        expected_several += len(counts) > 1
        expected_ties += len(winners) > 1
    assert (several, ties) == (expected_several, expected_ties)
    assert majority(np.array([-1]), np.array([3]), 2)[0].tolist() == [-1, -1]


def write(path, image, transform, crs, **profile):
    with rasterio.open(
        path, "w", driver="GTiff", height=image.shape[0], width=image.shape[1], count=1,
        dtype=image.dtype, transform=transform, crs=crs, **profile,
    ) as file:  # fmt: skip
        file.write(image, 1)


def test_raster_of_a_finer_grid_gives_each_pixel_its_majority(store, tmp_path):
    """Five by five cells in every pixel, by the satellite's own projection: counted in NumPy."""
    grid, shape = store.domain.grid, store.domain.grid.shape
    random = np.random.default_rng(0)
    image = random.integers(0, 4, (shape[0] * 5, shape[1] * 5)).astype(np.uint8)
    corner = (grid.x[0] * HEIGHT - STEP / 2, grid.y[0] * HEIGHT + STEP / 2)
    write(tmp_path / "x.tif", image, Affine(STEP / 5, 0, corner[0], 0, -STEP / 5, corner[1]), PROJ)
    cells = image.reshape(shape[0], 5, shape[1], 5).swapaxes(1, 2).reshape(*shape, 25)
    counts = np.stack([(cells == value).sum(axis=-1) for value in range(4)], axis=-1)
    found = read(tmp_path / "x.tif", store).labels
    of_pixel = counts[store.domain.row, store.domain.column]
    assert (of_pixel[np.arange(len(found)), found] == of_pixel.max(axis=1)).all()


def test_raster_by_longitude_and_latitude_is_brought_to_the_pixels(store, lonlat, tmp_path):
    """Bands of latitude, 12 pixels wide: what lies inside a band is known without resampling."""
    lon, lat = lonlat
    north, west = lat.max() + 0.5, lon.min() - 0.5
    step = 0.004
    rows, columns = int((north - lat.min() + 0.5) / step), int((lon.max() + 0.5 - west) / step)
    centres = north - step * (np.arange(rows) + 0.5)
    image = np.repeat((np.floor(centres / 0.2) % 5).astype(np.int16)[:, None], columns, axis=1)
    image[:, : columns // 2] += 5
    write(tmp_path / "x.tif", image, Affine(step, 0, west, 0, -step, north), "EPSG:4326", nodata=-7)
    found = read(tmp_path / "x.tif", store)
    expected = np.floor(lat / 0.2) % 5 + np.where(lon < west + step * (columns // 2), 5, 0)
    edge_lat = np.abs(lat / 0.2 - np.rint(lat / 0.2)) * 0.2 < 0.02
    edge_lon = np.abs(lon - (west + step * (columns // 2))) < 0.02
    inner = ~(edge_lat | edge_lon)
    assert inner.mean() > 0.6
    assert_array_equal(found.labels[inner], expected[inner])
    assert len(np.unique(expected)) > 4


def test_raster_of_part_of_the_pixels_leaves_the_others_without_class(store, lonlat, tmp_path):
    lon, lat = lonlat
    middle = np.median(lat)
    image = np.full((100, 400), 2, np.uint8)
    image[:, ::2] = 255
    west = lon.min() - 0.3
    write(
        tmp_path / "x.tif",
        image,
        Affine(0.01, 0, west, 0, -0.01, middle + 1),
        "EPSG:4326",
        nodata=255,
    )
    found = read(tmp_path / "x.tif", store)
    north = lat > middle + 0.02
    assert (found.labels[north] == 2).all()
    assert (found.labels[lat < middle - 0.03] == -1).all()
    assert f"{(found.labels < 0).sum()} of 675 pixels have no label" in found.notes[0]


def test_exported_classes_come_back_with_their_names(store, tmp_path):
    grid, shape = store.domain.grid, store.domain.grid.shape
    image = (np.add.outer(np.arange(shape[0]), np.arange(shape[1])) % 3).astype(np.uint8)
    corner = (grid.x[0] * HEIGHT - STEP / 2, grid.y[0] * HEIGHT + STEP / 2)
    path = tmp_path / "x.tif"
    write(path, image, Affine(STEP, 0, corner[0], 0, -STEP, corner[1]), PROJ)
    with rasterio.open(path, "r+") as file:
        file.update_tags(1, class_1="wood", class_2="city")
    found = read(path, store)
    assert found.names == ("0", "wood", "city")
    assert_array_equal(found.labels, image[store.domain.row, store.domain.column])


def test_raster_elsewhere_or_of_another_kind_is_bad_input(store, tmp_path):
    image, place = np.ones((9, 9), np.uint8), Affine(0.1, 0, 10, 0, -0.1, 50)
    write(tmp_path / "x.tif", image, place, "EPSG:4326")
    with pytest.raises(
        DataError, match=r"has no label in any pixel .* covers 10 to 10.9 and 49.1 to 50"
    ):
        read(tmp_path / "x.tif", store)
    write(tmp_path / "y.tif", image.astype(np.float32), place, "EPSG:4326")
    with pytest.raises(DataError, match="1 layers of float32: wanted one of whole numbers"):
        read(tmp_path / "y.tif", store)
    write(tmp_path / "z.tif", image, place, None)
    with pytest.raises(DataError, match="not in which projection"):
        read(tmp_path / "z.tif", store)


def square(lon, lat, half, **properties):
    ring = [
        (lon + a * half, lat + b * half) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    return {
        "type": "Feature", "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }  # fmt: skip


@pytest.fixture
def features(lonlat):
    lon, lat = lonlat
    west, east = np.quantile(lon, [0.25, 0.6])
    middle = np.median(lat)
    return {
        "type": "FeatureCollection",
        "features": [
            square(west, middle, 0.1, kind="wood", code=4),
            square(east, middle, 0.1, kind="city", code=2),
            square(west + 0.05, middle, 0.1, kind="city", code=2),
            square(east, middle + 9, 0.1, kind=None, code=None),
        ],
    }


def within(lonlat, lon, lat, half=0.1):
    return (np.abs(lonlat[0] - lon) <= half) & (np.abs(lonlat[1] - lat) <= half)


@pytest.mark.parametrize("name", ["x.geojson", "x.gpkg", "x.shp"])
def test_polygons_label_the_pixels_whose_centres_they_hold(name, features, store, lonlat, tmp_path):
    path = tmp_path / name
    if name == "x.geojson":
        path.write_text(json.dumps(features))
    else:
        geopandas = pytest.importorskip("geopandas")
        table = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326")
        table.to_crs("EPSG:5070" if name == "x.gpkg" else "EPSG:4326").to_file(path)
    found = read(path, store, "kind")
    assert found.names == ("city", "wood")
    west, east = np.quantile(lonlat[0], [0.25, 0.6])
    middle = np.median(lonlat[1])
    wood, city, later = (within(lonlat, x, middle) for x in (west, east, west + 0.05))
    expected = np.where(wood, 1, np.where(city | later, 0, -1))
    if name == "x.gpkg":  # edges are straight in its own projection
        inner = within(lonlat, west, middle, 0.09) | within(lonlat, east, middle, 0.09)
        assert_array_equal(found.labels[inner], expected[inner])
    else:
        assert_array_equal(found.labels, expected)
        contested = (wood & later).sum()
        assert contested > 0
        assert found.notes[1].startswith(f"{contested} pixels lie in polygons of different labels")
    numbers = read(path, store, "code").labels
    assert set(np.unique(numbers)) == {-1, 2, 4}
    assert_array_equal(numbers == 4, found.labels == 1)


def test_polygons_without_the_attribute_or_elsewhere_are_said(features, store, tmp_path):
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps(features))
    with pytest.raises(ConfigError, match="no attribute 'label': they have code, kind"):
        read(path, store)
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [square(50, 10, 1, label=1)]})
    )
    with pytest.raises(DataError, match=r"no pixel of .* lies in a polygon"):
        read(path, store)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    with pytest.raises(DataError, match="holds no polygon"):
        read(path, store)
    path.write_text(json.dumps(square(50, 10, 1, label=1.5)))
    with pytest.raises(DataError, match="holds fractions"):
        read(path, store)
    path.write_text("no json")
    with pytest.raises(ConfigError, match=r"cannot read .* as GeoJSON"):
        read(path, store)


def test_digest_of_a_shapefile_knows_its_attributes(features, tmp_path):
    geopandas = pytest.importorskip("geopandas")
    table = geopandas.GeoDataFrame.from_features(features, crs="EPSG:4326")
    table.to_file(tmp_path / "x.shp")
    before = labels.digest(str(tmp_path / "x.shp"))
    assert labels.digest(str(tmp_path / "x.shp")) == before
    table["kind"] = "wood"
    table.to_file(tmp_path / "x.shp")
    assert labels.digest(str(tmp_path / "x.shp")) != before


def test_notes_are_said_once_when_a_job_is_asked_for(store, lonlat, tmp_path, capsys):
    lon, lat = (axis[[7, 2]] for axis in lonlat)
    (tmp_path / "x.csv").write_text(
        f"lon,lat,label\n{lon[0]},{lat[0]},1\n{lon[1]},{lat[1]},2\n0,0,1\n"
    )
    labels.resolve(str(tmp_path / "x.csv"), store, "label")
    assert capsys.readouterr().err.count("1 of 3 points") == 1
    with pytest.raises(ConfigError, match=r"must end in one of \.parquet, \.csv"):
        labels.resolve(str(tmp_path / "x.xlsx"), store, "label")
