"""The pixels around each pixel, one of which a second view may be of."""

import numpy as np
import torch
from torch import Tensor

from lake.format.arrays import Indices, Integers

AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""(row, column) steps to the eight pixels around a pixel."""


def around(row: Integers, column: Integers, pixels: slice | Indices = slice(None)) -> Indices:
    """(p, 8) positions of the pixels that touch each; below 0: none does there.

    Args:
        row: (P,) on the grid.
        column: (P,)
        pixels: those that are asked for; by default all.
    """
    position = np.full((int(row.max()) + 3, int(column.max()) + 3), -1)
    position[row + 1, column + 1] = np.arange(row.size)
    asked = row[pixels] + 1, column[pixels] + 1
    touching = [position[asked[0] + down, asked[1] + right] for down, right in AROUND]
    return np.stack(touching, axis=1)


def adjacent(row: Integers, column: Integers) -> Indices:
    """(P, 8) the same, repeated to eight; a pixel's own position if none touches it."""
    neighbours = around(row, column)
    exists = neighbours >= 0
    neighbours = np.take_along_axis(neighbours, np.argsort(~exists, axis=1, kind="stable"), axis=1)
    count = exists.sum(axis=1)[:, None]
    turns = np.arange(len(AROUND)) % np.maximum(count, 1)
    repeated = np.take_along_axis(neighbours, turns, axis=1)
    return np.where(count > 0, repeated, np.arange(row.size)[:, None])


def draw_neighbour(neighbours: Tensor, random: torch.Generator) -> Tensor:
    """(batch,) the position of one of the neighbours of each pixel, drawn.

    Args:
        neighbours: (batch, 8) as `adjacent` gives them.
        random: generator.
    """
    shape, device = (len(neighbours), 1), neighbours.device
    column = torch.randint(neighbours.shape[1], shape, generator=random, device=device)
    return neighbours.gather(1, column)[:, 0]
