"""The part of the fixed grid that a picture shows, and its graticule.

Axes of a map are scan angles in radians; lines of whole longitudes and latitudes explain them, with
their degrees along the frame, or inside where the view reaches beyond the limb.
"""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from lake import grid
from lake.domain import Domain, Image
from lake.grid import Floats, Grid, Projection

FAINT = "0.4"
_STEPS = (0.5, 1, 2, 5, 10, 15, 20, 30)
"""Between the lines of a graticule, degrees."""
_LINES = 7
"""Of one direction, at most."""

Line = tuple[str, tuple[Floats, Floats]]
"""Its name; y and x along it, rad."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The part of the coarse grid that a picture shows."""

    grid: Grid
    """Of what is shown."""
    rows: slice
    columns: slice
    whole: tuple[int, int]
    """Shape of the coarse grid."""

    def crop(self, image: Image) -> Image:
        """What is shown of an image of the whole grid, at any refinement."""
        n = image.shape[0] // self.whole[0]
        rows, columns = (slice(s.start * n, s.stop * n) for s in (self.rows, self.columns))
        return image[rows, columns]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Outer edges (west, east, south, north), rad."""
        y, x = self.grid.y, self.grid.x
        dy, dx = (y[0] - y[-1]) / (y.size - 1) / 2, (x[-1] - x[0]) / (x.size - 1) / 2
        return float(x[0] - dx), float(x[-1] + dx), float(y[-1] - dy), float(y[0] + dy)


def around(domain: Domain, margin: float = 0.03) -> View:
    """The view of a domain with some space around it."""
    shown = []
    for index, size in zip((domain.row, domain.column), domain.grid.shape, strict=True):
        first, last = int(index.min()), int(index.max())
        space = max(2, round(margin * (last - first)))
        shown.append(slice(max(0, first - space), min(size, last + space + 1)))
    rows, columns = shown
    part = Grid(domain.grid.projection, domain.grid.y[rows], domain.grid.x[columns])
    return View(part, rows, columns, domain.grid.shape)


def graticule(axes: Axes, view: View) -> None:
    """Lines of whole longitudes and latitudes, named along the frame, or inside beyond the limb."""
    projection = view.grid.projection
    origin = projection.longitude_of_projection_origin
    lon, lat = _corners(view)
    east = (lon - origin + 180) % 360 - 180  # of the origin, so that no line breaks at 180 degrees
    if not np.isfinite(lat).any():
        return
    spans = [_span(a) for a in (east + origin, lat)]
    meridians, parallels = (_whole(*span) for span in spans)
    fine = [np.linspace(*span, 400) for span in spans]
    lines = {
        "x": [(longitude(m), grid.scan_angles(projection, m, fine[1])) for m in meridians],
        "y": [(latitude(p), grid.scan_angles(projection, fine[0], p)) for p in parallels],
    }
    for y, x in (line for named in lines.values() for _, line in named):
        axes.plot(x, y, color="0.25", alpha=0.35, linewidth=0.5, zorder=3)
    if np.isfinite(lat).all():
        _name_outside(axes, view, lines)
    else:
        _name_inside(axes, projection, meridians, parallels)


def longitude(degrees: float, digits: int | None = None) -> str:
    """Degrees east or west, e.g. `75.0° W`; `digits` after the point, None: as many as needed."""
    return _degrees((degrees + 180) % 360 - 180, "EW", digits)


def latitude(degrees: float, digits: int | None = None) -> str:
    """Degrees north or south."""
    return _degrees(degrees, "NS", digits)


def _name_outside(axes: Axes, view: View, lines: dict[str, list[Line]]) -> None:
    west, _, south, _ = view.extent
    for name, at, inside in (("x", south, axes.get_xlim()), ("y", west, axes.get_ylim())):
        ticks = []
        for label, (y, x) in lines[name]:
            along, across = (x, y) if name == "x" else (y, x)
            where = _crossing(along, across, at)
            if where is not None and inside[0] < where < inside[1]:
                ticks.append((where, label))
        (axes.set_xticks if name == "x" else axes.set_yticks)(
            [where for where, _ in ticks], [label for _, label in ticks]
        )
    axes.tick_params(labelsize=7, length=2.5, width=0.6, color="0.4", labelcolor=FAINT)


def _name_inside(axes: Axes, projection: Projection, meridians: Floats, parallels: Floats) -> None:
    middle, base = (a[np.abs(a - a.mean()).argmin()] for a in (meridians, parallels))
    names = [(longitude(m), m, base) for m in meridians if m != middle]
    names += [(latitude(p), middle, p) for p in parallels if p != base]
    names += [(f"{latitude(base)}, {longitude(middle)}", middle, base)]
    halo = [withStroke(linewidth=1.6, foreground="white", alpha=0.8)]
    west, east = axes.get_xlim()
    for text, lon, lat in names:
        y, x = (float(angle) for angle in grid.scan_angles(projection, lon, lat))
        if abs(x - (west + east) / 2) < 0.46 * (east - west):
            axes.text(
                x, y, text, fontsize=5.5, color="0.2", zorder=4, clip_on=True,
                ha="center", va="center", path_effects=halo,
            )  # fmt: skip


def _corners(view: View) -> tuple[Floats, Floats]:
    """Longitude and latitude of about 60 x 60 points of the view, its edges among them."""
    y, x = (
        a[np.linspace(0, a.size - 1, 60).round().astype(int)] for a in (view.grid.y, view.grid.x)
    )
    return grid.lonlat(view.grid.projection, y[:, None], x[None, :])


def _span(degrees: Floats) -> tuple[float, float]:
    """From the least to the greatest, and a little beyond: lines reach the frame."""
    low, high = float(np.nanmin(degrees)), float(np.nanmax(degrees))
    beyond = 0.05 * (high - low)
    return low - beyond, high + beyond


def _whole(low: float, high: float) -> Floats:
    """Degrees of the lines between `low` and `high`."""
    step = next((s for s in _STEPS if (high - low) / s <= _LINES), _STEPS[-1])
    return np.arange(ceil(low / step), floor(high / step) + 1, dtype=np.float64) * step


def _crossing(along: Floats, across: Floats, at: float) -> float | None:
    """Where a line first passes `at`; None if it does not."""
    side = np.sign(across - at)
    found = np.flatnonzero(side[1:] * side[:-1] <= 0)
    if not found.size:
        return None
    i = int(found[0])
    share = (at - across[i]) / (across[i + 1] - across[i])
    return float(along[i] + share * (along[i + 1] - along[i]))


def _degrees(value: float, sides: str, digits: int | None) -> str:
    number = f"{abs(value):g}" if digits is None else f"{abs(value):.{digits}f}"
    return f"{number}°" if value in {0, -180} else f"{number}° {sides[int(value < 0)]}"
