"""The objects below a URL, whatever serves it.

`connect` takes a folder or any fsspec URL. Folders, `s3://`, `gs://`, `az://` and `https://` go
through obstore with credentials from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
`AWS_REGION`, `AWS_SKIP_SIGNATURE=true` for anonymous, ...); every other scheme, and any URL with
explicit `storage_options`, goes through fsspec. Nothing here is pickled: a worker connects by URL.
"""

from pathlib import Path
from typing import Any

import obstore

from lake.errors import ConfigError
from lake.storage.fsspec_backend import FsspecObjects
from lake.storage.objects import Objects
from lake.storage.obstore_backend import ObstoreObjects
from lake.storage.urls import absolute

NATIVE = ("s3", "gs", "az", "abfs", "https", "http")
"""The schemes of URLs that obstore serves."""

STORE_ERRORS = (OSError, obstore.exceptions.BaseError)
"""The errors that a failing object store raises."""


def connect(url: str | Path, **storage_options: Any) -> Objects:  # noqa: ANN401
    """The objects below `url`.

    Args:
        url: a folder, or any fsspec URL.
        storage_options: as for fsspec; given, fsspec serves the URL instead of obstore.

    Raises:
        ConfigError: a scheme nobody serves, what cannot be a place (`lake.storage.urls`), or options
            for a folder.
    """
    text = absolute(url)
    scheme = text.partition("://")[0] if "://" in text else "file"
    if storage_options and scheme == "file":
        names = ", ".join(sorted(storage_options))
        raise ConfigError(f"{text} is a folder, for which there are no options: got {names}=")
    if storage_options or scheme not in (*NATIVE, "file"):
        return FsspecObjects(text, storage_options)
    return ObstoreObjects(text)


def folder_and_name(url: str) -> tuple[Objects, str]:
    """The folder of a file, and the name of the file in it.

    Raises:
        ConfigError: as of `connect`.
    """
    folder, slash, name = url.rpartition("/")
    return connect(folder or slash or "."), name
