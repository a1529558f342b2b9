"""The embedding of every pixel: a model that learns from some pixels, then run on all.

`jobs.embedding.encoder_inputs` says what it is given, `jobs.embedding.recipe` what it learns and
how, docs/embedding.md which of these go well together. Training is one part in a process of its own
(`jobs.embedding.supervisor`); every superblock is embedded by a part.

`embed.zarr`: `embedding` (pixel, latent) float32, NaN where a pixel has no inputs, of length 1 unless
`unit=false`. With `int8=true` it is stored as whole numbers times `scale_factor`, after the CF
conventions. `lake transform` embeds other stores, e.g. the second one. Beside it `model.json` (all that
rebuilds the model; it names the weights), `model.md` (the same for people), `loss.jsonl`, `loss.png`.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from jobs.embedding import (
    dataset,
    encoder_inputs,
    hard_negatives,
    loss_curve,
    model_card,
    recipe,
    supervisor,
)
from jobs.embedding.dataset import Feed, Source
from jobs.embedding.encoder_inputs import Front, Inputs
from jobs.embedding.loader import Loader
from jobs.embedding.models.architecture import Architecture, Model, width
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import State, Task, described
from jobs.embedding.trainer import Plan
from jobs.runs import outputs, records
from jobs.runs.device import has_gpu
from jobs.runs.settings import check, restore
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from jobs.sampling import sample
from lake.format import order, schema
from lake.format.schema import Array
from lake.reading.store import Store

JOB = "embed"
MODEL = "model.json"
ARRAY = "embedding"
LEVELS, NOTHING = 127, -128
"""int8: a length of 1, and a pixel without embedding."""
PIXELS = 16384
"""Embedded at a time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake embed`."""

    front: Front = field(default_factory=Front)
    recipe: Recipe = field(default_factory=Recipe)
    feed: Feed = field(default_factory=Feed)
    int8: bool = False
    """Whether embeddings are stored in a quarter of the bytes; needs `unit`."""

    def __post_init__(self) -> None:
        unit = self.recipe.architecture.unit
        check("int8 needs unit=true", self.int8, holds=unit or not self.int8)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that trains and embeds every pixel, after those it builds on.

    Raises:
        ConfigError: settings that do not go together, or stores that do not.
    """
    front, stores, base, inputs = encoder_inputs.specs(root, store, settings.front)
    features = front.front == encoder_inputs.FEATURES
    chosen = recipe.settled(settings.recipe, len(stores), features=features)
    of = dataset.settled(settings.feed, chosen, store)
    settings = replace(settings, front=front, recipe=chosen, feed=of)
    return (*base, records.spec_of(root, settings, JOB, stores, inputs))


def make(work: ActiveRun) -> Sequence[str]:
    """Train the model, then embed every pixel of the first store."""
    root, store, how = work.root, work.store, work.settings(Settings)
    given = encoder_inputs.inputs(root, work.spec, work.stores)
    latent = width(how.recipe.architecture, given.count)
    arrays = [*_arrays(store, latent, int8=how.int8), *encoder_inputs.arrays(given)]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    if not given.scores:
        work.stage("standardise", encoder_inputs.standardise, [(work.spec.inputs[sample.JOB],)])
    if how.feed.near:
        hard_negatives.look(work, records.ancestor(root, work.run, sample.JOB))
    if len(work.stores) == 1:
        work.say("one period: a second store of the same pixels teaches more, --set second=KEY")
    training = how.recipe.training
    work.say(f"training, {training.steps} steps" if training.steps else "training")
    work.stage("train", supervisor.training, [(training.threads,)], gpu=True)
    _run(work, work.spec, given, how)
    weights = json.loads(work.objects.get(MODEL))["weights"]
    return [path, weights, MODEL, model_card.FILE, loss_curve.LINES, loss_curve.PICTURE]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Embed every pixel of another store by the model of a run, for `lake transform`."""
    root, spec = work.root, records.read_spec(work.root, model)
    how = restore(Settings, spec.settings)
    latent = outputs.read(root, model, "latent").size
    arrays = _arrays(work.store, latent, int8=how.int8)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    _run(work, spec, encoder_inputs.elsewhere(root, work.run, spec, work.store), how)
    return [path]


def plan(root: str, spec: Spec) -> Plan:
    """In the process that trains: what is trained, and what becomes of it."""
    training = restore(Settings, spec.settings).recipe.training
    return Plan(training, MODEL, partial(prepare, root, spec), partial(keep, root, spec))


def prepare(root: str, spec: Spec) -> tuple[State, Loader, Task]:
    """In the process that trains: a model before its first step, and what it will see."""
    how = restore(Settings, spec.settings)
    stores = tuple(records.open_input(root, of) for of in spec.stores)
    given = encoder_inputs.inputs(root, spec, stores)
    source = Source(given, stores[0], dataset.periods(len(stores), how.recipe))
    loader, scale = dataset.loader(root, spec.id, source, how.feed, how.recipe)
    state, task = recipe.begin(how.recipe, scale, given.columns(), loader.pixels)
    return state, loader, task


def keep(root: str, spec: Spec, start: int, state: State, about: dict[str, Any]) -> None:
    """In the process that trains: write the model that a start ended with; the first one counts."""
    objects = records.folder(root, spec.id)
    how = restore(Settings, spec.settings)
    path = f"model-{start:05d}.safetensors"
    tensors = {name: of.detach().cpu() for name, of in state.model.state_dict().items()}
    objects.put(path, safetensors.torch.save(tensors))
    document = {
        "run": spec.id,
        "weights": path,
        "inputs": state.model.inputs,
        "decodes": state.model.decoder is not None,
        "architecture": asdict(how.recipe.architecture),
        "steps": state.step,
        "loss": asdict(state.curve[-1]) if state.curve else None,
        **described(how.recipe.training),
        **about,
    }
    objects.put(loss_curve.LINES, loss_curve.lines(state.curve))
    objects.put(loss_curve.PICTURE, loss_curve.picture(state.curve, spec.id))
    objects.put(model_card.FILE, model_card.text(spec, document))
    with suppress(FileExistsError):  # of an earlier start, which counts
        objects.create(MODEL, records.as_json(document))


def load(root: str, run: str) -> Model:
    """The model of a run whose training is done.

    Raises:
        MissingError: there is none.
    """
    objects = records.folder(root, run)
    config = json.loads(objects.get(MODEL))
    architecture = restore(Architecture, config["architecture"])
    nothing = torch.ones(config["inputs"])
    model = Model(architecture, config["inputs"], nothing, decodes=config["decodes"])
    model.load_state_dict(safetensors.torch.load(objects.get(config["weights"])))
    return model.eval()


@torch.no_grad()
def vectors(model: Model, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(pixel, latent) of inputs (pixel, input); NaN where an input is NaN."""
    device = next(model.parameters()).device
    parts = [
        model(torch.from_numpy(x[i : i + PIXELS]).to(device)).cpu().numpy()
        for i in range(0, len(x), PIXELS)
    ]
    found: NDArray[np.float32] = np.concatenate(parts)
    found[~np.isfinite(x).all(axis=1)] = np.nan
    return found


def _run(work: ActiveRun, model: Spec, given: Inputs, how: Settings) -> None:
    """Embed every pixel of the first store of a run."""
    domain = work.store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    calls = [(model.id, given, block, how.int8) for block in blocks]
    work.stage("embed", _embed, calls, gpu=True)


def _embed(root: str, run: str, model: str, given: Inputs, pixels: slice, int8: bool) -> None:  # noqa: FBT001 (a part's arguments have no names)
    """On a worker: the embedding of a superblock."""
    torch.set_num_threads(1)
    found = vectors(load(root, model).to("cuda" if has_gpu() else "cpu"), given.read(0, pixels))
    if int8:
        whole = np.nan_to_num(np.rint(found * LEVELS), nan=NOTHING)
        outputs.write(root, run, ARRAY, whole.astype(np.int8), pixels)
    else:
        outputs.write(root, run, ARRAY, found, pixels)


def _arrays(store: Store, latent: int, *, int8: bool) -> list[Array]:
    of = {"latent": latent}
    encoded = {"scale_factor": 1 / LEVELS, "_FillValue": NOTHING}
    return [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("latent", ("latent",), np.arange(latent)),
        outputs.pixel_array(ARRAY, store, of, "int8", NOTHING, **encoded)
        if int8
        else outputs.pixel_array(ARRAY, store, of, "float32", np.nan),
    ]
