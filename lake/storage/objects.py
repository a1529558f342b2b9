"""An object store by URL: get, put, create-only put, list, copy, delete, and a Zarr store in it.

`connect` takes a folder or any fsspec URL. Folders, `s3://`, `gs://`, `az://` and `https://` go
through obstore with credentials from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
`AWS_REGION`, `AWS_SKIP_SIGNATURE=true` for anonymous, ...); every other scheme, and any URL with
explicit `storage_options`, goes through fsspec. Nothing here is pickled: a worker connects by URL.

`create` is the one primitive that commits rest on: of all writers of one path exactly one succeeds.
On a local folder it is a hard link, and `put` a rename: nobody sees half an object.

Through obstore a request that fails for a passing reason is made again for some minutes: `retries`.
A body shorter than was announced is never returned. Through fsspec the options of each file system
rule.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from os import SEEK_END
from pathlib import Path
from typing import Any, Protocol

import fsspec
import obstore
import zarr.storage
from fsspec.implementations.memory import MemoryFileSystem
from obstore.exceptions import (
    AlreadyExistsError,
    NotSupportedError,
)
from obstore.store import LocalStore
from zarr.abc.store import Store as ZarrStore

from lake.errors import ConfigError, MissingError
from lake.storage import refusals, retries
from lake.storage.readonly import ReadOnlyStore
from lake.storage.retries import again, open_store

NATIVE = ("s3", "gs", "az", "abfs", "https", "http")
"""Schemes that obstore serves."""

STORE_ERRORS = (OSError, obstore.exceptions.BaseError)
"""What a failing object store raises."""


Bytes = bytes | memoryview


@dataclass(frozen=True, slots=True, order=True)
class Stat:
    """One object, as a listing shows it."""

    path: str
    size: int
    """Bytes."""
    modified: datetime
    """When it was written, by the store's clock, UTC; `UNDATED` where it does not tell."""


UNDATED = datetime.max.replace(tzinfo=UTC)
"""Of objects on plain web servers, which are only read from: never old."""


class Objects(Protocol):
    """Objects below one URL; paths are relative to it, separated by "/"."""

    root: str
    is_folder: bool
    """On this machine: nothing is won by asking for several objects at a time."""

    def get(self, path: str) -> bytes:
        """The whole object; MissingError if there is none."""

    def view(self, path: str) -> Bytes:
        """As `get`, and not copied once more: of large objects."""

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


def connect(url: str | Path, **storage_options: Any) -> Objects:  # noqa: ANN401
    """The objects below `url`.

    Args:
        url: a folder, or any fsspec URL.
        storage_options: as for fsspec; given, fsspec serves the URL instead of obstore.

    Raises:
        ConfigError: a scheme nobody serves, or a URL with a password in it.
    """
    text = str(url)
    scheme = text.partition("://")[0] if "://" in text else "file"
    if _PASSWORD.match(text):
        raise ConfigError(
            f"a {scheme} URL holds a password, which would be shown and stored wherever the URL is: "
            "give it in the environment, or as a storage option"
        )
    if storage_options or scheme not in (*NATIVE, "file"):
        return _Fsspec(text, storage_options)
    return _Obstore(absolute(text).rstrip("/"))


def exists(objects: Objects, path: str) -> bool:
    """Whether there is an object at `path`."""
    try:
        objects.stat(path)
    except MissingError:
        return False
    return True


def join(root: str | Path, path: str) -> str:
    """The URL of `path` below `root`."""
    return f"{str(root).rstrip('/')}/{path}" if path else str(root)


def absolute(url: str) -> str:
    """A folder by its absolute path, so that it means the same to every process; a URL as it is."""
    if "://" in url and not url.startswith("file://"):
        return url
    return str(Path(url.removeprefix("file://")).expanduser().absolute())


_PASSWORD = re.compile(r"[a-z0-9+.-]+://[^/@]*:[^/]*@", re.IGNORECASE)


