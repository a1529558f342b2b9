"""How vectors fill their space: reported beside other measures, but it ranks no methods.

A whitened PCA fills its space best of all, and predicts classes badly. Vectors are (P, d) without NaN.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from lake.format.arrays import AnyFloats


def alignment(first: AnyFloats, second: AnyFloats) -> float:
    """Mean squared distance of two views of a pixel on the unit sphere; 0: the same.

    Source: Wang and Isola, "Understanding contrastive representation learning through alignment and
    uniformity on the hypersphere", ICML (2020), `align_loss` with alpha 2.
    """
    return float(((_on_sphere(first) - _on_sphere(second)) ** 2).sum(axis=1).mean())


def uniformity(vectors: AnyFloats) -> float:
    """Logarithm of the mean Gaussian potential of all pairs on the unit sphere; low: they fill it.

    Source: as above, `uniform_loss` with t 2.
    """
    return float(np.log(np.exp(-2 * pdist(_on_sphere(vectors), "sqeuclidean")).mean()))


def rankme(vectors: AnyFloats) -> float:
    """The number of dimensions that the vectors use, 1 to d.

    Source: Garrido, Balestriero, Najman and LeCun, "RankMe: assessing the downstream performance of
    pretrained self-supervised representations by their rank", ICML (2023), equation 1.
    """
    values = np.linalg.svd(vectors.astype(np.float64), compute_uv=False)
    share = values / values.sum() + 1e-7
    return float(np.exp(-(share * np.log(share)).sum()))


def _on_sphere(vectors: AnyFloats) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: NDArray[np.float64] = vectors / np.maximum(length, np.finfo(np.float64).tiny)
    return directions
