import numpy as np
import pytest

from ingest.verify import invariants
from lake.format import moments
from lake.format.moments import METRICS
from lake.format.schema import Cube

DAY = Cube("day", "2km", 1, "ABI-L1b-RadC", "Rad", ("C06", "C13"), (54000, 64800))
FINE = Cube("fine", "1km", 2, "ABI-L1b-RadC", "Rad", ("C01",), (54000,))


@pytest.fixture
def block():
    """(tod, band, metric, pixel, subpixel) of up to 9 observations, none in some pixels."""
    random = np.random.default_rng(4)
    values = random.normal(290, 8, (9, 2, 2, 50, 1))
    valid = random.random((9, 2, 1, 50, 1)) < 0.3
    return moments.to_results(moments.from_observations(values, valid), axis=2)


def test_true_moments_break_nothing(block):
    assert np.isin([0, 1, 2, 3], block[:, :, 0]).all()
    assert list(invariants.broken(block)) == []


def test_moments_of_equal_and_of_huge_observations_break_nothing():
    for value in (300.1, -3e-5, 1e7):
        values = np.full((5, 1, 1, 4, 1), value)
        block = moments.to_results(moments.from_observations(values, np.True_), axis=2)
        assert list(invariants.broken(block)) == []


def test_places_without_any_time_step_break_nothing(block):
    block[0] = np.nan
    assert list(invariants.broken(block)) == []


@pytest.mark.parametrize(
    ("metric", "change", "name"),
    [
        ("count", lambda x: x + 0.5, "count is a whole number"),
        ("count", lambda x: -x, "count is a whole number"),
        ("min", lambda x: x + 100, "min <= m1 <= max"),
        ("m1", lambda x: x * 1.1, "min <= m1 <= max"),
        ("max", lambda x: x - 100, "min <= m1 <= max"),
        ("m2", lambda x: -x - 1, "m2 >= 0"),
        ("m2", lambda x: x * 10, "m4 count >= m2^2"),
        ("m3", lambda x: x + 1e5, "m3^2 <= m2 m4"),
        ("m4", lambda x: x * 0.5 - 1, "m4 count >= m2^2"),
        ("m1", lambda x: x * np.nan, "no observation, no statistic"),
    ],
)
def test_one_wrong_metric_is_found_in_one_place(block, metric, change, name):
    tod, band, pixel, subpixel = np.argwhere(block[:, :, 0] >= 3)[0]
    position = tod, band, METRICS.index(metric), pixel, subpixel
    block[position] = change(block[position])
    failures = dict(invariants.broken(block))
    assert [cells for key, cells in failures.items() if key.startswith(name)] == [1], failures


def test_statistic_of_no_observation_is_found(block):
    tod, band, pixel, subpixel = np.argwhere(block[:, :, 0] == 0)[0]
    block[tod, band, 3, pixel, subpixel] = 290
    assert dict(invariants.broken(block)) == {"no observation, no statistic": 1}


def test_suspect_metrics_are_not_checked(block):
    block[:, :, METRICS.index("m4")] *= 0.01
    assert dict(invariants.broken(block)) != {}
    assert dict(invariants.broken(block, ("m3", "m4"))) == {}


def test_bands_and_cubes_of_one_time_share_their_counts(block):
    fine = np.repeat(np.repeat(block[:1, :1], 4, axis=4), 1, axis=1)
    assert list(invariants.unequal_counts({DAY: block, FINE: fine})) == []
    fine[0, 0, 0, 7, 3] += 1
    block[1, 1, 0, [3, 4], 0] += 1
    failures = dict(invariants.unequal_counts({DAY: block, FINE: fine}))
    assert failures == {
        "equal counts of all bands at 54000 s": 1,
        "equal counts of all bands at 64800 s": 2,
    }


def test_no_pixel_is_counted_more_often_than_there_are_time_steps(block):
    largest = {tod: int(block[i, :, 0].max()) for i, tod in enumerate(DAY.tods)}
    assert list(invariants.excessive_counts({DAY: block}, largest)) == []
    fewer = largest | {64800: largest[64800] - 1}
    ((name, pixels),) = invariants.excessive_counts({DAY: block}, fewer)
    assert name == f"day: count <= {fewer[64800]} time steps at 64800 s"
    assert pixels == (block[1, :, 0] == largest[64800]).any(axis=0).sum()
