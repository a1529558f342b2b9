"""Coarse maps of what a generation holds, for pictures and browsers: one inner chunk is one map.

A cell of a map is `factor` x `factor` pixels of the coarse grid, from its north-west corner. Its count,
mean and standard deviation are those of all observations of all pixels and subpixels of the store that
lie in it: their moments merged, in float64, before anything is rounded. The mean keeps 14 significant
bits (0.016 K at 300 K), the standard deviation 10 (0.05 %), so that all maps take less than 1 % of the
store's bytes.

    overview/                        attributes: factor, shape (of the maps)
    overview/<cube>/count|mean|stddev   (month, tod, band, y, x) float32; NaN: no such pixel or observation
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store as ZarrStore

from lake.format import schema
from lake.format.arrays import Floats
from lake.format.domain import Domain
from lake.format.grid import Grid
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Array, Cube

GROUP = "overview"
MAPS = ("count", "mean", "stddev")
DIMS = ("month", "tod", "band", "y", "x")

FACTOR = 8
"""The number of pixels along a cell, if the grid is neither small nor mostly sea."""
LEAST_PIXELS = 56
"""The least mean number of the store's pixels in a cell: then maps take less than 1 % of the bytes."""
LEAST_CELLS = 16
"""The least number of cells along the longer side of a map, also where they take more than 1 %."""

_KEPT_BITS = {"mean": 13, "stddev": 9}
"""The bits that are kept of a number, of the 23 after the leading one."""

Cells = NDArray[np.int32]
"""(pixel,) number of the cell of each pixel, row-major."""

Sums = tuple[Cells, Floats]
"""(cell,) which cells, and (3, tod, band, cell) what they hold, see `sums`."""


