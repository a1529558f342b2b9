"""Towers: encoders of groups of inputs, each by itself, joined late.

Groups are by statistic, as a setting names them; what is known of a pixel without any observation, the
static features, is a tower of its own beside an encoder of months and bands.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.runs.settings import check
from lake.format.arrays import Indices

JOIN = "+"
"""Between the statistics of a tower."""


class Towers(nn.Module):
    """(batch, inputs) -> (batch, outputs): the outputs of all towers, and a linear layer that joins them."""

    def __init__(
        self, inputs: Sequence[Indices], encoders: Sequence[nn.Module], outputs: int
    ) -> None:
        """Build it.

        Args:
            inputs: the inputs of each tower.
            encoders: of each tower, with as many outputs as the whole has.
            outputs: dimensions.
        """
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        for number, rows in enumerate(inputs):
            self.register_buffer(f"inputs_{number}", torch.from_numpy(rows), persistent=False)
        self.last = nn.Linear(len(encoders) * outputs, outputs)

    @property
    def inputs(self) -> list[Tensor]:
        """The positions of the inputs of each tower."""
        return [self.get_buffer(f"inputs_{number}") for number in range(len(self.encoders))]

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs)."""
        parts = [
            encoder(x[:, rows]) for encoder, rows in zip(self.encoders, self.inputs, strict=True)
        ]
        outputs: Tensor = self.last(nn.functional.gelu(torch.cat(parts, dim=1)))
        return outputs


def by_statistic(columns: Columns, towers: Sequence[str]) -> list[Indices]:
    """The inputs of each tower.

    Args:
        columns: the description of the inputs, which are features.
        towers: statistics of each, joined by `JOIN`; none: one tower of all.

    Raises:
        ConfigError: an input of no tower or of two, or a tower without inputs.
    """
    if not towers:
        return [np.arange(columns.count)]
    statistic = np.array([name.partition(":")[0] for name in columns.statistic])
    members = [np.isin(statistic, tower.split(JOIN)) for tower in towers]
    existing = ", ".join(sorted(set(statistic.tolist())))
    whole = (np.sum(members, axis=0) == 1).all() and all(rows.any() for rows in members)
    check(f"towers must share out the statistics {existing}", towers, holds=bool(whole))
    return [np.flatnonzero(rows) for rows in members]
