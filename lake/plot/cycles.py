"""Cycles of points: lines over the months of a year or the hours of a day, beside a small map."""

from calendar import month_abbr, month_name
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from lake.errors import ConfigError
from lake.format.arrays import Floats
from lake.format.schema import MONTHS
from lake.format.times import DAY_S, format_tod
from lake.plot import canvas, colours, headings, layers, views
from lake.plot.canvas import INK, Heading
from lake.plot.graticule import latitude, longitude
from lake.plot.layers import Layer
from lake.plot.pictures import LAND
from lake.reading.store import Store

Over = Literal["annual", "diurnal"]
Clock = Literal["utc", "solar"]

POINTS = 8
"""Largest number of points: more lines cannot be distinguished."""
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F"]
"""Colours of Okabe and Ito, "Color Universal Design" (2008); grey in place of their yellow."""
MARKERS = "osD^vP*X"
SIZE = (5.2, 3.4)
"""Width and height of the chart in inches."""
LOCATOR_INCHES = 2.1
MARGIN_H = 0.6
"""Hours before the first and after the last time of day of a chart."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots of a cycle: months, or times of day in hours. Neighbours are at most a step apart.

    Months are neighbours within the year: a store of one year has no January after its December. Times of
    day are neighbours across midnight too, so that a day of all steps is closed.
    """

    step: float
    period: float
    """After which the axis begins again; infinite: never."""

    @property
    def reach(self) -> float:
        """The largest distance of neighbours, with room for rounding."""
        return self.step * (1 + 1e-6)

    def closes(self, along: Floats) -> bool:
        """Whether the last and the first of some rising places are neighbours."""
        return along.size > 1 and bool(along.min() + self.period - along.max() <= self.reach)


def cycle(
    store: Store,
    points: Sequence[tuple[float, float]],
    over: Over = "annual",
    layer: Layer = Layer(),  # noqa: B008 (frozen)
    title: str = "",
    clock: Clock = "utc",
) -> Figure:
    """Draw how a statistic of points changes over the year, or over the day.

    Bars on means are one standard deviation to both sides. A line joins neighbouring slots only (see
    `joined`); months and times of day without observation are a gap. A day is joined of all cubes that
    have the band at the same resolution, such as those of day and of night, unless the layer names a cube.

    Args:
        store: the store to read.
        points: (lon, lat) in degrees, 8 at most.
        over: `annual`: all months at one time of day; `diurnal`: all times of day of one month.
        layer: what is read of the store.
        title: title of the chart; empty: statistic and quantity.
        clock: of a day: `utc`, or `solar`, the local mean solar time of each point.

    Raises:
        ConfigError: no or too many points, solar time of a year, or the store lacks what is asked for.
        GeometryError: a point lies in no pixel of the store.
    """
    if over not in {"annual", "diurnal"}:
        raise ConfigError(f"a cycle is {over!r}: wanted 'annual' or 'diurnal'")
    if not 1 <= len(points) <= POINTS:
        raise ConfigError(f"{len(points)} points: wanted 1 to {POINTS} of (lon, lat)")
    if clock not in {"utc", "solar"} or (clock == "solar" and over == "annual"):
        raise ConfigError(
            f"clock {clock!r} of an {over} cycle: wanted 'utc', or 'solar' of a diurnal one"
        )
    is_joined = over == "diurnal" and not layer.cube
    layer, series = read(store, points, over, layer)
    others = companions(store, layer) if is_joined else []
    sheet = canvas.chart_sheet(_heading(store, over, layer, title, others), SIZE)
    slots = (
        Slots(1, inf) if over == "annual" else Slots(step_hours(series["tod"].values.tolist()), 24)
    )
    for number, (lon, _) in enumerate(points):
        point = series.isel(point=number)
        spread = point["stddev"].values if layer.statistic in {"mean", "m1"} else None
        along = _along(over, clock, series, lon)
        _line(sheet.map, along, point[layer.statistic].values, spread, number, slots)
    if clock == "solar":
        along = np.array([0.0, 24.0])
    elif slots.closes(along):
        along = np.append(along, along.min() + 24)
    _axes(sheet.map, over, along, layers.label(store, layer), clock)
    _locate(sheet, store, points)
    return canvas.fit(sheet.figure)


