"""Vectors in a NumPy file: `.npy`, or one array of an `.npz`. Nothing in it is unpickled.

Source of the format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from jobs.imported import object_file, vector_file
from jobs.imported.vector_file import Values
from lake.errors import ConfigError, DataError
from lake.format.arrays import Bools
from lake.storage.objects import Objects

SINGLE, ARCHIVE = ".npy", ".npz"


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the numbers of an array."""

    shape: tuple[int, ...]
    is_fortran: bool
    """Whether the first axis varies fastest: columns are together, rows are not."""
    dtype: np.dtype[Any]
    begin: int
    """Position of the first number."""


@dataclass(frozen=True, slots=True, eq=False)
class NumpyFile:
    """A NumPy file, or an archive of them; see `VectorFile`."""

    objects: Objects
    path: str
    member: str
    """Name of the array of an archive; empty: no archive."""
    headers: dict[str, Header]
    """Name -> header of every array."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers of a vector."""
        rows, width = self.headers[self.member].shape
        return rows, width

    @property
    def dtype(self) -> str:
        """The type of the numbers."""
        return str(self.headers[self.member].dtype)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of one-dimensional arrays of an archive."""
        rows = (self.shape[0],)
        return tuple(name for name, header in self.headers.items() if header.shape == rows)

    def column(self, name: str) -> Values:
        """(row,) an array of the archive."""
        header = self.headers[name]
        vector_file.check_numbers(header.dtype, f"{name!r} of {self.objects.url(self.path)}")
        with _opened(self.objects, self.path, name) as file:
            return self._read(file, header.begin, header.shape[0], header.dtype)

    def pieces(self, needed: Bools) -> Iterator[tuple[int, Values]]:
        """Rows of vectors; see `VectorFile.pieces`."""
        header, (rows, width) = self.headers[self.member], self.shape
        size = max(vector_file.BLOCK_BYTES // (width * header.dtype.itemsize), 1)
        with _opened(self.objects, self.path, self.member) as file:
            for block in vector_file.blocks(needed, size):
                count = block.stop - block.start
                starts, run = [block.start * width], count * width
                if header.is_fortran:
                    starts, run = [column * rows + block.start for column in range(width)], count
                parts = [
                    self._read(
                        file, header.begin + start * header.dtype.itemsize, run, header.dtype
                    )
                    for start in starts
                ]
                x = np.stack(parts, axis=1) if header.is_fortran else parts[0].reshape(count, width)
                yield block.start, x

    def _read(self, file: IO[bytes], begin: int, count: int, dtype: np.dtype[Any]) -> Values:
        """(count,) numbers from a position on."""
        file.seek(begin)
        data = file.read(count * dtype.itemsize)
        if len(data) < count * dtype.itemsize:
            raise DataError(
                f"{self.objects.url(self.path)} ends before its numbers do: copy it again"
            )
        return np.frombuffer(data, dtype)


def read(objects: Objects, path: str, array: str) -> NumpyFile:
    """The NumPy file at a path.

    Args:
        objects: where it is.
        path: of the file.
        array: name of an archive's array; empty: its only one with two axes.

    Raises:
        MissingError: there is none.
        ConfigError: an archive without that array, or with several; a name where there is no archive.
        DataError: it is no such file, or its array is not (row, d) numbers.
    """
    url = objects.url(path)
    headers = _headers(objects, path)
    if not path.endswith(ARCHIVE):
        if array:
            raise ConfigError(f"{url} is one array without a name: leave {array!r} out")
        member = ""
    else:
        member = array or _only(headers, url)
        if member not in headers:
            raise ConfigError(f"{url} has no array {array!r}: it has {', '.join(headers)}")
    header = headers[member]
    vector_file.check_vectors(header.shape, header.dtype, f"{member!r} of {url}" if member else url)
    return NumpyFile(objects, path, member, headers)


def _only(headers: dict[str, Header], url: str) -> str:
    names = [name for name, header in headers.items() if len(header.shape) == 2]
    if len(names) != 1:
        raise ConfigError(
            f"{url} has arrays {', '.join(headers)}: name the one of vectors, --array NAME"
        )
    return names[0]


def _headers(objects: Objects, path: str) -> dict[str, Header]:
    """Name -> header of every array of a file; the name of a single one is empty."""
    url = objects.url(path)
    try:
        if not path.endswith(ARCHIVE):
            return {"": _header(objects, path, "")}
        with object_file.opened(objects, path) as file, zipfile.ZipFile(file) as archive:
            names = [name.removesuffix(SINGLE) for name in archive.namelist()]
        return {name: _header(objects, path, name) for name in names}
    except (ValueError, zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{url} is no NumPy file: {error}") from error


def _header(objects: Objects, path: str, name: str) -> Header:
    with _opened(objects, path, name) as file:
        version = npy.read_magic(file)
        if version not in {(1, 0), (2, 0)}:
            raise DataError(f"{objects.url(path)} has structured elements: wanted numbers")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read_header(file)
        return Header(shape, is_fortran, dtype, file.tell())


@contextmanager
def _opened(objects: Objects, path: str, name: str) -> Iterator[IO[bytes]]:
    """An array of an archive as a file, or the file itself."""
    with object_file.opened(objects, path) as file:
        if not name:
            yield file
            return
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}{SINGLE}") as member:
            yield member
