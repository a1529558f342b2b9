"""Which time steps a store holds, which wait, which it lacks and why: one Parquet object per commit.

A time step is one slot, a day and a time of day (`20180103-54000`); it enters a store once. A
legacy result whose time steps nobody noted enters under the name of its file. The commit that makes
a ledger count names it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lake.errors import OverlapError
from lake.storage.objects import Objects
from lake.store import tables

MERGED, STAGED, MISSING = "merged", "staged", "missing"

_TEXTS = ("step", "status", "start", "version", "reason", "part")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("files", pa.list_(pa.string())),
        ("sizes", pa.list_(pa.int64())),
        ("tags", pa.list_(pa.string())),
        ("checksums", pa.list_(pa.int64())),
    ]
)


_OF_FILES = {"files": "name", "sizes": "size", "tags": "tag", "checksums": "checksum"}
"""Columns with an item for each file of a time step: field of `Source`, in its order."""


@dataclass(frozen=True, slots=True, order=True)
class SourceFile:
    """One file of the satellite that a time step was made from."""

    name: str
    """The file's name, without folder."""
    size: int = 0
    """The file's size in bytes; 0: not known."""
    tag: str = ""
    """The mark of its content in the source's list of files: an ETag, or the time of its last change."""
    checksum: int = 0
    """CRC-32C of the bytes as they were read; 0: not known."""


@dataclass(frozen=True, slots=True, order=True)
class LedgerEntry:
    """One entry of a ledger: what became of one time step."""

    step: str
    """`YYYYMMDD-<seconds>`, or a legacy file's name."""
    status: str
    """`merged`: in the newest generation; `staged`: in a part that waits to be published; `missing`:
    wanted, not there or not readable."""
    start: str = ""
    """Start stamp of the scan, YYYYJJJHHMMSSt."""
    version: str = ""
    """Version of the LST product that told clear from cloudy: v01, v02."""
    reason: str = ""
    """Why the time step is missing; of one that is not, why its files are the second choice; empty:
    neither."""
    files: tuple[SourceFile, ...] = ()
    """The files that the time step was made from, the clear-sky product first."""
    part: str = ""
    """Name of the part that holds it, while it is staged."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of a store: all its entries, one per time step."""

    entries: tuple[LedgerEntry, ...] = ()

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self.entries)

    def steps(self, *statuses: str) -> set[str]:
        """The time steps whose entries have one of these statuses."""
        return {e.step for e in self.entries if e.status in statuses}

    @property
    def entered_steps(self) -> set[str]:
        """The time steps that must not enter again: merged or staged."""
        return self.steps(MERGED, STAGED)

    @property
    def pending(self) -> tuple[LedgerEntry, ...]:
        """The entries of time steps that wait to be published."""
        return tuple(e for e in self.entries if e.status == STAGED)

    @property
    def versions(self) -> dict[str, int]:
        """Version of the LST product -> number of merged time steps."""
        counts = Counter(e.version for e in self.entries if e.status == MERGED and e.version)
        return dict(sorted(counts.items()))

    @property
    def days(self) -> dict[str, Any]:
        """`first` and `last` day that a merged time step is of (ISO 8601), and the `count` of such days.

        Empty: there is none, or legacy results are among them, whose days are not known.
        """
        days = sorted({e.step[:8] for e in self.entries if e.status == MERGED})
        if not days or self.legacy:
            return {}
        first, last = (f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in (days[0], days[-1]))
        return {"first": first, "last": last, "count": len(days)}

    def with_entries(self, entries: Iterable[LedgerEntry]) -> "Ledger":
        """The ledger with these entries added; of one time step the new entry counts."""
        by_step = {e.step: e for e in self.entries} | {e.step: e for e in entries}
        return Ledger(tuple(sorted(by_step.values())))

    @property
    def legacy(self) -> tuple[str, ...]:
        """The legacy results that the ledger holds: their time steps are not known."""
        return tuple(e.step for e in self.entries if e.status != MISSING and not e.start)


def union(ledgers: Iterable[Ledger]) -> Ledger:
    """The ledger of merged stores; a time step merged anywhere is no longer missing.

    Raises:
        OverlapError: a time step was merged in two of them.
    """
    merged: dict[str, LedgerEntry] = {}
    missing: dict[str, LedgerEntry] = {}
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
    """Store a ledger; returns its path, `ledgers/<sha256>-<id>.parquet`."""
    columns: dict[str, list[Any]] = {
        name: [getattr(e, name) for e in ledger.entries] for name in _TEXTS
    }
    for column, name in _OF_FILES.items():
        columns[column] = [[getattr(file, name) for file in e.files] for e in ledger.entries]
    return tables.write(objects, "ledgers", pa.table(columns, schema=_SCHEMA))


def read(objects: Objects, path: str) -> Ledger:
    """The ledger at `path`."""
    rows = tables.read(objects, path, _SCHEMA, complete=True)
    return Ledger(tuple(_entry(row) for row in rows))


def _entry(row: dict[str, Any]) -> LedgerEntry:
    files = zip(*(row[column] for column in _OF_FILES), strict=True)
    return LedgerEntry(
        **{name: row[name] for name in _TEXTS}, files=tuple(SourceFile(*f) for f in files)
    )