def read(
    store: Store, points: Sequence[tuple[float, float]], over: Over, layer: Layer
) -> tuple[Layer, xr.Dataset]:
    """Read what a cycle shows, and choose everything that the layer leaves open.

    Returns:
        The complete layer; its statistic and `stddev` (point, month) or (point, tod).
    """
    lon, lat = (np.array(axis, float) for axis in zip(*points, strict=True))
    cube, _ = layers.choose_band(store, layer.cube, layer.band)
    located = store.sel_lonlat(cube, lon, lat)
    named = bool(layer.cube)
    layer = layers.resolve(store, layer, np.unique(located["pixel"].values))
    if over == "annual":
        return layer, _statistics(located, layer).sel(tod=layer.tod).load()
    parts = [_statistics(located, layer)]
    if not named:
        others = [store.sel_lonlat(name, lon, lat) for name in companions(store, layer)]
        parts += [_statistics(other, layer) for other in others]
    month = [part.sel(month=layer.month).load() for part in parts]
    return layer, xr.concat(month, "tod", coords="minimal", compat="override")


def companions(store: Store, layer: Layer) -> list[str]:
    """Cubes that have the band of a layer at its resolution, at other times of day."""
    own = store.cubes[layer.cube]
    return [
        cube.name
        for cube in store.cubes.values()
        if layer.band in cube.bands
        and cube.resolution == own.resolution
        and cube.quantity_of(layer.band) == own.quantity_of(layer.band)
        and not set(cube.tods) & set(own.tods)
    ]


def _statistics(located: xr.Dataset, layer: Layer) -> xr.Dataset:
    """The statistic of a layer, and `stddev`, of points: (point, month, tod)."""
    selection = located.sel(band=layer.band)
    statistics = {"stddev": selection["stddev"]}
    statistics[layer.statistic] = (
        selection[layer.statistic]
        if layer.statistic in selection
        else selection["results"].sel(metric=layer.statistic, drop=True)
    )
    return xr.Dataset(statistics)


def _along(over: Over, clock: Clock, series: xr.Dataset, lon: float) -> Floats:
    """Where the values of a point stand on the axis: months, or hours."""
    if over == "annual":
        return np.array(MONTHS, float)
    tods = series["tod"].values.tolist()
    return solar_hours(tods, lon) if clock == "solar" else hours(tods)


def solar_hours(tods: Sequence[int], lon: float) -> Floats:
    """(tod,) local mean solar time in hours, 0 to 24, of times of day (UTC) at a longitude in degrees."""
    local: Floats = (np.array(tods, float) / 3600 + lon / 15) % 24
    return local


def hours(tods: Sequence[int]) -> Floats:
    """Hours since the midnight (UTC) before the first time of day, each later than the one before it."""
    since = np.array(tods, float) / 3600
    along: Floats = since[0] + (since - since[0]) % 24
    return along


def step_hours(tods: Sequence[int]) -> float:
    """The smallest distance between two times of day in hours, across midnight too; 24: there is one."""
    sorted_tods = sorted(set(tods))
    ends = [*sorted_tods, sorted_tods[0] + DAY_S]
    return min(later - earlier for earlier, later in pairwise(ends)) / 3600


def joined(along: Floats, values: NDArray[np.floating], slots: Slots) -> tuple[Floats, Floats]:
    """A line through neighbouring slots that have values.

    Args:
        along: (n,) where the values stand, rising.
        values: (n,) NaN: none.
        slots: says which are neighbours.

    Returns:
        x and y of the line, NaN in its gaps; it goes on beyond both ends of a closed cycle.
    """
    observed = np.isfinite(values)
    x, y = along[observed].astype(np.float64), values[observed].astype(np.float64)
    if slots.closes(x):
        x = np.concatenate([[x[-1] - slots.period], x, [x[0] + slots.period]])
        y = np.concatenate([[y[-1]], y, [y[0]]])
    gaps = np.flatnonzero(np.diff(x) > slots.reach) + 1
    return np.insert(x, gaps, np.nan), np.insert(y, gaps, np.nan)


