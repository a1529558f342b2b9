"""A hierarchy of clusters, and a sample that is balanced over it from the top down.

k-means of the scores gives cells, k-means of the cells' centres clusters of cells, and so on. A sample
is divided equally among the clusters of the top, each part among the clusters below, down to the
cells, where pixels are drawn at random. A cluster too small for its part is taken whole. Every cell
gives at least one pixel, so all pixels with scores have a probability above 0. Rare land is drawn as
often as common land; random pixels would show common land alone.
Source: Vo et al., "Automatic Data Curation for Self-Supervised Learning: A Clustering-Based
Approach", Transactions on Machine Learning Research (2024), hierarchical k-means and balanced
sampling; without its resampling steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from jobs.runs.settings import check
from jobs.sampling.designs import allocate
from lake.errors import DataError
from lake.format.arrays import Indices, Singles

ITERATIONS = 50
ROWS = 4096
"""Rows whose distances are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The hierarchy that a sample is balanced over."""

    scores: str = ""
    """Id of a run that has `scores`, e.g. of `lake pca`."""
    levels: tuple[int, ...] = (2000, 200, 20)
    """Number of clusters of each level, from the cells up."""
    fit: int = 100_000
    """How many pixels, drawn at random, the cells are fitted to."""

    def __post_init__(self) -> None:
        is_falling = all(a > b for a, b in zip(self.levels, self.levels[1:], strict=False))
        is_valid = bool(self.levels) and is_falling and min(self.levels) > 0
        check("levels must fall, from the cells up, and be above 0", self.levels, holds=is_valid)
        check("fit must be at least levels", self.fit, holds=self.fit >= max(self.levels))


def fit(
    scores: Singles, levels: Sequence[int], seed: int, check_stop: Callable[[], None]
) -> tuple[Singles, list[Indices]]:
    """The cells' centres (cell, component), and for each level but the top (cluster,) its parent above.

    Args:
        scores: (pixel, component); rows with NaN are not used.
        levels: number of clusters of each, from the cells up.
        seed: of the starts.
        check_stop: is called between levels; an error that it raises ends the work.

    Raises:
        DataError: fewer pixels with scores than cells.
    """
    valid = scores[~np.isnan(scores).any(axis=1)]
    if len(valid) < levels[0]:
        raise DataError(
            f"{len(valid)} of {len(scores)} pixels have scores: wanted at least levels, {levels[0]}"
        )
    centres, groups = [valid], []
    for level in levels:
        check_stop()
        with threadpool_limits(1):  # threads add up in any order
            means = KMeans(level, n_init=1, max_iter=ITERATIONS, random_state=seed)
            groups.append(means.fit_predict(centres[-1]).astype(np.int64))
        centres.append(means.cluster_centers_)
    return centres[1], groups[1:]


def nearest(x: NDArray[np.floating], centres: NDArray[np.floating]) -> Indices:
    """(row,) index of the nearest centre (centre, component); -1 where a row of x has NaN."""
    index = np.full(len(x), -1, np.int64)
    centres = centres.astype(np.float64)
    square = (centres**2).sum(axis=1)
    for start in range(0, len(x), ROWS):
        # |x - c|^2 without |x|^2, which is the same for all centres
        distance = square - 2 * x[start : start + ROWS].astype(np.float64) @ centres.T
        is_valid = ~np.isnan(distance).any(axis=1)
        index[start : start + ROWS][is_valid] = distance[is_valid].argmin(axis=1)
    return index


def counts(size: Indices, minimum: Indices, parents: Sequence[Indices], n: int) -> Indices:
    """(cell,) how many of `n` pixels to draw from each, balanced at every level.

    Args:
        size: (cell,) number of pixels.
        minimum: (cell,) the least that is drawn.
        parents: for each level but the top, (cluster,) its parent above.
        n: pixels to draw; if it exceeds their number, all are drawn.

    Raises:
        ConfigError: fewer than the sum of `minimum`.
    """
    equal = np.ones(len(size))
    if not parents:
        return allocate(equal, size, minimum, n)
    above = int(parents[0].max()) + 1
    above_size, above_minimum = (
        np.bincount(parents[0], weights, above).astype(np.int64) for weights in (size, minimum)
    )
    result = np.zeros(len(size), np.int64)
    for parent, part in enumerate(counts(above_size, above_minimum, parents[1:], n).tolist()):
        children = parents[0] == parent
        result[children] = allocate(equal[children], size[children], minimum[children], part)
    return result
