"""What nobody needs any more, and how it goes without hurting a reader or writer.

Every commit leaves something behind: the generation before it, parts that were published, an old
ledger; a crash leaves drafts and parts that nobody noted. An object of a store is kept if

- a commit names it that was the newest at any moment of the grace period: a reader that opened the
  store within it still reads, a writer that read the log within it still finds its inputs; or
- it was written within the grace period: what is being written now is younger.

A draft or part counts as young as its youngest object. Commits themselves are kept, they are small.
Ages are by the object store's clock, which must agree with ours to an hour (S3 refuses requests whose
clock is off by a quarter of one). The grace period is a day at least, twice the time within
which a writer commits what it has made or found (`ingest.publish.staging.FRESH_S`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import zarr

from lake.catalogue import catalogue
from lake.errors import ConfigError
from lake.storage import preflight
from lake.storage.connect import connect
from lake.storage.objects import Objects, Stat
from lake.storage.urls import join
from lake.store import commits
from lake.store.generations import StoreState

GRACE = timedelta(days=7)
LEAST_GRACE = timedelta(days=1)

CLOCKS = timedelta(hours=1)
"""The difference that is allowed between our clock and the object store's."""

_UNIT = re.compile(r"v/[^/]+|parts/[0-9a-f]{32}|(ledgers|manifests|tables)/[^/]+|[0-9a-f]{32}")
"""Paths that are kept or deleted as a whole: a generation, a part, a table, an object of a killed probe."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """One generation, part or table that nobody needs."""

    path: str
    """The path below the lake's root."""
    objects: int
    bytes: int


def check_grace(grace: timedelta) -> None:
    """Nothing, if the grace period is long enough.

    Raises:
        ConfigError: it is not.
    """
    if grace < LEAST_GRACE:
        raise ConfigError(
            f"a grace period of {grace} is too short: a reader or writer that runs now could lose what "
            f"it reads; wanted at least {LEAST_GRACE}"
        )


def collect(root: str, grace: timedelta, now: datetime, *, delete: bool) -> list[Garbage]:
    """Find the garbage of a lake, and delete it if asked to.

    Args:
        root: folder or URL of the lake.
        grace: see above.
        now: UTC, aware.
        delete: False only tells.

    Raises:
        MissingError: there is no lake.
        ConfigError: the clock of the object store is ahead of ours.
    """
    rows = catalogue.rows(connect(root))
    garbage = []
    for folder in (*(row.key for row in rows), catalogue.FOLDER, preflight.FOLDER):
        objects = connect(join(root, folder))
        for unit, stats in _garbage(objects, now, grace):
            if delete:
                _delete(objects, stats)
            size = sum(stat.size for stat in stats)
            garbage.append(Garbage(f"{folder}/{unit}", len(stats), size))
    return garbage


def _garbage(objects: Objects, now: datetime, grace: timedelta) -> Iterator[tuple[str, list[Stat]]]:
    """Units older than the grace period that no commit within it names, with their objects."""
    before = now - grace
    units: dict[str, list[Stat]] = defaultdict(list)
    for stat in objects.entries():
        if stat.modified > now + CLOCKS:
            raise ConfigError(
                f"{objects.url(stat.path)} was written at {stat.modified}, here it is {now}: one of the "
                "clocks is off, and nothing is deleted; set it right"
            )
        if unit_match := _UNIT.match(stat.path):
            units[unit_match[0]].append(stat)
    needed = set(_needed(objects, before))
    for unit, stats in sorted(units.items()):
        if unit not in needed and max(stat.modified for stat in stats) < before:
            yield unit, stats


def _needed(objects: Objects, before: datetime) -> Iterator[str]:
    """Units that a commit names which was the newest at some moment since `before`."""
    commit = commits.head(objects)
    written = {stat.path: stat.modified for stat in objects.entries("commits")}
    while commit is not None:
        yield from _named(objects, commit)
        if written[commits.path(commit.number)] < before:
            return  # whatever came before it was not the newest any more
        commit = commits.read(objects, commit.number - 1)


def _named(objects: Objects, commit: commits.Commit) -> Iterator[str]:
    if "table" in commit.body:  # the catalogue's
        yield commit.body["table"]
        return
    state = StoreState.from_commit(commit)
    yield from (state.path, state.manifest, state.ledger)
    yield from (f"parts/{name}" for name in state.parts)
    if state.path:
        yield _ledger_of(objects, state.path)


def _ledger_of(objects: Objects, generation: str) -> str:
    """The path of the ledger that a generation names itself; empty: none."""
    group = zarr.open_group(objects.zarr(generation, read_only=True), mode="r")
    provenance: Any = group.attrs.get("provenance") or {}
    return str(provenance.get("ledger", ""))


def _delete(objects: Objects, stats: Iterable[Stat]) -> None:
    """Metadata first: what cannot be opened any more is not half there."""
    paths = [stat.path for stat in stats]
    objects.delete([path for path in paths if path.count("/") <= 2])
    objects.delete(paths)
