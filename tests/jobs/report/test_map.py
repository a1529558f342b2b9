import io
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.decomposition import PCA

import lake
from jobs.figures import principal_axes, run_maps
from jobs.report import map as maps
from jobs.report import sources
from jobs.report.map import Settings
from jobs.report.sources import PLATES
from jobs.runs import driver, outputs, records
from lake.errors import ConfigError, MissingError
from lake.plot import colours, layers, view

OF_STORE = ("domain", "counts", "mean", "order")


@pytest.fixture(scope="module")
def drawn(client, truth, chain):
    """A map of all pictures of the chain's clusters, and what they are made from."""
    return driver.run(client, truth.root, truth.key, Settings(run=chain.cluster))


def listed(truth, run):
    found = json.loads(records.folder(truth.root, run).get("pictures.json"))
    return {picture["name"]: picture for picture in found}


def observed(truth, cube):
    """(pixel,) and (month, tod) observations of a band, a pixel's mean over its subpixels."""
    months = {month: values for (name, month), values in truth.observed.items() if name == cube}
    seen = {m: (~np.isnan(v[:, :, 0])).mean(axis=-1) for m, v in months.items()}
    of_time = np.zeros((12, next(iter(seen.values())).shape[1]))
    for month, counts in seen.items():
        of_time[month - 1] = counts.sum(axis=(0, 2))
    return sum(counts.sum(axis=(0, 1)) for counts in seen.values()), of_time


def test_every_picture_is_a_png_with_a_title_and_a_caption(truth, drawn):
    pictures = listed(truth, drawn)
    assert tuple(pictures) == PLATES
    objects = records.folder(truth.root, drawn)
    for picture in pictures.values():
        image = Image.open(io.BytesIO(objects.get(picture["file"])))
        image.load()
        assert image.width > 500
        assert image.text["Description"] == picture["caption"]
        assert image.text["Title"] == f"{picture['title']}: {truth.key}"
        assert drawn in image.text["Source"]
        assert picture["caption"].endswith(".")


def test_runs_that_clusters_build_on_are_drawn_with_them(truth, drawn, chain):
    wanted = {"pca": chain.pca, "embed": chain.embed, "cluster": chain.cluster}
    assert dict(records.read_spec(truth.root, drawn).inputs) == wanted


def test_map_is_made_once(client, truth, drawn, chain, capsys):
    again = driver.run(client, truth.root, truth.key, Settings(run=chain.cluster))
    assert again == drawn
    assert f"{drawn}: already done" in capsys.readouterr().err


def test_captions_tell_the_numbers_of_the_store(truth, drawn):
    pictures = listed(truth, drawn)
    seen, of_time = observed(truth, "day-2km")
    there = seen[seen > 0]
    wanted = (
        f"{np.median(there):.0f} in the median pixel, from {there.min():.0f} to {there.max():.0f}"
    )
    assert wanted in pictures["counts"]["caption"]
    assert "Grey: 1 pixel without any." in pictures["counts"]["caption"]
    month, tod = np.unravel_index(of_time.argmax(), of_time.shape)
    month_name, clock = {1: "February", 6: "July"}[month], ("15:00", "18:00")[tod]
    told = pictures["mean"]["caption"]
    assert f"C13 (10.35 µm) over all clear-sky observations in {month_name} at {clock} UTC" in told
    means = np.nanmean(
        np.delete(truth.observed["day-2km", month + 1][:, tod, 1, :, 0], 5, 1), axis=0
    )
    low, high = np.nanpercentile(means, (1, 99))
    assert f"{low:.1f} to {high:.1f} K" in told
    assert (
        "675 pixels of the store (green) of a fixed grid of 25 x 27"
        in pictures["domain"]["caption"]
    )
    assert "The 3 clusters" in pictures["clusters"]["caption"]
    assert "the 6-dimensional embedding" in pictures["embedding"]["caption"]


def test_pictures_of_the_store_alone_need_no_runs(client, truth):
    found = driver.run(client, truth.root, truth.key, Settings(pictures=OF_STORE))
    assert tuple(listed(truth, found)) == OF_STORE
    assert records.read_spec(truth.root, found).inputs == {}


def test_chosen_month_time_and_band_are_drawn(client, truth):
    chosen = Settings(pictures=("mean",), cube="day-1km", month=2, tod=64800)
    found = driver.run(client, truth.root, truth.key, chosen)
    caption = listed(truth, found)["mean"]["caption"]
    assert "reflectance factor of C03 (0.865 µm)" in caption
    assert "in February at 18:00 UTC" in caption


