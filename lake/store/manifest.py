"""Every object of a generation with its size and checksum: what a commit vouches for.

One Parquet table in `manifests/`, columns `path` (below the generation), `size`
(bytes) and `checksum` (CRC-32C). Whoever writes a generation notes what it wrote, so that nothing
has to be read back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import google_crc32c
import pyarrow as pa
from zarr.abc.buffer import Buffer
from zarr.abc.store import Store as ZarrStore
from zarr.storage import WrapperStore

from lake.storage.objects import Objects
from lake.store import tables

_SCHEMA = pa.schema([("path", pa.string()), ("size", pa.int64()), ("checksum", pa.int64())])


@dataclass(frozen=True, slots=True, order=True)
class StoredObject:
    """One object of a generation, as the manifest lists it."""

    path: str
    """The path below the generation."""
    size: int
    """Size in bytes."""
    checksum: int
    """CRC-32C of the bytes."""

    @classmethod
    def from_data(cls, path: str, data: bytes) -> Self:
        """The entry of an object of this content."""
        return cls(path, len(data), google_crc32c.value(data))


Manifest = Mapping[str, StoredObject]
"""The objects of a generation by path."""


class Recorder(WrapperStore[Any]):
    """A Zarr store that notes what is written to it; of one object the last writing counts."""

    def __init__(self, store: ZarrStore) -> None:
        super().__init__(store)
        self.stored: dict[str, StoredObject] = {}

    async def set(self, key: str, value: Buffer) -> None:
        """Write one object and note it."""
        self._note(key, value)
        await self._store.set(key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write one object, of a group on the way to another, if it is not there."""
        if key not in self.stored:
            self._note(key, value)
        await self._store.set_if_not_exists(key, value)

    def _note(self, key: str, value: Buffer) -> None:
        self.stored[key] = StoredObject.from_data(key, value.to_bytes())


def write(objects: Objects, stored: Iterable[StoredObject]) -> str:
    """Store a manifest; returns its path."""
    ordered = sorted(stored)
    columns = {name: [getattr(s, name) for s in ordered] for name in _SCHEMA.names}
    return tables.write(objects, "manifests", pa.table(columns, schema=_SCHEMA))


def read(objects: Objects, path: str) -> Manifest:
    """The manifest at `path`."""
    rows = tables.read(objects, path, _SCHEMA, complete=True)
    return {row["path"]: StoredObject(**row) for row in rows}
