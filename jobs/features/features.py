"""Features of pixels: named rows computed from the statistics of a store.

A feature is one statistic of one (cube, band, month, tod), named `cube/band/MM/tod/statistic`, e.g.
`day-2km/C13/07/64800/mean`; a statistic may be transformed, `stddev:log`. The subpixels of a pixel
are merged into one set of observations, so features of all cubes join on the pixel; kept apart, a
subpixel adds `/s07` to the name. Values are float32 (feature, pixel), NaN where the statistic or its
transform is not defined. Rows run by cube, month, tod, band, statistic, subpixel.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from jobs.runs.settings import TimeOfDay
from lake.errors import ConfigError
from lake.format import moments
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Cube
from lake.reading.store import Store

STATISTICS = ("mean", "stddev", "skewness", "kurtosis", "range", *METRICS)
RESTS_ON = {"skewness": "m3", "kurtosis": "m4"}
"""The metric that spoils a statistic where it may be wrong; a raw metric spoils itself."""
STORED = {"mean": "m1"} | {metric: metric for metric in METRICS}
"""Statistics that a store holds as they are."""
TRANSFORMS: dict[str, Callable[..., Any]] = {
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "asinh": np.arcsinh,
}
"""What may follow a statistic's name and a colon; NaN outside the function's domain."""

MONTHS_AT_ONCE = 4
"""That are asked of a server together: alone, each waits for its answer. 4 x 36 MB, the finest cube."""

MERGED, SEPARATE = "merged", "separate"

Values = NDArray[np.floating]
Block = NDArray[np.float32]
"""(tod, band, metric, pixel, subpixel) of one month."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which features; an empty tuple means all there are."""

    cubes: tuple[str, ...] = ()
    months: tuple[int, ...] = ()
    tods: tuple[TimeOfDay, ...] = ()
    bands: tuple[str, ...] = ()
    statistics: tuple[str, ...] = STATISTICS[:4]
    """Each with `:transform` behind it, or without."""
    subpixels: str = MERGED
    """`merged` or `separate`."""

    def __post_init__(self) -> None:
        _known("statistics", map(_base, self.statistics), STATISTICS)
        transforms = [_transform(name) for name in self.statistics if ":" in name]
        _known("transforms", transforms, tuple(TRANSFORMS))
        if len(set(self.statistics)) < len(self.statistics):
            raise ConfigError(f"statistics: {self.statistics} names one twice; leave it out")
        _known("months", self.months, MONTHS)
        _known("subpixels", (self.subpixels,), (MERGED, SEPARATE))


@dataclass(frozen=True, slots=True)
class Feature:
    """One row."""

    cube: str
    band: str
    month: int
    tod: int
    statistic: str
    """With its transform."""
    subpixel: int | None = None
    """None: all of the pixel, merged."""

    def __str__(self) -> str:
        name = f"{self.cube}/{self.band}/{self.month:02d}/{self.tod}/{self.statistic}"
        return name if self.subpixel is None else f"{name}/s{self.subpixel:02d}"

    @classmethod
    def of(cls, name: str) -> Self:
        """The feature of a name.

        Raises:
            ConfigError: it is no name of a feature.
        """
        try:
            cube, band, month, tod, statistic, *rest = name.split("/")
            found = cls(cube, band, int(month), int(tod), statistic, *(int(s[1:]) for s in rest))
        except (TypeError, ValueError):
            found = None
        if found is None or str(found) != name:
            raise ConfigError(
                f"{name!r} is no name of a feature: wanted one like 'day-2km/C13/07/64800/mean'"
            )
        return found


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
    statistics = selection.statistics if suspect else trusted(selection.statistics, store)
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


def trusted(statistics: Iterable[str], store: Store) -> tuple[str, ...]:
    """Those that rest on no metric of a store that may be wrong."""
    bases = ((name, _base(name)) for name in statistics)
    return tuple(name for name, base in bases if RESTS_ON.get(base, base) not in store.suspect)


