"""Standardised features: cut off far from the mean, then in standard deviations from it. Pure.

Blocks are float32 (feature, pixel), NaN where missing, as `jobs.features.features.read` gives them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from lake.format.arrays import Floats, Singles

ROWS = 16
"""How many features are scaled at a time: as many of a superblock as the cache holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How each feature is standardised; all arrays are (feature,), in the feature's unit."""

    low: Floats
    """Values below it are raised to it."""
    high: Floats
    """Values above it are lowered to it."""
    mean: Floats
    """The value that becomes 0."""
    scale: Floats
    """The difference that becomes 1; above 0."""

    @classmethod
    def fit(cls, x: Singles, clip: float) -> Self:
        """The scaling by mean and standard deviation of values that are not NaN.

        Values are cut off `clip` standard deviations from the mean.
        """
        mean, scale = np.zeros((2, len(x)))
        for row, values in enumerate(x):
            valid = values[~np.isnan(values)].astype(np.float64)
            mean[row] = valid.mean() if valid.size else 0
            scale[row] = valid.std() if valid.size else 0
        clip_at = np.where(scale > 0, clip * scale, np.inf)  # constant here, or always missing
        low, high = mean - clip_at, mean + clip_at
        return cls(low, high, mean, np.where(scale > 0, scale, 1))

    def cut(self, x: Singles) -> Singles:
        """A copy of a block, cut off, in the features' units."""
        low, high = (a.astype(np.float32)[:, None] for a in (self.low, self.high))
        clipped: Singles = np.clip(x, low, high)
        return clipped

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
        """This scaling followed by another: of its results, `mean` becomes 0 and `scale` 1."""
        return Scaling(self.low, self.high, self.mean + self.scale * mean, self.scale * scale)
