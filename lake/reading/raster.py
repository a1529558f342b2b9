"""Values of pixels back on the satellite's fixed grid, as labelled arrays."""

from functools import partial
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lake.errors import GeometryError
from lake.format import grid as geometry
from lake.format.domain import Domain, scatter
from lake.format.grid import Grid
from lake.reading.cubes import lazy_variable
from lake.reading.lazy import LazyWhole

if TYPE_CHECKING:
    from collections.abc import Hashable

GIVEN_BACK = ("pixel", "subpixel", "row", "column", "lat", "lon", "superblock", "phase", "crs")
"""Coordinates of pixels, for which those of the grid stand."""


def to_grid(values: xr.DataArray, domain: Domain) -> xr.DataArray:
    """An image, or images, of values of pixels.

    Args:
        values: over `pixel`, and `subpixel` if it is finer than the coarse grid, and any others; with
            the coordinate `pixel`.
        domain: of the store.

    Returns:
        (..., y, x): the whole grid, or, of a part of the pixels, the rectangle around them. NaN where
        no pixel is. `y` and `x` are metres of the projection, `scan_angle_y` and `scan_angle_x`
        radians, `lat` and `lon` (y, x) degrees, computed when used; `crs` is the CF grid mapping.

    Raises:
        GeometryError: no axis of pixels, or some of the subpixels alone.
    """
    pixel = _pixels(values, domain)
    subpixels = values.sizes.get("subpixel", 1)
    refinement = isqrt(subpixels)
    if refinement**2 != subpixels or not _is_range(values, "subpixel", subpixels):
        raise GeometryError(
            f"the values have {subpixels} of the subpixels: wanted all of them, 1, 4, 16, ..., or one "
            "value a pixel, e.g. of .mean('subpixel')"
        )
    place = ("pixel", "subpixel") if "subpixel" in values.dims else ("pixel",)
    leading = [dim for dim in values.dims if dim not in place]
    data = values.transpose(*leading, *place).values.reshape(
        *(values.sizes[dim] for dim in leading), pixel.size, subpixels
    )
    row, column = domain.row[pixel], domain.column[pixel]
    rows, columns = _extent(row, pixel, domain, 0), _extent(column, pixel, domain, 1)
    coordinates = {
        name: coordinate
        for name, coordinate in values.coords.items()
        if name not in GIVEN_BACK and not set(coordinate.dims) & {"pixel", "subpixel"}
    }
    shape = rows.stop - rows.start, columns.stop - columns.start
    kind = data.dtype if data.dtype.kind == "f" else np.result_type(data.dtype, np.float32)
    image = scatter(data, row - rows.start, column - columns.start, shape, np.nan, kind)
    fine = geometry.refine(domain.grid, refinement)
    y, x = (
        angles[along.start * refinement : along.stop * refinement]
        for angles, along in ((fine.y, rows), (fine.x, columns))
    )
    return xr.DataArray(
        image,
        coordinates | grid_coordinates(fine, y, x),
        [*leading, "y", "x"],
        values.name,
        values.attrs | {"grid_mapping": "crs"},
    )


def grid_coordinates(
    fine: Grid, y: NDArray[np.float64], x: NDArray[np.float64]
) -> "dict[Hashable, Any]":
    """CF coordinates of the pixels where some rows and columns of a grid meet.

    Args:
        fine: the grid.
        y: scan angles of the rows, rad.
        x: scan angles of the columns, rad.
    """
    projection = fine.projection
    height = projection.perspective_point_height
    coordinates: dict[Hashable, Any] = {
        "crs": xr.Variable((), np.int32(0), projection.cf_attributes())
    }
    for name, angles in (("y", y), ("x", x)):
        metres = {
            "standard_name": f"projection_{name}_coordinate",
            "units": "m",
            "axis": name.upper(),
        }
        radians = {"standard_name": f"projection_{name}_angular_coordinate", "units": "rad"}
        coordinates[name] = xr.Variable(name, angles * height, metres)
        coordinates[f"scan_angle_{name}"] = xr.Variable(name, angles, radians)
    for component, (name, standard, unit) in enumerate(
        (("lon", "longitude", "degrees_east"), ("lat", "latitude", "degrees_north"))
    ):
        make = partial(_lonlat, projection, y, x, component)
        lazy = LazyWhole((y.size, x.size), np.float64, make)
        coordinates[name] = lazy_variable(
            ("y", "x"), lazy, {"standard_name": standard, "units": unit}
        )
    return coordinates


def _lonlat(
    projection: geometry.Projection,
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    component: int,
) -> NDArray[np.float64]:
    return geometry.lonlat(projection, y[:, None], x[None, :])[component]


def _pixels(values: xr.DataArray, domain: Domain) -> NDArray[np.int64]:
    if "pixel" not in values.dims or "pixel" not in values.coords:
        raise GeometryError(
            f"the values have axes {values.dims}: wanted one of pixels, with the coordinate 'pixel' that "
            "says which they are"
        )
    pixel = np.asarray(values["pixel"].values, np.int64)
    if pixel.size == 0 or pixel.min() < 0 or pixel.max() >= domain.pixels:
        raise GeometryError(
            f"the values are of {pixel.size} pixels: wanted one or more of 0 to {domain.pixels - 1}"
        )
    return pixel


def _is_range(values: xr.DataArray, dim: str, size: int) -> bool:
    return dim not in values.dims or np.array_equal(values[dim].values, np.arange(size))


def _extent(
    of_pixels: NDArray[np.int32], pixel: NDArray[np.int64], domain: Domain, axis: int
) -> slice:
    """The rows, or the columns, of the coarse grid that an image of these pixels has."""
    if pixel.size == domain.pixels:
        return slice(0, domain.grid.shape[axis])
    return slice(int(of_pixels.min()), int(of_pixels.max()) + 1)
