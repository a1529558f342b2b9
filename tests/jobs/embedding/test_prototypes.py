"""Vectors drawn to prototypes, against the formula in float64 and on land whose truth is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from jobs.embedding import prototypes
from jobs.embedding.prototypes import Prototypes
from tests.jobs.embedding import smoothing_by_formula

D = 12
NOISE, OWN = 0.02, 0.01
"""Variance of the noise of a vector, and of what a pixel has of its own; sums over dimensions."""


@pytest.fixture(scope="module")
def kinds():
    """Twenty kinds of pixels, (3000, D): without noise, and in two periods."""
    rng = np.random.default_rng(0)
    centres = unit(rng.normal(size=(20, D)))
    truth = centres[rng.integers(0, 20, 3000)]
    truth = unit(truth + (OWN / D) ** 0.5 * rng.normal(size=truth.shape))
    periods = [
        unit(truth + (NOISE / D) ** 0.5 * rng.normal(size=truth.shape)).astype(np.float32)
        for _ in range(2)
    ]
    return truth, *periods


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def distance(first, second):
    return float(((first.astype(np.float64) - second) ** 2).sum(axis=1).mean())


def test_denoised_vectors_are_those_of_the_formula():
    rng = np.random.default_rng(1)
    x = unit(rng.normal(size=(50, 4))).astype(np.float32)
    x[7] = np.nan
    found = Prototypes(x[10:16], np.array([0.3, 0.05, 0.05, 0.2, 0.3, 0.1]), 0.4)
    assert_allclose(
        found.denoised(x, 0.3),
        smoothing_by_formula.denoised(x, found.mean, found.pixel_share, 0.4, 0.3),
        atol=2e-6,
    )
    assert found.denoised(x, 0.3).dtype == np.float32


def test_vectors_come_closer_to_those_without_noise_and_to_the_other_period(kinds):
    truth, first, second = kinds
    noise = distance(first, second)
    found = Prototypes.fit(first, noise, seed=0)
    one, other = (found.denoised(x, noise) for x in (first, second))
    assert distance(one, truth) < 0.7 * distance(first, truth)
    assert distance(one, other) < 0.4 * noise
    centres = found.expected(first, noise)
    assert distance(one, truth) < distance(centres, truth)  # what a pixel has of its own is kept


def test_scatter_is_of_the_differences_and_its_noise_leaves_what_is_of_the_pixels(kinds):
    _, first, second = kinds
    noise = distance(first, second)
    found = Prototypes.fit(first, noise, seed=0)
    expected = smoothing_by_formula.expected(first, found.mean, found.pixel_share, noise)
    assert found.scatter == pytest.approx(distance(first, expected), rel=1e-4)
    assert found.scatter - noise / 2 == pytest.approx(OWN, rel=0.3)
    assert found.pixel_share.sum() == pytest.approx(1)
    assert len(found.mean) == 3000 // 16


def test_vector_unlike_all_others_stays(kinds):
    _, first, second = kinds
    noise = distance(first, second)
    found = Prototypes.fit(first, noise, seed=0)
    away = unit(-found.mean.sum(axis=0, keepdims=True)).astype(np.float32)
    left = distance(away, found.expected(away, noise))
    assert left > 20 * found.scatter
    assert distance(found.denoised(away, noise), away) < 0.01 * left


def test_far_vectors_of_hardly_any_noise_keep_weights_that_are_numbers():
    x = np.eye(4, dtype=np.float32)
    found = Prototypes(x, np.full(4, 0.25), 1e-12)
    assert_allclose(found.denoised(x, 1e-12), x, atol=1e-6)


@pytest.mark.parametrize("noise", [0, np.nan])
def test_without_noise_vectors_stay(kinds, noise):
    _, first, _ = kinds
    assert_array_equal(Prototypes.fit(first, noise, seed=0).denoised(first, noise), first)


def test_land_without_vectors_has_no_prototypes():
    x = np.full((40, 3), np.nan, np.float32)
    found = Prototypes.fit(x, 0.1, seed=0)
    assert found.mean.shape == (0, 3)
    assert_array_equal(found.denoised(x, 0.1), x)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters", "error:divide by zero")
def test_land_of_two_vectors_has_two_prototypes():
    x = np.repeat(np.eye(4, dtype=np.float32)[:2], 100, axis=0)
    found = Prototypes.fit(x, 1e-2, seed=0)
    assert found.pixel_share.tolist() == [0.5, 0.5]
    assert_allclose(found.denoised(x, 1e-2), x, atol=1e-6)


def test_few_pixels_have_one_prototype_and_keep_their_own():
    x = unit(np.random.default_rng(2).normal(size=(9, 3))).astype(np.float32)
    found = Prototypes.fit(x, 1e-4, seed=0)
    assert_allclose(found.mean, x.mean(axis=0)[None], atol=1e-6)
    assert_allclose(found.denoised(x, 1e-4), x, atol=1e-3)


def test_prototypes_are_of_some_pixels_of_large_land():
    some = prototypes.seen(100_000, 3)
    assert len(some) == prototypes.FITTED
    assert (np.diff(some) > 0).all()
    assert prototypes.seen(100, 3).tolist() == list(range(100))
