"""Merges staged parts and earlier generations into the next generation of a store.

A month that gains time steps is written again, by one task for each superblock: every shard has one
writer and every part is read once. A month that comes whole from one earlier generation is copied
within the object store. Data and ledger become visible in one commit.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from ingest.accumulate import observations
from ingest.plan import domains
from ingest.publish import overview_maps, parts
from ingest.publish.overview_maps import OverviewMaps
from ingest.publish.parts import OBSERVATIONS, Part
from ingest.publish.policy import Policy
from ingest.publish.staging import FRESH_S, TRIES
from ingest.publish.target import TargetStore, commit, newest
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
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, STAGED, Ledger
from lake.store.manifest import Manifest, StoredObject
from lake.store.overview import Cells, Sums

Block = NDArray[np.float32]
"""(band, metric, pixel, subpixel) moments of a superblock."""


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier generation that is an input of the next one."""

    path: str
    """Path of the generation below the lake's root."""
    months: tuple[int, ...]
    """1..12, the months that it has."""
    suspect: tuple[str, ...]
    """Metrics that may be wrong."""
    stored: Manifest


@dataclass(frozen=True, slots=True)
class Shard:
    """The work of one task: a superblock of one month, all cubes, merged from all inputs that have it."""

    root: str
    key: Key
    draft: str
    """Path of the draft below the store's folder."""
    cubes: tuple[Cube, ...]
    month: int
    superblock: int
    pixels: slice
    layout: Layout
    generations: tuple[str, ...]
    """Paths of earlier generations below the root."""
    staged: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    """Path below the store's folder, form, tod and cubes of each part of the month."""
    maps: tuple[str, ...]
    """Paths of the overview maps of the month if they can be copied too; else empty."""


@dataclass(frozen=True, slots=True)
class WrittenShard:
    """The result of one task."""

    stored: list[StoredObject]
    """The objects that it wrote, without those that it copied."""
    sums: dict[str, Sums]
    """By cube, the sums for the overview maps; empty if the maps are copied."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A complete generation that is not visible yet."""

    path: str
    """Path below the store's folder."""
    manifest: str
    """Path of its manifest."""
    months: tuple[int, ...]
    suspect: tuple[str, ...]
    finished: float
    """Time at which it was complete, seconds since the epoch."""


def publish(
    client: Client, target: TargetStore, policy: Policy, report: Advance, now: datetime
) -> set[str]:
    """Merge the waiting parts that are due into the next generation; returns their time steps.

    Args:
        client: the Dask client whose workers write the generation.
        target: the store.
        policy: says which months are due.
        report: is called after every superblock of a month.
        now: the current time, UTC, aware.

    Raises:
        ConflictError: other writers were faster, too often; nothing of this became visible.
        MissingError: a part that the store's ledger names is gone.
    """
    for _ in range(TRIES):
        head = newest(target)
        due = policy.due(_waiting(target, head), now)
        if head is None or not due:
            return set()
        entries = _published(generations.read_ledger(target.objects, head), due)
        draft = write(client, target, head, base(target, head), due, entries, report)
        if _commit(target, head, draft, due):
            return {step for part in due for step in part.steps}
        say(f"another writer published {target.key} in the meantime: merging what it lacks")
    raise ConflictError(f"other writers published {target.key} {TRIES} times: run it again")


def base(target: TargetStore, head: Commit | None, key: Key | None = None) -> tuple[Base, ...]:
    """The newest generation of the store `key` (None: of `target`) as an input of the next; or none."""
    state = StoreState.from_commit(head) if head else None
    if state is None or not state.path:
        return ()
    key = key or target.key
    stored = manifest.read(connect(join(target.root, str(key))), state.manifest)
    return (Base(f"{key}/{state.path}", state.months, state.suspect, stored),)


