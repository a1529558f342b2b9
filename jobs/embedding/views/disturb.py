"""Inputs that a view shows otherwise than they are; of variance 1 or less."""

import torch
from torch import Tensor


def noise(x: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """With Gaussian noise of this standard deviation added."""
    return x + deviation * torch.randn(x.shape, generator=random, device=x.device)


def scaling(x: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """All inputs of a pixel times one factor, 1 in the mean, of this standard deviation."""
    factor = 1 + deviation * torch.randn((len(x), 1), generator=random, device=x.device)
    return x * factor
