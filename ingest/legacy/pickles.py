"""Reads the original study's pickles into checked values: results, geometries, listings, permutations.

Arrays of a result run over the True pixels of its resolution's m_domain, row-major, NaN where
nothing was observed. Every reader takes the file's bytes and its path, which is for messages, and
raises `LegacyError` for everything that it cannot check. `ingest.legacy.unpickle` says why reading is safe.

A result merged from several batches has wrong m3 and m4: the study's merge took the difference
of the two means with the wrong sign. The count of such a result is float32; that of a result made in
one batch is float64. Such m3 and m4 cannot be repaired; they are called suspect.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.legacy.geometry import LegacyGeometry, Resolution, Shape, read_geometry
from ingest.legacy.unpickle import NO_NUMBER, load, unlike
from lake.errors import ConfigError, LegacyError
from lake.format import keys
from lake.format.grid import Projection
from lake.format.moments import METRICS

__all__ = [
    "IndexEntry",
    "LegacyGeometry",
    "LegacyName",
    "LegacyResult",
    "LegacyStep",
    "Permutation",
    "Resolution",
    "check_fit",
    "load",
    "parse_name",
    "read_geometry",
    "read_index",
    "read_listing",
    "read_permutation",
    "read_result",
]

_NAME = re.compile(
    r"(?P<sat>[^_/]+)_(?P<listing>[^_/]+)_(?P<t0>\d{8})_(?P<tf>\d{8})_(?P<geom>[^_/]+)"
    r"_(?P<month>\d{2})_(?P<tod>\d{1,5})_(?P<band>[^_/.]+)\.pkl"
)
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class LegacyName:
    """The parts of a result's file name."""

    sat: str
    listing: str
    t0: date
    tf: date
    """Last day, inclusive."""
    geom: str
    month: int
    tod: int
    """Seconds of the UTC day."""
    band: str

    @property
    def key(self) -> keys.Key:
        """Key of the store that the result belongs to."""
        return keys.Key(self.sat, self.listing, self.t0, self.tf, self.geom)


@dataclass(frozen=True, slots=True, eq=False)
class LegacyResult:
    """The statistics of one (month, tod, band)."""

    shape: Shape
    """Shape of the grid whose m_domain its pixels are."""
    results: NDArray[np.float32]
    """(metric, pixel), metrics in the order of `lake.format.moments.METRICS`."""
    suspect: bool
    """True if m3 and m4 come from a merge and are wrong."""
    calibration: Mapping[tuple[str, str], Mapping[str, float]]
    """(geom, band) -> constants: `kappa0`, or `planck_fk1` and the like."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """An entry of the study's index: a geometry and its file."""

    projection: Projection
    path: PurePosixPath
    """Path on the study's machine; its stem is the geom's name."""
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class LegacyStep:
    """One time step of a listing and the files it was made of."""

    day: date
    tod: int
    """Seconds of the UTC day."""
    files: tuple[str, ...]
    """Names or object keys of the files."""


@dataclass(frozen=True, slots=True, eq=False)
class Permutation:
    """A pixel order of the study and its inverse."""

    order: NDArray[np.int64]
    """(P,) row-major pixel at each position."""
    inverse: NDArray[np.int64]
    """(P,) position of each row-major pixel."""


def parse_name(name: str) -> LegacyName:
    """Parse a result's file name; the folders before it are ignored.

    Raises:
        LegacyError: it is no name of a result.
    """
    match = _NAME.fullmatch(PurePath(name).name)
    pattern = "<sat>_<listing>_<t0>_<tf>_<geom>_<MM>_<tod seconds>_<Cbb>.pkl"
    if not match:
        raise LegacyError(f"{name} is no name of a result: wanted {pattern}")
    part = match.groupdict()
    try:
        t0, tf = keys.day(part["t0"]), keys.day(part["tf"])
        keys.Key(part["sat"], part["listing"], t0, tf, part["geom"])
    except ConfigError as error:
        raise LegacyError(f"{name} is no name of a result: {error}; wanted {pattern}") from error
    month, tod = int(part["month"]), int(part["tod"])
    if not 1 <= month <= 12 or tod >= _DAY_S:
        raise LegacyError(
            f"{name} is no name of a result: month {month}, time of day {tod} s; "
            f"wanted 1 to 12 and below {_DAY_S}, as in {pattern}"
        )
    return LegacyName(part["sat"], part["listing"], t0, tf, part["geom"], month, tod, part["band"])


def read_result(data: bytes, path: str) -> LegacyResult:
    """Read the statistics in a result file, as they were stored."""
    match load(data, path):
        case ({"shape": (int() as rows, int() as columns), **arrays}, dict() as metadata):
            pass
        case contents:
            raise unlike(path, contents, "a pair of statistics with a shape, and metadata")
    if set(arrays) != set(METRICS):
        raise LegacyError(
            f"{path} has arrays {sorted(map(str, arrays))}: wanted {', '.join(METRICS)}"
        )
    vectors = [_vector(arrays[metric], metric, path) for metric in METRICS]
    if len({v.size for v in vectors}) != 1:
        sizes = dict(zip(METRICS, (v.size for v in vectors), strict=True))
        raise LegacyError(f"{path} has arrays of {sizes} pixels: wanted all of one length")
    results = np.stack([v.astype(np.float32) for v in vectors])
    _check_numbers(results, path)
    suspect = vectors[0].dtype != np.float64
    return LegacyResult((rows, columns), results, suspect, _calibration(metadata, path))


