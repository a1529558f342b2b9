"""Principal axes of the vectors that a run gave to pixels: three of them become colours."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.runs import outputs
from lake.format.arrays import Floats

Rows = slice | NDArray[np.int64]


Sums = tuple[int, Floats, Floats]
"""Number of vectors, their sum (d,), and the sum of their outer products (d, d)."""


def sums(root: str, run: str, array: str, pixels: Rows) -> Sums:
    """Sum up the vectors of some pixels; pixels without a vector are left out."""
    values = outputs.read(root, run, array, pixels).astype(np.float64)
    vectors = values[np.isfinite(values).all(axis=1)]
    return len(vectors), vectors.sum(axis=0), vectors.T @ vectors


def axes(parts: Sequence[Sums]) -> tuple[Floats, Floats, Floats]:
    """Mean and first three principal axes of vectors, from their sums.

    Args:
        parts: `sums` of all of them: how many, (d,) and (d, d).

    Returns:
        (d,) mean, (d, 3) axes with their largest loading positive (0 beyond d), and (3,) shares of
        the variance.
    """
    counts, totals, crosses = zip(*parts, strict=True)
    count = max(sum(counts), 1)
    mean: Floats = np.sum(totals, axis=0) / count
    covariance = np.sum(crosses, axis=0) / count - np.outer(mean, mean)
    variance, vectors = np.linalg.eigh(covariance)
    directions = vectors[:, ::-1][:, :3]
    largest = np.take_along_axis(
        directions, np.abs(directions).argmax(axis=0, keepdims=True), axis=0
    )
    first = np.maximum(variance[::-1][:3], 0)
    missing_axes = 3 - first.size
    return (
        mean,
        np.pad(directions * np.sign(largest), ((0, 0), (0, missing_axes))),
        np.pad(first / max(float(variance.sum()), np.finfo(float).tiny), (0, missing_axes)),
    )


def turned(values: Floats, reference: Floats) -> Floats:
    """(P, n) values, turned about their mean so that columns agree best with a reference (P, n).

    Distances between values stay. Columns of both count as if their variance were 1 in all directions
    of the reference, so that its largest column does not decide alone. A row with NaN stays so, and
    decides nothing.
    Source: Schoenemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31
    (1966).
    """
    known = np.isfinite(values).all(axis=1) & np.isfinite(reference).all(axis=1)
    if not known.any():
        return values
    mean, own = values[known].mean(axis=0), reference[known]
    spread = own.std(axis=0)
    cross = (values[known] - mean).T @ ((own - own.mean(axis=0)) / np.where(spread > 0, spread, 1))
    left, _, right = np.linalg.svd(cross)
    turned_values: Floats = (values - mean) @ (left @ right)
    return turned_values


def project(
    root: str, run: str, array: str, mean: Floats | None, axes: Floats | None, pixels: Rows
) -> Floats:
    """(p, 3) vectors of some pixels, projected onto three axes; without axes their first three columns."""
    values = outputs.read(root, run, array, pixels).astype(np.float64)
    if axes is None:
        return np.pad(values[:, :3], ((0, 0), (0, max(0, 3 - values.shape[1]))))
    projected: Floats = (values - mean) @ axes
    return projected
