"""Coast lines and borders on maps."""

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from lake.outlines import lines
from lake.plot.view import Shown

STYLES = {
    "state": ("0.2", 0.3),
    "border": ("0.1", 0.5),
    "coast": ("0.1", 0.6),
}
"""Kinds of lines, from below: colour, and width in points."""
WIDE = 110
"""Degrees from side to side, above which borders of states are left out."""


@cache
def read(kind: str) -> NDArray[np.float64]:
    """(point, 2) degrees east and north of all lines of a kind, NaN between two lines."""
    steps = lines.read(kind)
    ends = np.cumsum([len(line) for line in steps])[:-1]
    return np.insert(np.concatenate(steps) * lines.STEP, ends, np.nan, axis=0)


def draw(axes: Axes, shown: Shown, width: float = 1) -> None:
    """Draw the coast lines and borders that a map shows, this many times as wide as usual."""
    west, east, south, north = shown.degrees
    for kind, (colour, thick) in STYLES.items():
        if kind == "state" and (east - west > WIDE or north - south > WIDE):
            continue
        x, y = _visible(*shown.place(*read(kind).T), shown.extent)
        halo = [withStroke(linewidth=2.4 * width * thick, foreground="1", alpha=0.35)]
        axes.plot(
            x, y, color=colour, linewidth=width * thick, zorder=3.5, path_effects=halo, label=kind
        )  # fmt: skip


def _visible(
    x: NDArray[np.float64], y: NDArray[np.float64], extent: tuple[float, float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points within the extent and their neighbours; one NaN where others were."""
    west, east, south, north = extent
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    near = inside.copy()
    near[1:] |= inside[:-1]
    near[:-1] |= inside[1:]
    kept = near.copy()
    kept[1:] |= near[:-1]  # the first one left out ends a line
    return np.where(near, x, np.nan)[kept], np.where(near, y, np.nan)[kept]
