"""Features of pixels: named rows computed from the statistics of a store.

A feature is one statistic of one (cube, band, month, tod), named `cube/band/MM/tod/statistic`, e.g.
`day-2km/C13/07/64800/mean`; a statistic may be transformed, `stddev:log`. The subpixels of a pixel
are merged into one set of observations, so features of all cubes join on the pixel; kept apart, a
subpixel adds `/s07` to the name. Values are float32 (feature, pixel), NaN where the statistic or its
transform is not defined. Rows run by cube, month, tod, band, statistic, subpixel; features that need no
observation (`jobs.features.static`) come last, NaN where a pixel has none of the others.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from jobs.features import run_vectors, static
from jobs.features.static import StaticFeature
from jobs.runs.settings import OneOf, TimeOfDay, newer
from lake.errors import ConfigError
from lake.format import moments
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Cube
from lake.format.times import format_tod
from lake.reading.store import Store

STATISTICS = ("mean", "stddev", "skewness", "kurtosis", "range", *METRICS)
RESTS_ON = {"skewness": "m3", "kurtosis": "m4"}
"""The metric without which a statistic cannot be trusted; a raw metric rests on itself."""
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
"""Months that are asked of a server together, so that they wait once. 4 x 36 MB, the finest cube."""

MERGED, SEPARATE = "merged", "separate"
SUBPIXELS = (MERGED, SEPARATE)

Values = NDArray[np.floating]
Block = NDArray[np.float32]
"""(tod, band, metric, pixel, subpixel) of one month."""


@dataclass(frozen=True, slots=True)
class FeatureSelection:
    """The features that a job takes; an empty tuple means all that the store has."""

    cubes: tuple[str, ...] = ()
    """Names of cubes; empty: all."""
    months: tuple[int, ...] = ()
    """Months, 1 to 12; empty: all that the store has."""
    tods: tuple[TimeOfDay, ...] = ()
    """Times of day, UTC; empty: all."""
    bands: tuple[str, ...] = ()
    """Names of bands, e.g. `C13`; empty: all."""
    statistics: tuple[Annotated[str, OneOf("STATISTICS")], ...] = STATISTICS[:4]
    """Statistics; each may have a transform behind it, `:log`, `:log1p`, `:sqrt`, `:cbrt` or `:asinh`."""
    subpixels: Annotated[str, OneOf("SUBPIXELS")] = MERGED
    """Whether the subpixels of a pixel are one set of observations, or each has features of its own."""
    static: tuple[Annotated[str, OneOf("static.QUANTITIES")], ...] = newer(())
    """Quantities that need no observation, and runs of `lake import vectors`; none unless they are named."""

    def __post_init__(self) -> None:
        _check_names("statistics", map(_base, self.statistics), STATISTICS)
        transforms = [_transform(name) for name in self.statistics if ":" in name]
        _check_names("transforms", transforms, tuple(TRANSFORMS))
        if len(set(self.statistics)) < len(self.statistics):
            raise ConfigError(f"statistics: {self.statistics} names one twice; leave it out")
        _check_names("months", self.months, MONTHS)
        _check_names("subpixels", (self.subpixels,), SUBPIXELS)
        quantities = [name for name in self.static if not run_vectors.names_run(name)]
        _check_names("static", quantities, (*static.QUANTITIES, "import-RUN"))


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of a block of features."""

    cube: str
    band: str
    month: int
    tod: int
    statistic: str
    """Name of the statistic, with its transform."""
    subpixel: int | None = None
    """Number of the subpixel; None: all subpixels merged."""

    def __str__(self) -> str:
        name = f"{self.cube}/{self.band}/{self.month:02d}/{self.tod}/{self.statistic}"
        return name if self.subpixel is None else f"{name}/s{self.subpixel:02d}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """The feature that a name stands for.

        Raises:
            ConfigError: it is no name of a feature.
        """
        try:
            cube, band, month, tod, statistic, *rest = name.split("/")
            feature = cls(cube, band, int(month), int(tod), statistic, *(int(s[1:]) for s in rest))
        except (TypeError, ValueError):
            feature = None
        if feature is None or str(feature) != name:
            raise ConfigError(
                f"{name!r} is no name of a feature: wanted one like 'day-2km/C13/07/64800/mean'"
            )
        return feature


def resolve(
    selection: FeatureSelection, store: Store, *, suspect: bool = False
) -> FeatureSelection:
    """The selection with every choice spelled out for a store.

    Months without observations in the store are dropped; so are, unless `suspect`, statistics of
    metrics that may be wrong.

    Raises:
        ConfigError: a name the store does not have, or no feature remains.
    """
    cubes = list(store.cubes.values())
    bands = tuple(dict.fromkeys(band for cube in cubes for band in cube.bands))
    tods = tuple(dict.fromkeys(tod for cube in cubes for tod in cube.tods))
    _check_names("cubes", selection.cubes, tuple(store.cubes))
    _check_names("bands", selection.bands, bands)
    _check_names("tods", selection.tods, tods)
    statistics = (
        selection.statistics if suspect else trusted_statistics(selection.statistics, store)
    )
    months = tuple(m for m in store.months if m in (selection.months or MONTHS))
    resolved = FeatureSelection(
        selection.cubes or tuple(store.cubes),
        months,
        selection.tods or tods,
        selection.bands or bands,
        statistics,
        selection.subpixels,
        tuple(run_vectors.spell_out(selection.static, store)),
    )
    if not columns(resolved, store.cubes.values()):
        raise ConfigError(f"no feature of {store.key} fits {_misfit(selection, resolved, store)}")
    return resolved


def _misfit(selection: FeatureSelection, resolved: FeatureSelection, store: Store) -> str:
    """The setting by which no feature remains, and what could be set instead."""
    if not store.months:
        return "any setting: it holds no month"
    if not resolved.months:
        months = ", ".join(map(str, store.months))
        return f"setting months={selection.months}: it holds {months}"
    if not resolved.statistics:
        return (
            f"setting statistics={selection.statistics}: they rest on metrics that may be wrong, "
            f"{', '.join(store.suspect)}; suspect=true takes them as they are"
        )
    cubes = "; ".join(
        f"{cube.name} has bands {', '.join(cube.bands)} at {', '.join(map(format_tod, cube.tods))}"
        for cube in store.cubes.values()
    )
    named = {"cubes": selection.cubes, "bands": selection.bands, "tods": selection.tods}
    chosen = ", ".join(f"{name}={value}" for name, value in named.items() if value)
    return f"settings {chosen} together: {cubes}"


def trusted_statistics(statistics: Iterable[str], store: Store) -> tuple[str, ...]:
    """The statistics that rest on no metric of a store that may be wrong."""
    bases = ((name, _base(name)) for name in statistics)
    return tuple(name for name, base in bases if RESTS_ON.get(base, base) not in store.suspect)


def columns(selection: FeatureSelection, cubes: Iterable[Cube]) -> tuple[Feature, ...]:
    """The features of a resolved selection, in the order of the rows."""
    observed = tuple(
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
    known = (
        Feature(static.CUBE, row.quantity, row.month, row.tod, row.form)
        for row in _static_rows(selection)
    )
    return (*observed, *known)


def read(store: Store, selection: FeatureSelection, pixels: slice) -> NDArray[np.float32]:
    """(feature, pixel) of a slice of pixels, read a month of a cube at a time; several from a server.

    Args:
        store: what is read.
        selection: resolved; its features are named by `columns`.
        pixels: in store order.
    """
    cubes = [cube for cube in store.cubes.values() if cube.name in selection.cubes]
    rows = np.empty((len(columns(selection, cubes)), pixels.stop - pixels.start), np.float32)
    at_once = 1 if store.blocks.objects.is_folder else MONTHS_AT_ONCE
    first = 0
    for cube in cubes:
        cells = (len(cube.tods), len(cube.bands), len(METRICS))
        for begin in range(0, len(selection.months), at_once):
            months = selection.months[begin : begin + at_once]
            if _is_as_stored(selection, cube):  # no copy: a third of the time of reading
                target = rows[first : first + len(months) * math.prod(cells)]
                store.block(cube.name, pixels, months, target.reshape(len(months), *cells, -1, 1))
                first += len(target)
            else:
                for block in store.block(cube.name, pixels, months):
                    first += fill(rows[first:], block, cube, selection)
    if selection.static:
        rows[first:] = run_vectors.read(store, list(_static_rows(selection)), pixels)
        if first:
            rows[first:, np.isnan(rows[:first]).all(axis=0)] = np.nan
    return rows


def _static_rows(selection: FeatureSelection) -> Iterator[StaticFeature]:
    return static.features(selection.static, selection.months, selection.tods)


def fill(rows: NDArray[np.float32], block: Block, cube: Cube, selection: FeatureSelection) -> int:
    """Write the features of one month of a cube into the first of `rows`; returns how many.

    Args:
        rows: (feature, pixel), as `columns` names them.
        block: (tod, band, metric, pixel, subpixel); a NaN count means never ingested.
        cube: what the block is of.
        selection: resolved.
    """
    separate = _is_separate(selection, cube)
    height = cube.subpixels if separate else 1
    row = 0
    for tod in (i for i, seconds in enumerate(cube.tods) if seconds in selection.tods):
        for band in (i for i, name in enumerate(cube.bands) if name in selection.bands):
            values = _statistics(block[tod, band], selection.statistics, separate=separate)
            for name in selection.statistics:
                statistic = apply_transform(values[_base(name)], _transform(name))
                rows[row : row + height] = statistic.T
                row += height
    return row


def apply_transform(values: Values, transform: str) -> Values:
    """Values of any shape by one of `TRANSFORMS`, or as they are; NaN where that is not defined."""
    if not transform:
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Values = TRANSFORMS[transform](values)
    return np.where(np.isfinite(result), result, np.float32(np.nan))


def _statistics(block: Block, names: Iterable[str], *, separate: bool) -> Mapping[str, Values]:
    """Statistic -> (pixel, subpixel), all that names need, from a block (metric, pixel, subpixel)."""
    is_single = separate or block.shape[-1] == 1
    stored = {name: block[METRICS.index(metric)] for name, metric in STORED.items()}
    if is_single and stored.keys() >= set(map(_base, names)):
        return stored
    merged, never = moments.from_results(block, axis=0), np.isnan(block[0])
    if not is_single:
        merged = moments.merge_along(merged, axis=-1)
        never = never.all(axis=-1, keepdims=True)
    summary = moments.finalise(merged)
    return {
        **{name: getattr(merged, metric) for name, metric in STORED.items()},
        "count": np.where(never, np.nan, merged.count),
        "range": merged.max - merged.min,
        "stddev": summary.stddev,
        "skewness": summary.skewness,
        "kurtosis": summary.kurtosis,
    }


def _base(statistic: str) -> str:
    return statistic.partition(":")[0]


def _transform(statistic: str) -> str:
    return statistic.partition(":")[2]


def _is_as_stored(selection: FeatureSelection, cube: Cube) -> bool:
    """Whether the features of a month are all that a block of it holds, in its order."""
    is_whole = {*selection.tods} >= {*cube.tods} and {*selection.bands} >= {*cube.bands}
    metrics = tuple(STORED.get(name) for name in selection.statistics)
    return is_whole and metrics == tuple(METRICS) and cube.subpixels == 1


def _is_separate(selection: FeatureSelection, cube: Cube) -> bool:
    return selection.subpixels == SEPARATE and cube.refinement > 1


def _check_names(setting: str, values: Iterable[object], choices: Sequence[object]) -> None:
    if unknown := [value for value in values if value not in choices]:
        raise ConfigError(
            f"{setting}: {unknown[0]!r} is not there; wanted some of {', '.join(map(str, choices))}"
        )
