"""File systems of sources by URL, with options from the environment.

Over s3, `AWS_SKIP_SIGNATURE=true` reads without credentials, as is done for NOAA's public buckets
(`s3://noaa-goes16`) in any case; `AWS_ENDPOINT_URL` names another server.
"""

import os
from typing import Any

import fsspec
from aiohttp import ClientResponseError
from botocore.exceptions import BotoCoreError
from fsspec import AbstractFileSystem
from obstore.exceptions import BaseError
from s3fs import S3FileSystem

from lake.errors import ConfigError, LakeError
from lake.storage import refusals

REFUSALS = (PermissionError, BotoCoreError, BaseError, ClientResponseError)
"""What file systems raise where asking again is of no use."""


def refused(what: str, url: str, error: Exception) -> LakeError:
    """What to say of a refusal.

    Args:
        what: was refused: `list`, `read`.
        url: of what.
        error: one of `REFUSALS`.
    """
    return refusals.explain(what, url, error) or ConfigError(
        f"cannot {what} {url}: {error}; give credentials in the environment, or "
        "AWS_SKIP_SIGNATURE=true for a public bucket"
    )


def opened(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and the path in it.

    Raises:
        ConfigError: nobody serves such a URL.
    """
    try:
        files, root = fsspec.url_to_fs(url, **_options(url))
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"cannot open {url}: {error}; wanted a folder or an fsspec URL, e.g. s3://noaa-goes16"
        ) from error
    if isinstance(files, S3FileSystem):
        files.retries = 1  # `ingest.source.retries` is enough
    return files, root


def _options(url: str) -> dict[str, Any]:
    protocol = url.rpartition("://")[0]
    if protocol.rpartition("::")[2] not in ("s3", "s3a"):
        return {}
    options: dict[str, Any] = {
        "config_kwargs": {"retries": {"total_max_attempts": 1}},  # so is it here
        "max_concurrency": 1,  # one request a file: a short answer leaves no hole
        "use_listings_cache": False,  # years of listings
    }
    if is_anonymous(url):
        options["anon"] = True
    return {"s3": options} if "::" in protocol else options


def is_anonymous(url: str) -> bool:
    """Whether an s3 URL is read without credentials."""
    is_public = url.rpartition("://")[2].startswith("noaa-goes")
    return is_public or os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("true", "1")


def is_local(files: AbstractFileSystem) -> bool:
    """Whether its paths are those of the local disk."""
    protocol = files.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)
