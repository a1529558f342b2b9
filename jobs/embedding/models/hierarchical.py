"""The cells of a day, then the days of a year: time is kept until the last layer."""

from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.models.cells import Cells, by_time


class Hierarchical(nn.Module):
    """(batch, inputs) -> (batch, outputs).

    Bands and statistics of a (month, time of day) become a token, by weights that all of them share; the
    tokens of the times of day become one of their month, likewise; the last layer sees all months.
    """

    def __init__(self, columns: Columns, hidden: int, outputs: int) -> None:
        """Build it.

        Args:
            columns: the description of the inputs, which are features.
            hidden: width of a token.
            outputs: dimensions.
        """
        super().__init__()
        cell, channel, self.sizes = by_time(columns)
        months, tods = self.sizes
        self.cells = Cells(cell, channel, months * tods, hidden)
        self.cell = _layers(hidden, hidden)
        self.month = _layers(tods * hidden, hidden)
        self.year = nn.Linear(months * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs), NaN where missing."""
        tokens = self.cell(self.cells(x))  # (batch, month * tod, width)
        days = tokens.reshape(len(x), self.sizes[0], -1)
        outputs: Tensor = self.year(self.month(days).flatten(1))
        return outputs


def _layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.GELU(), nn.LayerNorm(inputs), nn.Linear(inputs, outputs), nn.GELU())
