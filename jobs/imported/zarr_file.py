"""Vectors in a Zarr array, or in an array of a group; format 2 or 3.

Whole numbers with the attributes `scale_factor`, `add_offset` and `_FillValue` are what these make of them,
as the CF conventions say: embeddings are often stored so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from zarr.errors import BaseZarrError

from jobs.imported import vector_file
from jobs.imported.vector_file import Values
from lake.errors import ConfigError, DataError, MissingError
from lake.format.arrays import Bools
from lake.storage.objects import Objects


@dataclass(frozen=True, slots=True, eq=False)
class ZarrFile:
    """An array of vectors, and the arrays beside it in its group; see `VectorFile`."""

    url: str
    vectors: zarr.Array[Any]
    beside: dict[str, zarr.Array[Any]]
    """Name -> one-dimensional array with a number for each row."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers of a vector."""
        rows, width = self.vectors.shape
        return rows, width

    @property
    def dtype(self) -> str:
        """The type of the numbers, as they are stored."""
        return str(self.vectors.dtype)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the one-dimensional arrays."""
        return tuple(self.beside)

    def column(self, name: str) -> Values:
        """(row,) an array of the group."""
        vector_file.check_numbers(self.beside[name].dtype, f"{name!r} of {self.url}")
        return _decoded(self.beside[name], ...)

    def pieces(self, needed: Bools) -> Iterator[tuple[int, Values]]:
        """Rows of vectors in whole chunks; see `VectorFile.pieces`."""
        chunk = (self.vectors.shards or self.vectors.chunks)[0]
        row_bytes = self.shape[1] * self.vectors.dtype.itemsize
        size = max(vector_file.BLOCK_BYTES // (row_bytes * chunk), 1) * chunk
        for block in vector_file.blocks(needed, size):
            yield block.start, _decoded(self.vectors, block)


def read(objects: Objects, path: str, array: str) -> ZarrFile:
    """The Zarr array or group at a path.

    Args:
        objects: where it is.
        path: of its folder.
        array: name of the group's array; empty: its only one with two axes, or there is no group.

    Raises:
        MissingError: there is none.
        ConfigError: a group without that array, or with several; a name where there is no group.
        DataError: it is no Zarr, or the array is not (row, d) numbers.
    """
    url = objects.url(path)
    if not objects.list(path):
        raise MissingError(f"there is no file and no folder {url}")
    try:
        node = zarr.open(objects.zarr(path, read_only=True), mode="r")
    except (BaseZarrError, FileNotFoundError, KeyError, ValueError) as error:
        raise DataError(f"{url} is no Zarr array or group: {error}") from error
    if isinstance(node, zarr.Array):
        if array:
            raise ConfigError(f"{url} is one array without a name: leave {array!r} out")
        arrays, name = {"": node}, ""
    else:
        arrays = dict(sorted(node.arrays()))
        name = array or _only(arrays, url)
        if name not in arrays:
            raise ConfigError(f"{url} has no array {array!r}: it has {', '.join(arrays)}")
    vectors = arrays[name]
    vector_file.check_vectors(vectors.shape, vectors.dtype, f"{name!r} of {url}" if name else url)
    beside = {key: each for key, each in arrays.items() if each.shape == vectors.shape[:1]}
    return ZarrFile(url, vectors, beside)


def _only(arrays: dict[str, zarr.Array[Any]], url: str) -> str:
    names = [name for name, array in arrays.items() if array.ndim == 2]
    if len(names) != 1:
        raise ConfigError(
            f"{url} has arrays {', '.join(arrays)}: name the one of vectors, --array NAME"
        )
    return names[0]


def _decoded(array: zarr.Array[Any], rows: Any) -> Values:  # noqa: ANN401 (slice or ellipsis)
    """Rows of an array; whole numbers by their attributes."""
    values: Values = np.asarray(array[rows])
    attributes: Any = array.attrs
    if array.dtype.kind not in "iu" or not {"scale_factor", "add_offset"} & set(attributes):
        return values
    scaled = values * float(attributes.get("scale_factor", 1)) + float(
        attributes.get("add_offset", 0)
    )
    if "_FillValue" in attributes:
        scaled[values == attributes["_FillValue"]] = np.nan
    return scaled
