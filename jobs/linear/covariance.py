"""Mean and covariance of features with missing values, in one pass over the pixels. Pure.

Blocks of standardised features are multiplied in float32 and added in float64. A pair of features
counts where both have values: with missing values set to 0, the gram matrix Z Z' is right as it is, and
two more products with the mask give the sums and the counts of every pair. Features that have values in
the same pixels, e.g. all metrics of one (cube, band, month, tod), are of one kind: those products are
over kinds, and without missing values there is one. Kinds split when a block has different masks for
their features; what was added before is the same for both.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from jobs.linear.gram import add_gram
from lake.format.arrays import Floats, Indices, Singles


@dataclass(slots=True, eq=False)
class CovarianceSums:
    """Sums over the pixels of blocks: the same, up to rounding, in any order and grouping of blocks."""

    gram: Floats
    """(feature, feature) sums of products, over the pixels where both have values."""
    kind: Indices
    """(feature,) number of its kind."""
    sums: Floats
    """(feature, kind) sum of a feature, over the pixels where a kind has values."""
    counts: Floats
    """(kind, kind) number of pixels where both have values."""

    @classmethod
    def empty(cls, features: int) -> Self:
        """Sums over no pixel."""
        kind = np.zeros(features, np.int64)
        return cls(np.zeros((features, features)), kind, np.zeros((features, 1)), np.zeros((1, 1)))

    def add(self, z: Singles) -> None:
        """Add standardised features (feature, pixel); their missing values become 0."""
        masks, mask_index = zero_missing(z)
        self._split_kinds(mask_index)
        first = np.unique(self.kind, return_index=True)[1]
        present = masks[mask_index[first]].astype(np.float32)  # (kind, pixel)
        self.counts += present @ present.T
        self.sums += z @ present.T
        add_gram(z, self.gram)

    def add_noise(self, variance: Floats) -> None:
        """Add (feature,) sums of squares: the noise that imputed values lack."""
        self.gram[np.diag_indices(len(variance))] += variance

    def merge(self, addend: "CovarianceSums") -> None:
        """Add the sums of other blocks."""
        second = CovarianceSums(addend.gram, addend.kind, addend.sums, addend.counts)
        kind = self.kind
        self._split_kinds(second.kind)
        second._split_kinds(kind)
        order = second.kind[np.unique(self.kind, return_index=True)[1]]  # own kind -> the second's
        self.gram += second.gram
        self.sums += second.sums[:, order]
        self.counts += second.counts[np.ix_(order, order)]

    def mean(self) -> Floats:
        """(feature,) mean; 0 where there is no value."""
        features = np.arange(len(self.kind))
        count = self.counts[self.kind, self.kind]
        mean: Floats = self.sums[features, self.kind] / np.maximum(count, 1)
        return mean

    def scale(self) -> Floats:
        """(feature,) standard deviation, of n; 1 where a feature is constant or always missing."""
        count = self.counts[self.kind, self.kind]
        variance = self.gram.diagonal() / np.maximum(count, 1) - self.mean() ** 2
        scale: Floats = np.sqrt(np.maximum(variance, 0))
        return np.where(scale > 0, scale, 1)

    def covariance(self) -> Floats:
        """(feature, feature) covariance, of n - 1, of every pair over the pixels where both have values."""
        n = self.counts[np.ix_(self.kind, self.kind)]
        cross = self.sums[:, self.kind]  # of the first where the second has values
        cross *= cross.T.copy()
        cross /= np.maximum(n, 1)
        np.subtract(self.gram, cross, out=cross)
        cross /= np.maximum(n - 1, 1)
        return cross

    def _split_kinds(self, group: Indices) -> None:
        """Split kinds whose features are in different groups (feature,)."""
        _, first, kind = np.unique(
            self.kind * (group.max() + 1) + group, return_index=True, return_inverse=True
        )
        parent = self.kind[first]
        self.sums = self.sums[:, parent]
        self.counts = self.counts[np.ix_(parent, parent)]
        self.kind = kind


def zero_missing(z: Singles) -> tuple[NDArray[np.bool_], Indices]:
    """Set missing values of (feature, pixel) to 0, in place.

    Returns:
        the distinct masks (mask, pixel), True where values are, and (feature,) the index of its mask.
    """
    mask_index = np.zeros(len(z), np.int64)
    masks = [np.ones(z.shape[1], bool)]
    if not (is_incomplete := np.isnan(z.sum(axis=1))).any():
        return np.stack(masks), mask_index
    index_by_mask = {masks[0].tobytes(): 0}
    for row in np.flatnonzero(is_incomplete):
        present = ~np.isnan(z[row])
        z[row, ~present] = 0
        mask_index[row] = index_by_mask.setdefault(present.tobytes(), len(masks))
        if mask_index[row] == len(masks):
            masks.append(present)
    return np.stack(masks), mask_index
