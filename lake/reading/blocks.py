"""Runs of pixels read from the shards of a generation, inner chunk by inner chunk: the fast way.

Of a shard only the inner chunks that are wanted are asked for, in one request after one for its index,
or the whole object at once where all are wanted. A chunk that a block consists of is decoded in place.
Other than Zarr this never takes a missing object for NaN: in a month that holds statistics it is
damage.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lake.errors import MissingError
from lake.format.moments import METRICS
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.reading.damage import missing_object
from lake.storage.objects import Bytes, Objects
from lake.store import shards
from lake.store.generations import shard_path

P = TypeVar("P")

CONNECTIONS = 12
"""Shards of one block that are asked for at a time where they are not in a folder: those of a year."""

CACHE_BYTES = 32 << 20
"""Encoded chunks that `gather` remembers: those of some dozens of points, all months."""

Index = Sequence[tuple[int, int]]
"""The offset and size, in bytes, of every chunk of a shard."""

Along = slice | NDArray[Any]
"""The positions that are read along an axis; a slice keeps the data a view."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part that is read of every pixel."""

    tod: Along
    band: Along
    metric: Along
    subpixel: Along

    def take(self, block: NDArray[np.float32], pixels: NDArray[np.int64]) -> NDArray[np.float32]:
        """This part of some pixels of a block (tod, band, metric, pixel, subpixel)."""
        cut = block[self.tod][:, self.band][:, :, self.metric][..., self.subpixel]
        return cut[:, :, :, pixels]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the chunks of one generation; it remembers the indices of shards, 16 bytes a chunk."""

    objects: Objects
    """The objects of the generation."""
    layout: Layout
    months: tuple[int, ...]
    """The months that hold statistics; all others read as NaN."""
    indices: dict[str, Index] = field(default_factory=dict)
    cache: "_ChunkCache" = field(default_factory=lambda: _ChunkCache(CACHE_BYTES))

    def read(
        self, cube: str, months: Sequence[int], pixels: slice, blocks: Sequence[NDArray[np.float32]]
    ) -> None:
        """Fill a block for each month.

        Args:
            cube: its name.
            months: 1..12.
            pixels: within the domain; not empty.
            blocks: C-contiguous (tod, band, metric, pixel, subpixel) each.

        Raises:
            MissingError: a shard is not there.
            FormatError: a shard is damaged.
        """
        pieces = [
            (shard_path(cube, month, superblock), chunks, block)
            for month, block in self._with_blocks(months, blocks)
            for superblock, chunks in self._chunks_of(pixels)
        ]

        def fill(piece: tuple[str, range, NDArray[np.float32]]) -> None:
            path, chunks, block = piece
            for number, data in zip(chunks, self._chunks(path, chunks), strict=True):
                self._decode(path, number, data, block, pixels.start)

        self._each(fill, pieces)

    def gather(
        self,
        cube: Cube,
        months: Sequence[int],
        pixels: NDArray[np.int64],
        cut: Cut,
        blocks: Sequence[NDArray[np.float32]],
    ) -> None:
        """Fill a block for each month with what is wanted of pixels anywhere.

        One inner chunk is decoded at a time, or one a connection; of shards of which all chunks are
        wanted the whole object is read. Other encoded chunks are remembered, as those of one point
        are often asked for again: for another statistic, or another point nearby.

        Args:
            cube: which.
            months: 1..12.
            pixels: (P,) within the domain, in any order.
            cut: what is wanted of them.
            blocks: (tod, band, metric, pixel, subpixel) each.

        Raises:
            MissingError: a shard is not there.
            FormatError: a shard is damaged.
        """
        places = _by_chunk(pixels, self.layout)
        of_shards: dict[int, list[int]] = {}
        for number in places:
            of_shards.setdefault(number // self.layout.phases, []).append(number)
        shape = (len(cube.tods), len(cube.bands), len(METRICS), self.layout.chunk, cube.subpixels)

        def fill(piece: tuple[int, NDArray[np.float32], int]) -> None:
            month, block, superblock = piece
            path, numbers = shard_path(cube.name, month, superblock), of_shards[superblock]
            for number, data in zip(numbers, self._remembered(path, numbers), strict=True):
                chunk, first = np.empty(shape, np.float32), number * self.layout.chunk
                self._decode(path, number, data, chunk, first)
                at = places[number]
                block[:, :, :, at] = cut.take(chunk, pixels[at] - first)

        pieces = [
            (month, block, n)
            for month, block in self._with_blocks(months, blocks)
            for n in of_shards
        ]
        self._each(fill, pieces)

    def _decode(
        self, path: str, number: int, data: Bytes, block: NDArray[np.float32], first: int
    ) -> None:
        """Put a chunk of the shard at `path` into a block whose first pixel is `first`."""
        location = f"{self.objects.url(path)}, chunk {number % self.layout.phases}"
        start = number * self.layout.chunk - first
        shards.decode_chunk(data, block, start, self.layout, location)

    def _remembered(self, path: str, numbers: Sequence[int]) -> list[Bytes]:
        """Encoded chunks of a shard, from memory where they are there."""
        if len(numbers) == self.layout.phases:
            return self._chunks(path, numbers)
        encoded = {number: self.cache.get((path, number)) for number in numbers}
        absent = [number for number, data in encoded.items() if data is None]
        if absent:
            for number, data in zip(absent, self._chunks(path, absent), strict=True):
                self.cache.put((path, number), data)
                encoded[number] = data
        return [data for data in encoded.values() if data is not None]

    def _chunks_of(self, pixels: slice) -> Iterator[tuple[int, range]]:
        """Superblocks, and the numbers of their chunks, counted through the whole store."""
        first, last = pixels.start // self.layout.chunk, -(-pixels.stop // self.layout.chunk)
        phases = self.layout.phases
        for superblock in range(first // phases, -(-last // phases)):
            begin = superblock * phases
            yield superblock, range(max(first, begin), min(last, begin + phases))

    def _with_blocks(
        self, months: Sequence[int], blocks: Sequence[NDArray[np.float32]]
    ) -> list[tuple[int, NDArray[np.float32]]]:
        """Months that hold statistics, with their blocks; those of others are filled with NaN."""
        stored = []
        for month, block in zip(months, blocks, strict=True):
            if month in self.months:
                stored.append((month, block))
            else:
                block[...] = np.nan
        return stored

    def _each(self, work: Callable[[P], None], pieces: Sequence[P]) -> None:
        """Do the work of each piece; on servers several at a time."""
        if len(pieces) == 1 or self.objects.is_folder:
            for piece in pieces:
                work(piece)
            return
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(work, pieces))  # raises what a piece raised

    def _chunks(self, path: str, chunks: Sequence[int]) -> list[Bytes]:
        """Encoded chunks of a shard; empty ones are those that it lacks."""
        try:
            if len(chunks) == self.layout.phases:
                return self._of_whole(path)
            index = self._index(path)
            spans = [index[number % self.layout.phases] for number in chunks]
            stored_spans = [span for span in spans if span[0] != shards.NO_CHUNK]
            data = iter(self.objects.get_ranges(path, stored_spans))
            return [b"" if span[0] == shards.NO_CHUNK else next(data) for span in spans]
        except MissingError as error:
            raise missing_object(self.objects, error) from error

    def _of_whole(self, path: str) -> list[Bytes]:
        data = memoryview(self.objects.view(path))
        index = shards.index(data, self.layout, self.objects.url(path))
        return [
            b"" if offset == shards.NO_CHUNK else data[offset : offset + size]
            for offset, size in index
        ]

    def _index(self, path: str) -> Index:
        if path not in self.indices:
            end = self.objects.tail(path, shards.index_bytes(self.layout))
            self.indices[path] = shards.index(end, self.layout, self.objects.url(path))
        return self.indices[path]


class _ChunkCache:
    """Encoded chunks, the last ones used, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._chunks: OrderedDict[tuple[str, int], Bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: tuple[str, int]) -> Bytes | None:
        with self._lock:
            if name in self._chunks:
                self._chunks.move_to_end(name)
            return self._chunks.get(name)

    def put(self, name: tuple[str, int], data: Bytes) -> None:
        with self._lock:
            self._bytes += len(data) - len(self._chunks.pop(name, b""))
            self._chunks[name] = data
            while self._bytes > self._limit:
                self._bytes -= len(self._chunks.popitem(last=False)[1])


def _by_chunk(pixels: NDArray[np.int64], layout: Layout) -> Mapping[int, NDArray[np.int64]]:
    """Chunk, counted through the whole store -> positions in `pixels` of those that lie in it."""
    if not pixels.size:
        return {}
    number = pixels // layout.chunk
    ordered = np.argsort(number, kind="stable")
    runs = np.split(ordered, np.flatnonzero(np.diff(number[ordered])) + 1)
    return {int(number[run[0]]): run for run in runs}
