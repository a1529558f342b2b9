"""Labels and quantities of pixels from a file: a table with a row a pixel, or an image of the coarse grid.

- `.parquet`: a column `pixel` (position in the store, from 0), or `row` and `column` (on the coarse
  grid, from 0, from the north-west), or all three; columns of labels and of quantities by name. It
  need not have every pixel. Labels are whole numbers or text; null, or a number below 0: none.
- `.npy`, `.tif`, `.tiff`: whole numbers (row, column) of the whole coarse grid; `.npy` also (pixel,)
  in store order. The place that a GeoTIFF states is not read: it must be on this very grid.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lake.errors import ConfigError, DataError
from lake.format.arrays import Floats, Indices
from lake.format.domain import Domain
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.urls import absolute
from lake.store import tables

TABLE = ".parquet"
IMAGES = (".npy", ".tif", ".tiff")
LABEL_LIMIT = 100_000
"""All labels are below it."""
MIN_CLASSES = 2
"""How many classes a file must have."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelClasses:
    """A class of every pixel of a store."""

    labels: Indices
    """(P,) number of the class; below 0: none."""
    names: tuple[str, ...]
    """Names of class 0, 1, ..."""


def is_file(name: str) -> bool:
    """Whether this names a file that can be read here, by its ending."""
    return name.endswith((TABLE, *IMAGES))


def digest(url: str) -> str:
    """SHA-256 of a file.

    Raises:
        MissingError: there is none.
    """
    return hashlib.sha256(_bytes(url)).hexdigest()


def resolve(url: str, store: Store, column: str) -> tuple[str, str]:
    """The absolute URL and SHA-256 of a file of classes of a store's pixels.

    Raises:
        ConfigError: a file that is not read here, or a table without the column.
        MissingError: there is none.
        DataError: labels that do not match the pixels, or of fewer than `MIN_CLASSES` classes.
    """
    if not is_file(url):
        raise ConfigError(
            f"setting labels must end in one of {', '.join((TABLE, *IMAGES))}, found {url!r}"
        )
    sha256 = digest(url)
    labels = classes(url, sha256, store, column).labels
    if len(np.unique(labels[labels >= 0])) < MIN_CLASSES:
        raise DataError(f"{url} has fewer than {MIN_CLASSES} classes in {store.key}")
    return absolute(url), sha256


def classes(url: str, sha256: str, store: Store, column: str) -> PixelClasses:
    """The classes of a store's pixels.

    Args:
        url: of the file.
        sha256: that it had when the run was named.
        store: whose pixels.
        column: of a table.

    Raises:
        ConfigError: the table has no such column.
        DataError: the file is not what it was, is of other pixels, or holds no labels.
    """
    data = _unchanged(url, sha256)
    if not url.endswith(TABLE):
        labels = _image(data, url, store.domain)
        return PixelClasses(labels, _number_names(labels, url))
    table, pixel = _table(data, url, store)
    cells = _column(table, column, url)
    names: tuple[str, ...] = ()
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        encoded = cells.combine_chunks().dictionary_encode()
        texts = np.array(encoded.dictionary.to_pylist(), dtype=object)
        alphabetical = np.argsort(texts)
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        values = np.where(codes < 0, -1, np.argsort(alphabetical)[codes])
        names = tuple(texts[alphabetical])
    elif pa.types.is_integer(cells.type):
        values = cells.fill_null(-1).to_numpy()
        names = _number_names(values, url)
    else:
        raise DataError(f"column {column!r} of {url} is {cells.type}: wanted whole numbers or text")
    labels = np.full(store.domain.pixels, -1)
    labels[pixel] = values
    return PixelClasses(labels, names)


