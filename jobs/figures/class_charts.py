"""The picture of classes: a row for each with its colour, name and area, its spectrum and its cycles."""

from calendar import month_abbr
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from jobs.figures.captioned_maps import CaptionedFigure
from lake.format.arrays import Floats
from lake.plot import canvas, cycles
from lake.plot.canvas import INK, Heading
from lake.plot.cycles import COLOURS
from lake.plot.graticule import FAINT
from lake.reading.classes import LandClass

SHOWN = 24
"""Largest number of classes in a picture, the largest ones."""
ROW_INCHES, GAP_INCHES, HEAD_INCHES, NAME_INCHES = 0.9, 0.42, 0.42, 1.75
WIDTHS = {"spectrum": 1.5, "annual_cycle": 1.3, "diurnal_cycle": 1.3}
"""Part of the document -> width of its panels in inches."""
TITLES = {"spectrum": "spectrum", "annual_cycle": "year", "diurnal_cycle": "day (UTC)"}
Dash = Literal["-", "--", ":", "-."]
DASHES: tuple[Dash, ...] = ("-", "--", ":", "-.")
FEW_STEPS = 8
"""Number of steps of an axis above which not all are named."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Column:
    """The panels below each other that show one part of the document in one unit."""

    part: str
    unit: str
    title: str
    left: float
    """Inches from the left edge."""
    limits: tuple[float, float]
    """Ends of the value axis, the same in all rows."""


def described(document: Row, classes: Sequence[LandClass]) -> CaptionedFigure:
    """The classes that a document of `lake classes` describes, largest first.

    Args:
        document: the content of `classes.json`.
        classes: numbers, names and colours, as they are now.
    """
    rows = sorted(document["classes"], key=lambda row: -row["pixels"])
    named = {each.number: each for each in classes}
    shown = rows[:SHOWN]
    columns = list(_columns(shown))
    wide = columns[-1].left + WIDTHS[columns[-1].part]
    high = HEAD_INCHES + len(shown) * ROW_INCHES
    title = "Classes"
    sheet = canvas.chart_sheet(
        Heading(title, f"{document['store']}  |  {_source(document)}"), (wide, high)
    )
    sheet.map.axis("off")
    sheet.map.set_xlim(0, wide)
    sheet.map.set_ylim(0, high)
    for number, row in enumerate(shown):
        bottom = high - HEAD_INCHES - (number + 1) * ROW_INCHES
        _name(sheet.map, row, named[row["number"]], bottom)
        for column in columns:
            place = (
                column.left / wide, (bottom + 0.14) / high,
                WIDTHS[column.part] / wide, (ROW_INCHES - 0.14) / high,
            )  # fmt: skip
            axes = sheet.figure.add_axes(place)
            _panel(axes, column, row, named[row["number"]].colour)
            _frame(axes, column, shown[0], is_first=number == 0, is_last=number == len(shown) - 1)
    _legend(sheet.map, shown[0])
    return CaptionedFigure(title, _caption(document, shown), sheet.figure)


def _columns(rows: Sequence[Row]) -> Iterator[_Column]:
    """A column for each part and unit, from the left."""
    left = NAME_INCHES + GAP_INCHES
    for part, width in WIDTHS.items():
        for unit in dict.fromkeys(band["unit"] for band in rows[0][part]):
            names = dict.fromkeys(b["quantity"] for b in rows[0][part] if b["unit"] == unit)
            short = " / ".join(names) + ("" if unit == "1" else f" ({unit})")
            values = [
                (_values(band, "mean"), np.nan_to_num(_values(band, "stddev_between_pixels")))
                for row in rows
                for band in row[part]
                if band["unit"] == unit
            ]
            ends = np.concatenate([np.concatenate([m - s, m + s]) for m, s in values])
            ends = ends[np.isfinite(ends)]
            low, high = (float(ends.min()), float(ends.max())) if ends.size else (0.0, 1.0)
            room = 0.05 * (high - low) or 0.5
            yield _Column(part, unit, f"{TITLES[part]}\n{short}", left, (low - room, high + room))
            left += width + GAP_INCHES


def _panel(axes: Axes, column: _Column, row: Row, colour: str) -> None:
    """Draw one part of the document of a class."""
    bands = [band for band in row[column.part] if band["unit"] == column.unit]
    for cubes, dash in _dashes(row).items():
        of_cube = [band for band in bands if band["cube"] in cubes]
        if column.part == "spectrum":
            along = np.array([_positions(bands)[band["band"]] for band in of_cube], float)
            mean, spread = (
                np.array([float(_values(band, name)[0]) for band in of_cube])
                for name in ("mean", "stddev_between_pixels")
            )
            _line(axes, along, mean, spread, colour, dash)
            continue
        for band in of_cube:
            along = _steps(column.part, band)
            line = (_values(band, "mean"), _values(band, "stddev_between_pixels"))
            _line(axes, along, *line, _band_colours(row)[band["band"]], dash)


def _line(axes: Axes, along: Floats, mean: Floats, spread: Floats, colour: str, dash: str) -> None:
    rising = np.argsort(along)
    along, mean, spread = along[rising], mean[rising], np.nan_to_num(spread[rising])
    axes.fill_between(along, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
    axes.plot(along, mean, dash, color=colour, linewidth=1.2, marker="o", markersize=2.2)


def _frame(axes: Axes, column: _Column, row: Row, *, is_first: bool, is_last: bool) -> None:
    """Name the ends of a panel: values to the left, steps below the last row, the title above the first."""
    bands = [band for band in row[column.part] if band["unit"] == column.unit]
    if column.part == "spectrum":
        places = _positions(bands)
        along, names = np.arange(len(places), dtype=float), list(places)
    else:
        steps = {
            float(at): name
            for band in bands
            for at, name in zip(
                _steps(column.part, band), _step_names(column.part, band), strict=True
            )
        }
        along, names = np.array(sorted(steps)), [steps[at] for at in sorted(steps)]
    every = -(-len(names) // FEW_STEPS) if column.part == "diurnal_cycle" else 1
    rotation = 90 if column.part == "spectrum" else 0
    axes.set_xticks(along[::every], names[::every] if is_last else [], rotation=rotation)
    room = max(0.06 * float(np.ptp(along)), 0.4)
    axes.set_xlim(float(along.min()) - room, float(along.max()) + room)
    axes.set_ylim(*column.limits)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    if is_first:
        axes.set_title(column.title, fontsize=7, color=INK, pad=4)
    axes.tick_params(labelsize=6, labelcolor=INK, width=0.6, length=2)
    axes.grid(color="0.92", linewidth=0.5)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set(color="0.4", linewidth=0.6, visible=name in {"left", "bottom"})


def _name(axes: Axes, row: Row, land_class: LandClass, bottom: float) -> None:
    """Write the colour, number, name and area of a class beside its row."""
    middle = bottom + 0.14 + (ROW_INCHES - 0.14) / 2
    axes.add_patch(
        Rectangle((0, middle - 0.16), 0.22, 0.32, facecolor=land_class.colour, edgecolor=INK, linewidth=0.4)
    )  # fmt: skip
    lines = (
        (land_class.name, 0.12, 8.0, INK),
        (f"number {row['number']},  {row['share']:.1%} of the pixels", -0.03, 6.0, FAINT),
        (f"{row['area_km2']:,.0f} km²", -0.15, 6.0, FAINT),
    )
    for text, above, size, colour in lines:
        axes.text(
            0.3, middle + above, text, fontsize=size, color=colour, va="center", clip_on=False
        )


def _legend(axes: Axes, row: Row) -> None:
    """Explain the colours of the bands, and the dashes of cubes of other times of day, below the rows."""
    colours, dashes = _band_colours(row), _dashes(row)
    lines = [Line2D([], [], color=colour, linewidth=2) for colour in colours.values()]
    names = list(colours)
    if len(dashes) > 1:
        lines += [
            Line2D([], [], color=INK, linestyle=dash, linewidth=1) for dash in dashes.values()
        ]
        names += [", ".join(cubes) for cubes in dashes]
    legend = axes.legend(
        lines, names, loc="upper left", bbox_to_anchor=(0, -0.36 / axes.get_ylim()[1]), fontsize=6.5,
        ncols=min(len(names), 10), frameon=False, borderaxespad=0, labelcolor=INK,
        title="bands of the cycles", title_fontsize=6.5, alignment="left",
    )  # fmt: skip
    legend.get_title().set_color(FAINT)


def _band_colours(row: Row) -> dict[str, str]:
    """Band -> colour of its line, by rising wavelength."""
    bands = list(_positions(row["spectrum"]))
    if len(bands) <= len(COLOURS):
        return dict(zip(bands, COLOURS, strict=False))
    shades = colormaps["viridis"](np.linspace(0, 0.92, len(bands)))
    return dict(zip(bands, map(to_hex, shades), strict=True))


def _dashes(row: Row) -> dict[tuple[str, ...], Dash]:
    """Cubes of the same times of day -> dash of their lines."""
    cubes: dict[tuple[int, ...], dict[str, None]] = {}
    for band in row["diurnal_cycle"]:
        cubes.setdefault(tuple(band["seconds"]), {})[band["cube"]] = None
    return {tuple(names): DASHES[n % len(DASHES)] for n, names in enumerate(cubes.values())}


def _positions(bands: Sequence[Row]) -> dict[str, int]:
    """Band -> its place among the bands, by rising wavelength; those without one are last."""
    waves = {band["band"]: band["wavelength_um"] or np.inf for band in bands}
    waves = {name: np.inf if np.isnan(wave) else wave for name, wave in waves.items()}
    return {name: place for place, name in enumerate(sorted(waves, key=lambda name: waves[name]))}


def _steps(part: str, band: Row) -> Floats:
    """Places of months, or of hours of a day that may go over midnight."""
    if part == "annual_cycle":
        return np.array(band["months"], float)
    return cycles.hours(band["seconds"])


def _step_names(part: str, band: Row) -> list[str]:
    if part == "annual_cycle":
        return [month_abbr[month][0] for month in band["months"]]
    return [f"{seconds / 3600:g}" for seconds in band["seconds"]]


def _values(band: Row, name: str) -> Floats:
    """One or more values, NaN where the document has null."""
    return np.atleast_1d(np.array(band[name], float))


def _source(document: Row) -> str:
    return str(document["run"] or document["labels"].rpartition("/")[2])


def _caption(document: Row, shown: Sequence[Row]) -> str:
    count = len(document["classes"])
    text = (
        f"The {len(shown)} largest of {count} classes"
        if count > len(shown)
        else f"The {count} classes"
    )
    text += (
        ", the largest above. Lines: the mean of all clear-sky observations of a class. Shades: one standard "
        "deviation between its pixels, to both sides. The year is over all times of day, the day over all "
        "months. The axes of a column are the same in all rows."
    )
    if document["pixels_without_class"]:
        text += f" {document['pixels_without_class']:,} pixels have no class."
    return text
