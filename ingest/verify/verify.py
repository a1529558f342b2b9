"""Checks a store: its objects against its commit, its numbers against invariants and sources.

Three checks, each of which gives a list of findings, empty if nothing is wrong:

- every object of the newest generation has the size and checksum of its manifest entry, and there is
  no other object;
- the invariants of `ingest.verify.invariants` hold everywhere;
- some (month, tod), or all, are computed again from the source files that the ledger names. They
  give the stored numbers, and the files still have the checksums they had.

The computation shares nothing with ingest but the reading of a file: direct two-pass statistics in
float64. Of an image only the window is read that holds the pixels of a few superblocks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

import lake
from ingest.abi import granule
from ingest.abi.hdf5_chunks import Window
from ingest.listing.listing import Listing
from ingest.publish.target import TargetStore, head_of, load_target
from ingest.source import source_files
from ingest.source.scratch import Scratch
from ingest.source.source_files import File
from ingest.verify import invariants
from lake import dask_cluster
from lake.console.messages import progress
from lake.errors import GranuleError, MissingError
from lake.format import moments, order
from lake.format.domain import Domain, gather
from lake.format.keys import Key
from lake.format.moments import METRICS
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, manifest
from lake.store.generations import StoreState
from lake.store.ledger import MERGED, LedgerEntry, SourceFile
from lake.store.manifest import Manifest, StoredObject

EPS = float(np.finfo(np.float32).eps)
"""Relative rounding error of float32."""

BLOCKS = 4
"""Number of superblocks that one task computes again; a sample has no others."""

TILE = 256
"""Rows and columns of the coarse grid that are read at a time."""

OBJECT_TASKS = 64
"""Number of tasks among which the objects of a generation are divided."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong in a store."""

    place: str
    """Path of an object, or month, time of day and superblock."""
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The extent of a verification, and its findings."""

    key: str
    generation: str
    objects: int
    """Number of objects in the manifest."""
    cells: int
    """Number of (month, tod) that were computed again from their sources."""
    steps: int
    """Number of time steps in those."""
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One (month, tod) of a store, to be computed again on a few superblocks."""

    root: str
    key: Key
    listing: Listing
    generation: str
    """Path below the store's folder."""
    entries: tuple[LedgerEntry, ...]
    """Ledger entries of its time steps."""
    files: Mapping[str, File]
    """Files of the source, by name."""
    superblocks: tuple[int, ...]
    """Numbers of the superblocks."""

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
        client: the Dask client whose workers do the checks.
        key: the store.
        root: folder or URL of the lake.
        url: folder or URL of the satellite files; None: nothing is computed again.
        cells: number of (month, tod) to compute again; None: all, on all pixels.
        seed: of the random sample.
        scratch: folder of remote files while they are read.

    Raises:
        MissingError: there is no such store, or nothing of it is published.
    """
    target = load_target(root, key)
    commit = head_of(root, key)
    state = StoreState.from_commit(commit)
    if not state.path:
        raise MissingError(f"nothing of {key} is published in {root}: there is nothing to verify")
    stored = manifest.read(target.objects, state.manifest)
    entries = [e for e in generations.read_ledger(target.objects, commit) if e.status == MERGED]
    findings = _strangers(target, state, stored)
    generation = f"{key}/{state.path}"
    batches = [
        list(stored.values())[first::OBJECT_TASKS]
        for first in range(min(OBJECT_TASKS, len(stored)))
    ]
    findings += _each(client, "objects", check_objects, [(root, generation, b) for b in batches])
    damaged = {finding.place for finding in findings}
    shards = [s for s in _shards(target, state) if not damaged & set(_paths(target, *s))]
    steps = _steps(entries)
    calls = [
        (root, generation, *s, {t: n for (m, t), n in steps.items() if m == s[0]}) for s in shards
    ]
    findings += _each(client, "invariants", check_shard, calls)
    sample = _sample(target, state, entries, url, cells, seed) if url and not damaged else []
    findings += _each(client, "sources", check_cell, [(cell, scratch) for cell in sample])
    steps_by_cell = {(cell.month, cell.tod): len(cell.entries) for cell in sample}
    return Verified(
        key=str(key),
        generation=state.path,
        objects=len(stored),
        cells=len(steps_by_cell),
        steps=sum(steps_by_cell.values()),
        findings=tuple(sorted(set(findings))),
    )


def check_objects(root: str, generation: str, stored: Sequence[StoredObject]) -> list[Finding]:
    """Check that objects exist and are what the manifest says, on a worker."""
    objects = connect(join(root, generation))
    findings = []
    for expected in stored:
        try:
            actual = StoredObject.from_data(expected.path, objects.get(expected.path))
        except MissingError:
            findings.append(Finding(expected.path, "is missing"))
            continue
        if actual != expected:
            problem = (
                f"has {actual.size} bytes of checksum {actual.checksum:08x}, its commit says "
                f"{expected.size} of {expected.checksum:08x}"
            )
            findings.append(Finding(expected.path, problem))
    return findings


def check_shard(
    root: str, generation: str, month: int, superblock: int, steps: Mapping[int, int]
) -> list[Finding]:
    """Check the invariants on one superblock of one month, on a worker.

    Args:
        root: folder or URL of the lake.
        generation: path below the root.
        month: 1..12.
        superblock: number of the superblock.
        steps: number of merged time steps of the month, by time of day; empty if it is unknown.
    """
    generation_store = lake.open(join(root, generation))
    pixels = order.superblocks(generation_store.domain.pixels, generation_store.domain.layout)[
        superblock
    ]
    blocks = {
        cube: generation_store.block(cube.name, pixels, month)[0]
        for cube in generation_store.cubes.values()
    }
    broken = [
        (f"{cube.name}: {name}", n)
        for cube, block in blocks.items()
        for name, n in invariants.broken(block, generation_store.suspect)
    ]
    broken += invariants.unequal_counts(blocks)
    broken += invariants.excessive_counts(blocks, steps) if steps else ()
    place = f"month {month}, superblock {superblock}"
    return [Finding(place, f"{name}: fails in {n} places") for name, n in broken]


def check_cell(cell: Cell, scratch: Scratch) -> list[Finding]:
    """Compare the stored numbers of one (month, tod) with those computed from its files, on a worker."""
    generation_store = lake.open(join(cell.root, f"{cell.key}/{cell.generation}"))
    blocks = order.superblocks(generation_store.domain.pixels, generation_store.domain.layout)
    runs = [blocks[number] for number in cell.superblocks]
    footprints = [Footprint.of(generation_store.domain, pixels) for pixels in runs]
    recomputed: dict[str, list[list[NDArray[np.float64]]]] = defaultdict(lambda: [[] for _ in runs])
    place = f"month {cell.month}, {cell.tod} s"
    findings = []
    for entry in cell.entries:
        try:
            images = _images(entry, cell, footprints, scratch)
        except (GranuleError, MissingError) as error:
            findings.append(Finding(f"{place}, {entry.step}", str(error)))
            continue
        for cube, values_by_run in images.items():
            for run_values, values in zip(recomputed[cube], values_by_run, strict=True):
                run_values.append(values)
    if findings:
        return findings  # what cannot be read cannot be compared
    for cube, steps_by_run in recomputed.items():
        index = generation_store.cubes[cube].tods.index(cell.tod)
        for number, pixels, steps in zip(cell.superblocks, runs, steps_by_run, strict=True):
            stored = generation_store.block(cube, pixels, cell.month)[0, index]
            for metric, n in differences(np.stack(steps), stored):
                problem = f"{cube} {metric} differs from its sources in {n} places"
                findings.append(Finding(f"{place}, superblock {number}", problem))
    return findings


def differences(
    values: NDArray[np.float64], stored: NDArray[np.float32]
) -> Iterator[tuple[str, int]]:
    """Metrics that are not those of the observations, each with the number of places.

    Count, min and max must be equal. The mean may differ by 2 float32 roundings of the largest
    observation. A sum of k-th powers may differ by 4 roundings of n s^k and of k n |x| s^(k-1), where s
    is the spread and |x| the largest observation: so much changes when the mean is rounded in every
    generation.

    Args:
        values: (step, band, pixel, subpixel), NaN where not observed.
        stored: (band, metric, pixel, subpixel).
    """
    direct = moments.from_observations(np.nan_to_num(values), ~np.isnan(values))
    merged = moments.from_results(stored, axis=1)
    n, size = direct.count, np.fmax(np.abs(direct.min), np.abs(direct.max))
    spread = direct.max - direct.min
    allowed = {"m1": 2 * EPS * size}
    for k in (2, 3, 4):
        rounding = 4 * EPS * n * (spread**k + k * size * spread ** (k - 1))
        allowed[f"m{k}"] = rounding + n * (2 * EPS * size) ** k
    for metric in METRICS:
        direct_values, stored_values = getattr(direct, metric), getattr(merged, metric)
        if metric in allowed:
            differs = np.abs(direct_values - stored_values) > allowed[metric]
        else:
            differs = direct_values.astype(np.float32) != stored_values.astype(np.float32)
        differs = np.where(n > 0, differs | np.isnan(stored_values), stored_values > 0)
        if differs.any():
            yield metric, int(differs.sum())


def _each(
    client: Client,
    title: str,
    check: Callable[..., list[Finding]],
    calls: Sequence[Sequence[object]],
) -> list[Finding]:
    with progress(title) as report:
        return [f for findings in dask_cluster.call(client, check, calls, report) for f in findings]


def _strangers(target: TargetStore, state: StoreState, stored: Manifest) -> list[Finding]:
    prefix = f"{state.path}/"
    paths = (path.removeprefix(prefix) for path in target.objects.list(state.path))
    return [Finding(path, "is not in the manifest") for path in paths if path not in stored]


def _shards(target: TargetStore, state: StoreState) -> list[tuple[int, int]]:
    """(month, superblock) of all shards that have statistics."""
    blocks = range(len(order.superblocks(target.domain.pixels, target.domain.layout)))
    return [(month, number) for month in state.months for number in blocks]


def _paths(target: TargetStore, month: int, superblock: int) -> Iterator[str]:
    for cube in target.listing.cubes:
        yield generations.shard_path(cube.name, month, superblock)


def _steps(entries: Sequence[LedgerEntry]) -> Counter[tuple[int, int]]:
    """Number of time steps of each (month, tod); empty if legacy results hide them."""
    if any(not entry.start for entry in entries):
        return Counter()
    return Counter((int(e.step[4:6]), int(e.step[9:])) for e in entries)


def _sample(
    target: TargetStore,
    state: StoreState,
    entries: Sequence[LedgerEntry],
    url: str,
    cells: int | None,
    seed: int,
) -> list[Cell]:
    """The cells to compute again: all superblocks of all (month, tod), or some superblocks of some."""
    files = {file.name: file for file in source_files.list_for(url, target.listing).files}
    by_slot: dict[tuple[int, int], list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        if entry.start:  # a legacy result has no sources
            by_slot[int(entry.step[4:6]), int(entry.step[9:])].append(entry)
    slots = sorted(by_slot)
    numbers = list(range(len(order.superblocks(target.domain.pixels, target.domain.layout))))
    if cells is not None:
        random = np.random.default_rng(seed)
        slots = [slots[i] for i in sorted(random.permutation(len(slots))[:cells])]
        numbers = sorted(random.permutation(len(numbers))[:BLOCKS].tolist())
    batches = [tuple(numbers[i : i + BLOCKS]) for i in range(0, len(numbers), BLOCKS)]
    return [
        Cell(
            target.root,
            target.key,
            target.listing,
            state.path,
            tuple(by_slot[slot]),
            {s.name: files[s.name] for e in by_slot[slot] for s in e.files if s.name in files},
            batch,
        )
        for slot in slots
        for batch in batches
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Pixels of a superblock that lie near each other: an image is read no further than that."""

    rows: slice
    """Of the coarse grid: the window that holds the pixels."""
    columns: slice
    pixels: NDArray[np.intp]
    """(n,) positions in the superblock."""
    row: NDArray[np.int64]
    """(n,) in the window."""
    column: NDArray[np.int64]

    def window(self, refinement: int) -> Window:
        """The window on a finer grid."""
        rows, columns = (
            slice(axis.start * refinement, axis.stop * refinement)
            for axis in (self.rows, self.columns)
        )
        return rows, columns


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """Where the pixels of a superblock lie, which may be far apart: islands, and capes."""

    size: int
    """Number of pixels."""
    tiles: tuple[Tile, ...]

    @staticmethod
    def of(domain: Domain, pixels: slice) -> "Footprint":
        """The footprint of a run of pixels."""
        row, column = (np.asarray(axis[pixels], np.int64) for axis in (domain.row, domain.column))
        _, number = np.unique(np.stack((row // TILE, column // TILE)), axis=1, return_inverse=True)
        tiles = []
        for tile in range(number.max() + 1):
            places = np.flatnonzero(number == tile)
            r, c = row[places], column[places]
            rows, columns = (slice(int(axis.min()), int(axis.max()) + 1) for axis in (r, c))
            tiles.append(Tile(rows, columns, places, r - rows.start, c - columns.start))
        return Footprint(row.size, tuple(tiles))

    def gather(
        self, read: Callable[[Window], NDArray[Any]], refinement: int, dtype: type
    ) -> NDArray[Any]:
        """(pixel, subpixel) values, of an image that is read window by window."""
        values: NDArray[Any] = np.empty((self.size, refinement**2), dtype)
        for tile in self.tiles:
            image = read(tile.window(refinement))
            values[tile.pixels] = gather(image, refinement, tile.row, tile.column)
        return values


def _images(
    entry: LedgerEntry, cell: Cell, footprints: Sequence[Footprint], scratch: Scratch
) -> dict[str, list[NDArray[np.float64]]]:
    """By cube and footprint, (band, pixel, subpixel) quantities of one time step.

    NaN where a pixel does not count.
    """
    sky_file, *band_files = entry.files
    with _checked(sky_file, cell, scratch) as (local, path):
        sky = granule.open_sky(local, path, cell.listing.clear_sky.rule)
        valid = [f.gather(sky.clear_in, 1, np.bool_)[:, 0] for f in footprints]
    images: dict[str, list[list[NDArray[np.float64]]]] = defaultdict(lambda: [[] for _ in valid])
    remaining = iter(band_files)
    for cube in cell.listing.cubes_at(cell.tod):
        refinement = cube.refinement
        for _ in cube.bands:
            is_sky = cube.product == cell.listing.clear_sky.product
            with _checked(sky_file if is_sky else next(remaining), cell, scratch) as location:
                band = granule.open_band(*location, cube.variable)
                for n, footprint in enumerate(footprints):
                    values = footprint.gather(band.quantity, refinement, np.float64)
                    valid[n] = valid[n] & np.isfinite(values).all(axis=1)
                    images[cube.name][n].append(values)
    return {
        name: [
            np.where(is_valid[:, None], np.stack(of_bands), np.nan)
            for is_valid, of_bands in zip(valid, by_footprint, strict=True)
        ]
        for name, by_footprint in images.items()
    }


@contextmanager
def _checked(source: SourceFile, cell: Cell, scratch: Scratch) -> Iterator[tuple[str, str]]:
    """The local path of a file while it is read, and its path in the source.

    Raises:
        MissingError: the source has no file of that name.
        GranuleError: it is not the file that was ingested.
    """
    if source.name not in cell.files:
        raise MissingError(f"the source has no {source.name} any more")
    file = cell.files[source.name]
    with source_files.fetch(file, scratch) as local:
        checksum = source_files.checksum_of(local)
        if checksum != source.checksum:
            raise GranuleError(
                f"{file.path} has {Path(local).stat().st_size} bytes of checksum {checksum:08x}, what was "
                f"ingested had {source.size} of {source.checksum:08x}: the file has changed"
            )
        yield local, file.path
