"""What training makes small: a sum of terms by name.

Of the two views of a batch (`jobs.embedding.views`): `infonce`, `alignment`, `uniformity`,
`vicreg`, `barlow`, `decorrelation`, `supervised` (needs labels). Of what a decoder makes of a view
against what it hides: `mse`, `huber`. Of the codes of `vae`: `kl`, whose weight is beta.
docs/embedding.md says what goes well together.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from jobs.embedding.losses import contrastive, reconstruction, redundancy
from jobs.embedding.models.architecture import Code
from jobs.runs.settings import check
from lake.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss."""

    loss: tuple[str, ...] = ()
    """Names of terms; none: the best measured for the stores that there are (`jobs.embedding.recipe`)."""
    weights: tuple[float, ...] = ()
    """One each; none: all 1."""
    temperature: float = 0.2
    """Of `infonce` and `supervised`."""

    def __post_init__(self) -> None:
        for name in self.loss:
            check(f"loss must be some of {', '.join(TERMS)}", name, holds=name in TERMS)
        fits = len(self.weights) in {0, len(self.loss)}
        check("weights must be one for each loss, or none", self.weights, holds=fits)
        check("temperature must be above 0", self.temperature, holds=self.temperature > 0)

    @property
    def decodes(self) -> bool:
        """Whether it asks what was rebuilt."""
        return not REBUILT.isdisjoint(self.loss)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a model makes of the two views of a batch, float32."""

    one: Tensor
    """(batch, latent)"""
    other: Tensor
    codes: tuple[Code, Code]
    rebuilt: tuple[Tensor, Tensor] | None
    """(batch, inputs) of each view."""
    clean: tuple[Tensor, Tensor]
    """(batch, inputs) what the views are of."""
    labels: Tensor | None
    """(batch,) below 0: none."""


def value(objective: Objective, outcome: Outcome) -> Tensor:
    """The loss of a batch."""
    weights = objective.weights or (1.0,) * len(objective.loss)
    terms = [
        weight * TERMS[name](outcome, objective)
        for name, weight in zip(objective.loss, weights, strict=True)
    ]
    total: Tensor = sum(terms[1:], start=terms[0])
    return total


def _supervised(of: Outcome, how: Objective) -> Tensor:
    if of.labels is None:
        raise ConfigError("loss=supervised needs labels: '--set labels=FILE.parquet'")
    return contrastive.supervised(of.one, of.other, of.labels, how.temperature)


def _rebuilt(loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Outcome, Objective], Tensor]:
    def of_views(of: Outcome, _: Objective) -> Tensor:
        pairs = zip(of.rebuilt or (), of.clean, strict=True)
        first, second = (loss(rebuilt, clean) for rebuilt, clean in pairs)
        return (first + second) / 2

    return of_views


def _divergence(of: Outcome, _: Objective) -> Tensor:
    spreads = [(code.mean, code.log_variance) for code in of.codes]
    found = [reconstruction.divergence(m, v) for m, v in spreads if v is not None]
    if not found:
        raise ConfigError("loss=kl is of model=vae: take that model, or leave it out")
    return sum(found[1:], start=found[0]) / len(found)


def _each(loss: Callable[[Tensor], Tensor]) -> Callable[[Outcome, Objective], Tensor]:
    return lambda of, _: (loss(of.one) + loss(of.other)) / 2


SUPERVISED = "supervised"
REBUILT = {"mse", "huber"}
TERMS: dict[str, Callable[[Outcome, Objective], Tensor]] = {
    "mse": _rebuilt(reconstruction.mse),
    "huber": _rebuilt(reconstruction.huber),
    "kl": _divergence,
    "infonce": lambda of, how: contrastive.infonce(of.one, of.other, how.temperature),
    "alignment": lambda of, _: contrastive.alignment(of.one, of.other),
    "uniformity": _each(contrastive.uniformity),
    SUPERVISED: _supervised,
    "vicreg": lambda of, _: redundancy.vicreg(of.one, of.other),
    "barlow": lambda of, _: redundancy.barlow(of.one, of.other),
    "decorrelation": _each(redundancy.decorrelation),
}
