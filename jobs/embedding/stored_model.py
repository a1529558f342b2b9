"""The files of a trained model in the folder of its run.

    model-<start>.safetensors   the weights that a start of the training ended with
    model.json                  all that rebuilds the model: the name of the weights that count, the
                                architecture, and the description of the inputs
    model.md                    the same for people
    loss.jsonl, loss.png        the loss curve

`load` rebuilds the model from the first two.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import safetensors.torch
import torch

from jobs.embedding import loss_curve, model_card
from jobs.embedding.columns import Columns
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import TrainingState, runtime_facts
from jobs.runs import records
from jobs.runs.settings import restore
from jobs.runs.spec import Spec
from lake.errors import FormatError

MODEL = "model.json"


def write(
    root: str,
    spec: Spec,
    recipe: Recipe,
    start: int,
    state: TrainingState,
    facts: Mapping[str, Any],
) -> None:
    """Write the model that a start of the training ended with; `model.json` of the first one counts.

    Args:
        root: of the lake.
        spec: of the run.
        recipe: resolved.
        start: number of the start.
        state: after the last step.
        facts: of the training, for `model.json`.
    """
    objects, model = records.folder(root, spec.id), state.model
    path = f"model-{start:05d}.safetensors"
    tensors = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    objects.put(path, safetensors.torch.save(tensors))
    document = {
        "run": spec.id,
        "weights": path,
        "inputs": model.columns.count,
        "decodes": model.decoder is not None,
        "architecture": asdict(recipe.architecture),
        "steps": state.step,
        "linear_part": model.facts,
        "loss": asdict(state.curve[-1]) if state.curve else None,
        **runtime_facts(recipe.training),
        **facts,
    }
    objects.put(loss_curve.LINES, loss_curve.lines(state.curve))
    objects.put(loss_curve.PICTURE, loss_curve.picture(state.curve, spec.id))
    objects.put(model_card.FILE, model_card.text(spec, document, str(model.columns)))
    with suppress(FileExistsError):  # of an earlier start, which counts
        complete = document | {"columns": model.columns.pack()}
        objects.create(MODEL, records.as_json(complete))


def load(root: str, run: str) -> EmbeddingModel:
    """The model of a run whose training is done.

    Raises:
        MissingError: there is none.
        FormatError: it was stored without the description of its inputs, by an older goeslake.
    """
    objects = records.folder(root, run)
    document = json.loads(objects.get(MODEL))
    if "columns" not in document:
        raise FormatError(
            f"{objects.url(MODEL)} has no description of the model's inputs ('columns'): an older "
            "goeslake wrote it; train the model anew by 'lake embed'"
        )
    columns = Columns.unpack(document["columns"])
    architecture = restore(Architecture, document["architecture"])
    ones = torch.ones(columns.count)
    model = EmbeddingModel(architecture, columns, ones, decodes=document["decodes"])
    model.load_state_dict(safetensors.torch.load(objects.get(document["weights"])))
    return model.eval()