class _Obstore:
    def __init__(self, root: str) -> None:
        self.root = root
        self.is_folder = "://" not in root
        # a local store without a folder of its own makes none when it is only read from
        self._store = LocalStore() if self.is_folder else open_store(root)

    def get(self, path: str) -> bytes:
        return bytes(self.view(path))

    def view(self, path: str) -> Bytes:
        with self._told("read", path):
            if self.is_folder:
                return Path(self.url(path)).read_bytes()
            return again(lambda: memoryview(obstore.get(self._store, self._at(path)).bytes()))

    def tail(self, path: str, size: int) -> Bytes:
        where = self._at(path)
        last: Any = {"range": {"suffix": size}}
        with self._told("read", path):
            if self.is_folder:
                return _read(self.url(path), [(-size, size)])[0]
            try:
                found = again(lambda: obstore.get(self._store, where, options=last).bytes())
            except NotSupportedError:  # Azure knows no suffix
                end = self.stat(path).size
                span = {"start": max(end - size, 0), "end": end}
                found = again(lambda: obstore.get_range(self._store, where, **span))
        return memoryview(found)

    def get_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Bytes]:
        if not ranges:
            return []
        starts, lengths = zip(*ranges, strict=True)
        where = self._at(path)
        with self._told("read", path):
            if self.is_folder:
                return _read(self.url(path), ranges)
            found = again(
                lambda: obstore.get_ranges(
                    self._store, where, starts=starts, lengths=lengths, coalesce=0
                )
            )
        return [memoryview(data) for data in found]

    def put(self, path: str, data: bytes) -> None:
        with self._told("write", path):
            self._write(path, data, "overwrite")

    def create(self, path: str, data: bytes) -> None:
        with self._told("write", path):
            try:
                self._write(path, data, "create")
            except AlreadyExistsError:
                raise FileExistsError(self.url(path)) from None

    def delete(self, paths: Iterable[str]) -> None:
        paths = list(paths)
        try:
            self._delete(paths)
        except MissingError:  # S3 does not mind, others stop there
            for path in paths:
                with suppress(MissingError):
                    self._delete([path])

    def stat(self, path: str) -> Stat:
        where = self._at(path)
        with self._told("read", path):
            try:
                return self._stat(again(lambda: obstore.head(self._store, where)))
            except obstore.exceptions.BaseError as error:
                if refusals.is_silent(error):  # a GET is told why
                    again(lambda: obstore.get_range(self._store, where, start=0, length=1))
                raise

    def entries(self, prefix: str = "") -> list[Stat]:
        with self._told("list", prefix):
            return again(lambda: sorted(self._entries(self._at(prefix) or None)))

    def folders(self, prefix: str = "") -> list[str]:
        with self._told("list", prefix):
            found = again(
                lambda: obstore.list_with_delimiter(self._store, self._at(prefix) or None)
            )
        return sorted(path[len(self._at("")) :].lstrip("/") for path in found["common_prefixes"])

    def list(self, prefix: str = "") -> list[str]:
        return [entry.path for entry in self.entries(prefix)]

    def copy(self, source: str, target: str) -> None:
        with self._told("copy", source):
            again(lambda: obstore.copy(self._store, self._at(source), self._at(target)))

    def zarr(self, path: str, *, read_only: bool = False) -> ZarrStore:
        url = self.url(path)
        if not self.is_folder:
            return retries.ZarrStore(open_store(url), read_only=read_only)
        if read_only and not Path(url).is_dir():
            raise MissingError(f"there is no folder {url}")
        return zarr.storage.ObjectStore(LocalStore(url, mkdir=True), read_only=read_only)

    def url(self, path: str = "") -> str:
        return join(self.root, path)

    def _at(self, path: str) -> str:
        return self.url(path).lstrip("/") if self.is_folder else path

    def _write(self, path: str, data: bytes, mode: Any) -> None:  # noqa: ANN401
        where = self._at(path)
        again(lambda: obstore.put(self._store, where, data, mode=mode, use_multipart=False))

    def _delete(self, paths: Sequence[str]) -> None:
        if not paths or (self.is_folder and not Path(self.root).is_dir()):
            return
        store = LocalStore(self.root, automatic_cleanup=True) if self.is_folder else self._store
        with self._told("delete", paths[0]):
            again(lambda: obstore.delete(store, paths))

    def _entries(self, prefix: str | None) -> Iterator[Stat]:
        for page in obstore.list(self._store, prefix):
            yield from map(self._stat, page)

    def _stat(self, meta: Any) -> Stat:  # noqa: ANN401
        path = meta["path"][len(self._at("")) :].lstrip("/")
        return Stat(path, meta["size"], meta["last_modified"].astimezone(UTC))

    @contextmanager
    def _told(self, doing: str, path: str) -> Iterator[None]:
        """Errors that the user can mend, as this project's."""
        try:
            yield
        except FileExistsError:
            raise
        except FileNotFoundError:
            if doing == "write":
                raise ConfigError(
                    f"cannot write {self.url(path)}: there is no such bucket: make it, or correct the URL"
                ) from None
            raise MissingError(f"there is no object {self.url(path)}") from None
        except STORE_ERRORS as error:
            if told := refusals.of(doing, self.url(path), error):
                raise told from error
            raise


