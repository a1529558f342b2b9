"""Settings of an embedding that trains in a second."""

from jobs.embed import Settings
from jobs.feed import Feed
from jobs.fronts import Front
from jobs.models.architecture import Architecture
from jobs.objective import Objective
from jobs.recipe import Recipe
from jobs.train import Training
from jobs.views.choice import Views


def settings(
    run="",
    front="",
    second="",
    loss=(),
    views=(),
    *,
    int8=False,
    train_on="sample",
    held_gb=4.0,
    near=0.0,
    **how,
):
    """A small model; `how` is of the training."""
    training = Training(**({"steps": 60, "batch": 64, "threads": 1} | how))
    recipe = Recipe(Architecture(latent=6, hidden=16), Objective(loss), Views(views), training)
    return Settings(
        Front(front, second, run), recipe, Feed(train_on, held_gb, near=near), int8=int8
    )
