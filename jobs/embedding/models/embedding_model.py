"""A model: an encoder, a decoder where a loss asks for rebuilt inputs, and the scale of its inputs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.embedding.columns import Columns
from jobs.embedding.models.architecture import ENCODERS, Architecture, latent_size


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
    """An encoder, and a decoder or none; inputs are divided by `scale`, which is stored with the weights."""

    scale: Tensor

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
        self.is_variational = entry.is_variational
        self.register_buffer("scale", scale)
        outputs = 2 * self.latent if entry.is_variational else self.latent
        self.encoder = entry.build(columns, outputs, architecture, scale / scale.max())
        self.decoder = entry.build_decoder(columns, self.latent, architecture) if decodes else None

    def code(self, x: Tensor, random: torch.Generator) -> Code:
        """The code of scaled inputs (batch, inputs), to train."""
        outputs: Tensor = self.encoder(x)
        if not self.is_variational:
            return Code(outputs, outputs)
        mean, log_variance = outputs.chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=random, device=mean.device)
        return Code(mean + noise * (log_variance / 2).exp(), mean, log_variance)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, latent) embedding of inputs (batch, inputs), which are not scaled yet."""
        means: Tensor = self.encoder(x / self.scale)[:, : self.latent]
        return functional.normalize(means) if self.architecture.unit else means
