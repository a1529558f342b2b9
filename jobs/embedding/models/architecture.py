"""The encoders by name, each with its decoder, and the settings that choose one.

An encoder is built from the description of its inputs (`jobs.embedding.columns`); a decoder is built
where a loss asks for rebuilt inputs. Adding one is a function and an entry of `ENCODERS`; docs/extending.md
does so for an encoder that uses the months of its inputs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from jobs.embedding.columns import Columns
from jobs.embedding.entries import Need, check_names
from jobs.embedding.linear_part import AUTO, LOCAL, NOISE
from jobs.embedding.models.attention import BandAttention, Transformer
from jobs.embedding.models.composite import Composite
from jobs.embedding.models.cycles import Cyclic
from jobs.embedding.models.deep import deep
from jobs.embedding.models.hierarchical import Hierarchical
from jobs.embedding.models.plain import plain
from jobs.embedding.models.residual import Residual
from jobs.embedding.models.subpixels import SubpixelSets
from jobs.embedding.models.towers import Towers, by_statistic
from jobs.runs.settings import OneOf, check, newer
from lake.errors import ConfigError

RESIDUAL, PLAIN, DEEP = "residual", "plain", "deep"
_VAE = "vae"
WIDE = 256
"""Width of the decoders of encoders whose own width is that of a token."""
NONE = "none"
LINEAR_PARTS = (NONE, NOISE, LOCAL, AUTO)
UNIT, COMMON = "unit", "common"
INPUT_SCALES = (UNIT, COMMON)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Kind and sizes of a model."""

    model: Annotated[str, OneOf("ENCODERS")] = ""
    """Kind of the model; empty: `deep` for features, else `residual`."""
    latent: int = 64
    """Dimensions of the embedding; at most those of the input for `residual`."""
    hidden: int = 0
    """Width of hidden layers; 0: that of the model."""
    depth: int = 2
    """Blocks of `deep`, layers of `bands` and `transformer`."""
    nested: tuple[int, ...] = ()
    """The first so many dimensions are trained as embeddings of their own, too (Matryoshka)."""
    unit: bool = True
    """Whether an embedding has length 1."""
    linear_part: Annotated[str, OneOf("LINEAR_PARTS")] = ""
    """What stands before the learnt dimensions; `auto` chooses `noise` or `local`; empty: chosen with the
    recipe."""
    linear: int = 24
    """Dimensions of the linear part; at most those of the input."""
    input_scale: Annotated[str, OneOf("INPUT_SCALES")] = newer(UNIT)
    """What inputs that are scores are divided by: `unit`, each by its standard deviation; `common`, all by
    one number."""
    variational: bool = newer(default=False)
    """Whether the code of a pixel is a normal distribution (VAE); it goes with `loss=kl`."""
    towers: tuple[str, ...] = newer(())
    """Statistics that have an encoder of their own, as `mean+stddev,skewness+kurtosis`; none: one of all."""

    def __post_init__(self) -> None:
        if self.model == _VAE:
            raise ConfigError(
                "setting model=vae: a variational code goes with any model now; set model=plain, "
                "variational=true, and kl among the terms of loss"
            )
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

    @staticmethod
    def upgrade(document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Stored settings in today's form: `vae` was a model of its own, a variational `plain`."""
        if document.get("model") != _VAE:
            return document
        return {**document, "model": PLAIN, "variational": True}

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
    takes_missing: bool = False
    """Whether missing and hidden inputs come as NaN; to others they come as 0, the mean."""
    narrows: bool = False
    """Whether an embedding has at most as many dimensions as there are inputs."""


def build(columns: Columns, outputs: int, settings: Architecture, first_map: Tensor) -> nn.Module:
    """The encoder of an architecture, or the towers that it has; see `Encoder.build`.

    Static features are a tower of their own beside encoders that know months and bands, and beside towers.
    """
    entry = ENCODERS[settings.model]
    apart = columns.static if entry.takes_missing or settings.towers else np.empty(0, np.int64)
    if not (apart.size or settings.towers):
        return entry.build(columns, outputs, settings, first_map)
    observed = np.setdiff1d(np.arange(columns.count), apart)
    groups = [observed[rows] for rows in by_statistic(columns.subset(observed), settings.towers)]
    encoders = [
        entry.build(columns.subset(rows), outputs, settings, first_map[torch.from_numpy(rows)])
        for rows in groups
    ]
    if apart.size:
        groups.append(apart)
        encoders.append(SubpixelSets(columns.subset(apart), settings.hidden, outputs))
    return Towers(groups, encoders, outputs)


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


def _wide_decoder(columns: Columns, latent: int, settings: Architecture) -> nn.Module:
    return plain(latent, max(settings.hidden, WIDE), columns.count)


def _cyclic(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return Cyclic(columns, settings.hidden, outputs)


def _bands(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return BandAttention(columns, settings.hidden, outputs, settings.depth)


def _subpixels(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return SubpixelSets(columns, settings.hidden, outputs)


def _hierarchical(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return Hierarchical(columns, settings.hidden, outputs)


def _transformer(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return Transformer(columns, settings.hidden, outputs, settings.depth)


def _composite(columns: Columns, outputs: int, settings: Architecture, _: Tensor) -> nn.Module:
    return Composite(columns, settings.hidden, outputs)


def _structured(
    build: Callable[[Columns, int, Architecture, Tensor], nn.Module],
    help: str,  # noqa: A002 (the field's name)
    hidden: int,
    settings: tuple[str, ...] = ("hidden",),
) -> Encoder:
    """The entry of an encoder of features that knows missing ones."""
    return Encoder(
        build=build,
        build_decoder=_wide_decoder,
        help=help,
        hidden=hidden,
        settings=(*settings, "towers"),
        needs=(Need.FEATURES,),
        takes_missing=True,
    )


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
    "cyclic": _structured(
        _cyclic,
        "for features: convolutions around the year and around the day, apart until the last layer",
        hidden=64,
    ),
    "hierarchical": _structured(
        _hierarchical,
        "for features: bands of a (month, time of day) first, then days, then the year",
        hidden=64,
    ),
    "bands": _structured(
        _bands,
        "for features: `depth` layers of attention over bands, placed by their wavelength",
        hidden=64,
        settings=("hidden", "depth"),
    ),
    "subpixels": _structured(
        _subpixels,
        "for features: the fine pixels of a cube as a set, without an order",
        hidden=128,
    ),
    "transformer": _structured(
        _transformer,
        "for features: `depth` layers of attention over (band, subpixel, statistic)",
        hidden=64,
        settings=("hidden", "depth"),
    ),
    "composite": _structured(
        _composite,
        "for features: each band at its resolution by itself, then `cyclic` on top",
        hidden=64,
    ),
}
