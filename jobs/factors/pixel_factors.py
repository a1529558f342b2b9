"""Pixel factors by least squares over the cells that a pixel has, and the sums that small factors need.

Values are (feature, pixel), NaN where missing; of a pixel's factors a and the loadings Z (feature,
component), its values are Z a. Each pixel has a small system of its own: so pixels are solved shard by
shard, and the work is linear in their number. For fixed pixel factors, all that the small factors need
are, for each feature, the sums over pixels of value times factors, and of the factors' products where
the feature is known: they are merged over shards in any grouping. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from lake.format.arrays import AnyFloats, Bools, Floats, Indices

NONE = "none"
"""The values are the sums themselves."""
PIXELS = 2048
"""How many pixels are solved at a time."""
MAX_SWEEPS = 200
"""Sweeps of nonnegative least squares, at most."""
SWEEP_TOLERANCE = 1e-7
"""They end when no factor changes by more than this share of the largest."""


@dataclass(frozen=True, slots=True)
class SolveRule:
    """How pixel factors are solved."""

    ridge: float = 1e-4
    """Share of a component's mean sum of squares over all cells that is added to the system's diagonal."""
    nonnegative: bool = False
    nonlinearity: str = NONE
    """Of `jobs.factors.nonlinear_pixels`, which solves by it."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Values of some pixels, missing ones masked."""

    values: AnyFloats
    """(feature, pixel) 0 where missing."""
    known: AnyFloats
    """(feature, pixel) 1 where known, 0 where missing."""
    is_complete: Bools
    """(pixel,) whether no value is missing."""
    is_seen: Bools
    """(pixel,) whether any value is known."""

    @classmethod
    def of(cls, x: AnyFloats) -> Self:
        """The values of a block (feature, pixel), NaN where missing."""
        known: Bools = np.isfinite(x)
        return cls(
            np.where(known, x, x.dtype.type(0)),
            known.astype(x.dtype),
            np.asarray(known.all(axis=0)),
            np.asarray(known.any(axis=0)),
        )

    @classmethod
    def pieces(cls, x: AnyFloats) -> Iterator[Self]:
        """The same, `PIXELS` at a time."""
        for first in range(0, x.shape[1], PIXELS):
            yield cls.of(x[:, first : first + PIXELS])


@dataclass(slots=True, eq=False)
class FactorSums:
    """Sums over pixels of a pass."""

    moments: Floats
    """(feature, component) of values times factors."""
    grams: Floats
    """(feature, pair) of factors' products, of pixels that lack a value, where they know the feature."""
    complete: Floats
    """(pair,) of factors' products, of pixels that lack none."""
    total: Floats
    """(pair,) of factors' products, of all pixels."""
    squares: Floats
    """() of squares of known values."""
    count: Floats
    """() number of known values."""

    @classmethod
    def empty(cls, features: int, components: int) -> Self:
        """The sums over no pixel."""
        pair_count = components * (components + 1) // 2
        return cls(
            np.zeros((features, components)),
            np.zeros((features, pair_count)),
            np.zeros(pair_count),
            np.zeros(pair_count),
            np.zeros(()),
            np.zeros(()),
        )

    def add(self, observed: Observed, factors: Floats) -> None:
        """Add pixels with their factors (pixel, component)."""
        rounded = factors.astype(observed.values.dtype)
        pair_products = products(rounded)
        self.moments += observed.values @ rounded
        self.complete += pair_products[observed.is_complete].sum(axis=0, dtype=np.float64)
        self.total += pair_products[observed.is_seen].sum(axis=0, dtype=np.float64)
        if not observed.is_complete.all():
            holed = ~observed.is_complete
            self.grams += observed.known[:, holed] @ pair_products[holed]
        self.squares += np.einsum("fp,fp->", observed.values, observed.values, dtype=np.float64)
        self.count += observed.known.sum(dtype=np.float64)

    def merge(self, other: "FactorSums") -> None:
        """Add the sums over other pixels."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def feature_grams(self) -> Floats:
        """(feature, component, component) of factors' products where the feature is known."""
        return symmetric(self.grams + self.complete)

    def residual(self, loadings: Floats) -> float:
        """Sum of squares that factors and loadings (feature, component) leave, of known values."""
        fitted = np.einsum("fr,fr->", self.moments, loadings)
        model = np.einsum("fq,fq->", self.grams + self.complete, _doubled(loadings))
        return float(self.squares - 2 * fitted + model)


