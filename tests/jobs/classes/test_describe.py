"""The job `classes`: numbers against plain NumPy on the observations that the store was made from."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lake
from jobs.classes import describe
from jobs.classes.describe import Settings
from jobs.figures import run_maps
from jobs.runs import class_names, driver, outputs, records
from lake.errors import ConfigError, MissingError
from tests.jobs.small import CUBES, MONTHS


@pytest.fixture(scope="module")
def described(client, truth, chain):
    return driver.run(client, truth.root, truth.key, Settings(chain.cluster))


@pytest.fixture(scope="module")
def document(truth, described):
    def refuse(text):
        raise AssertionError(text)

    data = records.folder(truth.root, described).get("classes.json")
    return json.loads(data, parse_constant=refuse)


def members(truth, chain, number):
    return np.flatnonzero(outputs.read(truth.root, chain.cluster, "labels") == number)


def observed(truth, cube, pixels, band):
    """(month, time, tod, pixel, subpixel) observations of a band in some pixels."""
    each = [truth.observed[cube, month][:, :, band][:, :, pixels] for month in MONTHS]
    return np.stack(each)


def test_pixels_and_areas_are_those_of_the_class(truth, chain, document):
    pyproj = pytest.importorskip("pyproj")
    domain = lake.open(f"{truth.root}/{truth.key}").domain
    grid, geod = domain.grid, pyproj.Geod(a=6378137.0, b=6356752.31414)
    to_degrees = pyproj.Transformer.from_crs(
        "+proj=geos +sweep=x +h=35786023 +lon_0=-75 +a=6378137 +b=6356752.31414",
        geod_crs(),
        always_xy=True,
    )
    height, half = 35786023.0, 2.8e-5
    total = 0
    for row in document["classes"]:
        pixels = members(truth, chain, row["number"])
        assert row["pixels"] == pixels.size
        total += pixels.size
        area = 0.0
        for pixel in pixels:
            y, x = grid.y[domain.row[pixel]], grid.x[domain.column[pixel]]
            corners = [
                (y + a * half, x + b * half) for a, b in ((1, -1), (1, 1), (-1, 1), (-1, -1))
            ]
            lon, lat = to_degrees.transform(*(height * np.array(corners)[:, ::-1].T))
            area += abs(geod.polygon_area_perimeter(lon, lat)[0])
        assert row["area_km2"] == pytest.approx(area / 1e6, rel=1e-6)
    assert document["pixels_without_class"] == 1
    assert total == domain.pixels - 1


def geod_crs():
    return "+proj=longlat +a=6378137 +b=6356752.31414"


def test_spectrum_is_over_all_observations_and_its_spread_over_pixels(truth, chain, document):
    for row in document["classes"]:
        pixels = members(truth, chain, row["number"])
        spectrum = {(band["cube"], band["band"]): band for band in row["spectrum"]}
        assert len(spectrum) == 3
        for cube in CUBES:
            for number, name in enumerate(cube.bands):
                values = observed(truth, cube.name, pixels, number)
                band = spectrum[cube.name, name]
                assert band["observations"] == np.isfinite(values).sum()
                assert band["mean"] == pytest.approx(np.nanmean(values), rel=1e-6)
                assert band["stddev"] == pytest.approx(np.nanstd(values), rel=1e-5)
                of_pixels = np.nanmean(values, axis=(0, 1, 2, 4))
                assert band["stddev_between_pixels"] == pytest.approx(of_pixels.std(), rel=1e-5)
    assert spectrum["day-2km", "C13"]["unit"] == "K"
    assert spectrum["day-1km", "C03"]["unit"] == "1"


def test_cycles_are_over_the_other_axis(truth, chain, document):
    row = document["classes"][0]
    pixels = members(truth, chain, row["number"])
    year = next(band for band in row["annual_cycle"] if band["band"] == "C13")
    day = next(band for band in row["diurnal_cycle"] if band["band"] == "C13")
    values = observed(truth, "day-2km", pixels, 1)
    assert year["months"] == list(MONTHS)
    assert_allclose(year["mean"], np.nanmean(values, axis=(1, 2, 3, 4)), rtol=1e-6)
    of_pixels = np.nanmean(values, axis=(1, 2, 4))
    assert_allclose(year["stddev_between_pixels"], np.nanstd(of_pixels, axis=1), rtol=1e-5)
    assert day["tods"] == ["15:00 UTC", "18:00 UTC"]
    assert_allclose(day["mean"], np.nanmean(values, axis=(0, 1, 3, 4)), rtol=1e-6)
    of_pixels = np.nanmean(values, axis=(0, 1, 4))
    assert_allclose(day["stddev_between_pixels"], np.nanstd(of_pixels, axis=1), rtol=1e-5)


def test_typical_pixels_and_nearest_classes_follow_the_mean_vectors(truth, chain, document):
    vectors = outputs.read(truth.root, chain.embed, "embedding").astype(float)
    means = {
        row["number"]: vectors[members(truth, chain, row["number"])].mean(axis=0)
        for row in document["classes"]
    }
    lon, lat = lake.open(f"{truth.root}/{truth.key}").domain.lonlat()
    for row in document["classes"]:
        pixels = members(truth, chain, row["number"])
        distance = np.linalg.norm(vectors[pixels] - means[row["number"]], axis=1)
        nearest = pixels[np.argsort(distance)[:5]]
        typical = row["typical_pixels"]
        assert [place["pixel"] for place in typical] == nearest.tolist()
        assert_allclose([place["distance"] for place in typical], np.sort(distance)[:5], rtol=1e-6)
        assert_allclose([place["lon"] for place in typical], lon[nearest], atol=1e-5)
        assert_allclose([place["lat"] for place in typical], lat[nearest], atol=1e-5)
        apart = {n: np.linalg.norm(mean - means[row["number"]]) for n, mean in means.items()}
        del apart[row["number"]]
        assert [near["number"] for near in row["nearest_classes"]] == sorted(apart, key=apart.get)
        for near in row["nearest_classes"]:
            assert near["distance"] == pytest.approx(apart[near["number"]], rel=1e-6)


def test_classes_of_labels_need_no_run_and_have_their_names(client, truth, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "kinds.parquet"
    pq.write_table(
        pa.table({"pixel": [0, 5, 9, 12], "label": ["wood", "wood", "city", "city"]}), path
    )
    run = driver.run(client, truth.root, truth.key, Settings(labels=str(path)))
    rows = json.loads(records.folder(truth.root, run).get("classes.json"))["classes"]
    assert [(row["name"], row["pixels"]) for row in rows] == [("city", 2), ("wood", 2)]
    assert rows[0]["typical_pixels"] == rows[0]["nearest_classes"] == []
    city = observed(truth, "day-2km", np.array([9, 12]), 0)
    wood = observed(truth, "day-2km", np.array([0, 5]), 0)  # pixel 5 was never observed
    assert rows[0]["spectrum"][0]["mean"] == pytest.approx(np.nanmean(city), rel=1e-6)
    assert rows[1]["spectrum"][0]["mean"] == pytest.approx(np.nanmean(wood), rel=1e-6)
    assert rows[1]["spectrum"][0]["stddev_between_pixels"] is None
    assert "wood" in describe.summary(truth.root, run)


def test_picture_and_summary_have_the_names_of_today(truth, chain, described):
    class_names.change(truth.root, chain.cluster, 1, "irrigated crops", "#88AA33")
    try:
        assert class_names.read(truth.root, described)[1].name == "irrigated crops"
        assert "irrigated crops" in describe.summary(truth.root, described)
        figure = run_maps.draw(truth.root, described).figure
        assert "irrigated crops" in [text.get_text() for text in figure.axes[0].texts]
    finally:
        class_names.change(truth.root, chain.cluster, 1, None, None, forget=True)
    assert class_names.read(truth.root, described)[1].name == "class 1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "wanted one of"),
        ({"run": "cluster-000000000000"}, "no run"),
        ({"typical": -1}, "typical must be"),
        ({"nearest": -1}, "nearest must be"),
    ],
)
def test_impossible_settings_are_refused(truth, settings, message):
    with pytest.raises((ConfigError, MissingError), match=message):
        driver.specs(truth.root, truth.key, Settings(**settings))


def test_run_without_classes_is_refused(truth, chain):
    with pytest.raises(ConfigError, match="is of pca, which gives pixels no classes"):
        driver.specs(truth.root, truth.key, Settings(chain.pca))
