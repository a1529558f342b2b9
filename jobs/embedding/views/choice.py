"""The views by name: how the two views of a pixel come to differ.

A view says which pixel or period the second view is of, hides inputs, or disturbs them. The views of a
recipe apply in the order of `VIEWS`, whatever the order in which they are named. Adding one is a
function from one `ViewPair` to the next, and an entry of `VIEWS`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated

import torch
from torch import Tensor

from jobs.embedding.columns import ATTRIBUTES, Columns
from jobs.embedding.entries import Need, check_names
from jobs.embedding.views import disturb, hide, pairs
from jobs.embedding.views.hide import Masks, Numbers
from jobs.runs.settings import OneOf, check, newer

PERIODS, NEIGHBOURS, SLOTS, BANDS = "periods", "neighbours", "slots", "bands"
MASK, STAGES, SCALING, NOISE = "mask", "stages", "scaling", "noise"
LAND, PIXEL = "land", "pixel"
FIXED = (LAND, PIXEL)
SLOT = ("month", "tod")
"""The attributes of columns that `slots` shows or hides together."""


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a training, and their settings."""

    views: tuple[Annotated[str, OneOf("VIEWS")], ...] = ()
    """How the two views of a pixel come to differ; empty: the best measured for the stores."""
    masked: float = 0.5
    """Share of the inputs, or of their groups, that `mask` and `stages` hide."""
    mask_by: tuple[Annotated[str, OneOf("ATTRIBUTES")], ...] = newer(())
    """Attributes of inputs: those that agree in them are hidden together; empty: each by itself."""
    fixed: Annotated[str, OneOf("FIXED")] = newer(LAND)
    """What has one set of hidden inputs in the second half of `stages`: `land`, all pixels; `pixel`, each."""
    draws: int = newer(1)
    """How many pairs of views of a pixel a step has; every first view is compared with every second one."""
    noise: float = 0.1
    """Standard deviation of the view `noise`; the inputs' own is 1."""
    scaling: float = 0.1
    """Standard deviation of the factor of the view `scaling`."""

    def __post_init__(self) -> None:
        check_names("views", self.views, VIEWS)
        check("masked must be 0 to below 1", self.masked, holds=0 <= self.masked < 1)
        attributes = ", ".join(ATTRIBUTES)
        fits = set(self.mask_by) <= set(ATTRIBUTES)
        check(f"mask_by must be of {attributes}", self.mask_by, holds=fits)
        check(f"fixed must be one of {', '.join(FIXED)}", self.fixed, holds=self.fixed in FIXED)
        check("draws must be above 0", self.draws, holds=self.draws > 0)
        for name in ("noise", "scaling"):
            check(f"{name} must be 0 or more", getattr(self, name), holds=getattr(self, name) >= 0)

    def needs(self, need: Need) -> bool:
        """Whether one of the views needs this."""
        return any(need in VIEWS[name].needs for name in self.views)

    @property
    def schedule(self) -> float:
        """How many times as many steps a training has, where none are set.

        Masks of more than a half show an input less often; so it is shown as often as by those of a half.
        """
        is_masked = not {MASK, STAGES}.isdisjoint(self.views)
        return max(0.5 / (1 - self.masked), 1.0) if is_masked else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The pixels of a step."""

    pixel: Tensor
    """(batch,) their positions in the store."""
    x: tuple[Tensor, ...]
    """(batch, inputs) of each period, scaled; NaN: missing."""
    neighbours: tuple[Tensor, Tensor] | None
    """(batch, 8) positions of the pixels around, in the second item, (P, inputs), of the last period."""
    labels: Tensor | None
    """(batch,) below 0: the pixel has no label; None: there are no labels."""
    conditions: Tensor | None = None
    """(batch, c) what vectors are not to tell; None: nothing."""

    def first(self, count: int) -> "Batch":
        """The first pixels of the batch, at most so many."""
        neighbours = self.neighbours and (self.neighbours[0][:count], self.neighbours[1])
        labels, conditions = (
            None if values is None else values[:count] for values in (self.labels, self.conditions)
        )
        x = tuple(period[:count] for period in self.x)
        return Batch(self.pixel[:count], x, neighbours, labels, conditions)


@dataclass(frozen=True, slots=True, eq=False)
class ViewPair:
    """The two views of a batch, each (batch, inputs)."""

    views: tuple[Tensor, Tensor]
    """The inputs that an encoder gets; NaN: missing or hidden."""
    clean: tuple[Tensor, Tensor]
    """The inputs that each view was made from, which a decoder rebuilds; NaN: missing."""


@dataclass(slots=True, eq=False)
class ColumnNumbers:
    """The numbers of groups of columns as tensors on a device, each computed once."""

    columns: Columns
    device: torch.device
    _tensors: dict[tuple[str, ...], Tensor] = field(default_factory=dict)
    _fine_sets: tuple[Tensor, ...] = ()

    def numbers(self, *attributes: str) -> Tensor:
        """(inputs,) as `Columns.numbers` gives them."""
        if attributes not in self._tensors:
            numbers = torch.from_numpy(self.columns.numbers(*attributes))
            self._tensors[attributes] = numbers.to(self.device)
        return self._tensors[attributes]

    def fine_sets(self) -> tuple[Tensor, ...]:
        """(slot, subpixel, channel) of each cube, as `Columns.fine_sets` gives them."""
        if not self._fine_sets:
            positions = (torch.from_numpy(sets) for sets in self.columns.fine_sets())
            self._fine_sets = tuple(sets.to(self.device) for sets in positions)
        return self._fine_sets


@dataclass(frozen=True, slots=True, eq=False)
class ViewStep:
    """What a view may use at a step of a training."""

    batch: Batch
    settings: Views
    columns: ColumnNumbers
    progress: float
    """Share of the training that is done, 0 to 1."""
    random: torch.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view by name."""

    apply: Callable[[ViewPair, ViewStep], ViewPair]
    """The pair of views after it, of those before it."""
    help: str
    """One line for people."""
    settings: tuple[str, ...] = ()
    """Names of the settings of `Views` that it uses."""
    needs: tuple[Need, ...] = ()


