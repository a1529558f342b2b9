"""Batches of pixels: from memory, or out of whole superblocks that pass through it.

The pixels of a step are a function of the seed and the step's number, so that a training goes on where
it stopped without a cursor of its own.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from jobs.embedding.views.choice import Batch
from lake.errors import DataError

HELD_OUT = (-1, 0)
"""In place of epoch and position: the group that is held out."""


class Loader(Protocol):
    """A source of batches: one for each step of a training."""

    @property
    def pixels(self) -> int:
        """The number of pixels, at most."""
        ...

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        ...

    def held_out(self) -> Batch | None:
        """Pixels that are never trained on; None: there are none."""
        ...

    def close(self) -> None:
        """End what reads ahead."""
        ...


@dataclass(slots=True, eq=False)
class MemoryLoader:
    """Batches of pixels that are all in memory; every epoch has another order."""

    x: tuple[Tensor, ...]
    """(P, inputs) of each period, scaled; NaN: missing."""
    pixel: Tensor
    """(P,) positions of the pixels in the store."""
    size: int
    """Pixels of a batch."""
    share: float
    """Share of the pixels that is held out."""
    seed: int
    neighbours: Tensor | None = None
    """(N, 8) positions of the pixels around the first N, which alone are trained on; None: all are."""
    labels: Tensor | None = None
    """(P,) below 0: the pixel has no label; None: there are no labels."""
    hard_negatives: Tensor | None = None
    """(P, n) positions of the hard negatives of each pixel; None: there are none."""
    hard_share: float = 0.0
    """Share of a batch whose hard negatives join it."""
    conditions: Tensor | None = None
    """(P, c) what vectors are not to tell; None: nothing."""
    _order: tuple[int, Tensor] | None = field(default=None, init=False)

    @property
    def pixels(self) -> int:
        """The number of pixels that are trained on or held out."""
        return len(self.pixel if self.neighbours is None else self.neighbours)

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        _, trained = self._split()
        size = min(self.size, trained.numel())
        epoch, number = divmod(step, trained.numel() // size)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, trained[_shuffled(trained.numel(), self.seed, epoch + 1)]
        rows = self._order[1][number * size : (number + 1) * size]
        if self.hard_negatives is None:
            return self._batch(rows)
        column = epoch % self.hard_negatives.shape[1]
        joining = self.hard_negatives[rows[: int(size * self.hard_share)], column]
        joined = torch.cat([rows, joining.to(rows.device)])
        distinct: Tensor = torch.unique(joined)
        return self._batch(distinct)  # no pixel is its own negative

    def held_out(self) -> Batch | None:
        """The first of the held-out pixels, in an order of their own."""
        rows, _ = self._split()
        return self._batch(rows[: self.size]) if rows.numel() > 1 else None

    def close(self) -> None:
        """Nothing reads ahead."""

    def _split(self) -> tuple[Tensor, Tensor]:
        """Rows that are held out, and rows that are trained on."""
        order = _shuffled(self.pixels, self.seed, 0)
        count = int(len(order) * self.share)
        return order[:count], order[count:]

    def _batch(self, rows: Tensor) -> Batch:
        rows = rows.to(self.x[0].device)
        x = tuple(inputs[rows] for inputs in self.x)
        neighbours = None if self.neighbours is None else (self.neighbours[rows], self.x[-1])
        labels, conditions = (
            None if values is None else values[rows] for values in (self.labels, self.conditions)
        )
        return Batch(self.pixel[rows], x, neighbours, labels, conditions)


@dataclass(frozen=True, slots=True, eq=False)
class PixelBlock:
    """The pixels of a superblock, or of several, that can be trained on."""

    pixel: Tensor
    """(P,) positions of the pixels in the store."""
    x: tuple[Tensor, ...]
    """(P, inputs) of each period."""


@dataclass(slots=True, eq=False)
class StreamingLoader:
    """Batches of superblocks that pass through memory, a group at a time; the next is read meanwhile.

    The pixels of a group are shuffled with each other. All superblocks pass in an epoch, in another order
    each, but the last one: it is held out. A group gives as many batches as its number of superblocks
    promises, the first pixels again if there are fewer; so the group of a step is known without reading
    others.
    """

    read: Callable[[int], PixelBlock]
    """Gives the pixels of a superblock, by its number."""
    sizes: Sequence[int]
    """Pixels of each superblock, at most."""
    size: int
    """Pixels of a batch."""
    group_size: int
    """Superblocks of a group."""
    seed: int
    device: torch.device
    """The device that batches go to."""
    _reading: dict[tuple[int, int], Future[PixelBlock]] = field(default_factory=dict, init=False)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), init=False)

    @property
    def pixels(self) -> int:
        """The number of pixels of all superblocks, at most."""
        return sum(self.sizes)

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        epoch, number = divmod(step, sum(map(self._batches, self._groups(0))))
        position = 0
        for group in self._groups(epoch):
            if number < self._batches(group):
                break
            number -= self._batches(group)
            position += 1
        block = self._block(epoch, position)
        rows = torch.arange(number * self.size, (number + 1) * self.size) % len(block.pixel)
        return self._batch(block, rows)

    def held_out(self) -> Batch | None:
        """The first pixels of the last superblock, shuffled."""
        if len(self.sizes) == 1:
            return None
        if HELD_OUT not in self._reading:
            self._reading[HELD_OUT] = self._submit((len(self.sizes) - 1,), 0)
        block = self._reading[HELD_OUT].result()
        return self._batch(block, torch.arange(min(self.size, len(block.pixel))))

    def close(self) -> None:
        """End what reads ahead."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _groups(self, epoch: int) -> list[tuple[int, ...]]:
        """The groups of an epoch, numbers of superblocks; the smaller group is last in every epoch."""
        count = max(len(self.sizes) - 1, 1)
        order = _shuffled(count, self.seed, epoch + 1).tolist()
        return [tuple(order[i : i + self.group_size]) for i in range(0, count, self.group_size)]

    def _batches(self, group: tuple[int, ...]) -> int:
        """The number of batches that a group gives."""
        return max(len(group) * max(self.sizes) // self.size, 1)

    def _block(self, epoch: int, position: int) -> PixelBlock:
        """The pixels of a group; the group after it is read from now on."""
        groups = self._groups(epoch)
        is_last = position + 1 == len(groups)
        following = (epoch + 1, 0) if is_last else (epoch, position + 1)
        current = (epoch, position)
        for key in (current, following):
            if key not in self._reading:
                group = self._groups(key[0])[key[1]]
                self._reading[key] = self._submit(group, 1 + key[0] * len(groups) + key[1])
        for key in set(self._reading) - {current, following, HELD_OUT}:
            del self._reading[key]
        return self._reading[current].result()

    def _submit(self, group: tuple[int, ...], stream: int) -> Future[PixelBlock]:
        return self._pool.submit(self._read_group, group, stream)

    def _read_group(self, group: tuple[int, ...], stream: int) -> PixelBlock:
        """The pixels of a group, shuffled."""
        blocks = [self.read(number) for number in group]
        pixel = torch.cat([block.pixel for block in blocks])
        if not len(pixel):
            raise DataError(f"superblocks {group} have no pixel with values: sample other pixels")
        order = _shuffled(len(pixel), self.seed, -stream)
        x = [torch.cat(pieces)[order] for pieces in zip(*(b.x for b in blocks), strict=True)]
        return PixelBlock(pixel[order], tuple(x))

    def _batch(self, block: PixelBlock, rows: Tensor) -> Batch:
        x = tuple(inputs[rows].to(self.device, non_blocking=True) for inputs in block.x)
        return Batch(block.pixel[rows], x, None, None)


def _shuffled(count: int, seed: int, stream: int) -> Tensor:
    """(count,) an order of so many; streams are epochs from 1, 0 for held-out pixels, below 0 for groups."""
    random = torch.Generator().manual_seed(mixed(seed, stream))
    return torch.randperm(count, generator=random)


def mixed(seed: int, stream: int) -> int:
    """The seed of one of the streams of random numbers that a training draws from."""
    return (seed * 1_000_003 + stream) & 0x7FFF_FFFF_FFFF_FFFF
