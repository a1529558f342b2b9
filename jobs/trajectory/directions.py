"""The linear encoder of slots: directions in which pixels move unlike each other, over the noise.

Values are (pixel, month, tod, channel), NaN where missing. What all pixels do from slot to slot, as the
sun rises or summer comes, is the *common course*; a pixel's *own* values are less that and less its
level. The covariance of own differences between the months, or the times of day, of a pixel is taken
across two periods, so that independent noise adds nothing to it; what lies still adds nothing either.
The noise is half the covariance of the difference between the periods, as in `jobs.linear.mnf`. Pure.
"""

from dataclasses import dataclass

import numpy as np

from jobs.linear import mnf
from lake.errors import DataError
from lake.format.arrays import AnyFloats, Bools, Floats, Singles

FLOOR = 1e-6
"""Share of the largest noise variance; noise with a smaller share counts as this."""
SWEEPS = 10
"""Sweeps of backfitting; where three quarters of the slots are known, four change nothing more."""
LEAST_DIFFERENCES = 2
"""Number of slots, for each channel, below which there is no covariance."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotEncoder:
    """A linear map from the channels of a slot to a vector."""

    mean: Floats
    """(channel,) what becomes 0."""
    projection: Floats
    """(latent, channel) vectors are this times values less the mean; noise has variance 1 along each."""
    signal_to_noise: Floats
    """(latent,) variance of own differences along each, over that of the noise."""

    def vectors(self, values: AnyFloats) -> Floats:
        """(..., latent) of values (..., channel); NaN where a channel is missing."""
        return np.asarray((values - self.mean) @ self.projection.T)


def fit(first: Singles, second: Singles, count: int) -> SlotEncoder:
    """The encoder of some pixels: `count` directions of the year, then as many of the day.

    A cycle of which there is one step alone has no direction.

    Args:
        first: (pixel, month, tod, channel) of one period.
        second: likewise of the other; slots that are missing in either do not count.
        count: number of directions of each cycle; at most as many as there are channels.

    Raises:
        DataError: too few slots were observed in both periods.
    """
    known: Bools = np.all(np.isfinite(first) & np.isfinite(second), axis=-1)
    channels, slots = first.shape[-1], int(known.sum())
    if slots < LEAST_DIFFERENCES * channels or len(first) < LEAST_DIFFERENCES:
        raise DataError(
            f"{slots} slots of {len(first)} pixels were observed in both periods: wanted at least "
            f"{LEAST_DIFFERENCES * channels}, of {LEAST_DIFFERENCES} pixels; take other months, times of "
            "day or bands, or more pixels ('--set fitted_on=...')"
        )
    own = [_own(values, known) for values in (first, second)]
    difference = (own[1] - own[0])[known]
    noise = difference.T @ difference / len(difference) / 2
    count = min(count, channels)
    solved = []
    for axis in (1, 2):
        if first.shape[axis] > 1:
            one, other = (np.moveaxis(values, axis, 1) for values in own)
            signal = moves(one, other, np.moveaxis(known, axis, 1))
            solved.append(mnf.solve(signal, noise, count, FLOOR))
    projections, ratios = zip(*solved, strict=True)
    mean = (
        first[known].mean(axis=0, dtype=np.float64) + second[known].mean(axis=0, dtype=np.float64)
    ) / 2
    return SlotEncoder(mean, np.concatenate(projections), np.concatenate(ratios))


def _own(values: Singles, known: Bools) -> Floats:
    """(pixel, month, tod, channel) what a pixel and a slot do not say in sum; 0 where not known.

    Means of pixels and means of slots are taken off in turn. Those of slots alone would be wrong where
    pixels are missing: another slot has other pixels, and so another mean.
    Source: Buja, Hastie and Tibshirani, "Linear smoothers and additive models", Annals of Statistics 17
    (1989), backfitting.
    """
    own = np.where(known[..., None], values, 0.0).astype(np.float64)
    for _ in range(SWEEPS):
        for axes in ((1, 2), (0,)):
            count = known.sum(axis=axes, keepdims=True)[..., None]
            own -= np.where(
                known[..., None], own.sum(axis=axes, keepdims=True) / np.maximum(count, 1), 0.0
            )
    return own


def moves(first: Floats, second: Floats, known: Bools) -> Floats:
    """(channel, channel) covariance of two periods' differences between the steps of a pixel.

    It is the mean over all pairs of steps at the same place along `other`, by sums over the steps:
    of n steps, the products of all pairs' differences add up to n times the sum of products less the
    product of sums.

    Args:
        first: (pixel, step, other, channel) own values of a period, 0 where not known.
        second: of the other period.
        known: (pixel, step, other) True: observed in both.
    """
    count = known.sum(axis=1).astype(np.float64)  # (pixel, other)
    weighted = first * count[:, None, :, None]
    products = np.tensordot(weighted, second, axes=((0, 1, 2), (0, 1, 2)))
    products -= np.tensordot(first.sum(axis=1), second.sum(axis=1), axes=((0, 1), (0, 1)))
    pairs = float((count * (count - 1) / 2).sum())
    return np.asarray((products + products.T) / 2 / max(pairs, 1.0))
