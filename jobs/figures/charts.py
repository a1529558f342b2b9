"""Captioned charts of classes and measures: what is confused, what moves, how an evaluation ended."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jobs.figures.captioned_maps import CaptionedFigure
from lake.plot import canvas
from lake.plot.canvas import CHART_INCHES, INK, Heading

NAMED = 40
"""Largest number of classes whose names are written."""
ROW_INCHES = 0.19
"""Height of the row of a measure."""


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
    empty = int((~has_pixels).sum())
    if empty == 1:
        caption += " A class has no pixel held out: its row is empty."
    elif empty:
        caption += f" {empty} classes have no pixel held out: their rows are empty."
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


def agreement_by_count(
    key: str, agreements: Mapping[int, NDArray[np.float64]], chosen: int
) -> CaptionedFigure:
    """How well the clusters of random halves agree, by the number of clusters.

    Args:
        key: key of the store.
        agreements: number of clusters -> (draw,) adjusted Rand indices.
        chosen: the number that was taken.
    """
    title = "How many clusters"
    sheet = canvas.chart_sheet(Heading(title, f"{key}  |  clusters that come again"))
    axes, counts = sheet.map, list(agreements)
    for count, values in agreements.items():
        axes.plot([count] * len(values), values, ".", color="#0072B2", alpha=0.5, markersize=4)
    axes.plot(counts, [values.mean() for values in agreements.values()], color="#0072B2")
    axes.axvline(chosen, color=INK, linewidth=0.8)
    axes.set_ylim(min(0.0, *(float(values.min()) for values in agreements.values())) - 0.02, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("number of clusters", fontsize=8, color=INK)
    axes.set_ylabel("agreement of two halves", fontsize=8, color=INK)
    axes.tick_params(labelsize=6.5, labelcolor=INK, width=0.6, length=2.5)
    caption = (
        "The pixels are halved at random, each half is clustered by itself, and both say the cluster of "
        "every pixel: adjusted Rand index, 1 the same, 0 as by chance (dots: draws; line: their mean). "
        f"Taken is the largest number within a standard error of the best: {chosen}."
    )
    return CaptionedFigure(title, caption, sheet.figure)


def measures(key: str, document: Mapping[str, Any]) -> CaptionedFigure:
    """The measures of an evaluation: mean over the seeds, and the value of every seed.

    Args:
        key: key of the store.
        document: the content of `evaluate.json`.
    """
    rows = list(document["measures"].items())
    title = "Measures"
    subtitle = f"{key}  |  {document['run']}"
    sheet = canvas.chart_sheet(
        Heading(title, subtitle), (CHART_INCHES, 0.3 + ROW_INCHES * len(rows))
    )
    axes = sheet.map
    outside = 0
    for place, (_, values) in enumerate(rows):
        text = f"{values['mean']:.3f} ± {values['spread']:.3f}"
        axes.text(1.03, place, text, fontsize=6.5, va="center", color=INK)
        if not all(0 <= value <= 1 for value in values["values"]):
            outside += 1
            continue
        axes.plot([0, values["mean"]], [place, place], color="0.85", linewidth=3, zorder=1)
        axes.plot(
            values["values"], [place] * len(values["values"]), "|", color="#0072B2", markersize=7
        )
        axes.plot(values["mean"], place, "o", color="#0072B2", markersize=4)
    axes.set_yticks(np.arange(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.tick_params(labelsize=6.5, labelcolor=INK, width=0.6, length=2.5)
    for name, spine in axes.spines.items():
        spine.set(color="0.4", linewidth=0.6, visible=name in {"left", "bottom"})
    caption = (
        "What the vectors tell of classes that are known. Dots: the mean over the seeds; marks: each seed; "
        "numbers: mean and standard deviation over the seeds. docs/evaluation.md says what each measure is, "
        "and whether high or low is better."
    )
    if outside:
        caption += f" {outside} measures are not from 0 to 1, and have their number alone."
    return CaptionedFigure(title, caption, sheet.figure)
