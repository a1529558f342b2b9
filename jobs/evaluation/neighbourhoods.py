"""Whether pixels that are similar in one space are similar in another, by their nearest neighbours.

Spaces are (P, d) without NaN, rows of one pixel at the same place in both. Work and memory grow with
the square of P: give a few thousand pixels.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness as _trustworthiness
from sklearn.neighbors import NearestNeighbors

from lake.format.arrays import AnyFloats


def trustworthiness(reference: AnyFloats, vectors: AnyFloats, k: int) -> float:
    """1: the `k` neighbours among the vectors are neighbours in the reference; 0: they are the farthest.

    Source: Venna and Kaski, "Neighborhood preservation in nonlinear projection methods: an
    experimental study", ICANN (2001), equation 1.
    """
    return float(_trustworthiness(reference, vectors, n_neighbors=k))


def continuity(reference: AnyFloats, vectors: AnyFloats, k: int) -> float:
    """1: the `k` neighbours in the reference are neighbours among the vectors; 0: the farthest."""
    return trustworthiness(vectors, reference, k)


def overlap(reference: AnyFloats, vectors: AnyFloats, k: int) -> float:
    """Share of the `k` nearest neighbours in the reference that are so among the vectors too."""
    sides = [_nearest(space, k) for space in (reference, vectors)]
    shared = sum(np.intersect1d(a, b).size for a, b in zip(*sides, strict=True))
    return shared / (k * len(reference))


def _nearest(space: AnyFloats, k: int) -> NDArray[np.int64]:
    """(P, k) the nearest other pixels of each pixel."""
    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(space)
    return np.asarray(index.kneighbors(return_distance=False))