def factor(domain: Domain) -> int:
    """The number of pixels of the coarse grid along a cell."""
    shape = domain.grid.shape
    largest = max(1, min(max(shape) // LEAST_CELLS, min(shape) // 2))
    if largest < FACTOR:
        return largest
    size = FACTOR
    while size < largest and _pixels_a_cell(domain, size) < LEAST_PIXELS:
        size += 1
    return size


def shape_of(shape: tuple[int, int], factor: int) -> tuple[int, int]:
    """The numbers of rows and columns of the maps of a coarse grid of this shape."""
    return -(-shape[0] // factor), -(-shape[1] // factor)


def cells(domain: Domain) -> Cells:
    """The number of the cell in which each pixel lies."""
    return _cells(domain.row, domain.column, domain.grid.shape, factor(domain))


def sums(block: NDArray[np.float32], cell: Cells) -> Sums:
    """What the cells of some pixels hold; such sums of other pixels add up.

    `ingest.publish.overview_maps.sums` gives the same, compiled, for publishing; both share the test
    `tests/test_merging_moments.py`.

    Args:
        block: (tod, band, metric, pixel, subpixel), as a shard holds it.
        cell: (pixel,) of each pixel.

    Returns:
        (cell,) the cells that have a pixel, ascending, and (3, tod, band, cell): the number of
        observations, their sum and their sum of squares; all NaN where no pixel was ever looked at.
    """
    tods, of_bands, _, _, subpixels = block.shape
    order = np.argsort(cell, kind="stable")
    cell_numbers, first = np.unique(cell[order], return_index=True)
    first = first * subpixels
    totals = np.empty((3, tods, of_bands, cell_numbers.size))
    metrics = [METRICS.index(name) for name in ("count", "m1", "m2")]
    for tod in range(tods):
        for band in range(of_bands):
            observed = block[tod, band, metrics][:, order]
            n, mean, square = observed.reshape(3, order.size * subpixels).astype(np.float64)
            never = np.isnan(np.fmax.reduceat(n, first))
            unseen = ~(n > 0)
            n[unseen] = mean[unseen] = square[unseen] = 0
            total = n * mean
            square += total * mean
            for place, x in zip(totals[:, tod, band], (n, total, square), strict=True):
                np.add.reduceat(x, first, out=place)
                place[never] = np.nan
    return cell_numbers.astype(np.int32), totals


def maps(
    parts: Iterable[Sums], cube: Cube, shape: tuple[int, int]
) -> dict[str, NDArray[np.float32]]:
    """The maps of a month.

    Args:
        parts: `sums` of all its pixels.
        cube: which.
        shape: rows and columns of the maps.

    Returns:
        Of each of `MAPS` float32 (tod, band, y, x): the count NaN where no time step was ever ingested
        or no pixel lies, the mean NaN without observation, the standard deviation below two.
    """
    whole = np.full((3, len(cube.tods), len(cube.bands), shape[0] * shape[1]), np.nan)
    for cell, cell_sums in parts:
        earlier = whole[..., cell]
        whole[..., cell] = np.where(
            np.isnan(earlier),
            cell_sums,
            np.where(np.isnan(cell_sums), earlier, earlier + cell_sums),
        )
    n, total, square = whole.reshape(*whole.shape[:-1], *shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        stddev = np.sqrt(np.maximum(square / n - mean**2, 0))
    return {
        "count": n.astype(np.float32),
        "mean": _rounded(mean, _KEPT_BITS["mean"]),
        "stddev": _rounded(np.where(n >= 2, stddev, np.nan), _KEPT_BITS["stddev"]),
    }


def read_cells(store: ZarrStore) -> Cells:
    """`cells`, as a generation or a draft with maps notes them."""
    root = zarr.open_group(store, mode="r", zarr_format=3)
    size: Any = root[GROUP].attrs["factor"]
    shape: Any = root.attrs["shape"]
    row, column = (np.asarray(root[name][...]) for name in ("row", "column"))  # type: ignore[index]
    return _cells(row, column, tuple(shape), size)


def create(store: ZarrStore, domain: Domain, cubes: tuple[Cube, ...]) -> None:
    """Add empty maps of these cubes to the draft of a generation."""
    root = zarr.open_group(store, mode="r+", zarr_format=3)
    attributes = {"factor": factor(domain), "shape": shape_of(domain.grid.shape, factor(domain))}
    root.create_group(GROUP, attributes=attributes)
    for cube in cubes:
        for array in arrays(domain, cube):
            schema.add(root, array)


def arrays(domain: Domain, cube: Cube) -> Iterable[Array]:
    """The declarations of all arrays of the maps of one cube."""
    group, cell_grid = f"{GROUP}/{cube.name}", grid_of(domain)
    yield from schema.axes(group, cell_grid)
    for label in schema.labels(cube):
        if label.path.rpartition("/")[2] not in ("metric", "subpixel"):
            yield replace(label, path=f"{GROUP}/{label.path}")
    inner = (1, 1, 1, *cell_grid.shape)
    quantity = cube.quantities()
    for name, meaning in zip(
        MAPS, ("number of observations", "mean", "population standard deviation"), strict=True
    ):
        yield Array(
            f"{group}/{name}",
            DIMS,
            (len(MONTHS), len(cube.tods), len(cube.bands), *cell_grid.shape),
            "float32",
            inner,
            (1, len(cube.tods), len(cube.bands), *cell_grid.shape),
            {
                "long_name": f"{meaning} of clear-sky {quantity}",
                "coordinates": "units wavelength scan_angle_y scan_angle_x",
                "grid_mapping": "crs",
            },
            fill_value=float("nan"),
        )


def write(
    store: ZarrStore, cube: Cube, month: int, month_maps: Mapping[str, NDArray[np.float32]]
) -> None:
    """Write the `maps` of a month, one object each, whatever they hold."""
    for name, values in month_maps.items():
        config = {"write_empty_chunks": True}
        array = zarr.open_array(store, path=f"{GROUP}/{cube.name}/{name}", config=config)
        array[month - 1] = values


def draw(
    store: ZarrStore, domain: Domain, cube: Cube, month: int, values: NDArray[np.float32]
) -> None:
    """Write the maps of a month whose results (tod, band, metric, pixel, subpixel) are in memory."""
    month_maps = maps([sums(values, cells(domain))], cube, grid_of(domain).shape)
    write(store, cube, month, month_maps)


def paths(cube: str, month: int) -> list[str]:
    """The paths of the objects of a month, below the generation."""
    return [f"{GROUP}/{cube}/{name}/c/{month - 1}/0/0/0/0" for name in MAPS]


def grid_of(domain: Domain) -> Grid:
    """The grid of the maps: centres of cells, the last ones may reach beyond the coarse grid."""
    size = factor(domain)
    axes = (
        angles[0]
        + (angles[-1] - angles[0]) / (angles.size - 1) * (size * np.arange(n) + (size - 1) / 2)
        for angles, n in zip(
            (domain.grid.y, domain.grid.x), shape_of(domain.grid.shape, size), strict=True
        )
    )
    return Grid(domain.grid.projection, *axes)


def _cells(
    row: NDArray[np.int32], column: NDArray[np.int32], shape: tuple[int, int], factor: int
) -> Cells:
    columns = shape_of(shape, factor)[1]
    cells: Cells = (row // factor * columns + column // factor).astype(np.int32)
    return cells


def _pixels_a_cell(domain: Domain, factor: int) -> float:
    cell = _cells(domain.row, domain.column, domain.grid.shape, factor)
    return cell.size / np.unique(cell).size


def _rounded(x: Floats, bits: int) -> NDArray[np.float32]:
    """The numbers rounded to nearest, with so many bits kept after the leading one."""
    dropped = 23 - bits
    pattern = x.astype(np.float32).view(np.uint32) + np.uint32(1 << (dropped - 1))
    rounded: NDArray[np.float32] = (pattern & ~np.uint32((1 << dropped) - 1)).view(np.float32)
    return rounded
