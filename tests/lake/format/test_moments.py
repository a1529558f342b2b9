from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from lake.format.moments import (
    METRICS,
    Moments,
    add,
    empty,
    finalise,
    from_observations,
    from_results,
    merge,
    merge_along,
    to_results,
)

SUMS = {"m2": 2, "m3": 3, "m4": 4}


@st.composite
def observations(draw, most=12):
    """Values with a step of 0.01, as packed files have, and which of them are valid."""
    shape = draw(st.integers(0, most)), 3
    values = draw(hnp.arrays(np.int64, shape, elements=st.integers(-33000, 33000))) / 100
    return values, draw(hnp.arrays(bool, shape))


def direct(values, valid):
    """Two passes over each pixel's valid observations."""
    statistics = np.full((len(METRICS), values.shape[1]), np.nan)
    for pixel in range(values.shape[1]):
        x = values[valid[:, pixel], pixel]
        statistics[0, pixel] = x.size
        if x.size:
            sums = [np.sum((x - x.mean()) ** power) for power in (2, 3, 4)]
            statistics[1:, pixel] = x.min(), x.max(), x.mean(), *sums
    return dict(zip(METRICS, statistics, strict=True))


def assert_moments(found, wanted):
    for name in ("count", "min", "max"):
        assert_array_equal(getattr(found, name), wanted[name])
    assert_allclose(found.m1, wanted["m1"], rtol=1e-12, atol=1e-12)
    for name, power in SUMS.items():
        size = wanted["count"] * (wanted["max"] - wanted["min"]) ** power
        error = np.abs(getattr(found, name) - wanted[name])
        assert_array_equal(np.isnan(error), wanted["count"] == 0)
        assert np.all(error[wanted["count"] > 0] <= (1e-10 * size + 1e-12)[wanted["count"] > 0])


@given(observations(), st.integers(1, 5))
def test_merge_along_an_axis_equals_the_whole(batch, parts):
    values, valid = batch
    pieces = [from_observations(values[i::parts], valid[i::parts]) for i in range(parts)]
    stacked = Moments(*(np.stack([getattr(p, name) for p in pieces], axis=-1) for name in METRICS))
    merged = merge_along(stacked, axis=-1)
    flat = Moments(*(getattr(merged, name)[..., 0] for name in METRICS))
    assert_moments(flat, direct(values, valid))


def assert_same(a, b):
    for name in METRICS:
        assert_array_equal(getattr(a, name), getattr(b, name))


@given(observations())
def test_moments_of_observations_equal_the_direct_computation(seen):
    values, valid = seen
    assert_moments(from_observations(np.where(valid, values, np.nan), valid), direct(values, valid))


@given(observations(), st.data())
def test_merge_of_any_split_in_any_order_equals_the_whole(seen, data):
    values, valid = seen
    label = data.draw(hnp.arrays(np.int64, len(values), elements=st.integers(0, 4)))
    parts = [from_observations(values[label == i], valid[label == i]) for i in range(5)]
    while len(parts) > 1:  # any grouping: two of the parts, wherever they stand, become one
        first = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        second = parts.pop(data.draw(st.integers(0, len(parts) - 1)))
        parts.append(merge(first, second))
    assert_moments(parts[0], direct(values, valid))


@given(observations())
def test_observations_added_one_at_a_time_equal_the_whole(seen):
    values, valid = seen
    steps = zip(values[:, None], valid[:, None], strict=True)
    total = reduce(lambda moments, step: add(moments, *step), steps, empty((3,)))
    assert_moments(total, direct(values, valid))


@given(observations())
def test_merge_with_an_empty_part_returns_the_other_part(seen):
    part = from_observations(*seen)
    assert_same(merge(part, empty((3,))), part)
    assert_same(merge(empty((3,)), part), part)


def test_merge_of_skewed_parts_has_the_sign_of_the_worked_example():
    # 0, 0, 0 and 4: mean 1, deviations -1, -1, -1, 3
    merged = merge(
        from_observations(np.zeros((3, 1)), valid=True), from_observations([[4.0]], valid=True)
    )
    found = [getattr(merged, name)[0] for name in METRICS]
    assert_allclose(found, [4, 0, 4, 1, 12, 24, 84])


def test_merge_of_two_empty_parts_is_empty():
    assert_same(merge(empty((2, 3)), empty((2, 3))), empty((2, 3)))


