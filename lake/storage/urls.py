"""URLs of folders and objects: taken apart and put into one form at the door, and put together again.

A lake is one place however its URL is read: as the text of a key, as boto3 and fsspec do, or by a URL
parser, as obstore does. Text that the two would read differently is refused by name, before anything is
read or written.
"""

import os
import re
from pathlib import Path

from lake.errors import ConfigError

_PASSWORD = re.compile(r"[a-z0-9+.-]+://[^/@]*:[^/]*@", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl")
"""Schemes whose paths are keys of objects, in which every character stands for itself."""
_WEB = ("http", "https")
_AMBIGUOUS = {"#": "a fragment", "?": "a query", "%": "an escape", "\\": "a separator"}
"""Characters of a key that a URL parser takes for something else."""


def join(root: str | Path, path: str) -> str:
    """The URL of `path` below `root`."""
    return f"{str(root).rstrip('/')}/{path}" if path else str(root)


def is_folder(url: str) -> bool:
    """Whether this is a folder of this machine: a path, or a `file://` URL."""
    return "://" not in url or url.startswith("file://")


def absolute(url: str | Path) -> str:
    """A folder or URL in the one form that means the same to every process and every library.

    Args:
        url: a path, which becomes absolute and normal; or a URL, also of a chain such as
            `simplecache::s3://bucket/lake`.

    Raises:
        ConfigError: text that cannot be a place, or that two readers would take for two places.
    """
    text = str(url)
    if not text.strip():
        raise ConfigError("the place is empty: wanted a folder, or a URL such as s3://bucket/lake")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ConfigError(f"{text!r} cannot be a place: {error.reason}") from error
    if control := _CONTROL.search(text):
        raise ConfigError(
            f"{text!r} cannot be a place: it holds the control character {control[0]!r}"
        )
    chain, _, last = text.rpartition("::")
    if is_folder(last):
        folder = _folder(last.removeprefix("file://"))
        return f"{chain}::file://{folder}" if chain else folder
    _check(last)
    scheme, _, rest = last.partition("://")
    return f"{text.removesuffix(last)}{scheme}://{rest.rstrip('/')}"


def redact(url: str) -> str:
    """A URL for messages: without a query, which may hold a token, or a password."""
    bare = re.sub(r"://[^/@]*@", "://...@", url)
    return f"{bare.partition('?')[0]}?..." if "?" in bare else bare


def _folder(path: str) -> str:
    """A folder of this machine, absolute and normal; links are not followed."""
    try:
        return os.path.abspath(Path(path).expanduser())  # noqa: PTH100 (follows no links)
    except RuntimeError as error:
        raise ConfigError(
            f"{path} begins with the home folder of a user whom this machine does not know: give the "
            "path from '/'"
        ) from error


def _check(url: str) -> None:
    """Refuse what is no URL of a place.

    Raises:
        ConfigError: it holds a password, a query, a fragment, `..`, or what two readers take for two places.
    """
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    scheme = scheme.lower()
    if _PASSWORD.match(url):
        raise ConfigError(
            f"a {scheme} URL holds a password, which would be shown and stored wherever the URL is: "
            "give it in the environment, or as a storage option"
        )
    if scheme in _WEB and (mark := next((c for c in "?#" if c in rest), "")):
        raise ConfigError(
            f"{redact(url).partition('#')[0]} holds {_AMBIGUOUS[mark]} ({mark!r}), which would be lost "
            "for the objects below it, or shown and stored with them: wanted the URL of a folder; "
            "for what needs a token use s3://, gs:// or az:// with credentials in the environment"
        )
    if scheme in (*_WEB, *_BUCKETS) and not host:
        raise ConfigError(f"{url} names no {'host' if scheme in _WEB else 'bucket'}")
    if scheme not in (*_WEB, *_BUCKETS):
        return
    segments = path.rstrip("/").split("/") if path.strip("/") else []
    if dots := [segment for segment in segments if segment in {"", ".", ".."}]:
        raise ConfigError(
            f"{url} holds the path segment {dots[0]!r}, which is no part of a key: leave it out"
        )
    if scheme in _BUCKETS:
        _check_key(url, rest.rstrip("/"))


def _check_key(url: str, key: str) -> None:
    if mark := next((c for c in _AMBIGUOUS if c in key), ""):
        raise ConfigError(
            f"{url} holds {mark!r}, which some readers take for {_AMBIGUOUS[mark]}, so that it would "
            "name two places: give a place without it"
        )
    if any(segment != segment.strip() for segment in key.split("/")):
        raise ConfigError(
            f"{url!r} holds white space beside a '/' or at its end, which some readers leave out: "
            "give a place without it"
        )
