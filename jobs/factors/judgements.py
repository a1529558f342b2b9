"""How good a decomposition is: fit, core consistency, and whether another start finds it too. Pure."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from jobs.factors import factor_model, small_factors
from jobs.factors.cells import CellGrid
from jobs.factors.factor_model import FactorModel
from jobs.factors.pixel_factors import FactorSums, symmetric
from lake.format.arrays import Floats


def fit(sums: FactorSums, loadings: Floats) -> float:
    """Share of the known values' sum of squares that is explained; 1: all of it."""
    squares = float(sums.squares)
    return 1 - sums.residual(loadings) / squares if squares > 0 else float("nan")


def core_consistency(model: FactorModel, sums: FactorSums, grid: CellGrid) -> float:
    """How far the core that suits CP factors best is from CP's own, in percent; 100: it is that.

    Missing values are replaced by the model's. No core can be CP's own where a mode has fewer steps than
    there are components: neighbouring modes are taken as one until each has enough. NaN: no CP, or a
    single small mode remains, where every core is consistent.
    Source: Bro and Kiers, "A new efficient method for determining the number of components in PARAFAC
    models", Journal of Chemometrics 17 (2003), equation 5.

    Args:
        model: CP factors.
        sums: by pixel factors of this very model.
        grid: of the cells.
    """
    groups = merged_modes(grid.shape, model.components)
    if model.core is not None or model.expression or len(groups) < 2:
        return float("nan")
    factors = [factor_model.khatri_rao([model.factors[n] for n in group]) for group in groups]
    inverses: list[Floats] = [
        np.asarray(np.linalg.pinv(values)) for values in factors
    ]  # (component, step)
    pixels = symmetric(sums.total)
    moments = small_factors.filled_moments(model, sums, grid)
    solved = np.asarray(np.linalg.lstsq(pixels, moments.T, rcond=None)[0].T)  # (cell, component)
    projected = solved.reshape(*(len(values) for values in factors), model.components)
    squared = factor_model.multiply(projected, [inverse.T @ inverse for inverse in inverses])
    ideal = factor_model.khatri_rao([inverse.T for inverse in inverses])
    diagonal = (ideal * solved).sum(axis=0)
    squares = float((projected * squared).sum())
    count = model.components
    return 100 * (1 - (squares - 2 * float(diagonal.sum()) + count) / count)


def merged_modes(shape: Sequence[int], components: int) -> list[tuple[int, ...]]:
    """Neighbouring modes in groups, each with as many steps as there are components, or all in one."""
    groups: list[tuple[int, ...]] = [(number,) for number in range(len(shape))]

    def size(group: tuple[int, ...]) -> int:
        return int(np.prod([shape[number] for number in group]))

    while len(groups) > 1 and min(map(size, groups)) < components:
        small = min(range(len(groups)), key=lambda n: size(groups[n]))
        sides = [n for n in (small - 1, small + 1) if 0 <= n < len(groups)]
        near = min(sides, key=lambda n: size(groups[n]))
        first, second = sorted((small, near))
        groups[first : second + 1] = [groups[first] + groups[second]]
    return groups


def agreement(first: FactorModel, second: FactorModel) -> float:
    """How alike two models of one kind are, 0 to 1.

    CP: components are paired so that the products over modes of their cosines are largest; the mean of
    these, the factor match score. An expression: the same of the loadings' cosines, which in CP are those
    products. Tucker: the mean square cosine of the angles between what the loadings span.
    Source: Acar, Dunlavy, Kolda and Morup, "Scalable tensor factorizations for incomplete data",
    Chemometrics and Intelligent Laboratory Systems 106 (2011), section 4.
    """
    if first.core is not None:
        bases = [np.linalg.qr(model.loadings())[0] for model in (first, second)]
        cosines = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
        return float((np.minimum(cosines, 1) ** 2).mean())
    pairs = (first.factors, second.factors)
    if first.expression:
        pairs = ((first.loadings(),), (second.loadings(),))
    modes = zip(*pairs, strict=True)
    products = np.prod([np.abs(_unit(one).T @ _unit(other)) for one, other in modes], axis=0)
    rows, columns = linear_sum_assignment(-products)
    return float(products[rows, columns].mean())


def _unit(values: Floats) -> Floats:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=0), np.finfo(float).tiny))
