"""How far the vectors of pixels move between two periods, and whether each still finds its own.

Vectors are (P, d) without NaN, rows of one pixel at the same place in both; classes (P,) from 0.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from lake.format.arrays import AnyFloats, Integers


def retrieval(first: AnyFloats, second: AnyFloats) -> float:
    """Share of the pixels whose nearest vector of the other period is their own (retrieval@1)."""
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(second)
    nearest = index.kneighbors(first, return_distance=False)[:, 0]
    return float((nearest == np.arange(len(first))).mean())


def against_classes(first: AnyFloats, second: AnyFloats, classes: Integers) -> float:
    """Root mean square distance of pixels to themselves over that between the classes' centres.

    The centres are of both periods; a pair of classes counts once, however large they are. Low is
    good: land stays in its class, which lies apart from others.
    """
    centres = _centres(first, second, classes)
    k = len(centres)
    spread = 2 * k / (k - 1) * ((centres - centres.mean(axis=0)) ** 2).sum(axis=1).mean()
    own = ((first.astype(np.float64) - second) ** 2).sum(axis=1).mean()
    return float(np.sqrt(own / spread))


def by_class(
    first: AnyFloats, second: AnyFloats, classes: Integers, count: int
) -> NDArray[np.float64]:
    """(class,) root mean square distance of its pixels to themselves, over that to the nearest other centre.

    NaN: the class has no pixel.

    Args:
        first: (P, d) vectors of one period.
        second: (P, d) vectors of the other period.
        classes: (P,) class of each pixel.
        count: number of classes.
    """
    centres = _centres(first, second, classes)
    present = np.unique(classes)
    apart = ((centres[:, None] - centres) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    own = ((first.astype(np.float64) - second) ** 2).sum(axis=1)
    mean = (
        np.bincount(classes, own, count)[present] / np.bincount(classes, minlength=count)[present]
    )
    ratios = np.full(count, np.nan)
    ratios[present] = np.sqrt(mean / apart.min(axis=1))
    return ratios


def _centres(first: AnyFloats, second: AnyFloats, classes: Integers) -> NDArray[np.float64]:
    """(class, d) centres of the classes that have pixels."""
    mean = (first.astype(np.float64) + second) / 2
    return np.stack([mean[classes == number].mean(axis=0) for number in np.unique(classes)])
