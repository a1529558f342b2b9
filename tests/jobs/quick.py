"""Settings of an embedding that trains in a second."""

from jobs.embedding.dataset import DatasetSettings
from jobs.embedding.embed import Settings
from jobs.embedding.encoder_inputs import InputSettings
from jobs.embedding.losses.objective import Objective
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import Training
from jobs.embedding.views.choice import Views


def settings(
    run="",
    inputs="",
    second="",
    loss=(),
    views=(),
    *,
    int8=False,
    train_on="sample",
    memory_gb=4.0,
    hard_negatives=0.0,
    **training,
):
    """A small model; `training` are settings of the training."""
    loop = Training(**({"steps": 60, "batch": 64, "threads": 1} | training))
    recipe = Recipe(Architecture(latent=6, hidden=16), Objective(loss), Views(views), loop)
    dataset = DatasetSettings(train_on, memory_gb, hard_negatives=hard_negatives)
    return Settings(InputSettings(inputs, second, run), recipe, dataset, int8=int8)