def quantities(url: str, sha256: str, store: Store, columns: tuple[str, ...]) -> dict[str, Floats]:
    """Name -> (P,) values of columns of a table, NaN: unknown.

    Raises:
        ConfigError: it is no table, or has no such column.
        DataError: as for `classes`.
    """
    if not columns:
        return {}
    if not url.endswith(TABLE):
        raise ConfigError(f"{url} is an image, which has no quantities {columns}: give a {TABLE}")
    table, pixel = _table(_unchanged(url, sha256), url, store)
    by_column = {}
    for column in columns:
        cells = _column(table, column, url)
        if not (pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type)):
            raise DataError(f"column {column!r} of {url} is {cells.type}: wanted numbers")
        values = np.full(store.domain.pixels, np.nan)
        values[pixel] = cells.to_numpy()
        by_column[column] = values
    return by_column


def _number_names(labels: NDArray[np.integer], source: str) -> tuple[str, ...]:
    """The names of classes that have none: their numbers."""
    largest = int(labels.max(initial=-1))
    if largest >= LABEL_LIMIT:
        raise DataError(
            f"the largest label of {source} is {largest}: wanted 0 to {LABEL_LIMIT - 1}"
        )
    return tuple(map(str, range(largest + 1)))


def pixel_labels(labels: NDArray[Any], source: str, domain: Domain) -> Indices:
    """(P,) labels from whole numbers (P,), or (row, column) on the coarse grid.

    Raises:
        DataError: they are neither.
    """
    if labels.shape == domain.grid.shape:
        labels = labels[domain.row, domain.column]
    if labels.dtype.kind not in "iu" or labels.shape != (domain.pixels,):
        raise DataError(
            f"labels of {source} are {labels.dtype} {labels.shape}: wanted whole numbers, "
            f"({domain.pixels},) or {domain.grid.shape}"
        )
    return labels.astype(np.int64)


def _image(data: bytes, url: str, domain: Domain) -> Indices:
    if url.endswith(".npy"):
        try:
            return pixel_labels(np.load(io.BytesIO(data), allow_pickle=False), url, domain)
        except (EOFError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{url} is no NumPy array: {error}") from error
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 (of images alone)

    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            return pixel_labels(np.asarray(image), url, domain)
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{url} is no TIFF image: {error}") from error


def _table(data: bytes, url: str, store: Store) -> tuple[pa.Table, Indices]:
    """The table, and (row,) the pixel of each of its rows."""
    try:
        table = tables.decode(data)
    except pa.ArrowInvalid as error:
        raise DataError(f"{url} is no Parquet table: {error}") from error
    domain, names = store.domain, set(table.column_names)
    has_place = {"row", "column"} <= names
    if not has_place and "pixel" not in names:
        raise DataError(
            f"{url} has columns {', '.join(table.column_names)}: wanted 'pixel', or 'row' and 'column'"
        )
    if has_place:
        pixel = _grid_pixels(table, url, store)
    else:
        pixel = _numbers(table, "pixel", url)
        outside = (pixel < 0) | (pixel >= domain.pixels)
        if outside.any():
            raise DataError(
                f"{outside.sum()} of {pixel.size} rows of {url} are of no pixel of {store.key}, the "
                f"first of pixel {pixel[outside][0]}: it has pixels 0 to {domain.pixels - 1}; the table "
                "is of another domain"
            )
    values, count = np.unique(pixel, return_counts=True)
    if (count > 1).any():
        raise DataError(
            f"{(count > 1).sum()} pixels have several rows in {url}, the first is pixel "
            f"{values[count > 1][0]}: wanted one row a pixel"
        )
    return table, pixel


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


def _column(table: pa.Table, name: str, url: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise ConfigError(f"{url} has no column {name!r}: it has {', '.join(table.column_names)}")
    return table[name]


def _unchanged(url: str, sha256: str) -> bytes:
    data = _bytes(url)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataError(f"{url} has changed since the run was begun: ask for it anew")
    return data


def _bytes(url: str) -> bytes:
    folder, _, name = url.rpartition("/")
    return connect(folder or ".").get(name)
