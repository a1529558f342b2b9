"""The coarse maps of a generation as labelled datasets; `lake.store.overview` says what they hold."""

import xarray as xr

from lake.errors import ConfigError, MissingError
from lake.format.grid import Grid
from lake.format.schema import Cube
from lake.reading import cubes, raster
from lake.reading.generation import Generation
from lake.reading.lazy import LazyMonths
from lake.store.overview import DIMS, GROUP, MAPS, group


def dataset(generation: Generation, cube: Cube, factor: int | None = None) -> xr.Dataset:
    """The maps of a cube, read when used: a request for the index of a month, one for each map.

    Two requests, for the axes, are made at once.

    Args:
        generation: that has them.
        cube: which.
        factor: pixels of the coarse grid along a cell; None: the largest there is.

    Returns:
        `count`, `mean`, `stddev`, `min` and `max`, float32 (month, tod, band, y, x), with the
        coordinates of the grid of cells, see `lake.reading.raster`; NaN as in `maps`, and in months
        that hold nothing. Generations of before there were finer maps lack `min` and `max`.

    Raises:
        ConfigError: there are no maps of this factor.
        MissingError: the generation has no maps.
    """
    if not generation.has(f"{GROUP}/{cube.name}"):
        raise MissingError(
            f"{generation.url} has no overview maps: an earlier version of goeslake wrote it; the next "
            "generation that is published will have them"
        )
    factors = all_factors(generation)
    size = factors[0] if factor is None else factor
    if size not in factors:
        offered = ", ".join(map(str, factors))
        raise ConfigError(
            f"no overview maps of factor {size} in {generation.url}: it has {offered}"
        )
    parent = f"{group(size, factors[0])}/{cube.name}"
    variables = {}
    for name in MAPS:
        if not generation.has(f"{parent}/{name}"):
            continue
        array, attributes = generation.declared(f"{parent}/{name}")
        attributes.pop("coordinates")  # xarray writes its own
        lazy = LazyMonths(generation, f"{parent}/{name}", array.shape)
        variables[name] = cubes.lazy_variable(DIMS, lazy, attributes)
        if name != "count":
            variables[name].attrs |= cubes.shared_unit(cube)
    coordinates = cubes.labels(cube)
    for name in ("metric", "subpixel"):
        coordinates.pop(name)
    y, x = (generation.read(f"{parent}/scan_angle_{axis}") for axis in "yx")
    place = raster.grid_coordinates(Grid(generation.projection, y, x), y, x)
    attributes = cubes.dataset_attributes(generation, cube, parent) | {"factor": size}
    return xr.Dataset(variables, coordinates | place, attributes)


def all_factors(generation: Generation) -> tuple[int, ...]:
    """The factors of which a generation has maps, the largest first."""
    attributes = generation.declared(GROUP)[1]
    return tuple(attributes.get("factors", [attributes["factor"]]))
