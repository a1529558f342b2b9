"""Ways to group vectors, by name. Each is fitted on some vectors, and then tells the cluster of any. Pure.

Every way ends in points that vectors are compared with, and the cluster of each point: see `Partition`,
which is arrays alone, so that tasks can store it. Clusters are numbered by falling size. Adding a way is a
function and an entry of `METHODS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans, MiniBatchKMeans, kmeans_plusplus
from sklearn.mixture import GaussianMixture

from jobs.sampling.hierarchy import nearest
from lake.errors import DataError
from lake.format.arrays import AnyFloats, Floats, Indices

ITERATIONS = 100
RIDGE = 1e-4
"""Added to the variances of `mixture`, as a share of the mean variance of the vectors."""
ROWS = 4096
"""Vectors whose likelihoods are in memory at a time."""


class NoClusterError(DataError):
    """A method finds no cluster in the vectors."""


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Clusters that were fitted."""

    centres: Floats
    """(cluster, d) means of the vectors of each."""
    sizes: Indices
    """(cluster,) number of vectors of each that they were fitted on."""
    points: Floats
    """(point, d) a vector is of the cluster of the nearest point, or of the likeliest."""
    owners: Indices
    """(point,) cluster of each point."""
    is_cosine: bool
    """Whether vectors are compared by direction alone."""
    whiten: Floats
    """(point, d, d) `(x - point) @ whiten` has unit covariance; none but of a mixture."""
    offset: Floats
    """(point,) log weight and log determinant of each part of a mixture."""

    def labels(self, vectors: AnyFloats) -> Indices:
        """(P,) cluster of each of vectors (P, d); -1 where a vector has NaN."""
        if self.whiten.size:
            return _likeliest(vectors, self)
        points = nearest(_directions(vectors) if self.is_cosine else vectors, self.points)
        return np.where(points >= 0, self.owners[points], -1)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to group vectors."""

    fit: Callable[[Floats, int, int, int], Partition]
    """`fit(vectors, count, starts, seed)`: of vectors (P, d) without NaN, in `count` clusters, the best of
    so many random starts."""
    help: str
    """One line for people."""
    counts_itself: bool = False
    """Whether the number of clusters follows from the vectors; `count` is then the smallest cluster."""


def fit(vectors: AnyFloats, method: str, count: int, starts: int, seed: int) -> Partition:
    """Clusters of vectors (P, d); those with NaN are left out.

    Raises:
        DataError: fewer vectors than clusters.
        NoClusterError: there is none.
    """
    known = vectors[~np.isnan(vectors).any(axis=1)].astype(np.float64)
    if len(known) < count:
        raise DataError(
            f"{len(known)} pixels to fit clusters on have a vector: wanted at least {count}"
        )
    return METHODS[method].fit(known, count, starts, seed)


def _kmeans(
    vectors: Floats,
    count: int,
    starts: int,
    seed: int,
    kind: type[KMeans | MiniBatchKMeans] = KMeans,
) -> Partition:
    model = kind(count, n_init=starts, random_state=seed).fit(vectors)
    return _numbered(vectors, np.asarray(model.labels_), np.asarray(model.cluster_centers_))


def _spherical(vectors: Floats, count: int, starts: int, seed: int) -> Partition:
    """Clusters of directions, whose centres have length 1.

    Source: Dhillon and Modha, "Concept decompositions for large sparse text data using clustering",
    Machine Learning 42 (2001).
    """
    directions = _directions(vectors)
    random = np.random.RandomState(seed)
    best, best_sum = np.empty(0, np.int64), -np.inf
    centres = np.empty((0, vectors.shape[1]))
    for _ in range(starts):
        found, labels = _concepts(directions, count, random)
        likeness = float((directions * found[labels]).sum())
        if likeness > best_sum:
            best, best_sum, centres = labels, likeness, found
    return _numbered(vectors, best, centres, is_cosine=True)


def _concepts(
    directions: Floats, count: int, random: np.random.RandomState
) -> tuple[Floats, Indices]:
    """Centres (cluster, d) of length 1, and the cluster of each of directions (P, d)."""
    centres, _ = kmeans_plusplus(directions, count, random_state=random)
    labels = np.full(len(directions), -1)
    for _ in range(ITERATIONS):
        closest = (directions @ centres.T).argmax(axis=1)
        if np.array_equal(closest, labels):
            break
        labels = closest
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, directions)
        is_empty = ~sums.any(axis=1)
        centres = _directions(np.where(is_empty[:, None], centres, sums))
    return centres, labels


def _mixture(vectors: Floats, count: int, starts: int, seed: int) -> Partition:
    ridge = RIDGE * float(vectors.var(axis=0).mean())
    model = GaussianMixture(
        count,
        n_init=starts,
        random_state=seed,
        reg_covar=max(ridge, 1e-12),
        init_params="k-means++",
    ).fit(vectors)
    whiten = np.asarray(model.precisions_cholesky_)
    log_volume = np.log(np.diagonal(whiten, axis1=1, axis2=2)).sum(axis=1)
    labels, points = np.asarray(model.predict(vectors)), np.asarray(model.means_)
    return _numbered(
        vectors, labels, points, whiten=whiten, offset=np.log(model.weights_) + log_volume
    )


def _hdbscan(vectors: Floats, count: int, starts: int, seed: int) -> Partition:  # noqa: ARG001
    labels = np.asarray(HDBSCAN(min_cluster_size=max(count, 2), copy=True).fit_predict(vectors))
    if not (labels >= 0).any():
        raise NoClusterError(
            f"HDBSCAN finds no cluster of {count} or more among {len(vectors)} pixels: set a smaller "
            "'smallest', or another method"
        )
    inside = labels >= 0
    return _numbered(vectors[inside], labels[inside], vectors[inside], labels[inside])


METHODS = {
    "kmeans": Method(_kmeans, "k-means: the nearest of `k` centres"),
    "minibatch": Method(
        partial(_kmeans, kind=MiniBatchKMeans), "k-means by batches, for more pixels (`fitted_on`)"
    ),
    "spherical": Method(_spherical, "k-means of directions: lengths of vectors do not count"),
    "mixture": Method(_mixture, "a mixture of `k` normal distributions, each with its covariance"),
    "hdbscan": Method(
        _hdbscan,
        "dense groups of `smallest` pixels or more, as many as there are; all others join the nearest",
        counts_itself=True,
    ),
}


def _numbered(
    vectors: Floats,
    labels: Indices,
    points: Floats,
    owners: Indices | None = None,
    *,
    is_cosine: bool = False,
    whiten: Floats | None = None,
    offset: Floats | None = None,
) -> Partition:
    """The partition with its clusters numbered by falling size; one point is of one cluster by default."""
    owners = np.arange(len(points)) if owners is None else owners
    size = np.bincount(labels, minlength=int(owners.max()) + 1)
    by_size = np.argsort(-size, kind="stable")
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(len(by_size))
    sums = np.zeros((len(size), vectors.shape[1]))
    np.add.at(sums, rank[labels], vectors)
    sizes = size[by_size]
    return Partition(
        sums / np.maximum(sizes, 1)[:, None],
        sizes,
        points,
        rank[owners],
        is_cosine,
        np.empty((0, 0, 0)) if whiten is None else whiten,
        np.zeros(len(points)) if offset is None else offset,
    )


def _likeliest(vectors: AnyFloats, partition: Partition) -> Indices:
    """(P,) cluster of the part of a mixture that most likely gave each vector; -1 where it has NaN."""
    labels = np.full(len(vectors), -1, np.int64)
    for start in range(0, len(vectors), ROWS):
        x = vectors[start : start + ROWS].astype(np.float64)
        log_likelihood = np.stack(
            [
                offset - (((x - point) @ whiten) ** 2).sum(axis=1) / 2
                for point, whiten, offset in zip(
                    partition.points, partition.whiten, partition.offset, strict=True
                )
            ],
            axis=1,
        )
        is_known = ~np.isnan(log_likelihood).any(axis=1)
        best = log_likelihood[is_known].argmax(axis=1)
        labels[start : start + ROWS][is_known] = partition.owners[best]
    return labels


def _directions(vectors: AnyFloats) -> Floats:
    """(P, d) vectors of length 1; those of length 0 stay."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))
