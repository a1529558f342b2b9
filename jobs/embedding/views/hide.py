"""Masks that hide inputs from a view: by (month, time of day), by band, or one by one.

A mask is True where an input is shown; (batch, inputs).
"""

import torch
from torch import Tensor

Masks = tuple[Tensor, Tensor]
"""Of the first and of the second view."""


def slots(slot: Tensor, batch: int, random: torch.Generator) -> Masks:
    """The masks by which each (month, time of day) is in one of the two views, half of them in either.

    The statistics of one cell nearly repeat each other, so it is shown or hidden as a whole.

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
    """The masks by which each view lacks one band, the second view another one, if there is one.

    Args:
        band: (inputs,) number of the band of an input, from 0.
        batch: pixels.
        random: generator.
    """
    count = int(band.max()) + 1
    dropped = _noise((batch, count), band, random).argsort(dim=1)
    if count == 1:
        dropped = torch.full_like(dropped, -1)
    first, second = (dropped[:, [min(view, count - 1)]] != band for view in (0, 1))
    return first, second


def independent(like: Tensor, share: float, random: torch.Generator) -> Masks:
    """The masks that hide each input with one probability, by itself, as in the original study.

    Args:
        like: (batch, inputs), of which shape and device count.
        share: of the inputs that is hidden.
        random: generator.
    """
    first, second = (_noise(tuple(like.shape), like, random) >= share for _ in range(2))
    return first, second


def fixed(like: Tensor, share: float, seed: int) -> Masks:
    """The masks that hide the same inputs of every pixel at every step, one set for each view.

    Args:
        like: (batch, inputs), of which shape and device count.
        share: of the inputs that is hidden.
        seed: of the sets.
    """
    random = torch.Generator(like.device).manual_seed(seed)
    first, second = independent(like[:1], share, random)
    return first.expand_as(like), second.expand_as(like)


def _noise(shape: tuple[int, ...], like: Tensor, random: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=random, device=like.device)
