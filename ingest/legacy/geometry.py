"""Reads the original study's geometry pickles: grids by shape, and which of their pixels results have.

The study stored every grid as two float32 fields of scan angles, from which the satellite's own axes,
float64 and exact, are rebuilt. The masks of all resolutions must be refinements of the coarsest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.legacy.unpickle import NO_NUMBER, load, unlike
from lake.console.messages import brief
from lake.errors import ConfigError, GeometryError, LegacyError
from lake.format import grid
from lake.format.grid import Grid, Projection

Shape = tuple[int, int]

_CONSTANTS = (
    "perspective_point_height",
    "semi_major_axis",
    "semi_minor_axis",
    "longitude_of_projection_origin",
)
_ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Largest rounding error of a scan angle in the study's float32 arithmetic, relative to the largest
angle of the axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Resolution:
    """One of the grids of a geometry, and its pixels that results have."""

    grid: Grid
    m_domain: NDArray[np.bool_]
    """(Y, X) True where a result of this shape has a pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class LegacyGeometry:
    """The grids of a geometry and which of their pixels results have."""

    projection: Projection
    resolutions: Mapping[Shape, Resolution]
    """By shape, coarse to fine; every finer m_domain is the refinement of the coarsest."""


def read_geometry(data: bytes, path: str) -> LegacyGeometry:
    """The grids of a geometry, with the exact axes behind their float32 scan angles."""
    match load(data, path):
        case dict() as entries if entries and all(map(_is_shape, entries)):
            pass
        case contents:
            raise unlike(path, contents, "a dictionary of grids by shape")
    resolutions: dict[Shape, Resolution] = {}
    projections = set()
    for shape in sorted(entries):
        match entries[shape]:
            case (dict() as angles, np.ndarray() as mask) if mask.shape == shape:
                projection = _projection(angles, path)
                projections.add(projection)
                resolution_grid = _grid(projection, angles, shape, path)
                m_domain = np.ma.filled(mask, fill_value=False).astype(bool)
                resolutions[shape] = Resolution(resolution_grid, m_domain)
            case contents:
                raise unlike(path, contents, f"scan angles and a mask of shape {shape}")
    if len(projections) != 1:
        raise LegacyError(
            f"{path} has {len(projections)} projections: wanted one for all its grids"
        )
    geometry = LegacyGeometry(projections.pop(), resolutions)
    _check_refinements(geometry, path)
    return geometry


def _is_shape(key: object) -> bool:
    return isinstance(key, tuple) and len(key) == 2 and all(type(size) is int for size in key)


def _projection(angles: dict[str, Any], path: str) -> Projection:
    missing = [name for name in _CONSTANTS if name not in angles]
    sweep = angles.get("sweep_angle_axis")
    if missing or not (isinstance(sweep, str) and sweep == "x"):
        raise LegacyError(
            f"{path} lacks {missing}, sweep_angle_axis {brief(sweep)}: "
            f"wanted {', '.join(_CONSTANTS)} and sweep_angle_axis 'x'"
        )
    try:
        height, major, minor, longitude = (float(angles[name]) for name in _CONSTANTS)
        return Projection(height, major, minor, longitude)
    except ConfigError as error:
        raise LegacyError(f"{path}: {error}") from error
    except NO_NUMBER as error:
        raise unlike(path, [angles[name] for name in _CONSTANTS], "a number of each") from error


def _grid(projection: Projection, angles: dict[str, Any], shape: Shape, path: str) -> Grid:
    axes = []
    for name, along in (("n_s_scan_angles", 0), ("e_w_scan_angles", 1)):
        field = angles.get(name)
        if not isinstance(field, np.ndarray) or field.shape != shape:
            raise unlike(path, field, f"{name} of shape {shape}")
        line = field[:, :1] if along == 0 else field[:1]
        if not np.array_equal(field, np.broadcast_to(line, shape)):
            raise LegacyError(f"{path}: {name} of {shape} is no outer product of an axis and ones")
        axes.append(_exact_axis(np.asarray(line.ravel(), np.float64), name, path))
    try:
        return Grid(projection, *axes)
    except GeometryError as error:
        raise LegacyError(f"{path}: {error}") from error


def _exact_axis(angles: NDArray[np.float64], name: str, path: str) -> NDArray[np.float64]:
    """The axis as in the satellite's files, where step and first angle are whole microradians."""
    if angles.size < 2:
        raise LegacyError(f"{path}: {name} has {angles.size} angles, too few to find their step")
    step = (angles[-1] - angles[0]) / (angles.size - 1)
    exact = grid.axis(np.arange(angles.size), step, angles[0])
    error = np.abs(exact - angles).max()
    if not error <= _ROUNDING * np.abs(angles).max():
        raise LegacyError(
            f"{path}: {name} is {error:.2g} rad away from even steps of {round(step, 6)} rad "
            f"from {round(angles[0], 6)} rad: wanted a fixed grid of the ABI"
        )
    return exact


def _check_refinements(geometry: LegacyGeometry, path: str) -> None:
    shapes = list(geometry.resolutions)
    coarse = geometry.resolutions[shapes[0]]
    for shape in shapes[1:]:
        fine = geometry.resolutions[shape]
        n = shape[0] // shapes[0][0]
        if shape != (shapes[0][0] * n, shapes[0][1] * n):
            raise LegacyError(f"{path}: {shape} is no refinement of {shapes[0]}")
        if not fine.grid.same_as(grid.refine(coarse.grid, n)):
            raise LegacyError(
                f"{path}: the axes of {shape} are no refinement of those of {shapes[0]}"
            )
        wrong = int((np.kron(coarse.m_domain, np.ones((n, n), bool)) != fine.m_domain).sum())
        if wrong:
            raise LegacyError(
                f"{path}: m_domain of {shape} differs from that of {shapes[0]} in {wrong} fine pixels: "
                "wanted its exact refinement, a pixel's fine pixels are in the domain together"
            )
