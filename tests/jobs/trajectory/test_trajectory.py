"""The job on stores of planted loops: half of the pixels stay, half go round once a year."""

import io
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import lake
from jobs.classes import cluster
from jobs.figures import run_maps, trajectory_loops, trajectory_maps
from jobs.report import map as maps
from jobs.runs import driver, outputs, records
from jobs.trajectory import loops
from jobs.trajectory.measures import MEASURES
from jobs.trajectory.slots import SlotGrid
from jobs.trajectory.trajectory import Settings
from lake.errors import ConfigError
from lake.format.moments import METRICS
from tests.jobs import raw

MONTHS = tuple(range(1, 13))
PIXELS, COLUMNS = 1200, 40
NOISE = 0.5


@pytest.fixture(scope="module")
def planted():
    """(pixel,) how far each goes along C07, and its phase in months; every pixel goes along C13."""
    rng = np.random.default_rng(0)
    amount = np.where(np.arange(PIXELS) % 2, rng.uniform(2, 4, PIXELS), 0)
    return amount, rng.uniform(2, 10, PIXELS)


@pytest.fixture(scope="module")
def written(tmp_path_factory, planted):
    there = raw.lake(tmp_path_factory.mktemp("trajectory") / "lake")
    rng = np.random.default_rng(1)
    amount, phase = planted
    month = np.array(MONTHS)[:, None] - 0.5
    level = rng.normal(280, 5, PIXELS)
    warm = 3 * np.cos(2 * np.pi * (month - 7) / 12)
    own = np.sqrt(2) * amount * np.cos(2 * np.pi * (month - phase) / 12)
    keys = []
    for year in (2018, 2019):
        x = np.ones((12, 2, 2, len(METRICS), PIXELS))
        shape = x[:, :, :, 0].shape
        means = level + warm[:, None, None] * np.array([[0], [1]])
        means = means + own[:, None, None] * np.array([[1], [0]])
        values = means + NOISE * rng.normal(size=shape)
        values[rng.random(shape) < 0.15] = np.nan
        x[:, :, :, METRICS.index("m1")] = values
        x[..., 7] = np.nan  # never observed
        x[9:, ..., 9] = np.nan
        x[2:, ..., 11] = np.nan
        keys.append(there.add(year, x.reshape(-1, PIXELS).T, MONTHS, COLUMNS))
    domain = lake.open(f"{there.root}/{keys[0]}").domain
    return there.root, keys, domain


@pytest.fixture(scope="module")
def run(client, written):
    root, keys, _ = written
    return driver.run(client, root, keys[0], Settings(keys[1]))


def test_what_stays_stays_and_what_moves_is_recovered(written, run, planted):
    root, _, _ = written
    found = outputs.dataset(root, run)
    amount, phase = planted
    along = np.abs(found["projection"].values[0])
    assert_array_equal(found["channel"], ["day-2km/C07/mean", "day-2km/C13/mean"])
    assert along[1] < 0.05 * along[0]
    measured = found["yearly_amount"].values / along[0]
    known = np.isfinite(measured)
    moves = known & (amount > 0)
    error = NOISE * np.sqrt(2 / (0.85 * 24))
    assert np.abs(measured - amount)[moves].max() < 5 * error
    assert np.median(measured[known & (amount == 0)]) < error
    turn = (found["yearly_phase"].values - phase)[moves]
    turn = (turn + 6) % 12 - 6
    assert found["projection"].values[0, 0] > 0
    assert np.abs(turn).max() < 0.5
    assert_allclose(
        np.sqrt((found["yearly_noise"].values[known] ** 2).mean()) / along[0],
        error,
        rtol=0.15,
    )
    assert np.nanmedian(found["yearly_smoothness"].values[moves]) > 0.8
    chord = 2 * amount * np.sin(np.pi / 12)
    speed = found["yearly_speed"].values[moves] / along[0]
    known = np.isfinite(speed)
    assert_allclose(
        np.sqrt((speed[known] ** 2).mean()), np.sqrt((chord[moves][known] ** 2).mean()), rtol=0.05
    )


def test_change_is_small_where_nothing_changed(written, run):
    found = outputs.dataset(written[0], run)
    assert np.nanmedian(found["change"]) < 0.3  # noise of a slot is 1, that of 24 slots 0.2
    assert abs(np.nanmedian(found["change_amount"])) < 0.05
    assert np.nanmedian(np.abs(found["change_phase"])) < 1


def test_trajectories_are_the_encoder_of_the_stored_means(written, run):
    root, keys, _ = written
    found = outputs.dataset(root, run)
    assert found["trajectory"].dims == ("pixel", "month", "tod", "latent")
    assert found["trajectory"].shape == found["second"].shape == (PIXELS, 12, 2, 2)
    for name, key in zip(("trajectory", "second"), keys, strict=True):
        store = lake.open(f"{root}/{key}")
        means = store.results("day-2km").sel(metric="m1").isel(subpixel=0)
        values = means.transpose("pixel", "month", "tod", "band").values
        wanted = (values - found["mean"].values) @ found["projection"].values.T
        assert_allclose(found[name], wanted, atol=1e-3)


def test_missing_pixels_and_too_few_months_are_nan(written, run):
    found = outputs.dataset(written[0], run)
    never, nine_months, two_months = 7, 9, 11
    for name in MEASURES:
        assert np.isnan(found[name][never])
    assert np.isnan(found["trajectory"][never]).all()
    assert np.isfinite(found["yearly_amount"][nine_months])
    assert np.isnan(found["yearly_amount"][two_months])
    assert np.isfinite(found["yearly_speed"][two_months])
    for name in ("daily_amount", "daily_phase"):  # two times of day
        assert np.isnan(found[name]).all()
    assert np.isfinite(found["daily_speed"]).any()