def _read(path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Parts of a file, each by offset (below 0: from the end) and size: obstore takes ten times as long."""
    with Path(path).open("rb", buffering=0) as file:
        end = file.seek(0, SEEK_END)
        found = []
        for offset, size in ranges:
            file.seek(max(offset + end, 0) if offset < 0 else offset)
            found.append(file.read(size))
    return found


class _Fsspec:
    is_folder = False

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self.root = root.rstrip("/")
        self._options = options
        try:
            self._fs, self._base = fsspec.core.url_to_fs(root, **options)
        except ValueError as error:
            raise ConfigError(f"cannot open {root}: {error}") from error
        self._is_cached = "::" in root
        # the file systems that cache take no two threads at a time
        self._reading: AbstractContextManager[Any] = _CACHES if self._is_cached else nullcontext()
        # the in-memory file system checks and writes in two steps
        is_memory = isinstance(self._fs, MemoryFileSystem)
        self._creating: AbstractContextManager[Any] = _IN_MEMORY if is_memory else nullcontext()

    def get(self, path: str) -> bytes:
        data: bytes = self._found(path, lambda: self._fs.cat_file(self._at(path)))
        return data

    def view(self, path: str) -> Bytes:
        return self.get(path)

    def tail(self, path: str, size: int) -> Bytes:
        data: bytes = self._found(path, lambda: self._tail(self._at(path), size))
        return data

    def _tail(self, where: str, size: int) -> bytes:
        if not self._is_cached:
            data: bytes = self._fs.cat_file(where, start=-size)
            return data
        with self._fs.open(where, "rb") as file:
            file.seek(max(file.seek(0, SEEK_END) - size, 0))
            return bytes(file.read())

    def get_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Bytes]:
        where = [self._at(path)] * len(ranges)
        starts, ends = [start for start, _ in ranges], [sum(of) for of in ranges]
        found: list[bytes] = self._found(
            path, lambda: self._fs.cat_ranges(where, starts, ends, on_error="raise")
        )
        return found

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
        return self._stat(self._found(path, lambda: self._fs.info(self._at(path))))

    def entries(self, prefix: str = "") -> list[Stat]:
        self._fs.invalidate_cache()
        return sorted(map(self._stat, self._fs.find(self._at(prefix), detail=True).values()))

    def folders(self, prefix: str = "") -> list[str]:
        self._fs.invalidate_cache()
        try:
            found = self._fs.ls(self._at(prefix), detail=True)
        except FileNotFoundError:
            return []
        folders = [info for info in found if info["type"] == "directory"]
        return sorted(self._below(info["name"]) for info in folders)

    def list(self, prefix: str = "") -> list[str]:
        return [entry.path for entry in self.entries(prefix)]

    def copy(self, source: str, target: str) -> None:
        self._found(source, lambda: self._fs.cp_file(self._at(source), self._at(target)))

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

    def _found(self, path: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            with self._reading:
                return read()
        except FileNotFoundError:
            raise MissingError(f"there is no object {self.url(path)}") from None


_IN_MEMORY = threading.Lock()
_CACHES = threading.Lock()

_MODIFIED = ("LastModified", "last_modified", "updated", "mtime", "created")
"""What the file systems of fsspec call it."""


def _modified(info: Mapping[str, Any]) -> datetime:
    found = next((info[name] for name in _MODIFIED if name in info), None)
    if isinstance(found, (int, float)):
        return datetime.fromtimestamp(found, UTC)
    if isinstance(found, str):
        found = datetime.fromisoformat(found)
    if found is None:
        return UNDATED
    return found if found.tzinfo else found.replace(tzinfo=UTC)
