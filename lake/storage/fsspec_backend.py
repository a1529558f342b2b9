"""Objects below any other URL, by fsspec; the options of each of its file systems rule."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from os import SEEK_END
from typing import Any

import fsspec
import zarr.storage
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from zarr.abc.store import Store as ZarrStore

from lake.errors import ConfigError, MissingError, UnreachableError
from lake.storage.objects import UNDATED, Bytes, Stat
from lake.storage.readonly import ReadOnlyStore
from lake.storage.urls import join, redact

CONNECTING = frozenset(("ftp", "sftp", "ssh", "smb"))
"""The schemes whose file systems ask the server when they are opened."""
OPENING_S = 8
"""How long such a server may take."""


def open_file_system(url: str, options: Mapping[str, Any]) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL by fsspec, and the path in it.

    Args:
        url: of any scheme that fsspec knows; chained ones too.
        options: those of the file system, as fsspec takes them.

    Raises:
        ConfigError: nobody serves the scheme, or its file system cannot be made.
        UnreachableError: the server of one that connects at once does not answer within `OPENING_S`.
    """
    schemes = {part.partition("://")[0] for part in url.split("::")}
    try:
        if schemes.isdisjoint(CONNECTING):
            return _url_to_fs(url, options)
        opening: Future[tuple[AbstractFileSystem, str]] = Future()
        threading.Thread(target=_open, args=(opening, url, options), daemon=True).start()
        return opening.result(timeout=OPENING_S)
    except (ConnectionError, TimeoutError) as error:
        reason = str(error) or f"its server did not answer within {OPENING_S} s"
        raise UnreachableError(f"cannot open {redact(url)}: {reason}; run it again") from error
    except Exception as error:  # the packages of some schemes have errors of their own
        raise ConfigError(
            f"cannot open {redact(url)}: {error}; check the URL, and what the file system of its "
            "scheme needs: a package, or storage options"
        ) from error


def _open(
    opening: Future[tuple[AbstractFileSystem, str]], url: str, options: Mapping[str, Any]
) -> None:
    try:
        opening.set_result(_url_to_fs(url, options))
    except Exception as error:  # noqa: BLE001 raised where the result is asked for
        opening.set_exception(error)


def _url_to_fs(url: str, options: Mapping[str, Any]) -> tuple[AbstractFileSystem, str]:
    file_system, path = fsspec.core.url_to_fs(url, **options)
    return file_system, path


class FsspecObjects:
    """Objects below a URL that fsspec opens."""

    is_folder = False

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self.root = root.rstrip("/")
        self._options = options
        self._fs, self._base = open_file_system(root, options)
        self._is_cached = "::" in root
        # the file systems that cache take no two threads at a time
        self._reading: AbstractContextManager[Any] = _CACHES if self._is_cached else nullcontext()
        # the in-memory file system checks and writes in two steps
        is_memory = isinstance(self._fs, MemoryFileSystem)
        self._creating: AbstractContextManager[Any] = _IN_MEMORY if is_memory else nullcontext()

    def get(self, path: str) -> bytes:
        data: bytes = self._ask(path, lambda: self._fs.cat_file(self._at(path)))
        return data

    def view(self, path: str) -> Bytes:
        return self.get(path)

    def tail(self, path: str, size: int) -> Bytes:
        data: bytes = self._ask(path, lambda: self._tail(self._at(path), size))
        return data

    def _tail(self, location: str, size: int) -> bytes:
        if not self._is_cached:
            data: bytes = self._fs.cat_file(location, start=-size)
            return data
        with self._fs.open(location, "rb") as file:
            file.seek(max(file.seek(0, SEEK_END) - size, 0))
            return bytes(file.read())

    def get_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Bytes]:
        locations = [self._at(path)] * len(ranges)
        starts, ends = [start for start, _ in ranges], [sum(span) for span in ranges]
        # not all releases of fsspec heed on_error="raise"
        parts: Sequence[bytes] = self._ask(
            path, lambda: _found(self._fs.cat_ranges(locations, starts, ends, on_error="return"))
        )
        return parts

    def put(self, path: str, data: bytes) -> None:
        self._fs.pipe_file(self._at(path), data)

    def create(self, path: str, data: bytes) -> None:
        with self._creating:
            self._fs.pipe_file(self._at(path), data, mode="create")

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._at(path))

    def stat(self, path: str) -> Stat:
        self._fs.invalidate_cache()
        return self._stat(self._ask(path, lambda: self._fs.info(self._at(path))))

    def entries(self, prefix: str = "") -> list[Stat]:
        self._fs.invalidate_cache()
        return sorted(map(self._stat, self._fs.find(self._at(prefix), detail=True).values()))

    def folders(self, prefix: str = "") -> list[str]:
        self._fs.invalidate_cache()
        try:
            members = self._fs.ls(self._at(prefix), detail=True)
        except FileNotFoundError:
            return []
        folders = [info for info in members if info["type"] == "directory"]
        return sorted(self._below(info["name"]) for info in folders)

    def list(self, prefix: str = "") -> list[str]:
        return [entry.path for entry in self.entries(prefix)]

    def copy(self, source: str, target: str) -> None:
        self._ask(source, lambda: self._fs.cp_file(self._at(source), self._at(target)))

    def zarr(self, path: str, *, read_only: bool = False) -> ZarrStore:
        if read_only and self._is_cached:
            return ReadOnlyStore(self, path)
        return zarr.storage.FsspecStore.from_url(
            self.url(path), storage_options=self._options, read_only=read_only
        )

    def url(self, path: str = "") -> str:
        return join(self.root, path)

    def _at(self, path: str) -> str:
        return join(self._base, path)

    def _stat(self, info: Mapping[str, Any]) -> Stat:
        return Stat(self._below(info["name"]), info["size"], _modified(info))

    def _below(self, name: str) -> str:
        base = self._fs._strip_protocol(self._base)  # noqa: SLF001 (fsspec has no public way)
        return name[len(base) :].strip("/")

    def _ask(self, path: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            with self._reading:
                return read()
        except FileNotFoundError:
            raise MissingError(f"there is no object {self.url(path)}") from None


_IN_MEMORY = threading.Lock()
_CACHES = threading.Lock()

_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "created")
"""The names that the file systems of fsspec have for the time of the last change."""


def _modified(info: Mapping[str, Any]) -> datetime:
    stamp = next((info[name] for name in _MODIFIED if name in info), None)
    if isinstance(stamp, (int, float)):
        return datetime.fromtimestamp(stamp, UTC)
    if isinstance(stamp, str):
        stamp = datetime.fromisoformat(stamp)
    if stamp is None:
        return UNDATED
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _found(parts: Iterable[bytes | Exception]) -> Sequence[bytes]:
    """The parts; raises the first that is an error."""
    found = []
    for part in parts:
        if isinstance(part, Exception):
            raise part
        found.append(part)
    return found
