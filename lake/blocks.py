"""Runs of pixels read from the shards of a generation, inner chunk by inner chunk: the fast way.

Of a shard only the inner chunks that are wanted are asked for, in one request after one for its index,
or the whole object at once where all are wanted. A chunk that a block consists of is decoded in place.
Other than Zarr this never takes a missing object for NaN: in a month that holds statistics it is
damage.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lake import shards
from lake.errors import MissingError
from lake.objects import Bytes, Objects
from lake.order import Layout
from lake.store import shard_path

CONNECTIONS = 8
"""Shards of one block that are asked for at a time where they are not in a folder."""

Index = Sequence[tuple[int, int]]
"""Offset and size of every chunk of a shard."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Of one generation; it remembers the indices of shards, 16 bytes a chunk."""

    objects: Objects
    """Of the generation."""
    layout: Layout
    indices: dict[str, Index] = field(default_factory=dict)

    def read(
        self, cube: str, months: Sequence[int], pixels: slice, blocks: Sequence[NDArray[np.float32]]
    ) -> None:
        """Fill a block for each month.

        Args:
            cube: its name.
            months: 1..12, which hold statistics.
            pixels: within the domain; not empty.
            blocks: C-contiguous (tod, band, metric, pixel, subpixel) each.

        Raises:
            MissingError: a shard is not there.
            FormatError: a shard is damaged.
        """
        pieces = [
            (shard_path(cube, month, superblock), chunks, block)
            for month, block in zip(months, blocks, strict=True)
            for superblock, chunks in self._wanted(pixels)
        ]
        fetched = self._fetched([(path, chunks) for path, chunks, _ in pieces])
        for (path, chunks, block), encoded in zip(pieces, fetched, strict=True):
            for number, data in zip(chunks, encoded, strict=True):
                where = f"{self.objects.url(path)}, chunk {number % self.layout.phases}"
                start = number * self.layout.chunk - pixels.start
                shards.decode_chunk(data, block, start, self.layout, where)

    def _wanted(self, pixels: slice) -> Iterator[tuple[int, range]]:
        """Superblocks, and the numbers of their chunks, counted through the whole store."""
        first, last = pixels.start // self.layout.chunk, -(-pixels.stop // self.layout.chunk)
        phases = self.layout.phases
        for superblock in range(first // phases, -(-last // phases)):
            begin = superblock * phases
            yield superblock, range(max(first, begin), min(last, begin + phases))

    def _fetched(self, wanted: Sequence[tuple[str, range]]) -> Iterator[list[Bytes]]:
        if len(wanted) == 1 or self.objects.is_folder:
            yield from (self._chunks(*one) for one in wanted)
            return
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            yield from pool.map(self._chunks, *zip(*wanted, strict=True))

    def _chunks(self, path: str, chunks: range) -> list[Bytes]:
        """Encoded chunks of a shard; empty ones are those that it lacks."""
        try:
            if len(chunks) == self.layout.phases:
                return self._of_whole(path)
            index = self._index(path)
            wanted = [index[number % self.layout.phases] for number in chunks]
            there = [span for span in wanted if span[0] != shards.NO_CHUNK]
            data = iter(self.objects.get_ranges(path, there))
            return [b"" if span[0] == shards.NO_CHUNK else next(data) for span in wanted]
        except MissingError as error:
            raise MissingError(
                f"{error}, which should hold statistics: the store is damaged; 'lake verify' tells "
                "what else is"
            ) from error

    def _of_whole(self, path: str) -> list[Bytes]:
        data = memoryview(self.objects.get(path))
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
