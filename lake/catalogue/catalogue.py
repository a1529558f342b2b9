"""The lake's catalogue: one row per store, so that nobody lists the bucket.

A commit of `<root>/catalog/` names one immutable Parquet table of all rows. `lake.json` at the
root says that the folder is a lake at all.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

import pyarrow as pa

from lake.errors import ConfigError, ConflictError, FormatError, MissingError
from lake.format.domain import Domain
from lake.format.keys import Key
from lake.format.schema import FORMAT, VERSION
from lake.storage import documents
from lake.storage.documents import read_json
from lake.storage.objects import Objects, exists
from lake.store import commits, tables
from lake.store.commits import Commit
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, MISSING, STAGED, Ledger

FOLDER = "catalog"
MARKER = "lake.json"
TRIES = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the catalogue: the facts about one store."""

    key: str
    sat: str
    listing: str
    t0: str
    tf: str
    geom: str
    number: int
    """The number of the newest commit."""
    generation: str
    """The path of the newest generation below the root; empty before anything was published."""
    pixels: int
    cubes: str
    """The names of the cubes, separated by spaces."""
    months: int
    """The number of months that hold statistics."""
    merged: int
    """The number of time steps, or legacy results, in the statistics."""
    pending: int
    """The number of time steps that are staged and wait to be published."""
    missing: int
    """The number of time steps that the listing asks for and the source lacks."""
    suspect: str
    """The metrics that may be wrong, separated by spaces."""
    west: float
    south: float
    east: float
    north: float
    """These four are the bounding box of the pixels' centres, degrees."""


_TYPES: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
_SCHEMA = pa.schema([(f.name, _TYPES[f.type]) for f in fields(Row)])


NO_BOX = (float("nan"),) * 4
"""West, south, east and north of what has no generation yet: no box meets it."""


def row(
    key: Key, head: Commit, entries: Ledger, cubes: Iterable[str], domain: Domain | None
) -> Row:
    """The row that the catalogue should have of a store.

    Args:
        key: of the store.
        head: its newest commit.
        entries: of the ledger that names.
        cubes: their names.
        domain: its pixels; None: not known.
    """
    state = StoreState.from_commit(head)
    west, south, east, north = NO_BOX
    if domain is not None:
        lon, lat = domain.lonlat()
        west, south = float(lon.min()), float(lat.min())
        east, north = float(lon.max()), float(lat.max())
    return Row(
        key=str(key),
        sat=key.sat,
        listing=key.listing,
        t0=key.t0.isoformat(),
        tf=key.tf.isoformat(),
        geom=key.geom,
        number=head.number,
        generation=f"{key}/{state.path}" if state.path else "",
        pixels=0 if domain is None else domain.pixels,
        cubes=" ".join(cubes),
        months=len(state.months),
        merged=len(entries.steps(MERGED)),
        pending=len(entries.steps(STAGED)),
        missing=len(entries.steps(MISSING)),
        suspect=" ".join(state.suspect),
        west=west,
        south=south,
        east=east,
        north=north,
    )


def generation(row: Row) -> str:
    """Path of the newest generation below the root.

    Raises:
        MissingError: nothing was published yet.
    """
    if not row.generation:
        raise MissingError(
            f"nothing of {row.key} is published yet, {row.pending} time steps wait: run "
            f"'lake ingest publish {row.key}'"
        )
    return row.generation


def claim(objects: Objects) -> None:
    """Make sure that the root is a lake; an empty one becomes one.

    Raises:
        ConfigError: the root holds other things.
        FormatError: a lake of a newer format version.
    """
    if not exists(objects, MARKER):
        paths = objects.list()  # another writer may have claimed it by now
        if paths and MARKER not in paths:
            raise ConfigError(
                f"{objects.root} is not empty and no lake (it holds {paths[0]!r}, and no {MARKER}): "
                "give an empty or new folder or prefix"
            )
        mark(objects)
    version = read_json(objects, MARKER).get("version")
    if not isinstance(version, int):
        raise FormatError(
            f"{objects.url(MARKER)} says no version of a lake: it is damaged, restore it"
        )
    if version > VERSION:
        raise FormatError(
            f"{objects.root} is a lake of version {version}, this software knows up to {VERSION}: "
            "upgrade goeslake"
        )


def mark(objects: Objects) -> None:
    """Write the object that says that the root is a lake."""
    with suppress(FileExistsError):  # another writer claims it at the same time
        objects.create(MARKER, json.dumps({"lake_format": FORMAT, "version": VERSION}).encode())


def table(objects: Objects) -> pa.Table:
    """All rows, sorted by key, as a table whose columns are the fields of `Row`.

    Raises:
        MissingError: the root is no lake, or its catalogue is damaged.
    """
    newest = commits.head(objects, FOLDER)
    if newest is None:
        if not exists(objects, MARKER):
            raise MissingError(f"there is no lake at {objects.root}: {MARKER} was not found")
        return _SCHEMA.empty_table()
    return _read(objects, newest)


def rows(objects: Objects) -> list[Row]:
    """All rows of the catalogue, sorted by key; raises as `table`."""
    return rows_of(table(objects))


def rows_of(table: pa.Table) -> list[Row]:
    """The rows of a table that `table` gave, or of a part of it."""
    return [Row(**row) for row in table.to_pylist()]


def newest_published(objects: Objects, sat: str, listing: str, geom: str) -> Row | None:
    """The row of the newest period of which something is published; None: nothing is."""
    published = [
        row
        for row in rows(objects)
        if (row.sat, row.listing, row.geom) == (sat, listing, geom) and row.generation
    ]
    return max(published, key=lambda row: (row.tf, row.t0), default=None)


def upsert(objects: Objects, row: Row) -> None:
    """Add a store's row, or replace an older one.

    Raises:
        ConflictError: other writers were faster, too often.
    """
    for _ in range(TRIES):
        newest = commits.head(objects, FOLDER)
        rows_by_key = {r.key: r for r in (rows_of(_read(objects, newest)) if newest else [])}
        if row.key in rows_by_key and rows_by_key[row.key].number >= row.number:
            return
        if replace(objects, newest, [*(rows_by_key | {row.key: row}).values()]):
            return
    raise ConflictError(
        f"could not note {row.key} in the catalogue of {objects.root}: run it again"
    )


def replace(objects: Objects, newest: Commit | None, rows: list[Row]) -> bool:
    """Make these all rows, unless somebody has committed after `newest`: then False."""
    path = _write(objects, sorted(rows, key=lambda row: row.key))
    try:
        commits.append(objects, newest, {"table": path}, FOLDER)
    except FileExistsError:
        return False
    return True


def _read(objects: Objects, commit: Commit) -> pa.Table:
    try:
        return tables.load(objects, f"{FOLDER}/{_table_name(commit)}", _SCHEMA, complete=True)
    except (MissingError, FormatError) as error:
        raise MissingError(
            f"the catalogue of {objects.root} is damaged: {error}; "
            "'lake catalog rebuild --lake ROOT' makes it anew from the stores"
        ) from error


def _table_name(commit: Commit) -> str:
    name = commit.body.get("table")
    if isinstance(name, str) and documents.is_path(name):
        return name
    raise FormatError(f"commit {commit.number} of it names the table {str(name)[:100]!r}")


def _write(objects: Objects, rows: list[Row]) -> str:
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA)
    return tables.write(objects, f"{FOLDER}/tables", table).removeprefix(f"{FOLDER}/")
