"""Captioned charts of vectors as points of a plane: where pixels crowd, or of which class they are."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from jobs.figures.captioned_maps import CaptionedFigure
from jobs.figures.principal_axes import axes as principal
from lake.format.arrays import Floats
from lake.plot import canvas, pictures
from lake.plot.canvas import INK, Heading
from lake.reading.classes import LandClass

MOST_CELLS = 300
"""Cells of the chart of densities along each side, at most: a few pixels are in one in the mean."""
POINTS = 60_000
"""Pixels that are drawn as points, evenly spaced in the store."""
OUTSIDE = 0.1
"""Percentage of the pixels at each end of an axis that may lie beyond the chart."""


def by_density(key: str, vectors: Floats) -> CaptionedFigure:
    """Where pixels crowd in the plane.

    Args:
        key: key of the store.
        vectors: (P, d) of the pixels; NaN: none. More than two numbers are laid onto their principal axes.
    """
    places, names = _plane(vectors)
    title = "Pixels in the plane of their vectors"
    sheet = canvas.chart_sheet(Heading(title, f"{key}  |  bright: many pixels"))
    axes = sheet.map
    _frame(axes, places, names)
    low, high = axes.viewLim.get_points()
    cells = int(min(np.sqrt(len(places) / 2) + 1, MOST_CELLS))
    limits = [(low[1], high[1]), (low[0], high[0])]
    counts, *_ = np.histogram2d(places[:, 1], places[:, 0], cells, limits)
    image = np.ma.masked_equal(np.log10(np.maximum(counts, 1)) + (counts > 0), 0)
    axes.imshow(
        image,
        origin="lower",
        extent=(low[0], high[0], low[1], high[1]),
        cmap="viridis",
        aspect="auto",
    )
    caption = (
        f"The {len(places):,} pixels with a vector by their place in the plane of {names[0]} and {names[1]}, "
        "brighter where there are more, in powers of ten. Near pixels have similar vectors; areas and the "
        "distances between groups say little."
    )
    return CaptionedFigure(title, caption, sheet.figure)


def by_class(
    key: str, vectors: Floats, labels: NDArray[np.integer], classes: Sequence[LandClass]
) -> CaptionedFigure:
    """The pixels in the plane, coloured by their class.

    Args:
        key: key of the store.
        vectors: (P, d) as for `by_density`.
        labels: (P,) class of each pixel, below 0: none.
        classes: the classes 0, 1, ...
    """
    known = np.isfinite(vectors).all(axis=1)
    places, axis_names = _plane(vectors)
    of_pixel = np.asarray(labels, np.int64)
    some = np.unique(np.linspace(0, len(places) - 1, min(POINTS, len(places))).astype(np.int64))
    drawn, points = of_pixel[known][some], places[some]
    title = "Classes in the plane of the vectors"
    sheet = canvas.chart_sheet(Heading(title, f"{key}  |  a point for each pixel"))
    _frame(sheet.map, places, axis_names)
    palette = np.array([each.rgb for each in classes])
    shade = np.where((drawn >= 0)[:, None], palette[np.maximum(drawn, 0)], 0.8)
    mixed = np.random.default_rng(0).permutation(len(points))  # so that no class hides the others
    size = float(np.clip(20_000 / max(len(points), 1), 0.3, 12))
    sheet.map.scatter(points[mixed, 0], points[mixed, 1], c=shade[mixed], s=size, linewidths=0)
    shares = pictures.class_shares(of_pixel, len(classes))
    listed = np.sort(np.argsort(-shares, kind="stable")[: pictures.LEGEND_CLASSES])
    names = [classes[i].name for i in listed]
    panel = canvas.add_panel(sheet, 1.3 + 0.08 * max(map(len, names)))
    canvas.bars(panel, "share of pixels", names, shares[listed], palette[listed])
    caption = (
        f"{len(points):,} pixels by their place in the plane of {axis_names[0]} and {axis_names[1]}, in the "
        f"colours of {len(classes)} classes; light grey: of no class. Classes that the vectors tell apart "
        "are apart here."
    )
    return CaptionedFigure(title, caption, sheet.figure)


def _plane(vectors: Floats) -> tuple[Floats, tuple[str, str]]:
    """(p, 2) places of the pixels that have a vector, and the names of both axes."""
    known = vectors[np.isfinite(vectors).all(axis=1)]
    if known.shape[1] == 2:
        return known, ("component 1", "component 2")
    mean, directions, _ = principal([(len(known), known.sum(axis=0), known.T @ known)])
    return (known - mean) @ directions[:, :2], ("principal axis 1", "principal axis 2")


def _frame(axes: Axes, places: Floats, names: tuple[str, str]) -> None:
    """Set limits that hold nearly all places, and the names of the axes."""
    low, high = np.percentile(places, [OUTSIDE, 100 - OUTSIDE], axis=0)
    margin = 0.05 * np.maximum(high - low, 1e-9)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
    axes.set_xlabel(names[0], fontsize=8, color=INK)
    axes.set_ylabel(names[1], fontsize=8, color=INK)
    axes.tick_params(labelsize=6.5, labelcolor=INK, width=0.6, length=2.5)
