"""A sheet with a map of the satellite's fixed grid: frame, graticule, headings, bars, PNG.

Maps keep the satellite's projection: their axes are scan angles in radians, which the graticule and
the degrees along the frame explain. Figures are made through matplotlib's objects alone: no
global state, no display.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from lake import grid
from lake.domain import Domain, Image
from lake.grid import Floats, Grid, Projection

INK, FAINT = "0.15", "0.4"
SEA, SPACE = (0.945, 0.955, 0.965), (1.0, 1.0, 1.0)
"""What lies around the pixels of a store."""
MAP_INCHES = (6.8, 6.2)
"""Width and height that a map fits into."""
GAP = 0.22
"""Inches between a map and the panel beside it."""
DPI = 150, 300
"""As many dots as show every pixel, within these."""
_STEPS = (0.5, 1, 2, 5, 10, 15, 20, 30)
"""Between the lines of a graticule, degrees."""
_LINES = 7
"""Of one direction, at most."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A figure with a map."""

    figure: Figure
    map: Axes


@dataclass(frozen=True, slots=True)
class Heading:
    """What a picture is of."""

    title: str
    about: str
    """Key, month, time of day, band: what the title leaves out."""


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


def sheet(view: View, heading: Heading) -> Sheet:
    """An empty map of the view with headings and graticule."""
    rows, columns = view.grid.shape
    scale = min(MAP_INCHES[0] / columns, MAP_INCHES[1] / rows)
    size = columns * scale, rows * scale
    dots = min(max(1 / scale, DPI[0]), DPI[1])
    figure = Figure(figsize=size, dpi=dots, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    _frame(axes, view)
    _head(axes, heading)
    return Sheet(figure, axes)


def beside(drawn: Sheet, width: float, *, square: bool = False) -> Axes:
    """A panel to the right of the map, `width` inches wide, as high as the map or square.

    It lies beyond the figure's own size; `png` cuts the sheet to what is drawn.
    """
    wide, high = drawn.figure.get_size_inches()
    height = min(width, high) if square else high
    return drawn.figure.add_axes(
        (1 + GAP / wide, 1 - height / high, width / wide, height / high)
    )


def paint(axes: Axes, view: View, image: Image, zorder: float = 1, **how: Any) -> None:  # noqa: ANN401 (as imshow takes it)
    """Put an image of what the view shows, at any refinement, onto its map."""
    axes.imshow(
        image, extent=view.extent, origin="upper", interpolation="nearest", zorder=zorder, **how
    )


def bars(
    axes: Axes, title: str, labels: Sequence[str], shares: ArrayLike, colours: NDArray[np.float64]
) -> None:
    """A legend whose entries are bars as long as the share that they stand for.

    Args:
        axes: empty.
        title: what the shares are of.
        labels: one or more, from the top.
        shares: (n,) 0 to 1.
        colours: (n, 3)
    """
    shares = np.asarray(shares, np.float64)
    rows = np.arange(len(labels))
    wide, high = _inches(axes)
    pitch = min(0.26, high / (len(labels) + 1.2))
    size = min(8.0, pitch * 72 * 0.62)
    start = max(map(len, labels)) * size * 0.6 / 72 + 0.05
    lengths = shares * ((wide - start - 5 * size * 0.7 / 72) / max(float(shares.max()), 1e-9))
    axes.set_xlim(0, wide)
    axes.set_ylim(high / pitch - 1.2, -1.2)
    axes.axis("off")
    axes.text(0, -0.85, title, fontsize=8, color=INK, va="center")
    axes.barh(
        rows, lengths, left=start, color=colours, height=0.78, edgecolor=INK, linewidth=0.3
    )  # fmt: skip
    for row, label, share, length in zip(rows, labels, shares, lengths, strict=True):
        axes.text(start - 0.05, row, label, ha="right", va="center", fontsize=size, color=INK)
        axes.text(
            start + length + 0.05, row, _percent(share), va="center", fontsize=size, color=FAINT
        )


def png(figure: Figure, **about: str) -> bytes:
    """The figure as a PNG file; `about` goes into its text chunks (Title, Description, Source)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.12, metadata=about)
    return buffer.getvalue()


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
        "x": [(_longitude(m), grid.scan_angles(projection, m, fine[1])) for m in meridians],
        "y": [(_latitude(p), grid.scan_angles(projection, fine[0], p)) for p in parallels],
    }
    for y, x in (line for named in lines.values() for _, line in named):
        axes.plot(x, y, color="0.25", alpha=0.35, linewidth=0.5, zorder=3)
    if np.isfinite(lat).all():
        _name_outside(axes, view, lines)
    else:
        _name_inside(axes, projection, meridians, parallels)


def _frame(axes: Axes, view: View) -> None:
    """Sea and space below, the graticule above what will be painted between."""
    lon, _ = grid.lonlat(view.grid.projection, view.grid.y[:, None], view.grid.x[None, :])
    paint(axes, view, np.where(np.isnan(lon)[:, :, None], SPACE, SEA), zorder=0)
    west, east, south, north = view.extent
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="0.4", linewidth=0.6)
    graticule(axes, view)
    seen_from = _longitude(view.grid.projection.longitude_of_projection_origin, digits=1)
    axes.annotate(
        f"satellite's fixed grid, seen from {seen_from}",
        (1, 0), (0, -17), "axes fraction", "offset points",
        ha="right", va="top", fontsize=6.5, color=FAINT,
    )  # fmt: skip


def _head(axes: Axes, heading: Heading) -> None:
    for text, up, size, weight, colour in (
        (heading.title, 21, 12, "bold", INK),
        (heading.about, 7, 7.5, "normal", FAINT),
    ):
        axes.annotate(
            text, (0, 1), (0, up), "axes fraction", "offset points",
            ha="left", va="bottom", fontsize=size, fontweight=weight, color=colour,
        )  # fmt: skip


Line = tuple[str, tuple[Floats, Floats]]
"""Its name; y and x along it, rad."""


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
    names = [(_longitude(m), m, base) for m in meridians if m != middle]
    names += [(_latitude(p), middle, p) for p in parallels if p != base]
    names += [(f"{_latitude(base)}, {_longitude(middle)}", middle, base)]
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
    return np.arange(ceil(low / step), floor(high / step) + 1) * step


def _crossing(along: NDArray[np.float64], across: NDArray[np.float64], at: float) -> float | None:
    """Where a line first passes `at`; None if it does not."""
    side = np.sign(across - at)
    found = np.flatnonzero(side[1:] * side[:-1] <= 0)
    if not found.size:
        return None
    i = int(found[0])
    share = (at - across[i]) / (across[i + 1] - across[i])
    return float(along[i] + share * (along[i + 1] - along[i]))


def _longitude(degrees: float, digits: int | None = None) -> str:
    return _degrees((degrees + 180) % 360 - 180, "EW", digits)


def _latitude(degrees: float) -> str:
    return _degrees(degrees, "NS", None)


def _degrees(value: float, sides: str, digits: int | None) -> str:
    number = f"{abs(value):g}" if digits is None else f"{abs(value):.{digits}f}"
    return f"{number}°" if value == 0 else f"{number}° {sides[int(value < 0)]}"


def _inches(axes: Axes) -> tuple[float, float]:
    """Width and height of the axes."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("axes without a figure have no size: make them with Figure.add_axes")
    wide, high = figure.get_size_inches()
    place = axes.get_position()
    return float(wide * place.width), float(high * place.height)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 or share == 0 else "<0.1%"
