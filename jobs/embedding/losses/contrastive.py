"""Vectors of one pixel are drawn together, those of others pushed away. Only directions count."""

import torch
from torch import Tensor
from torch.nn import functional


def infonce(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The cross entropy of finding a pixel's vector of one view among all of the other; mean of both ways.

    Source: van den Oord, Li and Vinyals, "Representation learning with contrastive predictive
    coding" (2018), eq. 4; symmetric: Radford et al., "Learning transferable visual models from
    natural language supervision" (2021), fig. 3.
    """
    logits = (
        functional.normalize(first) @ functional.normalize(second).T / temperature
    )  # (first, second)
    pixel = torch.arange(len(first), device=first.device)
    forward = functional.cross_entropy(logits, pixel)
    return (forward + functional.cross_entropy(logits.T, pixel)) / 2


def supervised(first: Tensor, second: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The cross entropy of finding vectors of the same label among all vectors of both views.

    Source: Khosla et al., "Supervised contrastive learning" (2020), eq. 2 (L_out).

    Args:
        first: (batch, latent) of the first view.
        second: (batch, latent) of the second view.
        labels: (batch,) from 0; below 0: the pixel has no label, and belongs to itself alone.
        temperature: of the softmax.
    """
    z = functional.normalize(torch.cat([first, second]))
    alone = -1 - torch.arange(len(labels), device=labels.device)
    label = torch.where(labels >= 0, labels, alone).repeat(2)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (z @ z.T / temperature).masked_fill(itself, -torch.inf)
    likely = functional.log_softmax(logits, dim=1)
    positive = (label[:, None] == label) & ~itself
    each = likely.masked_fill(~positive, 0).sum(dim=1) / positive.sum(dim=1)
    return -each.mean()


def alignment(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared distance of the two views on the unit sphere.

    Source: Wang and Isola, "Understanding contrastive representation learning through alignment and
    uniformity on the hypersphere" (2020), alpha = 2; github.com/SsnL/align_uniform.
    """
    distance = functional.normalize(first) - functional.normalize(second)
    return distance.square().sum(dim=1).mean()


def uniformity(vectors: Tensor) -> Tensor:
    """Log of the mean Gaussian potential of all pairs on the unit sphere: low if evenly spread.

    Source: as `alignment`, t = 2.
    """
    distances = torch.pdist(functional.normalize(vectors))
    return distances.square().mul(-2).exp().mean().log()
