"""The stages by which a run embeds pixels and smooths their vectors (`jobs.embedding.smoothing`).

    embed        a task for each superblock: its vectors
    compare      one task, of the run that trains: the noise, before each step of the smoothing
    smooth       a task for each superblock: its vectors, averaged with those around
    prototypes   one task, of the run that trains: the prototypes of the land, where vectors are drawn to them
    write        a task for each superblock: its vectors are drawn to the prototypes, and stored

Noise and prototypes stay in the run's group, as `noise` (step), `prototype_mean` (prototype, latent),
`prototype_share` (prototype) and `scatter` () (`jobs.embedding.prototypes`); NaN, or a share of 0, where
there are fewer. By them `lake transform` smooths the vectors of other stores.
"""

from functools import partial

import numpy as np

from jobs.embedding import prototypes, smoothing, vectors
from jobs.embedding.encoder_inputs import EncoderInputs
from jobs.embedding.prototypes import Prototypes
from jobs.embedding.smoothing import Steps
from jobs.embedding.views import pairs
from jobs.runs import heartbeat, outputs, records
from jobs.runs.stages import ActiveRun, Arrays, task_result
from lake.format import order
from lake.format.arrays import Floats, Singles
from lake.format.domain import Domain
from lake.format.schema import Array

NOISE = "noise"
"""(step,) mean squared distance between the vectors of two periods, before each step of the smoothing."""
PROTOTYPE_MEAN, PROTOTYPE_SHARE, SCATTER = "prototype_mean", "prototype_share", "scatter"
"""The fields of `Prototypes`."""
COMPARE, SMOOTH, FIND, WRITE = "compare", "smooth", "prototypes", "write"
"""Stages, after `vectors.EMBED`."""
COMPARED = 8
"""Superblocks, evenly spaced, whose vectors of both periods are compared."""


def arrays(latent: int) -> list[Array]:
    """The arrays by which vectors of other periods are smoothed alike, not filled yet."""
    mean = np.full((prototypes.PROTOTYPES, latent), np.nan, np.float32)
    return [
        outputs.whole_array(NOISE, ("step",), np.full(smoothing.MOST_STEPS, np.nan)),
        outputs.whole_array(PROTOTYPE_MEAN, ("prototype", "latent"), mean),
        outputs.whole_array(PROTOTYPE_SHARE, ("prototype",), np.zeros(len(mean))),
        outputs.whole_array(SCATTER, (), np.nan),
    ]


def find(work: ActiveRun, inputs: EncoderInputs, steps: Steps, seed: int, *, int8: bool) -> None:
    """In the driver of the run that trains: embed and smooth every pixel, and keep by what.

    Args:
        work: the run.
        inputs: of the run's stores.
        steps: of the smoothing.
        seed: of k-means, by which prototypes are found.
        int8: whether vectors are stored as whole numbers.
    """
    blocks = _embed_blocks(work, work.run, inputs)
    numbers = np.unique(np.linspace(0, blocks - 1, COMPARED).astype(int)).tolist()
    work.stage(COMPARE, _compare, [(inputs, numbers, steps.count)], gpu=True)
    work.stage(SMOOTH, _smooth, [(work.run, number, steps.passes) for number in range(blocks)])
    if steps.draws:
        work.stage(FIND, _find_prototypes, [(seed,)])
    work.stage(WRITE, _write, [(work.run, n, steps.draws, int8) for n in range(blocks)])


def apply(work: ActiveRun, model: str, inputs: EncoderInputs, smooth: str, *, int8: bool) -> None:
    """In the driver of `lake transform`: embed and smooth every pixel, by what the run of a model keeps.

    Args:
        work: the run.
        model: the run of the model.
        inputs: of the store.
        smooth: the setting of the model's run.
        int8: whether vectors are stored as whole numbers.
    """
    blocks = _embed_blocks(work, model, inputs)
    draws = smooth == smoothing.PROTOTYPES and len(_prototypes(work.root, model).mean) > 0
    passes = len(_noise(work.root, model)) - draws
    work.stage(SMOOTH, _smooth, [(model, number, passes) for number in range(blocks)])
    work.stage(WRITE, _write, [(model, number, draws, int8) for number in range(blocks)])


def _embed_blocks(work: ActiveRun, model: str, inputs: EncoderInputs) -> int:
    """Have the vectors of all superblocks kept; returns their number."""
    domain = work.store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    work.stage(vectors.EMBED, _embed, [(model, inputs, block) for block in blocks], gpu=True)
    return len(blocks)


def _embed(root: str, run: str, model: str, inputs: EncoderInputs, pixels: slice) -> Arrays:  # noqa: ARG001 (parts get their run)
    """On a worker: the vectors of a superblock."""
    return {vectors.ARRAY: vectors.embed(vectors.load_model(root, model), inputs.read(0, pixels))}


