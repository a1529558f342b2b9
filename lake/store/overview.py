"""Coarse maps of what a generation holds, for pictures and browsers: one inner chunk is one map.

A cell of a map is `factor` x `factor` pixels of the coarse grid, from its north-west corner. Its
statistics are those of all observations of all pixels and subpixels of the store that lie in it: their
moments merged, in float64, before anything is rounded. Mean, minimum and maximum keep 14 significant
bits (0.016 K at 300 K), the standard deviation 10 (0.05 %).

Every generation has maps of one factor, and finer ones of half of it unless the grid is small.

    overview/                        attributes: factor, shape (of the maps), factors (of all maps)
    overview/<cube>/count|mean|stddev|min|max   (month, tod, band, y, x) float32; NaN: no such pixel or
                                     observation
    overview/factor-<f>/<cube>/...   the same of finer maps; attributes of the group: factor, shape
"""

from collections.abc import Iterable, Sequence
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
MAPS = {
    "count": "number of observations",
    "mean": "mean",
    "stddev": "population standard deviation",
    "min": "minimum",
    "max": "maximum",
}
"""The statistics that have maps, and what they are called."""
DIMS = ("month", "tod", "band", "y", "x")

FACTOR = 8
"""The number of pixels along a cell, if the grid is neither small nor mostly sea."""
LEAST_PIXELS = 56
"""The least mean number of the store's pixels in a cell: then all maps together take less than 3 % of the
bytes of a store whose pixels were seen in many time steps."""
FINEST = 4
"""The least factor of finer maps. Those of 2 would take four times the bytes, and four times the memory of
the one process that publishes."""
LEAST_CELLS = 16
"""The least number of cells along the longer side of a map, also where they take more than that."""

_KEPT_BITS = {"mean": 13, "stddev": 9, "min": 13, "max": 13}
"""The bits that are kept of a number, of the 23 after the leading one."""

Cells = NDArray[np.int32]
"""(pixel,) number of the cell of each pixel, row-major."""

Sums = tuple[Cells, Floats]
"""(cell,) which cells, and (5, tod, band, cell) what they hold, see `sums`."""


