"""The picture of docs/glossary.md: a small grid in the order of a real store, a cube, and the data's way.

python -m tests.glossary_figure    # writes docs/images/glossary.png
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from lake.format import order
from lake.format.moments import METRICS

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "glossary.png"
SIDE = 8
LAYOUT = order.Layout(chunk=4, phases=4)
"""A superblock of 16 pixels; that of a real store has 16 x 1024."""
SEA = (
    (0, 0),
    (0, 1),
    (1, 0),
    (0, 2),
    (0, 7),
    (1, 7),
    (7, 7),
    (7, 6),
    (7, 0),
    (6, 7),
    (2, 0),
    (7, 5),
)
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")
"""One for each superblock (Okabe and Ito, "Color Universal Design", 2008)."""
MARKED = 1
"""The phase whose pixels have a dot."""
INK, SEA_COLOUR = "#222222", "#dde6ee"
MONTHS, TODS = ("Jan", "Feb", "...", "Dec"), ("12:00", "15:00", "18:00", "21:00", "00:00")
BANDS = ("C06", "C07", "C13", "C15")


def land() -> tuple[np.ndarray, np.ndarray]:
    """(P,) row and column of the pixels, in store order."""
    mask = np.ones((SIDE, SIDE), bool)
    mask[tuple(zip(*SEA, strict=True))] = False
    row, column = np.nonzero(mask)
    stored = order.permutation(row, column, LAYOUT)
    return row[stored], column[stored]


def draw() -> Figure:
    """The whole picture."""
    figure = Figure(figsize=(13, 13.2), facecolor="white")
    top, middle, bottom = (
        figure.add_axes((0.02, y, 0.96, height))
        for y, height in ((0.6, 0.39), (0.275, 0.31), (0.01, 0.25))
    )
    for axis, size in ((top, (26, 10.3)), (middle, (26, 8.2)), (bottom, (26, 6.6))):
        axis.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="equal")
        axis.set_axis_off()
    _place(top)
    _cube(middle)
    _way(bottom)
    return figure


def _place(axis: Axes) -> None:
    """The grid, a pixel of it with its subpixels, and the axis `pixel`."""
    _title(axis, 0, "1  Where: pixels")
    row, column = land()
    superblock = order.superblock_of(row.size, LAYOUT)
    phase = order.phase_of(row.size, LAYOUT)
    left, above = 0.2, 1.2
    axis.add_patch(Rectangle((left, above), SIDE, SIDE, color=SEA_COLOUR, lw=0))
    for y, x, block, of in zip(row, column, superblock, phase, strict=True):
        axis.add_patch(_square(left + x, above + y, 1, HUES[block]))
        if of == MARKED:
            axis.plot(left + x + 0.5, above + y + 0.5, "o", color="white", markersize=9, mec=INK)
    curve = np.argsort(order.hilbert(row, column, 3))
    axis.plot(
        left + column[curve] + 0.5, above + row[curve] + 0.5, color="white", lw=1.2, alpha=0.8
    )
    _text(axis, left, above + SIDE + 0.45, "geom: the satellite's fixed grid. Coloured: its land")
    _text(
        axis,
        left,
        above + SIDE + 0.9,
        "pixels, a colour for each superblock of the white curve.",
        plain=True,
    )
    zoomed = 35
    corner = left + column[zoomed], above + row[zoomed]
    axis.add_patch(Rectangle(corner, 1, 1, fill=False, lw=3, ec=INK, zorder=5))
    _subpixels(axis, (11.2, 1.6), HUES[superblock[zoomed]], corner)
    _store_order(axis, (11.2, 7.0), superblock, phase, zoomed)


def _subpixels(
    axis: Axes, at: tuple[float, float], colour: str, corner: tuple[float, float]
) -> None:
    """The same pixel at three resolutions."""
    x, y = at
    for start, end in (((1, 0), (0, 0)), ((1, 1), (0, 3))):
        axis.plot(
            (corner[0] + start[0], x + end[0]),
            (corner[1] + start[1], y + end[1]),
            color=INK,
            lw=0.8,
            ls=":",
        )
    for number, (refinement, resolution) in enumerate(((1, "2 km"), (2, "1 km"), (4, "500 m"))):
        side = 3 / refinement
        for n in range(refinement**2):
            across, down = x + 4.6 * number + n % refinement * side, y + n // refinement * side
            axis.add_patch(_square(across, down, side, colour))
            if refinement > 1:
                axis.text(
                    across + side / 2, down + side / 2, str(n), ha="center", va="center", fontsize=9
                )
        named = "the pixel" if refinement == 1 else f"its {refinement**2} subpixels"
        _text(axis, x + 4.6 * number, y + 3.45, f"{named} ({resolution})")


def _store_order(
    axis: Axes, at: tuple[float, float], superblock: np.ndarray, phase: np.ndarray, zoomed: int
) -> None:
    """The axis `pixel` of a store: superblocks one after the other, in each its phases."""
    x, y = at
    width = 14.4 / superblock.size
    for n, (block, of) in enumerate(zip(superblock, phase, strict=True)):
        axis.add_patch(_square(x + n * width, y, width, HUES[block], height=0.9))
        if of == MARKED:
            axis.plot(x + (n + 0.5) * width, y + 0.45, "o", color="white", markersize=5, mec=INK)
        if n and of != phase[n - 1]:
            axis.plot((x + n * width,) * 2, (y, y + 0.9), color=INK, lw=1.5)
    axis.add_patch(
        Rectangle((x + zoomed * width, y), width, 0.9, fill=False, lw=2.5, ec=INK, zorder=5)
    )
    for block in np.unique(superblock):
        members = np.flatnonzero(superblock == block)
        middle = x + (members[0] + members.size / 2) * width
        axis.text(middle, y - 0.3, f"superblock {block}", ha="center", fontsize=10, color=INK)
    _text(axis, x, y + 1.45, "pixel: the axis of the store, in this order")
    _text(
        axis,
        x,
        y + 1.9,
        "Each superblock is dealt into phases (here 4, in a store 16), like cards.",
        plain=True,
    )
    _text(
        axis,
        x,
        y + 2.35,
        "White dots: one phase, which is a sample spread evenly over the land.",
        plain=True,
    )


def _cube(axis: Axes) -> None:
    """Months and times of day as tiles; one tile is bands by metrics; one cell of it is an image."""
    _title(axis, 0, "2  What: a cube")
    left, above, width, height = 1.4, 1.9, 1.55, 1.0
    axis.text(
        left + width * 2.5,
        above - 0.75,
        "tod (time of day, UTC)",
        ha="center",
        weight="bold",
        fontsize=11,
    )
    axis.text(
        0.05, above + height * 2, "month", rotation=90, va="center", weight="bold", fontsize=11
    )
    for n, tod in enumerate(TODS):
        axis.text(left + (n + 0.5) * width, above - 0.2, tod, ha="center", fontsize=10)
    for n, month in enumerate(MONTHS):
        axis.text(
            left - 0.15, above + (n + 0.5) * height, month, ha="right", va="center", fontsize=10
        )
        for k in range(len(TODS)):
            chosen = (n, k) == (1, 2)
            axis.add_patch(
                _square(
                    left + k * width,
                    above + n * height,
                    width,
                    "#f6c667" if chosen else "#f2f2f2",
                    height=height,
                )
            )
    _text(axis, left, above + 4.5, "a cube, here day-2km: month x tod x")
    _text(axis, left, above + 4.95, "band x metric x pixel x subpixel")
    _text(axis, left, above + 5.4, "A store has a cube for each resolution, and for", plain=True)
    _text(axis, left, above + 5.85, "day and night: day-1km, day-500m, night-2km.", plain=True)
    x, y, wide, high = 12.3, 1.9, 1.1, 1.0
    tile = left + 3 * width, above + height
    for start, end in (((0, 0), (x, y)), ((0, height), (x, y + 4 * high))):
        axis.plot(
            (tile[0] + start[0], end[0]), (tile[1] + start[1], end[1]), color=INK, lw=0.8, ls=":"
        )
    axis.text(x + wide * 3.5, y - 0.75, "metric", ha="center", weight="bold", fontsize=11)
    axis.text(x - 1.25, y + high * 2, "band", rotation=90, va="center", weight="bold", fontsize=11)
    for n, metric in enumerate(METRICS):
        axis.text(x + (n + 0.5) * wide, y - 0.2, metric, ha="center", fontsize=10)
        for k, band in enumerate(BANDS):
            chosen = (metric, band) == ("m1", "C13")
            axis.add_patch(
                _square(
                    x + n * wide,
                    y + k * high,
                    wide,
                    "#f6c667" if chosen else "#f2f2f2",
                    height=high,
                )
            )
    for k, band in enumerate(BANDS):
        axis.text(x - 0.15, y + (k + 0.5) * high, band, ha="right", va="center", fontsize=10)
    _text(axis, x, y + 4.5, "February, 18:00 UTC: seven metrics of each band")
    _text(axis, x, y + 4.95, "Of all clear observations at that hour, on all days of", plain=True)
    _text(axis, x, y + 5.4, "that month, in all years of the store. m1 is the mean.", plain=True)
    _image(axis, (22.1, 2.4), (x + 3 * wide, y + 2 * high, wide, high))


def _image(axis: Axes, at: tuple[float, float], cell: tuple[float, float, float, float]) -> None:
    """One number of every pixel, on the grid."""
    x, y = at
    side = 3.4 / SIDE
    left, above, wide, high = cell
    for start, end in (((wide, 0), (x, y)), ((wide, high), (x, y + SIDE * side))):
        axis.plot((left + start[0], end[0]), (above + start[1], end[1]), color=INK, lw=0.8, ls=":")
    axis.add_patch(Rectangle((x, y), SIDE * side, SIDE * side, color=SEA_COLOUR, lw=0))
    for row, column in zip(*land(), strict=True):
        warmth = (row + 0.7 * np.sin(2.1 * column) + 1) / (SIDE + 1)
        colour = (1 - warmth) * np.array(to_rgb("#3b4cc0")) + warmth * np.array(to_rgb("#f2a07b"))
        axis.add_patch(
            Rectangle((x + column * side, y + row * side), side, side, color=colour, lw=0)
        )
    _text(axis, x, y + 4.0, "one number a pixel:")
    _text(axis, x, y + 4.45, "mean of band C13", plain=True)


def _way(axis: Axes) -> None:
    """From images to runs."""
    _title(axis, 0, "3  How: the data's way")
    axis.add_patch(
        FancyBboxPatch(
            (9.25, 1.1), 16.45, 4.9, boxstyle="round,pad=0.1", fc="#f7f7f7", ec=INK, lw=1
        )
    )
    axis.text(25.6, 1.55, "a lake: one folder or bucket", ha="right", fontsize=11, weight="bold")
    axis.add_patch(
        FancyBboxPatch((9.5, 2.1), 10.1, 3.5, boxstyle="round,pad=0.1", fc="white", ec=INK, lw=1)
    )
    axis.text(9.7, 2.6, "a store: one satellite, listing, period, geom", fontsize=11, weight="bold")
    _box(
        axis, 0.1, 1.2, "listing", "which bands, hours,\nclear-sky rule, land", "#fbe7c0", wide=3.6
    )
    _box(axis, 0.1, 3.9, "images", "files of the satellite,\nclear or cloudy", "#d8e8f5", wide=3.6)
    _box(axis, 4.5, 3.2, "time step", "all files of one scan,\nread once", "#ffffff", wide=3.6)
    _box(axis, 9.9, 3.2, "part", "time steps added up,\nwaiting to be merged", "#ffffff", wide=3.5)
    for behind in (2, 1):
        axis.add_patch(
            _square(15.2 + 0.22 * behind, 3.2 - 0.18 * behind, 3.7, "#d5efe4", height=2.1)
        )
    _box(
        axis,
        15.2,
        3.2,
        "generation",
        "all cubes; never changed,\nonly followed by\nthe next generation",
        "#d5efe4",
        wide=3.7,
    )
    _box(
        axis,
        21.4,
        3.2,
        "run",
        "what a job computed:\nsample, components,\nembedding, classes",
        "#f3dbe8",
        wide=4.0,
    )
    for start, end, said in (
        ((3.7, 2.4), (4.5, 3.7), ""), ((3.7, 4.95), (4.5, 4.6), ""), ((8.1, 4.25), (9.9, 4.25), "stage"),
        ((13.4, 4.25), (15.2, 4.25), "publish"), ((18.9, 4.25), (21.4, 4.25), "a job"),
    ):  # fmt: skip
        axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6})
        axis.text(
            (start[0] + end[0]) / 2,
            min(start[1], end[1]) - 0.15,
            said,
            ha="center",
            fontsize=10,
            style="italic",
        )


def _box(
    axis: Axes, x: float, y: float, name: str, about: str, colour: str, *, wide: float
) -> None:
    axis.add_patch(_square(x, y, wide, colour, height=2.1))
    axis.text(x + wide / 2, y + 0.55, name, ha="center", fontsize=12, weight="bold")
    axis.text(x + wide / 2, y + 0.8, about, ha="center", va="top", fontsize=9.5, linespacing=1.25)


def _square(
    x: float, y: float, width: float, colour: str, *, height: float | None = None
) -> Rectangle:
    return Rectangle(
        (x, y),
        width,
        height or width,
        fc=colour,
        ec="white" if colour in HUES else "#888888",
        lw=0.8,
    )


def _title(axis: Axes, x: float, words: str) -> None:
    axis.text(x + 0.05, 0.55, words, fontsize=15, weight="bold", color=INK)


def _text(axis: Axes, x: float, y: float, words: str, *, plain: bool = False) -> None:
    axis.text(
        x, y, words, fontsize=10 if plain else 11, weight="normal" if plain else "bold", color=INK
    )


def words(figure: Figure) -> str:
    """All that is written in the picture, a line each."""
    return "\n".join(text.get_text() for axis in figure.axes for text in axis.texts)


def main() -> None:
    """Draw the picture; its words are kept in it, by which a test knows an old one."""
    figure = draw()
    figure.savefig(PICTURE, dpi=100, metadata={"Description": words(figure)})


if __name__ == "__main__":
    main()