def write(
    client: Client,
    target: TargetStore,
    parent: Commit | None,
    bases: Sequence[Base],
    new: Sequence[Part],
    entries: Ledger,
    report: Advance,
) -> Draft:
    """Write the generation that contains `bases` and `new` merged; it is not visible yet.

    Args:
        client: the Dask client whose workers write the generation.
        target: the store.
        parent: its newest commit; None before the first.
        bases: earlier generations of disjoint time steps: the store's own, or those to merge.
        new: parts of time steps that no base holds.
        entries: the ledger of all of them.
        report: is called after every superblock of a month.
    """
    objects = target.objects
    months = tuple(sorted({m for b in bases for m in b.months} | {part.month for part in new}))
    sources: list[Base | Part] = [*bases, *new]
    suspect = tuple(metric for metric in METRICS if any(metric in s.suspect for s in sources))
    merged_entries = Ledger(tuple(e for e in entries if e.status != STAGED))
    attributes = _about(target, months, suspect, merged_entries)
    path, stored = generations.draft(
        objects, parent, target.domain, target.listing.cubes, attributes
    )
    maps = OverviewMaps(objects, path, target.domain, target.listing.cubes)
    work = _work(target, maps, path, months, bases, new)
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


def _commit(target: TargetStore, began: Commit, draft: Draft, due: Sequence[Part]) -> bool:
    """Make the draft visible; False if another writer has published since `began`.

    Stage commits of others in the meantime do no harm: their parts go on waiting.
    """
    published = {part.name for part in due}
    head: Commit | None = began
    for _ in range(TRIES):
        if head is None or StoreState.from_commit(head).path != StoreState.from_commit(began).path:
            return False
        if time.time() - draft.finished > FRESH_S:
            raise ConflictError(f"this run of {target.key} stood still too long: run it again")
        before = StoreState.from_commit(head)
        entries = _published(generations.read_ledger(target.objects, head), due)
        state = replace(
            before,
            path=draft.path,
            manifest=draft.manifest,
            months=draft.months,
            suspect=draft.suspect,
            ledger=ledger.write(target.objects, entries),
            parts=tuple(name for name in before.parts if name not in published),
        )
        try:
            commit(target, head, state)
        except FileExistsError:
            head = newest(target)
            continue
        return True
    return False


def _waiting(target: TargetStore, head: Commit | None) -> list[Part]:
    names = StoreState.from_commit(head).parts if head else ()
    waiting = [parts.find(target.objects, name) for name in names]
    lost_names = [name for name, part in zip(names, waiting, strict=True) if part is None]
    if lost_names:
        raise MissingError(
            f"{target.objects.url(f'parts/{lost_names[0]}.json')} is gone, which the ledger of {target.key} "
            "names: restore it, or ingest its time steps into a new store"
        )
    return [part for part in waiting if part is not None]


def _published(entries: Ledger, due: Iterable[Part]) -> Ledger:
    """The ledger after these parts were published."""
    names = {part.name for part in due}
    return entries.with_entries(
        replace(e, status=MERGED, part="") for e in entries if e.part in names
    )


def _work(
    target: TargetStore,
    maps: OverviewMaps,
    draft: str,
    months: Sequence[int],
    bases: Sequence[Base],
    new: Sequence[Part],
) -> list[Shard]:
    superblocks = order.superblocks(target.domain.pixels, target.domain.layout)
    staged: dict[int, list[tuple[str, str, int, tuple[str, ...]]]] = defaultdict(list)
    for part in new:
        staged[part.month].append((part.path, part.form, part.tod, part.cubes))
    return [
        Shard(
            target.root,
            target.key,
            draft,
            target.listing.cubes,
            month,
            superblock,
            pixels,
            target.domain.layout,
            tuple(b.path for b in bases if month in b.months),
            tuple(staged[month]),
            _maps(maps, [b for b in bases if month in b.months], month),
        )
        for month in months
        for superblock, pixels in enumerate(superblocks)
    ]


def _maps(maps: OverviewMaps, bases: Sequence[Base], month: int) -> tuple[str, ...]:
    """Paths of the maps of a month that can be copied if it did not change."""
    return maps.copies(bases[0].stored, month) if len(bases) == 1 else ()


