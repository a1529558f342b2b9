"""Features that need no observation: places by pyproj, the sun by another algorithm."""

import shutil

import numpy as np
import pyproj
import pytest
import rasterio
from numpy.testing import assert_allclose

import lake
from jobs.features import features, static
from jobs.features.features import Feature, FeatureSelection
from jobs.imported import import_vectors
from jobs.linear import linear_model
from jobs.runs import driver
from lake.errors import ConfigError, MissingError
from lake.format import domain as domains
from lake.format.grid import Grid, Projection
from lake.format.order import Layout

PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, longitude_of_projection_origin=-75.0)
DOMAIN = domains.from_mask(
    np.ones((5, 7), bool),
    Grid(PROJECTION, np.linspace(0.12, 0.06, 5), np.linspace(-0.06, 0.03, 7)),
    Layout(16, 4),
)
SUN = [  # the 15th of a month of 2019, s, degrees: true zenith and azimuth by NREL's SPA, pvlib 0.16.1
    (1, 54000, -100.0, 40.0, 81.128, 127.345),
    (6, 64800, -75.0, 25.0, 13.669, 266.022),
    (7, 64800, -100.0, 19.5, 10.950, 77.598),
    (10, 79200, -120.0, 47.0, 63.153, 217.784),
    (3, 50400, -60.0, -10.0, 32.995, 78.286),
    (12, 64800, -58.0, -34.0, 30.908, 281.467),
]


def angle(zenith, azimuth, other_zenith, other_azimuth):
    """Between two directions, degrees."""
    a, b = (
        np.array([np.sin(z) * np.sin(x), np.sin(z) * np.cos(x), np.cos(z)])
        for z, x in np.deg2rad([(zenith, azimuth), (other_zenith, other_azimuth)])
    )
    return np.rad2deg(np.arccos(np.clip(a @ b, -1, 1)))


@pytest.mark.parametrize(("month", "tod", "lon", "lat", "zenith", "azimuth"), SUN)
def test_sun_is_where_another_algorithm_has_it(month, tod, lon, lat, zenith, azimuth):
    computed = (float(value) for value in static.sun(month, tod, np.array(lon), np.array(lat)))
    assert angle(*computed, zenith, azimuth) < 0.01


