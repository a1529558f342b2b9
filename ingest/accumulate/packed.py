"""Time steps of one (month, tod) as packed counts, and running sums of those that did not fit.

A step takes 2 bytes for each valid fine pixel and band, and 1 for each pixel. When the memory for
packed counts (the room) is full, they are added to running sums, 28 bytes for each fine pixel and
band of the domain and 4 for each pixel, so that any number of steps fits:

    peak memory = room + sums + images of the coarse grid + 0.64 GB for everything else

which is 1.6 + 1.6 + 0.06 + 0.64 = 3.9 GB for full CONUS, 1.8 million pixels of 32 fine pixels and bands,
and 1.6 + 1.4 + 0.5 + 0.6 = 4.1 GB for the full disk at 2 km, 6.2 million pixels of 8 bands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.accumulate import gather, sums
from ingest.accumulate.observations import Observations
from ingest.accumulate.scan import Scan
from ingest.accumulate.sums import ABSENT, DROPPED, OBSERVED, PowerSums, States
from lake.format import order
from lake.format.arrays import Counts, Floats
from lake.format.domain import Domain
from lake.format.schema import Cube

ROOM_BYTES = 1_600_000_000
"""Default memory for packed counts."""
REST_BYTES = 640_000_000
"""Memory for chunks, libraries, and the compiler at the first call on a machine."""
IMAGE_BYTES = 16
"""Memory for one pixel of the coarse grid: masks, and the number of its pixel in the store."""
SUMS_BYTES = 28
"""Size of the running sums of one fine pixel of one band; its stored moments take as much."""
USABLE = 0.9
"""Share of a worker's limit that a task may take: Dask ends a worker above 0.95."""
LEAST_BYTES = 100_000_000
"""Packed counts of a task that are never cut smaller: it would save little."""
LEAST_STEPS = 8
"""Running sums pay if so many time steps have room between two additions."""


@dataclass(frozen=True, slots=True)
class StepSize:
    """The size of one time step, of which the memory of a task follows."""

    pixels: int
    """Number of pixels of the domain."""
    grid_pixels: int
    """Number of pixels of the coarse grid, in the domain or not."""
    layers: int
    """Values of one pixel at one time step: bands times subpixels, summed over all cubes."""

    @property
    def packed_bytes(self) -> int:
        """Largest size of its packed counts."""
        return 2 * self.pixels * self.layers

    @property
    def sums_bytes(self) -> int:
        """Size of the running sums."""
        return self.pixels * (SUMS_BYTES * self.layers + 4)

    @property
    def rest_bytes(self) -> int:
        """Memory for all that is neither packed counts nor running sums."""
        return REST_BYTES + IMAGE_BYTES * self.grid_pixels


def peak_bytes(step: StepSize, room_bytes: int = ROOM_BYTES) -> int:
    """Largest memory that a worker needs for any number of time steps, bytes.

    Args:
        step: the size of a time step.
        room_bytes: memory for packed counts.
    """
    return room_bytes + step.sums_bytes + step.rest_bytes


@dataclass(frozen=True, slots=True)
class TaskSize:
    """How much one task accumulates, so that it fits into the memory of a worker."""

    steps: int
    """Largest number of time steps."""
    room_bytes: int
    """Memory for packed counts."""
    peak_bytes: int
    """Largest memory that the task needs."""


