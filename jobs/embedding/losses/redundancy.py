"""Losses by which two views agree, while no dimension collapses and none repeats another."""

import torch
from torch import Tensor
from torch.nn import functional

RIDGE = 1e-3
"""Penalty of the regressions of `blindness`, as a share of the variance of the vectors."""


def vicreg(first: Tensor, second: Tensor) -> Tensor:
    """The sum of invariance, variance and covariance, weighted 25, 25 and 1.

    Source: Bardes, Ponce and LeCun, "VICReg: variance-invariance-covariance regularization for
    self-supervised learning" (2022), eq. 1 to 6; github.com/facebookresearch/vicreg.
    """
    invariance = functional.mse_loss(first, second)
    variance = (_hinge(first) + _hinge(second)) / 2
    off_diagonal = _off_diagonal(_covariance(first)) + _off_diagonal(_covariance(second))
    covariance = off_diagonal / first.shape[1]
    return 25 * invariance + 25 * variance + covariance


def barlow(first: Tensor, second: Tensor) -> Tensor:
    """The distance of the correlation of the two views' dimensions from the identity.

    Source: Zbontar et al., "Barlow twins: self-supervised learning via redundancy reduction" (2021),
    eq. 1, lambda = 0.0051; github.com/facebookresearch/barlowtwins.
    """
    correlation = _standard(first).T @ _standard(second) / len(first)  # (latent, latent)
    same = (correlation.diagonal() - 1).square().sum()
    return same + 0.0051 * _off_diagonal(correlation)


def decorrelation(vectors: Tensor) -> Tensor:
    """Mean over the dimensions of the summed squares of their correlations with all others.

    Source: Cogswell et al., "Reducing overfitting in deep networks by decorrelating
    representations" (2016), with correlations for covariances, so that no scale helps.
    """
    z = _standard(vectors)
    return _off_diagonal(z.T @ z / len(z)) / vectors.shape[1]


def blindness(vectors: Tensor, conditions: Tensor) -> Tensor:
    """Share of the variance of conditions (batch, c) that a linear map of vectors (batch, latent) explains.

    0: vectors say nothing of them that is linear; 1: all of it. The mean R^2 of ridge regressions, whose
    penalty is `RIDGE` of the vectors' mean variance. Source: a closed form of the adversary of Ganin et al.,
    "Domain-adversarial training of neural networks" (2016), as Ravfogel et al., "Linear adversarial concept
    erasure" (2022) have it for linear ones.
    """
    z, c = vectors - vectors.mean(dim=0), _standard(conditions)
    gram = z.T @ z
    penalty = RIDGE * gram.diagonal().mean() + 1e-12
    cross = z.T @ c
    weights = torch.linalg.solve(gram + penalty * torch.eye(len(gram)).to(gram), cross)
    explained = 2 * (weights * cross).sum(dim=0) - (weights * (gram @ weights)).sum(dim=0)
    told: Tensor = (explained / len(z)).mean()
    return told


def _hinge(vectors: Tensor) -> Tensor:
    return functional.relu(1 - torch.sqrt(vectors.var(dim=0) + 1e-4)).mean()


def _covariance(vectors: Tensor) -> Tensor:
    centred = vectors - vectors.mean(dim=0)
    return centred.T @ centred / (len(vectors) - 1)


def _off_diagonal(matrix: Tensor) -> Tensor:
    """The sum of the squares of the elements off the diagonal."""
    return matrix.square().sum() - matrix.diagonal().square().sum()


def _standard(vectors: Tensor) -> Tensor:
    """The vectors, every dimension with mean 0 and variance 1, as by batch normalisation."""
    centred = vectors - vectors.mean(dim=0)
    return centred / torch.sqrt(vectors.var(dim=0, correction=0) + 1e-5)
