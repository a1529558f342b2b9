"""A decomposition of pixels that memory holds: pixel factors and small factors in turn. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.factors import (
    factor_model,
    judgements,
    nonlinear_pixels,
    pixel_factors,
    small_factors,
)
from jobs.factors.cells import CellGrid
from jobs.factors.expressions import Expression
from jobs.factors.factor_model import FactorModel
from jobs.factors.fit_settings import FactorFit
from jobs.factors.pixel_factors import FactorSums, Observed, SolveRule

START_SWEEPS = 10


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A model, and the sums of the pixel factors that it gives."""

    model: FactorModel
    sums: FactorSums
    fits: tuple[float, ...]
    """After each sweep, rising, and of an expression after the last step: the share of squares that is
    explained."""


def start_tucker(
    pieces: Sequence[Observed],
    grid: CellGrid,
    ranks: Sequence[int],
    components: int,
    random: np.random.Generator,
    rule: SolveRule,
) -> FactorModel:
    """A Tucker model to start from: principal loadings of the pixels, cut down to the ranks.

    Where cells are missing, the loadings are those of least squares over the known ones, after
    `START_SWEEPS`.
    """
    model = factor_model.random_loadings(grid.shape, components, random)
    loose = fit(pieces, grid, model, rule, START_SWEEPS, 0)
    return small_factors.truncated(loose.model, loose.sums, grid, ranks)


def fit(
    pieces: Sequence[Observed],
    grid: CellGrid,
    start: FactorModel,
    rule: SolveRule,
    sweeps: int,
    tolerance: float,
    check_stop: Callable[[], object] = lambda: None,
) -> FittedModel:
    """Alternate until a sweep explains less than `tolerance` of the squares more, `sweeps` times at most.

    Args:
        pieces: of the pixels.
        grid: of the features.
        start: a model to start from.
        rule: how pixels are solved.
        sweeps: at most.
        tolerance: share of the sum of squares.
        check_stop: called before every sweep.
    """
    model, fits = start, list[float]()
    for _ in range(sweeps):
        check_stop()
        loadings = grid.features(model.loadings())
        sums = pixel_factors.sums(pieces, loadings, rule)
        fits.append(judgements.fit(sums, loadings))
        if len(fits) > 1 and fits[-1] - fits[-2] < tolerance:
            break
        model = small_factors.update(model, sums, grid, rule)
    else:
        loadings = grid.features(model.loadings())
        sums = pixel_factors.sums(pieces, loadings, rule)
        fits.append(judgements.fit(sums, loadings))
    return FittedModel(model, sums, tuple(fits))


def fit_expression(
    pieces: Sequence[Observed],
    grid: CellGrid,
    settings: FactorFit,
    components: int,
    random: np.random.Generator,
    check_stop: Callable[[], object] = lambda: None,
) -> FittedModel:
    """The einsum expression of the settings, fitted by `jobs.factors.adam` from a random start."""
    from jobs.factors import adam  # noqa: PLC0415 (torch, which other methods do without)

    expression, rule = Expression(settings.expression), settings.rule
    small = adam.fit(
        pieces, grid.positions, expression, settings.einsum_sizes(grid.shape, components),
        settings.nonlinearity, settings.steps, settings.learning_rate, random, check_stop,
    )  # fmt: skip
    raw = FactorModel(small, None, expression)
    model = factor_model.normalised(raw, _solved(pieces, grid, raw, rule)[0].total)
    sums, explained = _solved(pieces, grid, model, rule)
    return FittedModel(model, sums, (explained,))


def _solved(
    pieces: Sequence[Observed], grid: CellGrid, model: FactorModel, rule: SolveRule
) -> tuple[FactorSums, float]:
    """Sums of the pixel factors that a model gives, and the share of squares that is explained."""
    loadings = grid.features(model.loadings())
    sums, remaining = FactorSums.empty(*loadings.shape), 0.0
    for observed in pieces:
        factors = nonlinear_pixels.solve(observed, loadings, rule)
        sums.add(observed, factors)
        remaining += float(nonlinear_pixels.squares(observed, loadings, factors, rule)[1].sum())
    squares = float(sums.squares)
    return sums, 1 - remaining / squares if squares > 0 else float("nan")
