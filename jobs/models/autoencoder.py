"""A small denoising autoencoder of vectors: a linear path and a correction to it, each way.

The encoder is `x -> A x + f(x)`, the decoder `z -> B z + g(z)`, with A and B the first `latent`
axes of the input and the corrections f, g starting at zero: before any training the embedding is
the first `latent` inputs (for PCA scores: the best linear one), and training improves on it.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from jobs.settings import check


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes of the model."""

    latent: int = 32
    """Dimensions of the embedding; at most those of the input."""
    hidden: int = 128
    """Width of the corrections."""

    def __post_init__(self) -> None:
        check("latent must be above 0", self.latent, holds=self.latent > 0)
        check("hidden must be above 0", self.hidden, holds=self.hidden > 0)


class Autoencoder(nn.Module):
    """Encodes (batch, inputs) to (batch, latent), and back."""

    def __init__(self, inputs: int, architecture: Architecture) -> None:
        super().__init__()
        self.inputs = inputs
        latent = min(architecture.latent, inputs)
        self.encoder = _Path(inputs, architecture.hidden, latent)
        self.decoder = _Path(latent, architecture.hidden, inputs)

    def encode(self, x: Tensor) -> Tensor:
        """(batch, latent) embedding of (batch, inputs)."""
        embedding: Tensor = self.encoder(x)
        return embedding

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs) rebuilt from the embedding of `x`."""
        rebuilt: Tensor = self.decoder(self.encode(x))
        return rebuilt


class _Path(nn.Module):
    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        nn.init.eye_(self.linear.weight)
        last = nn.Linear(hidden, outputs)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.correction = nn.Sequential(
            nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), last
        )

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.linear(x) + self.correction(x)
        return moved
