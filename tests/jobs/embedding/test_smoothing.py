"""Vectors smoothed over the land, against the formula pixel by pixel in float64."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from jobs.embedding import smoothing
from jobs.embedding.views import pairs
from lake.errors import ConfigError
from tests.jobs.embedding import smoothing_by_formula


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
    assert_allclose(found, smoothing_by_formula.averaged(vectors, row, column, 0.1), atol=1e-6)
    assert found.dtype == np.float32
    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == [3, 7]


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
    [("", 2, True, "prototypes"), ("", 2, False, ""), ("none", 2, True, "none"),
     ("neighbours", 2, False, "neighbours"), ("neighbours", 2, True, "neighbours"), ("", 1, False, "")],
)  # fmt: skip
def test_vectors_are_smoothed_beside_a_linear_part_unless_said(smooth, periods, linear, expected):
    found = smoothing.resolve(smooth, periods, has_linear_part=linear, unit=True)
    assert found == expected


@pytest.mark.parametrize("smooth", ["neighbours", "prototypes"])
@pytest.mark.parametrize(
    ("periods", "unit", "message"), [(1, True, "second store"), (2, False, "unit=true")]
)
def test_smoothing_that_cannot_be_is_refused(smooth, periods, unit, message):
    with pytest.raises(ConfigError, match=f"smoothing={smooth} needs .*{message}"):
        smoothing.resolve(smooth, periods, has_linear_part=False, unit=unit)


@pytest.mark.parametrize(
    ("smooth", "is_gradual", "passes", "draws"),
    [("prototypes", False, 2, True), ("prototypes", True, 4, False),
     ("neighbours", False, 1, False), ("neighbours", True, 1, False), ("none", True, 0, False)],
)  # fmt: skip
def test_land_that_varies_gradually_is_averaged_more_and_drawn_to_no_prototypes(
    smooth, is_gradual, passes, draws
):
    steps = smoothing.Steps.of(smooth, is_gradual=is_gradual)
    assert (steps.passes, steps.draws, steps.count) == (passes, draws, passes + draws)
    assert steps.count <= smoothing.MOST_STEPS
