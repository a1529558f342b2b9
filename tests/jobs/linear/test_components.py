"""Linear models in memory: the eigensolver, scores, and what is put into holes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from jobs.features.scaling import Scaling
from jobs.linear import components, subspace
from jobs.linear.covariance import CovarianceSums
from jobs.linear.subspace import Sketch
from tests.jobs.raw import captured, low_rank, standard

NO_CLIP = 1e9


def fitted(x, count, clip=NO_CLIP):
    """The model of one pass over (pixel, feature)."""
    x = x.T.copy()
    scaling, sums = Scaling.fit(x[:, ::3], clip), CovarianceSums.empty(len(x))
    for block in np.array_split(scaling.apply(x), 3, axis=1):
        sums.add(block)
    return components.solve(sums, scaling, count)


def scores(x, model):
    return components.scores(x.T.copy(), model)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def x(rng):
    return low_rank(rng, 700, 120)


def test_components_of_complete_data_are_those_of_scikit_learn(x):
    model = fitted(x, 8)
    oracle = PCA(8, svd_solver="covariance_eigh").fit(standard(x))
    sign = np.sign(np.sum(model.components * oracle.components_, axis=1, keepdims=True))
    assert_allclose(model.components * sign, oracle.components_, atol=1e-5)
    assert_allclose(model.variance, oracle.explained_variance_, rtol=1e-5)
    assert_allclose(model.variance / model.total, oracle.explained_variance_ratio_, rtol=1e-5)
    assert_allclose(model.scaling.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert_allclose(scores(x, model) * sign.T, oracle.transform(standard(x)), atol=1e-4)


def test_variance_captured_of_complete_data_is_the_largest_there_is(x):
    z = standard(x)
    best = np.linalg.eigvalsh(np.cov(z.T))[::-1][:64].sum()
    assert 1 - captured(z, fitted(x, 64).components) / best < 1e-9


def test_components_are_orthonormal_and_their_largest_loading_is_positive(x):
    found = fitted(x, 20).components
    assert_allclose(found @ found.T, np.eye(20), atol=1e-12)
    assert (np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_outlier_counts_as_the_clip(x):
    model = fitted(x, 8, clip=6)
    far = x[:1].copy()
    far[0, 5] = 1e9
    at_clip = x[:1].copy()
    at_clip[0, 5] = model.scaling.high[5]
    assert_allclose(scores(far, model), scores(at_clip, model), atol=1e-4)


def test_pixel_without_any_value_has_no_scores_and_all_others_have(rng, x):
    model = fitted(x, 8)
    x[rng.random(x.shape) < 0.3] = np.nan
    x[3] = np.nan
    x[4, 1:] = np.nan
    missing = np.isnan(scores(x, model))
    assert missing[3].all()
    assert not np.delete(missing, 3, axis=0).any()


def likeliest(z, model):
    """Tipping and Bishop (1999): the mean of all features given those that are there, one pixel at a time."""
    signal = model.variance - model.noise
    covariance = (model.components.T * signal) @ model.components
    covariance[np.diag_indices(len(covariance))] += model.noise
    filled = z.astype(np.float64)
    for pixel in filled.T:
        there = ~np.isnan(pixel)
        known = np.linalg.solve(covariance[np.ix_(there, there)], pixel[there])
        pixel[~there] = covariance[np.ix_(~there, there)] @ known
    return filled


@pytest.mark.parametrize("share", [0.15, 0.8])
def test_holes_are_filled_by_the_likeliest_values(rng, x, share):
    model = fitted(x, 8)
    z = model.scaling.apply(x[:60].T.copy())
    z[rng.random(z.shape) < share] = np.nan
    found = z.copy()
    filled = components.impute(found, model)
    wanted = likeliest(z, model)
    assert_array_equal(filled, np.isnan(z).sum(axis=1))
    assert_array_equal(found[~np.isnan(z)], z[~np.isnan(z)])
    assert np.sqrt(np.mean((found - wanted) ** 2)) < 2e-3 * wanted.std()


def test_zero_imputed_scores_are_far_off_and_filled_ones_are_not(rng, x):
    model = fitted(x, 8)
    wanted = scores(x, model)
    holes = rng.random(x.shape) < 0.15

    def error(found):
        return np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2))

    zero = np.where(holes, model.scaling.mean, x).astype(np.float32)
    assert error(scores(zero, model)) > 0.15
    assert error(scores(np.where(holes, np.float32(np.nan), x), model)) < 0.01


def test_as_many_components_as_features_fill_holes_too(rng, x):
    model = fitted(x, 120)
    wanted = scores(x, model)[:, :8]
    x[rng.random(x.shape) < 0.15] = np.nan
    error = np.sqrt(np.mean((scores(x, model)[:, :8] - wanted) ** 2) / np.mean(wanted**2))
    assert error < 0.02


@pytest.mark.parametrize("seed", [0, 1])
def test_regions_seen_in_other_features_each_do_not_run_away(seed):
    """As under the clouds of a season: the covariance of pairs is far from any covariance."""
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 6, 3000)
    level = 3 * rng.normal(size=6)[region] + rng.normal(size=3000)
    each = 0.1 * rng.normal(size=(6, 30))[region] + 0.05 * rng.normal(size=(3000, 30))
    seen = (rng.random((6, 30)) < 0.5)[region] & (rng.random((3000, 30)) < 0.9)
    seen |= rng.random((3000, 30)) < 0.02
    x = np.where(seen, level[:, None] + each, np.nan).astype(np.float32)
    model = fitted(x, 30)
    found = scores(x, model)
    there = ~np.isnan(found[:, 0])
    assert np.abs(found[there]).max() < 30
    assert np.corrcoef(found[there, 0], level[there])[0, 1] ** 2 > 0.95


@given(st.integers(1, 999), st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_pixels_beside(split, seed):
    rng = np.random.default_rng(seed)
    x = low_rank(rng, rows=1000, columns=12, rank=3)
    model = fitted(x, 3)
    x[rng.random(x.shape) < 0.2] = np.nan
    parts = [scores(part, model) for part in (x[:split], x[split:])]
    whole = scores(x, model)
    assert_allclose(np.concatenate(parts), whole, atol=5e-3 * np.nanstd(whole))


def test_projection_makes_the_scores_and_components_fill_the_holes(rng, x):
    model = fitted(x, 8)
    x[rng.random(x.shape) < 0.15] = np.nan
    mixed = rng.normal(size=(3, 120))
    other = replace(model, projection=mixed)
    filled = model.scaling.apply(x.T.copy())
    components.impute(filled, model)
    assert_allclose(scores(x, other), filled.T @ mixed.T, atol=1e-4)


def passes(x, count, directions, number):
    """Models of a number of passes over (pixel, feature), from a start of 50 pixels."""
    scaling = Scaling.fit(x[::3].T, NO_CLIP)
    start = np.nan_to_num(scaling.apply(x[:: len(x) // 50].T.copy()))
    basis, found = subspace.start(start, directions), []
    for _ in range(number):
        parts = [Sketch.empty(basis) for _ in range(3)]
        for part, block in zip(parts, np.array_split(x.T, 3, axis=1), strict=True):
            part.add(scaling.apply(block.copy()))
        parts[0].merge(parts[1])
        parts[2].merge(parts[0])
        model = subspace.solve(parts[2], scaling)
        basis, scaling = model.components.T, model.scaling
        found.append(components.truncate(model, count))
    return found


def test_subspace_tends_to_the_components_of_the_whole_covariance(x):
    z = standard(x)
    exact = fitted(x, 16)
    found = passes(x, 16, 24, 14)
    deficit = [1 - captured(z, of.components) / exact.variance.sum() for of in found]
    assert deficit[0] < 0.05
    assert all(later < before for before, later in pairwise(deficit[:5]))
    assert deficit[-1] < 1e-6
    assert_allclose(found[-1].components[:8], exact.components[:8], atol=1e-5)
    assert_allclose(found[-1].variance, exact.variance, rtol=1e-3)
    assert found[-1].total == pytest.approx(exact.total, rel=1e-5)
    assert_allclose(found[-1].scaling.mean, exact.scaling.mean, rtol=1e-6)
    assert_allclose(found[-1].scaling.scale, exact.scaling.scale, rtol=1e-5)


def test_subspace_leaves_out_pixels_without_any_value(x):
    more = np.concatenate([x, np.full((90, 120), np.nan, np.float32)])
    (wanted,), (found,) = passes(x, 8, 12, 1), passes(more, 8, 12, 1)
    assert found.total == pytest.approx(wanted.total, rel=1e-5)
    assert found.variance.sum() == pytest.approx(wanted.variance.sum(), rel=1e-2)


def test_nystroem_of_a_matrix_of_low_rank_is_the_matrix(rng):
    root = rng.normal(size=(40, 5))
    basis = rng.normal(size=(40, 9))
    vectors, values = subspace.nystroem(root @ root.T @ basis, basis)
    assert_allclose((vectors.T * values) @ vectors, root @ root.T, atol=1e-6)
    assert_allclose(vectors @ vectors.T, np.eye(9), atol=1e-9)
    assert_allclose(values[5:], 0, atol=1e-6)


def test_start_has_as_many_directions_as_asked_for(rng):
    few = rng.normal(size=(40, 6)).astype(np.float32)
    basis = subspace.start(few, 10)
    assert_allclose(basis.T @ basis, np.eye(10), atol=1e-6)
    inside = basis[:, :6] @ (basis[:, :6].T @ few)
    assert_allclose(inside, few, atol=1e-4)
