"""The loss of UMAP on a batch of edges, and the term of densMAP. Pure torch.

Vectors at a squared distance s are near with the probability q = 1 / (1 + a s^b). Ends of an edge should be
near (`attraction`, -log q), other pairs not (`repulsion`, -log (1 - q), over pairs drawn at random). Edges
are drawn by their probability, so the sum of both is an estimate of the cross-entropy of the graph and of its
picture. Source: McInnes, Healy and Melville (2018), section 3.2; with an encoder: Sainburg, McInnes and
Gentner, "Parametric UMAP embeddings for representation and semisupervised learning", Neural Computation 33
(2021).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

ATTRACTED, REPELLED = 1e-6, 1e-3
"""What is added to squared distances, so that gradients stay finite; the second is umap-learn's."""
VARIANCE_SHIFT = 0.1
"""Of umap-learn: what is added to the variance of the radii."""
EPSILON = 1e-8


def attraction(squares: Tensor, a: float, b: float) -> Tensor:
    """Mean of -log q of squared distances (n,)."""
    return functional.softplus(_log_odds(squares + ATTRACTED, a, b)).mean()


def repulsion(squares: Tensor, a: float, b: float) -> Tensor:
    """Mean of -log (1 - q) of squared distances (n,)."""
    return functional.softplus(-_log_odds(squares + REPELLED, a, b)).mean()


def radius(squares: Tensor, weight: Tensor, a: float, b: float) -> Tensor:
    """(n,) logarithms of the mean squared length of the edges of n pixels, weighted by their probability q.

    Args:
        squares: (n, edge) squared lengths.
        weight: (n, edge) above 0 where there is an edge.
        a: of the curve.
        b: of the curve.
    """
    near = torch.sigmoid(-_log_odds(squares + ATTRACTED, a, b)) * (weight > 0)
    total, sums = (near * squares).sum(dim=1), near.sum(dim=1)
    return torch.log(EPSILON + total / sums.clamp_min(EPSILON))


def density(radii: Tensor, reference: Tensor) -> Tensor:
    """Minus the correlation of radii (n,) with those of the vectors (n,): densMAP's term.

    Source: Narayan, Berger and Cho (2021), equation 3, with umap-learn's shift of the variance.
    """
    ours, theirs = radii - radii.mean(), reference - reference.mean()
    covariance = (ours * theirs).mean()
    deviation = (ours.square().mean() + VARIANCE_SHIFT).sqrt()
    return -covariance / (deviation * theirs.square().mean().sqrt().clamp_min(EPSILON))


def _log_odds(squares: Tensor, a: float, b: float) -> Tensor:
    """Logarithm of (1 - q) / q."""
    return math.log(a) + b * torch.log(squares)
