"""Captioned charts of classes: which are confused, and how far each moves between periods."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.figures.captioned_maps import CaptionedFigure
from lake.plot import canvas
from lake.plot.canvas import INK, Heading

NAMED = 40
"""Largest number of classes whose names are written."""


def confusion(key: str, shared: NDArray[np.int64], names: Sequence[str]) -> CaptionedFigure:
    """Confusion of classes: the shares of each class that nearest neighbours put into every class.

    Args:
        key: key of the store.
        shared: (class, class) held-out pixels by true class (rows) and predicted class.
        names: names of the classes.
    """
    held_out = shared.sum(axis=1)
    share = shared / np.maximum(held_out, 1)[:, None]
    has_pixels = held_out > 0
    accuracy = np.diag(shared).sum() / max(held_out.sum(), 1)
    title = "Confusion of classes"
    subtitle = f"{key}  |  rows: the class; columns: what three neighbours say"
    sheet = canvas.chart_sheet(Heading(title, subtitle))
    axes = sheet.map
    axes.imshow(share, cmap="cividis", vmin=0, vmax=1)
    places = np.arange(len(names))
    if len(names) <= NAMED:
        axes.set_xticks(places, names, rotation=90, fontsize=6)
        axes.set_yticks(places, names, fontsize=6)
    axes.tick_params(length=0, labelcolor=INK)
    caption = (
        f"Of the pixels held out of each class (row), the share that the three nearest vectors put into "
        f"each class (column), over all seeds; a row adds up to 1. {accuracy:.1%} of all pixels lie on "
        f"the diagonal."
    )
    if not has_pixels.all():
        caption += f" {(~has_pixels).sum()} classes have no pixel held out: their rows are empty."
    return CaptionedFigure(title, caption, sheet.figure)


def stability(key: str, moved: NDArray[np.float64], names: Sequence[str]) -> CaptionedFigure:
    """How far the pixels of each class move between two periods; `moved` (class,), NaN: no pixel."""
    rising = np.argsort(moved)  # NaN last
    rising = rising[np.isfinite(moved[rising])]
    title = "Stability of classes"
    subtitle = f"{key}  |  distance of a pixel to itself in the other period"
    sheet = canvas.chart_sheet(Heading(title, subtitle))
    axes = sheet.map
    places = np.arange(len(rising))
    axes.barh(places, moved[rising], color="#0072B2", height=0.78)
    axes.axvline(1, color=INK, linewidth=0.8)
    if len(rising) <= NAMED:
        axes.set_yticks(places, [names[i] for i in rising], fontsize=6)
    axes.set_ylim(len(rising) - 0.5, -0.5)
    axes.set_xlabel("distance over that to the nearest other class", fontsize=8, color=INK)
    axes.tick_params(labelsize=6.5, labelcolor=INK, width=0.6, length=2.5)
    caption = (
        "How far the vectors of a pixel in two periods lie apart (root mean square over the class), "
        "over the distance from the class's centre to the nearest other one. Left of the line land "
        f"stays nearer to itself than classes are to each other: {(moved[rising] < 1).sum()} of "
        f"{len(rising)} classes."
    )
    return CaptionedFigure(title, caption, sheet.figure)
