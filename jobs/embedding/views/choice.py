"""Which views, and a batch of pixels as two of them.

- `periods`: the second view is of the second store; `neighbours`: of a pixel beside it;
- `slots`: each (month, time of day) in one of the views alone; `bands`: each lacks one band;
- `mask`: inputs hidden one by one; `stages`: the same for the first half of the training, then one fixed
  set of them;
- `scaling`, `noise`: inputs disturbed.

They are put on in this order, whatever the order they are named in. `slots` and `bands` are of
features that are the inputs themselves: components mix them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from jobs.embedding.views import disturb, hide, pairs
from jobs.runs.settings import check

PERIODS, NEIGHBOURS, SLOTS, BANDS, MASK, STAGES, SCALING, NOISE = VIEWS = (
    "periods", "neighbours", "slots", "bands", "mask", "stages", "scaling", "noise",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Views:
    """What the two views of a pixel are."""

    views: tuple[str, ...] = ()
    """Names; none: the best measured for the stores that there are (`jobs.embedding.recipe`)."""
    masked: float = 0.5
    """Share of the inputs that `mask` and `stages` hide."""
    noise: float = 0.1
    """Standard deviation of `noise`; the inputs' own is 1."""
    scaling: float = 0.1
    """Standard deviation of the factor of `scaling`."""

    def __post_init__(self) -> None:
        for name in self.views:
            check(f"views must be some of {', '.join(VIEWS)}", name, holds=name in VIEWS)
        check("masked must be 0 to below 1", self.masked, holds=0 <= self.masked < 1)
        for name in ("noise", "scaling"):
            check(f"{name} must be 0 or more", getattr(self, name), holds=getattr(self, name) >= 0)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What the inputs are, where they are features; (inputs,) numbers from 0."""

    slot: Tensor
    """Of the (month, time of day)."""
    band: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some pixels."""

    pixel: Tensor
    """(batch,) which."""
    x: tuple[Tensor, ...]
    """(batch, inputs) of each period, scaled."""
    beside: tuple[Tensor, Tensor] | None
    """(batch, 8) positions of the neighbours in the second item, (P, inputs), of the last period."""
    labels: Tensor | None
    """(batch,) below 0: none."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two views of a batch: what they show, and what they are of; (batch, inputs)."""

    shown: tuple[Tensor, Tensor]
    clean: tuple[Tensor, Tensor]


def pair(
    batch: Batch, how: Views, columns: Columns | None, done: float, random: torch.Generator
) -> Pair:
    """Two views.

    Args:
        batch: of pixels.
        how: which views.
        columns: what the inputs are; None: components.
        done: share of the training, 0 to 1.
        random: generator.
    """
    first = batch.x[0]
    second = batch.x[-1] if PERIODS in how.views else first
    if NEIGHBOURS in how.views and batch.beside:
        neighbours, everywhere = batch.beside
        second = everywhere[pairs.beside(neighbours, random)]
    shown = [first, second]
    for masks in _masks(first, how, columns, done, random):
        shown = [x * mask for x, mask in zip(shown, masks, strict=True)]
    if SCALING in how.views:
        shown = [disturb.scaling(x, how.scaling, random) for x in shown]
    if NOISE in how.views:
        shown = [disturb.noise(x, how.noise, random) for x in shown]
    return Pair((shown[0], shown[1]), (first, second))


def _masks(
    x: Tensor, how: Views, columns: Columns | None, done: float, random: torch.Generator
) -> list[hide.Masks]:
    found = []
    if columns and SLOTS in how.views:
        found.append(hide.slots(columns.slot, len(x), random))
    if columns and BANDS in how.views:
        found.append(hide.bands(columns.band, len(x), random))
    early = STAGES in how.views and done < 0.5
    if MASK in how.views or early:
        found.append(hide.independent(x, how.masked, random))
    if STAGES in how.views and not early:
        found.append(hide.fixed(x, how.masked, 0))
    return found
