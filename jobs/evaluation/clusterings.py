"""How well clusters agree with known classes.

Classes and clusters are whole numbers, one for each pixel. Negative: the pixel has none, and is left out.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

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
