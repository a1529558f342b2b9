"""An append-only log of small JSON objects in which every number is written by exactly one writer.

Stores and the catalogue change by it: a commit is one create-only object
`commits/<number>.json`, so that whatever it names becomes visible at once or not at all.
`current.json` holds the newest number its writer knew: a hint for readers, never the truth. Readers
need no listing: they start at the hint and go on while the next number is there.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from lake.errors import ConfigError, MissingError
from lake.storage.connect import STORE_ERRORS
from lake.storage.documents import read_json
from lake.storage.objects import Objects

_MOST = 10**12
"""No log has as many commits: such a hint is damaged."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One entry of a log."""

    number: int
    """The number in the log, counted from 1."""
    body: dict[str, Any]
    """The document of the writer, with `write_id` and `parent` (None for the first)."""


def head(objects: Objects, folder: str = "") -> Commit | None:
    """The newest commit of the log in `folder`; None where there is none."""
    number = _hint(objects, folder)
    newest = read(objects, number, folder) if number else None
    while (following := _following(objects, newest, folder)) is not None:
        newest = following
    return newest


def _following(objects: Objects, newest: Commit | None, folder: str) -> Commit | None:
    """The commit after `newest`. A server that forbids to list refuses what is not there."""
    try:
        return read(objects, newest.number + 1 if newest else 1, folder)
    except (ConfigError, PermissionError):
        if newest is None:
            raise
        return None


def append(
    objects: Objects, parent: Commit | None, body: dict[str, Any], folder: str = ""
) -> Commit:
    """Write the commit that follows `parent`.

    On any error of the store the commit is read back: it counts if it is ours.

    Raises:
        FileExistsError: another writer has committed after `parent`; nothing was written.
    """
    number = parent.number + 1 if parent else 1
    body = body | {"parent": parent.number if parent else None, "write_id": uuid4().hex}
    text = json.dumps(body, indent=1)
    try:
        objects.create(path(number, folder), text.encode())
    except STORE_ERRORS:
        written = read(objects, number, folder)
        if written is None or written.body["write_id"] != body["write_id"]:
            raise
    with suppress(*STORE_ERRORS):  # committed is committed, with or without the hint
        objects.put(_join(folder, "current.json"), json.dumps({"number": number}).encode())
    return Commit(number, json.loads(text))


def _hint(objects: Objects, folder: str) -> int:
    try:
        text = objects.get(_join(folder, "current.json"))
    except MissingError:
        return 0
    try:
        number = json.loads(text)["number"]
    except (ValueError, KeyError, TypeError, RecursionError):  # a hint that says nothing is none
        return 0
    return number if isinstance(number, int) and 0 < number < _MOST else 0


def read(objects: Objects, number: int, folder: str = "") -> Commit | None:
    """One commit of the log in `folder`; None where there is none of that number."""
    try:
        return Commit(number, read_json(objects, path(number, folder)))
    except MissingError:
        return None


def path(number: int, folder: str = "") -> str:
    """The path of the object of a commit."""
    return _join(folder, f"commits/{number:08d}.json")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
