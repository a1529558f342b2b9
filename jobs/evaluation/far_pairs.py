"""Whether vectors of one class are alike where their pixels lie far apart.

Neighbours, probes and retrieval do not see this: vectors that scatter the distant pixels of a class over
the sphere do well in all of them. Vectors are (P, d) without NaN, classes whole numbers (P,), `row` and
`column` (P,) places on the grid. Two pixels are far where they lie more than `distance` rows or columns
apart. Vectors are compared by their cosine.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from lake.errors import DataError
from lake.format.arrays import AnyFloats, Floats, Indices, Integers

DRAWS_PER_PAIR = 4
"""Pairs that are drawn for each one wanted, since near ones are thrown away."""
_CHUNK = 100
"""Pixels that are compared with all others at a time."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """How the pixels most similar to a pixel lie and belong, means over the pixels that were asked."""

    share: float
    """Share of far pixels among the most similar ones, over that among the pixels of the class. 1: similar
    land is as far away as the class; 0: it is the land around."""
    precision: float
    """Share of the pixel's class among the most similar far pixels."""


def pairs(
    row: Integers,
    column: Integers,
    classes: Integers,
    distance: int,
    count: int,
    random: np.random.Generator,
) -> tuple[Indices, Indices]:
    """Positions of far pixels: `count` pairs of any classes, then `count` pairs of one class.

    Args:
        row: (P,)
        column: (P,)
        classes: (P,) from 0.
        distance: rows or columns that the pixels of a pair lie apart, at least one more.
        count: number of pairs of either kind; there may be fewer where few pixels lie so far apart.
        random: generator.
    """
    order, size = np.argsort(classes, kind="stable"), np.bincount(classes)
    start = np.cumsum(size) - size
    first, second, of_class = random.integers(0, row.size, (3, DRAWS_PER_PAIR * count))
    own = classes[of_class]
    mate = order[start[own] + (random.random(own.size) * size[own]).astype(np.int64)]
    sides = []
    for a, b in ((first, second), (of_class, mate)):
        far = np.maximum(abs(row[a] - row[b]), abs(column[a] - column[b])) > distance
        sides.append((a[far][:count], b[far][:count]))
    (a, b), (c, d) = sides
    return np.concatenate([a, c]), np.concatenate([b, d])


def separation(vectors: AnyFloats, classes: Integers, first: Indices, second: Indices) -> float:
    """Area under the ROC curve (AUC) by which the cosine tells pairs of one class from other pairs.

    1: every pair of one class is more alike than every other pair; 0.5: by chance.

    Args:
        vectors: (P, d)
        classes: (P,)
        first: (pair,) positions.
        second: (pair,) positions.

    Raises:
        DataError: all pairs are of one class, or none is.
    """
    alike = classes[first] == classes[second]
    if alike.all() or not alike.any():
        raise DataError(
            f"{alike.sum()} of {alike.size} far pairs are of one class: wanted some of both; "
            "take a shorter distance"
        )
    unit = _on_sphere(vectors)
    return float(roc_auc_score(alike, (unit[first] * unit[second]).sum(axis=1)))


def most_similar(
    vectors: AnyFloats,
    row: Integers,
    column: Integers,
    classes: Integers,
    asked: Indices,
    distance: int,
    near: int,
) -> Similarity | None:
    """How the `near` pixels most similar to each asked pixel lie and belong.

    Pixels with fewer than `near` far pixels of their class do not count; None: no pixel counts.

    Args:
        vectors: (P, d)
        row: (P,)
        column: (P,)
        classes: (P,)
        asked: (asked,) positions.
        distance: rows or columns that far pixels lie apart, at least one more.
        near: number of most similar pixels.
    """
    found, expected, right = (np.zeros(0) for _ in range(3))
    for similar, far, mates in _compared(vectors, row, column, classes, asked, distance):
        counted = (mates & far).sum(axis=1) >= near
        similar, far, mates = similar[counted], far[counted], mates[counted]  # noqa: PLW2901
        nearest = _largest(similar, near)
        nearest_far = _largest(np.where(far, similar, -np.inf), near)
        found = np.append(found, np.take_along_axis(far, nearest, axis=1).mean(axis=1))
        expected = np.append(expected, (mates & far).sum(axis=1) / mates.sum(axis=1))
        right = np.append(right, np.take_along_axis(mates, nearest_far, axis=1).mean(axis=1))
    if not found.size:
        return None
    return Similarity(float(found.mean() / expected.mean()), float(right.mean()))


def _compared(
    vectors: AnyFloats,
    row: Integers,
    column: Integers,
    classes: Integers,
    asked: Indices,
    distance: int,
) -> Iterator[tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]]:
    """For some asked pixels at a time (asked, P): cosines, which pixels are far, which others are mates."""
    unit = _on_sphere(vectors)
    for start in range(0, asked.size, _CHUNK):
        some = asked[start : start + _CHUNK]
        similar = unit[some] @ unit.T
        apart = np.maximum(
            abs(row[some][:, None] - row), abs(column[some][:, None] - column)
        )  # (asked, P)
        mates = classes[some][:, None] == classes
        np.put_along_axis(similar, some[:, None], -np.inf, axis=1)
        np.put_along_axis(mates, some[:, None], np.False_, axis=1)
        yield similar, apart > distance, mates


def _largest(values: Floats, count: int) -> Indices:
    """(row, count) columns of the largest values of each row."""
    return np.argpartition(-values, count - 1, axis=1)[:, :count]


def _on_sphere(vectors: AnyFloats) -> Floats:
    x = vectors.astype(np.float64)
    unit: Floats = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return unit
