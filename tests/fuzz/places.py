"""URLs and paths that are no places, taken apart by `lake.storage.urls` and `lake.storage.connect`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from lake.storage import urls
from lake.storage.connect import connect
from tests.fuzz import mutations

SCHEMES = (
    "s3", "gs", "az", "abfs", "http", "https", "file", "memory", "local", "ftp", "sftp", "zip", "tar", "hdfs",
    "github", "reference", "S3", "s3a", "data", "simplecache::memory", "simplecache::file", "", "x y",
    "é", "zip::memory", "::", "a::b::memory",
)  # fmt: skip
HOSTS = (
    "",
    "127.0.0.1:9",
    "bucket",
    "127.0.0.1",
    "[::1]:9",
    "127.0.0.1:99999",
    "127.0.0.1:x",
    "u:p@127.0.0.1:9",
)
PATHS = (
    "",
    "lake",
    "a/b/c",
    "a//b",
    "a/../b",
    "~",
    "~nobody/x",
    "v/1.zarr",
    "a b",
    " ",
    "a?b=c",
    "a#b",
    "a%2e",
)
"""Hosts are of this machine: nothing is asked of others."""


@contextmanager
def attempts(folder: Path) -> Iterator[Callable[[Random], None]]:
    """Puts a URL into its one form and connects to it; nothing is read or written."""

    def attempt(random: Random) -> None:
        path = random.choice(PATHS)
        if random.random() < 0.7:
            path = mutations.change_text(random, path)
        kind = random.random()
        if kind < 0.2:
            text = path
        elif kind < 0.3:
            text = f"{folder}/{path}"
        else:
            text = f"{random.choice(SCHEMES)}://{random.choice(HOSTS)}/{path}"
        if random.random() < 0.2:
            scheme, mark, rest = text.partition("://")
            text = scheme + mark.replace("/", random.choice(("/", "", "//")), 1) + rest
        place = urls.absolute(text)
        urls.redact(text)
        urls.join(place, path)
        assert urls.absolute(place) == place, f"{place!r} has another form than {text!r}"
        connect(text).url("x")

    yield attempt
