"""The small factors of a decomposition, and the loadings that they make. Pure.

CP: the loading of a component in a cell is the product of its month, tod, band and metric factors.
Tucker: each mode has a few directions, and a core says how much of every combination a component has.
Sources: Harshman, "Foundations of the PARAFAC procedure", UCLA Working Papers in Phonetics 16 (1970);
Tucker, "Some mathematical notes on three-mode factor analysis", Psychometrika 31 (1966).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from jobs.factors.pixel_factors import symmetric
from lake.format.arrays import AnyFloats, Floats


@dataclass(frozen=True, slots=True, eq=False)
class FactorModel:
    """Small factors."""

    factors: tuple[Floats, ...]
    """Of each mode: (step, component) of CP, (step, rank) of Tucker."""
    core: Floats | None = None
    """(rank of each mode, ..., component); None: CP."""

    @property
    def components(self) -> int:
        """Number of components."""
        return int((self.factors[0] if self.core is None else self.core).shape[-1])

    def loadings(self) -> Floats:
        """(cell, component) of the flat grid."""
        if self.core is None:
            return khatri_rao(self.factors)
        return multiply(self.core, self.factors).reshape(-1, self.components)

    def pack(self) -> dict[str, NDArray[np.float64]]:
        """The arrays, for a task to return."""
        factors = {f"factor{number}": values for number, values in enumerate(self.factors)}
        return factors if self.core is None else factors | {"core": self.core}


def unpack(arrays: dict[str, NDArray[np.float64]]) -> FactorModel:
    """The model that `FactorModel.pack` gave, from among other arrays."""
    count = sum(name.startswith("factor") for name in arrays)
    return FactorModel(tuple(arrays[f"factor{n}"] for n in range(count)), arrays.get("core"))


def khatri_rao(factors: Sequence[Floats]) -> Floats:
    """(cell, component) products of factors (step, component), the last mode fastest."""
    return reduce(lambda a, b: (a[:, None] * b).reshape(-1, b.shape[1]), factors)


def multiply(tensor: AnyFloats, matrices: Sequence[AnyFloats]) -> Floats:
    """A tensor whose first axes are multiplied by matrices (step, rank), one each."""
    for axis, matrix in enumerate(matrices):
        tensor = np.moveaxis(np.tensordot(matrix, tensor, axes=(1, axis)), 0, axis)
    return np.asarray(tensor, np.float64)


def random_cp(
    shape: Sequence[int], components: int, random: np.random.Generator, *, nonnegative: bool
) -> FactorModel:
    """A CP model to start from."""
    draw = random.uniform if nonnegative else random.normal
    return FactorModel(tuple(_unit(np.asarray(draw(size=(size, components)))) for size in shape))


def random_loadings(
    shape: Sequence[int], components: int, random: np.random.Generator
) -> FactorModel:
    """A Tucker model of full ranks to start from: loadings without structure."""
    factors = tuple(np.eye(size) for size in shape)
    return FactorModel(factors, random.normal(size=(*shape, components)))


def normalised(model: FactorModel, total: Floats) -> FactorModel:
    """The model with its free scales, signs and axes fixed: the loadings span what they did.

    CP: factors have length 1 and a positive largest number; components are by falling strength. Tucker:
    loadings are orthonormal, pixel factors uncorrelated (about 0), by falling strength; the largest number
    of a loading, and of a direction of a mode, is positive.

    Args:
        model: small factors.
        total: (pair,) sums over all pixels of their factors' products, for the strengths.
    """
    gram = symmetric(total)
    if model.core is not None:
        return _normalised_tucker(model, model.core, gram)
    lengths = np.prod([np.linalg.norm(values, axis=0) for values in model.factors], axis=0)
    falling = np.argsort(-np.diag(gram) * lengths**2, kind="stable")
    return FactorModel(tuple(_positive(_unit(values))[:, falling] for values in model.factors))


def _normalised_tucker(model: FactorModel, core: Floats, gram: Floats) -> FactorModel:
    loadings = model.loadings()
    lower = cholesky(loadings.T @ loadings)
    strength, axes = np.linalg.eigh(lower.T @ gram @ lower)
    turn = np.linalg.solve(lower.T, axes[:, np.argsort(-strength, kind="stable")])
    turned = loadings @ turn
    core = np.asarray(core @ (turn * _signs(turned)))
    for axis, values in enumerate(model.factors):
        core = np.moveaxis(np.moveaxis(core, axis, -1) * _signs(values), -1, axis)
    return FactorModel(tuple(map(_positive, model.factors)), core)


def cholesky(gram: Floats) -> Floats:
    """(component, component) lower triangle; a direction that is not there counts as a tiny one."""
    floor = max(1e-12 * float(np.trace(gram)) / len(gram), float(np.finfo(float).tiny))
    return np.asarray(np.linalg.cholesky(gram + floor * np.eye(len(gram))))


def _unit(values: Floats) -> Floats:
    length = np.linalg.norm(values, axis=0)
    return np.asarray(values / np.where(length > 0, length, 1))


def _positive(values: Floats) -> Floats:
    return np.asarray(values * _signs(values))


def _signs(values: Floats) -> Floats:
    """(column,) the sign of each column's largest number; 1 for 0."""
    largest = np.take_along_axis(values, np.abs(values).argmax(axis=0)[None], axis=0)[0]
    return np.where(largest < 0, -1.0, 1.0)
