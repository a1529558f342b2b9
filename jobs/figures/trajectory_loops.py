"""Loops of chosen pixels: where their vectors go over the year or the day, in both periods."""

from calendar import month_abbr
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from jobs.figures.captioned_maps import CaptionedFigure
from jobs.runs import outputs, records
from lake.errors import ConfigError
from lake.format.arrays import Bools, Floats
from lake.plot import canvas, cycles
from lake.plot.canvas import INK, Heading
from lake.plot.cycles import COLOURS, MARKERS
from lake.plot.graticule import FAINT, latitude, longitude
from lake.reading.store import Store

Over = Literal["annual", "diurnal"]
OVER: tuple[Over, ...] = get_args(Over)
PIXELS = cycles.POINTS
"""Largest number of pixels."""
LEAST_STEPS = 3
SIZE = (5.4, 5.0)


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """The loop of a pixel."""

    name: str
    periods: tuple[Floats, Floats]
    """(step, 2) place in the plane in each period; NaN: not observed."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The steps of a loop, and what the plane shows."""

    over: Over
    steps: tuple[str, ...]
    """Labels of the steps."""
    across: str
    up: str
    is_closed: bool
    """Whether the last step is followed by the first."""
    is_against_time: bool = False
    """Whether steps run across: one direction alone makes no plane."""


def draw(root: str, run: str, pixels: Sequence[int], over: Over = "annual") -> CaptionedFigure:
    """Draw the loops of pixels.

    Args:
        root: folder or URL of the lake.
        run: of `lake trajectory`.
        pixels: positions in the store, 8 at most.
        over: `annual`: means over the times of day; `diurnal`: over the months.

    Raises:
        ConfigError: a run of another job, no or too many pixels, or too few steps.
        MissingError: there is no such run, or it is not complete.
    """
    if not 1 <= len(pixels) <= PIXELS:
        raise ConfigError(f"{len(pixels)} pixels: wanted 1 to {PIXELS}")
    check(root, run, over)
    spec = records.read_spec(root, run)
    captioned = of_run(root, run, records.open_input(root, spec.stores[0]), pixels, over)
    canvas.fit(captioned.figure)
    return captioned


def check(root: str, run: str, over: Over) -> None:
    """Refuse a run that has no loops.

    Raises:
        ConfigError: a run of another job, or too few steps.
        MissingError: there is no such run, or it is not complete.
    """
    spec = records.finished_spec(root, run)
    if spec.job != "trajectory":
        raise ConfigError(
            f"run {run} is of {spec.job}, which has no loops: wanted one of 'lake trajectory'; 'lake plot "
            f"run {run}' draws what this one has"
        )
    if not has_loops(root, run, over):
        raise ConfigError(f"run {run} has too few steps of {over} loops: wanted {LEAST_STEPS}")


def has_loops(root: str, run: str, over: Over) -> bool:
    """Whether a run has enough steps of a cycle."""
    return len(outputs.read(root, run, "month" if over == "annual" else "tod")) >= LEAST_STEPS


def of_run(root: str, run: str, store: Store, pixels: Sequence[int], over: Over) -> CaptionedFigure:
    """The captioned chart of the loops of a run, which may be still under way; arguments as of `draw`."""
    rows = np.array(pixels, np.int64)
    months, tods = (outputs.read(root, run, name) for name in ("month", "tod"))
    positions = months.astype(float) if over == "annual" else cycles.hours(tods.tolist())
    latent = [str(name) for name in outputs.read(root, run, "latent")]
    is_flat = len(outputs.read(root, run, "channel")) == 1 or len(latent) == 1
    trajectories = [outputs.read(root, run, name, rows) for name in ("trajectory", "second")]
    courses = [course(values.astype(np.float64), over) for values in trajectories]
    along = 0 if over == "annual" else len(latent) - 1
    if is_flat:  # one direction alone: against time
        across, up = "month" if over == "annual" else "hour (UTC)", _label(latent[along])
        across_values = np.broadcast_to(positions, courses[0].shape[:2])
        planes = [np.stack([across_values, values[..., along]], axis=-1) for values in courses]
    else:
        across, up = _label(latent[0]), _label(latent[-1])
        planes = [values[..., [0, -1]] for values in courses]
    lon, lat = (coordinate[rows] for coordinate in store.domain.lonlat())
    loops = [
        Loop(f"{latitude(y, 2)}, {longitude(x, 2)}", (first, second))
        for x, y, first, second in zip(lon.tolist(), lat.tolist(), *planes, strict=True)
    ]
    names = (
        tuple(month_abbr[month] for month in months)
        if over == "annual"
        else tuple(f"{tod / 3600:02.0f}" for tod in tods)
    )
    is_closed = not is_flat and _is_closed(positions, 12 if over == "annual" else 24)
    return chart(str(store.key), loops, Axis(over, names, across, up, is_closed, is_flat))


