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

from jobs.factors.expressions import LETTERS, Expression
from jobs.factors.pixel_factors import symmetric
from lake.format.arrays import AnyFloats, Floats


@dataclass(frozen=True, slots=True, eq=False)
class FactorModel:
    """Small factors."""

    factors: tuple[Floats, ...]
    """Of each mode: (step, component) of CP, (step, rank) of Tucker."""
    core: Floats | None = None
    """(rank of each mode, ..., component); None: CP, or an expression."""
    expression: Expression | None = None
    """What axes the factors have, where these are not of CP or Tucker."""

    @property
    def components(self) -> int:
        """Number of components."""
        if self.expression:
            return self._sizes[self.expression.component]
        return int((self.factors[0] if self.core is None else self.core).shape[-1])

    def loadings(self) -> Floats:
        """(cell, component) of the flat grid."""
        if self.expression:
            cells: Floats = np.einsum(self.expression.loadings, *self.factors, optimize=True)
            return cells.reshape(-1, self.components)
        if self.core is None:
            return khatri_rao(self.factors)
        return multiply(self.core, self.factors).reshape(-1, self.components)

    def profiles(self) -> tuple[Floats, ...]:
        """Of each mode, (step, component) of length 1; their product comes near the loadings.

        Of CP, and of an expression that says the same, they are the factors.
        """
        if not self.expression:
            return self.factors
        sizes = [self._sizes[letter] for letter in LETTERS]
        cells = self.loadings().reshape(*sizes, -1)
        return tuple(
            _positive(
                np.stack([_leading(cells[..., n], mode) for n in range(cells.shape[-1])], axis=1)
            )
            for mode in range(len(sizes))
        )

    @property
    def _sizes(self) -> dict[str, int]:
        """Letter of the expression -> steps of its axis."""
        small = self.expression.small if self.expression else ()
        return {
            letter: size
            for letters, values in zip(small, self.factors, strict=True)
            for letter, size in zip(letters, values.shape, strict=True)
        }

    def pack(self) -> dict[str, NDArray[np.float64]]:
        """The arrays, for a task to return."""
        factors = {f"factor{number}": values for number, values in enumerate(self.factors)}
        return factors if self.core is None else factors | {"core": self.core}


def unpack(
    arrays: dict[str, NDArray[np.float64]], expression: Expression | None = None
) -> FactorModel:
    """The model of an expression, or of none, that `FactorModel.pack` gave, from among other arrays."""
    count = sum(name.startswith("factor") for name in arrays)
    factors = tuple(arrays[f"factor{n}"] for n in range(count))
    return FactorModel(factors, arrays.get("core"), expression)


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

    CP, and an expression: what a factor has of a component is of length 1, its largest number positive;
    components are by falling strength. A factor of no component has length 1. Tucker:
    loadings are orthonormal, pixel factors uncorrelated (about 0), by falling strength; the largest number
    of a loading, and of a direction of a mode, is positive.

    Args:
        model: small factors.
        total: (pair,) sums over all pixels of their factors' products, for the strengths.
    """
    gram = symmetric(total)
    if model.expression:
        return _normalised_expression(model, model.expression, gram)
    if model.core is not None:
        return _normalised_tucker(model, model.core, gram)
    lengths = np.prod([np.linalg.norm(values, axis=0) for values in model.factors], axis=0)
    falling = np.argsort(-np.diag(gram) * lengths**2, kind="stable")
    return FactorModel(tuple(_positive(_unit(values))[:, falling] for values in model.factors))


def _normalised_expression(model: FactorModel, expression: Expression, gram: Floats) -> FactorModel:
    strength = np.diag(gram) * (model.loadings() ** 2).sum(axis=0)
    falling = np.argsort(-strength, kind="stable")
    factors = []
    for letters, values in zip(expression.small, model.factors, strict=True):
        axis = letters.find(expression.component)
        columns = values.reshape(-1, 1) if axis < 0 else np.moveaxis(values, axis, -1)
        flat = _positive(_unit(columns.reshape(-1, columns.shape[-1])))
        if axis < 0:
            factors.append(flat.reshape(values.shape))
        else:
            factors.append(np.moveaxis(flat.reshape(columns.shape)[..., falling], -1, axis))
    return FactorModel(tuple(factors), None, expression)


def _leading(cells: Floats, mode: int) -> Floats:
    """(step,) the leading direction of a mode of a component (month, tod, band, metric)."""
    unfolded = np.moveaxis(cells, mode, 0).reshape(cells.shape[mode], -1)
    return np.asarray(np.linalg.eigh(unfolded @ unfolded.T)[1][:, -1])


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
