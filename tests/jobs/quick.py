"""Settings of an embedding that trains in a second."""

from jobs.embedding.dataset import Feed
from jobs.embedding.embed import Settings
from jobs.embedding.encoder_inputs import Front
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.objective import Objective
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import Training
from jobs.embedding.views.choice import Views


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
