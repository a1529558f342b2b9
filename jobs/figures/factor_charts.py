"""Pictures of a decomposition: profiles of its small factors, its rank scan, maps of its pixel factors."""

from calendar import month_abbr
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from jobs.figures.captioned_maps import CaptionedFigure, Place
from lake.format.arrays import AnyFloats, Floats
from lake.plot import canvas, cycles, pictures
from lake.plot.canvas import INK, Heading
from lake.plot.cycles import COLOURS
from lake.plot.pictures import Scale

SHOWN = 8
"""Largest number of components that are drawn."""
ROW_INCHES, GAP_INCHES = 0.85, 0.45
HEAD_INCHES = 0.22
"""Room for the names of the modes."""
WIDTHS = {"month": 1.5, "tod": 1.5, "band": 2.4, "metric": 1.0}
"""Mode -> width of its panels in inches."""
TITLES = {"month": "months", "tod": "hours (UTC)", "band": "bands", "metric": "metrics"}
SCAN_SIZE = (4.6, 4.6)
LOWEST = -5
"""Percent of core consistency; lower ones say no more."""
MANY_STEPS = 8
"""Number of steps of a mode above which not all are named."""

Steps = Mapping[str, Sequence[int] | Sequence[str]]


def profiles(key: str, method: str, steps: Steps, factors: Mapping[str, Floats]) -> CaptionedFigure:
    """The small factors as annual, diurnal, spectral and metric profiles, a row for each component.

    Args:
        key: of the store.
        method: `cp` or `einsum`, or `tucker`, whose rows are directions of each mode instead.
        steps: mode -> its steps.
        factors: mode -> (step, component) or (step, rank).
    """
    has_directions = method == "tucker"
    count = max(values.shape[1] for values in factors.values())
    rows = min(count, SHOWN)
    wide = sum(WIDTHS.values()) + GAP_INCHES * (len(WIDTHS) - 1)
    high = HEAD_INCHES + rows * ROW_INCHES + (rows - 1) * 0.12
    title = "Profiles of the components"
    if has_directions:
        title = "Directions of months, hours, bands, metrics"
    sheet = canvas.chart_sheet(Heading(title, f"{key}  |  {method}"), (wide, high))
    sheet.map.axis("off")
    for row in range(rows):
        left, bottom = 0.0, high - HEAD_INCHES - (row + 1) * ROW_INCHES - row * 0.12
        for mode, width in WIDTHS.items():
            if row < factors[mode].shape[1]:
                place = left / wide, bottom / high, width / wide, ROW_INCHES / high
                axes = sheet.figure.add_axes(place)
                is_last = row == min(rows, factors[mode].shape[1]) - 1
                _profile(axes, mode, steps[mode], factors[mode][:, row], row, is_last=is_last)
                if mode == "month":
                    axes.set_ylabel(str(row), rotation=0, labelpad=8, fontsize=8, color=INK)
            left += width + GAP_INCHES
    return CaptionedFigure(title, _caption_of_profiles(method, rows, count), sheet.figure)


def _caption_of_profiles(method: str, rows: int, count: int) -> str:
    if method == "tucker":
        return (
            "Directions of each mode, strongest first. The core says which of their combinations make a "
            "component."
        )
    part = "The part of a component in a cell is"
    if method == "einsum":
        part = "Of what a component says of the cells this comes nearest:"
    return (
        f"The first {rows} of {count} components. {part} the product of the four heights, times the "
        "pixel's own factor. Profiles have length 1; their largest height is positive."
    )


def scan(key: str, judgements: Sequence[Mapping[str, Any]], components: int) -> CaptionedFigure:
    """Fit, core consistency and stability against the number of components.

    Args:
        key: of the store.
        judgements: fields of `jobs.factors.scan.RankJudgement`.
        components: the number that was chosen.
    """
    panels = {
        "fit": "fit",
        "core_consistency": "core consistency (%)",
        "stability": "stability",
    }
    shown = {name: label for name, label in panels.items() if _known(judgements, name)}
    title = "Number of components"
    sheet = canvas.chart_sheet(
        Heading(title, f"{key}  |  on the pilot, best of its starts"), SCAN_SIZE
    )
    sheet.map.axis("off")
    height = 1 / len(shown)
    for number, (name, label) in enumerate(shown.items()):
        axes = sheet.figure.add_axes((0, 1 - (number + 1) * height, 1, 0.82 * height))
        known = [row for row in judgements if row[name] is not None]
        axes.plot(
            [row["components"] for row in known], [max(row[name], LOWEST) for row in known],
            "o-", color=COLOURS[number], markersize=4.5, linewidth=1.4,
        )  # fmt: skip
        axes.axvline(components, color=INK, linewidth=0.8, linestyle=":")
        if name == "core_consistency":
            axes.set_ylim(LOWEST, 105)
        axes.set_xlim(*_wider([row["components"] for row in judgements]))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(label, fontsize=8, color=INK)
        _style(axes)
        axes.grid(color="0.9", linewidth=0.6)
    sheet.figure.axes[-1].set_xlabel("components", fontsize=8.5, color=INK)
    caption = (
        "Fit: the share of the sum of squares that is explained. Core consistency: 100 where components do "
        "not interact; what is far below 0, as it may be, is drawn on the frame. Stability: how well other "
        f"random starts find the same components. Dotted: the {components} components that were chosen."
    )
    return CaptionedFigure(title, caption, sheet.figure)


