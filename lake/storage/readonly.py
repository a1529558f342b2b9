"""A Zarr store that reads through `Objects`, so by whatever URL they were connected.

Zarr's own store for fsspec cannot open `simplecache::` and other chains, and takes every chunk that is
not there for fill values. Here a chunk that is not there is an error that names it, if asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from zarr.abc.buffer import Buffer, BufferPrototype
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)

from lake.errors import MissingError
from lake.storage.objects import Bytes, Objects


class ReadOnlyStore(Store):
    """Everything below a folder of `objects`; it lists nothing."""

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, objects: Objects, folder: str = "", *, whole: bool = False) -> None:
        """Read from a folder.

        Args:
            objects: where it is.
            folder: its path.
            whole: a chunk that is not there is damage, and no fill value.
        """
        super().__init__(read_only=True)
        self._objects = objects
        self._folder = folder
        self._whole = whole

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadOnlyStore) and (self._objects, self._folder) == (
            other._objects,
            other._folder,
        )

    __hash__ = Store.__hash__

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """One object or a part of it; None if there is none.

        Raises:
            MissingError: a chunk that should be there is not.
        """
        try:
            data = await asyncio.to_thread(self._read, self._at(key), byte_range)
        except MissingError:
            if self._whole and "c" in key.split("/"):
                raise
            return None
        return prototype.buffer.from_bytes(bytes(data))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """The asked parts of several objects."""
        return list(await asyncio.gather(*(self.get(k, prototype, r) for k, r in key_ranges)))

    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            await asyncio.to_thread(self._objects.stat, self._at(key))
        except MissingError:
            return False
        return True

    async def set(self, key: str, value: Buffer) -> None:  # noqa: ARG002 (Zarr's signature)
        """Refuse to write."""
        raise ValueError("the store is read-only: nothing is written to it")

    async def delete(self, key: str) -> None:  # noqa: ARG002
        """Refuse to delete."""
        raise ValueError("the store is read-only: nothing is written to it")

    def list(self) -> AsyncIterator[str]:
        """Refuse to list: readers never need to."""
        raise NotImplementedError("a store that is only read from is not listed")

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """Refuse to list."""
        return self.list()

    def list_dir(self, prefix: str) -> AsyncIterator[str]:  # noqa: ARG002
        """Refuse to list."""
        return self.list()

    def _at(self, key: str) -> str:
        return f"{self._folder}/{key}" if self._folder else key

    def _read(self, path: str, byte_range: ByteRequest | None) -> Bytes:
        match byte_range:
            case None:
                return self._objects.get(path)
            case RangeByteRequest(start, end):
                return self._objects.get_ranges(path, [(start, end - start)])[0]
            case SuffixByteRequest(suffix):
                return self._objects.tail(path, suffix)
            case OffsetByteRequest(offset):
                return self._objects.get(path)[offset:]
