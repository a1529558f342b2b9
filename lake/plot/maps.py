"""Maps of one layer of a store, or of the difference of two, as figures and as films."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isnan, nan

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lake.errors import ConfigError
from lake.format.domain import Domain
from lake.plot import canvas, films, headings, layers, pictures, views
from lake.plot.canvas import Heading
from lake.plot.films import Film
from lake.plot.layers import Layer, Pixels, Values
from lake.plot.pictures import Absence, Scale
from lake.plot.views import MapProjection, MapView
from lake.reading.store import Store

DIVERGING = "RdBu_r"
"""Colour map of differences: ColorBrewer's, which every kind of colour vision distinguishes."""
SEQUENTIAL = {"K": "inferno", "1": "cividis"}
"""Unit -> colour map of a mean or extreme; like viridis, that of the other statistics, uniform to the eye."""
LOGARITHMIC = ("count", "stddev")
"""Statistics that are no less than 0, whose colours may be logarithmic."""
OVER = ("months", "hours")
"""The axes that a film can follow."""


@dataclass(frozen=True, slots=True)
class Look:
    """The view, colours and title of a map."""

    projection: MapProjection = "fixed"
    bbox: tuple[float, ...] = ()
    """West, south, east, north in degrees; empty: all pixels of the store. Nothing else is read."""
    cmap: str = ""
    """Name of a colour map of Matplotlib; empty: chosen by quantity."""
    vmin: float = nan
    """Value where the colours begin; NaN: the 1st percentile. Differences are centred at 0."""
    vmax: float = nan
    """Value where the colours end; NaN: the 99th percentile."""
    title: str = ""
    """Title of the map; empty: statistic and quantity."""
    log: bool = False
    """Whether the colours are logarithmic: of counts and standard deviations, which are 0 or more."""

    def __post_init__(self) -> None:
        if self.cmap and self.cmap not in colormaps:
            raise ConfigError(
                f"there is no colour map {self.cmap!r}: wanted one of Matplotlib's, e.g. viridis, "
                "cividis, inferno, RdBu_r"
            )
        if self.vmin >= self.vmax:
            raise ConfigError(f"vmin is {self.vmin:g}, vmax {self.vmax:g}: wanted vmin below vmax")
        if self.log and self.vmin <= 0:
            raise ConfigError(f"vmin is {self.vmin:g}: logarithmic colours begin above 0")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The subject of a map: a layer, or the difference of two, with everything chosen."""

    store: Store
    layer: Layer
    """The layer that is drawn, resolved."""
    minus: Layer | None
    """The layer that is subtracted, resolved; None: there is no difference."""
    minus_store: Store
    """The store that `minus` is read from."""
    pixels: Pixels
    """(p,) ascending positions of the visible pixels in the store."""
    domain: Domain
    """The domain of these pixels alone."""
    map_view: MapView
    """The view of that domain."""


def field(
    store: Store,
    layer: Layer = Layer(),  # noqa: B008 (frozen)
    look: Look = Look(),
    *,
    minus: Layer | None = None,
    minus_store: Store | None = None,
) -> Figure:
    """Draw a map of one statistic; with `minus` or `minus_store`, of its difference.

    Args:
        store: the store to read.
        layer: what is read of the store.
        look: view and colours.
        minus: what is subtracted; all that it leaves open is as in `layer`, and so is its statistic.
        minus_store: the store that `minus` is of, on the same grid; None: the same store.

    Raises:
        ConfigError: the store lacks what is asked for, or no pixel of it would be shown.
        GeometryError: two stores of different grids.
    """
    subject = subject_of(store, layer, look, minus, minus_store)
    values = read([subject])
    sheet = pictures.field_sheet(
        subject.domain,
        subject.map_view,
        values[0],
        heading(subject, look),
        scale(subject, look, values[0]),
        absences(subject, [subject], values, log=look.log)[0],
    )
    return canvas.fit(sheet.figure)


def film(
    store: Store,
    over: str,
    layer: Layer = Layer(),  # noqa: B008
    look: Look = Look(),
    *,
    minus: Layer | None = None,
    minus_store: Store | None = None,
) -> Film:
    """Prepare a film: the same map of every month with statistics, or of every time of day, in one scale.

    All frames are read before the first is drawn; each takes 4 bytes a pixel, or subpixel.

    Args:
        store: as for `field`.
        over: `months` or `hours`.
        layer: likewise; what the film goes through is ignored.
        look: likewise.
        minus: likewise; whatever it says of what the film goes through stays as it is.
        minus_store: likewise.

    Raises:
        ConfigError: as `field`; or nothing to go through.
        GeometryError: likewise.
    """
    if over not in OVER:
        raise ConfigError(f"a film goes over {over!r}: wanted one of {', '.join(OVER)}")
    subject = subject_of(store, layer, look, minus, minus_store)
    frames = _frames(subject, over, minus)
    values = read(frames)
    absent = absences(subject, frames, values, log=look.log)
    first = heading(frames[0], look)
    sheet = pictures.field_sheet(
        subject.domain, subject.map_view, values[0], first, scale(subject, look, values), absent[0]
    )
    canvas.fit(sheet.figure)

    def show(number: int) -> None:
        image = pictures.field_image(subject.domain, subject.map_view, values[number])
        sheet.map.images[-1].set_data(image)
        grey = pictures.grey_image(subject.domain, subject.map_view, absent[number])
        sheet.map.images[-2].set_data(grey)
        sheet.subtitle.set_text(heading(frames[number], look).subtitle)

    colours = sheet.map.images[-1].get_cmap()(np.linspace(0, 1, films.MAP_COLOURS), bytes=True)
    return Film(sheet.figure, len(frames), show, np.asarray(colours)[:, :3])


def subject_of(
    store: Store, layer: Layer, look: Look, minus: Layer | None, minus_store: Store | None
) -> Subject:
    """The subject of a map, with everything chosen that was left open."""
    pixels, domain, map_view = views.visible_part(
        store.domain, views.select(store.domain, look.projection, look.bbox)
    )
    layer = layers.resolve(store, layer, pixels)
    second = minus_store or store
    if minus is None and minus_store is None:
        return Subject(store, layer, None, second, pixels, domain, map_view)
    subtracted = (minus or Layer()).filled_from(layer)
    if (
        subtracted.cube not in second.cubes
        or subtracted.band not in second.cubes[subtracted.cube].bands
    ):
        subtracted = replace(subtracted, cube=minus.cube if minus else "")
    subtracted = layers.resolve(second, subtracted, np.arange(0))
    units = layers.unit(store, layer), layers.unit(second, subtracted)
    sides = store.cubes[layer.cube].subpixels, second.cubes[subtracted.cube].subpixels
    if units[0] != units[1] or sides[0] != sides[1]:
        raise ConfigError(
            f"{layer.band} is in {units[0]} with {sides[0]} subpixels, {subtracted.band} in {units[1]} with "
            f"{sides[1]}: a difference wants the same unit and resolution"
        )
    return Subject(store, layer, subtracted, second, pixels, domain, map_view)


def read(frames: Sequence[Subject]) -> Values:
    """(frame, p, subpixel) values or differences; NaN: absent, in either.

    Args:
        frames: one subject, or several that differ in months or in times of day.
    """
    first = frames[0]
    values = _layers(first.store, [frame.layer for frame in frames], first.pixels)
    subtracted = [frame.minus for frame in frames if frame.minus is not None]
    if not subtracted:
        return values
    indices, positions = layers.same_pixels(first.store, first.pixels, first.minus_store)
    differences = np.full(values.shape, np.nan, np.float32)
    differences[:, indices] = values[:, indices] - _layers(first.minus_store, subtracted, positions)
    return differences


def absences(
    subject: Subject, frames: Sequence[Subject], values: Values, *, log: bool = False
) -> list[Absence]:
    """Why values of each frame are absent; a legend of all frames has the words of every one.

    Args:
        subject: that all frames are of.
        frames: one subject, or several that differ in months or in times of day.
        values: (frame, p, subpixel) as of `read`.
        log: whether the colours are logarithmic.
    """
    store, layer = subject.store, subject.layer
    if subject.minus is not None:
        words = {"none": layers.NEITHER} if np.isnan(values).any() else {}
        return [Absence(words)] * len(frames)
    few = [
        layers.too_few(store, frame.layer, subject.pixels, value)
        for frame, value in zip(frames, values, strict=True)
    ]
    is_none = any(bool((np.isnan(v) & ~f).any()) for v, f in zip(values, few, strict=True))
    words = {"none": layers.NONE} if is_none else {}
    if any(map(np.any, few)):
        words["few"] = layers.TOO_FEW[layer.statistic]
    below = [log & (value <= 0) for value in values]
    if any(map(np.any, below)):
        words["below"] = layers.NO_LOGARITHM
    return [Absence(words, *parts) for parts in zip(few, below, strict=True)]


def scale(subject: Subject, look: Look, values: NDArray[np.floating]) -> Scale:
    """The scale that colours values (..., p, subpixel)."""
    store, layer = subject.store, subject.layer
    label = layers.label(store, layer)
    if look.log:
        values = _positive(subject, values)
        label = f"{label}, logarithmic"
    low, high, _ = measured = pictures.limits(values)
    if look.log and low <= 0:
        low = high / 2  # of values that are all alike
    if subject.minus is None:
        plain = layer.statistic in {"mean", "m1", "min", "max"}
        cmap = SEQUENTIAL[layers.unit(store, layer)] if plain else "viridis"
        low, high = (
            limit if isnan(explicit) else explicit
            for explicit, limit in ((look.vmin, low), (look.vmax, high))
        )
    else:
        cmap, label = DIVERGING, f"difference of {label}"
        explicit = [abs(bound) for bound in (look.vmin, look.vmax) if not isnan(bound)]
        high = max(explicit or [abs(low), abs(high)])
        low = -high
    if low >= high:
        raise ConfigError(
            f"colours would go from {low:g} to {high:g}: wanted --vmin below --vmax; the values are "
            f"about {measured[0]:g} to {measured[1]:g}"
        )
    ends = low, high, pictures.extend_of(values, low, high)
    return Scale(label, look.cmap or cmap, ends, layer.statistic == "count", look.log)


def _positive(subject: Subject, values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The values that have a logarithm.

    Raises:
        ConfigError: there is none, or the statistic can be 0 or less.
    """
    statistic = subject.layer.statistic
    if statistic not in LOGARITHMIC or subject.minus is not None:
        name = statistic if subject.minus is None else "a difference"
        raise ConfigError(
            f"{name} can be 0 or less: logarithmic colours are for {' and '.join(LOGARITHMIC)}"
        )
    positive = values[values > 0]
    if not positive.size:
        raise ConfigError(f"no {statistic} here is above 0: leave logarithmic colours out (--log)")
    return positive