def check_fit(result: LegacyResult, geometry: LegacyGeometry, path: str) -> None:
    """Check that the result has exactly the pixels of the geometry's m_domain at its shape.

    Raises:
        LegacyError: the geometry has no such shape, or another number of pixels there.
    """
    resolution = geometry.resolutions.get(result.shape)
    if resolution is None:
        raise LegacyError(
            f"{path} is on a grid of {result.shape}: its geometry has {list(geometry.resolutions)}; "
            "give the folder with the domains it was made with"
        )
    pixels = int(resolution.m_domain.sum())
    if result.results.shape[1] != pixels:
        raise LegacyError(
            f"{path} has {result.results.shape[1]} pixels, the m_domain of its grid "
            f"{result.shape} has {pixels}; give the folder with the domains it was made with"
        )


def read_index(data: bytes, path: str) -> dict[str, IndexEntry]:
    """The geometries of a domain folder by name."""
    entries = load(data, path)
    if not isinstance(entries, dict):
        raise unlike(path, entries, "a dictionary of geometries")
    index = {}
    for projection, entry in entries.items():
        match projection, entry:
            case (
                (height, longitude, major, minor),
                {"path": (PurePosixPath() | str()) as place, "shapes": list() as shapes},
            ):
                place = PurePosixPath(place)
                try:
                    sizes = tuple((int(rows), int(columns)) for rows, columns in shapes)
                    grid_projection = Projection(
                        float(height), float(major), float(minor), float(longitude)
                    )
                    index[place.stem] = IndexEntry(grid_projection, place, sizes)
                except NO_NUMBER as error:
                    raise unlike(path, (projection, entry), "numbers of a projection") from error
            case _:
                raise unlike(path, (projection, entry), "constants, path and shapes")
    return index


def read_listing(data: bytes, path: str) -> tuple[LegacyStep, ...]:
    """The time steps of a listing, in its order."""
    match load(data, path):
        case (_, list() as entries):
            return tuple(_step(entry, path) for entry in entries)
        case contents:
            raise unlike(path, contents, "arguments and a list of time steps")


def read_permutation(data: bytes, path: str) -> Permutation:
    """A pixel order and its inverse, which are checked against each other."""
    match load(data, path):
        case (_, np.ndarray() as pair, _) if pair.ndim == 2 and pair.shape[1] == 2:
            order, inverse = (np.ascontiguousarray(column, np.int64) for column in pair.T)
        case contents:
            raise unlike(path, contents, "arguments, an array (pixels, 2), statistics")
    pixels = np.arange(order.size)
    if not np.array_equal(np.sort(order), pixels) or not np.array_equal(inverse[order], pixels):
        raise LegacyError(
            f"{path} holds {order.size} positions that are no permutation and its inverse: "
            "wanted every pixel once; copy it again"
        )
    return Permutation(order, inverse)


def _step(entry: object, path: str) -> LegacyStep:
    match entry:
        case ((str() as day, _, int() as tod), list() as files) if 0 <= tod < _DAY_S:
            try:
                return LegacyStep(keys.day(day), tod, tuple(map(str, files)))
            except ConfigError as error:
                raise LegacyError(f"{path}: {error}") from error
    raise unlike(path, entry, "((YYYYMMDD, hour, tod seconds), files)")


def _vector(array: object, metric: str, path: str) -> NDArray[Any]:
    kinds = (np.float32, np.float64) if metric == "count" else (np.float32,)
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype not in kinds:
        raise unlike(path, array, f"a vector of {kinds[-1].__name__} for {metric}")
    return np.ma.filled(array, np.nan)


def _check_numbers(results: NDArray[np.float32], path: str) -> None:
    """Check that counts are whole, and the other metrics NaN exactly where the count is 0."""
    count = results[0]
    whole = (count >= 0) & (count == np.floor(count))
    if not whole.all():
        raise LegacyError(
            f"{path} has counts that are no whole numbers in {int((~whole).sum())} pixels: copy it again"
        )
    odd = int((np.isnan(results[1:]) != (count == 0)).any(axis=0).sum())
    if odd:
        raise LegacyError(
            f"{path} has {odd} pixels with a count and without statistics, or the reverse: "
            "wanted NaN exactly where the count is 0; copy it again"
        )


def _calibration(metadata: dict[Any, Any], path: str) -> dict[tuple[str, str], dict[str, float]]:
    calibration = {}
    for key, constants in metadata.items():
        match key, constants:
            case (str() as geom, str() as band), dict():
                try:
                    calibration[geom, band] = {str(k): float(v) for k, v in constants.items()}
                except NO_NUMBER as error:
                    raise unlike(path, constants, "calibration constants, each a number") from error
            case _:
                raise unlike(path, (key, constants), "(geom, band) -> calibration constants")
    return calibration
