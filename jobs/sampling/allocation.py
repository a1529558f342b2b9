"""How many pixels a sample takes of each stratum or cell, found by stages of a run."""

import numpy as np
from numpy.typing import NDArray

import lake
from jobs.features import features
from jobs.features.features import Feature, Selection
from jobs.runs import heartbeat, outputs
from jobs.runs.stages import ActiveRun, Arrays, task_result
from jobs.sampling import designs, hierarchy
from jobs.sampling import strata as stratification
from jobs.sampling.hierarchy import Hierarchy
from jobs.sampling.strata import Strata
from lake.errors import ConfigError
from lake.format import order
from lake.reading.store import Store

Shares = tuple[NDArray[np.integer], NDArray[np.int64]]
"""(pixel,) label, below 0 outside the population; (label,) how many are drawn."""


def stratified(
    work: ActiveRun, strata: Strata, pixels: int, generator: np.random.Generator
) -> Shares:
    """Strata, and their shares of `pixels`; Neyman's after a pilot of one phase drawn at random."""
    labels = stratification.labels(work.root, work.store, strata)
    number = int(labels.max()) + 1
    size, spread = designs.sizes(labels, number), None
    if strata.neyman:
        phase = int(generator.integers(work.store.domain.layout.phases))
        spread = stratification.spreads(_pilot(work, strata.neyman, phase), labels, number)
    weight = stratification.weights(strata.allocation, size, spread)
    least = np.minimum(size, stratification.LEAST)
    return labels, designs.allocate(weight, size, least, pixels)


def balanced(
    work: ActiveRun, how: Hierarchy, pixels: int, generator: np.random.Generator
) -> Shares:
    """Cells of scores, found from some pixels drawn at random, and their shares of `pixels`."""
    domain = work.store.domain
    work.stage("fit", _fit, [(how, domain.pixels, int(generator.integers(2**32)))])
    blocks = order.superblocks(domain.pixels, domain.layout)
    work.stage("assign", _assign, [(how.scores, block) for block in blocks])
    labels = np.concatenate([work.result("assign", n)["cell"] for n in range(len(blocks))])
    size = designs.sizes(labels, how.levels[0])
    fitted = work.result("fit", 0)
    parents = [fitted[f"parent{level}"] for level in range(len(how.levels) - 1)]
    return labels, hierarchy.counts(size, np.minimum(size, 1), parents, pixels)


def feature(name: str, store: Store) -> tuple[Selection, int]:
    """What to read for the feature of this name, and its row in that.

    Raises:
        ConfigError: the store does not have it.
    """
    of = Feature.of(name)
    subpixels = features.MERGED if of.subpixel is None else features.SEPARATE
    wanted = Selection((of.cube,), (of.month,), (of.tod,), (of.band,), (of.statistic,), subpixels)
    settled = features.settle(wanted, store)
    found = [str(row) for row in features.columns(settled, store.cubes.values())]
    if name not in found:
        raise ConfigError(f"{store.key} has no feature {name}: it has {', '.join(found)}")
    return settled, found.index(name)


def _pilot(work: ActiveRun, name: str, phase: int) -> NDArray[np.float32]:
    """(pixel,) a feature in one phase, NaN elsewhere."""
    store = work.store
    pixels, layout = store.domain.pixels, store.domain.layout
    pieces = [of for of in order.phase_slices(pixels, layout, phase) if of.stop > of.start]
    work.stage("pilot", _read, [(store.url, name, piece) for piece in pieces])
    found = np.full(pixels, np.nan, np.float32)
    for number, piece in enumerate(pieces):
        found[piece] = work.result("pilot", number)["values"]
    return found


def _read(root: str, run: str, url: str, name: str, pixels: slice) -> Arrays:  # noqa: ARG001
    """On a worker: `values` (pixel,) of one feature."""
    store = lake.open(url)
    selection, row = feature(name, store)
    return {"values": features.read(store, selection, pixels)[row]}


def _fit(root: str, run: str, how: Hierarchy, pixels: int, seed: int) -> Arrays:
    """On a worker: `centres` (cell, component) and `parent0`, ... (cluster,) from scores of some pixels."""
    some = np.random.default_rng(seed).choice(pixels, min(how.fit, pixels), replace=False)
    scores = outputs.read(root, how.scores, "scores", np.sort(some))
    centres, parents = hierarchy.fit(scores, how.levels, seed, lambda: heartbeat.check(root, run))
    return {"centres": centres} | {f"parent{level}": of for level, of in enumerate(parents)}


def _assign(root: str, run: str, scored: str, pixels: slice) -> Arrays:
    """On a worker: `cell` (pixel,) of a superblock; -1 where a pixel has no scores."""
    centres = task_result(root, run, "fit", 0)["centres"]
    scores = outputs.read(root, scored, "scores", pixels)
    return {"cell": hierarchy.nearest(scores, centres).astype(np.int32)}
