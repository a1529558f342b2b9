"""Layers: one statistic of one month, one time of day and one band of a store.

Everything that figures show is read here, a superblock at a time, for the visible pixels alone.
"""

from calendar import month_name
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from math import isnan

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lake.errors import ConfigError, GeometryError
from lake.format import bands, order
from lake.format.moments import METRICS
from lake.format.schema import MONTHS
from lake.format.times import format_tod
from lake.reading import cubes
from lake.reading.store import Store

Values = NDArray[np.float32]
Pixels = NDArray[np.int64]

WINDOW_UM = 10.35
"""Wavelength of the clean window (C13): the band nearest to it is drawn, where none is chosen."""
PILOT_CHUNKS = 8
"""Number of inner chunks that are read to choose the month and time of day with most observations."""

_WORDS = {
    "count": "Clear-sky observations",
    "min": "Minimum",
    "max": "Maximum",
    "mean": "Mean",
    "m1": "Mean",
    "stddev": "Standard deviation",
    "skewness": "Skewness",
    "kurtosis": "Excess kurtosis",
    "m2": "Sum of squared deviations",
    "m3": "Sum of cubed deviations",
    "m4": "Sum of fourth powers of deviations",
}
NONE, NEITHER = "no observation", "no value in one of the two"
NO_LOGARITHM = "0 or less, which has no logarithm"
TOO_FEW = {
    "stddev": "too few observations: 1",
    "skewness": "too few observations: 1 or 2, or all alike",
    "kurtosis": "too few observations: 1 to 3, or all alike",
}
"""Statistic -> why it has no value of a pixel that was observed; the explorer has the same words."""
_METRICS_OF = {"mean": {"m1"}, "stddev": {"m2"}, "skewness": {"m2", "m3"}, "kurtosis": {"m2", "m4"}}
"""Metrics that a statistic is computed from."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The layer to draw. `resolve` chooses everything that is left open."""

    statistic: str = "mean"
    """A stored metric, or a computed statistic: mean, stddev, skewness, kurtosis."""
    month: int = 0
    """1 to 12; 0: the month that has most observations, at `tod` if that is given."""
    tod: int = -1
    """Seconds of the UTC day; -1: that with most observations, or nearest to noon for bands of sunlight."""
    band: str = ""
    """Name of a band; empty: the one nearest to 10.35 um."""
    cube: str = ""
    """Name of a cube; empty: the first that has the band."""

    def __post_init__(self) -> None:
        if self.statistic not in cubes.ALL_STATISTICS:
            raise ConfigError(
                f"there is no statistic {self.statistic!r}: wanted one of "
                f"{', '.join(cubes.ALL_STATISTICS)}"
            )

    def filled_from(self, defaults: "Layer") -> "Layer":
        """This layer with everything that it leaves open, and the statistic, taken from the defaults.

        Args:
            defaults: a layer that leaves nothing open.
        """
        unset = Layer()
        explicit = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != getattr(unset, field.name)
        }
        return replace(defaults, **explicit | {"statistic": defaults.statistic})


def resolve(store: Store, layer: Layer, pixels: Pixels) -> Layer:
    """Choose everything that a layer leaves open.

    Args:
        store: the store to read.
        layer: the layer to complete.
        pixels: (p,) visible pixels; observations are counted in some of their chunks if need be.

    Raises:
        ConfigError: the store does not have what is asked for; the message names what it has.
    """
    cube, band = choose_band(store, layer.cube, layer.band)
    tods = store.cubes[cube].tods
    if layer.month not in {0, *store.months} or not store.months:
        months = ", ".join(f"{month} ({month_name[month]})" for month in store.months) or "none"
        raise ConfigError(
            f"month is {layer.month or 'open'}: {store.key} has statistics of the months {months}"
        )
    if layer.tod not in {-1, *tods}:
        raise ConfigError(
            f"tod is {layer.tod} ({format_tod(layer.tod)}): {cube} of {store.key} has "
            + ", ".join(f"{tod} ({format_tod(tod)})" for tod in tods)
        )
    month, tod = layer.month, layer.tod
    if tod == -1 and store.cubes[cube].quantity_of(band) == bands.REFLECTANCE_FACTOR:
        tod = _noon(store, tods, pixels)
    if month == 0 or tod == -1:
        month, tod = most_observed(_pilot(store, cube, band, pixels), tods, month, tod)
    return replace(layer, cube=cube, band=band, month=month, tod=tod)


