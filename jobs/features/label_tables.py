"""Tables of labels and quantities: a row for each pixel, or for each point by longitude and latitude.

Columns `pixel` (position in the store, from 0), or `row` and `column` (on the coarse grid, from 0, from the
north-west), or all three, say the pixel of a row. A table with none of them has `lon` and `lat`, in degrees:
a row is then of the pixel that contains the point, and a pixel may have several.
"""

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from jobs.features import pixel_classes
from jobs.features.pixel_classes import PixelClasses, by_name, number_names
from lake.errors import ConfigError, DataError
from lake.format.arrays import Floats, Indices
from lake.reading.store import Store
from lake.store import tables

PARQUET, CSV = ".parquet", ".csv"
ENDINGS = (PARQUET, CSV)


@dataclass(frozen=True, slots=True, eq=False)
class PixelTable:
    """A table whose rows are of pixels."""

    table: pa.Table
    url: str
    pixel: Indices
    """(row,) the pixel of each row; -1: the point lies in no pixel of the store."""
    is_points: bool
    """Whether rows are points: then several may be of one pixel."""

    def column(self, name: str) -> pa.ChunkedArray:
        """A column.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in self.table.column_names:
            names = ", ".join(self.table.column_names)
            raise ConfigError(f"{self.url} has no column {name!r}: it has {names}")
        return self.table[name]


def read(data: bytes, url: str, store: Store) -> PixelTable:
    """The table of a file.

    Raises:
        DataError: it is no table, or not of these pixels.
    """
    table = _decoded(data, url)
    names = set(table.column_names)
    domain = store.domain
    if {"row", "column"} <= names:
        return _of_pixels(table, url, _grid_pixels(table, url, store))
    if "pixel" not in names and {"lon", "lat"} <= names:
        lon, lat = (_degrees(table, name, url) for name in ("lon", "lat"))
        pixel, _ = domain.locate(lon, lat)
        if not (pixel >= 0).any():
            raise DataError(
                f"none of {pixel.size} points of {url} lies in a pixel of {store.key}: wanted 'lon' and "
                "'lat' in degrees, east and north"
            )
        return PixelTable(table, url, pixel, is_points=True)
    if "pixel" not in names:
        raise DataError(
            f"{url} has columns {', '.join(table.column_names)}: wanted 'pixel', or 'row' and 'column', "
            "or 'lon' and 'lat'"
        )
    pixel = _numbers(table, "pixel", url)
    outside = (pixel < 0) | (pixel >= domain.pixels)
    if outside.any():
        raise DataError(
            f"{outside.sum()} of {pixel.size} rows of {url} are of no pixel of {store.key}, the "
            f"first of pixel {pixel[outside][0]}: it has pixels 0 to {domain.pixels - 1}; the table "
            "is of another domain"
        )
    return _of_pixels(table, url, pixel)


def classes(table: PixelTable, column: str, store: Store) -> PixelClasses:
    """The classes of a store's pixels by a column of a table; of several points the most frequent one.

    Raises:
        ConfigError: the table has no such column.
        DataError: the column holds no labels.
    """
    cells = table.column(column)
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        values, names = by_name(cells.to_pylist())
    elif pa.types.is_integer(cells.type):
        values = cells.fill_null(-1).to_numpy()
        names = number_names(values, table.url)
    else:
        raise DataError(
            f"column {column!r} of {table.url} is {cells.type}: wanted whole numbers or text"
        )
    labels, several, ties = pixel_classes.majority(table.pixel, values, store.domain.pixels)
    return PixelClasses(labels, names, tuple(_notes(table, several, ties)))


def quantity(table: PixelTable, column: str, store: Store) -> Floats:
    """(P,) values of a column of a table, the mean of several points; NaN: unknown.

    Raises:
        ConfigError: the table has no such column.
        DataError: the column holds no numbers.
    """
    cells = table.column(column)
    if not (pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)):
        raise DataError(f"column {column!r} of {table.url} is {cells.type}: wanted numbers")
    values = np.asarray(cells.to_numpy(), np.float64)
    is_known = (table.pixel >= 0) & np.isfinite(values)
    pixels = store.domain.pixels
    count = np.bincount(table.pixel[is_known], minlength=pixels)
    total = np.bincount(table.pixel[is_known], values[is_known], pixels)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _notes(table: PixelTable, several: int, ties: int) -> list[str]:
    outside = int((table.pixel < 0).sum())
    notes = []
    if outside:
        notes.append(
            f"{outside} of {table.pixel.size} points of {table.url} lie in no pixel of the store: "
            "they are left out"
        )
    if several:
        notes.append(
            f"{several} pixels have points of different labels in {table.url}: the most frequent one is "
            f"taken; in {ties} of them the most frequent ones tie, and the first by number or alphabet is"
        )
    return notes


def _decoded(data: bytes, url: str) -> pa.Table:
    if url.endswith(CSV):
        options = pa_csv.ConvertOptions(strings_can_be_null=True)
        try:
            return pa_csv.read_csv(io.BytesIO(data), convert_options=options)
        except pa.ArrowInvalid as error:
            raise DataError(f"{url} is no table of comma-separated values: {error}") from error
    try:
        return tables.decode(data)
    except pa.ArrowInvalid as error:
        raise DataError(f"{url} is no Parquet table: {error}") from error


def _of_pixels(table: pa.Table, url: str, pixel: Indices) -> PixelTable:
    """The table, if no pixel has two rows."""
    values, count = np.unique(pixel, return_counts=True)
    if (count > 1).any():
        raise DataError(
            f"{(count > 1).sum()} pixels have several rows in {url}, the first is pixel "
            f"{values[count > 1][0]}: wanted one row a pixel"
        )
    return PixelTable(table, url, pixel, is_points=False)


def _grid_pixels(table: pa.Table, url: str, store: Store) -> Indices:
    """(row,) pixels of a table with rows and columns; if it has pixels too, they must agree."""
    domain = store.domain
    row, column = (_numbers(table, name, url) for name in ("row", "column"))
    rows, columns = domain.grid.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    number = np.full(domain.grid.shape, -1)
    number[domain.row, domain.column] = np.arange(domain.pixels)
    pixel = np.where(inside, number[np.where(inside, row, 0), np.where(inside, column, 0)], -1)
    if (pixel < 0).any():
        first = int((pixel < 0).argmax())
        raise DataError(
            f"{(pixel < 0).sum()} of {pixel.size} rows of {url} are of no pixel of {store.key}, the "
            f"first of row {row[first]}, column {column[first]} of a grid of {rows} x {columns}: leave "
            "them out, or give the table of this domain"
        )
    if "pixel" in table.column_names:
        stated = _numbers(table, "pixel", url)
        if (stated != pixel).any():
            first = int((stated != pixel).argmax())
            raise DataError(
                f"{url} has pixel {stated[first]} at row {row[first]}, column {column[first]}, where "
                f"{store.key} has pixel {pixel[first]}: the table is of a store in another order; "
                "leave its column 'pixel' out"
            )
    return pixel


def _numbers(table: pa.Table, name: str, url: str) -> Indices:
    cells = table[name]
    if not pa.types.is_integer(cells.type) or cells.null_count:
        raise DataError(
            f"column {name!r} of {url} is {cells.type} with {cells.null_count} nulls: "
            "wanted whole numbers"
        )
    return np.asarray(cells.to_numpy(), np.int64)


def _degrees(table: pa.Table, name: str, url: str) -> Floats:
    cells = table[name]
    if not (pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)):
        raise DataError(f"column {name!r} of {url} is {cells.type}: wanted degrees")
    return np.asarray(cells.to_numpy(), np.float64)
