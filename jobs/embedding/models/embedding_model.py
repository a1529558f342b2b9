"""A model: an encoder, a decoder where a loss asks for rebuilt inputs, and the scale of its inputs.

A model with a linear part (`jobs.embedding.linear_part`) also has two fixed linear maps of scaled inputs: one
before the encoder, one to the linear part of a vector.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.embedding.columns import Columns
from jobs.embedding.linear_part import LEARNT, LinearAxes
from jobs.embedding.models.architecture import (
    ENCODERS,
    Architecture,
    build,
    latent_size,
    linear_size,
)


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """The code that an encoder gives to a batch while it trains."""

    z: Tensor
    """(batch, latent); of a variational encoder, drawn from its distribution."""
    mean: Tensor
    """(batch, latent)"""
    log_variance: Tensor | None = None
    """(batch, latent); None: the encoder is not variational."""


class EmbeddingModel(nn.Module):
    """An encoder, and a decoder or none; inputs are divided by `scale`, which is stored with the weights.

    An input that is missing or hidden is NaN.
    """

    scale: Tensor
    input_axes: Tensor
    """(inputs, inputs) from scaled inputs to those of the encoder, where there is a linear part."""
    linear_axes: Tensor
    """(inputs, linear) from scaled inputs to the linear part, where there is one."""

    def __init__(
        self, architecture: Architecture, columns: Columns, scale: Tensor, *, decodes: bool
    ) -> None:
        """Build it.

        Args:
            architecture: resolved.
            columns: the description of the inputs.
            scale: (inputs,) what inputs are divided by.
            decodes: whether it has a decoder.
        """
        super().__init__()
        entry = ENCODERS[architecture.model]
        self.architecture, self.columns = architecture, columns
        self.latent = latent_size(architecture, columns.count)
        self.takes_missing = entry.takes_missing
        self.facts: dict[str, Any] = {}
        """What was chosen for its linear part, and why."""
        self.register_buffer("scale", scale)
        first_map = scale / scale.max()
        if linear := linear_size(architecture, columns.count):
            first_map = torch.ones(columns.count)
            self.register_buffer("input_axes", torch.eye(columns.count))
            self.register_buffer("linear_axes", torch.eye(columns.count, linear))
        outputs = 2 * self.latent if architecture.variational else self.latent
        self.encoder = build(columns, outputs, architecture, first_map)
        self.decoder = entry.build_decoder(columns, self.latent, architecture) if decodes else None

    def fix(self, axes: LinearAxes) -> None:
        """Take on the linear maps of a land, before the training."""
        self.input_axes.copy_(torch.from_numpy(axes.inputs))
        self.linear_axes.copy_(torch.from_numpy(axes.linear))
        self.facts = axes.facts

    def code(self, x: Tensor, random: torch.Generator) -> Code:
        """The code of scaled inputs (batch, inputs), to train: of the learnt part alone."""
        outputs: Tensor = self.encoder(self._before(self._filled(x)))
        if not self.architecture.variational:
            return Code(outputs, outputs)
        mean, log_variance = outputs.chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=random, device=mean.device)
        return Code(mean + noise * (log_variance / 2).exp(), mean, log_variance)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, linear + latent) embedding of inputs (batch, inputs), which are not scaled yet."""
        x = self._filled(x / self.scale)
        means: Tensor = self.encoder(self._before(x))[:, : self.latent]
        learnt = functional.normalize(means) if self.architecture.unit else means
        if not self.architecture.has_linear_part:
            return learnt
        linear = functional.normalize(x @ self.linear_axes)
        return functional.normalize(torch.cat([linear, LEARNT * learnt], dim=1))

    def _filled(self, x: Tensor) -> Tensor:
        """(batch, inputs) with 0 where NaN, unless the encoder knows what is missing."""
        return x if self.takes_missing else x.nan_to_num()

    def _before(self, x: Tensor) -> Tensor:
        """(batch, inputs) what the encoder is given of scaled inputs."""
        return x @ self.input_axes if self.architecture.has_linear_part else x
