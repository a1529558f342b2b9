"""An object below a URL as a file that can be read from any position, so that libraries read parts of it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from lake.storage.objects import Objects

BUFFER_BYTES = 1 << 18
"""Bytes that small reads fetch at a time; larger reads fetch what they ask for."""


class ObjectFile(io.RawIOBase):
    """The bytes of an object, read where they are asked for."""

    def __init__(self, objects: Objects, path: str) -> None:
        """Look at its size.

        Raises:
            MissingError: there is no such object.
        """
        super().__init__()
        self._objects, self._path = objects, path
        self._size = objects.stat(path).size
        self._position = 0

    def readable(self) -> bool:
        """It is for reading alone."""
        return True

    def seekable(self) -> bool:
        """Any position can be read."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer from the position on; the number of bytes, 0 at the end."""
        size = min(len(buffer), self._size - self._position)
        if size <= 0:
            return 0
        (data,) = self._objects.get_ranges(self._path, [(self._position, size)])
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


@contextmanager
def opened(objects: Objects, path: str) -> Iterator[BinaryIO]:
    """The object as a buffered file."""
    with io.BufferedReader(ObjectFile(objects, path), BUFFER_BYTES) as file:
        yield cast("BinaryIO", file)
