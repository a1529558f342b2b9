"""Expressions of einsum by Adam: against tensorly, planted models with holes, SciPy's pixels, and a run."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares

from jobs.factors import adam, factor_model, in_memory, nonlinear_pixels, pixel_factors, scan
from jobs.factors.expressions import Expression
from jobs.factors.fit_settings import FactorFit
from jobs.factors.nonlinear_pixels import NONLINEARITIES
from jobs.factors.pixel_factors import Observed, SolveRule
from lake.errors import ConfigError
from tests.jobs.factors import planted
from tests.jobs.factors.planted import GRID, SHAPE

QUICK = FactorFit("einsum", components=3, ridge=1e-9, steps=400)


def fitted(x, starts=1, **changes):
    """The best of some starts."""
    fit = FactorFit(**{name: getattr(QUICK, name) for name in FactorFit.__slots__} | changes)
    pieces = list(Observed.pieces(x))
    tries = [scan.fitted(pieces, GRID, fit, 3, start) for start in range(starts)]
    return max(tries, key=lambda each: each.fits[-1])


def test_expression_of_cp_leaves_what_tensorly_leaves():
    pytest.importorskip("tensorly.decomposition", reason="no tensorly, which goeslake[dev] brings")
    import tensorly

    x = planted.cp(noise=0.3, pixels=150).x
    tensor = planted.tensor_of(x)
    cp = tensorly.decomposition.parafac(
        tensor, 3, n_iter_max=500, tol=1e-10, init="random", random_state=0
    )
    left = tensorly.norm(tensor - tensorly.cp_to_tensor(cp)) / tensorly.norm(tensor)
    model = fitted(x)
    assert np.sqrt(1 - model.fits[-1]) == pytest.approx(left, rel=1e-4)
    for profile, factor in zip(model.model.profiles(), model.model.factors, strict=True):
        assert_allclose(profile, factor, atol=1e-5)


@pytest.mark.parametrize(("name", "gain", "starts"), [("asinh", 5, 1), ("softplus", 2, 2)])
def test_planted_nonlinear_model_is_recovered_with_thirty_percent_missing_where_cp_is_not(
    name, gain, starts
):
    truth = planted.cp(pixels=150, noise=0)
    exact = NONLINEARITIES[name].value(gain * truth.x / truth.x.std())
    noise = np.random.default_rng(3).normal(size=exact.shape)
    holed = planted.holed(exact + 0.05 * noise, 0.3)
    rule, observed = SolveRule(1e-9, nonlinearity=name), Observed.of(holed)
    model = fitted(holed, starts, nonlinearity=name).model
    pixels = nonlinear_pixels.solve(observed, model.loadings(), rule)
    assert planted.match(truth.small, model.factors) > 0.999
    assert planted.match((truth.pixels,), (pixels,)) > 0.999
    cp = scan.fitted([observed], GRID, FactorFit(components=3, ridge=1e-9), 3, 0).model
    of_cp = cp.loadings() @ pixel_factors.solve(observed, cp.loadings(), SolveRule(1e-9)).T

    def left(values):
        """Share of the squares of the cells that were missing."""
        out = np.isnan(holed)
        return ((values - exact)[out] ** 2).sum() / (exact[out] ** 2).sum()

    assert left(nonlinear_pixels.fitted(model.loadings(), pixels, name)) < 1e-3
    assert left(of_cp) > 0.04


def test_factor_of_two_modes_is_recovered_with_thirty_percent_missing():
    random = np.random.default_rng(2)
    small = [random.normal(size=size) for size in ((6, 5, 3), (4, 3), (3, 3))]
    tensor = np.einsum("pr,mbr,tr,sr->mtbsp", random.normal(size=(150, 3)), *small)
    x = planted.holed(tensor.reshape(-1, 150), 0.3)
    model = fitted(x, expression="pr,mbr,tr,sr", steps=700).model
    flat = [values.reshape(-1, 3) for values in model.factors]
    assert planted.match([values.reshape(-1, 3) for values in small], flat) > 0.99
    assert [values.shape for values in model.factors] == [(6, 5, 3), (4, 3), (3, 3)]
    assert_allclose([np.linalg.norm(values, axis=0) for values in flat], 1)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_functions_of_both_libraries_and_their_slopes_agree(name):
    h = torch.linspace(-3, 3, 14, dtype=torch.float64, requires_grad=True)
    value = adam.FUNCTIONS[name](h)
    value.sum().backward()
    g, at = NONLINEARITIES[name], h.detach().numpy()
    assert_allclose(g.value(at), value.detach().numpy(), rtol=1e-9)
    assert_allclose(g.slope(at), h.grad.numpy(), rtol=1e-9)
    inner = at[at > 0.1]
    assert_allclose(g.inverse(g.value(inner)), inner, rtol=1e-9)


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_pixels_are_solved_as_by_scipy_over_their_own_cells(name):
    random = np.random.default_rng(5)
    loadings, factors = random.normal(size=(60, 3)), random.normal(size=(12, 3))
    g = NONLINEARITIES[name]
    x = g.value(loadings @ factors.T) + 0.05 * random.normal(size=(60, 12))
    x = planted.holed(x, 0.3)
    x[:, 3] = np.nan
    rule = SolveRule(1e-9, nonlinearity=name)
    solved = nonlinear_pixels.solve(Observed.of(x), loadings, rule)
    assert_array_equal(solved[3], 0)
    for pixel in set(range(12)) - {3}:
        known = np.isfinite(x[:, pixel])
        cells, values = loadings[known], x[known, pixel]
        oracle = least_squares(
            lambda a, cells=cells, values=values: g.value(cells @ a) - values, factors[pixel]
        )
        assert_allclose(solved[pixel], oracle.x, atol=0.02 if name == "relu" else 2e-3)  # kinks


def test_components_are_by_strength_and_starts_of_one_model_agree():
    x = planted.cp(pixels=100, noise=0.1).x
    one, other = (
        in_memory.fit_expression(
            list(Observed.pieces(x)), GRID, QUICK, 3, np.random.default_rng(seed)
        )
        for seed in (0, 1)
    )
    assert_allclose(one.model.loadings(), other.model.loadings(), atol=1e-4)
    strength = np.diag(pixel_factors.symmetric(one.sums.total))
    assert (np.diff(strength) < 0).all()
    packed = factor_model.unpack(one.model.pack(), QUICK.einsum)
    assert_array_equal(packed.loadings(), one.model.loadings())


def test_free_letters_are_summed_over():
    expression = Expression("pq,ma,aq,tq,bq,sq")
    sizes = expression.sizes(SHAPE, 2, (3,))
    assert expression.free == ("a",)
    assert [sizes[letter] for letter in "mtbsaq"] == [*SHAPE, 3, 2]
    assert expression.axes("aq") == ("rank_a", "component")
    random = np.random.default_rng(0)
    factors = tuple(random.normal(size=[sizes[x] for x in y]) for y in expression.small)
    model = factor_model.FactorModel(factors, None, expression)
    expected = np.einsum("ma,aq,tq,bq,sq->mtbsq", *factors).reshape(-1, 2)
    assert_allclose(model.loadings(), expected)
    turned = factor_model.normalised(model, np.array([1.0, 0, 1]))
    cosines = np.abs(_unit(turned.loadings()).T @ _unit(expected))
    assert_allclose(cosines.max(axis=1), 1)


def _unit(values):
    return values / np.linalg.norm(values, axis=0)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("mr,tr,br,sr", "exactly one factor of pixels"),
        ("pr,pr,mr,tr,br,sr", "exactly one factor of pixels"),
        ("pmr,tr,br,sr", "exactly one factor of pixels"),
        ("pr,mr,tr,br", "a small factor with s"),
        ("pr,m,t,b,s", "a small factor with r"),
        ("pr,mr,mr,tr,br,sr", "no two factors"),
        ("pr,mmr,tr,br,sr", "every letter once"),
        ("pr, mr,tr,br,sr", "factors of letters"),
        ("pr,MR,tr,br,sr", "factors of letters"),
    ],
)
def test_expression_that_is_no_model_is_refused(expression, message):
    with pytest.raises(ConfigError, match=message):
        FactorFit("einsum", expression=expression)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"nonlinearity": "exp"}, "method=einsum"),
        ({"expression": "pr,mbr,tr,sr"}, "method=einsum"),
        ({"method": "einsum", "nonlinearity": "sin"}, "one of none, exp"),
        ({"method": "einsum", "ranks": (2, 2)}, "0 free letters"),
        ({"method": "einsum", "steps": 0}, "steps"),
        ({"method": "einsum", "learning_rate": 0.0}, "learning_rate"),
        ({"method": "einsum", "nonnegative": True}, "method=cp"),
    ],
)
def test_setting_out_of_range_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FactorFit(**wrong)
