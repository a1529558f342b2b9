"""CovarianceSums against numpy.cov and, with holes, against each pair of features on its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from jobs.features.scaling import Scaling
from jobs.linear.covariance import CovarianceSums
from jobs.runs.stages import pack, unpack


def summed(blocks):
    sums = CovarianceSums.empty(len(blocks[0]))
    for block in blocks:
        sums.add(block.copy())
    return sums


def pairwise(z):
    """Covariance and mean of every pair of rows where both are there, one by one, in float64."""
    z = z.astype(np.float64)
    found = np.zeros((len(z), len(z)))
    for i in range(len(z)):
        for j in range(len(z)):
            both = ~np.isnan(z[i]) & ~np.isnan(z[j])
            if both.sum() > 1:
                found[i, j] = np.cov(z[i, both], z[j, both])[0, 1]
    return found


@pytest.fixture
def z():
    rng = np.random.default_rng(3)
    return (rng.normal(size=(9, 9)) @ rng.normal(size=(9, 400)) + 0.5).astype(np.float32)


@pytest.fixture
def holes(z):
    """Features 0 to 2 are missing together, 3 and 4 each at its own, 5 in one block only."""
    rng = np.random.default_rng(4)
    z = z.copy()
    z[:3, rng.random(400) < 0.3] = np.nan
    z[3, rng.random(400) < 0.3] = np.nan
    z[4, rng.random(400) < 0.3] = np.nan
    z[5, 300:320] = np.nan
    return z


def test_without_holes_they_are_mean_and_covariance(z):
    sums = summed([z[:, :100], z[:, 100:]])
    assert_allclose(sums.covariance(), np.cov(z.astype(np.float64)), rtol=1e-5, atol=1e-5)
    assert_allclose(sums.mean(), z.mean(axis=1, dtype=np.float64), atol=1e-6)
    assert_allclose(sums.scale(), z.std(axis=1, dtype=np.float64), rtol=1e-5)
    assert sums.counts.tolist() == [[400]]


def test_with_holes_every_pair_counts_where_both_are_there(holes):
    sums = summed([holes[:, :100], holes[:, 100:350], holes[:, 350:]])
    assert_allclose(sums.covariance(), pairwise(holes), rtol=1e-4, atol=1e-4)
    assert_allclose(sums.mean(), np.nanmean(holes, axis=1), atol=1e-5)
    assert_allclose(sums.scale(), np.nanstd(holes, axis=1), rtol=1e-5)


def test_features_that_are_there_together_share_a_kind(holes):
    sums = summed([holes[:, :100], holes[:, 100:]])
    assert len(set(sums.kind[:3])) == 1
    assert len(set(sums.kind[3:6]) | {sums.kind[0], sums.kind[6]}) == 5
    assert len(set(sums.kind[6:])) == 1


@given(st.lists(st.integers(1, 399), max_size=5, unique=True), st.randoms(use_true_random=False))
def test_sums_merged_in_any_grouping_and_order_are_those_of_all(holes_anywhere, cuts, random):
    parts = np.split(holes_anywhere, sorted(cuts), axis=1)
    random.shuffle(parts)
    while len(parts) > 1:
        first, second = parts.pop(), parts.pop()
        first = first if isinstance(first, CovarianceSums) else summed([first])
        first.merge(second if isinstance(second, CovarianceSums) else summed([second]))
        parts.insert(random.randint(0, len(parts)), first)
    merged = parts[0] if isinstance(parts[0], CovarianceSums) else summed(parts)
    whole = summed([holes_anywhere])
    assert_allclose(merged.covariance(), whole.covariance(), rtol=1e-4, atol=1e-4)
    assert_allclose(merged.mean(), whole.mean(), atol=1e-5)


@pytest.fixture(scope="module")
def holes_anywhere():
    rng = np.random.default_rng(5)
    z = rng.normal(size=(6, 400)).astype(np.float32)
    z[rng.random(z.shape) < 0.2] = np.nan
    return z


def test_pixel_without_any_value_does_not_count(z):
    more = np.concatenate([z, np.full((9, 50), np.nan, np.float32)], axis=1)
    assert_allclose(summed([more]).covariance(), np.cov(z.astype(float)), rtol=1e-5, atol=1e-5)
    assert summed([more]).counts.tolist() == [[400]]


def test_feature_that_is_never_there_has_covariance_zero_and_scale_one(z):
    z[4] = np.nan
    sums = summed([z])
    assert (sums.covariance()[4] == 0).all()
    assert (sums.mean()[4], sums.scale()[4]) == (0, 1)


def test_what_was_stored_goes_on(holes):
    sums = unpack(CovarianceSums, pack(summed([holes[:, :100]]), "total_"), "total_")
    sums.add(holes[:, 100:].copy())
    whole = summed([holes[:, :100], holes[:, 100:]])
    assert_array_equal(sums.covariance(), whole.covariance())


def test_scaling_cuts_off_then_standardises_and_leaves_holes():
    x = np.array([[1, 2, 3, np.nan, 100], [5, 5, 5, 5, 5]], np.float32)
    scaling = Scaling(
        np.array([0, -np.inf]), np.array([4, np.inf]), np.array([2, 5.0]), np.array([0.5, 1])
    )
    assert_array_equal(scaling.apply(x), [[-2, 0, 2, np.nan, 4], [0, 0, 0, 0, 0]])


def test_scaling_of_a_sample_is_by_what_is_there():
    rng = np.random.default_rng(0)
    x = rng.normal(280, 5, (3, 500)).astype(np.float32)
    x[0, :100] = np.nan
    x[1] = 7
    x[2] = np.nan
    found = Scaling.fit(x, 3)
    assert found.mean[0] == pytest.approx(np.nanmean(x[0].astype(float)))
    assert found.scale[0] == pytest.approx(np.nanstd(x[0].astype(float)))
    assert found.high[0] == pytest.approx(found.mean[0] + 3 * found.scale[0])
    assert (found.mean[1], found.scale[1], found.low[1]) == (7, 1, -np.inf)
    assert (found.mean[2], found.scale[2], found.high[2]) == (0, 1, np.inf)
