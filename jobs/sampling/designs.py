"""Which pixels a sample holds, and the probability of each to be in it. Pure.

Every pixel of the population has a probability above 0 that is known before the draw, so the sum of
y / probability over the sample is an unbiased estimate of the total of any y over the population.
Source: Horvitz and Thompson, "A generalization of sampling without replacement from a finite
universe", Journal of the American Statistical Association 47 (1952); allocation: Neyman, "On the two
different aspects of the representative method", Journal of the Royal Statistical Society 97 (1934).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lake.errors import ConfigError
from lake.format import order
from lake.format.arrays import Floats, Indices
from lake.format.order import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A sample; all arrays (sample,)."""

    pixel: Indices
    """Positions in store order, ascending."""
    probability: Floats
    """To be drawn, above 0, at most 1."""
    stratum: Indices
    """Label of the stratum it was drawn from; 0 where the design has none."""


def phase(pixels: int, layout: Layout, first: int, phases: int) -> Drawn:
    """Some phases of every superblock, evenly spaced from `first` on: a systematic sample.

    The probability is that of a `first` drawn at random.
    """
    spaced = [(first + i * layout.phases // phases) % layout.phases for i in range(phases)]
    pixel = np.flatnonzero(np.isin(order.phase_of(pixels, layout), spaced))
    return _equal(pixel, phases / layout.phases)


def whole(pixel: Indices) -> Drawn:
    """All of these pixels, ascending."""
    return _equal(pixel, 1.0)


def strata(generator: np.random.Generator, labels: NDArray[np.integer], counts: Indices) -> Drawn:
    """A simple random sample without replacement from each stratum.

    Args:
        generator: of random numbers.
        labels: (pixel,) stratum of each; below 0: not of the population.
        counts: (stratum,) how many are drawn, at most as many as it has.
    """
    by_label = np.argsort(labels, kind="stable")
    size = sizes(labels, len(counts))
    ends = np.cumsum(size) + np.count_nonzero(labels < 0)
    drawn = [
        by_label[end - of : end][generator.choice(of, count, replace=False, shuffle=False)]
        for end, of, count in zip(ends.tolist(), size.tolist(), counts.tolist(), strict=True)
        if count
    ]
    pixel = np.sort(np.concatenate([np.empty(0, np.int64), *drawn]))
    stratum = labels[pixel].astype(np.int64)
    return Drawn(pixel, (counts / np.maximum(size, 1))[stratum], stratum)


def sizes(labels: NDArray[np.integer], strata: int) -> Indices:
    """(stratum,) pixels of each."""
    return np.asarray(np.bincount(labels[labels >= 0], minlength=strata), np.int64)


def allocate(weight: Floats, size: Indices, least: Indices, n: int) -> Indices:
    """How many of `n` to draw from each stratum: proportional to weight, within bounds.

    What a bound takes from one stratum the others share by weight; strata without weight come last.
    Fractions are rounded by largest remainder, of equal ones the first is served.

    Args:
        weight: (stratum,) 0 or more: its size for proportional allocation, 1 for equal, size x
            standard deviation for Neyman's.
        size: (stratum,) the most that can be drawn.
        least: (stratum,) the least that is; at most `size`.
        n: of all; more than there are: all are taken.

    Raises:
        ConfigError: `n` is less than the sum of `least`.
    """
    n = min(n, int(size.sum()))
    if n < least.sum():
        raise ConfigError(
            f"setting pixels is {n}: wanted at least {least.sum()}, so that every one of "
            f"{np.count_nonzero(least)} strata is drawn from; draw more, or have fewer strata"
        )
    share = weight / max(weight.sum(), np.finfo(float).tiny) + _LAST * size / max(size.sum(), 1)
    low, high = 0.0, float(np.max(size / np.where(size > 0, share, 1), initial=0))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = np.clip(middle * share, least, size).sum() >= n
        low, high = (low, middle) if enough else (middle, high)
    wanted = np.clip(high * share, least, size)
    counts: Indices = np.floor(wanted).astype(np.int64)
    by_remainder = np.argsort(counts - wanted, kind="stable")
    open_ones = by_remainder[counts[by_remainder] < size[by_remainder]]
    counts[open_ones[: max(n - counts.sum(), 0)]] += 1
    return counts


_LAST = 1e-9
"""Of the weight goes by size, so that strata without weight are served when the others are full."""
_HALVINGS = 200


def _equal(pixel: Indices, probability: float) -> Drawn:
    return Drawn(pixel, np.full(pixel.size, probability), np.zeros(pixel.size, np.int64))
