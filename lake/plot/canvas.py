"""Sheets: figures with a map or a chart, their frames, headings, panels, legends and files.

Figures are made through matplotlib's objects alone, without global state or a display.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from numpy.typing import ArrayLike, NDArray

from lake.errors import ConfigError
from lake.format import grid
from lake.format.domain import Image
from lake.plot import coast_lines
from lake.plot.colours import ABSENT
from lake.plot.graticule import FAINT, graticule, longitude
from lake.plot.views import MapView
from lake.storage.files import write_whole

INK = "0.15"
SEA, SPACE = (0.945, 0.955, 0.965), (1.0, 1.0, 1.0)
"""Colours of what surrounds the pixels of a store."""
MAP_INCHES = (6.8, 6.2)
"""Width and height that a map fits into."""
CHART_INCHES = 5.0
"""Width and height of a chart."""
MARGIN = 0.12
"""Inches of white around everything on a figure."""
GAP = 0.22
"""Inches between a map and the panel beside it."""
MAP_GAP = 0.5
"""Inches between two maps: room for latitudes."""
ENDINGS = (".png", ".pdf", ".svg")
DPI = 150, 300
"""Lowest and highest number of dots per inch; between them every pixel gets at least one dot."""


class ShownFigure(Figure):
    """A figure that a notebook shows as a picture, whatever its settings of matplotlib."""

    def _repr_png_(self) -> bytes:
        return png(self)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A figure with a map, or a chart."""

    figure: Figure
    map: Axes
    """The axes of the map, or of the chart."""
    subtitle: Annotation
    """The text below the title."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The texts above and below a picture."""

    title: str
    subtitle: str
    """Key, month, time of day, band: what the title leaves out."""
    source: str = ""
    """What was read, where title and subtitle do not say so."""


def map_sheet(map_view: MapView, heading: Heading) -> Sheet:
    """A sheet with an empty map: headings, graticule, coast lines and borders."""
    rows, columns = map_view.size
    scale = min(MAP_INCHES[0] / columns, MAP_INCHES[1] / rows)
    size = columns * scale, rows * scale
    dots = min(max(1 / scale, DPI[0]), DPI[1])
    figure = ShownFigure(figsize=size, dpi=dots, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    frame(axes, map_view)
    graticule(axes, map_view)
    _foot(axes, map_view, heading.source)
    return Sheet(figure, axes, _head(axes, heading))


def chart_sheet(
    heading: Heading, size: tuple[float, float] = (CHART_INCHES, CHART_INCHES)
) -> Sheet:
    """A sheet with an empty chart and its headings; `size`: width and height in inches."""
    figure = ShownFigure(figsize=size, dpi=DPI[0], facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    return Sheet(figure, axes, _head(axes, heading))


def set_title(axes: Axes, title: str, above: int = 0) -> None:
    """Give a map or chart its title, `above` lines higher than the usual place."""
    axes.set_title(
        title, loc="left", pad=21 + 9.5 * above, fontsize=12, fontweight="bold", color=INK
    )  # fmt: skip


def frame(axes: Axes, map_view: MapView, width: float = 1) -> None:
    """Prepare an empty map: sea and space below what will be painted, coast lines and borders above it.

    Args:
        axes: empty axes.
        map_view: the view of the map.
        width: factor on the usual width of the lines.
    """
    paint(axes, map_view, _empty(map_view), zorder=0)
    coast_lines.draw(axes, map_view, width)
    west, east, south, north = map_view.extent
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="0.4", linewidth=0.6)


def add_map(sheet: Sheet, map_view: MapView, number: int) -> Axes:
    """Add a map of the same view, the `number`-th to the right of the sheet's own."""
    width = sheet.figure.get_size_inches()[0]
    axes = sheet.figure.add_axes((number * (1 + MAP_GAP / width), 0, 1, 1))
    frame(axes, map_view)
    graticule(axes, map_view)
    return axes


def add_panel(sheet: Sheet, width: float, *, square: bool = False) -> Axes:
    """Add a panel to the right of the map, `width` inches wide, as high as the map or square.

    It lies beyond the figure's own size; `png` cuts the sheet to what is drawn.
    """
    figure_width, figure_height = sheet.figure.get_size_inches()
    height = min(width, figure_height) if square else figure_height
    return sheet.figure.add_axes(
        (
            1 + GAP / figure_width,
            1 - height / figure_height,
            width / figure_width,
            height / figure_height,
        )
    )


def paint(axes: Axes, map_view: MapView, image: Image, zorder: float = 1, **options: Any) -> None:  # noqa: ANN401 (as imshow takes it)
    """Paint an image of the map's view, at any refinement."""
    axes.imshow(
        image,
        extent=map_view.extent,
        origin="upper",
        interpolation="nearest",
        zorder=zorder,
        **options,
    )


def bars(
    axes: Axes, title: str, labels: Sequence[str], shares: ArrayLike, colours: NDArray[np.float64]
) -> None:
    """Draw a legend whose entries are bars, each as long as its share.

    Args:
        axes: empty axes.
        title: name of the shares.
        labels: names of the bars, at least one, from the top.
        shares: (n,) lengths of the bars, 0 to 1.
        colours: (n, 3) colours of the bars.
    """
    shares = np.asarray(shares, np.float64)
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
        np.arange(len(labels)), lengths, left=start, color=colours, height=0.78, edgecolor=INK, linewidth=0.3
    )  # fmt: skip
    for row, (label, share, length) in enumerate(zip(labels, shares, lengths, strict=True)):
        axes.text(start - 0.05, row, label, ha="right", va="center", fontsize=size, color=INK)
        axes.text(
            start + length + 0.05, row, _percent(share), va="center", fontsize=size, color=FAINT
        )


