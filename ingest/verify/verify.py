"""Is a store what it says? Its objects against its commit, its numbers against invariants and sources.

Three questions, each answered by a list of findings, empty where all is well:

- every object of the newest generation has the size and checksum that its manifest notes, and no
  other object is there;
- the invariants of `ingest.verify.invariants` hold everywhere;
- some (month, tod), or all, computed anew from the source files that the ledger names give the
  stored numbers, and the files have the checksums that they had.

Computing anew shares nothing with ingest but the reading of a file: whole images, direct two-pass
statistics in float64.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from distributed import Client
from numpy.typing import NDArray

import lake
from ingest.abi import granule
from ingest.listing.listing import Listing
from ingest.publish.target import Group, head_of, of_key
from ingest.source import source_files
from ingest.source.scratch import Scratch
from ingest.source.source_files import File
from ingest.verify import invariants
from lake import dask_cluster
from lake.console.messages import progress
from lake.errors import GranuleError, MissingError
from lake.format import moments, order
from lake.format.domain import Domain
from lake.format.keys import Key
from lake.format.moments import METRICS
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, manifest
from lake.store.generations import State
from lake.store.ledger import MERGED, Entry, Source
from lake.store.manifest import Manifest, Stored

EPS = float(np.finfo(np.float32).eps)

BLOCKS = 4
"""Superblocks that are computed anew at once: of a sample, these alone."""

SHARES = 64
"""Into so many tasks the objects of a generation are dealt."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is not as it should be."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and found."""

    key: str
    generation: str
    objects: int
    """Objects that the manifest names."""
    cells: int
    """(month, tod) computed anew from their sources."""
    steps: int
    """Time steps of those."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One (month, tod) of a store, to be computed anew on a few superblocks."""

    root: str
    key: Key
    listing: Listing
    generation: str
    """Path below the store's folder."""
    entries: tuple[Entry, ...]
    """Its time steps."""
    files: Mapping[str, File]
    """By name, those of the source."""
    superblocks: tuple[int, ...]

    @property
    def month(self) -> int:
        """1..12."""
        return int(self.entries[0].step[4:6])

    @property
    def tod(self) -> int:
        """Seconds of the UTC day."""
        return int(self.entries[0].step[9:])


def verify(
    client: Client,
    key: Key,
    root: str,
    url: str | None = None,
    *,
    cells: int | None = 2,
    seed: int = 0,
    scratch: Scratch = Scratch(),  # noqa: B008 (frozen)
) -> Verified:
    """Verify the newest generation of a store.

    Args:
        client: Dask.
        key: the store.
        root: folder or URL of the lake.
        url: of the satellite files; None: nothing is computed anew.
        cells: how many (month, tod) to compute anew; None: all, on all pixels.
        seed: of the sample.
        scratch: where remote files lie while they are read.

    Raises:
        MissingError: there is no such store, or nothing of it is published.
    """
    group = of_key(root, key)
    commit = head_of(root, key)
    state = State.of(commit)
    if not state.path:
        raise MissingError(f"nothing of {key} is published in {root}: there is nothing to verify")
    stored = manifest.read(group.objects, state.manifest)
    entries = [e for e in generations.entries(group.objects, commit) if e.status == MERGED]
    found = _strangers(group, state, stored)
    generation = f"{key}/{state.path}"
    shares = [list(stored.values())[first::SHARES] for first in range(min(SHARES, len(stored)))]
    found += _each(client, "objects", check_objects, [(root, generation, s) for s in shares])
    damaged = {finding.where for finding in found}
    shards = [s for s in _shards(group, state) if not damaged & set(_paths(group, *s))]
    steps = _steps(entries)
    calls = [
        (root, generation, *s, {t: n for (m, t), n in steps.items() if m == s[0]}) for s in shards
    ]
    found += _each(client, "invariants", check_shard, calls)
    sample = _sample(group, state, entries, url, cells, seed) if url and not damaged else []
    found += _each(client, "sources", check_cell, [(cell, scratch) for cell in sample])
    of_cells = {(cell.month, cell.tod): len(cell.entries) for cell in sample}
    return Verified(
        key=str(key),
        generation=state.path,
        objects=len(stored),
        cells=len(of_cells),
        steps=sum(of_cells.values()),
        findings=tuple(sorted(set(found))),
    )


