"""A hierarchy of clusters, and a sample that is balanced over it from the top down.

k-means of the scores gives cells, k-means of the cells' centres clusters of cells, and so on. A sample
is shared equally among the clusters of the top, each share among the clusters below, down to the
cells, where pixels are drawn at random; what is too small for its share is taken whole, and every
cell gives at least one, so that all that can be drawn has a probability above 0. Rare land is drawn
as often as common land, where random pixels would show the common alone.
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
"""Whose distances are held at a time."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """What the sample is balanced over."""

    scores: str = ""
    """A run that has `scores`: of `lake pca`."""
    levels: tuple[int, ...] = (2000, 200, 20)
    """Clusters of each level, from the cells up."""
    fit: int = 100_000
    """Pixels, drawn at random, that the cells are found from."""

    def __post_init__(self) -> None:
        falling = all(a > b for a, b in zip(self.levels, self.levels[1:], strict=False))
        fine = bool(self.levels) and falling and min(self.levels) > 0
        check("levels must fall, from the cells up, and be above 0", self.levels, holds=fine)
        check("fit must be at least levels", self.fit, holds=self.fit >= max(self.levels))


def fit(
    scores: Singles, levels: Sequence[int], seed: int, look: Callable[[], None]
) -> tuple[Singles, list[Indices]]:
    """The cells' centres (cell, component), and for each level but the top (cluster,) its parent above.

    Args:
        scores: (pixel, component); rows with NaN are left out.
        levels: clusters of each, from the cells up.
        seed: of the starts.
        look: is called between levels; what it raises ends the work.

    Raises:
        DataError: fewer pixels with scores than cells.
    """
    there = scores[~np.isnan(scores).any(axis=1)]
    if len(there) < levels[0]:
        raise DataError(
            f"{len(there)} of {len(scores)} pixels have scores: wanted at least levels, {levels[0]}"
        )
    centres, groups = [there], []
    for level in levels:
        look()
        with threadpool_limits(1):  # threads add up in any order
            means = KMeans(level, n_init=1, max_iter=ITERATIONS, random_state=seed)
            groups.append(means.fit_predict(centres[-1]).astype(np.int64))
        centres.append(means.cluster_centers_)
    return centres[1], groups[1:]


def nearest(x: NDArray[np.floating], centres: NDArray[np.floating]) -> Indices:
    """(row,) index of the nearest centre (centre, component); -1 where a row of x has NaN."""
    found = np.full(len(x), -1, np.int64)
    middle = centres.astype(np.float64)
    square = (middle**2).sum(axis=1)
    for start in range(0, len(x), ROWS):
        # |x - c|^2 without |x|^2, which is the same for all centres
        distance = square - 2 * x[start : start + ROWS].astype(np.float64) @ middle.T
        there = ~np.isnan(distance).any(axis=1)
        found[start : start + ROWS][there] = distance[there].argmin(axis=1)
    return found


def counts(size: Indices, least: Indices, parents: Sequence[Indices], n: int) -> Indices:
    """(cell,) how many of `n` pixels to draw from each, balanced at every level.

    Args:
        size: (cell,) pixels.
        least: (cell,) the least that is drawn.
        parents: for each level but the top, (cluster,) its parent above.
        n: pixels; more than there are: all.

    Raises:
        ConfigError: fewer than the sum of `least`.
    """
    equal = np.ones(len(size))
    if not parents:
        return allocate(equal, size, least, n)
    above = int(parents[0].max()) + 1
    room, need = (np.bincount(parents[0], of, above).astype(np.int64) for of in (size, least))
    found = np.zeros(len(size), np.int64)
    for parent, share in enumerate(counts(room, need, parents[1:], n).tolist()):
        of = parents[0] == parent
        found[of] = allocate(equal[of], size[of], least[of], share)
    return found
