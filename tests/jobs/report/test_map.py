import io
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

import lake
from jobs.figures import principal_axes, run_maps
from jobs.report import map as maps
from jobs.report import map_figures
from jobs.report.map import Settings
from jobs.report.map_figures import PICTURES
from jobs.runs import class_names, driver, outputs, records
from lake.errors import ConfigError, MissingError
from lake.plot import canvas, layers, views
from lake.reading import classes

OF_STORE = ("domain", "counts", "mean", "order")


@pytest.fixture(scope="module")
def map_run(client, truth, chain):
    """A map of all pictures of the chain's clusters, and what they are made from."""
    return driver.run(client, truth.root, truth.key, Settings(run=chain.cluster))


def pictures_of(truth, run):
    pictures = json.loads(records.folder(truth.root, run).get("pictures.json"))
    return {picture["name"]: picture for picture in pictures}


def observed(truth, cube):
    """(pixel,) and (month, tod) observations of a band, a pixel's mean over its subpixels."""
    months = {month: values for (name, month), values in truth.observed.items() if name == cube}
    counts = {m: (~np.isnan(v[:, :, 0])).mean(axis=-1) for m, v in months.items()}
    per_time = np.zeros((12, next(iter(counts.values())).shape[1]))
    for month, month_counts in counts.items():
        per_time[month - 1] = month_counts.sum(axis=(0, 2))
    return sum(month_counts.sum(axis=(0, 1)) for month_counts in counts.values()), per_time


def test_every_picture_is_a_png_with_a_title_and_a_caption(truth, map_run):
    pictures = pictures_of(truth, map_run)
    assert tuple(pictures) == PICTURES
    objects = records.folder(truth.root, map_run)
    for picture in pictures.values():
        image = Image.open(io.BytesIO(objects.get(picture["file"])))
        image.load()
        assert image.width > 500
        assert image.text["Description"] == picture["caption"]
        assert image.text["Title"] == f"{picture['title']}: {truth.key}"
        assert map_run in image.text["Source"]
        assert picture["caption"].endswith(".")


def test_runs_that_clusters_build_on_are_drawn_with_them(truth, map_run, chain):
    inputs = {"pca": chain.pca, "embed": chain.embed, "cluster": chain.cluster}
    assert dict(records.read_spec(truth.root, map_run).inputs) == inputs


def test_map_is_made_once(client, truth, map_run, chain, capsys):
    again = driver.run(client, truth.root, truth.key, Settings(run=chain.cluster))
    assert again == map_run
    assert f"{map_run}: already done" in capsys.readouterr().err


def test_captions_tell_the_numbers_of_the_store(truth, map_run):
    pictures = pictures_of(truth, map_run)
    counts, per_time = observed(truth, "day-2km")
    observed_counts = counts[counts > 0]
    low, high = observed_counts.min(), observed_counts.max()
    phrase = f"{np.median(observed_counts):.0f} in the median pixel, from {low:.0f} to {high:.0f}"
    assert phrase in pictures["counts"]["caption"]
    assert "Grey: 1 pixel without any." in pictures["counts"]["caption"]
    month, tod = np.unravel_index(per_time.argmax(), per_time.shape)
    month_name, clock = {1: "February", 6: "July"}[month], ("15:00", "18:00")[tod]
    caption = pictures["mean"]["caption"]
    assert (
        f"C13 (10.35 µm) over all clear-sky observations in {month_name} at {clock} UTC" in caption
    )
    means = np.nanmean(
        np.delete(truth.observed["day-2km", month + 1][:, tod, 1, :, 0], 5, 1), axis=0
    )
    low, high = np.nanpercentile(means, (1, 99))
    assert f"{low:.1f} to {high:.1f} K" in caption
    assert (
        "675 pixels of the store (green) of a fixed grid of 25 x 27"
        in pictures["domain"]["caption"]
    )
    assert "The 3 clusters" in pictures["clusters"]["caption"]
    assert "the 6-dimensional embedding" in pictures["embedding"]["caption"]


def test_pictures_of_the_store_alone_need_no_runs(client, truth):
    run = driver.run(client, truth.root, truth.key, Settings(pictures=OF_STORE))
    assert tuple(pictures_of(truth, run)) == OF_STORE
    assert records.read_spec(truth.root, run).inputs == {}


