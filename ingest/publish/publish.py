"""Staged parts and earlier generations -> the next generation of a store.

A month that gains something is written anew, one task a superblock, so that every shard has one
writer and every part is read once; a month that comes whole from one earlier generation is copied
within the object store. Data and ledger become visible in one commit.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from ingest.accumulate import observations
from ingest.publish import overview_maps, parts
from ingest.publish.overview_maps import Atlas
from ingest.publish.parts import OBSERVATIONS, Part
from ingest.publish.policy import Policy
from ingest.publish.staging import FRESH_S, TRIES
from ingest.publish.target import Group, commit, newest
from lake import dask_cluster
from lake.console.messages import Advance, say
from lake.errors import ConflictError, MissingError
from lake.format import order
from lake.format.keys import Key
from lake.format.moments import METRICS
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.storage.objects import Objects
from lake.storage.readonly import ReadOnlyStore
from lake.storage.urls import join
from lake.store import generations, ledger, manifest, overview
from lake.store.commits import Commit
from lake.store.generations import State
from lake.store.ledger import MERGED, STAGED, Ledger
from lake.store.manifest import Manifest, Stored
from lake.store.overview import Cells, Sums

Block = NDArray[np.float32]
"""(band, metric, pixel, subpixel) of a superblock."""


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier generation that goes into the next one."""

    path: str
    """Below the lake's root."""
    months: tuple[int, ...]
    suspect: tuple[str, ...]
    stored: Manifest


@dataclass(frozen=True, slots=True)
class Shard:
    """What one task writes: a superblock of one month, all cubes, from all that holds it."""

    root: str
    key: Key
    target: str
    """Path of the draft below the store's folder."""
    cubes: tuple[Cube, ...]
    month: int
    superblock: int
    pixels: slice
    layout: Layout
    generations: tuple[str, ...]
    """Paths of earlier generations below the root."""
    staged: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    """Path below the store's folder, form, tod and cubes of each part."""
    is_mapped: bool
    """Whether the overview maps of its month are copied too."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one task did."""

    stored: list[Stored]
    """Not what it copied."""
    sums: dict[str, Sums]
    """By cube, for the overview maps; none where those are copied."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A complete generation that is not visible yet."""

    path: str
    manifest: str
    months: tuple[int, ...]
    suspect: tuple[str, ...]
    finished: float
    """Seconds since the epoch."""


def publish(
    client: Client, group: Group, policy: Policy, report: Advance, now: datetime
) -> set[str]:
    """Merge the waiting parts that are due into the next generation; returns their time steps.

    Args:
        client: Dask.
        group: the store.
        policy: which months are due.
        report: told of every month and superblock written.
        now: UTC, aware.

    Raises:
        ConflictError: other writers were faster, too often; nothing of this became visible.
        MissingError: a part that the store's ledger names is gone.
    """
    for _ in range(TRIES):
        head = newest(group)
        due = policy.due(_waiting(group, head), now)
        if head is None or not due:
            return set()
        entries = _published(generations.entries(group.objects, head), due)
        draft = write(client, group, head, base(group, head), due, entries, report)
        if _commit(group, head, draft, due):
            return {step for part in due for step in part.steps}
        say(f"another writer published {group.key} in the meantime: merging what it lacks")
    raise ConflictError(f"other writers published {group.key} {TRIES} times: run it again")


def base(group: Group, head: Commit | None, key: Key | None = None) -> tuple[Base, ...]:
    """The newest generation of a store (`key`, or else the group's own), as an input of the next."""
    state = State.of(head) if head else None
    if state is None or not state.path:
        return ()
    key = key or group.key
    stored = manifest.read(connect(join(group.root, str(key))), state.manifest)
    return (Base(f"{key}/{state.path}", state.months, state.suspect, stored),)