def test_observations_are_those_that_went_in(client, truth):
    store = lake.open(f"{truth.root}/{truth.key}")
    for cube, band in (("day-2km", "C13"), ("day-1km", "C03")):
        pixels = slice(0, store.domain.pixels)
        of_pixel, of_time = sources._seen(store.url, cube, band, pixels)
        wanted_pixel, wanted_time = observed(truth, cube)
        assert_allclose(of_pixel, wanted_pixel)
        assert_allclose(of_time, wanted_time)


def test_embedding_is_turned_to_its_principal_axes(client, truth, chain):
    embedding = outputs.read(truth.root, chain.embed, "embedding")
    there = embedding[np.isfinite(embedding).all(axis=1)].astype(np.float64)
    half = len(embedding) // 2
    halves = slice(0, half), slice(half, len(embedding))
    parts = [principal_axes.sums(truth.root, chain.embed, "embedding", rows) for rows in halves]
    mean, axes, shares = principal_axes.axes(parts)
    oracle = PCA(3).fit(there)
    assert_allclose(shares, oracle.explained_variance_ratio_, rtol=1e-9)
    turned = [
        principal_axes.project(truth.root, chain.embed, "embedding", mean, axes, r) for r in halves
    ]
    found, wanted = np.concatenate(turned), oracle.transform(there)
    seen = np.isfinite(found).all(axis=1)
    assert_array_equal(seen, np.isfinite(embedding).all(axis=1))
    assert_allclose(np.abs(found[seen]), np.abs(wanted), atol=1e-6)


def test_fewer_dimensions_than_colours_leave_the_others_empty():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 2)) * [3, 1]
    mean, axes, shares = principal_axes.axes([(100, values.sum(0), values.T @ values)])
    assert axes.shape == (2, 3)
    assert shares[2] == 0
    assert shares[:2].sum() == pytest.approx(1)
    assert_array_equal(((values - mean) @ axes)[:, 2], 0)


def test_most_observed_month_and_time_within_what_is_asked_for():
    seen = np.zeros((12, 3))
    seen[6, 1], seen[1, 2], seen[1, 0] = 9, 8, 5
    tods = (0, 43200, 64800)
    assert layers.most_observed(seen, tods, 0, -1) == (7, 43200)
    assert layers.most_observed(seen, tods, 2, -1) == (2, 64800)
    assert layers.most_observed(seen, tods, 0, 0) == (2, 0)
    assert layers.most_observed(seen, tods, 7, 64800) == (7, 64800)


def test_band_nearest_to_the_clean_window_is_drawn_by_default(truth):
    store = lake.open(f"{truth.root}/{truth.key}")
    chosen = maps.settled(Settings(), store)
    assert (chosen.cube, chosen.band) == ("day-2km", "C13")
    assert maps.settled(Settings(cube="day-1km"), store).band == "C03"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"band": "C02"}, "day-2km C07 C13; day-1km C03"),
        ({"cube": "day-1km", "band": "C13"}, "band='C13'"),
        ({"tod": 3600}, "day-2km of .* has \\(54000, 64800\\)"),
        ({"phase": 4}, "phase must be 0 to 3, found 4"),
    ],
)
def test_what_the_store_lacks_is_a_configuration_error(client, truth, wrong, told):
    with pytest.raises(ConfigError, match=told):
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
    plate = run_maps.of_run(truth.root, chain.cluster, projection)
    axes = plate.figure.axes[0]
    labels = outputs.read(truth.root, chain.cluster, "labels")
    image = axes.images[-1].get_array()
    domain = lake.open(f"{truth.root}/{truth.key}").domain
    west, east, south, north = axes.images[-1].get_extent()
    x, y = view.of(domain, projection).place(*domain.lonlat())
    row = ((north - y) / (north - south) * image.shape[0]).astype(int)
    column = ((x - west) / (east - west) * image.shape[1]).astype(int)
    wanted = colours.of_classes(labels.max() + 1)[labels]
    assert_allclose(image[row, column, :3][labels >= 0], wanted[labels >= 0])


def test_plot_turns_an_embedding_as_the_job_does(client, truth, drawn, chain):
    plate = run_maps.of_run(truth.root, chain.embed)
    assert plate.caption == listed(truth, drawn)["embedding"]["caption"]
    assert run_maps.of_run(truth.root, chain.pca).caption == listed(truth, drawn)["pca"]["caption"]


def test_plot_of_a_run_without_colours_names_those_with(truth, chain):
    with pytest.raises(
        ConfigError, match=r"of sample, which .* pca, mnf, embed, transform, cluster"
    ):
        run_maps.of_run(truth.root, chain.sample)
