"""Fine pixels under a coarse one as a set: their order does not change the embedding.

Source: Zaheer et al., "Deep sets" (2017): a network of each member, the mean over members, a network of
that.
"""

import numpy as np
import torch
from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.models.cells import Cells, by
from lake.format.arrays import Indices


class SubpixelSets(nn.Module):
    """(batch, inputs) -> (batch, outputs): a set for each cube, then a network of all sets."""

    def __init__(self, columns: Columns, hidden: int, outputs: int) -> None:
        """Build it.

        Args:
            columns: the description of the inputs, which are features; those of merged subpixels are sets of
                one.
            hidden: width of the networks.
            outputs: dimensions.
        """
        super().__init__()
        cube = columns.numbers("cube")
        members = [np.flatnonzero(cube == number) for number in range(int(cube.max()) + 1)]
        self.sets = nn.ModuleList(_Set(columns, inputs, hidden) for inputs in members)
        self.last = nn.Sequential(
            nn.Linear(hidden * len(members), 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs), NaN where missing."""
        outputs: Tensor = self.last(torch.cat([cube(x) for cube in self.sets], dim=1))
        return outputs


class _Set(nn.Module):
    """The mean over the subpixels of a cube of a network of each: (batch, inputs) -> (batch, width)."""

    inputs: Tensor

    def __init__(self, columns: Columns, inputs: Indices, width: int) -> None:
        super().__init__()
        self.register_buffer("inputs", torch.from_numpy(inputs), persistent=False)
        self.cells = Cells(*by(columns.subset(inputs), "subpixel"), width)
        self.member = nn.Sequential(
            nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Subpixels without any value do not count, unless none has one."""
        values = x[:, self.inputs]
        members = self.member(self.cells(values))
        share = self.cells.present(values).to(x.dtype)[..., None]
        share = torch.where(share.sum(dim=1, keepdim=True) > 0, share, torch.ones_like(share))
        mean: Tensor = (members * share).sum(dim=1) / share.sum(dim=1)
        return mean