def sums(pieces: Iterable[Observed], loadings: Floats, rule: SolveRule) -> FactorSums:
    """Solve pixels for their factors, and add them up."""
    total = FactorSums.empty(*loadings.shape)
    for observed in pieces:
        total.add(observed, solve(observed, loadings, rule))
    return total


def solve(observed: Observed, loadings: Floats, rule: SolveRule) -> Floats:
    """(pixel, component) factors that leave the least squares over a pixel's known cells.

    Where few cells are known, the ridge holds directions small that they do not determine; a pixel
    without any has 0.

    Args:
        observed: the pixels' values.
        loadings: (feature, component).
        rule: how.
    """
    count = loadings.shape[1]
    rounded = loadings.astype(observed.values.dtype)
    right = (observed.values.T @ rounded).astype(np.float64)
    gram = loadings.T @ loadings
    added = ridge(loadings, rule) * np.eye(count)
    factors = np.zeros(right.shape)
    complete = np.flatnonzero(observed.is_complete)
    holed = np.flatnonzero(~observed.is_complete)
    if complete.size:
        factors[complete] = solve_rows((gram + added)[None], right[complete], rule)
    if holed.size:
        grams = symmetric(observed.known[:, holed].T @ products(rounded))
        factors[holed] = solve_rows(grams + added, right[holed], rule)
    return factors


def ridge(loadings: Floats, rule: SolveRule) -> float:
    """What is added to the diagonal of a pixel's system."""
    mean = float(np.einsum("fr,fr->", loadings, loadings)) / loadings.shape[1]
    return float(max(rule.ridge * mean, np.finfo(np.float32).tiny))


def squares_of(observed: Observed, fitted: AnyFloats) -> tuple[Floats, Floats]:
    """(pixel,) squares of each pixel's known values, and (pixel,) what fitted (feature, pixel) leave."""
    left = observed.values - observed.known * fitted
    return _column_squares(observed.values), _column_squares(left)


def solve_rows(
    grams: Floats, right: Floats, rule: SolveRule, start: Floats | None = None
) -> Floats:
    """(row, component) solutions of small systems, nonnegative where the rule says so.

    Nonnegative ones by hierarchical alternating least squares: one component of all rows at a time.
    Source: Cichocki and Phan, "Fast local algorithms for large scale nonnegative matrix and tensor
    factorizations", IEICE Transactions on Fundamentals E92-A (2009).

    Args:
        grams: (row, component, component), or (1, ...) where all rows share one; positive definite.
        right: (row, component).
        rule: how.
        start: (row, component) where nonnegative solutions start; None: at the clipped solution.
    """
    if not rule.nonnegative:
        return _plain(grams, right)
    factors = np.maximum(_plain(grams, right) if start is None else start, 0)
    diagonal = np.einsum("nrr->nr", grams)
    for _ in range(MAX_SWEEPS):
        largest_change = 0.0
        for component in range(right.shape[1]):
            slope = right[:, component] - (grams[:, component] * factors).sum(axis=1)
            improved = np.maximum(factors[:, component] + slope / diagonal[:, component], 0)
            change = np.abs(improved - factors[:, component]).max(initial=0)
            largest_change = max(largest_change, float(change))
            factors[:, component] = improved
        if largest_change <= SWEEP_TOLERANCE * factors.max(initial=0):
            break
    return factors


def _plain(grams: Floats, right: Floats) -> Floats:
    if len(grams) == 1:
        return np.asarray(np.linalg.solve(grams[0], right.T).T)
    return np.asarray(np.linalg.solve(grams, right[..., None])[..., 0])


def products(rows: AnyFloats) -> AnyFloats:
    """(row, pair) products of every two numbers of a row (row, component), each pair once."""
    first, second = _pairs(rows.shape[1])
    return np.asarray(rows[:, first] * rows[:, second])


def symmetric(values: AnyFloats) -> Floats:
    """(..., component, component) symmetric matrices of pairs (..., pair)."""
    count = int((np.sqrt(8 * values.shape[-1] + 1) - 1) / 2)
    first, second = _pairs(count)
    position = np.zeros((count, count), np.int64)
    position[first, second] = position[second, first] = np.arange(first.size)
    return np.asarray(values[..., position], np.float64)


def _column_squares(values: AnyFloats) -> Floats:
    return np.asarray(np.einsum("fp,fp->p", values, values, dtype=np.float64))


def _doubled(loadings: Floats) -> Floats:
    """(feature, pair) products, those of two different components twice."""
    first, second = _pairs(loadings.shape[1])
    return np.asarray(products(loadings) * np.where(first == second, 1, 2))


def _pairs(count: int) -> tuple[Indices, Indices]:
    first, second = np.triu_indices(count)
    return first, second
