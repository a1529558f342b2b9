"""The coarse maps of a generation as labelled datasets; `lake.store.overview` says what they hold."""

import xarray as xr

from lake.errors import MissingError
from lake.format.grid import Grid
from lake.format.schema import Cube
from lake.reading import cubes, raster
from lake.reading.generation import Generation
from lake.reading.lazy import LazyMonths
from lake.store.overview import DIMS, GROUP, MAPS


def dataset(generation: Generation, cube: Cube) -> xr.Dataset:
    """The maps of a cube, read when used: a request for the index of a month, one for each map.

    Two requests, for the axes, are made at once.

    Returns:
        `count`, `mean` and `stddev`, float32 (month, tod, band, y, x), with the coordinates of the grid
        of cells, see `lake.reading.raster`; NaN as in `maps`, and in months that hold nothing.

    Raises:
        MissingError: the generation has no maps.
    """
    group = f"{GROUP}/{cube.name}"
    if not generation.has(group):
        raise MissingError(
            f"{generation.url} has no overview maps: an earlier version of goeslake wrote it; the next "
            "generation that is published will have them"
        )
    variables = {}
    for name in MAPS:
        array, attributes = generation.declared(f"{group}/{name}")
        attributes.pop("coordinates")  # xarray writes its own
        lazy = LazyMonths(generation, f"{group}/{name}", array.shape)
        variables[name] = cubes.lazy_variable(DIMS, lazy, attributes)
        if name != "count":
            variables[name].attrs |= cubes.shared_unit(cube)
    coordinates = cubes.labels(cube)
    for name in ("metric", "subpixel"):
        coordinates.pop(name)
    y, x = (generation.read(f"{group}/scan_angle_{axis}") for axis in "yx")
    place = raster.grid_coordinates(Grid(generation.projection, y, x), y, x)
    attributes = cubes.dataset_attributes(generation, cube, group) | {
        "factor": generation.declared(GROUP)[1]["factor"]
    }
    return xr.Dataset(variables, coordinates | place, attributes)
