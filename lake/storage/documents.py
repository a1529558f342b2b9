"""JSON documents as objects."""

import json
from typing import Any

from lake.errors import FormatError
from lake.storage.objects import Objects

_LONGEST_PATH = 255
"""Characters; file systems allow as many for a single name."""
_SHOWN = 40
"""Bytes of what is no JSON that an error shows."""


def read_json(objects: Objects, path: str) -> dict[str, Any]:
    """The document of an object.

    Raises:
        MissingError: there is no such object.
        FormatError: it is no JSON, but e.g. the page of a login, or no document.
    """
    data = objects.get(path)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{objects.url(path)} is no JSON: {_kind(data)}") from error
    if not isinstance(document, dict):
        raise FormatError(
            f"{objects.url(path)} holds a {type(document).__name__}, wanted a document with names: it "
            "is damaged, restore the object"
        )
    return document


def is_path(value: object) -> bool:
    """Whether a value of a document can be the path of an object below the place of the document."""
    if not isinstance(value, str) or len(value) > _LONGEST_PATH or not value.isprintable():
        return False
    return all(segment not in {"", ".", ".."} for segment in value.split("/"))


def _kind(data: bytes) -> str:
    """What some bytes are instead."""
    if data.startswith(b"\x1f\x8b"):
        return (
            "it is compressed by gzip, which nobody asked for: have the server send objects as they "
            "are, without Content-Encoding"
        )
    if data.lstrip()[:1] == b"<":
        return (
            "it is a web page, as servers send it for a login or an error: open the URL in a browser, "
            "or give one that is served without a login"
        )
    return f"it begins {data[:_SHOWN]!r}" if data else "it is empty"
