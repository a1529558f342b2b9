"""The vectors of pixels by a stored model, computed on workers, a superblock at a time.

Where they are smoothed (`jobs.embedding.smoothing`), the stage `embed` keeps the vectors of its superblocks
until the run is done, and the stage `smooth` reads those of a superblock and of the ones around it.
"""

from typing import Protocol

import numpy as np
import torch

from jobs.embedding import smoothing, stored_model
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.views import pairs
from jobs.runs import outputs, records
from jobs.runs.device import has_gpu
from jobs.runs.stages import ActiveRun, Arrays, task_result
from lake.format import order, schema
from lake.format.arrays import Singles
from lake.format.domain import Domain
from lake.format.schema import Array
from lake.reading.store import Store

ARRAY, NOISE = "embedding", "noise"
"""The vectors; () mean squared distance between those of two periods, before they are smoothed."""
LEVELS, NOTHING = 127, -128
"""int8: a length of 1, and a pixel without embedding."""
PIXELS = 16384
"""Pixels that are embedded at a time."""
EMBED, COMPARE, SMOOTH = "embed", "compare", "smooth"
"""Stages."""
COMPARED = 8
"""Superblocks, evenly spaced, whose vectors of both periods are compared."""


class PixelInputs(Protocol):
    """A reader of the inputs of a store's pixels, which tasks take with them."""

    def read(self, period: int, pixels: slice) -> Singles:
        """(pixel, input) of consecutive pixels of the store of a period; NaN where missing."""


class TwoViews(Protocol):
    """A reader of the inputs of a store's pixels in the two views of a training."""

    are_halves: bool
    """Whether they are of two halves of one period, not of two."""

    def view(self, number: int, pixels: slice) -> Singles:
        """(pixel, input) of consecutive pixels in a view; NaN where missing."""


def arrays(store: Store, latent: int, *, int8: bool, noise: bool = False) -> list[Array]:
    """The arrays of a group of vectors of so many dimensions, not filled yet; `noise`: has that, too."""
    sizes = {"latent": latent}
    encoding = {"scale_factor": 1 / LEVELS, "_FillValue": NOTHING}
    return [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("latent", ("latent",), np.arange(latent)),
        outputs.pixel_array(ARRAY, store, sizes, "int8", NOTHING, **encoding)
        if int8
        else outputs.pixel_array(ARRAY, store, sizes, "float32", np.nan),
        *([outputs.whole_array(NOISE, (), np.nan)] if noise else []),
    ]


def embed_all(
    work: ActiveRun, model_run: str, inputs: PixelInputs, *, int8: bool, smooth: bool = False
) -> None:
    """In the driver: have every pixel of the run's first store embedded by the model of a run.

    Args:
        work: the run.
        model_run: whose model it is; where it is the run itself, its noise is measured, too.
        inputs: of the run's stores.
        int8: whether vectors are stored as whole numbers.
        smooth: whether they are smoothed.
    """
    domain = work.store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    if not smooth:
        work.stage(EMBED, _write_embedded, [(model_run, inputs, b, int8) for b in blocks], gpu=True)
        return
    work.stage(EMBED, _embed, [(model_run, inputs, block) for block in blocks], gpu=True)
    if model_run == work.run:
        numbers = np.unique(np.linspace(0, len(blocks) - 1, COMPARED).astype(int)).tolist()
        work.stage(COMPARE, _compare, [(inputs, numbers)], gpu=True)
    work.stage(SMOOTH, _smooth, [(model_run, number, int8) for number in range(len(blocks))])


def _write_embedded(
    root: str,
    run: str,
    model_run: str,
    inputs: PixelInputs,
    pixels: slice,
    int8: bool,  # noqa: FBT001 (a part's arguments have no names)
) -> None:
    """On a worker: write the vectors of a superblock."""
    _write(root, run, embed(_model(root, model_run), inputs.read(0, pixels)), pixels, int8=int8)


def _embed(root: str, run: str, model_run: str, inputs: PixelInputs, pixels: slice) -> Arrays:  # noqa: ARG001 (parts get their run)
    """On a worker: the vectors of a superblock, to be smoothed."""
    return {ARRAY: embed(_model(root, model_run), inputs.read(0, pixels))}


def _compare(root: str, run: str, inputs: TwoViews, numbers: list[int]) -> None:
    """On a worker: store the noise, by both views of some superblocks.

    Vectors are of both halves where views are halves, so their noise is half of that of one.
    """
    model = _model(root, run)
    domain = _domain(root, run)
    blocks = order.superblocks(domain.pixels, domain.layout)
    squares = []
    for number in numbers:
        second = embed(model, inputs.view(1, blocks[number]))
        first = (
            embed(model, inputs.view(0, blocks[number]))
            if inputs.are_halves
            else task_result(root, run, EMBED, number)[ARRAY]
        )
        squares.append(smoothing.squared_distances(first, second))
    found = np.concatenate(squares)
    noise = found.mean() / (2 if inputs.are_halves else 1) if found.size else np.nan
    outputs.write(root, run, NOISE, noise)


def _smooth(
    root: str,
    run: str,
    model_run: str,
    number: int,
    int8: bool,  # noqa: FBT001 (a part's arguments have no names)
) -> None:
    """On a worker: smooth and write the vectors of a superblock."""
    domain = _domain(root, run)
    size = domain.layout.superblock
    pixels = order.superblocks(domain.pixels, domain.layout)[number]
    around = pairs.around(domain.row, domain.column, pixels)
    own = np.arange(pixels.start, pixels.stop)
    needed = np.union1d(own, around[around >= 0])
    parts = []
    for other in np.unique(needed // size):
        kept = task_result(root, run, EMBED, int(other))[ARRAY]
        parts.append(kept[needed[needed // size == other] - other * size])
    rows = np.where(around >= 0, np.searchsorted(needed, around), -1)
    noise = float(outputs.read(root, model_run, NOISE))
    vectors = smoothing.smoothed(np.concatenate(parts), rows, noise, np.searchsorted(needed, own))
    _write(root, run, vectors, pixels, int8=int8)


def _domain(root: str, run: str) -> Domain:
    """The pixels of a run that may be still under way."""
    return records.open_input(root, records.read_spec(root, run).stores[0]).domain


def _model(root: str, run: str) -> EmbeddingModel:
    """The model of a run, on the GPU if there is one."""
    torch.set_num_threads(1)
    return stored_model.load(root, run).to("cuda" if has_gpu() else "cpu")


def _write(root: str, run: str, vectors: Singles, pixels: slice, *, int8: bool) -> None:
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
