"""How well what the jobs found agrees with classes that are known.

Classes and clusters are whole numbers of each pixel, negative: none; such pixels do not count.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier

Whole = NDArray[np.integer]
Floats = NDArray[np.floating]


def adjusted_rand(classes: Whole, clusters: Whole) -> float:
    """Agreement of two partitions: 1 the same, 0 as by chance.

    Source: Hubert and Arabie, "Comparing partitions", Journal of Classification 2 (1985).
    """
    known = (classes >= 0) & (clusters >= 0)
    return float(adjusted_rand_score(classes[known], clusters[known]))


def overlap(classes: Whole, clusters: Whole, shape: tuple[int, int]) -> NDArray[np.int64]:
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


def neighbours(
    vectors: Floats, classes: Whole, training: NDArray[np.bool_], *, k: int, most: int, seed: int
) -> float:
    """Share of the pixels held out whose class the `k` nearest training pixels' majority tells.

    Args:
        vectors: (P, d); a pixel with a NaN does not count.
        classes: (P,)
        training: (P,) True: a neighbour; False: held out.
        k: neighbours.
        most: pixels drawn at most of each side, by `seed`.
        seed: of the draw.
    """
    known = (classes >= 0) & np.isfinite(vectors).all(axis=1)
    random = np.random.default_rng(seed)
    train, test = (
        random.permutation(np.flatnonzero(known & side))[:most] for side in (training, ~training)
    )
    model = KNeighborsClassifier(k).fit(vectors[train], classes[train])
    return float((model.predict(vectors[test]) == classes[test]).mean())


def checkerboard(row: Whole, column: Whole, size: int) -> NDArray[np.bool_]:
    """(P,) True on every other square of `size` x `size` pixels: neighbours in space stay together."""
    black: NDArray[np.bool_] = (row // size + column // size) % 2 == 0
    return black
