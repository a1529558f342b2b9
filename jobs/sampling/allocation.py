"""How many pixels a sample takes of each stratum or cell, computed by stages of a run."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

import lake
from jobs.features import features
from jobs.features.features import Feature, FeatureSelection
from jobs.runs import heartbeat, outputs
from jobs.runs.stages import ActiveRun, Arrays, task_result
from jobs.sampling import designs, hierarchy
from jobs.sampling import strata as stratification
from jobs.sampling.hierarchy import Hierarchy
from jobs.sampling.strata import Strata
from lake.errors import ConfigError
from lake.format import order
from lake.reading.store import Store

Allocation = tuple[NDArray[np.integer], NDArray[np.int64]]
"""(pixel,) label, below 0 outside the population; (label,) how many pixels are drawn."""


def stratified(
    work: ActiveRun, strata: Strata, pixels: int, generator: np.random.Generator
) -> Allocation:
    """The strata, and how many of `pixels` each gets; Neyman's after a pilot of one random phase."""
    labels = stratification.labels(work.root, work.store, strata)
    number = int(labels.max()) + 1
    size, spread = designs.sizes(labels, number), None
    if strata.neyman:
        phase = int(generator.integers(work.store.domain.layout.phases))
        spread = stratification.spreads(_pilot(work, strata.neyman, phase), labels, number)
    weight = stratification.weights(strata.allocation, size, spread)
    minimum = np.minimum(size, stratification.MIN_PIXELS)
    return labels, designs.allocate(weight, size, minimum, pixels)


def balanced(
    work: ActiveRun,
    settings: Hierarchy,
    pixels: int,
    generator: np.random.Generator,
    array: str = "scores",
) -> Allocation:
    """Cells of scores, or of another array (pixel, d), fitted to random pixels; and how many of `pixels` each
    gets.
    """
    domain = work.store.domain
    work.stage("fit", _fit, [(settings, array, domain.pixels, int(generator.integers(2**32)))])
    blocks = order.superblocks(domain.pixels, domain.layout)
    work.stage("assign", _assign, [(settings.scores, array, block) for block in blocks])
    labels = np.concatenate([work.result("assign", n)["cell"] for n in range(len(blocks))])
    size = designs.sizes(labels, settings.levels[0])
    fitted = work.result("fit", 0)
    parents = [fitted[f"parent{level}"] for level in range(len(settings.levels) - 1)]
    return labels, hierarchy.counts(size, np.minimum(size, 1), parents, pixels)


def feature(name: str, store: Store) -> tuple[FeatureSelection, int]:
    """The selection to read for the feature of this name, and the row that it has there.

    Raises:
        ConfigError: the store does not have it.
    """
    parsed = Feature.parse(name)
    selection = FeatureSelection(
        (parsed.cube,), (parsed.month,), (parsed.tod,), (parsed.band,), (parsed.statistic,),
        features.MERGED if parsed.subpixel is None else features.SEPARATE,
    )  # fmt: skip
    selection = features.resolve(selection, store)
    names = [str(row) for row in features.columns(selection, store.cubes.values())]
    if name not in names:
        raise ConfigError(f"{store.key} has no feature {name}: it has {', '.join(names)}")
    return selection, names.index(name)


def _pilot(work: ActiveRun, name: str, phase: int) -> NDArray[np.float32]:
    """(pixel,) values of a feature in one phase, NaN elsewhere."""
    store = work.store
    pixels, layout = store.domain.pixels, store.domain.layout
    slices = order.phase_slices(pixels, layout, phase)
    pieces = [piece for piece in slices if piece.stop > piece.start]
    work.stage("pilot", _read, [(store.url, name, piece) for piece in pieces])
    values = np.full(pixels, np.nan, np.float32)
    for number, piece in enumerate(pieces):
        values[piece] = work.result("pilot", number)["values"]
    return values


def _read(root: str, run: str, url: str, name: str, pixels: slice) -> Arrays:  # noqa: ARG001
    """On a worker: read `values` (pixel,) of one feature."""
    store = lake.open(url)
    selection, row = feature(name, store)
    return {"values": features.read(store, selection, pixels)[row]}


def _fit(root: str, run: str, settings: Hierarchy, array: str, pixels: int, seed: int) -> Arrays:
    """On a worker: fit `centres` (cell, component) and `parent0`, ... (cluster,) to random pixels."""
    pixel = np.random.default_rng(seed).choice(pixels, min(settings.fit, pixels), replace=False)
    scores = outputs.read(root, settings.scores, array, np.sort(pixel))
    check_stop = partial(heartbeat.check, root, run)
    centres, parents = hierarchy.fit(scores, settings.levels, seed, check_stop)
    return {"centres": centres} | {f"parent{level}": index for level, index in enumerate(parents)}


def _assign(root: str, run: str, scores_run: str, array: str, pixels: slice) -> Arrays:
    """On a worker: find `cell` (pixel,) of a superblock; -1 where a pixel has no scores."""
    centres = task_result(root, run, "fit", 0)["centres"]
    scores = outputs.read(root, scores_run, array, pixels)
    return {"cell": hierarchy.nearest(scores, centres).astype(np.int32)}
