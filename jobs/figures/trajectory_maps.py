"""Captioned maps of how pixels move over the year and over the day.

Values are those of `trajectory.zarr`, (P,) in store order, NaN where too little was observed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jobs.figures.captioned_maps import CaptionedFigure, Place
from lake.format.arrays import AnyFloats, Floats
from lake.plot import pictures
from lake.plot.canvas import Heading
from lake.plot.pictures import Scale


@dataclass(frozen=True, slots=True)
class Subject:
    """What a map shows."""

    title: str
    label: str
    """Of the colour bar."""
    caption: str
    cmap: str = "viridis"
    limits: tuple[float, float] | None = None
    """Where colours begin and end; None: the 1st and 99th percentile."""
    is_signed: bool = False
    """Whether 0 is the middle of the colours."""


SUBJECTS = {
    "yearly_amount": Subject(
        "Amount of the yearly loop", "distance from the centre; noise is 1",
        "How far pixels move over the year, as both periods share it: stable surfaces are dark.",
    ),
    "yearly_phase": Subject(
        "Phase of the yearly loop", "months since the year began",
        "When in the year pixels are farthest along the direction in which most pixels move.",
        "twilight", (0, 12),
    ),
    "yearly_speed": Subject(
        "Speed of the yearly loop", "distance a month; noise is 1",
        "How far pixels move from month to month. Noise moves them, too.",
    ),
    "yearly_smoothness": Subject(
        "Smoothness of the yearly loop", "1: smooth, 0: months in no order",
        "Whether neighbouring months lie near each other.", "cividis", (0, 1),
    ),
    "daily_amount": Subject(
        "Amount of the daily loop", "distance from the centre; noise is 1",
        "How far pixels move over the day, as both periods share it.",
    ),
    "daily_phase": Subject(
        "Phase of the daily loop", "hour (UTC)",
        "When in the day pixels are farthest along the direction in which most pixels move, of the "
        "times of day that the store has.",
    ),
    "daily_speed": Subject(
        "Speed of the daily loop", "distance an hour; noise is 1",
        "How far pixels move from one time of day to the next. Noise moves them, too.",
    ),
    "change": Subject(
        "Change between the periods", "distance; noise is 1",
        "Distance between the mean vectors of a pixel in the two periods.", "inferno",
    ),
    "change_amount": Subject(
        "Change of the yearly loop's amount", "distance; noise is 1",
        "How much farther pixels move over the year in the second period.", "RdBu_r", None, True,
    ),
    "change_phase": Subject(
        "Change of the yearly loop's phase", "months later in the second period",
        "How much later in the year pixels are farthest along, in the second period.",
        "RdBu_r", (-3, 3), True,
    ),
}  # fmt: skip
"""Array of `trajectory.zarr` -> the map of it."""


def maps(place: Place, measures: Mapping[str, AnyFloats]) -> dict[str, CaptionedFigure]:
    """Name -> map, of every array of `SUBJECTS` that is not NaN everywhere."""
    return {
        name: _map(place, subject, np.asarray(measures[name], np.float64))
        for name, subject in SUBJECTS.items()
        if np.isfinite(measures[name]).any()
    }


def _map(place: Place, subject: Subject, values: Floats) -> CaptionedFigure:
    absent = int(np.isnan(values).sum())
    note = f" Grey: {absent:,} pixels of which too little was observed." if absent else ""
    heading = Heading(subject.title, f"{place.key}  |  trajectories of its pixels")
    scale = Scale(subject.label, subject.cmap, _limits(subject, values))
    sheet = pictures.field_sheet(place.domain, place.map_view, values, heading, scale)
    middle = f" The median pixel has {np.nanmedian(values):.2f}."
    return CaptionedFigure(subject.title, subject.caption + middle + note, sheet.figure)


def _limits(subject: Subject, values: Floats) -> tuple[float, float, str]:
    """Values where colours begin and end, and whether others lie beyond."""
    low, high, extend = pictures.limits(values)
    if subject.limits is not None:
        low, high = subject.limits
    elif subject.is_signed:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    else:
        return low, high, extend
    return low, high, pictures.extend_of(values[np.isfinite(values)], low, high)
