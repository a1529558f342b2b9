"""Batches of pixels: from memory, or out of whole superblocks that pass through it.

Which pixels a step gets is a function of the seed and the step's number, so that a training goes on
where it stopped without a cursor of its own.
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


class Loader(Protocol):
    """Gives the batch of a step."""

    @property
    def pixels(self) -> int:
        """How many there are, at most."""
        ...

    def batch(self, step: int) -> Batch:
        """Of a step."""
        ...

    def held_out(self) -> Batch | None:
        """Pixels that are never trained on; None: there are none."""
        ...

    def close(self) -> None:
        """End what reads ahead."""
        ...


@dataclass(slots=True, eq=False)
class Held:
    """All pixels in memory; every epoch in another order."""

    x: tuple[Tensor, ...]
    """(P, inputs) of each period, scaled."""
    pixel: Tensor
    """(P,) which pixels these are."""
    size: int
    """Of a batch."""
    share: float
    """Held out."""
    seed: int
    neighbours: Tensor | None = None
    """(N, 8) positions of those beside the first N, which alone are trained on; None: all are."""
    labels: Tensor | None = None
    """(P,) below 0: none."""
    near: Tensor | None = None
    """(P, n) positions of near negatives; None: none."""
    joining: float = 0.0
    """Share of a batch whose near negatives join it."""
    _order: tuple[int, Tensor] | None = field(default=None, init=False)

    @property
    def pixels(self) -> int:
        """How many are trained on, and held out."""
        return len(self.pixel if self.neighbours is None else self.neighbours)

    def batch(self, step: int) -> Batch:
        """Of a step."""
        _, seen = self._split()
        size = min(self.size, seen.numel())
        epoch, number = divmod(step, seen.numel() // size)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, seen[_shuffled(seen.numel(), self.seed, epoch + 1)]
        rows = self._order[1][number * size : (number + 1) * size]
        if self.near is None:
            return self._of(rows)
        joining = self.near[rows[: int(size * self.joining)], epoch % self.near.shape[1]]
        together = torch.cat([rows, joining.to(rows.device)])
        once: Tensor = torch.unique(together)
        return self._of(once)  # no pixel is its own negative

    def held_out(self) -> Batch | None:
        """The first of the pixels in an order of their own."""
        some, _ = self._split()
        return self._of(some[: self.size]) if some.numel() > 1 else None

    def close(self) -> None:
        """Nothing reads ahead."""

    def _split(self) -> tuple[Tensor, Tensor]:
        order = _shuffled(self.pixels, self.seed, 0)
        kept = int(len(order) * self.share)
        return order[:kept], order[kept:]

    def _of(self, some: Tensor) -> Batch:
        some = some.to(self.x[0].device)
        x = tuple(of[some] for of in self.x)
        beside = None if self.neighbours is None else (self.neighbours[some], self.x[-1])
        return Batch(
            self.pixel[some], x, beside, None if self.labels is None else self.labels[some]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The pixels of a superblock that can be trained on."""

    pixel: Tensor
    """(P,)"""
    x: tuple[Tensor, ...]
    """(P, inputs) of each period, scaled."""


@dataclass(slots=True, eq=False)
class Streamed:
    """Superblocks pass through memory, `together` at a time and shuffled in it; the next are read meanwhile.

    All superblocks pass in an epoch, in another order each, but the last one: it is held out. A group
    gives as many batches as its number of superblocks promises, the first pixels again if there are
    fewer; so a step's group is known without reading others.
    """

    read: Callable[[int], Piece]
    """The piece of a superblock, by its number."""
    sizes: Sequence[int]
    """Pixels of each superblock, at most."""
    size: int
    """Of a batch."""
    together: int
    seed: int
    device: torch.device
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), init=False)
    _read: dict[tuple[int, int], Future[Piece]] = field(default_factory=dict, init=False)

    @property
    def pixels(self) -> int:
        """Of all superblocks."""
        return sum(self.sizes)

    def batch(self, step: int) -> Batch:
        """Of a step."""
        epoch, number = divmod(step, sum(map(self._batches, self._groups(0))))
        position = 0
        for group in self._groups(epoch):
            if number < self._batches(group):
                break
            number -= self._batches(group)
            position += 1
        piece = self._piece(epoch, position)
        rows = torch.arange(number * self.size, (number + 1) * self.size) % len(piece.pixel)
        return self._of(piece, rows)

    def held_out(self) -> Batch | None:
        """Of the last superblock."""
        if len(self.sizes) == 1:
            return None
        if HELD_OUT not in self._read:
            self._read[HELD_OUT] = self._pool.submit(self._shuffled, (len(self.sizes) - 1,), 0)
        piece = self._read[HELD_OUT].result()
        return self._of(piece, torch.arange(min(self.size, len(piece.pixel))))

    def close(self) -> None:
        """End what reads ahead."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _groups(self, epoch: int) -> list[tuple[int, ...]]:
        """Numbers of superblocks; the smaller group is the last one in every epoch."""
        seen = max(len(self.sizes) - 1, 1)
        order = _shuffled(seen, self.seed, epoch + 1).tolist()
        return [tuple(order[i : i + self.together]) for i in range(0, seen, self.together)]

    def _batches(self, group: tuple[int, ...]) -> int:
        return max(len(group) * max(self.sizes) // self.size, 1)

    def _piece(self, epoch: int, position: int) -> Piece:
        """Of a group; what follows it is read from now on."""
        groups = self._groups(epoch)
        last = position + 1 == len(groups)
        wanted = ((epoch, position), (epoch + 1, 0) if last else (epoch, position + 1))
        for key in wanted:
            if key not in self._read:
                group = self._groups(key[0])[key[1]]
                seed = 1 + key[0] * len(groups) + key[1]
                self._read[key] = self._pool.submit(self._shuffled, group, seed)
        for key in set(self._read) - {*wanted, HELD_OUT}:
            del self._read[key]
        return self._read[wanted[0]].result()

    def _shuffled(self, group: tuple[int, ...], seed: int) -> Piece:
        pieces = [self.read(number) for number in group]
        pixel = torch.cat([of.pixel for of in pieces])
        if not len(pixel):
            raise DataError(f"superblocks {group} have no pixel with values: sample other pixels")
        order = _shuffled(len(pixel), self.seed, -seed)
        x = [torch.cat(of)[order] for of in zip(*(of.x for of in pieces), strict=True)]
        return Piece(pixel[order], tuple(x))

    def _of(self, piece: Piece, rows: Tensor) -> Batch:
        x = tuple(of[rows].to(self.device, non_blocking=True) for of in piece.x)
        return Batch(piece.pixel[rows], x, None, None)


def _shuffled(count: int, seed: int, stream: int) -> Tensor:
    """(count,) an order; streams are epochs from 1, 0 what is held out, and below what is streamed."""
    random = torch.Generator().manual_seed(mixed(seed, stream))
    return torch.randperm(count, generator=random)


def mixed(seed: int, stream: int) -> int:
    """The seed of one of the streams of random numbers that a training draws from."""
    return (seed * 1_000_003 + stream) & 0x7FFF_FFFF_FFFF_FFFF
