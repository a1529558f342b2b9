"""Folders, S3, Google Cloud Storage, Azure and web servers, by obstore.

On a local folder `create` is a hard link, and `put` a rename: nobody sees half an object. A request
that fails for a passing reason is made again for some minutes (`lake.storage.retries`). A body shorter
than was announced is never returned.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from os import SEEK_END
from pathlib import Path
from typing import Any

import obstore
import zarr.storage
from obstore.exceptions import AlreadyExistsError, NotSupportedError
from obstore.store import LocalStore
from zarr.abc.store import Store as ZarrStore

from lake.console.messages import say
from lake.errors import ConfigError, MissingError, UnreachableError
from lake.storage import refusals, retries
from lake.storage.objects import Bytes, Stat
from lake.storage.retries import again, open_store
from lake.storage.urls import join, redact
from lake.storage.waiting import announce


class ObstoreObjects:
    """Objects below a folder, or a URL of a scheme that obstore serves."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.is_folder = "://" not in root
        if not self.is_folder:
            _check_process()
        # a local store without a folder of its own makes none when it is only read from
        self._store = LocalStore() if self.is_folder else open_store(root)
        self._is_whole = False  # until the server is seen to know no ranges

    def get(self, path: str) -> bytes:
        return bytes(self.view(path))

    def view(self, path: str) -> Bytes:
        with self._explaining("read", path):
            if self.is_folder:
                return Path(self.url(path)).read_bytes()
            return again(lambda: memoryview(obstore.get(self._store, self._at(path)).bytes()))

    def tail(self, path: str, size: int) -> Bytes:
        key = self._at(path)
        last: Any = {"range": {"suffix": size}}
        with self._explaining("read", path):
            if self.is_folder:
                return _read(self.url(path), [(-size, size)])[0]
            try:
                data = again(lambda: obstore.get(self._store, key, options=last).bytes())
            except NotSupportedError:  # Azure knows no suffix, some web servers no ranges at all
                end = self.stat(path).size
                if not end:
                    return memoryview(b"")  # of which no range can be asked for
                (data,) = self._parts(key, [(max(end - size, 0), min(size, end))])
        return memoryview(data)

    def get_ranges(self, path: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Bytes]:
        if not ranges:
            return []
        with self._explaining("read", path):
            if self.is_folder:
                return _read(self.url(path), ranges)
            return [memoryview(data) for data in self._parts(self._at(path), ranges)]

    def _parts(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[Any]:
        """Parts of an object; of a server that knows no ranges the object is read whole."""
        starts, lengths = zip(*ranges, strict=True)
        if not self._is_whole:
            try:
                return again(
                    lambda: obstore.get_ranges(
                        self._store, key, starts=starts, lengths=lengths, coalesce=0
                    )
                )
            except NotSupportedError:
                self._is_whole = True
                say(
                    f"warning: the server of {redact(self.root)} knows no ranges of bytes: whole "
                    "objects are read, which is slow; most web servers can be set to serve ranges"
                )
        data = again(lambda: memoryview(obstore.get(self._store, key).bytes()))
        return [data[start : start + length] for start, length in ranges]

    def put(self, path: str, data: bytes) -> None:
        with self._explaining("write", path):
            self._write(path, data, "overwrite")

    def create(self, path: str, data: bytes) -> None:
        with self._explaining("write", path):
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
        key = self._at(path)
        with self._explaining("read", path):
            try:
                return self._stat(again(lambda: obstore.head(self._store, key)))
            except obstore.exceptions.BaseError as error:
                if refusals.is_silent(error):  # a GET is told why
                    again(lambda: obstore.get_range(self._store, key, start=0, length=1))
                raise

    def entries(self, prefix: str = "") -> list[Stat]:
        with self._explaining("list", prefix):
            return again(lambda: sorted(self._entries(self._at(prefix) or None)))

    def folders(self, prefix: str = "") -> list[str]:
        with self._explaining("list", prefix):
            listing = again(
                lambda: obstore.list_with_delimiter(self._store, self._at(prefix) or None)
            )
        return sorted(path[len(self._at("")) :].lstrip("/") for path in listing["common_prefixes"])

    def list(self, prefix: str = "") -> list[str]:
        return [entry.path for entry in self.entries(prefix)]

    def copy(self, source: str, target: str) -> None:
        with self._explaining("copy", source):
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
        key = self._at(path)
        again(lambda: obstore.put(self._store, key, data, mode=mode, use_multipart=False))

    def _delete(self, paths: Sequence[str]) -> None:
        if not paths or (self.is_folder and not Path(self.root).is_dir()):
            return
        store = LocalStore(self.root, automatic_cleanup=True) if self.is_folder else self._store
        with self._explaining("delete", paths[0]):
            again(lambda: obstore.delete(store, paths))

    def _entries(self, prefix: str | None) -> Iterator[Stat]:
        for page in obstore.list(self._store, prefix):
            yield from map(self._stat, page)

    def _stat(self, meta: Any) -> Stat:  # noqa: ANN401
        path = meta["path"][len(self._at("")) :].lstrip("/")
        return Stat(path, meta["size"], meta["last_modified"].astimezone(UTC))

    @contextmanager
    def _explaining(self, doing: str, path: str) -> Iterator[None]:
        """Errors that the user can mend, as this project's; long waits are announced."""
        try:
            if self.is_folder:
                yield
                return
            _check_process()
            with announce(self.url(path)):
                yield
        except (FileExistsError, NotSupportedError):  # the caller has another way
            raise
        except FileNotFoundError:
            if doing == "write":
                raise ConfigError(
                    f"cannot write {self.url(path)}: there is no such bucket: make it, or correct the URL"
                ) from None
            raise MissingError(f"there is no object {self.url(path)}") from None
        except IsADirectoryError:
            raise MissingError(f"{self.url(path)} is a folder, wanted an object") from None
        except (OSError, obstore.exceptions.BaseError) as error:
            if refusal := refusals.explain(doing, self.url(path), error):
                raise refusal from error
            if isinstance(error, obstore.exceptions.BaseError):  # after all retries
                cause = str(error).partition("\n")[0]
                raise UnreachableError(
                    f"cannot {doing} {self.url(path)}: {cause}; what was finished is kept: run it again"
                ) from error
            raise


_process: int | None = None
"""The process in which the threads of obstore run, once a server was used."""


def _check_process() -> None:
    """Refuse to use obstore in a fork of a process that used it: its threads are not there.

    Raises:
        ConfigError: this process is such a fork, and would wait for ever.
    """
    global _process  # noqa: PLW0603 (a fact of the process)
    if _process is None:
        _process = os.getpid()
    elif _process != os.getpid():
        raise ConfigError(
            "this process was forked from one that had used an object store, whose threads a fork "
            "does not have: start workers by spawn or forkserver (DataLoader and Pool: "
            "multiprocessing_context='spawn', multiprocessing.get_context('spawn'))"
        )


def _read(path: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Parts of a file, each by offset (below 0: from the end) and size: obstore takes ten times as long."""
    with Path(path).open("rb", buffering=0) as file:
        end = file.seek(0, SEEK_END)
        parts = []
        for offset, size in ranges:
            file.seek(max(offset + end, 0) if offset < 0 else offset)
            parts.append(file.read(size))
    return parts
