"""Lines of whole longitudes and latitudes on a map, with their degrees along its frame.

Where the view reaches beyond the limb, the degrees stand inside.
"""

from math import ceil, floor

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from lake.format.arrays import Floats
from lake.plot.views import MapView

FAINT = "0.4"
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30)
"""Possible distances of the lines in degrees."""
_LINES = 7
"""Largest number of lines in one direction."""

Line = tuple[str, tuple[Floats, Floats]]
"""A line: its name; x and y along it, in the units of the map."""


def graticule(axes: Axes, map_view: MapView) -> None:
    """Draw the lines and their degrees."""
    west, east, south, north = map_view.degrees
    if not np.isfinite(west):
        return
    meridians, parallels = _whole(west, east), _whole(south, north)
    lon, lat = (_beyond(*span) for span in ((west, east), (south, north)))
    lines = {
        "x": [(longitude(m), map_view.place(np.full(lat.size, m), lat)) for m in meridians],
        "y": [(latitude(p), map_view.place(lon, np.full(lon.size, p))) for p in parallels],
    }
    for x, y in (line for named in lines.values() for _, line in named):
        axes.plot(x, y, color="0.25", alpha=0.35, linewidth=0.5, zorder=3)
    if map_view.is_filled:
        _name_outside(axes, map_view, lines)
    else:
        _name_inside(axes, map_view, meridians, parallels)


def longitude(degrees: float, digits: int | None = None) -> str:
    """A longitude as text, e.g. `75.0° W`; `digits` after the point, None: as many as needed."""
    return _degrees((degrees + 180) % 360 - 180, "EW", digits)


def latitude(degrees: float, digits: int | None = None) -> str:
    """A latitude as text, e.g. `30° S`."""
    return _degrees(degrees, "NS", digits)


def _name_outside(axes: Axes, map_view: MapView, lines: dict[str, list[Line]]) -> None:
    west, _, south, _ = map_view.extent
    for name, at, inside in (("x", south, axes.get_xlim()), ("y", west, axes.get_ylim())):
        ticks = []
        for label, (x, y) in lines[name]:
            along, across = (x, y) if name == "x" else (y, x)
            position = _crossing(along, across, at)
            if position is not None and inside[0] < position < inside[1]:
                ticks.append((position, label))
        (axes.set_xticks if name == "x" else axes.set_yticks)(
            [position for position, _ in ticks], [label for _, label in ticks]
        )
    axes.tick_params(labelsize=7, length=2.5, width=0.6, color="0.4", labelcolor=FAINT)


def _name_inside(axes: Axes, map_view: MapView, meridians: Floats, parallels: Floats) -> None:
    middle, base = (a[np.abs(a - a.mean()).argmin()] for a in (meridians, parallels))
    names = [(longitude(m), m, base) for m in meridians if m != middle]
    names += [(latitude(p), middle, p) for p in parallels if p != base]
    names += [(f"{latitude(base)}, {longitude(middle)}", middle, base)]
    halo = [withStroke(linewidth=1.6, foreground="white", alpha=0.8)]
    west, east = axes.get_xlim()
    for text, lon, lat in names:
        x, y = (float(at) for at in map_view.place(lon, lat))
        if abs(x - (west + east) / 2) < 0.46 * (east - west):
            axes.text(
                x, y, text, fontsize=5.5, color="0.2", zorder=4, clip_on=True,
                ha="center", va="center", path_effects=halo,
            )  # fmt: skip


def _beyond(low: float, high: float) -> Floats:
    """Points from `low` to `high`, and a little beyond, so that lines reach the frame."""
    more = 0.05 * (high - low)
    return np.linspace(low - more, high + more, 400)


def _whole(low: float, high: float) -> Floats:
    """Degrees of the lines between `low` and `high`, and a little beyond."""
    more = 0.05 * (high - low)
    low, high = low - more, high + more
    step = next((s for s in _STEPS if (high - low) / s <= _LINES), _STEPS[-1])
    return np.arange(ceil(low / step), floor(high / step) + 1, dtype=np.float64) * step


def _crossing(along: Floats, across: Floats, at: float) -> float | None:
    """Position along a line where it first passes `at`; None if it never does."""
    side = np.sign(across - at)
    crossings = np.flatnonzero(side[1:] * side[:-1] <= 0)
    if not crossings.size:
        return None
    i = int(crossings[0])
    share = (at - across[i]) / (across[i + 1] - across[i])
    return float(along[i] + share * (along[i + 1] - along[i]))


def _degrees(value: float, sides: str, digits: int | None) -> str:
    number = f"{abs(value):g}" if digits is None else f"{abs(value):.{digits}f}"
    return f"{number}°" if value in {0, -180} else f"{number}° {sides[int(value < 0)]}"
