"""Masks that hide inputs from a view: by (month, time of day), by band, by any groups, or one by one.

A mask is True where an input is shown; (batch, inputs).
"""

import torch
from torch import Tensor

Masks = tuple[Tensor, Tensor]
"""Of the first and of the second view."""
Numbers = tuple[Tensor, Tensor]
"""From 0 to below 1, of the first and of the second view; the smallest are hidden."""


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


def inputs(numbers: Numbers, share: float) -> Masks:
    """The masks that hide each input whose number is below a share, as in the original study.

    Args:
        numbers: (batch, inputs), or (1, inputs) for all pixels.
        share: of the inputs that is hidden.
    """
    first, second = (each >= share for each in numbers)
    return first, second


def groups(group: Tensor, numbers: Numbers, share: float) -> Masks:
    """The masks that hide whole groups, those of the smallest numbers; never all of them.

    Args:
        group: (inputs,) number of the group of an input, from 0.
        numbers: (batch, groups), or (1, groups) for all pixels.
        share: of the groups that is hidden, rounded to whole groups.
    """
    count = int(group.max()) + 1
    hidden = min(round(share * count), count - 1)
    first, second = ((each.argsort(dim=1).argsort(dim=1) >= hidden)[:, group] for each in numbers)
    return first, second


def drawn(batch: int, count: int, random: torch.Generator) -> Numbers:
    """(batch, count) numbers for each pixel at this step."""
    shape = batch, count
    first, second = (torch.rand(shape, generator=random, device=random.device) for _ in range(2))
    return first, second


def of_land(count: int, device: torch.device) -> Numbers:
    """(1, count) numbers that are the same for all pixels at every step."""
    return drawn(1, count, torch.Generator(device).manual_seed(0))


def of_pixels(pixel: Tensor, count: int) -> Numbers:
    """(batch, count) numbers that a pixel has at every step, and no other pixel.

    Source: Wellons, "Prospecting for hash functions" (nullprogram.com, 2018), lowbias32.

    Args:
        pixel: (batch,) positions of the pixels in the store.
        count: of numbers.
    """
    place = torch.arange(2 * count, device=pixel.device)
    mixed = _mixed(_mixed(pixel)[:, None] + place)  # (batch, 2 * count)
    first, second = (mixed.float() / 2**32).chunk(2, dim=1)
    return first, second


def _mixed(number: Tensor) -> Tensor:
    """Whole numbers of 32 bits that look random, of others, int64."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        number = ((number ^ (number >> shift)) * factor) & 0xFFFF_FFFF
    return number ^ (number >> 16)


def _noise(shape: tuple[int, ...], like: Tensor, random: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=random, device=like.device)
