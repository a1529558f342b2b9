"""Which time steps a store holds, which it lacks and why: one Parquet object per generation.

A time step is one slot, a day and a time of day (`20180103-54000`); it enters a store once. A
legacy result whose time steps nobody noted enters under the name of its file. A ledger is stored
under the SHA-256 of its bytes, and the commit that makes a generation visible names it.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from lake.errors import OverlapError
from lake.objects import Objects

MERGED, MISSING = "merged", "missing"

_SCHEMA = pa.schema(
    [
        ("step", pa.string()),
        ("status", pa.string()),
        ("start", pa.string()),
        ("version", pa.string()),
        ("reason", pa.string()),
        ("files", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """What became of one time step."""

    step: str
    """`YYYYMMDD-<seconds>`, or a legacy file's name."""
    status: str
    """`merged`: in the statistics; `missing`: wanted, not there or not readable."""
    start: str = ""
    """Start stamp of the scan, YYYYJJJHHMMSSt."""
    version: str = ""
    """Version of the LST product that told clear from cloudy: v01, v02."""
    reason: str = ""
    """Why it is missing."""
    files: tuple[str, ...] = ()
    """Names of the source files, without folder."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """All entries of a store, one per time step."""

    entries: tuple[Entry, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def steps(self, status: str) -> set[str]:
        """The time steps with this status."""
        return {e.step for e in self.entries if e.status == status}

    @property
    def legacy(self) -> tuple[str, ...]:
        """Legacy results in the statistics: their time steps are not known."""
        return tuple(e.step for e in self.entries if e.status == MERGED and not e.start)


def union(ledgers: Iterable[Ledger]) -> Ledger:
    """The ledger of merged stores; a time step merged anywhere is no longer missing.

    Raises:
        OverlapError: a time step was merged in two of them.
    """
    merged: dict[str, Entry] = {}
    missing: dict[str, Entry] = {}
    twice = []
    for ledger in ledgers:
        for entry in ledger:
            if entry.status == MISSING:
                missing[entry.step] = entry
            elif entry.step in merged:
                twice.append(entry.step)
            else:
                merged[entry.step] = entry
    if twice:
        named = ", ".join(sorted(twice)[:10]) + (", ..." if len(twice) > 10 else "")
        raise OverlapError(
            f"{len(twice)} time steps are in more than one ledger: {named}; "
            "merge stores of disjoint periods"
        )
    return Ledger(tuple(sorted(({**missing, **merged}).values())))


def write(objects: Objects, ledger: Ledger) -> str:
    """Store a ledger; returns its path, `ledgers/<sha256>.parquet`."""
    columns = {
        name: [
            list(getattr(e, name)) if name == "files" else getattr(e, name) for e in ledger.entries
        ]
        for name in _SCHEMA.names
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=_SCHEMA), buffer, compression="zstd")
    data = buffer.getvalue()
    path = f"ledgers/{hashlib.sha256(data).hexdigest()}.parquet"
    objects.put(path, data)
    return path


def read(objects: Objects, path: str) -> Ledger:
    """The ledger at `path`."""
    rows = pq.read_table(io.BytesIO(objects.get(path)), schema=_SCHEMA).to_pylist()
    return Ledger(tuple(Entry(**row | {"files": tuple(row["files"])}) for row in rows))
