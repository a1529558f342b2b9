"""The bias field by its formula, pixel by pixel in float64: the oracle of `jobs.embedding.bias_field`."""

import numpy as np

LENGTH, REACH = 1.5, 5  # of the Gaussian and its end, cells
HALF = 10 / (9 * np.pi)  # of ten pixels, as weights of cells are normalised


def kernel(distance):
    """Weights along one axis at whole numbers of cells; all of them together are 1."""
    cells = np.arange(-REACH, REACH + 1)
    total = np.exp(-(cells**2) / (2 * LENGTH**2)).sum()
    weight = np.exp(-(distance**2) / (2 * LENGTH**2)) / total
    return np.where(np.abs(distance) <= REACH, weight, 0)


def field(x, cluster, means, row, column):
    """(P, k) the field of scores (P, k), by clusters (P,) and their means (cluster, k).

    Pixels without scores or without a cluster are left out of the sums.
    """
    known = np.isfinite(x).all(axis=1) & (cluster >= 0)
    rest = np.where(known[:, None], x.astype(np.float64) - means[np.maximum(cluster, 0)], 0)
    down, right = ((place - place.min()) // 2 for place in (row, column))
    weight = kernel(down[:, None] - down) * kernel(right[:, None] - right) * known
    return weight @ rest / (weight.sum(axis=1, keepdims=True) + HALF)
