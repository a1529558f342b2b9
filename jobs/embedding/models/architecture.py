"""The encoders by name, each with its decoder, and the settings that choose one.

An encoder is built from the description of its inputs (`jobs.embedding.columns`); a decoder is built
where a loss asks for rebuilt inputs. Adding one is a function and an entry of `ENCODERS`; docs/extending.md
does so for an encoder that uses the months of its inputs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.entries import Need, check_names
from jobs.embedding.linear_part import AUTO, LOCAL, NOISE
from jobs.embedding.models.deep import deep
from jobs.embedding.models.plain import plain
from jobs.embedding.models.residual import Residual
from jobs.runs.settings import check

RESIDUAL, PLAIN, DEEP, VAE = "residual", "plain", "deep", "vae"
NONE = "none"
LINEAR_PARTS = (NONE, NOISE, LOCAL, AUTO)
UNIT, COMMON = "unit", "common"
INPUT_SCALES = (UNIT, COMMON)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Kind and sizes of a model."""

    model: str = ""
    """A name of `ENCODERS`; none: `deep` for features, else `residual`."""
    latent: int = 64
    """Dimensions of the embedding; at most those of the input for `residual`."""
    hidden: int = 0
    """Width of hidden layers; 0: the entry's."""
    depth: int = 2
    """Blocks of `deep`."""
    nested: tuple[int, ...] = ()
    """The first so many dimensions are trained as embeddings of their own, too (Matryoshka)."""
    unit: bool = True
    """Whether an embedding has length 1."""
    linear_part: str = ""
    """What stands before the learnt dimensions (`jobs.embedding.linear_part`): `none`, `noise`, `local`,
    or `auto`, which chooses one of the latter two; empty: chosen with the recipe."""
    linear: int = 24
    """Dimensions of the linear part; at most those of the input."""
    input_scale: str = UNIT
    """What inputs that are scores are divided by: `unit`, each by its standard deviation; `common`, all by
    one number."""

    def __post_init__(self) -> None:
        check_names("model", [self.model] if self.model else [], ENCODERS)
        for name in ("latent", "depth"):
            check(f"{name} must be above 0", getattr(self, name), holds=getattr(self, name) > 0)
        check("hidden must be 0 or more", self.hidden, holds=self.hidden >= 0)
        fits = all(0 < size < self.latent for size in self.nested)
        check("nested must be above 0 and below latent", self.nested, holds=fits)
        check(
            f"linear_part must be one of {', '.join(LINEAR_PARTS)}",
            self.linear_part,
            holds=self.linear_part in {"", *LINEAR_PARTS},
        )
        check("linear must be above 0", self.linear, holds=self.linear > 0)
        check(
            f"input_scale must be one of {', '.join(INPUT_SCALES)}",
            self.input_scale,
            holds=self.input_scale in INPUT_SCALES,
        )
        if self.has_linear_part:
            check("a linear part needs unit=true", self.unit, holds=self.unit)
            check("nested needs linear_part=none", self.nested, holds=not self.nested)

    @property
    def has_linear_part(self) -> bool:
        """Whether a vector has a linear part; resolved architectures only."""
        return self.linear_part not in {"", NONE}

    def resolve(self, *, features: bool) -> Self:
        """The architecture with kind and width chosen; `features`: its inputs are no components."""
        model = self.model or (DEEP if features else RESIDUAL)
        return replace(self, model=model, hidden=self.hidden or ENCODERS[model].hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """An encoder by name, and the decoder that goes with it."""

    build: Callable[[Columns, int, Architecture, Tensor], nn.Module]
    """`build(columns, outputs, settings, first_map)`: a module (batch, inputs) -> (batch, outputs).

    `columns` describes the inputs, which come divided by their scale. `first_map` (inputs,) is that
    scale, 1 for the largest: times it, inputs are as long as they were.
    """
    build_decoder: Callable[[Columns, int, Architecture], nn.Module]
    """`build_decoder(columns, latent, settings)`: a module (batch, latent) -> (batch, inputs)."""
    help: str
    """One line for people."""
    hidden: int
    """The width of hidden layers where no other is set."""
    settings: tuple[str, ...]
    """Names of the settings of `Architecture` that it uses, besides `latent`, `nested` and `unit`."""
    needs: tuple[Need, ...] = ()
    is_variational: bool = False
    """Whether outputs are mean and log variance of a normal distribution: twice the latent dimensions."""
    narrows: bool = False
    """Whether an embedding has at most as many dimensions as there are inputs."""


def latent_size(architecture: Architecture, inputs: int) -> int:
    """Learnt dimensions of the embedding of so many inputs."""
    narrows = ENCODERS[architecture.model].narrows
    return min(architecture.latent, inputs) if narrows else architecture.latent


def linear_size(architecture: Architecture, inputs: int) -> int:
    """Dimensions of the linear part of the embedding of so many inputs."""
    return min(architecture.linear, inputs) if architecture.has_linear_part else 0


def changes(architecture: Architecture, columns: Columns) -> Iterator[str]:
    """What a model of these inputs has else than its settings ask for, a line each."""
    learnt = latent_size(architecture, columns.count)
    if learnt < architecture.latent:
        yield (
            f"latent={architecture.latent} became {learnt}: model={architecture.model} has at most as many "
            f"dimensions as there are inputs, {columns}"
        )
    linear = linear_size(architecture, columns.count)
    if architecture.has_linear_part and linear < architecture.linear:
        yield f"linear={architecture.linear} became {linear}: there are {columns}"


def _residual(
    columns: Columns, outputs: int, settings: Architecture, first_map: Tensor
) -> nn.Module:
    return Residual(columns.count, settings.hidden, outputs, first_map)


def _residual_decoder(columns: Columns, latent: int, settings: Architecture) -> nn.Module:
    return Residual(latent, settings.hidden, columns.count)


def _plain(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return plain(columns.count, settings.hidden, outputs)


def _plain_decoder(columns: Columns, latent: int, settings: Architecture) -> nn.Module:
    return plain(latent, settings.hidden, columns.count)


def _deep(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return deep(columns.count, settings.hidden, outputs, settings.depth)


def _deep_decoder(columns: Columns, latent: int, settings: Architecture) -> nn.Module:
    return deep(latent, settings.hidden, columns.count, settings.depth)


ENCODERS: dict[str, Encoder] = {
    RESIDUAL: Encoder(
        build=_residual,
        build_decoder=_residual_decoder,
        help="for scores: a linear map, at first the first `latent` scores, plus a correction from 0",
        hidden=512,
        settings=("hidden",),
        narrows=True,
    ),
    PLAIN: Encoder(
        build=_plain,
        build_decoder=_plain_decoder,
        help="two hidden layers of ReLU, as in the original study",
        hidden=512,
        settings=("hidden",),
    ),
    DEEP: Encoder(
        build=_deep,
        build_decoder=_deep_decoder,
        help="for features: `depth` residual blocks, normalised",
        hidden=256,
        settings=("hidden", "depth"),
    ),
    VAE: Encoder(
        build=_plain,
        build_decoder=_plain_decoder,
        help="`plain`, with a normal distribution for each pixel; it goes with `loss=kl`",
        hidden=512,
        settings=("hidden",),
        is_variational=True,
    ),
}
