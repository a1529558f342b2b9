"""Loops of chosen pixels: their vectors over the year or the day, in the plane in which they move most."""

from calendar import month_abbr
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.lines import Line2D

from jobs.figures.captioned_maps import CaptionedFigure
from jobs.runs import outputs, records
from lake.errors import ConfigError
from lake.format.arrays import Floats
from lake.plot import canvas
from lake.plot.canvas import INK, Heading
from lake.plot.cycles import COLOURS, MARKERS, POINTS
from lake.plot.graticule import latitude, longitude

Over = Literal["annual", "diurnal"]
JOB = "trajectory"
SIZE = (5.2, 5.2)


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """The loop of a pixel."""

    name: str
    vectors: Floats
    """(step, latent) NaN: not observed."""


def draw(
    root: str, run: str, points: Sequence[tuple[float, float]], over: Over = "annual"
) -> CaptionedFigure:
    """Draw the loops of the pixels at some points.

    Args:
        root: folder or URL of the lake.
        run: of `lake trajectory`.
        points: (lon, lat) in degrees, 8 at most.
        over: `annual`: means over the times of day of each month; `diurnal`: over the months.

    Raises:
        ConfigError: a run of another job, or no or too many points.
        GeometryError: a point lies in no pixel of the store.
        MissingError: there is no such run, or it is not complete.
    """
    spec = records.finished_spec(root, run)
    if spec.job != JOB:
        raise ConfigError(f"run {run} is of {spec.job}: wanted one of 'lake {JOB}'")
    if not 1 <= len(points) <= POINTS:
        raise ConfigError(f"{len(points)} points: wanted 1 to {POINTS} of (lon, lat)")
    store = records.open_input(root, spec.stores[0])
    lon, lat = (np.array(axis, float) for axis in zip(*points, strict=True))
    pixels = store.pixels_at(lon, lat)
    trajectory = outputs.read(root, run, JOB, pixels).astype(np.float64)  # (point, month, tod, latent)
    along = 2 if over == "annual" else 1
    loops = [
        Loop(f"{latitude(y, 2)}, {longitude(x, 2)}", _mean(pixel, along - 1))
        for x, y, pixel in zip(lon, lat, trajectory, strict=True)
    ]
    months, tods = (outputs.read(root, run, name) for name in ("month", "tod"))
    labels = (
        [month_abbr[month] for month in months]
        if over == "annual"
        else [f"{tod / 3600:02.0f}" for tod in tods]
    )
    return chart(str(store.key), loops, labels, over)


def chart(key: str, loops: Sequence[Loop], labels: Sequence[str], over: Over) -> CaptionedFigure:
    """The chart of some loops.

    Args:
        key: of the store.
        loops: in one space of vectors.
        labels: of the steps.
        over: the cycle.
    """
    title = f"{over.capitalize()} loops"
    sheet = canvas.chart_sheet(
        Heading(title, f"{key}  |  vectors along their two directions of most movement"), SIZE
    )
    plane = _plane([loop.vectors for loop in loops])
    for number, loop in enumerate(loops):
        placed = (loop.vectors @ plane.T)[np.isfinite(loop.vectors).all(axis=1)]
        closed = np.concatenate([placed, placed[:1]]) if over == "annual" else placed
        sheet.map.plot(*closed.T, color=COLOURS[number], linewidth=1.2, zorder=3)
        sheet.map.plot(
            *placed.T, MARKERS[number], color=COLOURS[number], markersize=4.5, zorder=4
        )
        observed = [
            label
            for label, vector in zip(labels, loop.vectors, strict=True)
            if np.isfinite(vector).all()
        ]
        for label, place in zip(observed, placed, strict=True):
            sheet.map.annotate(
                label, place, (3, 3), textcoords="offset points", fontsize=5.5, color=COLOURS[number]
            )
    sheet.map.set_aspect("equal", adjustable="datalim")
    sheet.map.set_xlabel("most movement; noise is 1", fontsize=8.5, color=INK)
    sheet.map.set_ylabel("second direction", fontsize=8.5, color=INK)
    sheet.map.tick_params(labelsize=7.5, labelcolor=INK, width=0.6, length=2.5)
    sheet.map.grid(color="0.9", linewidth=0.6)
    sheet.map.legend(
        handles=[
            Line2D([], [], color=COLOURS[n], marker=MARKERS[n], markersize=4.5, label=loop.name)
            for n, loop in enumerate(loops)
        ],
        loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=7.5, labelcolor=INK,
    )  # fmt: skip
    caption = (
        f"Where the vectors of {len(loops)} pixels go over the {'year' if over == 'annual' else 'day'}, "
        "each by a line of its own. Stable surfaces are a knot, what moves is a loop; the longer the "
        "way between two steps, the faster it moved."
    )
    return CaptionedFigure(title, caption, canvas.fit(sheet.figure))


def _mean(vectors: Floats, axis: int) -> Floats:
    """(step, latent) means over an axis, of what is not NaN; NaN where all is."""
    observed = np.isfinite(vectors)
    count = observed.sum(axis=axis)
    total = np.where(observed, vectors, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _plane(loops: Sequence[Floats]) -> Floats:
    """(2, latent) directions in which the vectors move most about the centres of their loops."""
    centred = [loop - _mean(loop, 0) for loop in loops]
    rows = np.concatenate([loop[np.isfinite(loop).all(axis=1)] for loop in centred])
    _, vectors = np.linalg.eigh(rows.T @ rows)
    leading = vectors[:, ::-1][:, :2].T
    return np.pad(leading, ((0, 2 - len(leading)), (0, 0)))