def write(
    client: Client,
    group: Group,
    parent: Commit | None,
    bases: Sequence[Base],
    new: Sequence[Part],
    entries: Ledger,
    report: Advance,
) -> Draft:
    """Write the generation that holds `bases` and `new` merged, and nothing else; not visible yet.

    Args:
        client: Dask.
        group: the store.
        parent: its newest commit; None before the first.
        bases: earlier generations of disjoint time steps: the store's own, or those to merge.
        new: parts of time steps that no base holds.
        entries: the ledger of all of them.
        report: told of every month and superblock written.
    """
    objects = group.objects
    months = tuple(sorted({m for b in bases for m in b.months} | {part.month for part in new}))
    sources: list[Base | Part] = [*bases, *new]
    suspect = tuple(metric for metric in METRICS if any(metric in s.suspect for s in sources))
    settled = Ledger(tuple(e for e in entries if e.status != STAGED))
    about = _about(group, months, suspect, settled)
    path, stored = generations.draft(objects, parent, group.domain, group.listing.cubes, about)
    maps = Atlas(objects, path, group.domain, group.listing.cubes)
    work = _work(group, maps, path, months, bases, new)
    everything = list(stored.values())
    for done, (number, written) in enumerate(
        dask_cluster.each(client, _write, [(s,) for s in work]), 1
    ):
        shard = work[number]
        maps.add(shard.month, shard.superblock, written.sums)
        everything += [*written.stored, *_copied(shard, bases)]
        report(done, len(work))
    everything += maps.stored.values()
    return Draft(path, generations.seal(objects, path, everything), months, suspect, time.time())


def _commit(group: Group, began: Commit, draft: Draft, due: Sequence[Part]) -> bool:
    """Make the draft visible; False if another writer has published since `began`.

    Stage commits of others in the meantime do no harm: their parts go on waiting.
    """
    published = {part.name for part in due}
    head: Commit | None = began
    for _ in range(TRIES):
        if head is None or State.of(head).path != State.of(began).path:
            return False
        if time.time() - draft.finished > FRESH_S:
            raise ConflictError(f"this run of {group.key} stood still too long: run it again")
        before = State.of(head)
        entries = _published(generations.entries(group.objects, head), due)
        state = replace(
            before,
            path=draft.path,
            manifest=draft.manifest,
            months=draft.months,
            suspect=draft.suspect,
            ledger=ledger.write(group.objects, entries),
            parts=tuple(name for name in before.parts if name not in published),
        )
        try:
            commit(group, head, state)
        except FileExistsError:
            head = newest(group)
            continue
        return True
    return False


def _waiting(group: Group, head: Commit | None) -> list[Part]:
    names = State.of(head).parts if head else ()
    found = [parts.find(group.objects, name) for name in names]
    lost = [name for name, part in zip(names, found, strict=True) if part is None]
    if lost:
        raise MissingError(
            f"{group.objects.url(f'parts/{lost[0]}.json')} is gone, which the ledger of {group.key} "
            "names: restore it, or ingest its time steps into a new store"
        )
    return [part for part in found if part is not None]


def _published(held: Ledger, due: Iterable[Part]) -> Ledger:
    """The ledger after these parts were published."""
    names = {part.name for part in due}
    return held.updated(replace(e, status=MERGED, part="") for e in held if e.part in names)


def _work(
    group: Group,
    maps: Atlas,
    target: str,
    months: Sequence[int],
    bases: Sequence[Base],
    new: Sequence[Part],
) -> list[Shard]:
    superblocks = order.superblocks(group.domain.pixels, group.domain.layout)
    staged: dict[int, list[tuple[str, str, int, tuple[str, ...]]]] = defaultdict(list)
    for part in new:
        staged[part.month].append((part.path, part.form, part.tod, part.cubes))
    return [
        Shard(
            group.root,
            group.key,
            target,
            group.listing.cubes,
            month,
            superblock,
            pixels,
            group.domain.layout,
            tuple(b.path for b in bases if month in b.months),
            tuple(staged[month]),
            all(maps.can_copy(b.stored, month) for b in bases if month in b.months),
        )
        for month in months
        for superblock, pixels in enumerate(superblocks)
    ]


