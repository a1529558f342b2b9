"""Decompositions of pixels in memory against tensorly, against direct least squares, and planted factors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import nnls

from jobs.factors import factor_model, in_memory, judgements, pixel_factors
from jobs.factors.pixel_factors import FactorSums, Observed, SolveRule
from tests.jobs.factors import planted
from tests.jobs.factors.planted import GRID, SHAPE

RULE = SolveRule(ridge=1e-9)
NONNEGATIVE = SolveRule(ridge=1e-9, nonnegative=True)
RANKS = (3, 2, 3, 2)


@pytest.fixture(scope="module")
def tensorly():
    """The oracle; lanes of the oldest and newest releases do not have it."""
    pytest.importorskip("tensorly.decomposition", reason="no tensorly, which goeslake[dev] brings")
    import tensorly

    return tensorly


def fitted(x, components, rule=RULE, seeds=(0, 1, 2), ranks=None):
    """The best of some starts."""
    tries = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        pieces = list(Observed.pieces(x))
        if ranks:
            start = in_memory.start_tucker(pieces, GRID, ranks, components, random, rule)
        else:
            start = factor_model.random_cp(SHAPE, components, random, nonnegative=rule.nonnegative)
        tries.append(in_memory.fit(pieces, GRID, start, rule, 500, 1e-10))
    return max(tries, key=lambda fit: fit.fits[-1])


def left_over(x, found, rule=RULE) -> float:
    """Length of what is not explained over the length of the values, known cells alone, directly."""
    loadings = GRID.features(found.model.loadings())
    pixels = pixel_factors.solve(Observed.of(x), loadings, rule)
    known = np.isfinite(x)
    return np.linalg.norm((x - loadings @ pixels.T)[known]) / np.linalg.norm(x[known])


def test_cp_leaves_what_tensorly_leaves(tensorly):
    x = planted.cp(noise=0.3).x
    tensor, how = planted.tensor_of(x), {"n_iter_max": 500, "tol": 1e-10, "init": "random"}
    tries = [tensorly.decomposition.parafac(tensor, 3, random_state=n, **how) for n in range(3)]
    left = min(tensorly.norm(tensor - tensorly.cp_to_tensor(cp)) for cp in tries)
    assert left_over(x, fitted(x, 3)) == pytest.approx(left / tensorly.norm(tensor), rel=1e-4)


def test_tucker_leaves_what_tensorly_leaves(tensorly):
    x = planted.cp(noise=0.3, components=6).x
    tensor = planted.tensor_of(x)
    core, factors = tensorly.decomposition.tucker(tensor, (4, *RANKS), n_iter_max=500, tol=1e-10)
    oracle = tensorly.norm(tensor - tensorly.tucker_to_tensor((core, factors)))
    found = left_over(x, fitted(x, 4, ranks=RANKS))
    assert found == pytest.approx(oracle / tensorly.norm(tensor), rel=1e-4)


def test_nonnegative_cp_leaves_what_tensorly_leaves(tensorly):
    x = planted.cp(positive=True, noise=0.3).x
    tensor, how = planted.tensor_of(x), {"n_iter_max": 500, "tol": 1e-10, "init": "random"}
    decompose = tensorly.decomposition.non_negative_parafac_hals
    tries = [decompose(tensor, 3, random_state=n, **how) for n in range(3)]
    left = min(tensorly.norm(tensor - tensorly.cp_to_tensor(cp)) for cp in tries)
    found = fitted(x, 3, NONNEGATIVE)
    assert min(values.min() for values in found.model.factors) >= 0
    assert left_over(x, found, NONNEGATIVE) == pytest.approx(left / tensorly.norm(tensor), rel=1e-4)


@pytest.mark.parametrize("rule", [RULE, NONNEGATIVE])
def test_planted_factors_are_recovered_with_thirty_percent_missing(rule):
    truth = planted.cp(positive=rule.nonnegative)
    x = planted.holed(truth.x, 0.3)
    found = fitted(x, 3, rule)
    assert planted.match(truth.small, found.model.factors) > 0.99
    pixels = pixel_factors.solve(Observed.of(x), GRID.features(found.model.loadings()), rule)
    assert planted.match((truth.pixels,), (pixels,)) > 0.99


def test_masked_tucker_is_near_the_complete_one():
    truth = planted.cp(noise=0.05)
    complete = fitted(truth.x, 3, ranks=(3, 3, 3, 3))
    masked = fitted(planted.holed(truth.x, 0.3), 3, ranks=(3, 3, 3, 3))
    assert judgements.agreement(complete.model, masked.model) > 0.99


@pytest.mark.parametrize("ranks", [None, RANKS])
def test_every_sweep_explains_more_where_cells_are_missing(ranks):
    x = planted.holed(planted.cp(noise=0.5).x, 0.3)
    fits = fitted(x, 3, seeds=(0,), ranks=ranks).fits
    assert len(fits) > 3
    assert np.diff(fits).min() > -1e-9
    assert fits[-1] == pytest.approx(1 - left_over(x, fitted(x, 3, seeds=(0,), ranks=ranks)) ** 2)


@pytest.mark.parametrize("rule", [RULE, NONNEGATIVE])
def test_pixels_are_solved_as_by_least_squares_over_their_own_cells(rule):
    x = planted.holed(planted.cp(pixels=20, noise=1).x, 0.4)
    x[:, 3] = np.nan
    loadings = np.random.default_rng(5).normal(size=(len(x), 3))
    found = pixel_factors.solve(Observed.of(x), loadings, rule)
    assert (found[3] == 0).all()
    for pixel in set(range(20)) - {3}:
        known = np.isfinite(x[:, pixel])
        system = loadings[known], x[known, pixel]
        oracle = nnls(*system)[0] if rule.nonnegative else np.linalg.lstsq(*system)[0]
        assert_allclose(found[pixel], oracle, atol=1e-5)


def test_merged_sums_equal_those_of_the_whole():
    x = planted.holed(planted.cp().x, 0.2)
    x[:, :40] = planted.cp().x[:, :40]
    loadings = np.random.default_rng(5).normal(size=(len(x), 3))
    whole = pixel_factors.sums([Observed.of(x)], loadings, RULE)
    merged = FactorSums.empty(*loadings.shape)
    for part in (x[:, 250:], x[:, :30], x[:, 30:250]):
        merged.merge(pixel_factors.sums([Observed.of(part)], loadings, RULE))
    for name in FactorSums.__slots__:
        assert_allclose(getattr(merged, name), getattr(whole, name), rtol=1e-9, atol=1e-9)


def test_model_has_lengths_signs_and_order_that_do_not_depend_on_the_start():
    found = fitted(planted.cp().x, 3, seeds=(4,)).model
    other = fitted(planted.cp().x, 3, seeds=(5,)).model
    for one, two in zip(found.factors, other.factors, strict=True):
        assert_allclose(np.linalg.norm(one, axis=0), 1)
        assert (one[np.abs(one).argmax(axis=0), range(3)] > 0).all()
        assert_allclose(one, two, atol=1e-3)


def test_tucker_has_orthonormal_loadings_and_uncorrelated_pixel_factors():
    x = planted.cp(noise=0.3, components=6).x
    model = fitted(x, 4, seeds=(0,), ranks=RANKS).model
    loadings = model.loadings()
    assert_allclose(loadings.T @ loadings, np.eye(4), atol=1e-8)
    for values in (loadings, *model.factors):
        assert (values[np.abs(values).argmax(axis=0), range(values.shape[1])] > 0).all()
    pixels = pixel_factors.solve(Observed.of(x), GRID.features(loadings), RULE)
    gram = pixels.T @ pixels
    assert (np.diff(np.diag(gram)) < 0).all()
    assert_allclose(gram / gram[0, 0], np.diag(np.diag(gram)) / gram[0, 0], atol=1e-3)
