"""How well clusters agree with classes that are known.

Classes and clusters are whole numbers of each pixel, negative: none; such pixels do not count.
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
    known = (classes >= 0) & (clusters >= 0)
    return float(adjusted_rand_score(classes[known], clusters[known]))


def mutual_information(classes: Integers, clusters: Integers) -> float:
    """What two partitions tell of each other over the mean of what each tells: 1 the same, 0 nothing.

    Source: Strehl and Ghosh, "Cluster ensembles", Journal of Machine Learning Research 3 (2002),
    with the arithmetic mean of the entropies.
    """
    known = (classes >= 0) & (clusters >= 0)
    return float(normalized_mutual_info_score(classes[known], clusters[known]))


def clusters(vectors: AnyFloats, count: int, seed: int) -> Integers:
    """(P,) the cluster of each of vectors (P, d), by k-means of `count` centres, one start."""
    return np.asarray(KMeans(count, n_init=1, random_state=seed).fit_predict(vectors))


def overlap(classes: Integers, clusters: Integers, shape: tuple[int, int]) -> NDArray[np.int64]:
    """(class, cluster) pixels that each pair shares; `shape` says how many there are of both."""
    known = (classes >= 0) & (clusters >= 0)
    pairs = np.ravel_multi_index((classes[known], clusters[known]), shape)
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)


def partners(shared: NDArray[np.int64]) -> NDArray[np.int64]:
    """(class,) the cluster that stands for each class, one to one, the largest overlaps first.

    Args:
        shared: (class, cluster) pixels that each pair shares.

    Returns:
        Classes that are left over have the numbers that follow those of the clusters.
    """
    found = np.full(shared.shape[0], -1)
    left = shared.copy()
    for _ in range(min(shared.shape)):
        row, column = np.unravel_index(left.argmax(), left.shape)
        found[row] = column
        left[row], left[:, column] = -1, -1
    lacking = np.flatnonzero(found < 0)
    found[lacking] = shared.shape[1] + np.arange(lacking.size)
    return found
