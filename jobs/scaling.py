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
        count, total, square, shift = (np.zeros(()),) * 4
        for block in blocks:
            x = block.astype(np.float64)
            if not count.any():
                shift = np.nan_to_num(_mean(x))
            x -= shift[:, None]
            there = ~np.isnan(x)
            np.copyto(x, 0, where=~there)
            count = count + there.sum(axis=1)
            total = total + x.sum(axis=1)
            square = square + np.einsum("fp,fp->f", x, x)
        offset = total / np.maximum(count, 1)
        scale = np.sqrt(np.maximum(square / np.maximum(count, 1) - offset**2, 0))
        scale[scale == 0] = 1  # constant, or never there
        mean = offset + shift
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


def _mean(x: Floats) -> Floats:
    there = ~np.isnan(x)
    found: Floats = np.where(there, x, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return found