def heading(subject: Subject, look: Look) -> Heading:
    """The heading of a map: title, subtitle, and the generation that was read."""
    store, layer, minus, second = subject.store, subject.layer, subject.minus, subject.minus_store
    title = layers.title(store, layer)
    subtitle = f"{headings.named(store)}  |  {layers.subtitle(store, layer)}"
    source = f"generation {store.generation}"
    if minus is not None:
        title = f"Difference of {title[0].lower()}{title[1:]}"
        key = "" if second.key == store.key else f"{second.key}  |  "
        subtitle = f"{subtitle}\nminus  {key}{layers.subtitle(second, minus)}"
    if second.url != store.url:
        source += f" minus {second.generation}"
    return Heading(look.title or title, subtitle, source)


def _frames(subject: Subject, over: str, minus: Layer | None) -> list[Subject]:
    """The subject in every month, or at every time of day; `minus` moves too, unless its time is fixed."""
    store, unset, subtracted = subject.store, Layer(), subject.minus
    if over == "months":
        is_fixed = minus is not None and minus.month != unset.month
        moves = [partial(replace, month=month) for month in store.months]
    else:
        is_fixed = minus is not None and minus.tod != unset.tod
        moves = [partial(replace, tod=tod) for tod in store.cubes[subject.layer.cube].tods]
    frames = []
    for move in moves:
        if subtracted is not None and subject.minus is not None and not is_fixed:
            subtracted = layers.resolve(subject.minus_store, move(subject.minus), np.arange(0))
        frames.append(replace(subject, layer=move(subject.layer), minus=subtracted))
    return frames


def _layers(store: Store, layers_: Sequence[Layer], pixels: Pixels) -> Values:
    """(layer, p, subpixel) values of layers that differ in month or in time of day."""
    months, tods = (
        list(dict.fromkeys(getattr(layer, name) for layer in layers_)) for name in ("month", "tod")
    )
    values = layers.read(store, layers_[0], pixels, months, tods)
    return values.reshape(-1, *values.shape[2:])