def task_size(memory_bytes: int | None, step: StepSize, steps: int) -> TaskSize:
    """The size of tasks that fit into a memory: less room for packed counts, or else fewer time steps.

    Fewer time steps need no running sums, as all of them have room; more parts are then merged.

    Args:
        memory_bytes: of one task; None: no limit is known.
        step: the size of a time step.
        steps: largest number of time steps that a task may have.

    Returns:
        A task with one time step at least, and with some of a small domain, even where its memory is
        more than the limit.
    """
    size = step.packed_bytes
    usual = max(ROOM_BYTES, size)
    free = math.inf if memory_bytes is None else memory_bytes * USABLE - step.rest_bytes
    if steps * size <= min(usual, free):
        return TaskSize(steps, usual, steps * size + step.rest_bytes)
    room = int(min(usual, free - step.sums_bytes))
    if room >= max(min(ROOM_BYTES, LEAST_STEPS * size), size):
        return TaskSize(steps, room, peak_bytes(step, room))
    steps = min(steps, max(int(free // size), LEAST_BYTES // size, 1))
    return TaskSize(steps, steps * size, steps * size + step.rest_bytes)


@dataclass(frozen=True, slots=True, eq=False)
class PackedStep:
    """One time step, whose packed counts lie in the room."""

    states: States
    """(pixel,) `ABSENT`, `OBSERVED` or `DROPPED` of `ingest.accumulate.sums`."""
    before: NDArray[np.int64]
    """(superblock,) number of pixels with counts before each superblock."""
    begins: dict[str, NDArray[np.int64]]
    """By cube, (band,) position in the room of the first valid pixel's counts."""
    tables: dict[str, list[Floats]]
    """By cube, a table (count,) of each band: the quantity of every packed count."""


class Packed:
    """The time steps of one (month, tod), in the order in which they were added."""

    def __init__(
        self, cubes: Sequence[Cube], domain: Domain, most_steps: int, room_bytes: int = ROOM_BYTES
    ) -> None:
        self.cubes = tuple(cubes)
        self.domain = domain
        self.superblocks = order.superblocks(domain.pixels, domain.layout)
        layers = sum(len(cube.bands) * cube.subpixels for cube in cubes)
        step = domain.pixels * layers
        self._room: Counts = np.empty(min(max(room_bytes // 2, step), step * most_steps), np.uint16)
        self._used = 0
        self._known_tables: dict[str, Floats] = {}
        self._mask = domain.mask
        self._place = np.full(domain.grid.shape, -1, np.int32)
        self.steps: list[PackedStep] = []
        self.sums: dict[str, PowerSums] = {}
        """By cube, the running sums; empty as long as all steps fit into the room."""

    def add(self, scan: Scan) -> None:
        """Add one more step.

        Raises:
            GranuleError: a chunk is damaged; nothing was added.
        """
        image = scan.valid(self._mask)
        valid = np.empty(self.domain.pixels, np.bool_)
        n = gather.places(image, self.domain.row, self.domain.column, valid, self._place)
        shapes = [(n, cube.subpixels) for cube in self.cubes for _ in cube.bands]
        begins = np.cumsum([0, *(np.prod(shape, dtype=np.int64) for shape in shapes)])
        if self._used + begins[-1] > self._room.size:
            self._make_room()
        into = [
            self._room[self._used + begin : self._used + begin + n * s].reshape(n, s)
            for begin, (_, s) in zip(begins[:-1], shapes, strict=True)
        ]
        keep = np.ones(n, np.bool_)
        scan.take(image, self._place, into, keep)
        states = valid.view(np.uint8)
        states[np.flatnonzero(valid)[~keep]] = DROPPED
        self._known_tables.clear()
        self.steps.append(self._step(states, begins[:-1] + self._used, scan))
        self._used += int(begins[-1])

    def total(self, cube: Cube, superblock: int) -> PowerSums:
        """Running sums over all steps, for the pixels of a superblock."""
        pixels = self.superblocks[superblock]
        if self.sums:
            total = self.sums[cube.name].part(pixels).copy()
        else:
            total = sums.blank(len(cube.bands), pixels.stop - pixels.start, cube.subpixels)
        self._add_to(total, cube, superblock)
        return total

    def observations(self, cube: Cube, superblock: int) -> Observations:
        """The observations of a superblock at each step in the room."""
        pixels = self.superblocks[superblock]
        size, s = pixels.stop - pixels.start, cube.subpixels
        states = self._states(pixels)
        valid = states == OBSERVED
        counts = np.zeros((len(self.steps), len(cube.bands), size, s), np.uint16)
        for step, begins in enumerate(self._begins(cube, superblock).T):
            is_observed = states[step][states[step] != ABSENT] == OBSERVED
            for band, begin in enumerate(begins):
                packed_counts = self._room[begin : begin + is_observed.size * s].reshape(-1, s)
                counts[step, band, valid[step]] = packed_counts[is_observed]
        return Observations(valid, counts, self._tables(cube))

    @property
    def is_smaller(self) -> bool:
        """Whether the observations take less space than the moments that they make."""
        if self.sums or not self.steps:
            return False
        ever_observed = np.zeros(self.domain.pixels, np.bool_)
        observed = 0
        for step in self.steps:
            valid = step.states == OBSERVED
            ever_observed |= valid
            observed += int(valid.sum())
        return 2 * observed < SUMS_BYTES * int(ever_observed.sum())

    def _make_room(self) -> None:
        """Add all steps to the running sums, superblock by superblock, and empty the room."""
        if not self.sums:
            for cube in self.cubes:
                self.sums[cube.name] = sums.blank(
                    len(cube.bands), self.domain.pixels, cube.subpixels
                )
        for cube in self.cubes:
            for superblock, pixels in enumerate(self.superblocks):
                self._add_to(self.sums[cube.name].part(pixels), cube, superblock)
        self.steps.clear()
        self._known_tables.clear()
        self._used = 0

    def _add_to(self, total: PowerSums, cube: Cube, superblock: int) -> None:
        if self.steps:
            states = self._states(self.superblocks[superblock])
            total.add(self._room, self._begins(cube, superblock), self._tables(cube), states)

    def _step(self, states: States, begins: NDArray[np.int64], scan: Scan) -> PackedStep:
        starts = [superblock.start for superblock in self.superblocks]
        pixels = np.add.reduceat(states != ABSENT, starts, dtype=np.int64)
        tables = {name: [band.table for band in bands] for name, bands in scan.bands.items()}
        ends = np.cumsum([len(bands) for bands in tables.values()])[:-1]
        by_cube = dict(zip(tables, np.split(begins, ends), strict=True))
        return PackedStep(states, np.cumsum(pixels) - pixels, by_cube, tables)

    def _begins(self, cube: Cube, superblock: int) -> NDArray[np.int64]:
        """Positions in the room at which the counts of a superblock begin: (band, step)."""
        return np.stack(
            [s.begins[cube.name] + s.before[superblock] * cube.subpixels for s in self.steps], 1
        )

    def _states(self, pixels: slice) -> States:
        """States of a run of pixels: (step, pixel)."""
        return np.stack([step.states[pixels] for step in self.steps])

    def _tables(self, cube: Cube) -> Floats:
        """Tables of a cube, (step, band, count); NaN beyond the end of a shorter table."""
        if cube.name in self._known_tables:
            return self._known_tables[cube.name]
        length = max(t.size for step in self.steps for t in step.tables[cube.name])
        tables = np.full((len(self.steps), len(cube.bands), length), np.nan)
        for n, step in enumerate(self.steps):
            for band, table in enumerate(step.tables[cube.name]):
                tables[n, band, : table.size] = table
        self._known_tables[cube.name] = tables
        return tables
