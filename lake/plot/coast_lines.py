"""Coast lines and borders on maps."""

from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from lake.outlines import lines
from lake.plot.views import MapView

STYLES = {
    "state": ("0.2", 0.3),
    "border": ("0.1", 0.5),
    "coast": ("0.1", 0.6),
}
"""Kind of line -> colour, and width in points; the last is drawn on top."""
WIDE = 110
"""Extent of a map in degrees above which it has no borders of states."""


@cache
def read(kind: str) -> NDArray[np.float64]:
    """(point, 2) degrees east and north along all lines of a kind, NaN between two lines."""
    steps = lines.read(kind)
    ends = np.cumsum([len(line) for line in steps])[:-1]
    return np.insert(np.concatenate(steps) * lines.STEP, ends, np.nan, axis=0)


def draw(axes: Axes, map_view: MapView, width: float = 1) -> None:
    """Draw the coast lines and borders of a map, `width` times as wide as usual."""
    west, east, south, north = map_view.degrees
    for kind, (colour, thickness) in STYLES.items():
        if kind == "state" and (east - west > WIDE or north - south > WIDE):
            continue
        x, y = _visible(*map_view.place(*read(kind).T), map_view.extent)
        halo = [withStroke(linewidth=2.4 * width * thickness, foreground="1", alpha=0.35)]
        axes.plot(
            x, y, color=colour, linewidth=width * thickness, zorder=3.5, path_effects=halo, label=kind
        )  # fmt: skip


def _visible(
    x: NDArray[np.float64], y: NDArray[np.float64], extent: tuple[float, float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points within the extent and their neighbours; one NaN in place of each run of points outside."""
    west, east, south, north = extent
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    neighbouring = inside.copy()
    neighbouring[1:] |= inside[:-1]
    neighbouring[:-1] |= inside[1:]
    selected = neighbouring.copy()
    selected[1:] |= neighbouring[:-1]  # the first one left out ends a line
    return np.where(neighbouring, x, np.nan)[selected], np.where(neighbouring, y, np.nan)[selected]
