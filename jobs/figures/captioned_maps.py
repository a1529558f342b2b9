"""Captioned maps: figures of a store, or of what runs gave to its pixels, with title and caption.

The functions take (P, ...) values in store order, and read nothing themselves.
"""

from calendar import month_name
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lake.format import order
from lake.format.domain import Domain
from lake.format.schema import Cube
from lake.format.times import format_tod
from lake.plot import colours, pictures
from lake.plot.canvas import Heading
from lake.plot.graticule import latitude, longitude
from lake.plot.layers import band_name
from lake.plot.pictures import Scale
from lake.plot.views import MapView, around
from lake.reading.classes import LandClass, rgb

NEAREST = 50
"""Number of marked pixels that are most similar to a given one."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The pixels that are drawn, and the view of the map."""

    key: str
    """The name of the store as headings have it, see `lake.plot.headings`."""
    domain: Domain
    map_view: MapView


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedFigure:
    """A figure with its title, and a caption that says what it shows."""

    title: str
    caption: str
    figure: Figure


def land(place: Place) -> CaptionedFigure:
    """The domain: where the store's pixels lie."""
    domain = place.domain
    lon, lat = domain.lonlat()
    rows, columns = domain.grid.shape
    title = "Domain"
    caption = (
        f"The {domain.pixels:,} pixels of the store (green) of a fixed grid of {rows:,} x {columns:,}, "
        f"from {latitude(lat.min(), 1)} to {latitude(lat.max(), 1)} and from "
        f"{_span_of_longitudes(place, lon)}. Dashed: the view zenith angle, at which the satellite sees "
        "the surface."
    )
    figure = pictures.land(domain, around(domain), Heading(title, place.key))
    return CaptionedFigure(title, caption, figure)


def counts(
    place: Place, cube: Cube, band: str, observations: NDArray[np.float64]
) -> CaptionedFigure:
    """Number of observations of each pixel; `observations` (P,), 0: never observed."""
    title = "Clear-sky observations"
    never = int((observations == 0).sum())
    observed = observations[observations > 0]
    caption = (
        f"How many clear-sky observations {cube.name} holds of each pixel, all months and times of "
        f"day together: {_median(observed)}, from {observed.min(initial=np.inf):,.0f} to "
        f"{observed.max(initial=0):,.0f}.{_grey_note(never)}"
        if observed.size
        else f"{cube.name} holds no observation yet."
    )
    figure = pictures.field(
        place.domain,
        place.map_view,
        np.where(observations > 0, observations, np.nan),
        Heading(title, f"{place.key}  |  {cube.name}, {band}, all months and times of day"),
        "observations",
    )
    return CaptionedFigure(title, caption, figure)


def mean(
    place: Place, cube: Cube, band: str, month: int, tod: int, values: NDArray[np.float64]
) -> CaptionedFigure:
    """The mean of one band in one month at one time of day; `values` (P, subpixel)."""
    quantity = cube.quantity_of(band)
    title = f"Mean {quantity.name}"
    moment = f"{month_name[month]}, {format_tod(tod)}"
    observed = values[np.isfinite(values)]
    absent_count = int((~np.isfinite(values)).all(axis=1).sum())
    of_band = "" if cube.variable == band else f" of {band_name(band)}"
    units = "" if quantity.unit == "1" else f" {quantity.unit}"
    low, high, _ = pictures.limits(observed)
    digits = 3 if quantity.unit == "1" else 1
    caption = (
        f"Mean {quantity.name}{of_band} over all clear-sky observations in {month_name[month]} "
        f"at {format_tod(tod)}: {low:.{digits}f} to {high:.{digits}f}{units} from the 1st to the 99th "
        f"percentile of the pixels.{_grey_note(absent_count)}"
        if observed.size
        else f"No clear-sky observation of {band_name(band)}: {moment}."
    )
    figure = pictures.field(
        place.domain,
        place.map_view,
        values,
        Heading(title, f"{place.key}  |  {cube.name}, {band_name(band)}, {moment}"),
        f"{quantity.name} ({quantity.unit})",
        "inferno" if quantity.unit == "K" else "cividis",
    )
    return CaptionedFigure(title, caption, figure)