def test_moments_where_nothing_is_valid_are_empty_whatever_the_values_hold():
    values = np.array([[np.nan, np.inf, -9999.0], [np.nan, -np.inf, 1e300]])
    assert_same(from_observations(values, np.zeros(values.shape, bool)), empty((3,)))


def test_moments_of_no_time_step_are_empty():
    assert_same(from_observations(np.empty((0, 3)), np.empty((0, 3), bool)), empty((3,)))


def test_moments_broadcast_one_valid_flag_over_all_subpixels():
    values = np.arange(12.0).reshape(3, 2, 2)  # (time, pixel, subpixel)
    valid = np.array([[True, False], [True, True], [False, False]])
    found = from_observations(values, valid[..., None])
    assert_array_equal(found.count, [[2, 2], [1, 1]])
    assert_array_equal(found.m1, [[2, 3], [6, 7]])


def test_moments_of_equal_observations_far_from_zero_have_no_spread():
    found = from_observations(np.full((1001, 1), 287.1), valid=True)
    assert found.m1[0] == 287.1
    assert [found.m2[0], found.m3[0], found.m4[0]] == [0, 0, 0]


def test_moments_of_float32_observations_are_computed_in_float64():
    values = (300 + np.random.default_rng(0).normal(0, 1e-3, (4000, 1))).astype(np.float32)
    wanted = direct(values.astype(np.float64), np.ones(values.shape, bool))
    found = from_observations(values, valid=True)
    assert found.m4.dtype == np.float64
    assert_allclose(found.m2, wanted["m2"], rtol=1e-9)
    assert_allclose(found.m4, wanted["m4"], rtol=1e-9)


def test_merge_of_many_parts_far_from_zero_keeps_small_spreads():
    values = 300 + np.random.default_rng(1).normal(0, 1e-2, (3000, 1))
    merged = reduce(merge, (from_observations(part, valid=True) for part in np.split(values, 100)))
    assert_moments(merged, direct(values, np.ones(values.shape, bool)))


@given(observations(most=30))
def test_summary_equals_the_numpy_formulas(seen):
    values, valid = seen
    found = finalise(from_observations(values, valid))
    for pixel in range(3):
        x = values[valid[:, pixel], pixel]
        spread = np.ptp(x) if x.size else 0
        mean, stddev, skewness, kurtosis = np.full(4, np.nan)
        if x.size >= 1:
            mean = np.mean(x)
        if x.size >= 2:
            stddev = np.std(x)
        if x.size >= 3 and spread:
            skewness = np.mean((x - mean) ** 3) / stddev**3
        if x.size >= 4 and spread:
            kurtosis = np.mean((x - mean) ** 4) / stddev**4 - 3
        assert_allclose(found.mean[pixel], mean, rtol=1e-12, atol=1e-12)
        assert_allclose(found.stddev[pixel], stddev, rtol=1e-9, atol=1e-9)
        assert_allclose(found.skewness[pixel], skewness, rtol=1e-7, atol=1e-7)
        assert_allclose(found.kurtosis[pixel], kurtosis, rtol=1e-7, atol=1e-7)


def test_summary_of_stored_observations_that_hardly_differ_has_no_shape():
    stored = to_results(
        from_observations(np.full((500, 1), 287.1) + np.arange(500)[:, None] * 1e-9, valid=True), 0
    )
    found = finalise(from_results(stored, 0))
    assert 0 <= found.stddev[0] < 1e-6
    assert np.isnan(found.skewness[0])
    assert np.isnan(found.kurtosis[0])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_results_hold_the_metrics_in_their_order_as_float32(axis):
    rng = np.random.default_rng(2)
    moments = from_observations(rng.normal(290, 5, (9, 4, 2)), rng.random((9, 4, 2)) < 0.3)
    stored = to_results(moments, axis)
    assert stored.dtype == np.float32
    for i, name in enumerate(("count", "min", "max", "m1", "m2", "m3", "m4")):
        wanted = getattr(moments, name).astype(np.float32)
        assert_array_equal(np.take(stored, i, axis), wanted)
        assert_array_equal(getattr(from_results(stored, axis), name), wanted)


def test_results_never_ingested_read_as_no_observation():
    assert_same(from_results(np.full((7, 3), np.nan, np.float32), 0), empty((3,)))


def test_moments_are_in_the_order_of_the_metrics():
    assert tuple(Moments.__dataclass_fields__) == METRICS
