"""A recipe: model, loss, views and training together, and the best measured ones. Pure.

docs/measurements/embedding.md has the measurements behind the defaults.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from jobs.embedding import linear_part, train
from jobs.embedding.columns import Columns
from jobs.embedding.entries import Need, check_needs
from jobs.embedding.linear_part import AUTO, LinearAxes
from jobs.embedding.loader import MemoryLoader
from jobs.embedding.losses.objective import BLIND, TERMS, Objective
from jobs.embedding.models.architecture import (
    COMMON,
    ENCODERS,
    NONE,
    UNIT,
    Architecture,
    linear_size,
)
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.train import Training, TrainingState, TrainingTask
from jobs.embedding.views.choice import NEIGHBOURS, PERIODS, SLOTS, VIEWS, ColumnNumbers, Views
from jobs.runs.settings import check
from lake.format.arrays import Integers

Defaults = tuple[tuple[str, ...], tuple[float, ...], tuple[str, ...]]
"""Loss, weights and views."""
TWO_PERIODS: Defaults = ("infonce", "vicreg"), (1.0, 0.1), (PERIODS,)
"""The best for two periods."""
FEATURES_ALONE: Defaults = ("alignment", "uniformity"), (1.0, 1.0), (SLOTS,)
"""The best for features of one period."""
TWO_PERIODS_OF_NOISE: Defaults = ("infonce",), (1.0,), (PERIODS,)
"""The best for two views of scores whose difference is noise, beside a linear part."""
STEPS = 240
"""Steps beside a linear part, where no number is set: more teach little, for any number of pixels."""
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


def resolve(recipe: Recipe, periods: int, *, features: bool, with_noise: bool = False) -> Recipe:
    """The recipe with model, loss and views chosen where they are not set.

    Args:
        recipe: as it was asked for.
        periods: the number of stores, or of halves of one.
        features: whether inputs are features, not scores of components.
        with_noise: whether they are scores in as many views, whose difference is noise.

    Raises:
        ConfigError: parts that do not go together.
    """
    architecture = recipe.architecture.resolve(features=features)
    fits_linear_part = periods > 1 and with_noise
    if not architecture.linear_part:
        chosen = recipe.objective.loss, recipe.objective.blind_to, recipe.views.views
        is_default = not (any(chosen) or architecture.nested)
        fits = fits_linear_part and is_default and architecture.unit
        architecture = replace(architecture, linear_part=AUTO if fits else NONE)
    part = architecture.linear_part
    check(
        "linear_part other than none needs inputs=gcca, or inputs=mnf and a second store",
        part,
        holds=fits_linear_part or part == NONE,
    )
    loss, weights, names = (
        TWO_PERIODS_OF_NOISE if architecture.has_linear_part
        else TWO_PERIODS if periods > 1 else FEATURES_ALONE if features else SCORES_ALONE
    )  # fmt: skip
    training = recipe.training
    if architecture.has_linear_part and not training.steps:
        training = replace(training, steps=STEPS)
    objective = recipe.objective
    if not objective.loss:
        if objective.blind_to:
            loss, weights = (*loss, BLIND), (*weights, TERMS[BLIND].weight)
        objective = replace(objective, loss=loss, weights=weights)
    views = replace(recipe.views, views=recipe.views.views or names)
    resolved = Recipe(architecture, objective, views, training)
    _check(resolved, periods, features=features)
    return resolved


def _check(recipe: Recipe, periods: int, *, features: bool) -> None:
    """Refuse parts of a resolved recipe that do not go together; arguments are those of `resolve`."""
    architecture, objective, views = recipe.architecture, recipe.objective, recipe.views
    is_blind, is_variational = bool(objective.blind_to), architecture.variational
    check(
        "blind_to goes with loss=blind",
        objective.loss,
        holds=not is_blind or BLIND in objective.loss,
    )
    part = architecture.linear_part
    check("blind_to needs linear_part=none", part, holds=not is_blind or part == NONE)
    available = {
        Need.FEATURES: features,
        Need.SECOND_STORE: periods > 1,
        Need.VARIATIONAL_CODE: is_variational,
        Need.CONDITIONS: is_blind,
    }
    missing = [need for need, is_met in available.items() if not is_met]
    check_needs("model", [architecture.model], ENCODERS, missing)
    check_needs("loss", objective.loss, TERMS, missing)
    check_needs("views", views.views, VIEWS, missing)
    uses_code = objective.needs(Need.VARIATIONAL_CODE)
    check(
        "variational=true goes with loss=kl", objective.loss, holds=uses_code or not is_variational
    )
    towers = architecture.towers
    check("towers needs inputs=features", towers, holds=features or not towers)
    check("mask_by needs inputs=features", views.mask_by, holds=features or not views.mask_by)


def begin(
    recipe: Recipe, scale: Tensor, columns: Columns, pixels: int, axes: LinearAxes | None = None
) -> tuple[TrainingState, TrainingTask]:
    """What the loop of `jobs.embedding.train` needs, before the first step.

    Args:
        recipe: resolved.
        scale: (inputs,) what inputs are divided by; the loader's are.
        columns: the description of the inputs.
        pixels: the number of pixels that are trained on.
        axes: the linear maps of the land, where the recipe has a linear part.
    """
    training = recipe.training.resolve(pixels, recipe.views.schedule)
    device = training.torch_device()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        decodes = recipe.objective.needs(Need.DECODER)
        model = EmbeddingModel(recipe.architecture, columns, scale.cpu(), decodes=decodes)
    if axes:
        model.fix(axes)
    state = TrainingState.begin(model.to(device), training)
    numbers = ColumnNumbers(columns, device)
    return state, TrainingTask(recipe.objective, recipe.views, training, numbers)


def fit(
    recipe: Recipe, x: tuple[Tensor, ...], columns: Columns,
    neighbours: Tensor | None = None, labels: Tensor | None = None,
    hard_negatives: tuple[Tensor, float] | None = None,
    conditions: Tensor | None = None,
    places: tuple[Integers, Integers] | None = None,
) -> TrainingState:  # fmt: skip
    """A trained model, by pixels in memory.

    Args:
        recipe: resolved.
        x: (P, inputs) of each period; NaN: missing.
        columns: the description of the inputs.
        neighbours: (P, 8) positions of the pixels around each.
        labels: (P,) below 0: the pixel has no label.
        hard_negatives: (P, n) positions of hard negatives, and the share of a batch that they join.
        conditions: (P, c) what vectors are not to tell.
        places: (P,) row and column of each pixel on the grid, for a linear part.
    """
    scale = scale_of(x[0], columns, recipe.architecture.input_scale)
    training = recipe.training
    scaled = tuple((inputs / scale).to(training.torch_device()) for inputs in x)
    negatives, share = hard_negatives or (None, 0.0)
    loader = MemoryLoader(
        scaled, torch.arange(len(x[0])), training.batch, training.held_out, training.seed,
        neighbours, labels, negatives, share, conditions,
    )  # fmt: skip
    with train.environment(training):
        axes = linear_axes(recipe, scaled, places) if places else None
        state, task = begin(recipe, scale, columns, loader.pixels, axes)
        for _ in train.train(state, loader, task):
            pass
    state.model.eval()
    return state


def linear_axes(
    recipe: Recipe, x: tuple[Tensor, ...], places: tuple[Integers, Integers]
) -> LinearAxes | None:
    """The linear maps of the land of these pixels; None: the recipe has no linear part.

    Args:
        recipe: resolved.
        x: (P, inputs) of both periods, scaled.
        places: (P,) row and column of each pixel on the grid.
    """
    architecture = recipe.architecture
    if not architecture.has_linear_part:
        return None
    first, second = (period.cpu().numpy() for period in x)
    count = linear_size(architecture, first.shape[1])
    choice, seed = architecture.linear_part, recipe.training.seed
    return linear_part.fit(first, second, *places, choice, count, seed)


def scale_of(x: Tensor, columns: Columns, input_scale: str = UNIT) -> Tensor:
    """(inputs,) what inputs are divided by: standard deviations of (P, inputs), where above 0; else 1.

    Features are standardised already: 1. With `input_scale=common` all scores are divided by the square
    root of their mean variance.
    """
    if columns.are_features:
        return torch.ones(columns.count)
    deviation = x.std(dim=0, correction=0)
    if input_scale == COMMON:
        deviation = deviation.square().mean().sqrt().expand(columns.count)
    return torch.where(deviation > 0, deviation, torch.ones_like(deviation))
