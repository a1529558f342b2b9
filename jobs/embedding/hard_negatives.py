"""Hard negatives: pixels whose fine pixels look alike though their means differ.

They join the batch of the pixels that they resemble (`jobs.embedding.loader`), where a contrastive loss
pushes the vectors of different pixels apart: the hard ones are then among them. Two pixels are alike by
their textures (`jobs.features.texture`), the distance of sorted values, which for each band is the
Wasserstein-2 distance of the distributions of the fine pixels.
Source: Robinson et al., "Contrastive learning with hard negative samples", ICLR (2021), for why.
"""

import numpy as np

import lake
from jobs.features import texture
from jobs.runs import heartbeat, outputs
from jobs.runs.stages import ActiveRun, Arrays, task_result
from lake.format import order
from lake.format.arrays import AnyFloats, Floats, Indices
from lake.format.domain import Domain
from lake.reading.store import Store

COUNT = 8
"""Hard negatives of a pixel."""
POOL = 4096
"""Pixels that hard negatives are searched among."""
ROWS = 1024
"""Pixels whose hard negatives are searched at a time."""
STAGE = "textures"


def mined(texture: AnyFloats, spectrum: AnyFloats, seed: int) -> Indices:
    """(P, COUNT) positions of hard negatives; its own where a pixel has no texture.

    They are, in a pool of pixels, the nearest in texture among the half that is farther in spectrum.

    Args:
        texture: (P, t) NaN: the pixel has no texture.
        spectrum: (P, s) without NaN.
        seed: of the pool's draw.
    """
    usable = np.flatnonzero(np.isfinite(texture).all(axis=1))
    negatives = np.repeat(np.arange(len(texture))[:, None], COUNT, axis=1)
    if usable.size <= 2 * COUNT:
        return negatives
    random = np.random.default_rng(seed)
    pool = np.sort(random.permutation(usable)[:POOL])
    for first in range(0, usable.size, ROWS):
        rows = usable[first : first + ROWS]
        texture_distance = _squared_distances(texture[rows], texture[pool])
        spectrum_distance = _squared_distances(spectrum[rows], spectrum[pool])
        median = np.median(spectrum_distance, axis=1, keepdims=True)
        texture_distance[spectrum_distance < median] = np.inf
        nearest = np.argpartition(texture_distance, COUNT, axis=1)[:, :COUNT]
        negatives[rows] = pool[nearest]
    return negatives


def read_textures(work: ActiveRun, sampled: str) -> None:
    """In the driver: have the textures of a sample's pixels read, before a training asks for them.

    Args:
        work: the run of the training.
        sampled: run of the sample.
    """
    pixel = outputs.read(work.root, sampled, "pixel")
    calls = [(work.store.url, sampled, pixels) for pixels in _slices(work.store.domain, pixel)]
    work.stage(STAGE, _textures, calls)


def textures(root: str, run: str, store: Store, sampled: Indices, pixel: Indices) -> AnyFloats:
    """(P, t) textures that `read_textures` had read, in standard deviations of each band.

    Args:
        root: of the lake.
        run: of the training.
        store: that was read.
        sampled: positions of the pixels of the sample.
        pixel: (P,) positions of the pixels that are asked for; NaN where one is not of the sample.
    """
    numbers = range(len(_slices(store.domain, sampled)))
    parts = [task_result(root, run, STAGE, number) for number in numbers]
    read_pixel = np.concatenate([part["pixel"] for part in parts])
    patterns = np.concatenate([part["patterns"] for part in parts])
    row = np.full(store.domain.pixels, read_pixel.size)
    row[read_pixel] = np.arange(read_pixel.size)
    missing = np.full((1, patterns.shape[1]), np.nan)
    selected = np.concatenate([patterns, missing])[row[pixel]]
    cubes = texture.fine_cubes(store)
    return texture.textures(texture.standardise(selected, cubes), cubes)


def _textures(root: str, run: str, url: str, sampled: str, pixels: slice) -> Arrays:
    """On a worker: patterns of the sampled pixels of a slice."""
    heartbeat.check(root, run)
    pixel = outputs.read(root, sampled, "pixel")
    inside = pixel[(pixel >= pixels.start) & (pixel < pixels.stop)]
    patterns = texture.patterns(lake.open(url), pixels)
    return {"pixel": inside, "patterns": patterns[inside - pixels.start]}


def _slices(domain: Domain, pixel: Indices) -> list[slice]:
    """A slice of every superblock that has some pixels, from the first to the last of them."""
    slices = []
    for block in order.superblocks(domain.pixels, domain.layout):
        inside = pixel[(pixel >= block.start) & (pixel < block.stop)]
        if inside.size:
            slices.append(slice(int(inside.min()), int(inside.max()) + 1))
    return slices


def _squared_distances(a: AnyFloats, b: AnyFloats) -> Floats:
    """(A, B) squared distances of rows."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares: Floats = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return squares