def check_objects(root: str, generation: str, stored: Sequence[Stored]) -> list[Finding]:
    """On a worker: objects that are missing, or not what the manifest says."""
    objects = connect(join(root, generation))
    found = []
    for noted in stored:
        try:
            there = Stored.of(noted.path, objects.get(noted.path))
        except MissingError:
            found.append(Finding(noted.path, "is missing"))
            continue
        if there != noted:
            what = (
                f"has {there.size} bytes of checksum {there.checksum:08x}, its commit says "
                f"{noted.size} of {noted.checksum:08x}"
            )
            found.append(Finding(noted.path, what))
    return found


def check_shard(
    root: str, generation: str, month: int, superblock: int, steps: Mapping[int, int]
) -> list[Finding]:
    """On a worker: the invariants on one superblock of one month.

    Args:
        root: of the lake.
        generation: path below it.
        month: 1..12.
        superblock: its number.
        steps: how many time steps of the month were merged, by time of day; empty: nobody knows.
    """
    there = lake.open(join(root, generation))
    pixels = order.superblocks(there.domain.pixels, there.domain.layout)[superblock]
    blocks = {cube: there.block(cube.name, pixels, month)[0] for cube in there.cubes.values()}
    broken = [
        (f"{cube.name}: {name}", n)
        for cube, block in blocks.items()
        for name, n in invariants.broken(block, there.suspect)
    ]
    broken += invariants.unequal_counts(blocks)
    broken += invariants.more_than(blocks, steps) if steps else ()
    where = f"month {month}, superblock {superblock}"
    return [Finding(where, f"{name}: fails in {n} places") for name, n in broken]


def check_cell(cell: Cell, scratch: Scratch) -> list[Finding]:
    """On a worker: one (month, tod) computed anew from its files against what is stored of it."""
    there = lake.open(join(cell.root, f"{cell.key}/{cell.generation}"))
    blocks = order.superblocks(there.domain.pixels, there.domain.layout)
    chosen = [blocks[number] for number in cell.superblocks]
    seen: dict[str, list[list[NDArray[np.float64]]]] = defaultdict(lambda: [[] for _ in chosen])
    where = f"month {cell.month}, {cell.tod} s"
    found = []
    for entry in cell.entries:
        try:
            images = _images(entry, cell, there.domain, scratch)
        except (GranuleError, MissingError) as error:
            found.append(Finding(f"{where}, {entry.step}", str(error)))
            continue
        for cube, values in images.items():
            for kept, pixels in zip(seen[cube], chosen, strict=True):
                kept.append(values[:, pixels].copy())
    if found:
        return found  # what cannot be read cannot be compared
    for cube, of_blocks in seen.items():
        index = there.cubes[cube].tods.index(cell.tod)
        for number, pixels, steps in zip(cell.superblocks, chosen, of_blocks, strict=True):
            stored = there.block(cube, pixels, cell.month)[0, index]
            for metric, n in differences(np.stack(steps), stored):
                what = f"{cube} {metric} differs from its sources in {n} places"
                found.append(Finding(f"{where}, superblock {number}", what))
    return found


def differences(
    values: NDArray[np.float64], stored: NDArray[np.float32]
) -> Iterator[tuple[str, int]]:
    """Metrics that are not those of the observations, and in how many places.

    Count, min and max must be equal. The mean may differ by 2 float32 roundings of the largest
    observation, a sum of k-th powers by 4 roundings of n s^k and of k n |x| s^(k-1), s the spread
    and |x| the largest observation: what rounding the stored mean, once a generation, does to it.

    Args:
        values: (step, band, pixel, subpixel), NaN where not observed.
        stored: (band, metric, pixel, subpixel).
    """
    wanted = moments.of(np.nan_to_num(values), ~np.isnan(values))
    found = moments.from_results(stored, axis=1)
    n, size = wanted.count, np.fmax(np.abs(wanted.min), np.abs(wanted.max))
    spread = wanted.max - wanted.min
    allowed = {"m1": 2 * EPS * size}
    for k in (2, 3, 4):
        rounding = 4 * EPS * n * (spread**k + k * size * spread ** (k - 1))
        allowed[f"m{k}"] = rounding + n * (2 * EPS * size) ** k
    for metric in METRICS:
        ours, theirs = getattr(wanted, metric), getattr(found, metric)
        if metric in allowed:
            differs = np.abs(ours - theirs) > allowed[metric]
        else:
            differs = ours.astype(np.float32) != theirs.astype(np.float32)
        differs = np.where(n > 0, differs | np.isnan(theirs), theirs > 0)
        if differs.any():
            yield metric, int(differs.sum())