def test_chosen_month_time_and_band_are_drawn(client, truth):
    settings = Settings(pictures=("mean",), cube="day-1km", month=2, tod=64800)
    run = driver.run(client, truth.root, truth.key, settings)
    caption = pictures_of(truth, run)["mean"]["caption"]
    assert "reflectance factor of C03 (0.865 µm)" in caption
    assert "in February at 18:00 UTC" in caption


def test_observations_are_those_that_went_in(client, truth):
    store = lake.open(f"{truth.root}/{truth.key}")
    for cube, band in (("day-2km", "C13"), ("day-1km", "C03")):
        pixels = slice(0, store.domain.pixels)
        of_pixel, of_time = map_figures._count_observations(store.url, cube, band, pixels)
        wanted_pixel, wanted_time = observed(truth, cube)
        assert_allclose(of_pixel, wanted_pixel)
        assert_allclose(of_time, wanted_time)


def test_embedding_is_turned_to_its_principal_axes(client, truth, chain):
    embedding = outputs.read(truth.root, chain.embed, "embedding")
    vectors = embedding[np.isfinite(embedding).all(axis=1)].astype(np.float64)
    half = len(embedding) // 2
    halves = slice(0, half), slice(half, len(embedding))
    parts = [principal_axes.sums(truth.root, chain.embed, "embedding", rows) for rows in halves]
    mean, axes, shares = principal_axes.axes(parts)
    oracle = PCA(3).fit(vectors)
    assert_allclose(shares, oracle.explained_variance_ratio_, rtol=1e-9)
    turned = [
        principal_axes.project(truth.root, chain.embed, "embedding", mean, axes, r) for r in halves
    ]
    projected, expected = np.concatenate(turned), oracle.transform(vectors)
    has_vector = np.isfinite(projected).all(axis=1)
    assert_array_equal(has_vector, np.isfinite(embedding).all(axis=1))
    assert_allclose(np.abs(projected[has_vector]), np.abs(expected), atol=1e-6)


def test_axes_turned_to_components_are_those_of_the_orthogonal_procrustes_problem():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(200, 3)) * [5, 2, 1] + 4
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    values = (reference / reference.std(axis=0)) @ rotation.T + 0.1 * rng.normal(size=(200, 3)) - 7
    values[:9, 1], reference[9:12] = np.nan, np.nan
    turned = principal_axes.turned(values, reference)
    known = np.arange(12, 200)
    own, wanted = (x - x.mean(axis=0) for x in (values[known], reference[known]))
    oracle = orthogonal_procrustes(own, wanted / wanted.std(axis=0))[0]
    assert_allclose(turned[known], own @ oracle, atol=1e-9)
    for axis in range(3):
        assert np.corrcoef(turned[known, axis], reference[known, axis])[0, 1] > 0.95
    assert_allclose(pdist(turned[known]), pdist(values[known]))
    assert np.isnan(turned[:9]).all()
    assert np.isfinite(turned[9:]).all()


def test_comparison_shows_three_maps_of_one_size_and_the_runs_it_needs(client, truth, chain):
    settings = Settings(run=chain.cluster, pictures=("comparison",))
    run = driver.run(client, truth.root, truth.key, settings)
    inputs = {"pca": chain.pca, "embed": chain.embed, "cluster": chain.cluster}
    assert dict(records.read_spec(truth.root, run).inputs) == inputs
    store = records.open_store(truth.root, str(truth.key))
    place = run_maps.Place(str(store.key), store.domain, views.around(store.domain))
    captioned = run_maps.comparison(
        truth.root, chain.pca, chain.embed, chain.cluster, place,
        lambda task, *arguments: [task(*arguments, slice(0, store.domain.pixels))],
    )  # fmt: skip
    canvas.fit(captioned.figure)
    boxes = [axes.get_position() for axes in captioned.figure.axes]
    assert len(boxes) == 3
    assert_allclose([box.size for box in boxes], [boxes[0].size] * 3)
    assert boxes[0].x1 < boxes[1].x0 < boxes[1].x1 < boxes[2].x0
    assert "its 3 clusters" in captioned.caption


