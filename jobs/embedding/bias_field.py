"""The bias field of a land: what lies smoothly over its scores, whatever land is below. Pure.

Haze, latitude and elevation change slowly over the land, and add to the scores of all that lies below. So two
pixels of the same land cover that lie far apart have different scores. The *bias field* is what is added: at
every pixel the mean of how the pixels around differ from others of their kind. Kinds are clusters of pixels,
and pixels around are weighted by a Gaussian of standard deviation `LENGTH`. Scores less the field are of the
land alone.

Clusters and field are found in turns: clusters of the scores less the field, the field of the scores less
the means of their clusters. At first all pixels are of one cluster.
Source: Wells, Grimson, Kikinis and Jolesz, "Adaptive segmentation of MRI data", IEEE Transactions on Medical
Imaging 15 (1996), who find tissues and the bias of a magnet so; here a pixel is of one cluster, not of many
by shares.

Sums are kept of cells of `CELL` x `CELL` pixels, and the field is the same for all pixels of a cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from sklearn.cluster import KMeans

from jobs.runs.settings import check
from lake.format.arrays import AnyFloats, Floats, Indices, Integers, Singles

REMOVED, KEPT = "removed", "kept"
BIAS_FIELDS = (REMOVED, KEPT)
"""Taken off the scores where the linear part is filtered, or not at all."""
CELL, LENGTH = 2, 3.0
"""Rows and columns of a cell, and standard deviation of the Gaussian; pixels."""
FEW = 10
"""The field of a pixel is the smaller the fewer pixels lie around it: half with so many."""
CLUSTERS, STARTS, FITTED = 64, 2, 50_000
"""Clusters; starts of k-means; pixels that clusters are found by at most, all others join the nearest."""
ROUNDS = 8
"""Turns of clusters and field; then, once the clusters are found, of their means and the field."""
NO_CLUSTER = -1
_PRIOR = FEW * CELL**2 / (4 * np.pi * LENGTH**2)
"""`FEW` pixels as a weighted mean number of pixels in a cell."""


def resolve(bias_field: str, linear_part: str, filtered: Sequence[str]) -> str:
    """Whether the field is removed: as it is asked for, else beside a linear part that may be filtered.

    Args:
        bias_field: as it was asked for.
        linear_part: of a resolved recipe.
        filtered: the linear parts that are filtered, or may be.

    Raises:
        ConfigError: it is asked for beside another linear part.
    """
    fits = linear_part in filtered
    check(
        f"bias_field=removed needs linear_part={' or '.join(filtered)}",
        linear_part,
        holds=fits or bias_field != REMOVED,
    )
    return REMOVED if fits and not bias_field else bias_field


@dataclass(frozen=True, slots=True, eq=False)
class FieldCells:
    """The cells of a land that hold pixels, numbered in the order of the pixels."""

    number: NDArray[np.int64]
    """(cell row, cell column) the number of each cell; below 0: it holds no pixel."""
    of_pixel: Indices
    """(P,) number of the cell of each pixel."""

    @classmethod
    def of(cls, row: Integers, column: Integers) -> Self:
        """The cells of pixels at these places of the grid, (P,) each."""
        down, right = ((place - place.min()) // CELL for place in (row, column))
        shape = int(down.max()) + 1, int(right.max()) + 1
        flat = np.ravel_multi_index((down, right), shape)
        cells, first, cell = np.unique(flat, return_index=True, return_inverse=True)
        rank = np.empty(len(cells), np.int64)
        rank[np.argsort(first)] = np.arange(len(cells))
        number = np.full(shape, -1)
        number.flat[cells] = rank
        return cls(number, rank[cell])

    @property
    def count(self) -> int:
        """The number of cells."""
        return int(self.number.max()) + 1

    def smoothed(self, sums: Singles) -> Singles:
        """(cell, k) each cell's sums (cell, k) and those of the cells around, weighted by distance."""
        is_cell = self.number >= 0
        order = self.number[is_cell]
        smooth = np.empty_like(sums)
        for column in range(sums.shape[1]):
            grid = np.zeros(self.number.shape, np.float32)
            grid[is_cell] = sums[order, column]
            gaussian_filter(grid, LENGTH / CELL, output=grid, mode="constant", truncate=3)
            smooth[order, column] = grid[is_cell]
        return smooth


