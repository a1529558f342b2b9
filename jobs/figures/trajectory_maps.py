"""Captioned maps of how pixels move over the year and over the day.

Values are those of `trajectory.zarr`, (P,) in store order, NaN where too little was observed.
"""

from dataclasses import dataclass

import numpy as np

from jobs.figures.captioned_maps import CaptionedFigure, Place
from lake.format.arrays import AnyFloats
from lake.plot import pictures
from lake.plot.canvas import Heading
from lake.plot.pictures import Scale


@dataclass(frozen=True, slots=True)
class Subject:
    """The texts and colours of a map."""

    title: str
    label: str
    """Of the colour bar."""
    caption: str
    cmap: str = "viridis"
    limits: tuple[float, float] | None = None
    """Where colours begin and end; None: the 1st and 99th percentile."""
    is_signed: bool = False
    """Whether 0 is the middle of the colours."""


_NOISE = "The noise of one slot is 1."
SUBJECTS = {
    "yearly_amount": Subject(
        "Amount of the yearly loop", "distance from the centre",
        f"How far pixels move over the year along the direction in which they differ in that. {_NOISE} "
        "The noise of the loop itself is taken off: what one period alone says does not count.",
    ),
    "yearly_phase": Subject(
        "Phase of the yearly loop", "months since the year began",
        "When in the year pixels are farthest along that direction.", "twilight", (0, 12),
    ),
    "yearly_speed": Subject(
        "Speed of the yearly loop", "distance a month",
        f"How far pixels move from month to month, without noise. {_NOISE}",
    ),
    "yearly_smoothness": Subject(
        "Smoothness of the yearly loop", "1: smooth, 0: months in no order",
        "Whether neighbouring months are nearer to each other than any two.", "cividis", (0, 1),
    ),
    "daily_amount": Subject(
        "Amount of the daily loop", "distance from the centre",
        f"How far pixels move over the day along the direction in which they differ in that. {_NOISE} "
        "The noise of the loop itself is taken off.",
    ),
    "daily_phase": Subject(
        "Phase of the daily loop", "hour (UTC)",
        "When in the day pixels are farthest along that direction, by the times of day that the store "
        "has.", "twilight", (0, 24),
    ),
    "daily_speed": Subject(
        "Speed of the daily loop", "distance an hour",
        f"How far pixels move from one time of day to the next, without noise. {_NOISE}",
    ),
    "daily_smoothness": Subject(
        "Smoothness of the daily loop", "1: smooth, 0: times of day in no order",
        "Whether neighbouring times of day are nearer to each other than any two.", "cividis", (0, 1),
    ),
    "change": Subject(
        "Change between the periods", "distance",
        f"Distance of a pixel's vectors in the two periods, in the mean over the slots. {_NOISE} What "
        "the scatter of the slots explains is taken off.", "inferno",
    ),
    "change_amount": Subject(
        "Change of the yearly loop's amount", "distance",
        f"How much farther pixels move over the year in the second period. {_NOISE}",
        "RdBu_r", None, True,
    ),
    "change_phase": Subject(
        "Change of the yearly loop's phase", "months later in the second period",
        "How much later in the year pixels are farthest along, in the second period.",
        "RdBu_r", (-3, 3), True,
    ),
}  # fmt: skip
"""Array of `trajectory.zarr` -> the map of it."""


def measure(place: Place, name: str, values: AnyFloats) -> CaptionedFigure:
    """The map of one of `SUBJECTS`; `values` (P,), NaN: too little was observed."""
    subject = SUBJECTS[name]
    known = values[np.isfinite(values)]
    absent = values.size - known.size
    caption = subject.caption
    if known.size:
        caption += f" The median pixel has {np.median(known):.2f}."
    if absent:
        caption += (
            f" Grey: {absent:,} pixels that do not move, or of which too little was observed."
        )
    heading = Heading(subject.title, f"{place.key}  |  trajectories of its pixels")
    scale = Scale(subject.label, subject.cmap, _limits(subject, known))
    sheet = pictures.field_sheet(
        place.domain, place.map_view, values, heading, scale, "no movement, or too few observations"
    )
    return CaptionedFigure(subject.title, caption, sheet.figure)


def _limits(subject: Subject, values: AnyFloats) -> tuple[float, float, str]:
    """Values where colours begin and end, and whether others lie beyond; `values` without NaN."""
    low, high, extend = pictures.limits(values)
    if subject.limits is not None:
        low, high = subject.limits
    elif subject.is_signed:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    else:
        return low, high, extend
    return low, high, pictures.extend_of(values, low, high)
