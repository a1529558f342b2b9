"""Mergeable statistics of one or many pixels: count, extremes, mean and sums of powers of deviations.

Arrays of one `Moments` share a shape; NaN marks "no observation yet" in everything but `count`.
Work is in float64 whatever goes in.
Source: Pebay, "Formulas for robust, one-pass parallel computation of covariances and
arbitrary-order statistical moments", SAND2008-6212 (2008), pairwise update.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lake.format.arrays import Floats

METRICS = ("count", "min", "max", "m1", "m2", "m3", "m4")
"""The metric axis of every store, in this order."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Seven statistics of each pixel, arrays of one shape, float64."""

    count: Floats
    """The number of observations; whole numbers."""
    min: Floats
    max: Floats
    m1: Floats
    """The mean of the observations."""
    m2: Floats
    """Sum of squared deviations from the mean; m3 and m4 are the sums of their cubes and fourth powers."""
    m3: Floats
    m4: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """The population statistics of each pixel that people read; NaN where a statistic is not defined."""

    mean: Floats
    stddev: Floats
    """sqrt(m2 / count); needs 2 observations."""
    skewness: Floats
    """sqrt(count) m3 / m2^1.5; needs 3 observations that differ."""
    kurtosis: Floats
    """count m4 / m2^2 - 3 (excess: 0 for a normal distribution); needs 4 observations that differ."""


def empty(shape: tuple[int, ...]) -> Moments:
    """The moments of pixels without an observation."""
    return Moments(np.zeros(shape), *(np.full(shape, np.nan) for _ in range(6)))


def from_observations(values: ArrayLike, valid: ArrayLike) -> Moments:
    """Moments over the first axis of `values`, two-pass.

    Args:
        values: (time, ...) observations; what is not valid may hold anything, NaN included.
        valid: True = usable, broadcast against `values`.
    """
    values = np.asarray(values, np.float64)
    valid = np.broadcast_to(np.asarray(valid, bool), values.shape)
    count = valid.sum(axis=0, dtype=np.float64)
    divisor = np.maximum(count, 1)
    mean = np.where(valid, values, 0.0).sum(axis=0) / divisor
    deviation = np.where(valid, values - mean, 0.0)
    # the mean's own rounding, taken back: exact where all observations are equal
    mean += deviation.sum(axis=0) / divisor
    deviation = np.where(valid, values - mean, 0.0)
    square = deviation * deviation
    sums = mean, square.sum(axis=0), (square * deviation).sum(axis=0), (square * square).sum(axis=0)
    return Moments(
        count,
        _nan_if_unseen(count, np.where(valid, values, np.inf).min(axis=0, initial=np.inf)),
        _nan_if_unseen(count, np.where(valid, values, -np.inf).max(axis=0, initial=-np.inf)),
        *(_nan_if_unseen(count, s) for s in sums),
    )


def add(moments: Moments, values: ArrayLike, valid: ArrayLike) -> Moments:
    """Moments with the observations `values` (time, ...) added where `valid`."""
    new = from_observations(values, valid)
    return merge(moments, new) if moments.count.any() else new


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the union of two disjoint sets of observations.

    Exact up to rounding, in any order and any grouping. A pixel that one side never observed keeps
    the other side's values.

    This is the definition. Three more implementations share its test (`tests/test_merging_moments.py`):
    `merge_along` takes many sets at once, `ingest.accumulate.observations.merge` is compiled and takes
    float32 blocks, `ingest.accumulate.sums.PowerSums` adds packed counts step by step.
    """
    n = a.count + b.count
    divisor = np.maximum(n, 1)
    delta = _or_zero(b.m1 - a.m1)
    share_a, share_b = a.count / divisor, b.count / divisor
    m1a, m2a, m3a, m4a = (_or_zero(x) for x in (a.m1, a.m2, a.m3, a.m4))
    m1b, m2b, m3b, m4b = (_or_zero(x) for x in (b.m1, b.m2, b.m3, b.m4))
    weight = a.count * share_b
    m1 = m1a * share_a + m1b * share_b
    m2 = m2a + m2b + delta**2 * weight
    m3 = (
        m3a
        + m3b
        + delta**3 * weight * (share_a - share_b)
        + 3 * delta * (share_a * m2b - share_b * m2a)
    )
    m4 = (
        m4a
        + m4b
        + delta**4 * weight * (share_a**2 - share_a * share_b + share_b**2)
        + 6 * delta**2 * (share_a**2 * m2b + share_b**2 * m2a)
        + 4 * delta * (share_a * m3b - share_b * m3a)
    )
    return Moments(
        n,
        np.fmin(a.min, b.min),
        np.fmax(a.max, b.max),
        *(_nan_if_unseen(n, x) for x in (m1, m2, m3, m4)),
    )


def merge_along(moments: Moments, axis: int) -> Moments:
    """Moments of the union of the disjoint sets of observations along an axis, which stays, of length 1.

    It takes all sets at once, by the binomial expansion of each set's sums about the common mean: the
    result of `merge` of one after another, much faster. `merge` names the other implementations.
    """
    n, m1, m2, m3, m4 = (
        _or_zero(x) for x in (moments.count, moments.m1, moments.m2, moments.m3, moments.m4)
    )
    count = n.sum(axis=axis, keepdims=True)
    mean = (n * m1).sum(axis=axis, keepdims=True) / np.maximum(count, 1)
    d = np.where(n > 0, m1 - mean, 0)
    sums = (
        m2 + n * d**2,
        m3 + d * (3 * m2 + n * d**2),
        m4 + d * (4 * m3 + d * (6 * m2 + n * d**2)),
    )
    return Moments(
        count,
        np.fmin.reduce(moments.min, axis=axis, keepdims=True),
        np.fmax.reduce(moments.max, axis=axis, keepdims=True),
        _nan_if_unseen(count, mean),
        *(_nan_if_unseen(count, x.sum(axis=axis, keepdims=True)) for x in sums),
    )


def finalise(moments: Moments) -> Summary:
    """Mean, standard deviation, skewness and kurtosis; NaN where `Summary` says undefined.

    A sum of squares below the rounding of float32 (the stored form) around the mean counts as zero:
    such a pixel has a standard deviation, but no shape.
    """
    n, m2 = moments.count, moments.m2
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        stddev = np.where(n >= 2, np.sqrt(np.maximum(m2, 0) / n), np.nan)
        differs = stddev > np.abs(moments.m1) * np.finfo(np.float32).eps
        skewness = np.where(differs & (n >= 3), np.sqrt(n) * moments.m3 / m2**1.5, np.nan)
        kurtosis = np.where(differs & (n >= 4), n * moments.m4 / m2**2 - 3, np.nan)
    return Summary(moments.m1, stddev, skewness, kurtosis)


def from_results(results: NDArray[np.floating], axis: int) -> Moments:
    """Moments from an array whose `axis` is the metric axis of a store, in the order of `METRICS`.

    A NaN count (no time step was ever ingested there) becomes 0.
    """
    parts = [np.asarray(x, np.float64) for x in np.moveaxis(results, axis, 0)]
    return Moments(_or_zero(parts[0]), *parts[1:])


def to_results(moments: Moments, axis: int) -> NDArray[np.float32]:
    """The float32 array that a store holds, metrics on a new `axis` in the order of `METRICS`."""
    return np.stack([getattr(moments, f.name) for f in fields(Moments)], axis).astype(np.float32)


def _or_zero(x: Floats) -> Floats:
    return np.where(np.isnan(x), 0.0, x)


def _nan_if_unseen(count: Floats, x: Floats) -> Floats:
    return np.where(count > 0, x, np.nan)
