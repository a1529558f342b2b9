"""Harmonics against NumPy's Fourier transform; planted loops of known amount, phase and speed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from jobs.trajectory import loops
from jobs.trajectory.loops import CENTRE, DAILY, YEARLY, Cycle

YEAR = Cycle(tuple(month - 0.5 for month in range(1, 13)), 12.0)
DAY = Cycle(tuple(float(hour) for hour in range(24)), 24.0)
DAYLIGHT = Cycle((14.0, 16.0, 18.0, 20.0, 22.0), 24.0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def circles(radius, phase, cycle=YEAR, others=24):
    """(pixel, step, other, 2) circles that are farthest along the first direction at a phase."""
    turns = (np.array(cycle.positions) - np.asarray(phase)[:, None]) / cycle.length
    circle = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=-1)
    circle = np.asarray(radius)[:, None, None] * circle
    return np.repeat(circle[:, :, None], others, axis=2)


def two(rng, trajectory, noise, missing=0.0):
    """Two periods of a trajectory, each with noise and holes of its own."""
    periods = []
    for _ in range(2):
        period = trajectory + noise * rng.normal(size=trajectory.shape)
        period[rng.random(trajectory.shape[:3]) < missing] = np.nan
        periods.append(period)
    return periods


def test_harmonics_of_complete_series_are_those_of_numpy_fft(rng):
    trajectory = rng.normal(size=(7, 12, 24, 3))
    found = loops.harmonics(trajectory, YEAR, DAY)
    assert_allclose(found[:, CENTRE][:, 0], trajectory.mean(axis=(1, 2)), atol=1e-12)
    yearly = np.fft.fft(trajectory.mean(axis=2), axis=1)[:, 1] / 6  # (pixel, latent)
    yearly = yearly * np.exp(-2j * np.pi * YEAR.positions[0] / 12)  # the first step is mid-January
    assert_allclose(found[:, YEARLY][:, 0], yearly.real, atol=1e-12)
    assert_allclose(found[:, YEARLY][:, 1], -yearly.imag, atol=1e-12)
    daily = np.fft.fft(trajectory.mean(axis=1), axis=1)[:, 1] / 12
    assert_allclose(found[:, DAILY][:, 0], daily.real, atol=1e-12)
    assert_allclose(found[:, DAILY][:, 1], -daily.imag, atol=1e-12)


def test_holes_change_nothing_of_a_series_that_is_its_harmonics(rng):
    month, hour = np.array(YEAR.positions)[:, None, None], np.array(DAY.positions)[:, None]
    whole = 3 + np.cos(2 * np.pi * (month - 4) / 12) + 2 * np.cos(2 * np.pi * (hour - 15) / 24)
    whole = np.broadcast_to(whole, (20, 12, 24, 1))
    holed = np.where(rng.random(whole.shape) < 0.7, np.nan, whole)
    found = loops.harmonics(holed, YEAR, DAY)
    assert_allclose(found, loops.harmonics(whole, YEAR, DAY), atol=1e-9)
    assert_allclose(loops.phase(found[:, YEARLY, 0], YEAR), 4, atol=1e-9)
    assert_allclose(loops.phase(found[:, DAILY, 0], DAY), 15, atol=1e-9)


def test_too_few_steps_have_no_harmonic_and_the_others_stay(rng):
    trajectory = rng.normal(size=(4, 12, 24, 2))
    trajectory[0, 2:] = np.nan  # two months
    trajectory[1, :, 2:] = np.nan  # two times of day
    trajectory[2] = np.nan
    found = loops.harmonics(trajectory, YEAR, DAY)
    known = np.isfinite(found).all(axis=2)
    assert known.tolist() == [
        [True, False, False, True, True],
        [True, True, True, False, False],
        [False] * 5,
        [True] * 5,
    ]


def test_slots_that_do_not_tell_the_year_from_the_day_have_no_harmonics(rng):
    trajectory = np.full((1, 12, 12, 1), np.nan)
    for step in range(12):  # every month at another time of day
        trajectory[0, step, step] = rng.normal()
    day = Cycle(tuple(2.0 * step + 1 for step in range(12)), 24.0)
    assert np.isnan(loops.harmonics(trajectory, YEAR, day)).all()


@pytest.mark.parametrize("day", [DAY, DAYLIGHT])
def test_planted_circles_are_recovered_under_noise_and_holes(rng, day):
    radius = rng.uniform(0.5, 3, 200)
    phase = rng.uniform(0, 12, 200)
    steps = len(day.positions)
    trajectory = circles(radius, phase, YEAR, steps)
    first, second = two(rng, trajectory, noise=0.5, missing=0.2)
    one, other = (loops.harmonics(period, YEAR, day)[:, YEARLY] for period in (first, second))
    error = 0.5 * np.sqrt(2 / (0.8 * 12 * steps))  # of a coefficient of one period
    found = loops.amount(one, other, YEAR)
    assert np.abs(found - radius).max() < 4 * error
    assert abs((found - radius).mean()) < error / 4
    shift = loops.later(phase, loops.phase((one + other)[..., 0] / 2, YEAR), YEAR)
    assert np.abs(shift * radius * 2 * np.pi / 12).max() < 4 * error


def test_amount_of_what_stays_is_0_in_the_mean_though_noise_moves_every_period(rng):
    first, second = two(rng, np.zeros((2000, 12, 5, 1)), noise=1.0)
    one, other = (loops.harmonics(period, YEAR, DAYLIGHT)[:, YEARLY] for period in (first, second))
    noisy = loops.amount(one, one, YEAR)
    expected = np.sqrt(2 / (12 * 5))  # two coefficients of variance 2 / slots, over 2
    assert_allclose(np.sqrt((noisy**2).mean()), expected, rtol=0.05)
    assert_allclose(np.sqrt((loops.noise(one, other, YEAR) ** 2).mean()), expected, rtol=0.05)
    assert abs(loops.inner(one, other, YEAR).mean()) < 0.1 * expected**2
    assert np.median(loops.amount(one, other, YEAR)) < 0.3 * np.median(noisy)


def test_amount_counts_the_steps_of_the_store_not_the_night_between():
    hours = np.array(DAYLIGHT.positions)
    value = np.cos(2 * np.pi * (hours - 18) / 24)
    trajectory = np.broadcast_to(value[:, None], (1, 12, 5, 1))
    loop = loops.harmonics(trajectory, YEAR, DAYLIGHT)[:, DAILY]
    assert_allclose(loops.amount(loop, loop, DAYLIGHT), value.std(), atol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_speed_is_the_chord_of_a_step_whatever_the_noise(rng, noise):
    trajectory = circles(np.full(500, 2.0), rng.uniform(0, 12, 500))
    first, second = two(rng, trajectory, noise, missing=0.2)
    chord = 2 * 2.0 * np.sin(np.pi / 12)
    found = loops.speed(first, second, YEAR)
    assert_allclose(np.sqrt((found**2).mean()), chord, rtol=1e-9 if noise == 0 else 0.02)


def test_steps_across_the_night_are_no_neighbours_but_december_and_january_are():
    assert DAYLIGHT.neighbours() == ((0, 1, 2.0), (1, 2, 2.0), (2, 3, 2.0), (3, 4, 2.0))
    assert YEAR.neighbours()[-1] == (11, 0, 1.0)
    assert Cycle((3.5,), 12.0).neighbours() == ()
    assert Cycle((1.5, 6.5), 12.0).neighbours() == ((0, 1, 5.0), (1, 0, 7.0))


def test_smoothness_is_near_1_for_a_circle_and_0_for_the_same_steps_in_no_order(rng):
    trajectory = circles(np.ones(300), rng.uniform(0, 12, 300))
    first, second = two(rng, trajectory, noise=0.5, missing=0.1)
    found = loops.smoothness(first, second, YEAR)
    # neighbours: 2 (1 - cos 30 degrees); all pairs: 2 * 12 / 11
    assert_allclose(np.median(found), 1 - (1 - np.cos(np.pi / 6)) * 11 / 12, atol=0.02)
    mixed = np.array([rng.permutation(12) for _ in range(300)])
    shuffled = [
        np.take_along_axis(period, mixed[:, :, None, None], axis=1) for period in (first, second)
    ]
    assert abs(np.mean(loops.smoothness(*shuffled, YEAR))) < 0.05


def test_mean_over_all_pairs_is_that_of_a_loop_over_them(rng):
    first, second = two(rng, rng.normal(size=(3, 5, 4, 2)), 0.3, missing=0.3)
    wanted = []
    for one, other in zip(first, second, strict=True):
        both = np.isfinite(one).all(-1) & np.isfinite(other).all(-1)
        products = [
            (one[a, t] - one[b, t]) @ (other[a, t] - other[b, t])
            for t in range(4)
            for a in range(5)
            for b in range(a)
            if both[a, t] and both[b, t]
        ]
        wanted.append(np.mean(products))
    assert_allclose(loops._mean_of_pairs(first, second), wanted)


def test_change_is_the_planted_shift_and_0_in_the_mean_square_without(rng):
    still = np.zeros((1500, 12, 5, 2))
    first, second = two(rng, still, noise=1.0, missing=0.2)
    assert abs(np.median(loops.change(first, second))) < 0.2
    found = loops.change(first, second + np.array([0.6, 0.8]))
    assert_allclose(np.sqrt((found**2).mean()), 1, rtol=0.02)
    first[0, 1:] = np.nan
    first[0, 0, 1:] = np.nan
    assert np.isnan(loops.change(first, second)[0])


def test_later_is_the_short_way_around():
    year = Cycle((), 12.0)
    assert_allclose(
        loops.later(np.array([11.0, 1, 3]), np.array([1.0, 11, 8.5]), year), [2, -2, 5.5]
    )
