"""The pixels of a sample, and the probability of each to be in it. Pure.

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
class SamplePixels:
    """The pixels of a sample; all arrays are (sample,)."""

    pixel: Indices
    """Positions in store order, ascending."""
    probability: Floats
    """Probability to be drawn, above 0, at most 1."""
    stratum: Indices
    """Label of the stratum that the pixel was drawn from; 0 where the design has none."""


def phase(pixels: int, layout: Layout, first: int, phases: int) -> SamplePixels:
    """Some phases of every superblock, evenly spaced from `first` on: a systematic sample.

    The probability is that of a `first` drawn at random.
    """
    spaced = [(first + i * layout.phases // phases) % layout.phases for i in range(phases)]
    pixel = np.flatnonzero(np.isin(order.phase_of(pixels, layout), spaced))
    return _equal(pixel, phases / layout.phases)


def all_pixels(pixel: Indices) -> SamplePixels:
    """A sample of all of these pixels, which are ascending."""
    return _equal(pixel, 1.0)


def strata(
    generator: np.random.Generator, labels: NDArray[np.integer], counts: Indices
) -> SamplePixels:
    """A simple random sample without replacement from each stratum.

    Args:
        generator: of random numbers.
        labels: (pixel,) stratum of each; below 0: outside the population.
        counts: (stratum,) pixels to draw, at most as many as it has.
    """
    by_label = np.argsort(labels, kind="stable")
    size = sizes(labels, len(counts))
    ends = np.cumsum(size) + np.count_nonzero(labels < 0)
    samples = [
        by_label[end - pixels : end][generator.choice(pixels, count, replace=False, shuffle=False)]
        for end, pixels, count in zip(ends.tolist(), size.tolist(), counts.tolist(), strict=True)
        if count
    ]
    pixel = np.sort(np.concatenate([np.empty(0, np.int64), *samples]))
    stratum = labels[pixel].astype(np.int64)
    return SamplePixels(pixel, (counts / np.maximum(size, 1))[stratum], stratum)


def sizes(labels: NDArray[np.integer], strata: int) -> Indices:
    """(stratum,) number of pixels of each."""
    return np.asarray(np.bincount(labels[labels >= 0], minlength=strata), np.int64)


def allocate(weight: Floats, size: Indices, minimum: Indices, n: int) -> Indices:
    """(stratum,) how many of `n` pixels to draw from each: proportional to weight, within bounds.

    Pixels that a bound takes from one stratum go to the others by weight; strata without weight come
    last. Fractions are rounded by largest remainder; of equal remainders the first is rounded up.

    Args:
        weight: (stratum,) 0 or more: its size for proportional allocation, 1 for equal, size x
            standard deviation for Neyman's.
        size: (stratum,) the most that can be drawn.
        minimum: (stratum,) the least that is drawn; at most `size`.
        n: pixels of all strata together; if it exceeds their size, all are drawn.

    Raises:
        ConfigError: `n` is less than the sum of `minimum`.
    """
    n = min(n, int(size.sum()))
    if n < minimum.sum():
        raise ConfigError(
            f"setting pixels is {n}: wanted at least {minimum.sum()}, so that every one of "
            f"{np.count_nonzero(minimum)} strata is drawn from; draw more, or have fewer strata"
        )
    share = weight / max(weight.sum(), np.finfo(float).tiny) + _SIZE_SHARE * size / max(
        size.sum(), 1
    )
    low, high = 0.0, float(np.max(size / np.where(size > 0, share, 1), initial=0))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = np.clip(middle * share, minimum, size).sum() >= n
        low, high = (low, middle) if enough else (middle, high)
    exact = np.clip(high * share, minimum, size)
    counts: Indices = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(counts - exact, kind="stable")
    not_full = by_remainder[counts[by_remainder] < size[by_remainder]]
    counts[not_full[: max(n - counts.sum(), 0)]] += 1
    return counts


_SIZE_SHARE = 1e-9
"""Share of the weight that goes by size: strata without weight are drawn from when the others are full."""
_HALVINGS = 200
"""Steps of the search for the factor of all weights that draws `n` pixels."""


def _equal(pixel: Indices, probability: float) -> SamplePixels:
    return SamplePixels(pixel, np.full(pixel.size, probability), np.zeros(pixel.size, np.int64))