@dataclass(frozen=True, slots=True, eq=False)
class FieldSums:
    """Sums over pixels that have scores and a cluster."""

    by_cell: Singles
    """(cell, input) of the scores."""
    by_cluster: Floats
    """(cluster, input) of the scores."""
    members: Singles
    """(cell, cluster) the number of pixels."""

    @classmethod
    def zeros(cls, cells: int, inputs: int, clusters: int) -> Self:
        """Sums of no pixel."""
        by_cell, members = (np.zeros((cells, count), np.float32) for count in (inputs, clusters))
        return cls(by_cell, np.zeros((clusters, inputs)), members)

    def add(self, x: AnyFloats, cluster: Integers, cell: Indices) -> None:
        """Add pixels; those without a score or a cluster count for nothing.

        Args:
            x: (p, input) scores; NaN in the rows of pixels without.
            cluster: (p,) of each; below 0: none.
            cell: (p,) of each.
        """
        known = np.flatnonzero(np.isfinite(x).all(axis=1) & (cluster >= 0))
        x, cluster, cell = x[known], cluster[known], cell[known]
        touched, position = np.unique(cell, return_inverse=True)
        self.by_cell[touched] += _sums(x, position, len(touched))
        self.by_cluster[:] += _sums(x.astype(np.float64), cluster, len(self.by_cluster))
        np.add.at(self.members, (cell, cluster), 1)

    def means(self, field: AnyFloats) -> Floats:
        """(cluster, input) mean scores less the field (cell, input); 0 for a cluster without pixels."""
        pixels = np.maximum(self.members.sum(axis=0, dtype=np.float64), 1)
        means: Floats = (self.by_cluster - self.members.T @ field) / pixels[:, None]
        return means

    def field(self, cells: FieldCells, means: AnyFloats) -> Singles:
        """(cell, input) the bias field, by the means (cluster, input) of the clusters."""
        rest = self.by_cell - self.members @ means.astype(np.float32)
        pixels = cells.smoothed(self.members.sum(axis=1, keepdims=True))
        field: Singles = cells.smoothed(rest) / (pixels + np.float32(_PRIOR))
        return field


def cluster_means(sums: FieldSums, cells: FieldCells) -> Floats:
    """(cluster, input) mean scores of the clusters less the field, found in turns with it."""
    means = sums.means(np.zeros_like(sums.by_cell))
    for _ in range(ROUNDS):
        means = sums.means(sums.field(cells, means))
    return means


def clusters(
    first: Singles, second: Singles, cells: FieldCells, cell: Indices, seed: int
) -> Integers:
    """(p,) the cluster of each pixel, found in turns with the field.

    Args:
        first: (p, d) the linear part of the pixels in the first view, of any length; without NaN.
        second: (p, d) in the second view.
        cells: of the land.
        cell: (p,) of each pixel.
        seed: of k-means, and of the pixels that it sees.
    """
    seen = np.sort(np.random.default_rng(seed).permutation(len(first))[:FITTED])
    count = min(CLUSTERS, len(seen))
    views, cluster = (first, second), np.zeros(len(first), np.int64)
    fields = [np.zeros((cells.count, first.shape[1]), np.float32)] * 2
    fields = _fields(views, cluster, cells, cell, fields)
    for _ in range(ROUNDS):
        land = first + second - (fields[0] + fields[1])[cell]
        land /= np.maximum(np.linalg.norm(land, axis=1, keepdims=True), np.finfo(np.float32).tiny)
        fitted = KMeans(count, n_init=STARTS, random_state=seed).fit(land[seen])
        cluster = fitted.predict(land)
        fields = _fields(views, cluster, cells, cell, fields)
    return cluster


def _fields(
    views: Sequence[Singles],
    cluster: Integers,
    cells: FieldCells,
    cell: Indices,
    before: Sequence[Singles],
) -> list[Singles]:
    """(cell, d) the field of each view, by the means that the clusters have less the fields before."""
    fields = []
    for view, field in zip(views, before, strict=True):
        sums = FieldSums.zeros(cells.count, view.shape[1], int(cluster.max()) + 1)
        sums.add(view, cluster, cell)
        fields.append(sums.field(cells, sums.means(field)))
    return fields


def _sums(x: AnyFloats, group: Integers, count: int) -> NDArray[np.floating]:
    """(group, k) sums of the rows (p, k) of each group."""
    ones = np.ones(len(group), x.dtype)
    matrix = csr_array((ones, (group, np.arange(len(group)))), shape=(count, len(group)))
    sums: NDArray[np.floating] = matrix @ x
    return sums