def pixel_order(place: Place, phase: int) -> CaptionedFigure:
    """The order of the pixels in the store."""
    layout = place.domain.layout
    count = len(order.superblocks(place.domain.pixels, layout))
    title = "Pixel order"
    caption = (
        f"The store keeps its pixels along a Hilbert curve (right), cut into {count} superblocks "
        f"(colours) of {layout.superblock:,} pixels and dealt into {layout.phases} phases. A region "
        f"lies in few superblocks; one phase of every superblock (dark: phase {phase}) is an even "
        f"sample of 1/{layout.phases} of all pixels that can be read alone."
    )
    subtitle = f"{place.key}  |  superblocks of {layout.phases} phases of {layout.chunk:,} pixels"
    figure = pictures.pixel_order(
        place.domain, around(place.domain), phase, Heading(title, subtitle)
    )
    return CaptionedFigure(title, caption, figure)


def components(
    place: Place,
    scores: NDArray[np.floating],
    shares: Sequence[float],
    count: int,
    features: int,
    kind: str = "principal",
) -> CaptionedFigure:
    """The first three components of the features: principal ones, or of minimum noise."""
    title = f"{kind.capitalize()} components"
    caption = (
        f"The first three of {count} {kind} components of {features:,} features as red, green "
        f"and blue, each stretched from its 2nd to its 98th percentile; together they hold "
        f"{sum(shares):.0%} of the variance.{_grey_note(_count_missing(scores))}"
    )
    subtitle = f"{place.key}  |  components 1, 2, 3 of {features:,} features as red, green, blue"
    labels = [f"PC {i}" if kind == "principal" else f"{i}" for i in (1, 2, 3)]
    figure = pictures.rgb(
        place.domain, place.map_view, scores, Heading(title, subtitle), labels, shares
    )  # fmt: skip
    return CaptionedFigure(title, caption, figure)


def embedding(
    place: Place, axes: NDArray[np.floating], shares: Sequence[float], latent: int
) -> CaptionedFigure:
    """The first three principal axes of the embedding."""
    title = "Embedding"
    caption = (
        f"The first three principal axes of the {latent}-dimensional embedding as red, green and "
        f"blue, each stretched from its 2nd to its 98th percentile; together they hold "
        f"{sum(shares):.0%} of its variance. Like colours are like land over the year; a colour by "
        f"itself means nothing.{_grey_note(_count_missing(axes))}"
    )
    subtitle = f"{place.key}  |  principal axes 1, 2, 3 of {latent} dimensions as red, green, blue"
    labels = [f"axis {i}" for i in (1, 2, 3)]
    figure = pictures.rgb(
        place.domain, place.map_view, axes, Heading(title, subtitle), labels, shares
    )
    return CaptionedFigure(title, caption, figure)


def component(
    place: Place, array: str, number: int, values: NDArray[np.float64]
) -> CaptionedFigure:
    """One component of vectors; `values` (P,), NaN: no vector."""
    known = values[np.isfinite(values)]
    low, high, extend = pictures.limits(known)
    cmap = "viridis"
    if known.size and known.min() < 0 < known.max():
        bound = max(abs(low), abs(high))
        low, high, cmap = -bound, bound, "RdBu_r"
        extend = pictures.extend_of(known, low, high)
    title = f"Component {number}"
    heading = Heading(title, f"{place.key}  |  column {number} of {array}")
    scale = Scale(f"{array}, component {number}", cmap, (low, high, extend))
    sheet = pictures.field_sheet(place.domain, place.map_view, values, heading, scale, "no vector")
    caption = (
        f"Component {number} of the {array} of the pixels, counted from 0. 'lake plot loadings' says what a "
        f"component of pca or mnf is made of.{_grey_note(values.size - known.size)}"
    )
    return CaptionedFigure(title, caption, sheet.figure)


def clusters(
    place: Place, labels: NDArray[np.integer], classes: Sequence[LandClass]
) -> CaptionedFigure:
    """The clusters of a run's vectors; `labels` (P,), below 0: none."""
    shares = pictures.class_shares(np.asarray(labels, np.int64), len(classes))
    caption = (
        f"The {len(classes)} clusters of the vectors, numbered by size; "
        f"they hold {shares.min():.1%} to {shares.max():.1%} of the pixels each."
    )
    words = "clusters of the vectors of the pixels"
    return _classes(place, labels, classes, "Clusters", words, caption)


