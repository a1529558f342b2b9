"""The order of pixels in a store: a Hilbert curve, cut into superblocks, dealt into phases.

Along the curve near pixels are neighbours, so a region is a few superblocks (shards). Inside a
superblock of `phases * chunk` pixels the one of Hilbert rank k belongs to phase `k % phases`, and
the phases lie one after the other in the store. So one phase (inner chunk) of every superblock is
a spatially stratified sample of 1/phases of all pixels. The last superblock may be short; it is
dealt into as many phases, shorter ones, else a sample would hold too much of it.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lake.errors import ConfigError

_MOST_PHASES = int(np.iinfo(np.int16).max)


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of the pieces into which a store cuts its pixels; they are fixed when it is created."""

    chunk: int = 1024
    """The number of pixels of one inner chunk."""
    phases: int = 16
    """The number of phases of a superblock, which are the inner chunks of a shard."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ConfigError(
                    f"layout.{field.name} is {value!r}: wanted a whole number above 0"
                )
        if self.phases > _MOST_PHASES:
            raise ConfigError(f"layout.phases is {self.phases}: wanted at most {_MOST_PHASES}")

    @property
    def superblock(self) -> int:
        """The number of pixels of a superblock; the last one of a store may be shorter."""
        return self.chunk * self.phases


def hilbert(row: ArrayLike, column: ArrayLike, bits: int) -> NDArray[np.int64]:
    """Distance along the Hilbert curve through a square of 2^bits x 2^bits cells.

    Args:
        row: below 2^bits, any shape.
        column: likewise.
        bits: at most 31.

    Returns:
        0 .. 4^bits - 1, of the shape of `row`; cells of neighbouring distances share an edge.

    Source: Hilbert, "Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck",
    Mathematische Annalen 38 (1891): four quadrants, the first and the last turned, level by level.
    """
    y, x = (np.array(a, np.int64) for a in np.broadcast_arrays(row, column))
    distance = np.zeros(y.shape, np.int64)
    for level in reversed(range(bits)):
        right, low = (x >> level) & 1, (y >> level) & 1
        distance += ((3 * right) ^ low) << (2 * level)
        flip = (low == 0) & (right == 1)
        last = (np.int64(1) << level) - 1
        x &= last
        y &= last
        x, y = np.where(flip, last - x, x), np.where(flip, last - y, y)
        x, y = np.where(low == 0, y, x), np.where(low == 0, x, y)
    return distance


def permutation(row: ArrayLike, column: ArrayLike, layout: Layout) -> NDArray[np.int64]:
    """The order in which a store holds the pixels of a grid.

    Args:
        row: (P,) of every pixel on the coarse grid; no two pixels alike.
        column: (P,)
        layout: of the store.

    Returns:
        (P,) index into the given pixels by position in the store.
    """
    row, column = np.asarray(row, np.int64), np.asarray(column, np.int64)
    if row.size == 0:
        return np.zeros(0, np.int64)
    bits = max(int(row.max()), int(column.max())).bit_length()
    along_curve = np.argsort(hilbert(row, column, bits), kind="stable")
    superblock, rank = np.divmod(np.arange(row.size), layout.superblock)
    dealt = np.argsort(superblock * layout.phases + rank % layout.phases, kind="stable")
    return along_curve[dealt]


def superblocks(pixels: int, layout: Layout) -> list[slice]:
    """The runs of pixels that are superblocks, in store order; the last may be short."""
    size = layout.superblock
    return [slice(start, min(start + size, pixels)) for start in range(0, pixels, size)]


def by_superblock(pixels: NDArray[np.int64], layout: Layout) -> list[NDArray[np.int64]]:
    """Ascending positions, split where a superblock ends: the pieces that are read at a time."""
    return np.split(pixels, np.flatnonzero(np.diff(pixels // layout.superblock)) + 1)


def phase_slices(pixels: int, layout: Layout, phase: int) -> list[slice]:
    """The run of pixels of one phase in every superblock; empty where a short one has too few.

    Raises:
        ConfigError: there is no such phase.
    """
    if not 0 <= phase < layout.phases:
        raise ConfigError(f"phase is {phase}: wanted 0 to {layout.phases - 1}, as laid out")
    return [
        slice(
            block.start + _start(size, layout, phase), block.start + _start(size, layout, phase + 1)
        )
        for block in superblocks(pixels, layout)
        for size in (block.stop - block.start,)
    ]


def phase_of(pixels: int, layout: Layout) -> NDArray[np.int16]:
    """(P,) the phase of every pixel, in store order."""
    phases = np.empty(pixels, np.int16)
    for phase in range(layout.phases):
        for run in phase_slices(pixels, layout, phase):
            phases[run] = phase
    return phases


def superblock_of(pixels: int, layout: Layout) -> NDArray[np.int32]:
    """(P,) the superblock of every pixel, in store order."""
    return (np.arange(pixels) // layout.superblock).astype(np.int32)


def _start(size: int, layout: Layout, phase: int) -> int:
    """The position in a superblock of `size` pixels where a phase begins; the first get the remainder."""
    share, remainder = divmod(size, layout.phases)
    return phase * share + min(phase, remainder)