def test_fewer_dimensions_than_colours_leave_the_others_empty():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 2)) * [3, 1]
    mean, axes, shares = principal_axes.axes([(100, values.sum(0), values.T @ values)])
    assert axes.shape == (2, 3)
    assert shares[2] == 0
    assert shares[:2].sum() == pytest.approx(1)
    assert_array_equal(((values - mean) @ axes)[:, 2], 0)


def test_most_observed_month_and_time_within_what_is_asked_for():
    counts = np.zeros((12, 3))
    counts[6, 1], counts[1, 2], counts[1, 0] = 9, 8, 5
    tods = (0, 43200, 64800)
    assert layers.most_observed(counts, tods, 0, -1) == (7, 43200)
    assert layers.most_observed(counts, tods, 2, -1) == (2, 64800)
    assert layers.most_observed(counts, tods, 0, 0) == (2, 0)
    assert layers.most_observed(counts, tods, 7, 64800) == (7, 64800)


def test_band_nearest_to_the_clean_window_is_drawn_by_default(truth):
    store = lake.open(f"{truth.root}/{truth.key}")
    settings = maps.resolve(Settings(), store)
    assert (settings.cube, settings.band) == ("day-2km", "C13")
    assert maps.resolve(Settings(cube="day-1km"), store).band == "C03"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"band": "C02"}, "day-2km C07 C13; day-1km C03"),
        ({"cube": "day-1km", "band": "C13"}, "band='C13'"),
        ({"tod": 3600}, "day-2km of .* has \\(54000, 64800\\)"),
        ({"phase": 4}, "phase must be 0 to 3, found 4"),
    ],
)
def test_what_the_store_lacks_is_a_configuration_error(client, truth, wrong, message):
    with pytest.raises(ConfigError, match=message):
        driver.run(client, truth.root, truth.key, Settings(**wrong))


def test_unknown_pictures_are_refused():
    with pytest.raises(ConfigError, match="pictures must be some of domain, counts"):
        Settings(pictures=("domain", "photo"))
    with pytest.raises(ConfigError, match="pictures must be some of"):
        Settings(pictures=())


def test_a_run_without_pictures_is_refused(client, truth, chain):
    with pytest.raises(
        ConfigError, match="of sample, which has no picture here: wanted one of pca"
    ):
        driver.specs(truth.root, truth.key, Settings(run=chain.sample))


def test_run_that_is_not_there_is_told_before_anything_is_drawn(client, truth):
    with pytest.raises(MissingError, match="no run 'cluster-0'"):
        driver.run(client, truth.root, truth.key, Settings(run="cluster-0"))


@pytest.mark.parametrize("projection", ["fixed", "platecarree"])
def test_plot_shows_the_clusters_of_a_run_at_their_pixels(truth, chain, projection):
    captioned = run_maps.draw(truth.root, chain.cluster, projection)
    axes = captioned.figure.axes[0]
    labels = outputs.read(truth.root, chain.cluster, "labels")
    image = axes.images[-1].get_array()
    domain = lake.open(f"{truth.root}/{truth.key}").domain
    west, east, south, north = axes.images[-1].get_extent()
    x, y = views.select(domain, projection).place(*domain.lonlat())
    row = ((north - y) / (north - south) * image.shape[0]).astype(int)
    column = ((x - west) / (east - west) * image.shape[1]).astype(int)
    expected = classes.rgb(class_names.read(truth.root, chain.cluster))[labels]
    assert_allclose(image[row, column, :3][labels >= 0], expected[labels >= 0])


def test_plot_turns_an_embedding_as_the_job_does(client, truth, map_run, chain):
    captioned = run_maps.draw(truth.root, chain.embed)
    assert captioned.caption == pictures_of(truth, map_run)["embedding"]["caption"]
    assert (
        run_maps.draw(truth.root, chain.pca).caption
        == pictures_of(truth, map_run)["pca"]["caption"]
    )


def test_plot_of_a_run_without_colours_names_those_with(truth, chain):
    with pytest.raises(
        ConfigError,
        match=r"of sample, .* pca, mnf, gcca, factor, embed, transform, umap, trajectory, join, import",
    ):
        run_maps.draw(truth.root, chain.sample)
