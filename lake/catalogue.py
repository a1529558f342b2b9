"""The lake's catalogue: one row per store, so that nobody lists the bucket.

A commit of `<root>/catalog/` names one immutable Parquet table of all rows. `lake.json` at the
root says that the folder is a lake at all.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa

from lake import commits, tables
from lake.errors import ConfigError, ConflictError, FormatError, MissingError
from lake.objects import Objects, exists
from lake.schema import FORMAT, VERSION

FOLDER = "catalog"
MARKER = "lake.json"
TRIES = 50


@dataclass(frozen=True, slots=True)
class Row:
    """What the catalogue says of one store."""

    key: str
    sat: str
    listing: str
    t0: str
    tf: str
    geom: str
    number: int
    """Of the newest commit."""
    generation: str
    """Path of the newest generation below the root; empty before anything was published."""
    pixels: int
    cubes: str
    """Names, separated by spaces."""
    months: int
    """How many months hold statistics."""
    merged: int
    """Time steps, or legacy results, in the statistics."""
    pending: int
    """Staged, waiting to be published."""
    missing: int
    """Time steps wanted, not there."""
    suspect: str
    """Metrics that may be wrong, separated by spaces."""
    west: float
    south: float
    east: float
    north: float
    """Bounding box of the pixel centres, degrees."""


_TYPES: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
_SCHEMA = pa.schema([(f.name, _TYPES[f.type]) for f in fields(Row)])


def claim(objects: Objects) -> None:
    """Make sure that the root is a lake; an empty one becomes one.

    Raises:
        ConfigError: the root holds other things.
        FormatError: a lake of a newer format version.
    """
    if not exists(objects, MARKER):
        held = objects.list()  # another writer may have claimed it by now
        if held and MARKER not in held:
            raise ConfigError(
                f"{objects.root} is not empty and no lake (it holds {held[0]!r}, and no {MARKER}): "
                "give an empty or new folder or prefix"
            )
        with suppress(FileExistsError):  # another writer claims it at the same time
            objects.create(MARKER, json.dumps({"lake_format": FORMAT, "version": VERSION}).encode())
    version = json.loads(objects.get(MARKER))["version"]
    if version > VERSION:
        raise FormatError(
            f"{objects.root} is a lake of version {version}, this software knows up to {VERSION}: "
            "upgrade goeslake"
        )


def rows(objects: Objects) -> list[Row]:
    """All rows, sorted by key.

    Raises:
        MissingError: the root is no lake.
    """
    newest = commits.head(objects, FOLDER)
    if newest is None:
        if not exists(objects, MARKER):
            raise MissingError(f"there is no lake at {objects.root}: {MARKER} was not found")
        return []
    return _read(objects, newest)


def upsert(objects: Objects, row: Row) -> None:
    """Add a store's row, or replace an older one.

    Raises:
        ConflictError: other writers were faster, too often.
    """
    for _ in range(TRIES):
        newest = commits.head(objects, FOLDER)
        table = {r.key: r for r in (_read(objects, newest) if newest else [])}
        if row.key in table and table[row.key].number >= row.number:
            return
        table[row.key] = row
        path = _write(objects, [table[key] for key in sorted(table)])
        try:
            commits.append(objects, newest, {"table": path}, FOLDER)
        except FileExistsError:
            continue
        return
    raise ConflictError(
        f"could not note {row.key} in the catalogue of {objects.root}: run it again"
    )


def _read(objects: Objects, commit: commits.Commit) -> list[Row]:
    rows = tables.read(objects, f"{FOLDER}/{commit.body['table']}", _SCHEMA)
    return [Row(**row) for row in rows]


def _write(objects: Objects, rows: list[Row]) -> str:
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA)
    return tables.write(objects, f"{FOLDER}/tables", table).removeprefix(f"{FOLDER}/")