def test_places_and_view_are_those_of_pyproj():
    projection = pyproj.CRS.from_cf(PROJECTION.cf_attributes())
    x, y = (
        angles * PROJECTION.perspective_point_height
        for angles in (DOMAIN.grid.x[DOMAIN.column], DOMAIN.grid.y[DOMAIN.row])
    )
    to_degrees = pyproj.Transformer.from_crs(projection, projection.geodetic_crs, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    rows = list(static.features(static.QUANTITIES[:4], (), ()))
    assert [(row.quantity, row.form) for row in rows] == [
        ("latitude", "value"), ("longitude", "value"), ("view_zenith", "value"),
        ("view_azimuth", "sin"), ("view_azimuth", "cos"),
    ]  # fmt: skip
    latitude, longitude, zenith, sine, cosine = static.values(DOMAIN, rows, slice(0, 35))
    assert_allclose(latitude, lat, rtol=1e-5)
    assert_allclose(longitude, lon, rtol=1e-5)
    height = PROJECTION.perspective_point_height
    for pixel in range(35):
        local = pyproj.Transformer.from_pipeline(
            f"+proj=pipeline +step +proj=cart +a={PROJECTION.semi_major_axis} "
            f"+b={PROJECTION.semi_minor_axis} +step +proj=topocentric +a={PROJECTION.semi_major_axis} "
            f"+b={PROJECTION.semi_minor_axis} +lon_0={lon[pixel]} +lat_0={lat[pixel]} +h_0=0"
        )
        east, north, up = local.transform(-75.0, 0.0, height)
        assert zenith[pixel] == pytest.approx(
            np.rad2deg(np.arctan2(np.hypot(east, north), up)), abs=1e-3
        )
        distance = np.hypot(east, north)
        assert_allclose(
            (sine[pixel], cosine[pixel]), (east / distance, north / distance), atol=1e-5
        )


def test_sun_has_a_feature_for_every_month_and_time_of_day():
    rows = list(static.features(("solar_zenith", "solar_azimuth"), (2, 7), (54000, 64800)))
    assert len(rows) == 4 + 8
    blocks = static.values(DOMAIN, rows, slice(3, 10))
    assert blocks.shape == (12, 7)
    azimuths = [n for n, row in enumerate(rows) if row.quantity == "solar_azimuth"]
    for n in azimuths[::2]:
        assert_allclose(blocks[n] ** 2 + blocks[n + 1] ** 2, 1, rtol=1e-5)


def test_named_with_others_they_come_last_and_are_read_alike(truth):
    store = lake.open(f"{truth.root}/{truth.key}")
    asked = FeatureSelection(
        cubes=("day-2km",), statistics=("mean",), static=("latitude", "solar_zenith")
    )
    selection = features.resolve(asked, store)
    names = [str(feature) for feature in features.columns(selection, store.cubes.values())]
    assert names[-5:] == [
        "static/latitude/00/0/value",
        *(f"static/solar_zenith/{m:02d}/{t}/value" for m in (2, 7) for t in (54000, 64800)),
    ]
    assert [str(Feature.parse(name)) for name in names] == names
    x = features.read(store, selection, slice(10, 30))
    assert_allclose(x[-5], store.domain.lonlat()[1][10:30], rtol=1e-6)
    unseen = features.read(store, selection, slice(5, 6))
    assert np.isnan(unseen).all()  # the pixel without any observation
    source = linear_model.feature_source(store, [names[0], *names[-2:]], suspect=False)
    (block,) = linear_model.blocks(
        truth.root, "none", source, [names[0], *names[-2:]], slice(10, 30)
    )
    assert_allclose(block, x[[0, -2, -1]])


@pytest.fixture(scope="module")
def elevation(client, truth, tmp_path_factory):
    """A run of heights of an image, 100 m for each degree north."""
    path = tmp_path_factory.mktemp("heights") / "heights.tif"
    rows = np.linspace(60, 10, 5000)[:, None]  # 0.01 degrees
    place = rasterio.Affine(0.05, 0, -130, 0, -0.01, 60.005)
    with rasterio.open(
        path, "w", driver="GTiff", width=1600, height=5000, count=1, dtype="float32", crs="EPSG:4326",
        transform=place,
    ) as image:  # fmt: skip
        image.write(np.broadcast_to(100 * rows, (5000, 1600)).astype(np.float32), 1)
    return driver.run(client, truth.root, truth.key, import_vectors.Settings(str(path)))


def test_imported_vectors_are_features_beside_the_others(truth, elevation):
    store = lake.open(f"{truth.root}/{truth.key}")
    asked = FeatureSelection(
        cubes=("day-2km",), months=(7,), statistics=("mean",), static=(elevation, "latitude")
    )
    selection = features.resolve(asked, store)
    assert selection.static == (f"{elevation}:0", "latitude")
    assert features.resolve(selection, store) == selection
    names = [str(feature) for feature in features.columns(selection, store.cubes.values())]
    assert names[-2:] == [f"static/{elevation}:0/00/0/value", "static/latitude/00/0/value"]
    x = features.read(store, selection, slice(10, 30))
    assert_allclose(x[-2], 100 * x[-1], atol=1.1)  # rows of the image are 0.01 degrees apart
    source = linear_model.feature_source(store, names, suspect=False)
    (block,) = linear_model.blocks(truth.root, "none", source, names, slice(10, 30))
    assert_allclose(block, x)


def test_vectors_of_other_pixels_or_none_are_refused(truth, elevation, tmp_path):
    store = lake.open(f"{truth.root}/{truth.key}")
    with pytest.raises(ConfigError, match=f"'{elevation}:1' is not there: .* has numbers 0 to 0"):
        features.resolve(FeatureSelection(static=(f"{elevation}:1",)), store)
    with pytest.raises(MissingError, match="import-0123456789ab"):
        features.resolve(FeatureSelection(static=("import-0123456789ab",)), store)
    alone = tmp_path / "alone.zarr"
    shutil.copytree(store.plain_url.removeprefix("file://"), alone)
    with pytest.raises(ConfigError, match="lies in no lake"):
        features.resolve(FeatureSelection(static=(elevation,)), lake.open(str(alone)))


def test_quantity_that_is_not_there_is_refused():
    with pytest.raises(
        ConfigError, match=r"static: 'height' is not there; wanted some of latitude"
    ):
        FeatureSelection(static=("height",))
