"""Vectors smoothed over the land, against the formula pixel by pixel in float64."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from jobs.embedding import smoothing
from jobs.embedding.views import pairs
from lake.errors import ConfigError


def by_formula(vectors, row, column, noise):
    """Loops over pixels and the eight places around each."""
    place = {(int(r), int(c)): n for n, (r, c) in enumerate(zip(row, column, strict=True))}
    result = np.full(vectors.shape, np.nan)
    for (r, c), n in place.items():
        total = vectors[n].astype(np.float64)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                other = place.get((r + down, c + right), n)
                if other != n and np.isfinite(vectors[other]).all():
                    distance = ((vectors[other].astype(np.float64) - vectors[n]) ** 2).sum()
                    total = total + np.exp(-distance / (2 * noise)) * vectors[other]
        result[n] = total / np.linalg.norm(total)
    return result


@pytest.fixture
def land():
    """Two fields side by side on a grid with holes, noise within them, and two pixels without a vector."""
    rng = np.random.default_rng(0)
    row, column = np.divmod(np.flatnonzero(rng.random(400) < 0.8), 20)
    order = rng.permutation(row.size)
    row, column = row[order], column[order]
    field = np.where(column < 10, 0, 1)
    vectors = np.eye(6)[field] + 0.1 * rng.normal(size=(row.size, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[[3, 7]] = np.nan
    return vectors.astype(np.float32), row, column, field


def test_smoothed_vectors_are_those_of_the_formula(land):
    vectors, row, column, _ = land
    found = smoothing.smoothed(vectors, pairs.around(row, column), 0.1)
    assert_allclose(found, by_formula(vectors, row, column, 0.1), atol=1e-6)
    assert found.dtype == np.float32
    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == [3, 7]


def test_some_pixels_are_smoothed_as_among_all(land):
    vectors, row, column, _ = land
    around = pairs.around(row, column)
    rows = np.array([5, 1, 250])
    found = smoothing.smoothed(vectors, around[rows], 0.1, rows)
    assert_array_equal(found, smoothing.smoothed(vectors, around, 0.1)[rows])


def test_noise_falls_and_the_edge_of_a_field_stays(land):
    vectors, row, column, field = land
    known = np.isfinite(vectors).all(axis=1)
    found = smoothing.smoothed(vectors, pairs.around(row, column), 2 * 6 * 0.1**2)
    before, after = (((x - np.eye(6)[field]) ** 2).sum(axis=1) for x in (vectors, found))
    assert after[known].mean() < before[known].mean() / 3
    beside = known & ((column == 9) | (column == 10))
    assert after[beside].mean() < before[beside].mean() / 2


@pytest.mark.parametrize("noise", [0, np.nan])
def test_nothing_is_alike_without_noise(land, noise):
    vectors, row, column, _ = land
    found = smoothing.smoothed(vectors, pairs.around(row, column), noise)
    assert_allclose(found, vectors, atol=1e-6)


def test_noise_leaves_out_pixels_that_one_period_lacks():
    first = np.array([[0, 0], [3, 0], [np.nan, 0]], np.float32)
    second = np.array([[0, 2], [np.nan, 1], [0, 0]], np.float32)
    assert smoothing.squared_distances(first, second).tolist() == [4]


@pytest.mark.parametrize(
    ("smooth", "periods", "linear", "expected"),
    [("", 2, True, "neighbours"), ("", 2, False, ""), ("none", 2, True, "none"),
     ("neighbours", 2, False, "neighbours"), ("", 1, False, "")],
)  # fmt: skip
def test_vectors_are_smoothed_beside_a_linear_part_unless_said(smooth, periods, linear, expected):
    found = smoothing.resolve(smooth, periods, has_linear_part=linear, unit=True)
    assert found == expected


@pytest.mark.parametrize(
    ("periods", "unit", "message"), [(1, True, "second store"), (2, False, "unit=true")]
)
def test_smoothing_that_cannot_be_is_refused(periods, unit, message):
    with pytest.raises(ConfigError, match=message):
        smoothing.resolve("neighbours", periods, has_linear_part=False, unit=unit)