def choose_band(store: Store, cube: str, band: str) -> tuple[str, str]:
    """Choose a cube and a band of it, where either may be left open.

    Raises:
        ConfigError: the store has none such; the message names what it has.
    """
    offered = [
        (pair.name, name)
        for pair in store.cubes.values()
        for name in pair.bands
        if cube in {"", pair.name} and band in {"", name}
    ]
    if not offered:
        raise ConfigError(
            f"cube={cube!r}, band={band!r}: {store.key} has "
            + "; ".join(f"{pair.name} {' '.join(pair.bands)}" for pair in store.cubes.values())
        )
    return min(offered, key=lambda pair: _distance_um(pair[1]))


def most_observed(
    counts: NDArray[np.float64], tods: Sequence[int], month: int, tod: int
) -> tuple[int, int]:
    """Month and time of day with the most observations.

    Args:
        counts: (month, tod) observations.
        tods: labels of the second axis.
        month: the only month to look at; 0: all months.
        tod: the only time of day to look at; -1: all.
    """
    allowed = np.array([[month in {0, m} and tod in {-1, t} for t in tods] for m in MONTHS])
    row, column = divmod(int(np.where(allowed, counts, -1).argmax()), len(tods))
    return MONTHS[row], tods[column]


def read(
    store: Store, layer: Layer, pixels: Pixels, months: Sequence[int] = (), tods: Sequence[int] = ()
) -> Values:
    """Read the values of a layer, or of several months or times of day of it.

    Args:
        store: the store to read.
        layer: a layer that `resolve` completed.
        pixels: (p,) ascending positions in the store.
        months: months to read instead of the layer's.
        tods: times of day to read instead of the layer's.

    Returns:
        (month, tod, p, subpixel); NaN: no observation, or too few for the statistic. 0 is a number.

    Raises:
        MissingError: an object of the store is not there.
        FormatError: one is damaged.
    """
    variable = _variable(store, layer).sel(
        month=list(months or [layer.month]), tod=list(tods or [layer.tod]), band=layer.band
    )
    dims = "month", "tod", "pixel", "subpixel"
    pieces = [
        variable.isel(pixel=piece).transpose(*dims).variable.values
        for piece in order.by_superblock(pixels, store.layout)
    ]
    values: Values = np.concatenate(pieces, axis=2)
    return values


def too_few(store: Store, layer: Layer, pixels: Pixels, values: Values) -> NDArray[np.bool_]:
    """Where a statistic has no value though there are observations.

    Args:
        store: the store to read.
        layer: a layer that `resolve` completed.
        pixels: (p,) ascending positions in the store.
        values: (p, subpixel) of the layer, as of `read`.

    Returns:
        (p, subpixel); counts are read of pixels without a value, if the statistic needs several
        observations.
    """
    few = np.zeros(values.shape, bool)
    rows = np.flatnonzero(np.isnan(values).any(axis=1))
    if layer.statistic in TOO_FEW and rows.size:
        counts = read(store, replace(layer, statistic="count"), pixels[rows])[0, 0]
        few[rows] = np.isnan(values[rows]) & (np.nan_to_num(counts) > 0)
    return few


def same_pixels(store: Store, pixels: Pixels, second: Store) -> tuple[Pixels, Pixels]:
    """Find the pixels that a second store shares.

    Returns:
        (q,) indices into `pixels`, and (q,) ascending positions in the other store.

    Raises:
        GeometryError: its grid is another.
    """
    if not store.domain.grid.same_as(second.domain.grid):
        raise GeometryError(
            f"{store.key} is on a grid of {store.domain.grid}, {second.key} on one of "
            f"{second.domain.grid}: a difference wants two stores of one grid"
        )
    table = np.full(store.domain.grid.shape, -1, np.int64)
    table[second.domain.row, second.domain.column] = np.arange(second.pixels)
    positions = table[store.domain.row[pixels], store.domain.column[pixels]]
    rising = np.argsort(positions, kind="stable")
    shared = rising[positions[rising] >= 0]
    return shared, positions[shared]