def _each(
    client: Client,
    title: str,
    check: Callable[..., list[Finding]],
    calls: Sequence[Sequence[object]],
) -> list[Finding]:
    with progress(title) as report:
        return [f for found in dask_cluster.call(client, check, calls, report) for f in found]


def _strangers(group: Group, state: State, stored: Manifest) -> list[Finding]:
    prefix = f"{state.path}/"
    there = (path.removeprefix(prefix) for path in group.objects.list(state.path))
    return [Finding(path, "is not in the manifest") for path in there if path not in stored]


def _shards(group: Group, state: State) -> list[tuple[int, int]]:
    """(month, superblock) of all that holds statistics."""
    blocks = range(len(order.superblocks(group.domain.pixels, group.domain.layout)))
    return [(month, number) for month in state.months for number in blocks]


def _paths(group: Group, month: int, superblock: int) -> Iterator[str]:
    for cube in group.listing.cubes:
        yield generations.shard_path(cube.name, month, superblock)


def _steps(entries: Sequence[Entry]) -> Counter[tuple[int, int]]:
    """How many time steps there are of each (month, tod); none if legacy results hide them."""
    if any(not entry.start for entry in entries):
        return Counter()
    return Counter((int(e.step[4:6]), int(e.step[9:])) for e in entries)


def _sample(
    group: Group, state: State, entries: Sequence[Entry], url: str, cells: int | None, seed: int
) -> list[Cell]:
    """The cells to compute anew: all superblocks of all, or some of some."""
    files = {file.name: file for file in source_files.list_for(url, group.listing)}
    by_slot: dict[tuple[int, int], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.start:  # a legacy result has no sources
            by_slot[int(entry.step[4:6]), int(entry.step[9:])].append(entry)
    slots = sorted(by_slot)
    numbers = list(range(len(order.superblocks(group.domain.pixels, group.domain.layout))))
    if cells is not None:
        random = np.random.default_rng(seed)
        slots = [slots[i] for i in sorted(random.permutation(len(slots))[:cells])]
        numbers = sorted(random.permutation(len(numbers))[:BLOCKS].tolist())
    shares = [tuple(numbers[i : i + BLOCKS]) for i in range(0, len(numbers), BLOCKS)]
    return [
        Cell(
            group.root,
            group.key,
            group.listing,
            state.path,
            tuple(by_slot[slot]),
            {s.name: files[s.name] for e in by_slot[slot] for s in e.files if s.name in files},
            share,
        )
        for slot in slots
        for share in shares
    ]


def _images(
    entry: Entry, cell: Cell, domain: Domain, scratch: Scratch
) -> dict[str, NDArray[np.float64]]:
    """By cube, (band, pixel, subpixel) quantities of one time step; NaN where they do not count."""
    surface_file, *band_files = entry.files
    with _checked(surface_file, cell, scratch) as (local, path):
        surface = granule.open_surface(local, path, cell.listing.clear_sky.rule)
        valid = domain.gather(surface.clear, 1)[:, 0]
    images: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    others = iter(band_files)
    for cube in cell.listing.cubes_at(cell.tod):
        for _ in cube.bands:
            is_surface = cube.product == cell.listing.clear_sky.product
            with _checked(surface_file if is_surface else next(others), cell, scratch) as at:
                seen = granule.open_band(*at, cube.variable).quantity()
            values = domain.gather(seen, cube.refinement)
            valid = valid & np.isfinite(values).all(axis=1)
            images[cube.name].append(values)
    return {
        name: np.where(valid[:, None], np.stack(of_bands), np.nan)
        for name, of_bands in images.items()
    }


@contextmanager
def _checked(noted: Source, cell: Cell, scratch: Scratch) -> Iterator[tuple[str, str]]:
    """Where the file lies while it is read, and its path in the source.

    Raises:
        MissingError: the source has no file of that name.
        GranuleError: it is not the file that was ingested.
    """
    if noted.name not in cell.files:
        raise MissingError(f"the source has no {noted.name} any more")
    file = cell.files[noted.name]
    with source_files.fetch(file, scratch) as local:
        found = source_files.checksum_of(local)
        if found != noted.checksum:
            raise GranuleError(
                f"{file.path} has {Path(local).stat().st_size} bytes of checksum {found:08x}, what was "
                f"ingested had {noted.size} of {noted.checksum:08x}: the file has changed"
            )
        yield local, file.path