def _copied_paths(shard: Shard) -> list[str]:
    """Paths of the objects that a task copies; superblock 0 copies the maps of its month too."""
    if len(shard.generations) != 1 or shard.staged:
        return []
    names = [cube.name for cube in shard.cubes]
    paths = [generations.shard_path(name, shard.month, shard.superblock) for name in names]
    return [*paths, *(shard.maps if shard.superblock == 0 else ())]


def _copied(shard: Shard, bases: Sequence[Base]) -> list[StoredObject]:
    """The entries of the earlier generation's manifest for the objects that were copied."""
    manifests = {b.path: b.stored for b in bases}
    return [manifests[shard.generations[0]][path] for path in _copied_paths(shard)]


def _write(shard: Shard) -> WrittenShard:
    """Write the shards of a superblock of a month, on a worker, and sum it up for the overview maps."""
    lake, draft = connect(shard.root), f"{shard.key}/{shard.draft}"
    copied = _copied_paths(shard)
    for path in copied:
        generations.copy_shard(lake, shard.generations[0], draft, path)
    if copied and shard.maps:
        return WrittenShard([], {})
    cell = _cells(shard.root, str(shard.key), shard.draft)[shard.pixels]
    written = WrittenShard([], {})
    for cube in shard.cubes:
        block = _merged(lake, shard, cube)
        written.sums[cube.name] = overview_maps.sums(block, cell)
        if not copied:
            position = shard.month, shard.superblock
            stored = generations.write_shard(lake, draft, cube.name, *position, block, shard.layout)
            written.stored.append(stored)
    return written


@lru_cache(maxsize=2)
def _cells(root: str, key: str, draft: str) -> Cells:
    """The overview cell of each pixel of a draft: a worker keeps them for its next task."""
    return overview.read_cells(ReadOnlyStore(connect(join(root, key)), draft, whole=True))


def _merged(lake: Objects, shard: Shard, cube: Cube) -> Block:
    """Moments of all inputs merged, (tod, band, metric, pixel, subpixel); NaN where no input has any."""
    size = shard.pixels.stop - shard.pixels.start
    position = cube, shard.month, shard.superblock, size, shard.layout
    earlier = [generations.read_shard(lake, path, *position) for path in shard.generations]
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
    """Moments of each part in the form `moments`, and those of all parts of observations together."""
    sources = [
        (f"{shard.key}/{path}", form)
        for path, form, part_tod, cubes in shard.staged
        if part_tod == tod and cube.name in cubes
    ]
    blocks = [
        parts.read_moments(lake, path, cube.name, shard.pixels)
        for path, form in sources
        if form != OBSERVATIONS
    ]
    observed = [
        parts.read_observations(lake, path, cube.name, shard.pixels)
        for path, form in sources
        if form == OBSERVATIONS
    ]
    if observed:
        blocks.append(observations.moments(observations.concatenate(observed)))
    return blocks


def _about(
    target: TargetStore, months: tuple[int, ...], suspect: tuple[str, ...], entries: Ledger
) -> dict[str, Any]:
    """Root attributes of the generation, which say what it is and where it comes from."""
    return {
        "title": f"Clear-sky statistics of {target.key.sat} {target.key.listing}, {target.key.period}",
        "key": str(target.key),
        "months": months,
        "suspect": suspect,
        "listing": target.listing.to_dict(),
        "provenance": {
            "software": f"goeslake {version('goeslake')}",
            "ledger": ledger.write(target.objects, entries),
            "lst_versions": entries.versions,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            **({"days": days} if (days := entries.days) else {}),
            **({"invented": True} if _is_invented(target) else {}),
        },
    }


def _is_invented(target: TargetStore) -> bool:
    """Whether the store shows no observation of the Earth."""
    with suppress(MissingError):
        return domains.origin_of(connect(target.root), target.key).invented
    return False
