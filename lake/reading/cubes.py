"""A cube as an `xarray.Dataset`: labels, units, CF attributes, and nothing read before it is used.

Labels come from the cube's declaration, which the metadata of a store hold: making a dataset asks the
object store for nothing.
"""

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from lake.errors import ConfigError
from lake.format import moments, order, schema
from lake.format.moments import Summary
from lake.format.schema import Cube
from lake.reading.generation import Generation
from lake.reading.lazy import CubeSource, LazyResults, LazyWhole, Points

if TYPE_CHECKING:
    from collections.abc import Callable


STATISTICS = tuple(field.name for field in fields(Summary))
"""The statistics that are computed from the metrics when they are read."""
ALL_STATISTICS = (*moments.METRICS, *STATISTICS)

_CELL_METHODS = {"mean": "time: mean", "stddev": "time: standard_deviation"}
_LONG_NAMES = {
    "mean": "mean",
    "stddev": "population standard deviation",
    "skewness": "skewness",
    "kurtosis": "excess kurtosis",
}


def dataset(
    source: CubeSource, points: Points | None = None, statistics: tuple[str, ...] = ()
) -> xr.Dataset:
    """The results of a cube, and statistics computed from them.

    Args:
        source: of the results.
        points: instead of all pixels and subpixels, these points.
        statistics: some of `STATISTICS`.

    Returns:
        float32 `results` over (pixel, subpixel, month, tod, band, metric), or (point, month, ...), and
        the statistics over all but metric, in the unit of their band; `crs`, the CF grid mapping.

    Raises:
        ConfigError: no such statistic.
    """
    if unknown := [name for name in statistics if name not in STATISTICS]:
        raise ConfigError(f"there is no statistic {unknown[0]!r}: wanted {', '.join(STATISTICS)}")
    store, cube = source.store, source.cube
    mapped = {"grid_mapping": "crs"}
    results = dict(schema.results_array(store.pixels, store.layout, cube).attributes)
    results.pop("coordinates")  # xarray writes its own
    variables = {"results": _variable(LazyResults(source, points), results | mapped)}
    for name in statistics:
        attributes = _about_statistic(name, cube) | mapped
        variables[name] = _variable(LazyResults(source, points, name), attributes)
    coordinates = labels(cube)
    if points is not None:
        coordinates.pop("subpixel")
        coordinates |= {
            "pixel": xr.Variable("point", points.pixel),
            "subpixel": xr.Variable("point", points.subpixel),
        }
    coordinates["crs"] = xr.Variable((), np.int32(0), store.crs(cube.resolution))
    return xr.Dataset(variables, coordinates, dataset_attributes(store, cube, cube.name))


def compute_statistics(results: xr.Variable, cube: Cube) -> dict[str, xr.Variable]:
    """All `STATISTICS`, computed from results whose last axis is that of metrics."""
    summary = moments.finalise(moments.from_results(results.values, axis=-1))
    return {
        name: xr.Variable(
            results.dims[:-1],
            getattr(summary, name).astype(np.float32),
            _about_statistic(name, cube) | {"grid_mapping": "crs"},
        )
        for name in STATISTICS
    }


def labels(cube: Cube) -> dict[str, xr.Variable]:
    """The coordinates of all axes but that of pixels."""
    return {
        array.path.rpartition("/")[2]: xr.Variable(
            array.dims,
            np.asarray(array.data, object if array.dtype == "string" else array.dtype),
            dict(array.attributes),
        )
        for array in schema.labels(cube)
    }


def pixel_coordinates(source: CubeSource) -> dict[str, xr.Variable]:
    """The coordinates of every pixel; all but the pixels' numbers are read when used, whole and once."""
    store, pixels = source.store, source.store.pixels
    makers: dict[str, Callable[[], NDArray[Any]]] = {
        "superblock": partial(order.superblock_of, pixels, store.layout),
        "phase": partial(order.phase_of, pixels, store.layout),
    }
    coordinates = {"pixel": xr.Variable("pixel", np.arange(pixels, dtype=np.int32))}
    for name in schema.PIXEL_COORDINATES.split():
        make = makers.get(name, partial(store.coordinate, name))
        array, attributes = store.declared_coordinate(name)
        lazy = LazyWhole(array.shape, array.dtype, make)
        coordinates[name] = lazy_variable(("pixel",), lazy, attributes)
    coordinates["pixel"].attrs = store.declared("pixel")[1]
    return coordinates


def lazy_variable(
    dims: tuple[str, ...], array: BackendArray, attributes: dict[str, Any]
) -> xr.Variable:
    """A variable whose values are read where it is indexed."""
    return xr.Variable(dims, indexing.LazilyIndexedArray(array), attributes)


def units(cube: Cube) -> NDArray[Any]:
    """(band,) the unit of `min`, `max`, `mean` and `stddev`."""
    return np.array([cube.quantity_of(band).unit for band in cube.bands], object)


def unit_of(statistic: str, unit: str) -> str:
    """The unit of a metric or statistic of a quantity that has a unit: `1`, that unit, or a power of it."""
    power = {"m2": 2, "m3": 3, "m4": 4}.get(statistic, 1)
    if statistic in {"count", "skewness", "kurtosis"} or unit == "1":
        return "1"
    return unit if power == 1 else f"{unit}{power}"


def dataset_attributes(store: Generation, cube: Cube, group: str) -> dict[str, Any]:
    """The attributes of a dataset that shows a cube; `group` is where the generation holds it."""
    return {
        "Conventions": schema.CONVENTIONS,
        "title": f"{group} of {store.key}",
        "key": str(store.key),
        "product": cube.product,
        "resolution": cube.resolution,
        "refinement": cube.refinement,
        "months": list(store.months),
        "suspect": " ".join(store.suspect),
        "source": store.plain_url,
        "without_goeslake": f'xarray.open_zarr("{store.plain_url}", group="{group}", zarr_format=3)',
    }


def shared_unit(cube: Cube) -> dict[str, str]:
    """Attribute `units` of a mean, where all bands share one: else the coordinate `units` says it."""
    distinct = set(units(cube))
    return {"units": str(distinct.pop())} if len(distinct) == 1 else {}


def _variable(array: LazyResults, attributes: dict[str, Any]) -> xr.Variable:
    return lazy_variable(array.dims, array, attributes)


def _about_statistic(name: str, cube: Cube) -> dict[str, Any]:
    named = {"long_name": f"{_LONG_NAMES[name]} of clear-sky {cube.quantities()}"}
    if name not in _CELL_METHODS:
        return named | {"units": "1"}
    return named | {"cell_methods": _CELL_METHODS[name]} | shared_unit(cube)
