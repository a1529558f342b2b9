"""Pixel factors of a model whose values are an elementwise function of the cells' sums.

A pixel's values are g(Z a), of its factors a and the loadings Z (feature, component). They are solved
pixel by pixel by the method of Levenberg and Marquardt, many at once. Pure.
Source: Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", Journal of the
Society for Industrial and Applied Mathematics 11 (1963).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from jobs.factors import pixel_factors
from jobs.factors.pixel_factors import NONE, Observed, SolveRule
from lake.format.arrays import AnyFloats, Floats, Indices

STEPS = 60
"""Steps of a pixel, at most."""
TOLERANCE = 1e-7
"""A pixel is solved when a step takes no more than this share off its squares."""
DAMPING, MOST_DAMPING = 1e-3, 1e8
"""Share of a system's diagonal that is added to it: at first, and where a pixel is given up."""
SMALLEST = 1e-3
"""Values below count as this where the inverse of g asks for positive ones."""


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """An elementwise function g."""

    value: Callable[[AnyFloats], AnyFloats]
    slope: Callable[[AnyFloats], AnyFloats]
    inverse: Callable[[AnyFloats], AnyFloats]
    """Of values, those out of reach cut off: where solving starts."""
    help: str
    """One line for people."""
    is_positive: bool = False
    """Whether values are never below 0."""


def _sigmoid(h: AnyFloats) -> AnyFloats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * h)), h.dtype)


NONLINEARITIES = {
    NONE: Nonlinearity(lambda h: h, np.ones_like, lambda x: x, "the sum itself"),
    "exp": Nonlinearity(
        np.exp, np.exp, lambda x: np.log(np.maximum(x, SMALLEST)),
        "its exponential: factors multiply", is_positive=True,
    ),
    "softplus": Nonlinearity(
        lambda h: np.logaddexp(h, 0), _sigmoid,
        lambda x: np.log(np.expm1(np.maximum(x, SMALLEST))),
        "log(1 + exp(sum)): about the sum, and never below 0", is_positive=True,
    ),
    "relu": Nonlinearity(
        lambda h: np.maximum(h, 0), lambda h: (h > 0).astype(h.dtype), lambda x: x,
        "the sum, or 0 where it is below", is_positive=True,
    ),
    "asinh": Nonlinearity(
        np.arcsinh, lambda h: 1 / np.sqrt(1 + h * h), np.sinh,
        "its inverse hyperbolic sine: large sums count by their logarithm",
    ),
}  # fmt: skip
"""Name -> function."""


def solve(observed: Observed, loadings: Floats, rule: SolveRule) -> Floats:
    """(pixel, component) factors as `pixel_factors.solve` gives them, by the rule's function.

    Solving starts at the linear solution for the inverse of the values, or at 0 where that is nearer.
    """
    linear = replace(rule, nonlinearity=NONE)
    if rule.nonlinearity == NONE:
        return pixel_factors.solve(observed, loadings, linear)
    g = NONLINEARITIES[rule.nonlinearity]
    ridge = pixel_factors.ridge(loadings, rule)
    inverted = replace(observed, values=observed.known * g.inverse(observed.values))
    factors = pixel_factors.solve(inverted, loadings, linear)
    costs = _costs(observed, loadings, factors, g, ridge)
    at_zero = _costs(observed, loadings, np.zeros_like(factors), g, ridge)
    factors[~(costs <= at_zero)] = 0
    costs = np.where(costs <= at_zero, costs, at_zero)
    damping = np.full(len(factors), DAMPING)
    open_pixels = np.flatnonzero(observed.is_seen)
    for _ in range(STEPS):
        if not open_pixels.size:
            break
        some = _some(observed, open_pixels)
        step = _step(some, loadings, factors[open_pixels], g, ridge, damping[open_pixels])
        tried = factors[open_pixels] + step
        reached = _costs(some, loadings, tried, g, ridge)
        before = costs[open_pixels]
        is_better = reached < before
        factors[open_pixels[is_better]] = tried[is_better]
        costs[open_pixels[is_better]] = reached[is_better]
        damping[open_pixels] *= np.where(is_better, 0.3, 5)
        is_solved = np.abs(before - reached) <= TOLERANCE * before
        open_pixels = open_pixels[~is_solved & (damping[open_pixels] < MOST_DAMPING)]
    return factors


def fitted(loadings: AnyFloats, factors: AnyFloats, nonlinearity: str) -> AnyFloats:
    """(feature, pixel) what the model says."""
    with np.errstate(over="ignore"):
        return NONLINEARITIES[nonlinearity].value(loadings @ factors.T)


def squares(
    observed: Observed, loadings: Floats, factors: Floats, rule: SolveRule
) -> tuple[Floats, Floats]:
    """As `pixel_factors.squares`, by the rule's function."""
    kind = observed.values.dtype
    values = fitted(loadings.astype(kind), factors.astype(kind), rule.nonlinearity)
    return pixel_factors.squares_of(observed, values)


def _step(
    observed: Observed,
    loadings: Floats,
    factors: Floats,
    g: Nonlinearity,
    ridge: float,
    damping: Floats,
) -> Floats:
    """(pixel, component) by which factors move."""
    kind = observed.values.dtype
    rounded = loadings.astype(kind)
    sums = rounded @ factors.astype(kind).T
    slope = observed.known * g.slope(sums)
    left = observed.known * (observed.values - g.value(sums))
    right = ((slope * left).T @ rounded).astype(np.float64) - ridge * factors
    grams = pixel_factors.symmetric((slope * slope).T @ pixel_factors.products(rounded))
    diagonal = np.einsum("prr->pr", grams)  # a view
    diagonal += ridge
    diagonal += damping[:, None] * diagonal
    return np.asarray(np.linalg.solve(grams, right[..., None])[..., 0])


def _costs(
    observed: Observed, loadings: Floats, factors: Floats, g: Nonlinearity, ridge: float
) -> Floats:
    """(pixel,) squares that are left, and those of the factors by the ridge; NaN counts as endless."""
    kind = observed.values.dtype
    with np.errstate(over="ignore", invalid="ignore"):
        values = g.value(loadings.astype(kind) @ factors.astype(kind).T)
        left = pixel_factors.squares_of(observed, values)[1]
        return np.asarray(np.nan_to_num(left + ridge * (factors**2).sum(axis=1), nan=np.inf))


def _some(observed: Observed, pixels: Indices) -> Observed:
    if len(pixels) == observed.values.shape[1]:
        return observed
    return Observed(
        observed.values[:, pixels],
        observed.known[:, pixels],
        observed.is_complete[pixels],
        observed.is_seen[pixels],
    )