def predicted(
    place: Place, labels: NDArray[np.integer], classes: Sequence[LandClass]
) -> CaptionedFigure:
    """The classes that `lake classify` predicts; `labels` (P,), below 0: none."""
    present = len(np.unique(np.asarray(labels)[np.asarray(labels) >= 0]))
    caption = (
        f"The class of every pixel, as learnt from the labels of some: {present} of {len(classes)} "
        "classes are here."
    )
    return _classes(place, labels, classes, "Classes", "predicted from labels", caption)


def _classes(
    place: Place,
    labels: NDArray[np.integer],
    classes: Sequence[LandClass],
    title: str,
    words: str,
    caption: str,
) -> CaptionedFigure:
    heading = Heading(title, f"{place.key}  |  {words}")
    figure = pictures.classes(place.domain, place.map_view, labels, heading, classes)
    grey = _grey_note(int((np.asarray(labels) < 0).sum()))
    return CaptionedFigure(title, caption + grey, figure)


def comparison(
    place: Place,
    scores: NDArray[np.floating],
    axes: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: Sequence[LandClass],
) -> CaptionedFigure:
    """Components, the embedding and its clusters, on maps of one view.

    Args:
        place: the pixels and the view.
        scores: (P, 3) first components of the features.
        axes: (P, 3) first principal axes of the embedding, turned to the components.
        labels: (P,) cluster of each pixel, below 0: none.
        classes: the clusters.
    """
    title = "Components, embedding and clusters"
    caption = (
        "The first three principal components of the features, the first three principal axes of the "
        f"embedding, and its {len(classes)} clusters. Both triples are stretched from their 2nd to their "
        "98th percentile. The axes are turned among themselves so that the colours of the embedding are as "
        "near to those of the components as they can be: what differs is what the embedding changed."
        f"{_grey_note(_count_missing(axes))}"
    )
    of_class = np.where(labels[:, None] >= 0, rgb(classes)[np.maximum(labels, 0)], np.nan)
    coloured = {
        "components 1, 2, 3": colours.stretch(scores),
        "embedding, turned to them": colours.stretch(axes),
        f"{len(classes)} clusters of the embedding": of_class,
    }
    heading = Heading(title, f"{place.key}  |  the same view, colours that compare")
    figure = pictures.maps_side_by_side(place.domain, place.map_view, coloured, heading)
    return CaptionedFigure(title, caption, figure)


def neighbours(place: Place, distance: NDArray[np.float64], pixel: int) -> CaptionedFigure:
    """Pixels with vectors similar to a given pixel's; `distance` (P,) between vectors, NaN: no vector."""
    lon, lat = (float(coordinate[pixel]) for coordinate in place.domain.lonlat())
    title = f"Neighbours of pixel {pixel}"
    middle = float(np.nanmedian(distance)) if np.isfinite(distance).any() else 1.0
    nearest = np.argsort(distance)[1 : NEAREST + 1]
    caption = (
        f"Distance from the vector of the pixel at {latitude(lat, 1)}, {longitude(lon, 1)} (circle) to "
        f"those of all pixels, over their median; bright: near. Dots: the {NEAREST} nearest."
        f"{_grey_note(int((~np.isfinite(distance)).sum()))}"
    )
    figure = pictures.field(
        place.domain, place.map_view, distance / (middle or 1.0),
        Heading(title, f"{place.key}  |  {latitude(lat, 1)}, {longitude(lon, 1)}"),
        "distance over the median distance", "viridis_r", "no vector",
    )  # fmt: skip
    pictures.mark(figure.axes[0], place.domain, pixel, nearest)
    return CaptionedFigure(title, caption, figure)


def _median(values: NDArray[np.float64]) -> str:
    return f"{np.median(values):,.0f} in the median pixel"


def _grey_note(pixels: int) -> str:
    plural = "" if pixels == 1 else "s"
    return f" Grey: {pixels:,} pixel{plural} without any." if pixels else ""


def _count_missing(values: NDArray[np.floating]) -> int:
    return int((~np.isfinite(values)).any(axis=1).sum())


def _span_of_longitudes(place: Place, lon: NDArray[np.float64]) -> str:
    """The westernmost and the easternmost longitude in words, as the satellite sees them."""
    origin = place.domain.grid.projection.longitude_of_projection_origin
    east = (lon - origin + 180) % 360 - 180
    return " to ".join(longitude(origin + end, 1) for end in (float(east.min()), float(east.max())))
