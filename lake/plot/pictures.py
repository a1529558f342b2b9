"""Pictures of maps: pure functions that take arrays and return figures.

Every picture shows a part of the Earth (`lake.plot.views`) under a `Heading`. Values are of the
pixels in store order, (P,) or (P, ...); NaN, or class -1, means that a pixel has no value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isqrt, log10, sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from lake.format import grid, order
from lake.format.domain import Domain, Image
from lake.plot import colours
from lake.plot.canvas import (
    INK,
    Heading,
    Sheet,
    add_map,
    add_panel,
    bars,
    explain_grey,
    map_sheet,
    paint,
)
from lake.plot.graticule import FAINT
from lake.plot.views import GridView, MapView
from lake.reading.classes import LandClass
from lake.reading.classes import rgb as rgb_of

Masked = np.ma.MaskedArray[Any, np.dtype[np.floating]]

LAND = (0.72, 0.75, 0.64)
BLUE = "#0072B2"
BLOCKS = np.array(
    [[0.73, 0.83, 0.93], [0.98, 0.86, 0.65], [0.75, 0.89, 0.76], [0.95, 0.78, 0.80],
     [0.85, 0.80, 0.93], [0.98, 0.95, 0.72]]
)  # fmt: skip
"""Pale colours of superblocks."""
PRIMARIES = np.array([[0.84, 0.12, 0.12], [0.12, 0.6, 0.2], [0.15, 0.3, 0.85]])
ZOOM = 32
"""Rows and columns of the inset in the picture of the pixel order."""
LONGEST_SIDE = 4096
"""Largest number of rows or columns of an image with subpixels: more than a sheet has dots."""
LEGEND_CLASSES = 30
"""Largest number of classes in a legend; the largest classes are listed."""


def land(domain: Domain, view: GridView, heading: Heading) -> Figure:
    """Draw where the pixels of the store lie, and how obliquely the satellite sees them."""
    sheet = map_sheet(view, heading)
    colour = np.where(np.arange(domain.pixels)[:, None] >= 0, LAND, 0.0)
    paint(sheet.map, view, view.crop(colours.composite(domain, colour)))
    y, x = (angles[:: max(1, angles.size // 200)] for angles in (view.grid.y, view.grid.x))
    projection = view.grid.projection
    lon, lat = grid.lonlat(projection, y[:, None], x[None, :])
    zenith = grid.view_zenith(projection, lon, lat)
    levels = _levels(float(np.nanmin(zenith)), min(float(np.nanmax(zenith)), 89.0))
    if levels.size:
        lines = sheet.map.contour(
            x, y, zenith, levels, colors=BLUE, linewidths=0.7, linestyles="--", zorder=3
        )
        sheet.map.clabel(lines, fmt="%g°", fontsize=6.5)
    return sheet.figure


def field(
    domain: Domain,
    map_view: MapView,
    values: ArrayLike,
    heading: Heading,
    label: str,
    cmap: str = "viridis",
    absence: str = "no observation",
) -> Figure:
    """Draw one quantity in a sequential colour map, from its 1st to its 99th percentile.

    Args:
        domain: the pixels of the store.
        map_view: the view of the map.
        values: (P,) or (P, subpixel); NaN: absent.
        heading: the texts around the picture.
        label: text of the colour bar: quantity and unit.
        cmap: name of a colour map of matplotlib.
        absence: why a pixel has no value.
    """
    own_scale = Scale(label, cmap, limits(values))
    sheet = field_sheet(domain, map_view, values, heading, own_scale, absence)
    return sheet.figure


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale that turns values into colours."""

    label: str
    """Label of the colour bar: quantity and unit."""
    cmap: str
    """Name of a colour map of matplotlib."""
    limits: tuple[float, float, str]
    """Where the colours begin and end, and whether values lie beyond: see `limits`."""
    whole: bool = False
    """Whether values are whole numbers."""
    log: bool = False
    """Whether the colours follow the logarithm; both limits are then above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Absence:
    """Why pixels are grey."""

    words: Mapping[str, str]
    """`none`, `few`, `below`: words of pixels without observation, with too few, with no logarithm."""
    few: NDArray[np.bool_] | None = None
    """(P, subpixel) True: observed, but too rarely for the statistic; None: there is no such pixel."""
    below: NDArray[np.bool_] | None = None
    """(P, subpixel) True: 0 or less, on a map of logarithms; None: likewise."""


def field_sheet(
    domain: Domain,
    map_view: MapView,
    values: ArrayLike,
    heading: Heading,
    scale: Scale,
    absence: Absence | str = "no observation",
) -> Sheet:
    """Draw one quantity as `field` does, on a sheet that can be drawn on.

    The last two images of the map are the greys of absent pixels, and the values.
    """
    if isinstance(absence, str):
        absence = Absence({"none": absence} if np.isnan(values).any() else {})
    low, high, extend = scale.limits
    sheet = map_sheet(map_view, heading)
    paint(sheet.map, map_view, grey_image(domain, map_view, absence))
    image = field_image(domain, map_view, values)
    norm = LogNorm(low, high) if scale.log else Normalize(low, high)
    paint(sheet.map, map_view, image, cmap=scale.cmap, norm=norm)
    place = add_panel(sheet, 0.16)
    bar = sheet.figure.colorbar(sheet.map.images[-1], cax=place, extend=extend)
    if scale.whole and not scale.log:
        bar.locator = MaxNLocator(integer=True)
    bar.set_label(scale.label, fontsize=8.5, color=INK, labelpad=6)
    if scale.log:
        ticks = _logarithmic_ticks(low, high)
        bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks], minor=False)
        bar.minorticks_off()
    bar.ax.tick_params(labelsize=7.5, labelcolor=INK, width=0.6, length=2.5)
    bar.outline.set_linewidth(0.5)
    greys = {"none": colours.ABSENT, "few": colours.FEW, "below": colours.BELOW}
    for line, (name, words) in enumerate(absence.words.items()):
        explain_grey(sheet, words, greys[name], line)
    return sheet


def _logarithmic_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two numbers; where these are few, the ends and their middle."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [times * 10.0**power for power in powers for times in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    return inside if len(inside) > 2 else [low, sqrt(low * high), high]


def grey_image(domain: Domain, map_view: MapView, absence: Absence) -> Image:
    """(row, column, 4) greys of all pixels, with opacity; 0 where no pixel lies."""
    few = np.zeros((domain.pixels, 1), bool) if absence.few is None else absence.few
    below = np.zeros_like(few) if absence.below is None else absence.below
    few_shares, below_shares = (
        map_view.crop(domain.to_grid(thin(part, max(domain.grid.shape)).astype(np.float32)))
        for part in (few, below)
    )
    colour = np.where(few_shares[..., None] > 0, colours.FEW, colours.ABSENT)
    colour = np.where(below_shares[..., None] > 0, colours.BELOW, colour)
    return np.concatenate([colour, np.isfinite(few_shares)[..., None]], axis=-1)


def field_image(domain: Domain, map_view: MapView, values: ArrayLike) -> Masked:
    """(row, column) image to paint, masked where no pixel lies, or where one is absent."""
    thinner = thin(np.asarray(values), max(domain.grid.shape))
    return np.ma.masked_invalid(map_view.crop(domain.to_grid(thinner)))


def thin(values: NDArray[Any], side: int) -> NDArray[Any]:
    """Leave out subpixels, evenly, until an image has at most `LONGEST_SIDE` rows and columns.

    Args:
        values: (P,) or (P, subpixel).
        side: longer side of the coarse grid, in pixels.

    Returns:
        (P,) or (P, subpixel), of a lower refinement if it must be.
    """
    if values.ndim == 1:
        return values
    refinement = isqrt(values.shape[1])
    steps = [n for n in range(1, refinement + 1) if refinement % n == 0]
    step = next((n for n in steps if side * refinement // n <= LONGEST_SIDE), refinement)
    square = values.reshape(len(values), refinement, refinement)
    return square[:, step // 2 :: step, step // 2 :: step].reshape(len(values), -1)


def rgb(
    domain: Domain,
    map_view: MapView,
    values: ArrayLike,
    heading: Heading,
    labels: Sequence[str],
    shares: Sequence[float],
) -> Figure:
    """Draw three components as red, green and blue, each from its 2nd to its 98th percentile.

    Args:
        domain: the pixels of the store.
        map_view: the view of the map.
        values: (P, 3); NaN: absent.
        heading: the texts around the picture.
        labels: names of the components.
        shares: share of the variance that each component holds.
    """
    sheet = map_sheet(map_view, heading)
    image = colours.composite(domain, colours.stretch(values))
    paint(sheet.map, map_view, map_view.crop(image))
    place = add_panel(sheet, 1.5)
    bars(place, "share of the variance", labels, shares, PRIMARIES)
    if np.isnan(values).any():
        explain_grey(sheet, "no vector")
    return sheet.figure


def classes(
    domain: Domain,
    map_view: MapView,
    labels: ArrayLike,
    heading: Heading,
    named: Sequence[LandClass],
) -> Figure:
    """Draw classes in colours of their own, with the share of pixels that each holds.

    Args:
        domain: the pixels of the store.
        map_view: the view of the map.
        labels: (P,) class of each pixel, -1: none.
        heading: the texts around the picture.
        named: class 0, 1, ...
    """
    labels = np.asarray(labels, np.int64)
    palette, names = rgb_of(named), [each.name for each in named]
    coloured = np.where(labels[:, None] >= 0, palette[np.maximum(labels, 0)], np.nan)
    sheet = map_sheet(map_view, heading)
    paint(sheet.map, map_view, map_view.crop(colours.composite(domain, coloured)))
    shares = class_shares(labels, len(names))
    listed = np.sort(np.argsort(-shares, kind="stable")[:LEGEND_CLASSES])
    rest = f", the {LEGEND_CLASSES} largest" if len(names) > LEGEND_CLASSES else ""
    place = add_panel(sheet, 1.3 + 0.08 * max(map(len, names)))
    labelled = [names[i] for i in listed]
    bars(place, f"share of pixels{rest}", labelled, shares[listed], palette[listed])
    if (labels < 0).any():
        explain_grey(sheet, "no class")
    return sheet.figure


def maps_side_by_side(
    domain: Domain,
    map_view: MapView,
    coloured: Mapping[str, NDArray[np.float64]],
    heading: Heading,
) -> Figure:
    """Draw several maps of one view in a row.

    Args:
        domain: the pixels of the store.
        map_view: the view of every map.
        coloured: name of a map -> (P, 3) colours of the pixels; NaN: absent.
        heading: the texts around the row.
    """
    sheet = map_sheet(map_view, heading)
    for number, (name, values) in enumerate(coloured.items()):
        axes = add_map(sheet, map_view, number) if number else sheet.map
        paint(axes, map_view, map_view.crop(colours.composite(domain, values)))
        axes.annotate(
            name, (0, 0), (0, -17 if map_view.is_filled else -6), "axes fraction", "offset points",
            ha="left", va="top", fontsize=8, color=INK,
        )  # fmt: skip
    return sheet.figure


def pixel_order(domain: Domain, view: GridView, phase: int, heading: Heading) -> Figure:
    """Draw superblocks and one phase; the inset shows the curve along which the pixels lie."""
    layout = domain.layout
    block = order.superblock_of(domain.pixels, layout).astype(np.int64)
    blocks = domain.to_grid(block, fill=-1)
    pale = BLOCKS[colours.distinct_colours(blocks, len(BLOCKS))][block]
    in_phase = order.phase_of(domain.pixels, layout) == phase
    image = view.crop(colours.composite(domain, np.where(in_phase[:, None], pale * 0.35, pale)))
    sheet = map_sheet(view, heading)
    paint(sheet.map, view, image)
    corner = window(view.crop(blocks), ZOOM)
    inset = add_panel(sheet, 3.6, square=True)
    _zoom(inset, image, corner)
    y, x = along_curve(domain, view, corner, ZOOM).T
    inset.plot(x, y, color="0.3", linewidth=0.6, solid_joinstyle="miter")
    _outline(sheet, inset, view, corner)
    inset.annotate(
        f"Line: the order of the pixels, a Hilbert curve. Colours: superblocks.\n"
        f"Dark: phase {phase}, one of {layout.phases}: 1/{layout.phases} of every superblock.",
        (0, 0), (0, -6), "axes fraction", "offset points", va="top", fontsize=7, color=FAINT,
    )  # fmt: skip
    return sheet.figure


def mark(axes: Axes, domain: Domain, pixel: int, neighbours: NDArray[np.integer]) -> None:
    """Draw a circle around a pixel on a map, and dots on its neighbours."""
    x, y = domain.grid.x[domain.column], domain.grid.y[domain.row]
    axes.plot(x[neighbours], y[neighbours], ".", color=INK, markersize=2.5, zorder=4)
    axes.plot(x[pixel], y[pixel], "o", color="#D55E00", markersize=9, fillstyle="none", zorder=5)


def limits(values: ArrayLike) -> tuple[float, float, str]:
    """Values where a colour map begins and ends, and whether others lie beyond (matplotlib's `extend`)."""
    values = np.asarray(values, np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0, "neither"
    low, high = (float(v) for v in np.percentile(finite, (1, 99)))
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    extend = extend_of(finite, low, high)
    return (low, high, extend) if low < high else (low - 0.5, high + 0.5, extend)


def extend_of(values: ArrayLike, low: float, high: float) -> str:
    """Whether values lie below or above two bounds, as matplotlib's `extend`."""
    values = np.asarray(values)
    below, above = bool((values < low).any()), bool((values > high).any())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]


def class_shares(labels: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(count,) share of the pixels that have a class in each class."""
    counts = np.bincount(labels[labels >= 0], minlength=count).astype(np.float64)
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1)
    return shares


def window(blocks: NDArray[np.int64], size: int) -> tuple[int, int]:
    """First row and column of the square for the inset: all land, several superblocks.

    Args:
        blocks: (row, column) superblock, -1 where no pixel lies.
        size: rows and columns of the square.
    """
    starts = [range(0, max(n - size, 0) + 1, max(size // 4, n // 40, 1)) for n in blocks.shape]

    def worth(row: int, column: int) -> float:
        part = blocks[row : row + size, column : column + size]
        shares = np.bincount(part[part >= 0]) / part.size
        return float(shares.sum() + 0.3 * (1 - (shares**2).sum()))

    return max(((r, c) for r in starts[0] for c in starts[1]), key=lambda at: worth(*at))


def along_curve(domain: Domain, view: GridView, corner: tuple[int, int], size: int) -> Image:
    """The pixels of a window of the view in the order of the curve.

    Returns:
        (n, 2) row and column in the view, with a NaN where the curve leaves the window or jumps
        across what is no pixel of the store.
    """
    row, column = domain.row - view.rows.start, domain.column - view.columns.start
    inside = np.ones(domain.pixels, bool)
    for index, first in ((row, corner[0]), (column, corner[1])):
        inside &= (index >= first) & (index < first + size)
    bits = int(max(domain.row.max(), domain.column.max())).bit_length()
    points = np.stack([row[inside], column[inside]], axis=1).astype(np.float64)
    along = np.argsort(order.hilbert(domain.row[inside], domain.column[inside], bits))
    steps = np.abs(np.diff(points[along], axis=0)).sum(axis=1)
    return np.insert(points[along], np.flatnonzero(steps > 1) + 1, np.nan, axis=0)


def _zoom(axes: Axes, image: Image, corner: tuple[int, int]) -> None:
    row, column = corner
    part = image[row : row + ZOOM, column : column + ZOOM]
    high, wide = part.shape[:2]
    edges = (column - 0.5, column + wide - 0.5, row + high - 0.5, row - 0.5)
    axes.imshow(part, extent=edges, interpolation="nearest", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=INK, linewidth=0.8)


def _outline(sheet: Sheet, inset: Axes, view: GridView, corner: tuple[int, int]) -> None:
    """Draw a box on the map around the inset's window, and lines between the two."""
    west, east, south, north = view.extent
    rows, columns = view.grid.shape
    step = (east - west) / columns, (north - south) / rows
    box_left, top = west + corner[1] * step[0], north - corner[0] * step[1]
    width, height = min(ZOOM, columns) * step[0], min(ZOOM, rows) * step[1]
    box = Rectangle(
        (box_left, top - height), width, height, fill=False, edgecolor=INK, linewidth=0.9
    )
    sheet.map.add_patch(box).set_zorder(5)
    for y, end in ((top, 1), (top - height, 0)):
        line = ConnectionPatch(
            (box_left + width, y), (0, end), "data", "axes fraction",
            axesA=sheet.map, axesB=inset, color=INK, linewidth=0.5, alpha=0.6,
        )  # fmt: skip
        sheet.figure.add_artist(line)


def _levels(low: float, high: float) -> NDArray[np.float64]:
    """At most eight whole angles between two angles, in degrees."""
    step = next((s for s in (1, 2, 5, 10) if (high - low) / s <= 8), 20)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