def component(place: Place, number: int, values: AnyFloats) -> CaptionedFigure:
    """The map of a component's pixel factors; `values` (P,), NaN: no observation."""
    known = values[np.isfinite(values)]
    low, high, extend = pictures.limits(known)
    cmap = "viridis"
    if known.size and known.min() < 0:
        bound = max(abs(low), abs(high))
        low, high, cmap = -bound, bound, "RdBu_r"
        extend = pictures.extend_of(known, low, high)
    title = f"Component {number}"
    heading = Heading(title, f"{place.key}  |  factors of its pixels")
    scale = Scale("factor of the pixel", cmap, (low, high, extend))
    sheet = pictures.field_sheet(place.domain, place.map_view, values, heading, scale)
    caption = (
        f"How much of component {number} is in every pixel. The picture of the profiles says what it is "
        "over the year, the day, bands and metrics."
    )
    return CaptionedFigure(title, caption, sheet.figure)


def unexplained(place: Place, values: AnyFloats) -> CaptionedFigure:
    """The map of what the components do not explain; `values` (P,) 0 to 1, NaN: no observation."""
    known = values[np.isfinite(values)]
    title = "Unexplained"
    heading = Heading(title, f"{place.key}  |  share of a pixel's sum of squares")
    scale = Scale("share that is left", "inferno", (0, 1, "neither"))
    sheet = pictures.field_sheet(place.domain, place.map_view, values, heading, scale)
    caption = "The share of each pixel's sum of squares that the components leave."
    if known.size:
        caption += f" The median pixel has {np.median(known):.2f}."
    return CaptionedFigure(title, caption, sheet.figure)


def _profile(
    axes: Axes,
    mode: str,
    steps: Sequence[int] | Sequence[str],
    values: Floats,
    number: int,
    *,
    is_last: bool,
) -> None:
    """Draw one factor of a mode; the last of a column has its steps named."""
    colour = COLOURS[number % len(COLOURS)]
    axes.axhline(0, color="0.6", linewidth=0.6)
    if mode in {"month", "tod"}:
        along = _positions(mode, steps)
        rising = np.argsort(along)
        axes.plot(along[rising], values[rising], "o-", color=colour, markersize=3, linewidth=1.2)
        names = [month_abbr[int(s)][0] if mode == "month" else f"{int(s) / 3600:g}" for s in steps]
    else:
        along = np.arange(len(steps), dtype=float)
        axes.bar(along, values, color=colour, width=0.6)
        names = _short_names([str(step) for step in steps])
    every = -(-len(names) // MANY_STEPS) if mode == "tod" else 1
    rotation = 90 if mode in {"band", "metric"} else 0
    axes.set_xticks(along[::every], names[::every] if is_last else [], rotation=rotation)
    axes.set_xlim(*_wider(along))
    bound = 1.1 * float(np.abs(values).max(initial=1e-9))
    axes.set_ylim(-bound if values.min(initial=0) < 0 else -0.05 * bound, bound)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    if number == 0:
        axes.set_title(TITLES[mode], fontsize=8, color=INK, pad=4)
    _style(axes)
    axes.tick_params(labelsize=6)


def _positions(mode: str, steps: Sequence[int] | Sequence[str]) -> Floats:
    numbers = [int(step) for step in steps]
    return np.array(numbers, float) if mode == "month" else cycles.hours(numbers)


def _short_names(names: Sequence[str]) -> list[str]:
    """Names without the cube, where all bands are of one."""
    cubes = {name.partition("/")[0] for name in names}
    is_one = len(cubes) == 1 and all("/" in name for name in names)
    return [name.partition("/")[2] if is_one else name for name in names]


def _style(axes: Axes) -> None:
    axes.tick_params(labelsize=7, labelcolor=INK, width=0.6, length=2.5)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set(color="0.4", linewidth=0.6, visible=name in {"left", "bottom"})


def _wider(along: Sequence[float] | Floats) -> tuple[float, float]:
    """Both ends of an axis, with some room."""
    low, high = float(np.min(along)), float(np.max(along))
    room = max(0.06 * (high - low), 0.6 if high == low else 0.4)
    return low - room, high + room


def _known(judgements: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(row[name] is not None for row in judgements)
