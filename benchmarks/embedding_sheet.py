"""One sheet of pictures for `benchmarks/embedding.py`: a row for each land.

The columns: the true classes; the first three minimum-noise components as red, green and blue; the first
three principal axes of the embedding; clusters of the embedding, each in the colour of the class that it
fits best; and the cosine of every pixel's vector with that of three pixels, marked by a cross.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jobs.evaluation import clusterings
from lake.plot import colours
from lake.reading.classes import defaults, rgb

MARKED = 3
"""Number of pixels whose similar land is drawn."""
_AROUND = 2
"""Marked pixels lie in the middle of their class, by the pixels so many rows and columns around."""


@dataclass(frozen=True, slots=True, eq=False)
class LandPictures:
    """What a row of the sheet shows."""

    name: str
    row: NDArray[np.integer]
    column: NDArray[np.integer]
    classes: NDArray[np.integer]
    linear: NDArray[np.floating]
    """(pixel, d) scores of minimum-noise components."""
    embedding: NDArray[np.floating]
    """(pixel, d)"""


def write(path: Path, lands: Sequence[LandPictures], linear: str, method: str) -> None:
    """Draw the sheet as a PNG; `linear` and `method` name the vectors."""
    columns = 4 + MARKED
    figure = Figure(figsize=(3.1 * columns, 3.2 * len(lands)), layout="constrained")
    grid = figure.subplots(len(lands), columns, squeeze=False)
    for land, axes in zip(lands, grid, strict=True):
        known, classes = np.unique(land.classes, return_inverse=True)
        palette = rgb(defaults([str(number) for number in known]))
        clusters = _clusters(land, classes, known.size)
        marked = middles(land.row, land.column, classes)
        images = [
            (f"{land.name}: {known.size} classes", palette[classes]),
            (f"{linear}, first three", colours.stretch(land.linear[:, :3])),
            (f"{method}, first three axes", colours.stretch(_principal(land.embedding))),
            (f"{known.size} clusters of {method}", palette[clusters]),
        ]
        for axis, (title, values) in zip(axes, images, strict=False):
            axis.imshow(_image(land, values), interpolation="nearest")
            axis.set_title(title, fontsize=9)
        unit = land.embedding / np.maximum(
            np.linalg.norm(land.embedding, axis=1, keepdims=True), 1e-12
        )
        for axis, pixel in zip(axes[4:], marked, strict=False):
            cosine = _image(land, (unit @ unit[pixel])[:, None])[..., 0]
            shown = axis.imshow(cosine, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
            place = land.column[pixel] - land.column.min(), land.row[pixel] - land.row.min()
            axis.plot(*place, "rx", markersize=9)
            axis.set_title(f"similar to a pixel of class {known[classes[pixel]]}", fontsize=9)
            figure.colorbar(shown, ax=axis, shrink=0.6)
        for axis in axes:
            axis.set_axis_off()
    figure.savefig(path, dpi=110)


def middles(
    row: NDArray[np.integer], column: NDArray[np.integer], classes: NDArray[np.integer]
) -> list[int]:
    """Positions of pixels of the largest classes, each with most pixels of its class around it."""
    places = np.full((row.max() + 1 + 2 * _AROUND, column.max() + 1 + 2 * _AROUND), -1)
    places[row + _AROUND, column + _AROUND] = classes
    steps = range(2 * _AROUND + 1)
    alike = sum((places[row + i, column + j] == classes).astype(int) for i in steps for j in steps)
    largest = np.argsort(-np.bincount(classes), kind="stable")[:MARKED]
    return [int(np.where(classes == number, alike, -1).argmax()) for number in largest]


def _clusters(land: LandPictures, classes: NDArray[np.integer], count: int) -> NDArray[np.integer]:
    """(pixel,) number of the class that each pixel's cluster stands for."""
    clusters = clusterings.clusters(land.embedding, count, 0)
    cluster_of = clusterings.partners(clusterings.overlap(classes, clusters, (count, count)))
    class_of = np.argsort(cluster_of)
    return class_of[clusters]


def _principal(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """(pixel, 3) along the first principal axes."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, ::-1][:, :3]


def _image(land: LandPictures, values: NDArray[np.floating]) -> NDArray[np.floating]:
    """(row, column, channel) of values (pixel, channel); NaN off the land."""
    top, left = land.row.min(), land.column.min()
    shape = land.row.max() - top + 1, land.column.max() - left + 1
    image = np.full((*shape, values.shape[1]), np.nan)
    image[land.row - top, land.column - left] = values
    if values.shape[1] == 3:  # white instead of NaN, which Matplotlib would draw black
        image = np.nan_to_num(image, nan=1.0)
    return image
