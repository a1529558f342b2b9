"""The embedding of every pixel: an autoencoder trained on a sample's PCA scores, then run on all.

Scores enter in units of the first component's standard deviation, so that a component weighs as
much as its share of the variance. Training is one task; every superblock is embedded by its own.

`embed.zarr`: `embedding` (pixel, latent) float32, NaN where a pixel has no scores. Beside it
`model.safetensors`, `model.json` (all that rebuilds the model) and `loss.jsonl` (the loss curve).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from jobs import outputs, pca, pulse, runs, sample, train
from jobs.models.autoencoder import Architecture, Autoencoder
from jobs.runs import Spec
from jobs.settings import restore
from jobs.train import Loss, Training
from jobs.work import Work
from lake import order, schema
from lake.errors import DataError
from lake.read import Store

JOB = "embed"


@dataclass(frozen=True, slots=True)
class Settings:
    """Of `lake embed`."""

    pca: str = ""
    """Run whose scores are embedded, also of `lake mnf`; none: the PCA of default settings."""
    architecture: Architecture = field(default_factory=Architecture)
    training: Training = field(default_factory=Training)


@dataclass(frozen=True, slots=True, eq=False)
class Embedder:
    """What turns PCA scores into an embedding."""

    model: Autoencoder
    scale: float
    """Scores are divided by it."""

    def __call__(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(pixel, latent) of (pixel, component); NaN where a score is NaN."""
        return train.embed(self.model, scores / np.float32(self.scale))


def specs(
    root: str, store: Store, settings: Settings, before: tuple[Spec, ...] = ()
) -> tuple[Spec, ...]:
    """The run that trains and embeds every pixel, after those it builds on."""
    if settings.pca and not before:
        outputs.holding(root, settings.pca, "scores", store)
        before = (runs.read_spec(root, settings.pca),)
    before = before or pca.specs(root, store, pca.Settings())
    inputs = {pca.JOB: before[-1].id}
    return (*before, runs.spec_of(root, settings, JOB, (store,), inputs))


def fit(
    scores: NDArray[np.float32], settings: Settings, check: Callable[[], None] | None = None
) -> tuple[Embedder, list[Loss]]:
    """An embedder of PCA scores (sample, component), and how its loss fell; NaN rows are left out.

    `check` is called now and then; what it raises ends the training.
    """
    there = scores[~np.isnan(scores).any(axis=1)]
    if len(there) < 2:
        raise DataError(f"{len(there)} pixels of the sample have scores: wanted at least 2")
    scale = float(there[:, 0].std(dtype=np.float64))
    model, curve = train.train(
        there / np.float32(scale), settings.architecture, settings.training, check
    )
    return Embedder(model, scale), curve


def make(work: Work) -> Sequence[str]:
    """Train the model, then embed every pixel."""
    root, store, settings = work.root, work.store, work.settings(Settings)
    scored = work.spec.inputs[pca.JOB]
    components = outputs.read(root, scored, "component").size
    latent = min(settings.architecture.latent, components)
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.known("latent", ("latent",), np.arange(latent)),
        outputs.per_pixel("embedding", store, {"latent": latent}, "float32", np.nan),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    work.say(f"training, {settings.training.steps} steps")
    work.stage("train", _train, [(scored, settings)])
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    work.stage("embed", _embed, [(scored, block) for block in blocks])
    return [path, "model.safetensors", "model.json", "loss.jsonl"]


def _train(root: str, run: str, scored: str, settings: Settings) -> None:
    """On a worker: train on the sample's scores, write the model and the loss curve."""
    pixel = outputs.read(root, runs.ancestor(root, scored, sample.JOB), "pixel")
    embedder, curve = fit(
        outputs.read(root, scored, "scores", pixel), settings, partial(pulse.check, root, run)
    )
    objects = runs.folder(root, run)
    weights = safetensors.torch.save(embedder.model.state_dict())
    objects.put("model.safetensors", weights)
    objects.put("model.json", json.dumps(_config(embedder, settings), indent=1).encode())
    objects.put("loss.jsonl", "".join(json.dumps(asdict(loss)) + "\n" for loss in curve).encode())


def _config(embedder: Embedder, settings: Settings) -> dict[str, Any]:
    return {
        "model": "autoencoder",
        "inputs": embedder.model.inputs,
        "scale": embedder.scale,
        "architecture": asdict(settings.architecture),
        "training": asdict(settings.training),
        "torch": torch.__version__,
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
    }


def load(root: str, run: str) -> Embedder:
    """The embedder of a complete run.

    Raises:
        MissingError: there is none.
    """
    objects = runs.folder(root, run)
    config = json.loads(objects.get("model.json"))
    model = Autoencoder(config["inputs"], restore(Architecture, config["architecture"]))
    model.load_state_dict(safetensors.torch.load(objects.get("model.safetensors")))
    return Embedder(model.eval(), config["scale"])


def _embed(root: str, run: str, scored: str, pixels: slice) -> None:
    """On a worker: the embedding of a superblock."""
    embedding = load(root, run)(outputs.read(root, scored, "scores", pixels))
    outputs.write(root, run, "embedding", embedding, pixels)
