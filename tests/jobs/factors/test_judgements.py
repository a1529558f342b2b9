"""Core consistency and fit against their definitions, with dense cores and tensors; agreement of models."""

from math import isnan

import numpy as np
import pytest

from jobs.factors import factor_model, in_memory, judgements, pixel_factors
from jobs.factors.factor_model import FactorModel
from jobs.factors.pixel_factors import Observed, SolveRule
from tests.jobs.factors import planted
from tests.jobs.factors.planted import GRID, SHAPE

RULE = SolveRule(ridge=1e-9)


def fitted(x, components, seed=0, sweeps=300):
    random = np.random.default_rng(seed)
    start = factor_model.random_cp(SHAPE, components, random, nonnegative=False)
    return in_memory.fit([Observed.of(x)], GRID, start, RULE, sweeps, 1e-9)


def dense(x, found):
    """Pixel factors, and the tensor (pixel, month, tod, band, metric) with the model's values in its gaps."""
    loadings = GRID.features(found.model.loadings())
    pixels = pixel_factors.solve(Observed.of(x), loadings, RULE)
    return pixels, planted.tensor_of(np.where(np.isfinite(x), x, loadings @ pixels.T))


@pytest.mark.parametrize("missing", [0, 0.3])
@pytest.mark.parametrize("components", [2, 3])
def test_core_consistency_is_that_of_the_core_of_bro_and_kiers(components, missing):
    """Equation 5: all of the core by pseudoinverses, less CP's own, over CP's own."""
    x = planted.holed(planted.cp(noise=0.5).x, missing)
    found = fitted(x, components, sweeps=30)
    pixels, tensor = dense(x, found)
    inverses = [np.linalg.pinv(values) for values in (pixels, *found.model.factors)]
    core = np.einsum("pmtbk,ap,cm,dt,eb,fk->acdef", tensor, *inverses)
    ideal = np.zeros_like(core)
    ideal[(range(components),) * 5] = 1
    oracle = 100 * (1 - ((core - ideal) ** 2).sum() / components)
    found_consistency = judgements.core_consistency(found.model, found.sums, GRID)
    assert found_consistency == pytest.approx(oracle, abs=1e-4)


def test_core_consistency_of_more_components_than_steps_takes_modes_together():
    x = planted.cp(noise=0.5).x
    found = fitted(x, 5, sweeps=30)
    groups = judgements.merged_modes(SHAPE, 5)
    assert groups == [(0, 1), (2, 3)]
    pixels, tensor = dense(x, found)
    factors = [factor_model.khatri_rao([found.model.factors[n] for n in g]) for g in groups]
    merged = tensor.reshape(len(pixels), *map(len, factors))
    core = np.einsum("pij,ap,bi,cj->abc", merged, *map(np.linalg.pinv, (pixels, *factors)))
    core[(range(5),) * 3] -= 1
    oracle = 100 * (1 - (core**2).sum() / 5)
    assert judgements.core_consistency(found.model, found.sums, GRID) == pytest.approx(
        oracle, abs=1e-4
    )


def test_core_consistency_falls_where_there_are_too_many_components():
    x = planted.cp().x
    right, many = (fitted(x, count) for count in (3, 4))
    assert judgements.core_consistency(right.model, right.sums, GRID) > 90
    assert judgements.core_consistency(many.model, many.sums, GRID) < 50


def test_core_consistency_of_a_matrix_is_not_known():
    found = fitted(planted.cp().x, 3, sweeps=3)
    matrix = FactorModel((found.model.loadings(),))
    assert isnan(judgements.core_consistency(matrix, found.sums, FlatGrid()))


class FlatGrid:
    """All cells in one mode."""

    shape = (int(np.prod(SHAPE)),)


def test_fit_is_the_explained_share_of_squares_over_known_cells():
    x = planted.holed(planted.cp(noise=0.5).x, 0.3)
    found = fitted(x, 3, sweeps=20)
    loadings = GRID.features(found.model.loadings())
    pixels = pixel_factors.solve(Observed.of(x), loadings, RULE)
    known = np.isfinite(x)
    oracle = 1 - ((x - loadings @ pixels.T)[known] ** 2).sum() / (x[known] ** 2).sum()
    assert judgements.fit(found.sums, loadings) == pytest.approx(oracle, abs=1e-9)


def test_models_agree_but_for_order_sign_and_length():
    truth = FactorModel(planted.cp().small)
    same = FactorModel(tuple(-2 * values[:, [2, 0, 1]] for values in truth.factors))
    assert judgements.agreement(truth, same) == pytest.approx(1)
    other = FactorModel(planted.cp(seed=9).small)
    oracle = planted.match(truth.factors, truth.factors)
    assert oracle == pytest.approx(1)
    assert judgements.agreement(truth, other) < 0.6


def test_tucker_models_agree_if_their_loadings_span_the_same():
    random = np.random.default_rng(0)
    model = factor_model.random_loadings(SHAPE, 2, random)
    turned = FactorModel(model.factors, model.core @ random.normal(size=(2, 2)))
    assert judgements.agreement(model, turned) == pytest.approx(1)
    other = factor_model.random_loadings(SHAPE, 2, random)
    assert judgements.agreement(model, other) < 0.1
