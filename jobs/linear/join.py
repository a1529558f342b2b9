"""The job `join`: the vectors of several runs of the same pixels, side by side as one vector.

Each run is a *block* of the vector. Blocks have other lengths and units, so each is scaled by a rule of
`RULES`, by which no block outweighs the others because it is longer, or in larger numbers:

- `distance`: less its mean, all of the block divided by one number, so that the mean squared distance of
  two pixels is 2 in every block. Within a block, large numbers stay large.
- `columns`: every number of the block gets variance 1 over the length of the block. Then the mean squared
  distance is 2, too, and all numbers of a block count alike.
- `none`: as they are.

`join.zarr` holds `embedding` (pixel, latent), NaN where a pixel lacks the vector of any run, which other
jobs take as that of an embedding; `block` (latent), the position of each number's run in the attribute
`inputs`; and `centre` and `scale` (latent): (vectors - centre) / scale are the embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Annotated

import numpy as np

from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import OneOf, check
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, pack, task_result, unpack
from lake.errors import ConfigError, DataError
from lake.format import moments, order, schema
from lake.format.arrays import Floats, Indices
from lake.format.moments import Moments
from lake.reading.store import Store

JOB = "join"
DISTANCE, COLUMNS, NONE = "distance", "columns", "none"
RULES = (DISTANCE, COLUMNS, NONE)
LEAST_RUNS = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake join`."""

    runs: tuple[str, ...] = ()
    """Runs whose vectors are joined, in this order."""
    arrays: tuple[str, ...] = ()
    """Name of the vectors' array (pixel, d) in each run; empty: the only one of each."""
    scaled: Annotated[str, OneOf("RULES")] = DISTANCE
    """How the vectors of each run are scaled, so that none outweighs the others."""

    def __post_init__(self) -> None:
        check(f"scaled must be one of {', '.join(RULES)}", self.scaled, holds=self.scaled in RULES)


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that joins the vectors of runs.

    Raises:
        ConfigError: fewer than two runs, one without vectors, or one of other pixels than the store's.
        MissingError: there is no such run, or it is not complete.
    """
    if len(settings.runs) < LEAST_RUNS:
        raise ConfigError(f"join needs two runs or more, found {list(settings.runs)}")
    arrays = settings.arrays or ("",) * len(settings.runs)
    if len(arrays) != len(settings.runs):
        raise ConfigError(
            f"arrays names {len(arrays)} of {len(settings.runs)} runs: wanted one for each, or none"
        )
    found = []
    for run, array in zip(settings.runs, arrays, strict=True):
        spec = records.finished_spec(root, run)
        if not records.open_input(root, spec.stores[0]).domain.same_as(store.domain):
            raise ConfigError(
                f"run {run} is of the pixels of {spec.store}, which are others than those of "
                f"{store.key}, or in another order: wanted runs of the same geometry and layout"
            )
        found.append(outputs.vectors_of(root, run, array))
    vectors = list(zip(settings.runs, found, strict=True))
    check("runs must differ", settings.runs, holds=len(set(vectors)) == len(vectors))
    inputs = {f"run-{number}": run for number, run in enumerate(settings.runs)}
    resolved = replace(settings, arrays=tuple(found))
    return (records.spec_of(root, resolved, JOB, (store,), inputs),)


def make(work: ActiveRun) -> Sequence[str]:
    """Measure every block, then scale and join them."""
    root, store, settings = work.root, work.store, work.settings(Settings)
    widths = [
        outputs.dataset(root, run)[array].shape[1]
        for run, array in zip(settings.runs, settings.arrays, strict=True)
    ]
    block = np.repeat(np.arange(len(widths)), widths)
    latent = len(block)
    arrays = [
        *schema.pixel_coordinates(store.domain),
        outputs.whole_array("latent", ("latent",), np.arange(latent)),
        outputs.whole_array("block", ("latent",), block),
        outputs.whole_array("centre", ("latent",), np.full(latent, np.nan)),
        outputs.whole_array("scale", ("latent",), np.full(latent, np.nan)),
        outputs.pixel_array("embedding", store, {"latent": latent}, "float32", np.nan),
    ]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    pieces = order.superblocks(store.domain.pixels, store.domain.layout)
    work.stage("measure", _measure, [(settings, piece) for piece in pieces])
    work.stage("scale", _scale, [(settings, len(pieces), store.domain.pixels)])
    work.stage("join", _join, [(settings, piece) for piece in pieces])
    return [path]


def scales(variance: Floats, block: Indices, rule: str) -> Floats:
    """(latent,) what each number is divided by.

    Args:
        variance: (latent,) of each number over the pixels.
        block: (latent,) which block each is of.
        rule: one of `RULES`.
    """
    if rule == NONE:
        return np.ones(len(block))
    length = np.bincount(block)[block]
    total = np.bincount(block, weights=variance)[block]
    square = total if rule == DISTANCE else variance * length
    return np.sqrt(np.where(square > 0, square, 1.0))


def _vectors(root: str, settings: Settings, pixels: slice) -> Floats:
    """(pixel, latent) vectors of all runs side by side; all NaN where any of them lacks one."""
    joined = np.concatenate(
        [
            outputs.read(root, run, array, pixels)
            for run, array in zip(settings.runs, settings.arrays, strict=True)
        ],
        axis=1,
    ).astype(np.float64)
    joined[~np.isfinite(joined).all(axis=1)] = np.nan
    return joined


def _measure(root: str, run: str, settings: Settings, pixels: slice) -> Arrays:
    """On a worker: the moments of the vectors of a superblock."""
    heartbeat.check(root, run)
    vectors = _vectors(root, settings, pixels)
    return pack(moments.from_observations(vectors, np.isfinite(vectors)))


def _scale(root: str, run: str, settings: Settings, pieces: int, pixels: int) -> None:
    """On a worker: merge what was measured, and store centre and scale.

    Raises:
        DataError: no pixel has a vector of every run.
    """
    parts = [unpack(Moments, task_result(root, run, "measure", number)) for number in range(pieces)]
    measured = reduce(moments.merge, parts)
    if not measured.count.any():
        raise DataError(
            f"none of {pixels} pixels has a vector in all of {', '.join(settings.runs)}"
        )
    centre = np.zeros_like(measured.m1) if settings.scaled == NONE else measured.m1
    block = outputs.read(root, run, "block")
    outputs.write(root, run, "centre", centre)
    variance = measured.m2 / measured.count
    outputs.write(root, run, "scale", scales(variance, block, settings.scaled))


def _join(root: str, run: str, settings: Settings, pixels: slice) -> None:
    """On a worker: the joined vectors of a superblock."""
    heartbeat.check(root, run)
    centre, scale = (outputs.read(root, run, name) for name in ("centre", "scale"))
    joined = (_vectors(root, settings, pixels) - centre) / scale
    outputs.write(root, run, "embedding", joined.astype(np.float32), pixels)
