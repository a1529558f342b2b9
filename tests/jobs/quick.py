"""Settings of an embedding that trains in a second."""

from jobs.embed import Settings
from jobs.fronts import Front
from jobs.models.architecture import Architecture
from jobs.objective import Objective
from jobs.recipe import Recipe
from jobs.train import Training
from jobs.views.choice import Views


def settings(
    run="", front="", second="", loss=(), views=(), latent=6, steps=60, *, int8=False, **how
):
    """A small model; `how` is of the training."""
    training = Training(**({"steps": steps, "batch": 64, "threads": 1} | how))
    recipe = Recipe(Architecture(latent=latent, hidden=16), Objective(loss), Views(views), training)
    return Settings(Front(front, second, run), recipe, int8=int8)
