"""An append-only log of small JSON objects in which every number is written by exactly one writer.

Stores and the catalogue change by it: a commit is one create-only object
`commits/<number>.json`, so that whatever it names becomes visible at once or not at all.
`current.json` holds the newest number its writer knew: a hint for readers, never the truth. Readers
need no listing: they start at the hint and go on while the next number is there.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from lake.errors import MissingError
from lake.objects import STORE_ERRORS, Objects


@dataclass(frozen=True, slots=True)
class Commit:
    """One entry of the log."""

    number: int
    """From 1."""
    body: dict[str, Any]
    """What the writer said, with `write_id` and `parent` (None for the first)."""


def head(objects: Objects, folder: str = "") -> Commit | None:
    """The newest commit of the log in `folder`; None where there is none."""
    number = _hint(objects, folder)
    newest = _read(objects, folder, number) if number else None
    number = number if newest else 0
    while (following := _read(objects, folder, number + 1)) is not None:
        newest, number = following, number + 1
    return newest


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
    try:
        objects.create(_path(folder, number), json.dumps(body, indent=1).encode())
    except STORE_ERRORS:
        written = _read(objects, folder, number)
        if written is None or written.body["write_id"] != body["write_id"]:
            raise
    objects.put(_join(folder, "current.json"), json.dumps({"number": number}).encode())
    return Commit(number, body)


def _hint(objects: Objects, folder: str) -> int:
    try:
        return int(json.loads(objects.get(_join(folder, "current.json")))["number"])
    except (MissingError, ValueError, KeyError):
        return 0


def _read(objects: Objects, folder: str, number: int) -> Commit | None:
    try:
        return Commit(number, json.loads(objects.get(_path(folder, number))))
    except MissingError:
        return None


def _path(folder: str, number: int) -> str:
    return _join(folder, f"commits/{number:08d}.json")


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
