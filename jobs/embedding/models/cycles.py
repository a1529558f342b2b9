"""The year and the day as circles: convolutions whose last month is beside the first, apart for each.

Months and times of day are those that the inputs have, in their order.
"""

import torch
from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.models.cells import Cells, by_time

KERNEL = 3
"""Neighbours on a circle that a convolution sees, itself included."""


class Circle(nn.Module):
    """Two circular convolutions: (batch, channels, length) -> (batch, width, length).

    What goes in turned by some places comes out turned by as many.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = _convolution(channels, width)
        self.second = _convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, width, length) of (batch, channels, length)."""
        before = nn.functional.gelu(self.first(x))
        after: Tensor = before + nn.functional.gelu(self.second(before))
        return after


class Cycles(nn.Module):
    """The seasonal and the diurnal circle of tokens, kept apart until the last layer.

    (batch, month * tod, width) -> (batch, outputs).
    """

    def __init__(self, sizes: tuple[int, int], width: int, hidden: int, outputs: int) -> None:
        """Build it.

        Args:
            sizes: number of months and of times of day.
            width: of a token.
            hidden: channels of the convolutions.
            outputs: dimensions.
        """
        super().__init__()
        months, tods = self.sizes = sizes
        self.seasonal = Circle(tods * width, hidden)
        self.diurnal = Circle(months * width, hidden)
        self.last = nn.Linear(hidden * (months + tods), outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, outputs) of tokens."""
        grid = tokens.reshape(len(tokens), *self.sizes, -1)  # (batch, month, tod, width)
        year = self.seasonal(grid.permute(0, 2, 3, 1).flatten(1, 2))
        day = self.diurnal(grid.permute(0, 1, 3, 2).flatten(1, 2))
        outputs: Tensor = self.last(torch.cat([year.flatten(1), day.flatten(1)], dim=1))
        return outputs


class Cyclic(nn.Module):
    """Cells of (month, time of day), then their two circles."""

    def __init__(self, columns: Columns, hidden: int, outputs: int) -> None:
        """Build it.

        Args:
            columns: the description of the inputs, which are features.
            hidden: width of a token, and channels of the convolutions.
            outputs: dimensions.
        """
        super().__init__()
        cell, channel, sizes = by_time(columns)
        self.cells = Cells(cell, channel, sizes[0] * sizes[1], hidden)
        self.cycles = Cycles(sizes, hidden, hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs), NaN where missing."""
        outputs: Tensor = self.cycles(self.cells(x))
        return outputs


def _convolution(channels: int, width: int) -> nn.Conv1d:
    return nn.Conv1d(channels, width, KERNEL, padding=KERNEL // 2, padding_mode="circular")
