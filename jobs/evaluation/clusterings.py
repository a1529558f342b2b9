"""How well clusters agree with known classes.

Classes and clusters are whole numbers, one for each pixel. Negative: the pixel has none, and is left out.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
)

from lake.format.arrays import AnyFloats, Integers


def adjusted_rand(classes: Integers, clusters: Integers) -> float:
    """Agreement of two partitions: 1 the same, 0 as by chance.

    Source: Hubert and Arabie, "Comparing partitions", Journal of Classification 2 (1985).
    """
    has_both = (classes >= 0) & (clusters >= 0)
    return float(adjusted_rand_score(classes[has_both], clusters[has_both]))


def mutual_information(classes: Integers, clusters: Integers) -> float:
    """Mutual information of two partitions over the mean of their entropies: 1 the same, 0 independent.

    Source: Strehl and Ghosh, "Cluster ensembles", Journal of Machine Learning Research 3 (2002),
    with the arithmetic mean of the entropies.
    """
    has_both = (classes >= 0) & (clusters >= 0)
    return float(normalized_mutual_info_score(classes[has_both], clusters[has_both]))


def clusters(vectors: AnyFloats, count: int, seed: int) -> Integers:
    """(P,) the cluster of each of vectors (P, d), by k-means of `count` centres, one start."""
    return np.asarray(KMeans(count, n_init=1, random_state=seed).fit_predict(vectors))


def density_clusters(vectors: AnyFloats, smallest: int, neighbours: int) -> Integers:
    """(P,) the cluster of each of vectors (P, d) by HDBSCAN; pixels of no cluster are one of their own.

    Were they left out, vectors of which hardly any lie in a cluster would agree best with the classes.
    Source: Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density
    estimates", PAKDD (2013).

    Args:
        vectors: (P, d) some thousand, since all distances are computed.
        smallest: number of pixels of the smallest cluster.
        neighbours: number of neighbours whose distance is a pixel's density, itself included.
    """
    model = HDBSCAN(min_cluster_size=smallest, min_samples=neighbours, copy=True)
    return np.asarray(model.fit_predict(vectors)) + 1


def agreement(first: AnyFloats, second: AnyFloats, count: int, seed: int) -> float:
    """Agreement of the clusters of two periods of pixels, which needs no classes: 1 the same, 0 by chance.

    The centres are those of k-means in the first period; in either period a pixel is of the nearest one.
    Fields that persist agree with themselves: high agreement does not say that clusters are classes.
    Source: adjusted mutual information, Vinh, Epps and Bailey, JMLR 11 (2010), arithmetic mean.

    Args:
        first: (P, d) vectors of one period.
        second: (P, d) vectors of the same pixels in the other period.
        count: number of clusters.
        seed: starts k-means.
    """
    model = KMeans(count, n_init=1, random_state=seed).fit(first)
    other = model.predict(np.ascontiguousarray(second, first.dtype))
    return float(adjusted_mutual_info_score(model.labels_, other))


def overlap(classes: Integers, clusters: Integers, shape: tuple[int, int]) -> NDArray[np.int64]:
    """(class, cluster) number of pixels that each pair shares; `shape`: the numbers of both."""
    has_both = (classes >= 0) & (clusters >= 0)
    pairs = np.ravel_multi_index((classes[has_both], clusters[has_both]), shape)
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)


def partners(shared: NDArray[np.int64]) -> NDArray[np.int64]:
    """(class,) the cluster that stands for each class, one to one, the largest overlaps first.

    Args:
        shared: (class, cluster) number of pixels that each pair shares.

    Returns:
        Classes without a cluster have the numbers that follow those of the clusters.
    """
    matches = np.full(shared.shape[0], -1)
    remaining = shared.copy()
    for _ in range(min(shared.shape)):
        row, column = np.unravel_index(remaining.argmax(), remaining.shape)
        matches[row] = column
        remaining[row], remaining[:, column] = -1, -1
    unmatched = np.flatnonzero(matches < 0)
    matches[unmatched] = shared.shape[1] + np.arange(unmatched.size)
    return matches