def course(trajectory: Floats, over: Over) -> Floats:
    """(pixel, step, latent) means over the other cycle, of which the mean course is taken off before.

    So a month in which no morning was observed is no warmer for that.

    Args:
        trajectory: (pixel, month, tod, latent), NaN: not observed.
        over: the cycle that stays.
    """
    across, along = (1, 2) if over == "annual" else (2, 1)
    level = _mean(trajectory, across)  # of each step of the other cycle, over this one
    centre = _mean(level, 1)
    own = trajectory - np.expand_dims(level, across) + centre[:, None, None]
    return _mean(own, along)


def chart(key: str, loops: Sequence[Loop], axis: Axis) -> CaptionedFigure:
    """The chart of some loops.

    Args:
        key: of the store.
        loops: in one plane.
        axis: what they go over, and what the plane shows.
    """
    title = f"{axis.over.capitalize()} loops"
    sheet = canvas.chart_sheet(
        Heading(title, f"{key}  |  line: this period, dashed: the other  |  noise of a slot is 1"),
        SIZE,
    )
    for number, loop in enumerate(loops):
        for style, places in zip(("-", "--"), loop.periods, strict=True):
            _line(sheet.map, places, number, style, axis)
    sheet.map.set_xlabel(axis.across, fontsize=8.5, color=INK)
    sheet.map.set_ylabel(axis.up, fontsize=8.5, color=INK)
    sheet.map.tick_params(labelsize=7.5, labelcolor=INK, width=0.6, length=2.5)
    sheet.map.grid(color="0.9", linewidth=0.6)
    sheet.map.set_axisbelow(True)
    sheet.map.legend(
        handles=[
            Line2D([], [], color=COLOURS[n], marker=MARKERS[n], markersize=4.5, label=loop.name)
            for n, loop in enumerate(loops)
        ],
        loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=7.5, labelcolor=INK,
    )  # fmt: skip
    whole = "year" if axis.over == "annual" else "day"
    shapes = ("level", "a hill") if axis.is_against_time else ("a knot", "a loop")
    caption = (
        f"Where {len(loops)} pixels go over the {whole}. What stays is {shapes[0]}, what moves is "
        f"{shapes[1]}. The "
        "two periods of a pixel, line and dashed, differ by noise and by what changed between them."
    )
    return CaptionedFigure(title, caption, sheet.figure)


def _line(axes: Axes, places: Floats, number: int, style: str, axis: Axis) -> None:
    """Draw the loop of a pixel in one period; the first period has its steps named."""
    known: Bools = np.all(np.isfinite(places), axis=1)
    observed = places[known]
    line = np.concatenate([observed, observed[:1]]) if axis.is_closed else observed
    is_first = style == "-"
    axes.plot(
        *line.T, style, color=COLOURS[number], linewidth=1.2 if is_first else 0.8,
        alpha=1 if is_first else 0.6, zorder=3,
    )  # fmt: skip
    if not is_first:
        return
    axes.plot(*observed.T, MARKERS[number], color=COLOURS[number], markersize=4, zorder=4)
    labels = [step for step, is_known in zip(axis.steps, known, strict=True) if is_known]
    for label, place in zip(labels, observed, strict=True):
        axes.annotate(
            label, place, (3, 3), textcoords="offset points", fontsize=5.5, color=FAINT
        )  # fmt: skip


def _label(latent: str) -> str:
    """The label of an axis along a number of a vector."""
    cycle, _, number = latent.partition("-")
    whole = {"yearly": "year", "daily": "day"}[cycle]
    return f"along direction {int(number) + 1} of the {whole}"


def _is_closed(positions: Floats, length: float) -> bool:
    """Whether the gap from the last step to the first is no larger than the others."""
    gaps = np.diff(positions)
    return bool(positions[0] + length - positions[-1] <= gaps.max() + 1e-9)


def _mean(values: Floats, axis: int) -> Floats:
    """Means along an axis of what is not NaN; NaN where all is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
