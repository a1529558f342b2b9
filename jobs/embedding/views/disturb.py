"""Disturbed inputs of a view; inputs have variance 1 or less."""

import torch
from torch import Tensor


def noise(x: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """The inputs (batch, inputs) with Gaussian noise of this standard deviation added."""
    return x + deviation * torch.randn(x.shape, generator=random, device=x.device)


def scaling(x: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """The inputs (batch, inputs) times a factor for each pixel: mean 1, and this standard deviation."""
    factor = 1 + deviation * torch.randn((len(x), 1), generator=random, device=x.device)
    return x * factor
