"""A recipe: model, loss, views and training together, and the best measured ones. Pure.

docs/measurements.md has the measurements behind the defaults.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from jobs.embedding import train
from jobs.embedding.columns import Columns
from jobs.embedding.entries import Need, check_needs
from jobs.embedding.loader import MemoryLoader
from jobs.embedding.losses.objective import TERMS, Objective
from jobs.embedding.models.architecture import ENCODERS, Architecture
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.train import Training, TrainingState, TrainingTask
from jobs.embedding.views.choice import NEIGHBOURS, PERIODS, SLOTS, VIEWS, ColumnNumbers, Views
from jobs.runs.settings import check

Defaults = tuple[tuple[str, ...], tuple[float, ...], tuple[str, ...]]
"""Loss, weights and views."""
TWO_PERIODS: Defaults = ("infonce", "vicreg"), (1.0, 0.1), (PERIODS,)
"""The best for two periods."""
FEATURES_ALONE: Defaults = ("alignment", "uniformity"), (1.0, 1.0), (SLOTS,)
"""The best for features of one period."""
SCORES_ALONE: Defaults = ("infonce",), (1.0,), (NEIGHBOURS,)
"""The best for scores of one period."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of how an embedding is learnt."""

    architecture: Architecture = field(default_factory=Architecture)
    objective: Objective = field(default_factory=Objective)
    views: Views = field(default_factory=Views)
    training: Training = field(default_factory=Training)

    def needs(self, need: Need) -> bool:
        """Whether the encoder, one of the terms or one of the views needs this; resolved recipes only."""
        encoder = ENCODERS[self.architecture.model]
        return need in encoder.needs or self.objective.needs(need) or self.views.needs(need)


def resolve(recipe: Recipe, periods: int, *, features: bool) -> Recipe:
    """The recipe with model, loss and views chosen where they are not set.

    Args:
        recipe: as it was asked for.
        periods: the number of stores.
        features: whether inputs are features, not scores of components.

    Raises:
        ConfigError: parts that do not go together.
    """
    loss, weights, names = (
        TWO_PERIODS if periods > 1 else FEATURES_ALONE if features else SCORES_ALONE
    )
    architecture = recipe.architecture.resolve(features=features)
    objective = recipe.objective
    if not objective.loss:
        objective = replace(objective, loss=loss, weights=weights)
    views = replace(recipe.views, views=recipe.views.views or names)
    is_variational = ENCODERS[architecture.model].is_variational
    available = {
        Need.FEATURES: features,
        Need.SECOND_STORE: periods > 1,
        Need.VARIATIONAL_CODE: is_variational,
    }
    missing = [need for need, is_met in available.items() if not is_met]
    check_needs("model", [architecture.model], ENCODERS, missing)
    check_needs("loss", objective.loss, TERMS, missing)
    check_needs("views", views.views, VIEWS, missing)
    uses_code = objective.needs(Need.VARIATIONAL_CODE)
    check("model=vae goes with loss=kl", objective.loss, holds=uses_code or not is_variational)
    return replace(recipe, architecture=architecture, objective=objective, views=views)


def begin(
    recipe: Recipe, scale: Tensor, columns: Columns, pixels: int
) -> tuple[TrainingState, TrainingTask]:
    """What the loop of `jobs.embedding.train` needs, before the first step.

    Args:
        recipe: resolved.
        scale: (inputs,) what inputs are divided by; the loader's are.
        columns: the description of the inputs.
        pixels: the number of pixels that are trained on.
    """
    training = recipe.training.resolve(pixels)
    device = training.torch_device()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        decodes = recipe.objective.needs(Need.DECODER)
        model = EmbeddingModel(recipe.architecture, columns, scale.cpu(), decodes=decodes)
    state = TrainingState.begin(model.to(device), training)
    numbers = ColumnNumbers(columns, device)
    return state, TrainingTask(recipe.objective, recipe.views, training, numbers)


def fit(
    recipe: Recipe, x: tuple[Tensor, ...], columns: Columns,
    neighbours: Tensor | None = None, labels: Tensor | None = None,
    hard_negatives: tuple[Tensor, float] | None = None,
) -> TrainingState:  # fmt: skip
    """A trained model, by pixels in memory.

    Args:
        recipe: resolved.
        x: (P, inputs) of each period, without NaN.
        columns: the description of the inputs.
        neighbours: (P, 8) positions of the pixels around each.
        labels: (P,) below 0: the pixel has no label.
        hard_negatives: (P, n) positions of hard negatives, and the share of a batch that they join.
    """
    scale = scale_of(x[0], columns)
    training = recipe.training
    scaled = tuple((inputs / scale).to(training.torch_device()) for inputs in x)
    loader = MemoryLoader(
        scaled, torch.arange(len(x[0])), training.batch, training.held_out, training.seed,
        neighbours, labels, *(hard_negatives or ()),
    )  # fmt: skip
    with train.environment(training):
        state, task = begin(recipe, scale, columns, loader.pixels)
        for _ in train.train(state, loader, task):
            pass
    state.model.eval()
    return state


def scale_of(x: Tensor, columns: Columns) -> Tensor:
    """(inputs,) what inputs are divided by: standard deviations of (P, inputs), where above 0; else 1.

    Features are standardised already: 1.
    """
    if columns.are_features:
        return torch.ones(columns.count)
    deviation = x.std(dim=0, correction=0)
    return torch.where(deviation > 0, deviation, torch.ones_like(deviation))
