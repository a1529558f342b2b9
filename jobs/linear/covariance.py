"""Mean and covariance of features with holes, in one pass over the pixels. Pure.

Blocks of standardised features are multiplied in float32 and added in float64. A pair of features
counts where both are there: with holes set to 0, the products Z Z' are right as they are, and two
more products with the mask give the sums and the counts of every pair. Features that are there in
the same pixels, e.g. all metrics of one (cube, band, month, tod), are of one kind: those products
are over kinds, and without holes there is one. Kinds split when a block tells them apart; what was
added before is the same for both.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from jobs.linear.gram import gram
from lake.format.arrays import Floats, Indices, Singles


@dataclass(slots=True, eq=False)
class Sums:
    """What blocks add to, and merge into: the same, up to rounding, in any order and grouping."""

    products: Floats
    """(feature, feature) over the pixels where both are there."""
    kind: Indices
    """(feature,)"""
    sums: Floats
    """(feature, kind) of a feature over the pixels where a kind is there."""
    counts: Floats
    """(kind, kind) pixels where both are there."""

    @classmethod
    def empty(cls, features: int) -> Self:
        """Of no pixel."""
        kind = np.zeros(features, np.int64)
        return cls(np.zeros((features, features)), kind, np.zeros((features, 1)), np.zeros((1, 1)))

    def add(self, z: Singles) -> None:
        """Add standardised features (feature, pixel); their holes become 0."""
        masks, of = fill_with_zero(z)
        self._tell_apart(of)
        first = np.unique(self.kind, return_index=True)[1]
        there = masks[of[first]].astype(np.float32)  # (kind, pixel)
        self.counts += there @ there.T
        self.sums += z @ there.T
        gram(z, self.products)

    def add_noise(self, variance: Floats) -> None:
        """Add what was left out where holes were filled: a sum of squares for each feature."""
        self.products[np.diag_indices(len(variance))] += variance

    def merge(self, other: "Sums") -> None:
        """Add what was added to another."""
        other = Sums(other.products, other.kind, other.sums, other.counts)
        mine = self.kind
        self._tell_apart(other.kind)
        other._tell_apart(mine)
        order = other.kind[np.unique(self.kind, return_index=True)[1]]  # mine -> the other's
        self.products += other.products
        self.sums += other.sums[:, order]
        self.counts += other.counts[np.ix_(order, order)]

    def mean(self) -> Floats:
        """(feature,) 0 where there is no value."""
        features = np.arange(len(self.kind))
        count = self.counts[self.kind, self.kind]
        mean: Floats = self.sums[features, self.kind] / np.maximum(count, 1)
        return mean

    def scale(self) -> Floats:
        """(feature,) standard deviation, of n; 1 where a feature is constant or never there."""
        count = self.counts[self.kind, self.kind]
        variance = self.products.diagonal() / np.maximum(count, 1) - self.mean() ** 2
        scale: Floats = np.sqrt(np.maximum(variance, 0))
        return np.where(scale > 0, scale, 1)

    def covariance(self) -> Floats:
        """(feature, feature) of n - 1, every pair over the pixels where both are there."""
        n = self.counts[np.ix_(self.kind, self.kind)]
        cross = self.sums[:, self.kind]  # of the first where the second is there
        cross *= cross.T.copy()
        cross /= np.maximum(n, 1)
        np.subtract(self.products, cross, out=cross)
        cross /= np.maximum(n - 1, 1)
        return cross

    def _tell_apart(self, of: Indices) -> None:
        """Split kinds whose features differ in `of` (feature,)."""
        _, first, kind = np.unique(
            self.kind * (of.max() + 1) + of, return_index=True, return_inverse=True
        )
        parent = self.kind[first]
        self.sums = self.sums[:, parent]
        self.counts = self.counts[np.ix_(parent, parent)]
        self.kind = kind


def fill_with_zero(z: Singles) -> tuple[NDArray[np.bool_], Indices]:
    """Set holes to 0, in place.

    Returns:
        the distinct masks (mask, pixel), True where a value is there, and (feature,) which is whose.
    """
    of = np.zeros(len(z), np.int64)
    masks = [np.ones(z.shape[1], bool)]
    if not (holed := np.isnan(z.sum(axis=1))).any():
        return np.stack(masks), of
    known = {masks[0].tobytes(): 0}
    for row in np.flatnonzero(holed):
        there = ~np.isnan(z[row])
        z[row, ~there] = 0
        of[row] = known.setdefault(there.tobytes(), len(masks))
        if of[row] == len(masks):
            masks.append(there)
    return np.stack(masks), of
