"""An object store by URL: get, put, create-only put, list, copy, and a Zarr store in it.

`connect` takes a folder or any fsspec URL. Folders, `s3://`, `gs://`, `az://` and `https://` go
through obstore with credentials from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
`AWS_REGION`, `AWS_SKIP_SIGNATURE=true` for anonymous, ...); every other scheme, and any URL with
explicit `storage_options`, goes through fsspec. Nothing here is pickled: a worker connects by URL.

`create` is the one primitive that commits rest on: of all writers of one path exactly one succeeds.
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import fsspec
import obstore
import zarr.storage
from obstore.exceptions import AlreadyExistsError
from obstore.store import HTTPStore, LocalStore, from_url
from zarr.abc.store import Store as ZarrStore

from lake.errors import ConfigError, MissingError

NATIVE = ("s3", "gs", "az", "abfs", "https", "http")
"""Schemes that obstore serves."""

STORE_ERRORS = (OSError, obstore.exceptions.BaseError)
"""What a failing object store raises."""


class Objects(Protocol):
    """Objects below one URL; paths are relative to it, separated by "/"."""

    root: str

    def get(self, path: str) -> bytes:
        """The whole object; MissingError if there is none."""

    def put(self, path: str, data: bytes) -> None:
        """Write, replacing what is there."""

    def create(self, path: str, data: bytes) -> None:
        """Write if nothing is there; FileExistsError otherwise. Of many writers one succeeds."""

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
        ConfigError: a scheme nobody serves, or a folder that cannot be written.
    """
    text = str(url)
    scheme = text.partition("://")[0] if "://" in text else "file"
    if storage_options or scheme not in (*NATIVE, "file"):
        return _Fsspec(text, storage_options)
    return _Obstore(absolute(text).rstrip("/"))


def exists(objects: Objects, path: str) -> bool:
    """Whether there is an object at `path`."""
    try:
        objects.get(path)
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


class _Obstore:
    def __init__(self, root: str) -> None:
        self.root = root
        self._is_folder = "://" not in root
        # a local store without a folder of its own makes none when it is only read from
        self._store = LocalStore() if self._is_folder else _open(root)

    def get(self, path: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, self._at(path)).bytes())
        except FileNotFoundError:
            raise MissingError(f"there is no object {self.url(path)}") from None

    def put(self, path: str, data: bytes) -> None:
        self._write(path, data, "overwrite")

    def create(self, path: str, data: bytes) -> None:
        try:
            self._write(path, data, "create")
        except AlreadyExistsError:
            raise FileExistsError(self.url(path)) from None

    def list(self, prefix: str = "") -> list[str]:
        base = self._at("")
        try:
            pages = obstore.list(self._store, self._at(prefix) or None)
            return sorted(meta["path"][len(base) :].lstrip("/") for page in pages for meta in page)
        except FileNotFoundError:
            return []

    def copy(self, source: str, target: str) -> None:
        try:
            obstore.copy(self._store, self._at(source), self._at(target))
        except FileNotFoundError:
            raise MissingError(f"there is no object {self.url(source)}") from None

    def zarr(self, path: str, *, read_only: bool = False) -> ZarrStore:
        url = self.url(path)
        if not self._is_folder:
            return zarr.storage.ObjectStore(_open(url), read_only=read_only)
        if read_only and not Path(url).is_dir():
            raise MissingError(f"there is no folder {url}")
        return zarr.storage.ObjectStore(LocalStore(url, mkdir=True), read_only=read_only)

    def url(self, path: str = "") -> str:
        return join(self.root, path)

    def _at(self, path: str) -> str:
        return self.url(path).lstrip("/") if self._is_folder else path

    def _write(self, path: str, data: bytes, mode: Any) -> None:  # noqa: ANN401
        try:
            obstore.put(self._store, self._at(path), data, mode=mode, use_multipart=False)
        except AlreadyExistsError:
            raise
        except STORE_ERRORS as error:
            if not _UNWRITABLE.search(str(error)):
                raise
            raise ConfigError(
                f"cannot write {self.url(path)}: {str(error).partition(chr(10))[0]}; "
                "give a place that you may write to"
            ) from error


_UNWRITABLE = re.compile(r"os error (13|20|30)\b|AccessDenied")
"""Permission denied, not a directory, read-only file system; S3's refusal."""


def _open(url: str) -> Any:  # noqa: ANN401
    if url.startswith("http"):
        return HTTPStore.from_url(url, client_options={"allow_http": True})
    return from_url(url, client_options={"allow_http": True})


class _Fsspec:
    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self.root = root.rstrip("/")
        self._options = options
        try:
            self._fs, self._base = fsspec.core.url_to_fs(root, **options)
        except ValueError as error:
            raise ConfigError(f"cannot open {root}: {error}") from error

    def get(self, path: str) -> bytes:
        data: bytes = self._found(path, lambda: self._fs.cat_file(self._at(path)))
        return data

    def put(self, path: str, data: bytes) -> None:
        self._fs.pipe_file(self._at(path), data)

    def create(self, path: str, data: bytes) -> None:
        with _CREATING:
            self._fs.pipe_file(self._at(path), data, mode="create")

    def list(self, prefix: str = "") -> list[str]:
        base = self._fs._strip_protocol(self._base)  # noqa: SLF001
        found = self._fs.find(self._at(prefix))
        return sorted(path[len(base) :].lstrip("/") for path in found)

    def copy(self, source: str, target: str) -> None:
        self._found(source, lambda: self._fs.cp_file(self._at(source), self._at(target)))

    def zarr(self, path: str, *, read_only: bool = False) -> ZarrStore:
        return zarr.storage.FsspecStore.from_url(
            self.url(path), storage_options=self._options, read_only=read_only
        )

    def url(self, path: str = "") -> str:
        return join(self.root, path)

    def _at(self, path: str) -> str:
        return join(self._base, path)

    def _found(self, path: str, read: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return read()
        except FileNotFoundError:
            raise MissingError(f"there is no object {self.url(path)}") from None


_CREATING = threading.Lock()
"""The in-memory file system checks and writes in two steps."""
