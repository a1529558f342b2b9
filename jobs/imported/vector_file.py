"""What a file of vectors offers, whatever its format: rows of numbers, and columns that place the rows.

A file has one array (row, d) of vectors. Beside it may lie one-dimensional arrays with a number for each row;
`jobs.imported.placement` reads pixels, or longitudes and latitudes, from them.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lake.errors import DataError
from lake.format.arrays import Bools

Values = NDArray[Any]
"""Numbers of any type."""

BLOCK_BYTES = 64 << 20
"""Bytes of vectors that are read at a time."""


class VectorFile(Protocol):
    """A file of vectors."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and numbers of a vector."""

    @property
    def dtype(self) -> str:
        """The type of the numbers, as the file has it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the one-dimensional arrays with a number for each row."""

    def column(self, name: str) -> Values:
        """(row,) one of `columns`."""

    def pieces(self, needed: Bools) -> Iterator[tuple[int, Values]]:
        """Consecutive rows in rising order, `BLOCK_BYTES` or so at a time: the first row, and (n, d) vectors.

        Args:
            needed: (row,) where True the row is among the pieces; parts without any are not read.
        """


def check_numbers(dtype: np.dtype[Any], name: str) -> None:
    """Refuse an array whose elements are no numbers.

    Raises:
        DataError: they are Python objects, text, booleans, complex numbers, or structures.
    """
    if dtype.hasobject:
        raise DataError(
            f"{name} holds Python objects (dtype {dtype}), which could run code when they are read: wanted "
            "numbers; save it as x.astype('float32')"
        )
    if dtype.kind not in "fiu":
        raise DataError(f"{name} is {dtype}: wanted whole or floating-point numbers")


def check_vectors(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    """Refuse an array that is not (row, d) numbers.

    Raises:
        DataError: it is not.
    """
    if len(shape) != 2:
        raise DataError(f"{name} has shape {shape}: wanted (pixel, d), a vector in each row")
    check_numbers(dtype, name)


def blocks(needed: Bools, size: int) -> Iterator[slice]:
    """The blocks of so many rows in which some are needed."""
    for first in range(0, len(needed), size):
        if needed[first : first + size].any():
            yield slice(first, min(first + size, len(needed)))
