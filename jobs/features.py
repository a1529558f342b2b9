"""Features of pixels: named columns computed from the statistics of a store.

A feature is one statistic of one (cube, band, month, tod), named `cube/band/MM/tod/statistic`, e.g.
`day-2km/C13/07/64800/mean`. The subpixels of a pixel are merged into one set of observations, so
features of all cubes join on the pixel; kept apart, a subpixel adds `/s07` to the name. Values are
float32, NaN where the statistic is not defined. Columns run by cube, month, tod, band, statistic,
subpixel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lake import moments
from lake.errors import ConfigError
from lake.moments import Moments
from lake.read import Store
from lake.schema import MONTHS, Cube

STATISTICS = ("mean", "stddev", "skewness", "kurtosis", "min", "max", "range", "count")
RESTS_ON = {"skewness": "m3", "kurtosis": "m4"}
"""The metric that spoils a statistic where it may be wrong."""

MERGED, SEPARATE = "merged", "separate"

Floats = NDArray[np.float64]
Block = NDArray[np.float32]
"""(tod, band, metric, pixel, subpixel) of one month."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which features; an empty tuple means all there are."""

    cubes: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    tods: tuple[int, ...] = ()
    bands: tuple[str, ...] = ()
    statistics: tuple[str, ...] = STATISTICS[:4]
    subpixels: str = MERGED
    """`merged` or `separate`."""

    def __post_init__(self) -> None:
        _known("statistics", self.statistics, STATISTICS)
        _known("months", self.months, MONTHS)
        _known("subpixels", (self.subpixels,), (MERGED, SEPARATE))


@dataclass(frozen=True, slots=True)
class Feature:
    """One column."""

    cube: str
    band: str
    month: int
    tod: int
    statistic: str
    subpixel: int | None = None
    """None: all of the pixel, merged."""

    def __str__(self) -> str:
        name = f"{self.cube}/{self.band}/{self.month:02d}/{self.tod}/{self.statistic}"
        return name if self.subpixel is None else f"{name}/s{self.subpixel:02d}"


def settle(selection: Selection, store: Store, *, suspect: bool = False) -> Selection:
    """The selection with every choice spelled out for a store.

    Months that the store never saw are left out; so are, unless `suspect`, statistics of metrics
    that may be wrong.

    Raises:
        ConfigError: a name the store does not have, or nothing is left.
    """
    cubes = list(store.cubes.values())
    bands = tuple(dict.fromkeys(band for cube in cubes for band in cube.bands))
    tods = tuple(dict.fromkeys(tod for cube in cubes for tod in cube.tods))
    _known("cubes", selection.cubes, tuple(store.cubes))
    _known("bands", selection.bands, bands)
    _known("tods", selection.tods, tods)
    doubtful = () if suspect else store.suspect
    statistics = tuple(s for s in selection.statistics if RESTS_ON.get(s) not in doubtful)
    months = tuple(m for m in store.months if m in (selection.months or MONTHS))
    settled = Selection(
        selection.cubes or tuple(store.cubes),
        months,
        selection.tods or tods,
        selection.bands or bands,
        statistics,
        selection.subpixels,
    )
    if not columns(settled, store.cubes.values()):
        raise ConfigError(
            f"no feature of {store.key} fits the settings: it holds months {store.months}, "
            f"suspect metrics are {store.suspect}; wanted at least one month, cube, band, time of "
            "day and statistic ('--set suspect=true' takes suspect metrics as they are)"
        )
    return settled


def columns(selection: Selection, cubes: Iterable[Cube]) -> tuple[Feature, ...]:
    """The features of a settled selection, in the order of the columns."""
    return tuple(
        Feature(cube.name, band, month, tod, statistic, subpixel)
        for cube in cubes
        if cube.name in selection.cubes
        for month in selection.months
        for tod in cube.tods
        if tod in selection.tods
        for band in cube.bands
        if band in selection.bands
        for statistic in selection.statistics
        for subpixel in (range(cube.subpixels) if _is_separate(selection, cube) else (None,))
    )


def read(store: Store, selection: Selection, pixels: slice) -> NDArray[np.float32]:
    """(pixel, feature) of a run of pixels; a month of a cube is read at a time."""
    size = pixels.stop - pixels.start
    found = [
        of_block(store.block(cube.name, pixels, month)[0], cube, selection)
        for cube in store.cubes.values()
        if cube.name in selection.cubes
        for month in selection.months
    ]
    return np.concatenate([np.empty((size, 0), np.float32), *found], axis=1)


def of_block(block: Block, cube: Cube, selection: Selection) -> NDArray[np.float32]:
    """(pixel, feature) of one month of a cube, the columns as `columns` names them.

    Args:
        block: (tod, band, metric, pixel, subpixel); a NaN count means never ingested.
        cube: what the block is of.
        selection: settled.
    """
    tods = [i for i, tod in enumerate(cube.tods) if tod in selection.tods]
    bands = [i for i, band in enumerate(cube.bands) if band in selection.bands]
    chosen = block[np.ix_(tods, bands)]
    found = moments.from_results(chosen, axis=2)  # (tod, band, pixel, subpixel)
    never = np.isnan(chosen[:, :, 0])
    if not _is_separate(selection, cube):
        found, never = moments.merge_along(found, axis=-1), np.min(never, axis=-1, keepdims=True)
    values = _statistics(found, never)
    stacked = np.stack([values[name] for name in selection.statistics], axis=-2)
    # (tod, band, pixel, statistic, subpixel) -> (pixel, tod, band, statistic, subpixel)
    by_pixel = np.moveaxis(stacked, 2, 0)
    return by_pixel.reshape(by_pixel.shape[0], -1).astype(np.float32)


def _statistics(of: Moments, never: NDArray[np.bool_]) -> dict[str, Floats]:
    summary = moments.finalise(of)
    return {
        "mean": summary.mean,
        "stddev": summary.stddev,
        "skewness": summary.skewness,
        "kurtosis": summary.kurtosis,
        "min": of.min,
        "max": of.max,
        "range": of.max - of.min,
        "count": np.where(never, np.nan, of.count),
    }


def _is_separate(selection: Selection, cube: Cube) -> bool:
    return selection.subpixels == SEPARATE and cube.refinement > 1


def _known(name: str, found: Iterable[object], known: Sequence[object]) -> None:
    if unknown := [value for value in found if value not in known]:
        raise ConfigError(
            f"{name}: {unknown[0]!r} is not there; wanted some of {', '.join(map(str, known))}"
        )
