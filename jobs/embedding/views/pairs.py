"""Which pixel a second view is of: the same in another period, or one beside it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""(row, column) steps to the pixels beside one."""


def adjacent(row: NDArray[np.integer], column: NDArray[np.integer]) -> NDArray[np.int64]:
    """(P, 8) positions of the pixels that touch each, repeated to eight; its own if there is none.

    Args:
        row: (P,) on the grid.
        column: (P,)
    """
    place = np.full((int(row.max()) + 3, int(column.max()) + 3), -1)
    place[row + 1, column + 1] = np.arange(row.size)
    found = np.stack([place[row + 1 + down, column + 1 + right] for down, right in AROUND], axis=1)
    there = found >= 0
    found = np.take_along_axis(found, np.argsort(~there, axis=1, kind="stable"), axis=1)
    count = there.sum(axis=1)[:, None]
    repeated = np.take_along_axis(found, np.arange(len(AROUND)) % np.maximum(count, 1), axis=1)
    return np.where(count > 0, repeated, np.arange(row.size)[:, None])


def beside(neighbours: Tensor, random: torch.Generator) -> Tensor:
    """(batch,) one of the neighbours of each pixel, drawn.

    Args:
        neighbours: (batch, 8) as `adjacent` finds them.
        random: generator.
    """
    shape, device = (len(neighbours), 1), neighbours.device
    drawn = torch.randint(neighbours.shape[1], shape, generator=random, device=device)
    return neighbours.gather(1, drawn)[:, 0]