def _compare(root: str, run: str, inputs: EncoderInputs, numbers: list[int], steps: int) -> None:
    """On a worker: store the noise before each step, by both views of some superblocks.

    Each superblock is smoothed as if it lay alone. The vector of a pixel is of both halves where views are
    halves, so its noise is half of theirs.
    """
    model, domain = vectors.load_model(root, run), _domain(root, run)
    blocks = [_block(domain, number) for number in numbers]
    around = [pairs.around(domain.row[block], domain.column[block]) for block in blocks]
    second = [vectors.embed(model, inputs.view(1, block)) for block in blocks]
    first = (
        [vectors.embed(model, inputs.view(0, block)) for block in blocks]
        if inputs.are_halves
        else [_kept(root, run, vectors.EMBED, number) for number in numbers]
    )
    noise = np.full(smoothing.MOST_STEPS, np.nan)
    for step in range(steps):
        heartbeat.check(root, run)
        squares = np.concatenate([*map(smoothing.squared_distances, first, second)])
        if not squares.size:
            break
        noise[step] = squares.mean()
        if step < steps - 1:
            smoothed = partial(smoothing.smoothed, noise=noise[step])
            first, second = ([*map(smoothed, view, around)] for view in (first, second))
    outputs.write(root, run, NOISE, noise / (2 if inputs.are_halves else 1))


def _smooth(root: str, run: str, model: str, number: int, passes: int) -> Arrays:
    """On a worker: the vectors of a superblock, averaged with those around so many times."""
    domain = _domain(root, run)
    row, column, size = domain.row, domain.column, domain.layout.superblock
    block = _block(domain, number)
    needed = own = np.arange(block.start, block.stop)
    for _ in range(passes):  # what a pass changes around a pixel, the next one takes in
        touching = pairs.around(row, column, needed)
        needed = np.union1d(needed, touching[touching >= 0])
    parts = []
    for other in np.unique(needed // size):
        positions = needed[needed // size == other] - other * size
        parts.append(_kept(root, run, vectors.EMBED, int(other))[positions])
    x, around = np.concatenate(parts), pairs.around(row[needed], column[needed])
    for noise in _noise(root, model)[:passes]:
        x = smoothing.smoothed(x, around, noise)
    return {vectors.ARRAY: x[np.searchsorted(needed, own)]}


def _find_prototypes(root: str, run: str, seed: int) -> None:
    """On a worker: store the prototypes of the land, by some of its smoothed vectors; none without noise."""
    domain, noise = _domain(root, run), _noise(root, run)
    if not noise.size:
        return
    size, parts = domain.layout.superblock, []
    for pixels in order.by_superblock(prototypes.seen(domain.pixels, seed), domain.layout):
        heartbeat.check(root, run)
        number = int(pixels[0]) // size
        parts.append(_kept(root, run, SMOOTH, number)[pixels - number * size])
    fitted = Prototypes.fit(np.concatenate(parts), noise[-1], seed)
    rows = slice(len(fitted.mean))
    outputs.write(root, run, PROTOTYPE_MEAN, fitted.mean, rows)
    outputs.write(root, run, PROTOTYPE_SHARE, fitted.pixel_share, rows)
    outputs.write(root, run, SCATTER, fitted.scatter)


def _write(
    root: str,
    run: str,
    model: str,
    number: int,
    draws: bool,  # noqa: FBT001 (a part's arguments have no names)
    int8: bool,  # noqa: FBT001
) -> None:
    """On a worker: store the vectors of a superblock, drawn to the prototypes of a model's run or not."""
    x = _kept(root, run, SMOOTH, number)
    if draws and len((fitted := _prototypes(root, model)).mean):
        x = fitted.denoised(x, _noise(root, model)[-1])
    vectors.write(root, run, x, _block(_domain(root, run), number), int8=int8)


def _kept(root: str, run: str, stage: str, number: int) -> Singles:
    """(pixel, latent) the vectors of a superblock after a stage."""
    kept: Singles = task_result(root, run, stage, number)[vectors.ARRAY]
    return kept


def _noise(root: str, run: str) -> Floats:
    """(step,) the noise before each step, of the run of a model; older runs have one number."""
    noise: Floats = np.atleast_1d(outputs.read(root, run, NOISE))
    return noise[np.isfinite(noise)]


def _prototypes(root: str, run: str) -> Prototypes:
    """The prototypes of the run of a model; it may have none."""
    mean, share = (outputs.read(root, run, name) for name in (PROTOTYPE_MEAN, PROTOTYPE_SHARE))
    is_one = share > 0
    return Prototypes(mean[is_one], share[is_one], float(outputs.read(root, run, SCATTER)))


def _block(domain: Domain, number: int) -> slice:
    return order.superblocks(domain.pixels, domain.layout)[number]


def _domain(root: str, run: str) -> Domain:
    """The pixels of a run that may be still under way."""
    return records.first_store(root, run).domain
