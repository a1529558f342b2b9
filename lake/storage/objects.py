"""The operations of an object store that this project uses: get, put, create-only put, list, copy, delete.

`create` is the one primitive that commits rest on: of all writers of one path exactly one succeeds.
`lake.storage.connect` gives the objects below a URL.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from zarr.abc.store import Store as ZarrStore

from lake.errors import MissingError

Bytes = bytes | memoryview


@dataclass(frozen=True, slots=True, order=True)
class Stat:
    """One object, as a listing shows it."""

    path: str
    size: int
    """Size in bytes."""
    modified: datetime
    """When it was written, by the store's clock, UTC; `UNDATED` where it does not tell."""


UNDATED = datetime.max.replace(tzinfo=UTC)
"""The time of objects on plain web servers, which are only read from: they are never old."""


class Objects(Protocol):
    """Objects below one URL; paths are relative to it, separated by "/"."""

    root: str
    is_folder: bool
    """Whether this is a folder of this machine, where several requests at a time are no faster than one."""

    def get(self, path: str) -> bytes:
        """The whole object; MissingError if there is none."""

    def view(self, path: str) -> Bytes:
        """The whole object as `get` gives it, without one more copy: for large objects."""

    def tail(self, path: str, size: int) -> Bytes:
        """The last bytes of an object, or all of a smaller one; MissingError if there is none."""

    def get_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Bytes]:
        """Parts of an object, each by offset and size; MissingError if there is none.

        Those that follow on each other come with one request; nothing between them is read.
        """

    def put(self, path: str, data: bytes) -> None:
        """Write, replacing what is there."""

    def create(self, path: str, data: bytes) -> None:
        """Write if nothing is there; FileExistsError otherwise. Of many writers one succeeds.

        After a lost answer the object found there may be the caller's own, and after any other error
        it may be there or not: whoever needs to know writes something unique and reads it back.
        """

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects, many with one request where the store can; one not there is no error."""

    def stat(self, path: str) -> Stat:
        """Size and time of an object, without its content; MissingError if there is none."""

    def entries(self, prefix: str = "") -> list[Stat]:
        """All objects below a folder, sorted by path."""

    def folders(self, prefix: str = "") -> list[str]:
        """Paths of the folders directly below a folder, sorted; what they hold is not listed."""

    def list(self, prefix: str = "") -> list[str]:
        """Paths of all objects below a folder, sorted."""

    def copy(self, source: str, target: str) -> None:
        """Copy within the store, by the server where it can; MissingError if there is no source."""

    def zarr(self, path: str, *, read_only: bool = False) -> ZarrStore:
        """A Zarr store whose root is the folder `path`."""

    def url(self, path: str = "") -> str:
        """The URL of an object or folder, for `connect` elsewhere."""


def exists(objects: Objects, path: str) -> bool:
    """Whether there is an object at `path`."""
    try:
        objects.stat(path)
    except MissingError:
        return False
    return True
