"""Whether a map of the vectors is calm: pixels of one class that touch have similar vectors.

Only pixels of one class are compared, so that large patches of land do not count as calm by themselves.
"""

import numpy as np

from lake.format.arrays import AnyFloats, Indices, Integers


def touching(row: Integers, column: Integers, classes: Integers) -> tuple[Indices, Indices]:
    """Positions of all pairs of pixels of one class that share an edge.

    Args:
        row: (P,) row of each pixel; no two pixels have the same place.
        column: (P,) column of each pixel.
        classes: (P,) below 0: no class.
    """
    width = int(column.max(initial=0)) + 2  # a column is left empty, where rows would meet
    place = row.astype(np.int64) * width + column
    order = np.argsort(place)
    firsts, seconds = [], []
    for step in (1, width):
        at = np.minimum(np.searchsorted(place[order], place + step), place.size - 1)
        beside = order[at]
        alike = (place[beside] == place + step) & (classes == classes[beside]) & (classes >= 0)
        firsts.append(np.flatnonzero(alike))
        seconds.append(beside[alike])
    return np.concatenate(firsts), np.concatenate(seconds)


def coherence(first: AnyFloats, second: AnyFloats, vectors: AnyFloats) -> float:
    """1 minus the mean squared distance of touching pixels of one class over that of any two pixels.

    1: a class has one colour wherever it goes on; 0: salt and pepper.

    Args:
        first: (pair, d) vectors of a pixel.
        second: (pair, d) vectors of the pixel that touches it.
        vectors: (P, d) vectors of any pixels.
    """
    apart = ((first.astype(np.float64) - second) ** 2).sum(axis=1).mean()
    return float(1 - apart / (2 * vectors.astype(np.float64).var(axis=0).sum()))