def title(store: Store, layer: Layer) -> str:
    """The values in words, e.g. `Mean brightness temperature`."""
    words = _WORDS[layer.statistic]
    if _is_count(layer):
        return words
    joint = " " if words in {"Mean", "Minimum", "Maximum"} else " of "
    return f"{words}{joint}{_quantity(store, layer)}"


def label(store: Store, layer: Layer) -> str:
    """The label of a colour bar: quantity and unit."""
    unit_name = unit(store, layer)
    if _is_count(layer):
        return "observations"
    words = _WORDS[layer.statistic].lower()
    quantity = _quantity(store, layer)
    named = quantity if words in {"mean", "minimum", "maximum"} else f"{words} of {quantity}"
    return named if unit_name == "1" else f"{named} ({unit_name})"


def unit(store: Store, layer: Layer) -> str:
    """The unit of the values: `1`, `K`, or a power of it."""
    of_band = store.cubes[layer.cube].quantity_of(layer.band).unit
    return cubes.unit_of(layer.statistic, of_band)


def subtitle(store: Store, layer: Layer) -> str:
    """Cube, band, month and time of day in words, and the metrics that may be wrong."""
    cube = store.cubes[layer.cube]
    band = () if cube.variable == layer.band else (band_name(layer.band),)
    words = ", ".join((cube.name, *band, month_name[layer.month], format_tod(layer.tod)))
    wrong = _METRICS_OF.get(layer.statistic, {layer.statistic}) & {*store.suspect}
    return f"{words}  |  suspect: {', '.join(sorted(wrong))}" if wrong else words


def band_name(band: str) -> str:
    """A band with its wavelength, e.g. `C13 (10.35 µm)`."""
    wavelength = bands.wavelength_um(band)
    return band if np.isnan(wavelength) else f"{band} ({wavelength:g} µm)"


def _variable(store: Store, layer: Layer) -> xr.DataArray:
    """The layer's variable (pixel, subpixel, month, tod, band), read when used."""
    name = "m1" if layer.statistic == "mean" else layer.statistic  # one metric is read, not seven
    if name in METRICS:
        return store.results(layer.cube).sel(metric=name)
    return store.metrics(layer.cube, (name,))[name]


def _noon(store: Store, tods: Sequence[int], pixels: Pixels) -> int:
    """The time of day nearest to noon (mean solar time) in the middle of some pixels."""
    lon = store.domain.lonlat()[0][pixels]
    origin = store.domain.grid.projection.longitude_of_projection_origin
    middle = origin + float(np.nanmedian((lon - origin + 180) % 360 - 180))
    noon = 43200 - middle * 240
    return min(tods, key=lambda tod: abs((tod - noon + 43200) % 86400 - 43200))


def _pilot(store: Store, cube: str, band: str, pixels: Pixels) -> NDArray[np.float64]:
    """(month, tod) observations in a few inner chunks, spread evenly over those of the pixels."""
    chunks = np.unique(pixels // store.layout.chunk)
    sampled_chunks = chunks[
        np.linspace(0, chunks.size - 1, min(PILOT_CHUNKS, chunks.size)).astype(int)
    ]
    within = pixels[np.isin(pixels // store.layout.chunk, sampled_chunks)]
    months = list(store.months)
    counts = store.results(cube).sel(metric="count", band=band, month=months).isel(pixel=within)
    observations = np.zeros((len(MONTHS), len(store.cubes[cube].tods)))
    observations[np.array(months, int) - 1] = counts.variable.sum(
        ("pixel", "subpixel"), skipna=True
    ).values
    return observations


def _is_count(layer: Layer) -> bool:
    return layer.statistic == "count"


def _quantity(store: Store, layer: Layer) -> str:
    return store.cubes[layer.cube].quantity_of(layer.band).name


def _distance_um(band: str) -> float:
    """Distance of a band from the clean window in um; a product has no wavelength, and comes first."""
    wavelength = bands.wavelength_um(band)
    return 0.0 if isnan(wavelength) else abs(wavelength - WINDOW_UM)