def factor(domain: Domain) -> int:
    """The number of pixels of the coarse grid along a cell."""
    shape = domain.grid.shape
    largest = max(1, min(max(shape) // LEAST_CELLS, min(shape) // 2))
    if largest < FACTOR:
        return largest
    size = FACTOR
    while size < largest and _pixels_a_cell(domain, size) < LEAST_PIXELS:
        size += 2  # even: then there may be finer maps
    return min(size, largest)


def factors(domain: Domain) -> tuple[int, ...]:
    """The factors of all maps: `factor`, and half of it if that is whole and no less than `FINEST`."""
    size = factor(domain)
    finer = size // 2
    return (size, finer) if size % 2 == 0 and finer >= FINEST else (size,)


def shape_of(shape: tuple[int, int], factor: int) -> tuple[int, int]:
    """The numbers of rows and columns of the maps of a coarse grid of this shape."""
    return -(-shape[0] // factor), -(-shape[1] // factor)


def cells(domain: Domain) -> Cells:
    """The number of the cell of the finest maps in which each pixel lies."""
    return _cells(domain.row, domain.column, domain.grid.shape, factors(domain)[-1])


def sums(block: NDArray[np.float32], cell: Cells) -> Sums:
    """What the cells of some pixels hold; such sums of other pixels add up.

    `ingest.publish.overview_maps.sums` gives the same, compiled, for publishing; both share the test
    `tests/test_merging_moments.py`.

    Args:
        block: (tod, band, metric, pixel, subpixel), as a shard holds it.
        cell: (pixel,) of each pixel.

    Returns:
        (cell,) the cells that have a pixel, ascending, and (5, tod, band, cell): the number of
        observations, their sum, their sum of squares, their minimum and maximum. All are NaN where no
        pixel was ever looked at, the last two also where nothing was observed.
    """
    tods, of_bands, _, _, subpixels = block.shape
    order = np.argsort(cell, kind="stable")
    cell_numbers, first = np.unique(cell[order], return_index=True)
    first = first * subpixels
    totals = np.empty((5, tods, of_bands, cell_numbers.size))
    metrics = [METRICS.index(name) for name in ("count", "m1", "m2", "min", "max")]
    for tod in range(tods):
        for band in range(of_bands):
            observed = block[tod, band, metrics][:, order]
            values = observed.reshape(len(metrics), order.size * subpixels).astype(np.float64)
            n, mean, square, least, most = values
            never = np.isnan(np.fmax.reduceat(n, first))
            unseen = ~(n > 0)
            n[unseen] = mean[unseen] = square[unseen] = 0
            total = n * mean
            square += total * mean
            for place, x in zip(totals[:3, tod, band], (n, total, square), strict=True):
                np.add.reduceat(x, first, out=place)
                place[never] = np.nan
            np.fmin.reduceat(least, first, out=totals[3, tod, band])
            np.fmax.reduceat(most, first, out=totals[4, tod, band])
    return cell_numbers.astype(np.int32), totals


def merged(parts: Iterable[Sums], cube: Cube, shape: tuple[int, int]) -> Floats:
    """The sums of all pixels of a month.

    Args:
        parts: `sums` of all its pixels, in one order always: then the same input gives the same bytes.
        cube: which.
        shape: rows and columns of the finest maps.

    Returns:
        (5, tod, band, y, x) as those of `sums`.
    """
    whole = np.full((5, len(cube.tods), len(cube.bands), shape[0] * shape[1]), np.nan)
    for cell, cell_sums in parts:
        whole[..., cell] = _joined(whole[..., cell], cell_sums)
    return whole.reshape(*whole.shape[:-1], *shape)


def coarser(whole: Floats) -> Floats:
    """`merged` of maps of twice the factor: four cells become one."""
    rows, columns = whole.shape[-2:]
    fitting = np.full((*whole.shape[:-2], rows + rows % 2, columns + columns % 2), np.nan)
    fitting[..., :rows, :columns] = whole
    upper, lower = (
        _joined(fitting[..., row::2, ::2], fitting[..., row::2, 1::2]) for row in (0, 1)
    )
    return _joined(upper, lower)


def maps(whole: Floats) -> dict[str, NDArray[np.float32]]:
    """The maps of a month, of sums as of `merged`.

    Returns:
        Of each of `MAPS` float32 (tod, band, y, x): the count NaN where no time step was ever ingested
        or no pixel lies; mean, minimum and maximum NaN without observation, the standard deviation
        below two.
    """
    n, total, square, least, most = whole
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        stddev = np.sqrt(np.maximum(square / n - mean**2, 0))
    values = {
        "count": n, "mean": mean, "stddev": np.where(n >= 2, stddev, np.nan),
        "min": least, "max": most,
    }  # fmt: skip
    return {
        name: _rounded(values[name], _KEPT_BITS[name])
        if name in _KEPT_BITS
        else n.astype(np.float32)
        for name in MAPS
    }


def read_cells(store: ZarrStore) -> Cells:
    """`cells`, as a generation or a draft with maps notes them."""
    root = zarr.open_group(store, mode="r", zarr_format=3)
    sizes: Any = root[GROUP].attrs["factors"]
    shape: Any = root.attrs["shape"]
    row, column = (np.asarray(root[name][...]) for name in ("row", "column"))  # type: ignore[index]
    return _cells(row, column, tuple(shape), sizes[-1])


def create(store: ZarrStore, domain: Domain, cubes: Sequence[Cube]) -> None:
    """Add empty maps of these cubes to the draft of a generation."""
    root = zarr.open_group(store, mode="r+", zarr_format=3)
    sizes = factors(domain)
    for size in sizes:
        attributes = {"factor": size, "shape": shape_of(domain.grid.shape, size)}
        if size == sizes[0]:
            attributes["factors"] = sizes
        root.create_group(group(size, sizes[0]), attributes=attributes)
        for cube in cubes:
            for array in arrays(domain, cube, size, sizes[0]):
                schema.add(root, array)


def group(size: int, largest: int) -> str:
    """The path of the group of the maps of a factor, where the largest factor is the other one."""
    return GROUP if size == largest else f"{GROUP}/factor-{size}"


def arrays(domain: Domain, cube: Cube, size: int, largest: int) -> Iterable[Array]:
    """The declarations of all arrays of the maps of one cube and factor, see `group`."""
    parent, cell_grid = group(size, largest), grid_of(domain, size)
    yield from schema.axes(f"{parent}/{cube.name}", cell_grid)
    for label in schema.labels(cube):
        if label.path.rpartition("/")[2] not in ("metric", "subpixel"):
            yield replace(label, path=f"{parent}/{label.path}")
    inner = (1, 1, 1, *cell_grid.shape)
    quantity = cube.quantities()
    for name, meaning in MAPS.items():
        yield Array(
            f"{parent}/{cube.name}/{name}",
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


def write(store: ZarrStore, cube: Cube, month: int, whole: Floats, sizes: Sequence[int]) -> None:
    """Write the maps of a month, one object each, whatever they hold.

    Args:
        store: the draft, after `create`.
        cube: which.
        month: 1..12.
        whole: `merged` sums of the month.
        sizes: `factors` of the store.
    """
    for size in reversed(sizes):
        for name, values in maps(whole).items():
            path = f"{group(size, sizes[0])}/{cube.name}/{name}"
            array = zarr.open_array(store, path=path, config={"write_empty_chunks": True})
            array[month - 1] = values
        if size != sizes[0]:
            whole = coarser(whole)


def draw(
    store: ZarrStore, domain: Domain, cube: Cube, month: int, values: NDArray[np.float32]
) -> None:
    """Write the maps of a month whose results (tod, band, metric, pixel, subpixel) are in memory."""
    sizes = factors(domain)
    shape = shape_of(domain.grid.shape, sizes[-1])
    write(store, cube, month, merged([sums(values, cells(domain))], cube, shape), sizes)


def paths(cube: str, month: int, sizes: Sequence[int]) -> list[str]:
    """The paths of the objects of a month, below the generation; sizes: `factors` of the store."""
    parents = [group(size, sizes[0]) for size in sizes]
    return [f"{parent}/{cube}/{name}/c/{month - 1}/0/0/0/0" for parent in parents for name in MAPS]


def grid_of(domain: Domain, size: int) -> Grid:
    """The grid of the maps of a factor: centres of cells, the last ones may reach beyond the coarse grid."""
    axes = (
        angles[0]
        + (angles[-1] - angles[0]) / (angles.size - 1) * (size * np.arange(n) + (size - 1) / 2)
        for angles, n in zip(
            (domain.grid.y, domain.grid.x), shape_of(domain.grid.shape, size), strict=True
        )
    )
    return Grid(domain.grid.projection, *axes)


def _joined(first: Floats, second: Floats) -> Floats:
    """Sums of the pixels of both, (5, ...) as of `sums`."""
    totals = np.where(np.isnan(first), second, np.where(np.isnan(second), first, first + second))
    np.fmin(first[3], second[3], out=totals[3])
    np.fmax(first[4], second[4], out=totals[4])
    return totals


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
