"""A recipe: model, loss, views and training together; which are best when none is named. Pure.

docs/embedding.md has the measurements behind the defaults.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from jobs.embedding import train
from jobs.embedding.loader import Held
from jobs.embedding.models.architecture import VAE, Architecture, Model
from jobs.embedding.objective import Objective
from jobs.embedding.train import State, Task, Training
from jobs.embedding.views.choice import BANDS, NEIGHBOURS, PERIODS, SLOTS, Columns, Views
from jobs.runs.settings import check

PAIRED = ("infonce", "vicreg"), (1.0, 0.1), (PERIODS,)
"""Loss, weights and views where there are two periods."""
ALONE = ("alignment", "uniformity"), (1.0, 1.0), (SLOTS,)
"""Where there is one, of features."""
BESIDE = ("infonce",), (1.0,), (NEIGHBOURS,)
"""Where there is one, of components."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an embedding is learnt."""

    architecture: Architecture = field(default_factory=Architecture)
    objective: Objective = field(default_factory=Objective)
    views: Views = field(default_factory=Views)
    training: Training = field(default_factory=Training)


def settled(recipe: Recipe, periods: int, *, features: bool) -> Recipe:
    """The recipe with model, loss and views chosen, if they are not.

    Args:
        recipe: as it was asked for.
        periods: stores that there are.
        features: whether inputs are features, not components.

    Raises:
        ConfigError: parts that do not go together.
    """
    loss, weights, views = PAIRED if periods > 1 else ALONE if features else BESIDE
    architecture = recipe.architecture.settled(features=features)
    objective = recipe.objective
    if not objective.loss:
        objective = replace(objective, loss=loss, weights=weights)
    seen = replace(recipe.views, views=recipe.views.views or views)
    for name in {SLOTS, BANDS} & set(seen.views):
        check(f"views={name} needs front=features", seen.views, holds=features)
    paired = PERIODS not in seen.views or periods > 1
    check("views=periods needs a second store, '--set second=KEY'", seen.views, holds=paired)
    is_vae, divergence = architecture.model == VAE, "kl" in objective.loss
    check("loss=kl goes with model=vae, and it alone", objective.loss, holds=is_vae == divergence)
    return replace(recipe, architecture=architecture, objective=objective, views=seen)


def begin(
    recipe: Recipe, scale: Tensor, columns: Columns | None, pixels: int
) -> tuple[State, Task]:
    """What the loop of `jobs.embedding.train` needs, before the first step.

    Args:
        recipe: settled.
        scale: (inputs,) what inputs are divided by; the loader's are.
        columns: what inputs are; None: components.
        pixels: that are trained on.
    """
    training = recipe.training.settled(pixels)
    device = training.on()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        decodes = recipe.objective.decodes
        model = Model(recipe.architecture, len(scale), scale.cpu(), decodes=decodes)
    if columns:
        columns = Columns(columns.slot.to(device), columns.band.to(device))
    state = State.begin(model.to(device), training)
    return state, Task(recipe.objective, recipe.views, training, columns)


def fit(
    recipe: Recipe, x: tuple[Tensor, ...], columns: Columns | None = None,
    neighbours: Tensor | None = None, labels: Tensor | None = None,
    near: tuple[Tensor, float] | None = None,
) -> State:  # fmt: skip
    """A trained model, of pixels in memory.

    Args:
        recipe: settled.
        x: (P, inputs) of each period, without NaN.
        columns: what inputs are; None: components.
        neighbours: (P, 8) positions of those beside.
        labels: (P,) below 0: none.
        near: (P, n) positions of near negatives, and the share of a batch that they join.
    """
    scale = scale_of(x[0]) if columns is None else torch.ones(x[0].shape[1])
    how = recipe.training
    scaled = tuple((of / scale).to(how.on()) for of in x)
    pixel = torch.arange(len(x[0]))
    held = Held(scaled, pixel, how.batch, how.held_out, how.seed, neighbours, labels, *(near or ()))
    with train.environment(how):
        state, task = begin(recipe, scale, columns, held.pixels)
        for _ in train.train(state, held, task):
            pass
    state.model.eval()
    return state


def scale_of(x: Tensor) -> Tensor:
    """(inputs,) standard deviations of (P, inputs); 1 where that is 0."""
    found = x.std(dim=0, correction=0)
    return torch.where(found > 0, found, torch.ones_like(found))