def _copied_paths(shard: Shard) -> list[str]:
    """Of the objects that a task copies; the first superblock's copies the maps of its month too."""
    if len(shard.generations) != 1 or shard.staged:
        return []
    names = [cube.name for cube in shard.cubes]
    found = [generations.shard_path(name, shard.month, shard.superblock) for name in names]
    if shard.is_mapped and shard.superblock == 0:
        found += [path for name in names for path in overview.paths(name, shard.month)]
    return found


def _copied(shard: Shard, bases: Sequence[Base]) -> list[Stored]:
    """What the source's manifest says of the objects that were copied."""
    held = {b.path: b.stored for b in bases}
    return [held[shard.generations[0]][path] for path in _copied_paths(shard)]


def _write(shard: Shard) -> Written:
    """On a worker: the shards of a superblock of a month, and what the maps need of it."""
    lake, target = connect(shard.root), f"{shard.key}/{shard.target}"
    copied = _copied_paths(shard)
    for path in copied:
        generations.copy_shard(lake, shard.generations[0], target, path)
    if copied and shard.is_mapped:
        return Written([], {})
    cell = _cells(shard.root, str(shard.key), shard.target)[shard.pixels]
    written = Written([], {})
    for cube in shard.cubes:
        block = _merged(lake, shard, cube)
        written.sums[cube.name] = overview_maps.sums(block, cell)
        if not copied:
            where = shard.month, shard.superblock
            found = generations.write_shard(lake, target, cube.name, *where, block, shard.layout)
            written.stored.append(found)
    return written


@lru_cache(maxsize=2)
def _cells(root: str, key: str, target: str) -> Cells:
    """Of all pixels of a draft: the same for every task."""
    return overview.read_cells(ReadOnlyStore(connect(join(root, key)), target, whole=True))


def _merged(lake: Objects, shard: Shard, cube: Cube) -> Block:
    """(tod, band, metric, pixel, subpixel) of all sources; NaN where none holds a time step."""
    size = shard.pixels.stop - shard.pixels.start
    where = cube, shard.month, shard.superblock, size, shard.layout
    earlier = [generations.read_shard(lake, path, *where) for path in shard.generations]
    shape = (len(cube.tods), len(cube.bands), len(METRICS), size, cube.subpixels)
    merged = np.empty(shape, np.float32)
    for index, tod in enumerate(cube.tods):
        blocks = [*(block[index] for block in earlier), *_staged(lake, shard, cube, tod)]
        if blocks:
            observations.merge(blocks, out=merged[index])
        else:
            merged[index] = np.nan
    return merged


def _staged(lake: Objects, shard: Shard, cube: Cube, tod: int) -> list[Block]:
    """Moments of each part of moments, and of all parts of observations together."""
    mine = [
        (f"{shard.key}/{path}", form)
        for path, form, of, cubes in shard.staged
        if of == tod and cube.name in cubes
    ]
    blocks = [
        parts.read_moments(lake, path, cube.name, shard.pixels)
        for path, form in mine
        if form != OBSERVATIONS
    ]
    seen = [
        parts.read_observations(lake, path, cube.name, shard.pixels)
        for path, form in mine
        if form == OBSERVATIONS
    ]
    if seen:
        blocks.append(observations.moments(observations.concatenate(seen)))
    return blocks


def _about(
    group: Group, months: tuple[int, ...], suspect: tuple[str, ...], entries: Ledger
) -> dict[str, Any]:
    """Root attributes of the generation: what it is and where it comes from."""
    return {
        "title": f"Clear-sky statistics of {group.key.sat} {group.key.listing}, {group.key.period}",
        "key": str(group.key),
        "months": months,
        "suspect": suspect,
        "listing": group.listing.to_dict(),
        "provenance": {
            "software": f"goeslake {version('goeslake')}",
            "ledger": ledger.write(group.objects, entries),
            "lst_versions": entries.versions,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
