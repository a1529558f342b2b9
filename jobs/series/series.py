"""The job `series`: the statistics of every pixel side by side, for readers of single pixels.

A store lays pixels beside each other, so that a map of one slot is read fast; a single pixel costs a chunk
of each cube and month. `series.zarr` holds the same numbers the other way round: `series` (pixel, slot,
statistic) float32, where `slot` names cube, month, time of day and band (`day-2km/7/64800/C13`) and
`statistic` is one of `STATISTICS`. The subpixels of a finer cube are one set of observations. NaN as in the
store: a count where no time step was ever ingested, a statistic without the observations that it needs.

An inner chunk is `CHUNK` pixels, all slots; a shard is a superblock. So all that is known of a pixel takes
two requests.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from jobs.runs import outputs, records
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun
from lake.errors import ConfigError
from lake.format import moments, order, schema
from lake.format.arrays import Singles
from lake.format.moments import METRICS
from lake.format.schema import Array, Cube
from lake.reading.store import Store

JOB = "series"
STATISTICS = ("count", "mean", "stddev", "min", "max")
CHUNK = 16
"""Pixels of an inner chunk: of the shipped listing's four cubes and 12 months it takes 0.1 MB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake series`."""

    cubes: tuple[str, ...] = ()
    """Names of cubes; empty: all."""


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that lays out the series of a store's pixels.

    Raises:
        ConfigError: the store has no such cube, or holds no month.
    """
    names = settings.cubes or tuple(store.cubes)
    if unknown := [name for name in names if name not in store.cubes]:
        raise ConfigError(
            f"{store.key} has no cube {unknown[0]!r}: wanted some of {', '.join(store.cubes)}"
        )
    if not store.months:
        raise ConfigError(f"{store.key} holds no month: publish one by 'lake ingest run'")
    return (records.spec_of(root, Settings(names), JOB, (store,)),)


def make(work: ActiveRun) -> Sequence[str]:
    """Turn every superblock."""
    store, names = work.store, work.settings(Settings).cubes
    path = outputs.create(work.objects, work.spec, arrays(store, names), schema.PIXEL_COORDINATES)
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    numbers = sum(cube.subpixels * len(slots(cube, store.months)) for cube in _cubes(store, names))
    pixel_bytes = 4 * len(METRICS) * numbers
    sizes = [pixel_bytes * (block.stop - block.start) for block in blocks]
    work.stage("turn", turn, [(names, block) for block in blocks], sizes)
    return [path]


def slots(cube: Cube, months: Sequence[int]) -> list[str]:
    """The names of a cube's slots: month by month, then time of day, then band."""
    return [
        f"{cube.name}/{month}/{tod}/{band}"
        for month in months
        for tod in cube.tods
        for band in cube.bands
    ]


def statistics(block: Singles) -> Singles:
    """The statistics of pixels whose subpixels are one set of observations.

    Args:
        block: (tod, band, metric, pixel, subpixel), as a store holds it.

    Returns:
        float32 (pixel, tod x band, statistic).
    """
    merged = moments.merge_along(moments.from_results(block, axis=2), axis=-1)
    summary = moments.finalise(merged)
    never = np.isnan(block[:, :, METRICS.index("count")]).all(axis=-1, keepdims=True)
    count = np.where(never, np.nan, merged.count)
    values = np.stack([count, summary.mean, summary.stddev, merged.min, merged.max])[..., 0]
    pixels = values.shape[-1]
    turned: Singles = values.reshape(len(STATISTICS), -1, pixels).T.astype(np.float32)
    return turned


def _cubes(store: Store, names: Sequence[str]) -> list[Cube]:
    return [store.cubes[name] for name in names]


def arrays(store: Store, names: Sequence[str]) -> Iterator[Array]:
    """The arrays of the run's group, the series not filled yet."""
    labels = [slot for cube in _cubes(store, names) for slot in slots(cube, store.months)]
    pixels, widths = store.domain.pixels, (len(labels), len(STATISTICS))
    shard = -(-min(store.domain.layout.superblock, pixels) // CHUNK) * CHUNK
    yield from schema.pixel_coordinates(store.domain)
    yield outputs.whole_array("slot", ("slot",), labels)
    yield outputs.whole_array("statistic", ("statistic",), STATISTICS)
    yield Array(
        JOB,
        ("pixel", "slot", "statistic"),
        (pixels, *widths),
        "float32",
        (CHUNK, *widths),
        (shard, *widths),
        {"long_name": "statistics of clear-sky observations", "slots": labels},
        fill_value=np.nan,
    )


def turn(root: str, run: str, names: tuple[str, ...], pixels: slice) -> None:
    """On a worker: the series of a superblock, month by month."""
    store = records.first_store(root, run)
    pieces = [
        statistics(store.block(cube.name, pixels, month)[0])
        for cube in _cubes(store, names)
        for month in store.months
    ]
    outputs.write(root, run, JOB, np.concatenate(pieces, axis=1), pixels)
