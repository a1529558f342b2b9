"""The loss of a training: a weighted sum of terms by name.

Terms compare the two views of a batch (`jobs.embedding.views`), what a decoder rebuilds of a view with
what the view hides, or a variational code with its prior. Adding a term is a function, in a module of
this package, and an entry of `TERMS`; docs/extending.md does so. docs/embedding.md says which terms go
well together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from jobs.embedding.entries import Need, check_names
from jobs.embedding.losses import contrastive, fine_pixels, reconstruction, redundancy
from jobs.embedding.models.embedding_model import Code
from jobs.embedding.views.choice import ColumnNumbers
from jobs.features import static
from jobs.runs.settings import OneOf, check, newer
from lake.errors import ConfigError

BLIND = "blind"
CONDITIONS = static.PLACES
"""What an encoder can be asked to be blind to; angles of the sun at a time follow from the place."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The terms of the loss."""

    loss: tuple[Annotated[str, OneOf("TERMS")], ...] = ()
    """Terms of the loss; empty: the best measured for the stores."""
    weights: tuple[float, ...] = ()
    """Weights, one for each term; empty: the terms' own."""
    temperature: float = 0.2
    """Temperature of the softmax of `infonce` and `supervised`."""
    blind_to: tuple[Annotated[str, OneOf("CONDITIONS")], ...] = newer(())
    """Quantities of the place that vectors are not to tell."""

    def __post_init__(self) -> None:
        check_names("loss", self.loss, TERMS)
        fits = len(self.weights) in {0, len(self.loss)}
        check("weights must be one for each loss, or none", self.weights, holds=fits)
        check("temperature must be above 0", self.temperature, holds=self.temperature > 0)
        fits = set(self.blind_to) <= set(CONDITIONS)
        check(f"blind_to must be of {', '.join(CONDITIONS)}", self.blind_to, holds=fits)

    def needs(self, need: Need) -> bool:
        """Whether one of the terms needs this."""
        return any(need in TERMS[name].needs for name in self.loss)


