"""Attention over cells: bands with their wavelength as position, or (band, subpixel, statistic) tokens.

Source: Vaswani et al., "Attention is all you need" (2017); normalisation first: Xiong et al., "On layer
normalization in the transformer architecture" (2020).
"""

import numpy as np
import torch
from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.models.cells import Cells, by, representatives
from lake.format.arrays import Floats

HEADS = 4
WAVES = 8
"""Sines and cosines, each so many, that a wavelength is written in."""
SHORTEST_UM, LONGEST_UM = 0.47, 13.3
"""The imager's range."""
BAND = ("cube", "band")
TOKEN = ("cube", "band", "subpixel", "statistic")


class BandAttention(nn.Module):
    """A token for each band at its resolution, placed by its wavelength.

    (batch, inputs) -> (batch, outputs).
    """

    def __init__(self, columns: Columns, hidden: int, outputs: int, depth: int) -> None:
        """Build it.

        Args:
            columns: the description of the inputs, which are features.
            hidden: width of a token.
            outputs: dimensions.
            depth: layers of attention.
        """
        super().__init__()
        self.cells = Cells(*by(columns, *BAND), hidden)
        wavelength = np.array(columns.wavelength_um)[representatives(columns, *BAND)]
        position = torch.from_numpy(wave_numbers(wavelength)).float()
        self.register_buffer("position", position, persistent=False)
        self.place = nn.Linear(2 * WAVES, hidden)
        self.layers = _layers(hidden, depth)
        self.last = nn.Linear(hidden * self.cells.count, outputs)

    position: Tensor
    """(cell, 2 * WAVES)"""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs), NaN where missing."""
        tokens = self.layers(self.cells(x) + self.place(self.position))
        outputs: Tensor = self.last(tokens.flatten(1))
        return outputs


class Transformer(nn.Module):
    """A token for each (band, subpixel, statistic), with all its months and times of day.

    (batch, inputs) -> (batch, outputs). The embedding is the mean of the tokens that have a value.
    """

    def __init__(self, columns: Columns, hidden: int, outputs: int, depth: int) -> None:
        """Build it.

        Args:
            columns: the description of the inputs, which are features.
            hidden: width of a token.
            outputs: dimensions.
            depth: layers of attention.
        """
        super().__init__()
        self.cells = Cells(*by(columns, *TOKEN), hidden)
        self.place = nn.Parameter(torch.randn(self.cells.count, hidden) * 0.02)
        self.layers = _layers(hidden, depth)
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs), NaN where missing."""
        tokens = self.layers(self.cells(x) + self.place)
        share = self.cells.present(x).to(x.dtype)[..., None]
        mean = (tokens * share).sum(dim=1) / share.sum(dim=1).clamp(min=1)
        outputs: Tensor = self.last(mean)
        return outputs


def wave_numbers(wavelength_um: Floats) -> Floats:
    """(cell, 2 * WAVES) sines and cosines of the logarithm of wavelengths (cell,); 0 where there is none.

    Periods go from once over the imager's range to once in a 128th of it.
    """
    share = np.log(wavelength_um / SHORTEST_UM) / np.log(LONGEST_UM / SHORTEST_UM)
    angle = 2 * np.pi * share[:, None] * 2.0 ** np.arange(WAVES)
    waves: Floats = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    return np.nan_to_num(waves)


def _layers(width: int, depth: int) -> nn.Sequential:
    heads = HEADS if width % HEADS == 0 else 1
    return nn.Sequential(
        *(
            nn.TransformerEncoderLayer(
                width, heads, 2 * width, dropout=0.0, activation="gelu",
                batch_first=True, norm_first=True,
            )
            for _ in range(depth)
        )
    )  # fmt: skip
