"""Inputs that are features in a table of cells, each of which becomes a token.

Encoders of structure begin here: a cell is what belongs together, such as all features of one (month, time
of day). An input that is missing or hidden is NaN, and never reaches a product: its weight sees 0, and
another weight sees that it is not there. A cell without any value is one learnt token, as the masked
patches of He et al., "Masked autoencoders are scalable vision learners" (2022).
"""

import numpy as np
import torch
from torch import Tensor, nn

from jobs.embedding.columns import ATTRIBUTES, Columns
from lake.format.arrays import Indices


class Cells(nn.Module):
    """(batch, inputs) -> (batch, cell, width): a linear map of the values of a cell and of their presence.

    All cells of a group have the same map.
    """

    source: Tensor
    """(cell * channel,) the input at each place of the table; the number of inputs where there is none."""
    group: Tensor
    """(cell,) the number of each cell's group."""

    def __init__(
        self, cell: Indices, channel: Indices, count: int, width: int, group: Indices | None = None
    ) -> None:
        """Build it.

        Args:
            cell: (inputs,) the cell of each input.
            channel: (inputs,) the place of each input in its cell.
            count: of cells.
            width: of a token.
            group: (count,) the group of each cell; None: all are of one.
        """
        super().__init__()
        groups = np.zeros(count, np.int64) if group is None else group
        self.count, self.channels = count, int(channel.max()) + 1
        source = torch.full((count * self.channels,), len(cell))
        source[torch.from_numpy(cell * self.channels + channel)] = torch.arange(len(cell))
        self.register_buffer("source", source, persistent=False)
        self.register_buffer("group", torch.from_numpy(groups), persistent=False)
        inputs = 2 * self.channels
        self.weight = nn.Parameter(torch.empty(int(groups.max()) + 1, inputs, width))
        nn.init.uniform_(self.weight, -(inputs**-0.5), inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(width))
        self.absent = nn.Parameter(torch.randn(width) * 0.02)

    def table(self, x: Tensor) -> Tensor:
        """(batch, cell, channel) of inputs (batch, inputs); NaN where there is no value."""
        nothing = x.new_full((len(x), 1), torch.nan)
        values = torch.cat([x, nothing], dim=1)[:, self.source]
        return values.reshape(len(x), self.count, self.channels)

    def present(self, x: Tensor) -> Tensor:
        """(batch, cell) whether a cell has any value."""
        return ~self.table(x).isnan().all(dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, cell, width) tokens of inputs (batch, inputs)."""
        table = self.table(x)
        is_present = ~table.isnan()
        seen = torch.cat([table.nan_to_num(), is_present.to(x.dtype)], dim=2)
        if len(self.weight) == 1:
            tokens = seen @ self.weight[0]
        else:
            tokens = torch.einsum("bkc,kcw->bkw", seen, self.weight[self.group])
        return torch.where(is_present.any(dim=2, keepdim=True), tokens + self.bias, self.absent)


def by_time(columns: Columns, *within: str) -> tuple[Indices, Indices, tuple[int, int]]:
    """The cell of each input in a table of months and times of day, its channel, and the table's size.

    Args:
        columns: the description of the inputs, which are features.
        within: attributes that tell inputs of a cell apart; none: all but month and time of day.
    """
    month, tod = columns.numbers("month"), columns.numbers("tod")
    sizes = int(month.max()) + 1, int(tod.max()) + 1
    return month * sizes[1] + tod, columns.numbers(*(within or others("month", "tod"))), sizes


def by(columns: Columns, *attributes: str) -> tuple[Indices, Indices, int]:
    """The cell of each input by attributes, its channel by all others, and the number of cells."""
    cell = columns.numbers(*attributes)
    return cell, columns.numbers(*others(*attributes)), int(cell.max()) + 1


def others(*attributes: str) -> tuple[str, ...]:
    """All attributes of features but these."""
    return tuple(name for name in ATTRIBUTES if name not in attributes)


def representatives(columns: Columns, *attributes: str) -> Indices:
    """(cell,) the first input of each cell by attributes, which shows what the cell's attributes are."""
    first: Indices = np.unique(columns.numbers(*attributes), return_index=True)[1]
    return first
