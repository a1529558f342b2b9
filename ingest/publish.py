"""Parts and earlier generations -> the next generation of a store.

A month that gains something is written anew, one task a superblock, so that every shard has one
writer; a month that comes whole from one earlier generation is copied within the object store.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, reduce
from importlib.metadata import version
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from ingest import domains, parts
from ingest.listing import Listing
from ingest.parts import Part
from lake import catalog, cluster, commits, ledger, moments, order, read, store
from lake.console import Advance
from lake.domain import Domain
from lake.errors import ConfigError
from lake.keys import Key
from lake.ledger import Ledger
from lake.moments import METRICS
from lake.objects import Objects, connect, join
from lake.schema import Cube

Block = NDArray[np.float32]
"""(tod, band, metric, pixel, subpixel) of a superblock of one month."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A store to write: whose it is, by which rules, on which pixels."""

    root: str
    """URL of the lake."""
    key: Key
    listing: Listing
    domain: Domain

    @property
    def objects(self) -> Objects:
        """The store's own folder."""
        return connect(join(self.root, str(self.key)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a store."""

    key: str
    url: str
    """Of the store's newest generation."""
    merged: int
    """Time steps merged into it now."""
    missing: int
    """Time steps of the period that are not in the store."""
    held: int
    """Time steps in the store now."""


@dataclass(frozen=True, slots=True)
class Base:
    """An earlier generation that goes into the next one."""

    path: str
    """Below the lake's root."""
    months: tuple[int, ...]
    suspect: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shard:
    """What one task writes: a superblock of one month, all cubes, from all that holds it."""

    root: str
    target: str
    """Path of the draft below the root."""
    cubes: tuple[Cube, ...]
    month: int
    superblock: int
    pixels: slice
    generations: tuple[str, ...]
    """Paths of earlier generations below the root."""
    staged: tuple[tuple[str, int, tuple[str, ...]], ...]
    """Path below the root, tod and cubes of each part."""


def base(root: str, key: Key, commit: commits.Commit | None) -> tuple[Base, ...]:
    """The generation that a commit made visible, as an input of the next; none before the first."""
    if commit is None:
        return ()
    path = f"{key}/{store.Generation.of(commit).path}"
    there = read.open(connect(root).url(path))
    return (Base(path, there.months, there.suspect),)


def newest(group: Group) -> commits.Commit | None:
    """The store's newest commit; None before the first.

    Raises:
        ConfigError: it was made by other rules or on other pixels, with which nothing may be mixed.
    """
    commit = commits.head(group.objects)
    if commit is None:
        return None
    there = store.Generation.of(commit)
    if (there.listing, there.domain) != (group.listing.digest, domains.digest(group.domain)):
        raise ConfigError(
            f"{group.objects.url()} was made by another listing of the name {group.key.listing}, or "
            "on other pixels: give the listing it was made with ('listing' in the attributes of its "
            "generation), or give yours another name with --set listing=NAME"
        )
    return commit


def held(objects: Objects, commit: commits.Commit | None) -> Ledger:
    """The ledger of the generation that a commit made visible; empty before the first."""
    return ledger.read(objects, store.Generation.of(commit).ledger) if commit else Ledger()


def outcome(group: Group, commit: commits.Commit, entries: Ledger, *, merged: int) -> Outcome:
    """What became of a store whose newest commit has these entries, `merged` of them new."""
    return Outcome(
        str(group.key),
        group.objects.url(store.Generation.of(commit).path),
        merged=merged,
        missing=len(entries.steps(ledger.MISSING)),
        held=len(entries.steps(ledger.MERGED)),
    )


def publish(
    client: Client,
    group: Group,
    parent: commits.Commit | None,
    bases: Sequence[Base],
    new: Sequence[Part],
    entries: Ledger,
    report: Advance,
) -> commits.Commit:
    """Write and commit the generation that holds `bases` and `new` merged, and nothing else.

    Args:
        client: Dask.
        group: the store.
        parent: its newest commit; None before the first.
        bases: earlier generations of disjoint time steps: the parent's own, or those to merge.
        new: parts of time steps that no base holds.
        entries: the ledger of all of them.
        report: told of every month and superblock written.

    Raises:
        ConflictError: another writer was faster; nothing became visible.
    """
    objects = group.objects
    months = tuple(sorted({m for b in bases for m in b.months} | {part.month for part in new}))
    sources: list[Base | Part] = [*bases, *new]
    suspect = tuple(metric for metric in METRICS if any(metric in s.suspect for s in sources))
    noted = ledger.write(objects, entries)
    digest = domains.digest(group.domain)
    about = _about(group, months, suspect, noted)
    path = store.draft(objects, parent, group.domain, group.listing.cubes, about)
    work = _work(group, f"{group.key}/{path}", months, bases, new)
    cluster.call(client, _write, [(shard,) for shard in work], report)
    generation = store.Generation(path, noted, months, digest, group.listing.digest)
    commit = store.publish(objects, parent, generation)
    catalog.upsert(connect(group.root), _row(group, commit, entries, suspect))
    return commit


def _work(
    group: Group, target: str, months: Sequence[int], bases: Sequence[Base], new: Sequence[Part]
) -> list[Shard]:
    superblocks = order.superblocks(group.domain.pixels, group.domain.layout)
    return [
        Shard(
            group.root,
            target,
            group.listing.cubes,
            month,
            superblock,
            pixels,
            tuple(b.path for b in bases if month in b.months),
            tuple((f"{group.key}/{p.path}", p.tod, p.cubes) for p in new if p.month == month),
        )
        for month in months
        for superblock, pixels in enumerate(superblocks)
    ]


def _write(shard: Shard) -> None:
    objects = connect(shard.root)
    for cube in shard.cubes:
        where = (shard.target, cube.name, shard.month)
        if len(shard.generations) == 1 and not shard.staged:
            store.copy_shard(objects, shard.generations[0], *where, shard.superblock)
        else:
            store.write_shard(objects, *where, shard.pixels, _merged(objects, shard, cube))


def _merged(objects: Objects, shard: Shard, cube: Cube) -> Block:
    """Everything that the sources hold of one shard; NaN where none holds a time step."""
    generations = [
        _generation(objects.url(path)).block(cube.name, shard.pixels, shard.month)[0]
        for path in shard.generations
    ]
    size = shard.pixels.stop - shard.pixels.start
    shape = (len(cube.tods), len(cube.bands), len(METRICS), size, cube.subpixels)
    merged = np.full(shape, np.nan, np.float32)
    for index, tod in enumerate(cube.tods):
        staged = [
            parts.read(objects, path, cube.name, shard.pixels)
            for path, part_tod, cubes in shard.staged
            if part_tod == tod and cube.name in cubes
        ]
        held = [*(block[index] for block in generations), *staged]
        merged[index] = merge_blocks(
            [block for block in held if not np.isnan(block).all()], shape[1:]
        )
    return merged


@lru_cache(maxsize=8)
def _generation(url: str) -> read.Store:
    """A generation never changes: a worker keeps the last ones open."""
    return read.open(url)


def merge_blocks(blocks: Sequence[Block], shape: tuple[int, ...]) -> Block:
    """Moments of disjoint observations, merged in float64; one alone is given back as it is.

    Args:
        blocks: each (band, metric, pixel, subpixel).
        shape: of the result, all NaN where there is no block.
    """
    if not blocks:
        return np.full(shape, np.nan, np.float32)
    if len(blocks) == 1:
        return blocks[0]
    return moments.to_results(
        reduce(moments.merge, (moments.from_results(block, axis=1) for block in blocks)), axis=1
    )


def _about(
    group: Group, months: tuple[int, ...], suspect: tuple[str, ...], noted: str
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
            "ledger": noted,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }


def _row(
    group: Group, commit: commits.Commit, entries: Ledger, suspect: tuple[str, ...]
) -> catalog.Row:
    key, generation = group.key, store.Generation.of(commit)
    lon, lat = group.domain.lonlat()
    return catalog.Row(
        key=str(key),
        sat=key.sat,
        listing=key.listing,
        t0=key.t0.isoformat(),
        tf=key.tf.isoformat(),
        geom=key.geom,
        number=commit.number,
        generation=f"{key}/{generation.path}",
        pixels=group.domain.pixels,
        cubes=" ".join(cube.name for cube in group.listing.cubes),
        months=len(generation.months),
        merged=len(entries.steps(ledger.MERGED)),
        missing=len(entries.steps(ledger.MISSING)),
        suspect=" ".join(suspect),
        west=float(lon.min()),
        south=float(lat.min()),
        east=float(lon.max()),
        north=float(lat.max()),
    )
