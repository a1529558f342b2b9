"""Directions in which pixels move, against loops over all pairs and planted land."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from jobs.trajectory import directions
from lake.errors import DataError

MONTHS, TODS, CHANNELS = 12, 6, 4


@pytest.fixture(scope="module")
def land():
    """Two periods of land that differs in level, goes through a common year, and partly moves by itself.

    Level differs along the first channel, all go along the second, pixels move by the year along the
    third and by the day along the fourth; noise is of all.
    """
    rng = np.random.default_rng(3)
    pixels, unit = 800, np.eye(CHANNELS)
    month = np.cos(2 * np.pi * (np.arange(MONTHS) + 0.5) / 12)[:, None, None]
    hour = np.cos(2 * np.pi * np.arange(TODS) / TODS)[:, None]
    level = 10 * rng.normal(size=(pixels, 1, 1, 1))
    yearly, daily = rng.uniform(0, 1, (2, pixels, 1, 1, 1))
    values = 280 + level * unit[0] + 5 * month * unit[1] + yearly * month * unit[2]
    values = values + daily * hour * unit[3]
    return [
        (values + 0.3 * rng.normal(size=values.shape)).astype(np.float32) for _ in range(2)
    ], yearly.ravel()


def test_pixels_move_along_the_planted_directions_whatever_their_level_and_the_common_course(land):
    (first, second), _ = land
    encoder = directions.fit(first, second, 1)
    along = np.abs(encoder.projection) / np.linalg.norm(encoder.projection, axis=1)[:, None]
    assert_allclose(along, np.eye(CHANNELS)[2:], atol=0.08)
    assert (encoder.signal_to_noise > 1).all()


def test_noise_has_variance_1_along_each_direction(land):
    (first, second), _ = land
    encoder = directions.fit(first, second, 2)
    assert encoder.projection.shape == (4, CHANNELS)
    difference = encoder.vectors(second) - encoder.vectors(first)
    assert_allclose(difference.var(axis=(0, 1, 2)) / 2, 1, rtol=0.02)
    both = np.concatenate([encoder.vectors(first), encoder.vectors(second)])
    assert_allclose(both.mean(axis=(0, 1, 2)), 0, atol=0.01)


def test_holes_change_the_directions_little(land):
    (first, second), _ = land
    rng = np.random.default_rng(4)
    holed = [values.copy() for values in (first, second)]
    for values in holed:
        values[rng.random(values.shape[:3]) < 0.25] = np.nan
    whole, found = (directions.fit(*periods, 1) for periods in ((first, second), holed))
    assert_allclose(found.projection, whole.projection, atol=0.15 * np.abs(whole.projection).max())
    assert np.isnan(found.vectors(holed[0])).any()


def test_moves_are_the_covariance_of_the_differences_of_all_pairs_of_steps():
    rng = np.random.default_rng(5)
    known = rng.random((4, 5, 3)) < 0.8
    first, second = (np.where(known[..., None], rng.normal(size=(4, 5, 3, 2)), 0) for _ in range(2))
    total, pairs = np.zeros((2, 2)), 0
    for pixel in range(4):
        for other in range(3):
            steps = np.flatnonzero(known[pixel, :, other])
            for a in steps:
                for b in steps[steps < a]:
                    one = first[pixel, a, other] - first[pixel, b, other]
                    total += np.outer(one, second[pixel, a, other] - second[pixel, b, other])
                    pairs += 1
    wanted = (total + total.T) / 2 / pairs
    assert_allclose(directions.moves(first, second, known), wanted)


def test_one_month_alone_has_directions_of_the_day_alone(land):
    (first, second), _ = land
    assert directions.fit(first[:, :1], second[:, :1], 1).projection.shape == (1, CHANNELS)


def test_too_few_slots_are_an_error(land):
    (first, second), _ = land
    with pytest.raises(DataError, match="0 slots of 800 pixels"):
        directions.fit(np.full_like(first, np.nan), second, 1)
