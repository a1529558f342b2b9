"""Where satellite files come from: a flat folder, or a tree like NOAA's buckets, by any fsspec URL.

NOAA's layout is `<product>/<YYYY>/<JJJ>/<HH>/<name>.nc`, JJJ the day of the year. What
`list_files` returns, `read_bytes` reads, in any process: paths keep their protocol, options come
from the environment. Over s3, `AWS_SKIP_SIGNATURE=true` reads without credentials, as is done
for NOAA's public buckets (`s3://noaa-goes16`) in any case; `AWS_ENDPOINT_URL` names another server.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import fsspec
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
from fsspec import AbstractFileSystem

from ingest import abi
from lake.errors import ConfigError, MissingError

LISTING_THREADS = 16
SUFFIX = ".nc"


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of a source, as its listing shows it."""

    path: str
    """As `fetch` takes it, in any process."""
    size: int
    """Bytes."""
    tag: str = ""
    """Changes when the content does: the ETag of an object, the time of change of a local file."""

    @property
    def name(self) -> str:
        """Without folders."""
        return self.path.rsplit("/", 1)[-1]


def list_files(
    url: str,
    products: Sequence[str] = (),
    t0: date | None = None,
    tf: date | None = None,
    suffix: str = SUFFIX,
) -> list[str]:
    """Paths of all files of a source, sorted.

    Args:
        url: folder or fsspec URL; with files in it, or with folders named after products.
        products: only these folders of NOAA's layout; none: all folders `ABI-*`.
        t0: first day wanted; of NOAA's layout only its days and one before are listed.
        tf: last day wanted, and one after.
        suffix: what the names end with.

    Raises:
        ConfigError: a URL that no file system serves or lets us list, or without such files.
        MissingError: there is no such source.
    """
    files, root = _file_system(url)
    files.invalidate_cache()
    try:
        if not files.isdir(root):
            raise MissingError(
                f"there is no source {url}: wanted a folder or URL of {suffix} files"
            )
        names = [name for name in files.ls(root, detail=False) if name.endswith(suffix)]
        names = names or _in_tree(files, root, products, list(_days(t0, tf)), suffix)
    except (PermissionError, BotoCoreError) as error:
        raise _refused("list", url, error) from error
    if not names:
        wanted = f" of {', '.join(products)}" if products else ""
        period = f" from {t0} to {tf}" if t0 and tf else ""
        raise ConfigError(
            f"source {url} holds no {suffix} files{wanted}{period}: wanted files in the folder itself "
            "or as <product>/<YYYY>/<JJJ>/<HH>/<name>{suffix}"
        )
    return sorted(_full(url, name) for name in names)


def read_bytes(path: str) -> bytes:
    """The whole file at a path of `list_files`.

    Raises:
        MissingError: it is not there any more.
        ConfigError: it may not be read, or its server not be reached.
    """
    files, name = _file_system(path)
    try:
        return bytes(files.cat_file(name))
    except FileNotFoundError:
        raise MissingError(f"there is no file {path}: list the source again") from None
    except (PermissionError, BotoCoreError) as error:
        raise _refused("read", path, error) from error


def _refused(what: str, url: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot {what} {url}: {error}; give credentials in the environment, or "
        "AWS_SKIP_SIGNATURE=true for a public bucket"
    )


def _file_system(url: str) -> tuple[AbstractFileSystem, str]:
    try:
        files, root = fsspec.url_to_fs(url, **_options(url))
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"cannot open {url}: {error}; wanted a folder or an fsspec URL, e.g. s3://noaa-goes16"
        ) from error
    return files, root


def _options(url: str) -> dict[str, Any]:
    protocol, _, rest = url.rpartition("://")
    if protocol.rpartition("::")[2] not in ("s3", "s3a"):
        return {}
    is_public = rest.startswith("noaa-goes")
    anonymous = is_public or os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("true", "1")
    options = {"anon": True} if anonymous else {}
    return {"s3": options} if "::" in protocol else options


def _days(t0: date | None, tf: date | None) -> Iterator[str]:
    """`YYYY/JJJ` of the days wanted, one more at each end: a slot near midnight may look there."""
    if t0 is None or tf is None:
        return
    for number in range(-1, (tf - t0).days + 2):
        yield f"{t0 + timedelta(days=number):%Y/%j}"


def _in_tree(
    files: AbstractFileSystem,
    root: str,
    products: Sequence[str],
    days: Sequence[str],
    suffix: str,
) -> list[str]:
    folders = sorted({abi.product(product).folder for product in products})
    if not folders:
        folders = [name.rstrip("/").rsplit("/", 1)[-1] for name in files.ls(root, detail=False)]
        folders = [folder for folder in folders if folder.startswith("ABI-")]

    def find(folder: str) -> list[str]:
        try:
            return [name for name in files.find(folder) if name.endswith(suffix)]
        except FileNotFoundError:
            return []

    root = root.rstrip("/")
    trees = [f"{root}/{folder}/{day}".rstrip("/") for folder in folders for day in days or [""]]
    with ThreadPoolExecutor(LISTING_THREADS) as pool:
        return [name for names in pool.map(find, trees) for name in names]


def _full(url: str, name: str) -> str:
    """The name with the protocol, or chain of protocols, that `url` had; a plain path stays one."""
    protocol = url.rpartition("://")[0]
    if "://" in name or protocol in ("", "file", "local"):
        return name
    return f"{protocol}://{name.lstrip('/')}"
