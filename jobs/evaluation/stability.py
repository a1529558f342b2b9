"""Two vectors of each pixel, from two periods: is it told again, does it stay where it is?

Vectors are (P, d) without NaN, rows of one pixel at the same place in both; classes (P,) from 0.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from lake.format.arrays import AnyFloats, Integers


def retrieval(one: AnyFloats, other: AnyFloats) -> float:
    """Share of the pixels whose nearest vector of the other period is their own (retrieval@1)."""
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(other)
    found = index.kneighbors(one, return_distance=False)[:, 0]
    return float((found == np.arange(len(one))).mean())


def moved(one: AnyFloats, other: AnyFloats) -> float:
    """Root mean square distance of pixels to themselves over that to other pixels, in two periods.

    0: nothing moves; 1: a pixel is no nearer to itself than to any other.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    own = ((a - b) ** 2).sum(axis=1).mean()
    any_pair = (a**2).sum(axis=1).mean() + (b**2).sum(axis=1).mean() - 2 * a.mean(0) @ b.mean(0)
    n = len(a)
    others = (any_pair * n - own) / (n - 1)  # pairs of a pixel with itself left out
    return float(np.sqrt(own / others))


def against_classes(one: AnyFloats, other: AnyFloats, classes: Integers) -> float:
    """Root mean square distance of pixels to themselves over that between the classes' centres.

    The centres are of both periods; a pair of classes counts once, however large they are. Low is
    good: land stays in its class, which lies apart from others.
    """
    centres = _centres(one, other, classes)
    k = len(centres)
    spread = 2 * k / (k - 1) * ((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean()
    own = ((one.astype(np.float64) - other) ** 2).sum(axis=1).mean()
    return float(np.sqrt(own / spread))


def of_classes(
    one: AnyFloats, other: AnyFloats, classes: Integers, count: int
) -> NDArray[np.float64]:
    """(class,) root mean square distance to themselves over the distance to the nearest other centre.

    NaN: no pixel of the class.

    Args:
        one: (P, d)
        other: (P, d)
        classes: (P,)
        count: of classes.
    """
    centres = _centres(one, other, classes)
    there = np.unique(classes)
    apart = ((centres[:, None] - centres) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    own = ((one.astype(np.float64) - other) ** 2).sum(axis=1)
    mean = np.bincount(classes, own, count)[there] / np.bincount(classes, minlength=count)[there]
    found = np.full(count, np.nan)
    found[there] = np.sqrt(mean / apart.min(axis=1))
    return found


def _centres(one: AnyFloats, other: AnyFloats, classes: Integers) -> NDArray[np.float64]:
    """(class, d) of the classes that have pixels."""
    both = (one.astype(np.float64) + other) / 2
    return np.stack([both[classes == of].mean(axis=0) for of in np.unique(classes)])
