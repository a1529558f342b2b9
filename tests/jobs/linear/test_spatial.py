"""Variation over the land and the local filter, beside plain NumPy and SciPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import fractional_matrix_power, inv, sqrtm

from jobs.linear import spatial
from jobs.synthetic.country import smooth

SHAPE = 60, 50


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def places():
    """A land with a lake, so that partners are missing."""
    mask = np.ones(SHAPE, bool)
    mask[20:30, 10:25] = False
    return np.nonzero(mask)


def fields(rng, places, lengths):
    """(P, field) smooth fields, each of its own length."""
    return np.stack([smooth(rng, SHAPE, length)[places] for length in lengths], axis=1)


def periods(rng, signal, noise=0.5):
    return [(signal + noise * rng.normal(size=signal.shape)).astype(np.float32) for _ in range(2)]


def random_covariance(rng, size=6):
    x = rng.normal(size=(40, size)) * rng.uniform(0.2, 3, size)
    return x.T @ x / 40


@pytest.mark.parametrize("lag", [1, 3, 8])
def test_partners_are_those_of_a_loop_over_all_pixels(places, lag):
    row, column = places
    position = {place: at for at, place in enumerate(zip(*places, strict=True))}
    diagonal = round(lag / 2**0.5)
    expected = set()
    for (down, right), at in position.items():
        steps = (0, lag), (lag, 0), (diagonal, diagonal), (diagonal, -diagonal)
        around = (position.get((down + d, right + r)) for d, r in steps)
        expected |= {(at, other) for other in around if other is not None}
    ((one, other),) = spatial.partners(row, column, [lag])
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == expected
    assert len(one) == len(expected)


def test_variation_of_noisy_periods_is_that_of_the_signal(rng, places):
    """The variogram of the signal alone; of one period it would have the noise on top."""
    signal = fields(rng, places, (1.5, 4))
    first, second = periods(rng, signal, noise=1.0)
    ((one, other),) = spatial.partners(*places, [2])
    expected = (signal[one] - signal[other]).T @ (signal[one] - signal[other]) / 2 / len(one)
    assert_allclose(spatial.variation(first, second, one, other), expected, atol=0.05)
    with_noise = np.diag(spatial.variation(first, first, one, other))
    assert (with_noise > np.diag(expected) + 0.8).all()


def test_covariances_tell_signal_from_noise(rng, places):
    signal = fields(rng, places, (1.5, 4)) * (3, 1)
    found = spatial.covariances(*periods(rng, signal, noise=0.5))
    assert_allclose(np.diag(found.signal), signal.var(axis=0), rtol=0.05)
    assert_allclose(np.diag(found.total), signal.var(axis=0) + 0.25, rtol=0.05)
    assert_allclose(found.ratio, np.diag(found.total) / 0.25, rtol=0.2)


def test_root_scale_gives_the_variance_that_it_says(rng):
    total = np.diag([90.0, 9.0, 1.0])
    known = spatial.Covariances(total, total - np.diag([10.0, 4.0, 1.0]))
    scaled = np.diag(total) * spatial.root_scale(known) ** 2
    assert_allclose(scaled, [9**0.5 - 1, 2.25**0.5 - 1, 0], atol=1e-3)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_filter_is_its_formula_by_scipy(rng, power):
    total, varied = random_covariance(rng), random_covariance(rng)
    root = sqrtm(total)
    middle = fractional_matrix_power(inv(root) @ varied @ inv(root), power)
    assert_allclose(
        spatial.local_filter(total, varied, power), inv(root) @ middle @ root, rtol=1e-6
    )


def test_filter_of_variation_that_is_all_of_the_scores_changes_nothing(rng):
    total = random_covariance(rng)
    assert_allclose(spatial.local_filter(total, total), np.eye(6), atol=1e-9)


def test_filter_leaves_patches_and_takes_what_is_smooth(rng, places):
    """A patch mixed into a longer field; after the filter it is more of the two scores' variance."""
    one, other, short, long = fields(rng, places, (1.5, 1.5, 1.5, 15)).T
    signal = np.stack([one, other, long + 0.3 * short, long - 0.3 * short], axis=1) * 3
    first, second = periods(rng, signal, noise=0.1)
    known = spatial.covariances(first, second)
    found = spatial.land_range(first, second, known, places, rng)
    filtered = first @ spatial.local_filter(known.total, found.variation)
    share = [np.var(x[:, 2] - x[:, 3]) / np.var(x[:, 2] + x[:, 3]) for x in (first, filtered)]
    assert share[1] > 2 * share[0]


def test_nugget_is_what_differs_from_each_pixel_to_the_next(rng, places):
    """Two fields of patches, two of single pixels that stay over the periods, noise on all."""
    own = rng.normal(size=(len(places[0]), 2)) * (1.0, 0.5)
    signal = np.concatenate([fields(rng, places, (3, 6)), own], axis=1)
    mixing = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    x = periods(rng, signal @ mixing)
    found = spatial.nugget(*x, spatial.covariances(*x).total, places, rng)
    expected = np.diag([0, 0, 1, 0.25])
    assert_allclose(mixing @ found @ mixing.T, expected, atol=0.12)


def test_few_pixels_side_by_side_have_no_nugget(rng):
    x = periods(rng, rng.normal(size=(30, 3)))
    places = np.arange(30), np.arange(30)
    assert not spatial.nugget(*x, spatial.covariances(*x).total, places, rng).any()


def test_range_grows_with_the_patches(rng, places):
    ranges = []
    for length in (1, 2.5, 6):
        x = periods(rng, fields(rng, places, (length,)))
        ranges.append(spatial.land_range(*x, spatial.covariances(*x), places, rng))
    lags = [found.lag for found in ranges]
    assert lags == sorted(set(lags))
    # the variogram of noise smoothed by a Gaussian is 1 - exp(-lag^2 / 4 length^2)
    for length, found in zip((1, 2.5, 6), ranges, strict=True):
        assert found.lag == pytest.approx(length * 2 * np.log(2) ** 0.5, rel=0.45)
        assert spatial.LEVEL <= found.share < 0.95


def test_pixels_without_neighbours_have_no_range(rng):
    row, column = np.arange(0, 900, 9), np.zeros(100, int)
    x = rng.normal(size=(100, 3)).astype(np.float32)
    assert spatial.land_range(x, x, spatial.covariances(x, x), (row, column), rng) is None


def test_principal_axes_are_uncorrelated_by_falling_variance_of_mean_one(rng):
    total = random_covariance(rng)
    axes = spatial.principal(np.diag(rng.uniform(0.5, 2, 6)), total)
    covariance = axes.T @ total @ axes
    variance = np.diag(covariance)
    assert_allclose(covariance, np.diag(variance), atol=1e-9)
    assert_array_equal(variance, np.sort(variance)[::-1])
    assert variance.mean() == pytest.approx(1)