def columns(selection: Selection, cubes: Iterable[Cube]) -> tuple[Feature, ...]:
    """The features of a settled selection, in the order of the rows."""
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
    """(feature, pixel) of a run of pixels; a month of a cube is read at a time, some from a server.

    Args:
        store: what is read.
        selection: settled; its features are named by `columns`.
        pixels: in store order.
    """
    cubes = [cube for cube in store.cubes.values() if cube.name in selection.cubes]
    found = np.empty((len(columns(selection, cubes)), pixels.stop - pixels.start), np.float32)
    at_once = 1 if store.blocks.objects.is_folder else MONTHS_AT_ONCE
    first = 0
    for cube in cubes:
        cells = (len(cube.tods), len(cube.bands), len(METRICS))
        for begin in range(0, len(selection.months), at_once):
            months = selection.months[begin : begin + at_once]
            if _is_as_stored(selection, cube):  # no copy: a third of the time of reading
                rows = found[first : first + len(months) * math.prod(cells)]
                store.block(cube.name, pixels, months, rows.reshape(len(months), *cells, -1, 1))
                first += len(rows)
            else:
                for block in store.block(cube.name, pixels, months):
                    first += fill(found[first:], block, cube, selection)
    return found


def fill(rows: NDArray[np.float32], block: Block, cube: Cube, selection: Selection) -> int:
    """Write the features of one month of a cube into the first of `rows`; returns how many.

    Args:
        rows: (feature, pixel), as `columns` names them.
        block: (tod, band, metric, pixel, subpixel); a NaN count means never ingested.
        cube: what the block is of.
        selection: settled.
    """
    separate = _is_separate(selection, cube)
    height = cube.subpixels if separate else 1
    done = 0
    for tod in (i for i, of in enumerate(cube.tods) if of in selection.tods):
        for band in (i for i, of in enumerate(cube.bands) if of in selection.bands):
            values = _statistics(block[tod, band], selection.statistics, separate=separate)
            for name in selection.statistics:
                found = transformed(values[_base(name)], _transform(name))
                rows[done : done + height] = found.T
                done += height
    return done


def transformed(values: Values, transform: str) -> Values:
    """Values of any shape by one of `TRANSFORMS`, or as they are; NaN where that is not defined."""
    if not transform:
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Values = TRANSFORMS[transform](values)
    return np.where(np.isfinite(found), found, np.float32(np.nan))


def _statistics(block: Block, names: Iterable[str], *, separate: bool) -> Mapping[str, Values]:
    """(pixel, subpixel) of the statistics that names need, of a block (metric, pixel, subpixel)."""
    alone = separate or block.shape[-1] == 1
    stored = {name: block[METRICS.index(metric)] for name, metric in STORED.items()}
    if alone and stored.keys() >= set(map(_base, names)):
        return stored
    of, never = moments.from_results(block, axis=0), np.isnan(block[0])
    if not alone:
        of, never = moments.merge_along(of, axis=-1), never.all(axis=-1, keepdims=True)
    summary = moments.finalise(of)
    return {
        **{name: getattr(of, metric) for name, metric in STORED.items()},
        "count": np.where(never, np.nan, of.count),
        "range": of.max - of.min,
        "stddev": summary.stddev,
        "skewness": summary.skewness,
        "kurtosis": summary.kurtosis,
    }


def _base(statistic: str) -> str:
    return statistic.partition(":")[0]


def _transform(statistic: str) -> str:
    return statistic.partition(":")[2]


def _is_as_stored(selection: Selection, cube: Cube) -> bool:
    """Whether the features of a month are all that a block of it holds, in its order."""
    whole = {*selection.tods} >= {*cube.tods} and {*selection.bands} >= {*cube.bands}
    named = tuple(STORED.get(name) for name in selection.statistics)
    return whole and named == tuple(METRICS) and cube.subpixels == 1


def _is_separate(selection: Selection, cube: Cube) -> bool:
    return selection.subpixels == SEPARATE and cube.refinement > 1


def _known(name: str, found: Iterable[object], known: Sequence[object]) -> None:
    if unknown := [value for value in found if value not in known]:
        raise ConfigError(
            f"{name}: {unknown[0]!r} is not there; wanted some of {', '.join(map(str, known))}"
        )
