"""File systems of sources by URL; `ingest.source.access` says how each is reached."""

from pathlib import Path
from typing import Any

import obstore
from aiohttp import ClientResponseError
from botocore.exceptions import BotoCoreError
from fsspec import AbstractFileSystem
from obstore.exceptions import BaseError
from obstore.fsspec import FsspecStore
from obstore.store import from_url
from s3fs import S3FileSystem

from ingest.source import access
from lake.errors import ConfigError, LakeError
from lake.storage import refusals
from lake.storage.fsspec_backend import open_file_system

REFUSALS = (PermissionError, BotoCoreError, BaseError, ClientResponseError)
"""What file systems raise where asking again is of no use."""


def refusal(action: str, url: str, error: Exception) -> LakeError:
    """What to say of a refusal.

    Args:
        action: was refused: `list`, `read`.
        url: of what.
        error: one of `REFUSALS`.
    """
    unsigned = "LAKE_SOURCE_ANONYMOUS=true"
    return refusals.explain(action, url, error, unsigned) or ConfigError(
        f"cannot {action} {url}: {error}; give credentials in the environment, or {unsigned} for a "
        "public bucket"
    )


class CloudFiles(FsspecStore):
    """The buckets of Google or Microsoft as a file system, by obstore; files are fetched as streams."""

    def get_file(self, rpath: str, lpath: str, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Copy the object at `rpath`, which begins with its bucket, to a local file."""
        bucket, path = rpath.split("/", 1)
        url = f"{self.protocol}://{bucket}"
        store = from_url(url, **obstore_options(url))
        with Path(lpath).open("wb") as local:
            local.writelines(obstore.get(store, path).stream())


def open_filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and the path in it.

    Raises:
        ConfigError: nobody serves such a URL, or a setting of the source has no meaning.
        UnreachableError: its server does not answer (`lake.storage.fsspec_backend`).
    """
    scheme, _, path = url.partition("://")
    if scheme in (*access.GOOGLE, *access.AZURE):
        files_of: Any = CloudFiles  # whose types know each scheme's settings apart
        return files_of(scheme, **obstore_options(url)), path.rstrip("/")
    files, root = open_file_system(url, _options(url))
    if isinstance(files, S3FileSystem):
        files.retries = 1  # `ingest.source.retries` is enough
    return files, root


def obstore_options(url: str) -> dict[str, Any]:
    """The arguments of `obstore.store.from_url` for a bucket, with which requests are made once.

    Raises:
        ConfigError: S3 asks for credentials and there are none, or a setting has no meaning.
    """
    config = access.obstore_options(url, access.access(url))
    provider = config.pop("credential_provider", None)
    return {
        "config": config or None,
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": 0},  # `ingest.source.retries` is enough
        "credential_provider": provider,
    }


def _options(url: str) -> dict[str, Any]:
    if access.scheme_of(url) not in access.S3:
        return {}
    options: dict[str, Any] = {
        "config_kwargs": {"retries": {"total_max_attempts": 1}},  # so is it here
        "max_concurrency": 1,  # one request a file: a short answer leaves no hole
        "use_listings_cache": False,  # years of listings
        **access.s3fs_options(access.access(url)),
    }
    return {"s3": options} if "::" in url else options


def is_local(files: AbstractFileSystem) -> bool:
    """Whether its paths are those of the local disk."""
    protocol = files.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)
