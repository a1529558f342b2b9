"""A decomposition of pixels that memory holds: pixel factors and small factors in turn. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.factors import factor_model, judgements, pixel_factors, small_factors
from jobs.factors.cells import CellGrid
from jobs.factors.factor_model import FactorModel
from jobs.factors.pixel_factors import FactorSums, Observed, SolveRule

START_SWEEPS = 10


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A model, and the sums of the pixel factors that it gives."""

    model: FactorModel
    sums: FactorSums
    fits: tuple[float, ...]
    """After each sweep, rising: the share of squares that is explained."""


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