def test_embedding_is_the_centre_and_the_harmonics_of_the_first_period(written, run):
    found = outputs.dataset(written[0], run)
    assert found["term"].values.tolist() == [
        f"{term}/{name}"
        for term in ("centre", "yearly-cosine", "yearly-sine")
        for name in ("yearly-0", "daily-0")
    ]
    year = loops.Cycle(tuple(month - 0.5 for month in MONTHS), 12.0)
    day = loops.Cycle((15.0, 18.0), 24.0)
    wanted = loops.harmonics(found["trajectory"].values.astype(float), year, day)[:, :3]
    assert_allclose(found["embedding"], wanted.reshape(PIXELS, 6), atol=1e-3)


def test_pictures_are_maps_and_loops_with_captions(written, run):
    objects = records.folder(written[0], run)
    pictures = {picture["name"]: picture for picture in json.loads(objects.get("pictures.json"))}
    assert {"yearly_amount", "yearly_phase", "change", "annual-loops"} <= set(pictures)
    assert "daily_amount" not in pictures
    assert "diurnal-loops" not in pictures
    for picture in pictures.values():
        with Image.open(io.BytesIO(objects.get(picture["file"]))) as image:
            assert image.width > 500
        assert picture["caption"].endswith(".")


def test_any_measure_can_be_mapped_and_the_embedding_as_colours(written, run):
    root, _, domain = written
    captioned = run_maps.draw(root, run, array="yearly_amount")
    image = captioned.figure.axes[0].images[-1].get_array()
    found = outputs.read(root, run, "yearly_amount")
    rows, columns = domain.row - domain.row.min(), domain.column - domain.column.min()
    shown = image[rows, columns].filled(np.nan) if image.shape == (30, 40) else None
    if shown is not None:
        assert_array_equal(shown, found)
    assert captioned.title == trajectory_maps.SUBJECTS["yearly_amount"].title
    assert "6-dimensional embedding" in run_maps.draw(root, run).caption
    with pytest.raises(ConfigError, match="has no daily_amount of these pixels: too few"):
        run_maps.draw(root, run, array="daily_amount")
    with pytest.raises(ConfigError, match="has no map of 'speed': wanted scatter, or a run of"):
        run_maps.draw(root, run, array="speed")


def test_loops_of_chosen_pixels_are_drawn_and_wrong_ones_refused(written, run, chain, truth):
    root, _, _ = written
    captioned = trajectory_loops.draw(root, run, [0, 1, 2])
    lines = [line for line in captioned.figure.axes[0].lines if len(line.get_xdata()) > 2]
    assert len(lines) >= 6  # three pixels in two periods
    with pytest.raises(ConfigError, match="too few steps of diurnal loops"):
        trajectory_loops.draw(root, run, [0], "diurnal")
    with pytest.raises(ConfigError, match="9 pixels: wanted 1 to 8"):
        trajectory_loops.draw(root, run, range(9))
    with pytest.raises(ConfigError, match="wanted one of 'lake trajectory'"):
        trajectory_loops.draw(truth.root, chain.pca, [0])


def test_course_of_a_month_without_mornings_is_no_warmer():
    trajectory = np.zeros((1, 4, 2, 1)) + np.array([[1.0], [5.0]])
    trajectory = trajectory + np.array([0.0, 1, 2, 3])[:, None, None]
    holed = trajectory.copy()
    holed[0, 2, 0] = np.nan
    whole = trajectory_loops.course(trajectory, "annual")[0, :, 0]
    assert_allclose(np.diff(whole), 1)
    assert abs(trajectory_loops.course(holed, "annual")[0, 2, 0] - whole[2]) < 0.5


def test_clusters_and_maps_take_the_embedding(client, written, run, planted):
    root, keys, _ = written
    clusters = driver.run(client, root, keys[0], cluster.Settings(run, k=2))
    labels = outputs.read(root, clusters, "labels")
    assert np.flatnonzero(labels < 0).tolist() == [7, 11]
    settings = maps.Settings(pictures=("embedding", "clusters"), run=run)
    drawn = driver.run(client, root, keys[0], settings)
    assert records.read_spec(root, drawn).inputs["embed"] == run


def test_what_cannot_be_traced_is_refused(client, written):
    root, keys, _ = written
    with pytest.raises(ConfigError, match="second=KEY_OR_URL"):
        driver.specs(root, keys[0], Settings())
    with pytest.raises(ConfigError, match="in which nothing moves"):
        driver.specs(root, keys[0], Settings(keys[1], months=(1,), tods=(54000,)))
    with pytest.raises(ConfigError, match="chosen must be 0 to 1199"):
        driver.specs(root, keys[0], Settings(keys[1], chosen=(1200,)))
    with pytest.raises(ConfigError, match="directions must be above 0"):
        Settings(directions=0)
    with pytest.raises(ConfigError, match="fitted_on must be above 0"):
        Settings(fitted_on=0)


def test_slots_are_found_by_the_names_of_their_features():
    names = [
        f"day-2km/{band}/{month:02d}/{tod}/mean"
        for month in (2, 7)
        for tod in (64800, 54000)
        for band in ("C07", "C13")
    ]
    grid = SlotGrid.of(names)
    assert (grid.months, grid.tods) == ((2, 7), (54000, 64800))
    values = grid.values(np.arange(len(names), dtype=np.float32)[:, None])
    for place, name in enumerate(names):
        _, band, month, tod, _ = name.split("/")
        cell = (2, 7).index(int(month)), (54000, 64800).index(int(tod)), ("C07", "C13").index(band)
        assert values[0][cell] == place
