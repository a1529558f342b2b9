"""What a model is made of: an encoder by name, and a decoder where a loss asks what was rebuilt.

- `residual`: a linear map, at first the front's first axes, and a correction
(`jobs.embedding.models.residual`); - `plain`: two hidden layers, as the original study had them;
- `deep`: many residual blocks, for features without components before them;
- `vae`: `plain`, whose codes are drawn from a normal distribution while it trains; the embedding is
  its mean.

A decoder is of the same kind, the other way. Inputs are divided by their scale first, which is stored
with the weights.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from jobs.embedding.models.deep import deep
from jobs.embedding.models.plain import plain
from jobs.embedding.models.residual import Residual
from jobs.runs.settings import check

RESIDUAL, PLAIN, DEEP, VAE = MODELS = ("residual", "plain", "deep", "vae")


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of a model."""

    model: str = ""
    """`residual`, `plain`, `deep` or `vae`; none: `deep` for features, else `residual`."""
    latent: int = 64
    """Dimensions of the embedding; at most those of the input for `residual`."""
    hidden: int = 0
    """Width of hidden layers; 0: 256 for `deep`, else 512."""
    depth: int = 2
    """Blocks of `deep`."""
    nested: tuple[int, ...] = ()
    """The first so many dimensions are trained as embeddings of their own, too (Matryoshka)."""
    unit: bool = True
    """Whether an embedding has length 1."""

    def __post_init__(self) -> None:
        known = self.model in {"", *MODELS}
        check(f"model must be one of {', '.join(MODELS)}", self.model, holds=known)
        for name in ("latent", "depth"):
            check(f"{name} must be above 0", getattr(self, name), holds=getattr(self, name) > 0)
        check("hidden must be 0 or more", self.hidden, holds=self.hidden >= 0)
        fits = all(0 < size < self.latent for size in self.nested)
        check("nested must be above 0 and below latent", self.nested, holds=fits)

    def settled(self, *, features: bool) -> Self:
        """With kind and width chosen, if they are not; `features`: its inputs are no components."""
        model = self.model or (DEEP if features else RESIDUAL)
        return replace(self, model=model, hidden=self.hidden or (256 if model == DEEP else 512))


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """What an encoder says of a batch while it trains."""

    z: Tensor
    """(batch, latent); of `vae`, drawn."""
    mean: Tensor
    log_variance: Tensor | None = None
    """Of `vae`."""


class Model(nn.Module):
    """An encoder, and a decoder or none."""

    scale: Tensor

    def __init__(
        self, architecture: Architecture, inputs: int, scale: Tensor, *, decodes: bool
    ) -> None:
        """Build it.

        Args:
            architecture: sizes, settled.
            inputs: dimensions.
            scale: (inputs,) what inputs are divided by.
            decodes: whether it has a decoder.
        """
        super().__init__()
        self.architecture, self.inputs = architecture, inputs
        self.latent = width(architecture, inputs)
        self.register_buffer("scale", scale)
        unit = scale / scale.max()
        codes = 2 * self.latent if architecture.model == VAE else self.latent
        self.encoder = _path(architecture, inputs, codes, unit)
        self.decoder = _path(architecture, self.latent, inputs) if decodes else None

    def code(self, x: Tensor, random: torch.Generator) -> Code:
        """Of scaled inputs (batch, inputs), to train."""
        found: Tensor = self.encoder(x)
        if self.architecture.model != VAE:
            return Code(found, found)
        mean, log_variance = found.chunk(2, dim=1)
        drawn = torch.randn(mean.shape, generator=random, device=mean.device)
        return Code(mean + drawn * (log_variance / 2).exp(), mean, log_variance)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, latent) embedding of inputs (batch, inputs) as the front has them."""
        found: Tensor = self.encoder(x / self.scale)[:, : self.latent]
        return functional.normalize(found) if self.architecture.unit else found


def width(architecture: Architecture, inputs: int) -> int:
    """Dimensions of the embedding of so many inputs."""
    narrow = architecture.model == RESIDUAL
    return min(architecture.latent, inputs) if narrow else architecture.latent


def _path(
    architecture: Architecture, inputs: int, outputs: int, unit: Tensor | None = None
) -> nn.Module:
    hidden = architecture.hidden
    if architecture.model == RESIDUAL:
        return Residual(inputs, hidden, outputs, unit)
    if architecture.model == DEEP:
        return deep(inputs, hidden, outputs, architecture.depth)
    if architecture.model in {PLAIN, VAE}:
        return plain(inputs, hidden, outputs)
    raise ValueError(f"{architecture} is not settled")
