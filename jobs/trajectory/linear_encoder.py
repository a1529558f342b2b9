"""The linear encoder of slots: directions in which pixels differ, and noise and the common course do not move.

Values are (pixel, slot, channel), NaN where missing. The *common course* is what the mean of all pixels
does from slot to slot: the sun rises, summer comes. It says nothing of a surface, so it counts as noise
beside what differs between two periods. Directions are those of most variance between pixels of a slot
over that noise, as of `jobs.linear.mnf`. Pure.
"""

from dataclasses import dataclass

import numpy as np

from jobs.linear import mnf
from lake.format.arrays import Floats, Singles

FLOOR = 1e-6
"""Share of the largest noise variance; noise with a smaller share counts as this."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearEncoder:
    """A map from the channels of a slot to a vector."""

    mean: Floats
    """(channel,) what becomes 0: the mean of the slots' means."""
    projection: Floats
    """(latent, channel) vectors are this times values less the mean; noise has variance 1 along each."""
    ratio: Floats
    """(latent,) variance of the pixels of a slot over that of the noise."""

    def vectors(self, values: Singles) -> Floats:
        """(..., latent) of values (..., channel); NaN where a channel is missing."""
        return np.asarray((values - self.mean) @ self.projection.T)


def fit(first: Singles, second: Singles, latent: int, *, common: bool = True) -> LinearEncoder:
    """The linear encoder of some pixels' slots.

    Args:
        first: (pixel, slot, channel) of one period.
        second: likewise of the other; slots that are missing in either do not count.
        latent: dimensions; at most as many as there are channels.
        common: whether the common course counts as noise.
    """
    known = np.isfinite(first).all(axis=-1) & np.isfinite(second).all(axis=-1)
    one, other = (np.where(known[..., None], values, 0.0).astype(np.float64) for values in (first, second))
    count = known.sum(axis=0)[:, None]  # (slot, 1)
    slot_means = (one + other).sum(axis=0) / np.maximum(2 * count, 1)
    seen = count[:, 0] > 0
    mean = slot_means[seen].mean(axis=0)
    within, difference = (one - slot_means)[known], (one - other)[known]
    scale = within.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    total = _covariance(within / scale)
    noise = _covariance(difference / scale) / 2
    if common:
        noise = noise + _covariance((slot_means[seen] - mean) / scale)
    directions, ratio = mnf.solve(total, noise, min(latent, len(scale)), FLOOR)
    return LinearEncoder(mean, directions / scale, ratio)


def _covariance(rows: Floats) -> Floats:
    """(channel, channel) mean products of rows whose mean is 0."""
    return np.asarray(rows.T @ rows / max(len(rows), 1))
