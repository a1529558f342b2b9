"""Standardised features: cut off far from the mean, then in standard deviations from it. Pure.

Blocks are float32 (feature, pixel), NaN where missing, as `jobs.features.features.read` gives them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from lake.format.arrays import Floats, Singles

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
    def of(cls, x: Singles, clip: float) -> Self:
        """By mean and standard deviation of what is there, cut off `clip` of them from the mean."""
        mean, scale = np.zeros((2, len(x)))
        for row, values in enumerate(x):
            there = values[~np.isnan(values)].astype(np.float64)
            mean[row] = there.mean() if there.size else 0
            scale[row] = there.std() if there.size else 0
        clip_at = np.where(scale > 0, clip * scale, np.inf)  # constant here, or never there
        low, high = mean - clip_at, mean + clip_at
        return cls(low, high, mean, np.where(scale > 0, scale, 1))

    def cut(self, x: Singles) -> Singles:
        """A copy of a block, cut off, in the features' units."""
        low, high = (a.astype(np.float32)[:, None] for a in (self.low, self.high))
        found: Singles = np.clip(x, low, high)
        return found

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