def pair(step: ViewStep) -> ViewPair:
    """The two views of a batch: at first both are the first period, then each view applies in turn."""
    first = step.batch.x[0]
    current = ViewPair((first, first), (first, first))
    for name, view in VIEWS.items():
        if name in step.settings.views:
            current = view.apply(current, step)
    return current


def _second(before: ViewPair, second: Tensor) -> ViewPair:
    """The pair with another second view, as it is."""
    return ViewPair((before.views[0], second), (before.clean[0], second))


def _periods(before: ViewPair, step: ViewStep) -> ViewPair:
    return _second(before, step.batch.x[-1])


def _neighbours(before: ViewPair, step: ViewStep) -> ViewPair:
    if step.batch.neighbours is None:
        return before
    neighbours, inputs = step.batch.neighbours
    return _second(before, inputs[pairs.draw_neighbour(neighbours, step.random)])


def _hidden(before: ViewPair, masks: Masks) -> ViewPair:
    """The pair with the inputs of either view hidden where its mask is False."""
    first, second = (
        view.masked_fill(~mask, torch.nan) for view, mask in zip(before.views, masks, strict=True)
    )
    return replace(before, views=(first, second))


def _slots(before: ViewPair, step: ViewStep) -> ViewPair:
    slot, size = step.columns.numbers(*SLOT), len(step.batch.pixel)
    return _hidden(before, hide.slots(slot, size, step.random))


def _bands(before: ViewPair, step: ViewStep) -> ViewPair:
    band, size = step.columns.numbers("band"), len(step.batch.pixel)
    return _hidden(before, hide.bands(band, size, step.random))


def _mask(before: ViewPair, step: ViewStep) -> ViewPair:
    numbers = hide.drawn(len(step.batch.pixel), _groups(step), step.random)
    return _hidden(before, _masks(step, numbers))


def _stages(before: ViewPair, step: ViewStep) -> ViewPair:
    if step.progress < 0.5:
        return before if MASK in step.settings.views else _mask(before, step)
    count = _groups(step)
    if step.settings.fixed == PIXEL:
        numbers = hide.of_pixels(step.batch.pixel.to(step.columns.device), count)
    else:
        numbers = hide.of_land(count, step.columns.device)
    return _hidden(before, _masks(step, numbers))


def _groups(step: ViewStep) -> int:
    """How many inputs, or groups of inputs, are hidden or shown."""
    attributes = step.settings.mask_by
    if not attributes:
        return step.columns.columns.count
    return int(step.columns.numbers(*attributes).max()) + 1


def _masks(step: ViewStep, numbers: Numbers) -> Masks:
    attributes, share = step.settings.mask_by, step.settings.masked
    if not attributes:
        return hide.inputs(numbers, share)
    return hide.groups(step.columns.numbers(*attributes), numbers, share)


def _scaling(before: ViewPair, step: ViewStep) -> ViewPair:
    first, second = (
        disturb.scaling(view, step.settings.scaling, step.random) for view in before.views
    )
    return replace(before, views=(first, second))


def _noise(before: ViewPair, step: ViewStep) -> ViewPair:
    first, second = (disturb.noise(view, step.settings.noise, step.random) for view in before.views)
    return replace(before, views=(first, second))


VIEWS: dict[str, View] = {
    PERIODS: View(
        apply=_periods,
        help="the second view is of the second store; of one store with `inputs=gcca`, views are halves",
        needs=(Need.SECOND_STORE,),
    ),
    NEIGHBOURS: View(
        apply=_neighbours,
        help="the second view is of one of the eight pixels around, drawn at every step",
        needs=(Need.ALL_IN_MEMORY,),
    ),
    SLOTS: View(
        apply=_slots,
        help="each (month, time of day) is shown in one of the views alone; features only",
        needs=(Need.FEATURES,),
    ),
    BANDS: View(
        apply=_bands,
        help="each view lacks one band, not the same one; features only",
        needs=(Need.FEATURES,),
    ),
    MASK: View(
        apply=_mask,
        help="inputs are hidden one by one, or by groups (`mask_by`), a share of `masked`",
        settings=("masked", "mask_by"),
    ),
    STAGES: View(
        apply=_stages,
        help="as `mask` for the first half of the training, then a fixed set of inputs is hidden",
        settings=("masked", "mask_by", "fixed"),
    ),
    SCALING: View(
        apply=_scaling,
        help="the inputs of a pixel are multiplied by one factor, of standard deviation `scaling`",
        settings=("scaling",),
    ),
    NOISE: View(
        apply=_noise,
        help="Gaussian noise of standard deviation `noise` is added",
        settings=("noise",),
    ),
}
