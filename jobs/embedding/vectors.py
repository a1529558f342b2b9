"""The vectors of pixels by a stored model, computed on workers, a superblock at a time.

`jobs.embedding.smoothing_stages` has them smoothed before they are stored.
"""

from typing import Protocol

import numpy as np
import torch

from jobs.embedding import stored_model
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.runs import outputs
from jobs.runs.device import has_gpu
from jobs.runs.stages import ActiveRun
from lake.format import order, schema
from lake.format.arrays import Singles
from lake.format.schema import Array
from lake.reading.store import Store

ARRAY = "embedding"
"""The vectors."""
LEVELS, NOTHING = 127, -128
"""int8: a length of 1, and a pixel without embedding."""
PIXELS = 16384
"""Pixels that are embedded at a time."""
EMBED = "embed"
"""The stage."""


class PixelInputs(Protocol):
    """A reader of the inputs of a store's pixels, which tasks take with them."""

    def read(self, period: int, pixels: slice) -> Singles:
        """(pixel, input) of consecutive pixels of the store of a period; NaN where missing."""


def arrays(store: Store, latent: int, *, int8: bool) -> list[Array]:
    """The arrays of a group of vectors of so many dimensions, not filled yet."""
    sizes = {"latent": latent}
    encoding = {"scale_factor": 1 / LEVELS, "_FillValue": NOTHING}
    return [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("latent", ("latent",), np.arange(latent)),
        outputs.pixel_array(ARRAY, store, sizes, "int8", NOTHING, **encoding)
        if int8
        else outputs.pixel_array(ARRAY, store, sizes, "float32", np.nan),
    ]


def embed_all(work: ActiveRun, model_run: str, inputs: PixelInputs, *, int8: bool) -> None:
    """In the driver: have every pixel of the run's first store embedded by the model of a run.

    Args:
        work: the run.
        model_run: whose model it is.
        inputs: of the run's stores.
        int8: whether vectors are stored as whole numbers.
    """
    domain = work.store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    work.stage(EMBED, _write_embedded, [(model_run, inputs, b, int8) for b in blocks], gpu=True)


def _write_embedded(
    root: str,
    run: str,
    model_run: str,
    inputs: PixelInputs,
    pixels: slice,
    int8: bool,  # noqa: FBT001 (a part's arguments have no names)
) -> None:
    """On a worker: write the vectors of a superblock."""
    write(root, run, embed(load_model(root, model_run), inputs.read(0, pixels)), pixels, int8=int8)


def load_model(root: str, run: str) -> EmbeddingModel:
    """The model of a run, on the GPU if there is one."""
    torch.set_num_threads(1)
    return stored_model.load(root, run).to("cuda" if has_gpu() else "cpu")


def write(root: str, run: str, vectors: Singles, pixels: slice, *, int8: bool) -> None:
    """Write the vectors of a superblock."""
    if int8:
        vectors = np.nan_to_num(np.rint(vectors * LEVELS), nan=NOTHING).astype(np.int8)
    outputs.write(root, run, ARRAY, vectors, pixels)


@torch.no_grad()
def embed(model: EmbeddingModel, x: Singles) -> Singles:
    """(pixel, latent) of inputs (pixel, input), NaN where missing; NaN where a pixel has none."""
    device = next(model.parameters()).device
    parts = [
        model(torch.from_numpy(x[i : i + PIXELS]).to(device)).cpu().numpy()
        for i in range(0, len(x), PIXELS)
    ]
    vectors: Singles = np.concatenate(parts)
    vectors[~np.isfinite(x).any(axis=1)] = np.nan
    return vectors
