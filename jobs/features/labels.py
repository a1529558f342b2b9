"""What is known of pixels, from a file: a table with a row a pixel, or an image of the coarse grid.

- `.parquet`: a column `pixel` (position in the store, from 0), or `row` and `column` (on the coarse
  grid, from 0, from the north-west), or all three; columns of labels and of quantities by name. It
  need not have every pixel. Labels are whole numbers or text; null, or a number below 0: none.
- `.npy`, `.tif`, `.tiff`: whole numbers (row, column) of the whole coarse grid; `.npy` also (pixel,)
  in store order. What a GeoTIFF says of its place is not looked at: it must be on this very grid.
"""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lake.errors import ConfigError, DataError
from lake.format.arrays import Floats, Indices
from lake.format.domain import Domain
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.urls import absolute

TABLE = ".parquet"
IMAGES = (".npy", ".tif", ".tiff")
MOST = 100_000
"""Labels are below it."""
LEAST = 2
"""Classes."""


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """A class of every pixel of a store."""

    of: Indices
    """(P,) below 0: none."""
    names: tuple[str, ...]
    """Of class 0, 1, ..."""


def is_file(name: str) -> bool:
    """Whether this is a file that can be read here, by its ending."""
    return name.endswith((TABLE, *IMAGES))


def digest(url: str) -> str:
    """SHA-256 of a file.

    Raises:
        MissingError: there is none.
    """
    return hashlib.sha256(_bytes(url)).hexdigest()


def settled(url: str, store: Store, column: str) -> tuple[str, str]:
    """The absolute URL and SHA-256 of a file of classes of a store's pixels.

    Raises:
        ConfigError: a file that is not read here, or a table without the column.
        MissingError: there is none.
        DataError: labels that do not match the pixels, or of fewer than `LEAST` classes.
    """
    if not is_file(url):
        raise ConfigError(
            f"setting labels must end in one of {', '.join((TABLE, *IMAGES))}, found {url!r}"
        )
    sha256 = digest(url)
    found = classes(url, sha256, store, column).of
    if len(np.unique(found[found >= 0])) < LEAST:
        raise DataError(f"{url} has fewer than {LEAST} classes in {store.key}")
    return absolute(url), sha256


def classes(url: str, sha256: str, store: Store, column: str) -> Classes:
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
        found = _image(data, url, store.domain)
        return Classes(found, _numbers_of(found, url))
    table, pixel = _table(data, url, store)
    held = _column(table, column, url)
    names: tuple[str, ...] = ()
    if pa.types.is_string(held.type) or pa.types.is_large_string(held.type):
        coded = held.combine_chunks().dictionary_encode()
        known = np.array(coded.dictionary.to_pylist(), dtype=object)
        rising = np.argsort(known)
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        values = np.where(codes < 0, -1, np.argsort(rising)[codes])
        names = tuple(known[rising])
    elif pa.types.is_integer(held.type):
        values = held.fill_null(-1).to_numpy()
        names = _numbers_of(values, url)
    else:
        raise DataError(f"column {column!r} of {url} is {held.type}: wanted whole numbers or text")
    found = np.full(store.domain.pixels, -1)
    found[pixel] = values
    return Classes(found, names)


def quantities(url: str, sha256: str, store: Store, columns: tuple[str, ...]) -> dict[str, Floats]:
    """Name -> (P,) of columns of a table, NaN: not known.

    Raises:
        ConfigError: it is no table, or has no such column.
        DataError: as for `classes`.
    """
    if not columns:
        return {}
    if not url.endswith(TABLE):
        raise ConfigError(f"{url} is an image, which has no quantities {columns}: give a {TABLE}")
    table, pixel = _table(_unchanged(url, sha256), url, store)
    found = {}
    for column in columns:
        held = _column(table, column, url)
        if not (pa.types.is_floating(held.type) or pa.types.is_integer(held.type)):
            raise DataError(f"column {column!r} of {url} is {held.type}: wanted numbers")
        values = np.full(store.domain.pixels, np.nan)
        values[pixel] = held.to_numpy()
        found[column] = values
    return found


def _numbers_of(found: NDArray[np.integer], where: str) -> tuple[str, ...]:
    """The names of classes that have none: their numbers."""
    largest = int(found.max(initial=-1))
    if largest >= MOST:
        raise DataError(f"the largest label of {where} is {largest}: wanted 0 to {MOST - 1}")
    return tuple(map(str, range(largest + 1)))


def whole(found: NDArray[Any], where: str, domain: Domain) -> Indices:
    """(P,) of whole numbers (P,), or (row, column) on the coarse grid.

    Raises:
        DataError: they are neither.
    """
    if found.shape == domain.grid.shape:
        found = found[domain.row, domain.column]
    if found.dtype.kind not in "iu" or found.shape != (domain.pixels,):
        raise DataError(
            f"labels of {where} are {found.dtype} {found.shape}: wanted whole numbers, "
            f"({domain.pixels},) or {domain.grid.shape}"
        )
    return found.astype(np.int64)


def _image(data: bytes, url: str, domain: Domain) -> Indices:
    if url.endswith(".npy"):
        try:
            return whole(np.load(io.BytesIO(data), allow_pickle=False), url, domain)
        except (EOFError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{url} is no NumPy array: {error}") from error
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 (of images alone)

    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            return whole(np.asarray(image), url, domain)
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{url} is no TIFF image: {error}") from error


def _table(data: bytes, url: str, store: Store) -> tuple[pa.Table, Indices]:
    """The table, and (row of it,) the pixel that it is of."""
    try:
        table = pq.read_table(io.BytesIO(data))
    except pa.ArrowInvalid as error:
        raise DataError(f"{url} is no Parquet table: {error}") from error
    domain, names = store.domain, set(table.column_names)
    placed = {"row", "column"} <= names
    if not placed and "pixel" not in names:
        raise DataError(
            f"{url} has columns {', '.join(table.column_names)}: wanted 'pixel', or 'row' and 'column'"
        )
    if placed:
        pixel = _placed(table, url, store)
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


def _placed(table: pa.Table, url: str, store: Store) -> Indices:
    """Pixels of a table that says rows and columns; if it says pixels too, they must agree."""
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
        said = _numbers(table, "pixel", url)
        if (said != pixel).any():
            first = int((said != pixel).argmax())
            raise DataError(
                f"{url} has pixel {said[first]} at row {row[first]}, column {column[first]}, where "
                f"{store.key} has pixel {pixel[first]}: the table is of a store in another order; "
                "leave its column 'pixel' out"
            )
    return pixel


def _numbers(table: pa.Table, name: str, url: str) -> Indices:
    held = table[name]
    if not pa.types.is_integer(held.type) or held.null_count:
        raise DataError(
            f"column {name!r} of {url} is {held.type} with {held.null_count} nulls: "
            "wanted whole numbers"
        )
    return np.asarray(held.to_numpy(), np.int64)


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
