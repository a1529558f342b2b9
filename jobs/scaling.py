"""Standardised features: cut off far from the mean, then in standard deviations from it. Pure.

Blocks are float32 (feature, pixel), NaN where missing, as `jobs.features.read` gives them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ROWS = 16
"""Features at a time: what the cache holds of a superblock."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How each feature is standardised; all (feature,), in the feature's unit."""

    low: Floats
    """Values below count as this."""
    high: Floats
    mean: Floats
    """Becomes 0."""
    scale: Floats
    """Becomes 1; above 0."""

    @classmethod
    def of(cls, blocks: Iterable[Singles], clip: float) -> Self:
        """By mean and standard deviation of what is there, cut off `clip` of them from the mean.

        Args:
            blocks: (feature, pixel) of one set of features.
            clip: standard deviations.
        """
        parts = [_sums(block) for block in blocks]
        count = np.maximum(sum(n for n, _, _ in parts), 1)
        mean = sum(n * m for n, m, _ in parts) / count
        square = sum(s + n * (m - mean) ** 2 for n, m, s in parts)
        scale = np.sqrt(square / count)
        scale[scale == 0] = 1  # constant, or never there
        return cls(mean - clip * scale, mean + clip * scale, mean, scale)

    def apply(self, x: Singles) -> Singles:
        """Standardise a block in place; NaN stays NaN."""
        columns = (self.low, self.high, self.mean, 1 / self.scale)
        low, high, mean, factor = (a.astype(np.float32)[:, None] for a in columns)
        for first in range(0, len(x), ROWS):
            rows = slice(first, first + ROWS)
            tile = x[rows]
            np.clip(tile, low[rows], high[rows], out=tile)
            tile -= mean[rows]
            tile *= factor[rows]
        return x

    def then(self, mean: Floats, scale: Floats) -> "Scaling":
        """As this, but 0 is what was `mean` here, and 1 what was `scale`."""
        return Scaling(self.low, self.high, self.mean + self.scale * mean, self.scale * scale)


def _sums(block: Singles) -> tuple[Floats, Floats, Floats]:
    """(feature,) number of values, their mean, sum of squared deviations from it."""
    missing = np.isnan(block)
    count = np.sum(~missing, axis=1, dtype=np.float64)
    x = np.where(missing, 0, block.astype(np.float64))
    mean = x.sum(axis=1) / np.maximum(count, 1)
    x -= mean[:, None]
    np.copyto(x, 0, where=missing)
    return count, mean, np.einsum("fp,fp->f", x, x)
