"""JSON documents as objects."""

import json
from typing import Any

from lake.errors import FormatError
from lake.storage.objects import Objects

_SHOWN = 40
"""Bytes of what is no JSON that an error shows."""


def read_json(objects: Objects, path: str) -> Any:  # noqa: ANN401 (JSON)
    """The document of an object.

    Raises:
        MissingError: there is no such object.
        FormatError: it is no JSON, but e.g. the page of a login.
    """
    data = objects.get(path)
    try:
        return json.loads(data)
    except ValueError as error:
        raise FormatError(f"{objects.url(path)} is no JSON: {_kind(data)}") from error


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