@dataclass(frozen=True, slots=True, eq=False)
class BatchOutcome:
    """What a model computes from the two views of a batch, float32."""

    first: Tensor
    """(batch, latent) vectors of the first view."""
    second: Tensor
    """(batch, latent) vectors of the second view."""
    codes: tuple[Code, Code]
    """The codes of the views, of which the vectors are the first dimensions."""
    rebuilt: tuple[Tensor, Tensor] | None
    """(batch, inputs) rebuilt from each view; None: the model has no decoder."""
    clean: tuple[Tensor, Tensor]
    """(batch, inputs) that each view was made from; NaN: missing."""
    labels: Tensor | None
    """(batch,) below 0: the pixel has no label; None: there are no labels."""
    columns: ColumnNumbers
    """The groups of the inputs."""
    conditions: Tensor | None = None
    """(batch, c) what vectors are not to tell; None: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTerm:
    """A term of the loss."""

    value: Callable[[BatchOutcome, Objective], Tensor]
    """The term of a batch, a scalar."""
    help: str
    """One line for people."""
    settings: tuple[str, ...] = ()
    """Names of the settings of `Objective` that it uses."""
    needs: tuple[Need, ...] = ()
    weight: float = 1.0
    """Where no weights are set."""


def terms(objective: Objective, outcome: BatchOutcome) -> dict[str, Tensor]:
    """Name -> value of each term of a batch, without its weight."""
    return {name: TERMS[name].value(outcome, objective) for name in objective.loss}


def total(objective: Objective, values: Mapping[str, Tensor]) -> Tensor:
    """The loss, of the values of its terms."""
    weights = objective.weights or tuple(TERMS[name].weight for name in objective.loss)
    parts = [weight * values[name] for name, weight in zip(objective.loss, weights, strict=True)]
    loss: Tensor = sum(parts[1:], start=parts[0])
    return loss


def _infonce(outcome: BatchOutcome, objective: Objective) -> Tensor:
    return contrastive.infonce(outcome.first, outcome.second, objective.temperature)


def _alignment(outcome: BatchOutcome, _: Objective) -> Tensor:
    return contrastive.alignment(outcome.first, outcome.second)


def _supervised(outcome: BatchOutcome, objective: Objective) -> Tensor:
    if outcome.labels is None:
        raise ConfigError("loss=supervised needs labels: '--set labels=FILE.parquet'")
    first, second = outcome.first, outcome.second
    return contrastive.supervised(first, second, outcome.labels, objective.temperature)


def _blind(outcome: BatchOutcome, _: Objective) -> Tensor:
    if outcome.conditions is None:
        raise ConfigError("loss=blind needs conditions: '--set blind_to=latitude,longitude'")
    told = [
        redundancy.blindness(vectors, outcome.conditions)
        for vectors in (outcome.first, outcome.second)
    ]
    return (told[0] + told[1]) / 2


def _vicreg(outcome: BatchOutcome, _: Objective) -> Tensor:
    return redundancy.vicreg(outcome.first, outcome.second)


def _barlow(outcome: BatchOutcome, _: Objective) -> Tensor:
    return redundancy.barlow(outcome.first, outcome.second)


def _divergence(outcome: BatchOutcome, _: Objective) -> Tensor:
    spreads = [(code.mean, code.log_variance) for code in outcome.codes]
    divergences = [reconstruction.divergence(m, v) for m, v in spreads if v is not None]
    if not divergences:
        raise ConfigError("loss=kl needs variational=true: set it, or leave the term out")
    return sum(divergences[1:], start=divergences[0]) / len(divergences)


def _per_view(loss: Callable[[Tensor], Tensor]) -> Callable[[BatchOutcome, Objective], Tensor]:
    """A term that is the mean of a loss of the vectors of each view."""
    return lambda outcome, _: (loss(outcome.first) + loss(outcome.second)) / 2


def _rebuilt(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[BatchOutcome, Objective], Tensor]:
    """A term that is the mean over the views of a loss of rebuilt and clean inputs."""

    def term(outcome: BatchOutcome, _: Objective) -> Tensor:
        pairs = zip(outcome.rebuilt or (), outcome.clean, strict=True)
        first, second = (loss(rebuilt, clean) for rebuilt, clean in pairs)
        return (first + second) / 2

    return term


def _rebuilt_sets(
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Callable[[BatchOutcome, Objective], Tensor]:
    """A term that is the mean over views and cubes of a loss of rebuilt and clean sets of fine pixels."""

    def term(outcome: BatchOutcome, _: Objective) -> Tensor:
        losses = [
            loss(rebuilt[:, sets], clean[:, sets])
            for rebuilt, clean in zip(outcome.rebuilt or (), outcome.clean, strict=True)
            for sets in outcome.columns.fine_sets()
        ]
        return sum(losses[1:], start=losses[0]) / len(losses)

    return term


def _unlike(rebuilt: Tensor, clean: Tensor) -> Tensor:
    return 1 - fine_pixels.ssim(rebuilt, clean)


TERMS: dict[str, LossTerm] = {
    "infonce": LossTerm(
        value=_infonce,
        help="the other view of a pixel is found among those of all pixels of the batch",
        settings=("temperature",),
    ),
    "alignment": LossTerm(
        value=_alignment,
        help="the two views of a pixel are drawn together",
    ),
    "uniformity": LossTerm(
        value=_per_view(contrastive.uniformity),
        help="the vectors of a batch are spread evenly over the sphere",
    ),
    "supervised": LossTerm(
        value=_supervised,
        help="pixels of one label are drawn together; it goes with `labels=FILE`",
        settings=("temperature",),
        needs=(Need.LABELS, Need.ALL_IN_MEMORY),
    ),
    "vicreg": LossTerm(
        value=_vicreg,
        help="views agree, dimensions keep their variance and are not correlated with each other",
    ),
    "barlow": LossTerm(
        value=_barlow,
        help="the correlation of the dimensions of the two views becomes the identity",
    ),
    "decorrelation": LossTerm(
        value=_per_view(redundancy.decorrelation),
        help="dimensions become uncorrelated",
    ),
    BLIND: LossTerm(
        value=_blind,
        help="vectors do not tell the quantities of `blind_to`, by a linear map",
        settings=("blind_to",),
        needs=(Need.CONDITIONS, Need.ALL_IN_MEMORY),
    ),
    "mse": LossTerm(
        value=_rebuilt(reconstruction.mse),
        help="the squared error of inputs that a decoder rebuilds from a view",
        needs=(Need.DECODER,),
    ),
    "huber": LossTerm(
        value=_rebuilt(reconstruction.huber),
        help="as `mse`, but linear beyond an error of 1: outliers pull no harder",
        needs=(Need.DECODER,),
    ),
    "wasserstein": LossTerm(
        value=_rebuilt_sets(fine_pixels.wasserstein),
        help="the sorted fine pixels of each band, rebuilt against clean: their order does not count",
        needs=(Need.FEATURES, Need.DECODER),
    ),
    "sliced": LossTerm(
        value=_rebuilt_sets(fine_pixels.sliced_wasserstein),
        help="the same for all bands of a cube together, along 32 directions (sliced Wasserstein)",
        needs=(Need.FEATURES, Need.DECODER),
    ),
    "chamfer": LossTerm(
        value=_rebuilt_sets(fine_pixels.chamfer),
        help="the distance of each fine pixel to the nearest one of the other set, both ways",
        needs=(Need.FEATURES, Need.DECODER),
    ),
    "sinkhorn": LossTerm(
        value=_rebuilt_sets(fine_pixels.sinkhorn),
        help="the Sinkhorn divergence of the two sets of fine pixels, all bands of a cube together",
        needs=(Need.FEATURES, Need.DECODER),
    ),
    "ssim": LossTerm(
        value=_rebuilt_sets(_unlike),
        help="1 minus the structural similarity of the images of fine pixels: here places count",
        needs=(Need.FEATURES, Need.DECODER),
    ),
    "kl": LossTerm(
        value=_divergence,
        help="the divergence of codes of `variational=true` from a normal one; its weight is beta",
        needs=(Need.VARIATIONAL_CODE,),
    ),
}
