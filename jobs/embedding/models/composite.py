"""Embeddings of every band at its resolution by themselves, then the year and the day on top of them."""

import numpy as np
from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.models.cells import Cells, representatives
from jobs.embedding.models.cycles import Cycles

OWN = ("cube", "band")
"""The attributes of inputs that have weights of their own."""


class Composite(nn.Module):
    """(batch, inputs) -> (batch, outputs).

    A cell is one (cube, band, month, time of day). Cells of a band at its resolution share their weights,
    and no others do. The tokens of all bands of a (month, time of day) side by side go on the circles of
    `jobs.embedding.models.cycles`.
    """

    def __init__(self, columns: Columns, hidden: int, outputs: int) -> None:
        """Build it.

        Args:
            columns: the description of the inputs, which are features.
            hidden: width of the tokens of all bands together, and channels of the convolutions.
            outputs: dimensions.
        """
        super().__init__()
        month, tod = columns.numbers("month"), columns.numbers("tod")
        band = columns.numbers(*OWN)
        self.sizes = int(month.max()) + 1, int(tod.max()) + 1
        self.bands = len(representatives(columns, *OWN))
        slots = self.sizes[0] * self.sizes[1]
        cell = (month * self.sizes[1] + tod) * self.bands + band
        channel = columns.numbers("statistic", "subpixel")
        width = max(hidden // self.bands, 1)
        groups = np.arange(slots * self.bands) % self.bands
        self.cells = Cells(cell, channel, slots * self.bands, width, groups)
        self.cycles = Cycles(self.sizes, self.bands * width, hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs), NaN where missing."""
        tokens = nn.functional.gelu(self.cells(x))  # (batch, month * tod * band, width)
        by_slot = tokens.reshape(len(x), self.cells.count // self.bands, -1)
        outputs: Tensor = self.cycles(by_slot)
        return outputs
