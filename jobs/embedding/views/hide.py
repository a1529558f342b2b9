"""Inputs that a view does not show: by (month, time of day), by band, or one by one.

A mask is True where an input is shown; (batch, inputs).
"""

import torch
from torch import Tensor

Masks = tuple[Tensor, Tensor]


def slots(slot: Tensor, batch: int, random: torch.Generator) -> Masks:
    """Each (month, time of day) is shown by one of the two views, half of them by either.

    The metrics of one cell nearly repeat each other, so it is shown or hidden as a whole.

    Args:
        slot: (inputs,) number of the (month, time of day) of an input, from 0.
        batch: pixels.
        random: generator.
    """
    count = int(slot.max()) + 1
    rank = _noise((batch, count), slot, random).argsort(dim=1).argsort(dim=1)
    first = (rank < (count + 1) // 2)[:, slot]
    return first, ~first


def bands(band: Tensor, batch: int, random: torch.Generator) -> Masks:
    """Each view lacks one band, which is another for the other view, if there is one.

    Args:
        band: (inputs,) number of the band of an input, from 0.
        batch: pixels.
        random: generator.
    """
    count = int(band.max()) + 1
    dropped = _noise((batch, count), band, random).argsort(dim=1)
    if count == 1:
        dropped = torch.full_like(dropped, -1)
    first, second = (dropped[:, [min(of, count - 1)]] != band for of in (0, 1))
    return first, second


def independent(like: Tensor, share: float, random: torch.Generator) -> Masks:
    """Each input is hidden with this probability, by itself; the original study's masks.

    Args:
        like: (batch, inputs)
        share: hidden.
        random: generator.
    """
    first, second = (_noise(tuple(like.shape), like, random) >= share for _ in range(2))
    return first, second


def fixed(like: Tensor, share: float, seed: int) -> Masks:
    """The same inputs of every pixel at every step, one set for each view.

    Args:
        like: (batch, inputs)
        share: hidden.
        seed: of the sets.
    """
    random = torch.Generator(like.device).manual_seed(seed)
    first, second = independent(like[:1], share, random)
    return first.expand_as(like), second.expand_as(like)


def _noise(shape: tuple[int, ...], like: Tensor, random: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=random, device=like.device)