def _line(
    axes: Axes, along: Floats, values: NDArray[np.floating], spread: Floats | None, number: int,
    slots: Slots,
) -> None:  # fmt: skip
    order = np.argsort(along, kind="stable")
    along, values = along[order], values[order]
    colour = COLOURS[number]
    axes.plot(*joined(along, values, slots), color=colour, linewidth=1.4, zorder=3)
    axes.plot(
        along, values, color=colour, marker=MARKERS[number], markersize=4.5, linestyle="", zorder=3
    )  # fmt: skip
    if spread is not None:
        axes.errorbar(
            along, values, spread[order], fmt="none", ecolor=colour, elinewidth=1, alpha=0.5
        )  # fmt: skip


def _axes(axes: Axes, over: Over, along: Floats, label: str, clock: Clock = "utc") -> None:
    if over == "annual":
        axes.set_xticks(MONTHS, [month_abbr[month] for month in MONTHS])
        axes.set_xlim(0.6, 12.4)
    else:
        step = next(s for s in (1, 2, 3, 4, 6) if np.ptp(along) / s <= 8.5)
        ticks = np.arange(np.floor(along.min()), np.ceil(along.max()) + 1)
        ticks = ticks[ticks % step == 0]
        axes.set_xticks(ticks, [f"{int(tick) % 24:02d}:00" for tick in ticks])
        zone = {"utc": "time of day, UTC", "solar": "local mean solar time"}[clock]
        axes.set_xlabel(zone, fontsize=8.5, color=INK)
        axes.set_xlim(along.min() - MARGIN_H, along.max() + MARGIN_H)
    axes.set_ylabel(label, fontsize=8.5, color=INK)
    axes.tick_params(labelsize=7.5, labelcolor=INK, width=0.6, length=2.5)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    for name, spine in axes.spines.items():
        spine.set(color="0.4", linewidth=0.6, visible=name in {"left", "bottom"})


def _locate(sheet: canvas.Sheet, store: Store, points: Sequence[tuple[float, float]]) -> None:
    """Add a small map of the points, and a legend below it."""
    map_view = views.around(store.domain)
    rows, columns = map_view.size
    height = min(LOCATOR_INCHES * rows / columns, SIZE[1] - 0.19 * len(points) - 0.1)
    wide, high = SIZE
    panel = sheet.figure.add_axes(
        ((wide + 0.25) / wide, 1 - height / high, LOCATOR_INCHES / wide, height / high)
    )
    canvas.frame(panel, map_view, width=0.5)
    land = np.broadcast_to(LAND, (store.pixels, 3))
    canvas.paint(panel, map_view, map_view.crop(colours.composite(store.domain, land)))
    panel.set_anchor("NW")
    handles = []
    for number, (lon, lat) in enumerate(points):
        panel.plot(
            *map_view.place(np.array([lon]), np.array([lat])), MARKERS[number], color=COLOURS[number],
            markersize=5.5, markeredgecolor="white", markeredgewidth=0.7, zorder=5,
        )  # fmt: skip
        name = f"{latitude(lat, 2)}, {longitude(lon, 2)}"
        line = Line2D([], [], color=COLOURS[number], marker=MARKERS[number], markersize=4.5)
        line.set_label(name)
        handles.append(line)
    panel.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, -0.02), frameon=False, fontsize=7.5,
        borderpad=0, borderaxespad=0.3, labelcolor=INK,
    )  # fmt: skip


def _heading(store: Store, over: Over, layer: Layer, title: str, others: Sequence[str]) -> Heading:
    words = layers.subtitle(store, layer)
    month, tod = f", {month_name[layer.month]}", f", {format_tod(layer.tod)}"
    words = words.replace(month, "", 1) if over == "annual" else words.replace(tod, "", 1)
    words = words.replace(layer.cube, " + ".join([layer.cube, *others]), 1)
    spread = "  |  bars: one standard deviation" if layer.statistic in {"mean", "m1"} else ""
    named = f"{over.capitalize()} cycle: {layers.title(store, layer).lower()}"
    return Heading(title or named, f"{headings.named(store)}\n{words}{spread}")
