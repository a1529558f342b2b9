"""Near negatives: pixels whose fine pixels look alike though their means differ, which are to be told apart.

They join the batch of the pixels that they are near to (`jobs.embedding.loader`), where a contrastive
loss pushes all pixels of others away: the hard ones are then among them.
Source: Robinson et al., "Contrastive learning with hard negative samples", ICLR (2021), for why;
likeness is that of textures (`jobs.features.texture`), the distance of sorted values, which for each
band is the Wasserstein-2 distance of what the fine pixels hold.
"""

import numpy as np
from numpy.typing import NDArray

import lake
from jobs.features import texture
from jobs.runs import heartbeat, outputs
from jobs.runs.stages import ActiveRun, Arrays, task_result
from lake.format import order
from lake.format.arrays import AnyFloats, Indices
from lake.format.domain import Domain
from lake.reading.store import Store

COUNT = 8
"""Near negatives of a pixel."""
POOL = 4096
"""Pixels that they are looked for among."""
ROWS = 1024
"""Looked for at a time."""
STAGE = "textures"


def mined(texture: AnyFloats, spectrum: AnyFloats, seed: int) -> Indices:
    """(P, COUNT) positions of near negatives; its own where a pixel has no texture.

    Of a pool of pixels, the nearest in texture among the half that is farther in spectrum.

    Args:
        texture: (P, t) NaN: not known.
        spectrum: (P, s) without NaN.
        seed: of the pool's draw.
    """
    known = np.flatnonzero(np.isfinite(texture).all(axis=1))
    found = np.repeat(np.arange(len(texture))[:, None], COUNT, axis=1)
    if known.size <= 2 * COUNT:
        return found
    random = np.random.default_rng(seed)
    pool = np.sort(random.permutation(known)[:POOL])
    for first in range(0, known.size, ROWS):
        rows = known[first : first + ROWS]
        alike = _squares(texture[rows], texture[pool])
        apart = _squares(spectrum[rows], spectrum[pool])
        alike[apart < np.median(apart, axis=1, keepdims=True)] = np.inf
        found[rows] = pool[np.argpartition(alike, COUNT, axis=1)[:, :COUNT]]
    return found


def look(work: ActiveRun, drawn: str) -> None:
    """Have the textures of a sample's pixels read, before a training asks for them."""
    pixel = outputs.read(work.root, drawn, "pixel")
    calls = [(work.store.url, drawn, of) for of in _slices(work.store.domain, pixel)]
    work.stage(STAGE, _textures, calls)


def textures(root: str, run: str, store: Store, drawn: Indices, pixel: Indices) -> AnyFloats:
    """(P, t) of pixels among those `drawn` that `look` had read, in standard deviations of each band."""
    parts = [task_result(root, run, STAGE, n) for n in range(len(_slices(store.domain, drawn)))]
    there = np.concatenate([of["pixel"] for of in parts])
    values = np.concatenate([of["patterns"] for of in parts])
    place = np.full(store.domain.pixels, there.size)
    place[there] = np.arange(there.size)
    nothing = np.full((1, values.shape[1]), np.nan)
    seen = np.concatenate([values, nothing])[place[pixel]]
    cubes = texture.fine_cubes(store)
    return texture.textures(texture.standardise(seen, cubes), cubes)


def _textures(root: str, run: str, url: str, drawn: str, pixels: slice) -> Arrays:
    """On a worker: patterns of the sampled pixels of a slice."""
    heartbeat.check(root, run)
    pixel = outputs.read(root, drawn, "pixel")
    here = pixel[(pixel >= pixels.start) & (pixel < pixels.stop)]
    seen = texture.patterns(lake.open(url), pixels)
    return {"pixel": here, "patterns": seen[here - pixels.start]}


def _slices(domain: Domain, pixel: Indices) -> list[slice]:
    """Of every superblock, from the first to the last of some pixels."""
    found = []
    for block in order.superblocks(domain.pixels, domain.layout):
        here = pixel[(pixel >= block.start) & (pixel < block.stop)]
        if here.size:
            found.append(slice(int(here.min()), int(here.max()) + 1))
    return found


def _squares(a: AnyFloats, b: AnyFloats) -> NDArray[np.float64]:
    """(A, B) squared distances of rows."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    found: NDArray[np.float64] = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return found
