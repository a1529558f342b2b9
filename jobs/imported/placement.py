"""The pixel of each row of a file: as the rows follow each other, by a column of pixels, or by place."""

from dataclasses import dataclass

import numpy as np

from jobs.imported.vector_file import Values, VectorFile
from lake.errors import ConfigError, DataError
from lake.format.arrays import Floats, Indices
from lake.reading.store import Store

PIXEL = "pixel"
PLACES = (("lon", "lat"), ("longitude", "latitude"))
"""Names of columns of degrees that are taken without being named."""
ROWS = 1 << 20
"""Rows that are located at a time."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The columns that place rows; none: the rows are the pixels in store order."""

    pixel: str = ""
    """Column of positions in the store, from 0."""
    lon: str = ""
    """Column of degrees east; with `lat`, degrees north."""
    lat: str = ""

    def __str__(self) -> str:
        if self.pixel:
            return f"by the pixels in {self.pixel!r}"
        if self.lon:
            return f"by the pixel that contains the place in {self.lon!r} and {self.lat!r}"
        return "row by row in store order"


def choose(file: VectorFile, asked: Placement, url: str) -> Placement:
    """The placement that is asked for, or the one that the names of columns suggest.

    Raises:
        ConfigError: two placements, half of one, or a column that the file does not have.
    """
    if asked.pixel and (asked.lon or asked.lat):
        raise ConfigError(f"pixel={asked.pixel} and lon={asked.lon}: give one of them")
    if bool(asked.lon) != bool(asked.lat):
        raise ConfigError(f"lon={asked.lon!r} and lat={asked.lat!r}: give both, or none")
    for name in filter(None, (asked.pixel, asked.lon, asked.lat)):
        if name not in file.columns:
            there = ", ".join(file.columns) or "none"
            raise ConfigError(
                f"{url} has no column {name!r} with a number for each row: it has {there}"
            )
    if asked != Placement():
        return asked
    if PIXEL in file.columns:
        return Placement(pixel=PIXEL)
    for lon, lat in PLACES:
        if {lon, lat} <= {*file.columns}:
            return Placement(lon=lon, lat=lat)
    return Placement()


def check_order(file: VectorFile, placed: Placement, store: Store, url: str) -> None:
    """Refuse rows that would be pixels in store order, but are not as many.

    Raises:
        DataError: they are not.
    """
    if placed == Placement() and file.shape[0] != store.domain.pixels:
        raise DataError(
            f"{url} has {file.shape[0]} rows, {store.key} has {store.domain.pixels} pixels: wanted a row "
            "for each pixel in store order, or columns that place the rows: --pixel NAME, or --lon NAME "
            "--lat NAME"
        )


def pixels(file: VectorFile, placed: Placement, store: Store, url: str) -> Indices:
    """(row,) the pixel of each row; -1: the place lies in no pixel of the store.

    Raises:
        DataError: a column that is no pixels of the store, or not one place in it.
    """
    if placed.pixel:
        return _checked(file.column(placed.pixel), placed.pixel, store, url)
    if not placed.lon:
        return np.arange(file.shape[0])
    lon, lat = (file.column(name).astype(np.float64) for name in (placed.lon, placed.lat))
    pixel = np.concatenate(
        [
            store.pixels_at(lon[i : i + ROWS], lat[i : i + ROWS], outside="mark")
            for i in range(0, max(len(lon), 1), ROWS)
        ]
    )
    if not (pixel >= 0).any():
        raise DataError(
            f"none of the {len(pixel)} places of {url} lies in a pixel of {store.key}: {placed.lon!r} is "
            f"{_range(lon)}, {placed.lat!r} is {_range(lat)}; wanted degrees east and north"
        )
    return pixel


def _checked(column: Values, name: str, store: Store, url: str) -> Indices:
    """(row,) a column of pixels of the store."""
    values = column.astype(np.float64)
    outside = ~((values >= 0) & (values < store.domain.pixels) & (values == np.floor(values)))
    if outside.any():
        raise DataError(
            f"{outside.sum()} of {len(values)} rows of {url} are of no pixel of {store.key}, the first has "
            f"{name}={values[outside][0]:g}: it has pixels 0 to {store.domain.pixels - 1}"
        )
    return values.astype(np.int64)


def _range(values: Floats) -> str:
    known = values[np.isfinite(values)]
    return f"{known.min():g} to {known.max():g}" if known.size else "not known anywhere"