def explain_grey(
    sheet: Sheet, words: str, colour: tuple[float, ...] = ABSENT, line: int = 0
) -> None:
    """Explain a grey of absent pixels beside the map's lower right corner.

    Args:
        sheet: that has the map.
        words: why the pixels are absent.
        colour: the grey.
        line: number of the line, from the top.
    """
    for text, right, size, ink in (("■", 0, 9, colour), (words, 9, 6.5, FAINT)):
        sheet.map.annotate(
            text, (1, 0), (72 * GAP + right, -16 - 10 * line), "axes fraction", "offset points",
            ha="left", va="center", fontsize=size, color=ink,
        )  # fmt: skip


def fit(figure: Figure) -> Figure:
    """Resize a figure to its contents: nothing lies beyond its edges, nothing moves."""
    FigureCanvasAgg(figure).draw()
    box = figure.get_tightbbox()
    wide, high = figure.get_size_inches()
    size = box.width + 2 * MARGIN, box.height + 2 * MARGIN
    for axes in figure.axes:
        at = axes.get_position()
        axes.set_position((
            (at.x0 * wide - box.x0 + MARGIN) / size[0],
            (at.y0 * high - box.y0 + MARGIN) / size[1],
            at.width * wide / size[0],
            at.height * high / size[1],
        ))  # fmt: skip
    figure.set_size_inches(*size)
    return figure


def save(figure: Figure, path: Path, source: str, dpi: float = 0) -> None:
    """Write a figure in the format of the file's ending, with its title and source as metadata.

    Args:
        figure: the figure to write.
        path: ends in `.png`, `.pdf` or `.svg`.
        source: URL of what was read.
        dpi: dots per inch; 0: the figure's own, as many as show every pixel.

    Raises:
        ConfigError: another ending.
    """
    check(path)
    title = figure.axes[0].get_title(loc="left")
    metadata = {
        ".png": {"Title": title, "Source": source},
        ".pdf": {"Title": title, "Subject": source, "CreationDate": None},
        ".svg": {"Title": title, "Source": source, "Date": None},
    }[path.suffix.lower()]
    write_whole(path, lambda draft: figure.savefig(draft, dpi=dpi or "figure", metadata=metadata))


def check(path: Path) -> None:
    """Refuse what `save` could not write.

    Raises:
        ConfigError: see `save`.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"{path} is to be a figure: wanted a file that ends in {', '.join(ENDINGS)}; films end in "
            ".gif or .mp4 and go over something (--animate)"
        )


def png(figure: Figure, **metadata: str) -> bytes:
    """The figure as a PNG file; `metadata` goes into its text chunks (Title, Description, Source)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", pad_inches=MARGIN, metadata=metadata)
    return buffer.getvalue()


def _foot(axes: Axes, map_view: MapView, source: str) -> None:
    """Write the projection and the source below the map."""
    seen_from = longitude(map_view.grid.projection.longitude_of_projection_origin, digits=1)
    words = f"{map_view.projection_name}, seen from {seen_from}"
    axes.annotate(
        f"{source}  |  {words}" if source else words,
        (1, 0), (0, -17 if map_view.is_filled else -6), "axes fraction", "offset points",
        ha="right", va="top", fontsize=6.5, color=FAINT,
    )  # fmt: skip


def _empty(map_view: MapView) -> Image:
    """(row, column, 3) colours of sea, and of space beyond the limb."""
    if map_view.is_filled:
        return np.full((1, 1, 3), SEA)
    lon, _ = grid.lonlat(
        map_view.grid.projection, map_view.grid.y[:, None], map_view.grid.x[None, :]
    )
    return np.where(np.isnan(lon)[:, :, None], SPACE, SEA)


def _head(axes: Axes, heading: Heading) -> Annotation:
    """Write the title and the subtitle, and return the subtitle."""
    set_title(axes, heading.title, heading.subtitle.count("\n"))
    return axes.annotate(
        heading.subtitle, (0, 1), (0, 7), "axes fraction", "offset points",
        ha="left", va="bottom", fontsize=7.5, color=FAINT,
    )  # fmt: skip


def _inches(axes: Axes) -> tuple[float, float]:
    """Width and height of the axes in inches."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("axes without a figure have no size: make them with Figure.add_axes")
    wide, high = figure.get_size_inches()
    place = axes.get_position()
    return float(wide * place.width), float(high * place.height)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 or share == 0 else "<0.1%"
