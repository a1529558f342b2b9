"""Statistics of classes of pixels: of all their observations, and of how their pixels differ. Pure.

Observations of the pixels of a class are one set, whose moments are merged. The spread *between pixels* is
another thing: the standard deviation of the pixels' own means, each pixel counted once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lake.format import moments
from lake.format.arrays import AnyFloats, Floats, Indices, Integers
from lake.format.moments import METRICS, Moments

METRIC_AXIS = -1


@dataclass(frozen=True, slots=True, eq=False)
class ClassSums:
    """What is known of the classes in one cube; arrays end in the metrics of moments, float64."""

    cells: Floats
    """(class, month, tod, band, metric) of the observations of all pixels of a class."""
    months: Floats
    """(class, month, band, metric) of the pixels' means, a mean of each pixel over the times of day."""
    tods: Floats
    """(class, tod, band, metric) of the pixels' means over the months."""
    all: Floats
    """(class, band, metric) of the pixels' means over months and times of day."""


def empty(classes: int, months: int, tods: int, bands: int) -> ClassSums:
    """The sums of classes without a pixel."""
    shapes = ((months, tods, bands), (months, bands), (tods, bands), (bands,))
    return ClassSums(*(_stacked(moments.empty((classes, *shape))) for shape in shapes))


def add(sums: ClassSums, blocks: Iterable[NDArray[np.float32]], classes: Integers) -> None:
    """Add pixels to the sums of a cube.

    Args:
        sums: what is filled.
        blocks: for each month (tod, band, metric, pixel, subpixel) of the pixels; NaN count: not ingested.
        classes: (pixel,) class of each, below 0: none.
    """
    members = {
        number: np.flatnonzero(classes == number) for number in np.unique(classes[classes >= 0])
    }
    counts: list[Floats] = []
    totals: list[Floats] = []
    for month, block in enumerate(blocks):
        part = moments.from_results(block, axis=2)
        of_pixels = moments.merge_along(part, axis=-1)  # (tod, band, pixel, 1)
        count, total = (
            of_pixels.count[..., 0],
            np.nan_to_num(of_pixels.count * of_pixels.m1)[..., 0],
        )
        counts.append(count)
        totals.append(total)
        for number, rows in members.items():
            _merge(sums.cells[number, month], _of_class(of_pixels, rows))
            means = _mean(total[..., rows].sum(axis=0), count[..., rows].sum(axis=0))
            _merge(sums.months[number, month], _between(means))
    all_counts, all_totals = np.sum(counts, axis=0), np.sum(totals, axis=0)  # (tod, band, pixel)
    for number, rows in members.items():
        count, total = all_counts[..., rows], all_totals[..., rows]
        _merge(sums.tods[number], _between(_mean(total, count)))
        _merge(sums.all[number], _between(_mean(total.sum(axis=0), count.sum(axis=0))))


def merge(sums: ClassSums, other: ClassSums) -> None:
    """Add the sums of other pixels."""
    for field in fields(ClassSums):
        _merge(getattr(sums, field.name), _unstacked(getattr(other, field.name)))


def merged(cells: Floats, *axes: int) -> Moments:
    """The moments of the union along axes of stacked moments, which are left out."""
    union = _unstacked(cells)
    for axis in axes:
        union = moments.merge_along(union, axis)
    return Moments(*(np.squeeze(getattr(union, field.name), axes) for field in fields(Moments)))


def between_pixels(stacked: Floats) -> Floats:
    """Standard deviation of the pixels' means, of stacked moments; NaN: fewer than two pixels have one."""
    return moments.finalise(_unstacked(stacked)).stddev


def nearest_pixels(
    vectors: AnyFloats, classes: Integers, means: Floats, count: int
) -> tuple[Indices, Indices, Floats]:
    """The pixels of each class that are nearest to its mean vector.

    Args:
        vectors: (P, d) of pixels, NaN: none.
        classes: (P,) of the pixels, below 0: none.
        means: (class, d) mean vectors.
        count: number of pixels of each class, at most.

    Returns:
        (n,) classes, rising; (n,) rows of the pixels; (n,) distances, rising within a class.
    """
    distance = np.full(len(classes), np.nan)
    has_class = classes >= 0
    apart = vectors[has_class].astype(np.float64) - means[classes[has_class]]
    distance[has_class] = np.linalg.norm(apart, axis=1)
    rows = np.flatnonzero(np.isfinite(distance))
    rows = rows[np.lexsort((rows, distance[rows], classes[rows]))]
    _, first = np.unique(classes[rows], return_index=True)
    rank = np.arange(rows.size) - np.repeat(first, np.diff([*first, rows.size]))
    rows = rows[rank < count]
    return classes[rows].astype(np.int64), rows.astype(np.int64), distance[rows].astype(np.float64)


def _of_class(of_pixels: Moments, rows: Indices) -> Moments:
    """(tod, band) moments of the union of some of the pixels of (tod, band, pixel, 1)."""
    chosen = Moments(*(getattr(of_pixels, f.name)[:, :, rows, 0] for f in fields(Moments)))
    union = moments.merge_along(chosen, axis=-1)
    return Moments(*(getattr(union, f.name)[..., 0] for f in fields(Moments)))


def _mean(total: Floats, count: Floats) -> Floats:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _between(means: Floats) -> Moments:
    """Moments over the last axis, the pixels, of their means; NaN: a pixel without observation."""
    by_pixel = np.moveaxis(means, -1, 0)
    return moments.from_observations(by_pixel, np.isfinite(by_pixel))


def _merge(target: Floats, new: Moments) -> None:
    target[...] = _stacked(moments.merge(_unstacked(target), new))


def _stacked(parts: Moments) -> Floats:
    return np.stack([getattr(parts, name) for name in METRICS], axis=METRIC_AXIS)


def _unstacked(stacked: Floats) -> Moments:
    return moments.from_results(stacked, axis=METRIC_AXIS)
