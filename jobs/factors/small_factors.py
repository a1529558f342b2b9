"""Small factors from the sums of a pass, for fixed pixel factors. Pure.

A pixel's factors weigh every cell as a vector; for a cell j the pass gives h_j, the sum of values times
factors, and G_j, the sum of the factors' products, over the pixels that know the cell. The squares that
loadings z_j leave are, but for a constant, the sum over cells of z_j' G_j z_j - 2 z_j' h_j.

CP: alternating least squares of that, one mode at a time, exact where cells are missing. Tucker: missing
values are replaced by the model's (expectation maximisation; it never raises what is left over known
cells), and the small tensor (month, tod, band, metric, component) of values projected onto orthonormal
pixel factors is decomposed by higher-order orthogonal iteration.
Sources: Tomasi and Bro, "PARAFAC and missing values", Chemometrics and Intelligent Laboratory Systems 75
(2005); De Lathauwer, De Moor and Vandewalle, "On the best rank-1 and rank-(R1, ..., RN) approximation of
higher-order tensors", SIAM Journal on Matrix Analysis and Applications 21 (2000).
"""

from collections.abc import Sequence

import numpy as np

from jobs.factors import factor_model
from jobs.factors.cells import CellGrid
from jobs.factors.factor_model import FactorModel
from jobs.factors.pixel_factors import FactorSums, SolveRule, solve_rows, symmetric
from lake.format.arrays import Floats

SWEEPS = 4
"""How often all small modes are improved before pixels are solved again."""
FLOOR = 1e-12
"""Share of a system's mean diagonal that is added to it, so that steps without values have a solution."""


def update(model: FactorModel, sums: FactorSums, grid: CellGrid, rule: SolveRule) -> FactorModel:
    """Better small factors, normalised, by the sums that pixel factors of `model` gave."""
    if model.core is not None:
        return truncated(model, sums, grid, [values.shape[1] for values in model.factors])
    return factor_model.normalised(_cp(model, sums, grid, rule), sums.total)


def truncated(
    model: FactorModel, sums: FactorSums, grid: CellGrid, ranks: Sequence[int]
) -> FactorModel:
    """A Tucker model of lower or the same ranks, normalised: of full ranks, it begins as its HOSVD.

    Source of the start: De Lathauwer, De Moor and Vandewalle, "A multilinear singular value
    decomposition", SIAM Journal on Matrix Analysis and Applications 21 (2000).
    """
    return factor_model.normalised(_tucker(model, sums, grid, ranks), sums.total)


def filled_moments(model: FactorModel, sums: FactorSums, grid: CellGrid) -> Floats:
    """(cell, component) sums of values times factors, missing values replaced by the model's."""
    loadings = model.loadings()
    moments = grid.on_grid(sums.moments).reshape(loadings.shape)
    grams = grid.on_grid(sums.feature_grams).reshape(*loadings.shape, -1)
    missing = symmetric(sums.total) - grams
    return np.asarray(moments + np.einsum("crs,cs->cr", missing, loadings))


def _cp(model: FactorModel, sums: FactorSums, grid: CellGrid, rule: SolveRule) -> FactorModel:
    count = model.components
    moments = grid.on_grid(sums.moments)  # (month, tod, band, metric, component)
    grams = grid.on_grid(sums.feature_grams)
    by_mode = [
        (
            np.moveaxis(moments, mode, 0).reshape(size, -1, count),
            np.moveaxis(grams, mode, 0).reshape(size, -1, count * count),
        )
        for mode, size in enumerate(grid.shape)
    ]
    factors = list(model.factors)
    for _ in range(SWEEPS):
        for mode, (right, gram) in enumerate(by_mode):
            rest = factor_model.khatri_rao(factors[:mode] + factors[mode + 1 :])
            outer = (rest[:, :, None] * rest[:, None]).reshape(len(rest), -1)
            systems = np.einsum("icq,cq->iq", gram, outer).reshape(-1, count, count)
            trace = np.einsum("irr->i", systems) / count
            floor = FLOOR * np.maximum(trace, trace.max()) + np.finfo(np.float32).tiny
            systems += floor[:, None, None] * np.eye(count)
            factors[mode] = solve_rows(
                systems, np.einsum("icr,cr->ir", right, rest), rule, factors[mode]
            )
    return FactorModel(tuple(factors))


def _tucker(
    model: FactorModel, sums: FactorSums, grid: CellGrid, ranks: Sequence[int]
) -> FactorModel:
    lower = factor_model.cholesky(symmetric(sums.total))
    factors = list(model.factors)
    for _ in range(SWEEPS):
        moments = filled_moments(model, sums, grid)
        projected = np.linalg.solve(lower, moments.T).T.reshape(*grid.shape, -1)
        for mode, rank in enumerate(ranks):
            others = [
                np.eye(size) if number == mode else factors[number].T
                for number, size in enumerate(grid.shape)
            ]
            rest = np.moveaxis(factor_model.multiply(projected, others), mode, 0)
            unfolded = rest.reshape(grid.shape[mode], -1)
            directions = np.linalg.eigh(unfolded @ unfolded.T)[1]
            factors[mode] = directions[:, ::-1][:, :rank]
        core = factor_model.multiply(projected, [values.T for values in factors])
        turned = np.linalg.solve(lower.T, core.reshape(-1, core.shape[-1]).T).T
        model = FactorModel(tuple(factors), np.asarray(turned, np.float64).reshape(core.shape))
    return model
