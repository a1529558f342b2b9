"""Writes the overview maps of a draft from sums that the tasks of publishing compute from their blocks.

A task sends the sums of its cells. When those of all superblocks of a month have arrived they are
added in the order of superblocks, so that the same input gives the same bytes, and the month is
written. In memory are the sums of the months that are being written: about 200 MB each, for the cube
set of full CONUS.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ingest.accumulate.compiled import compiled
from lake.format import order
from lake.format.arrays import Floats
from lake.format.domain import Domain
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.storage.objects import Objects
from lake.store import overview
from lake.store.manifest import Manifest, Recorder, StoredObject
from lake.store.overview import Cells, Sums


class OverviewMaps:
    """The overview maps of one draft, which are written month by month."""

    def __init__(
        self, objects: Objects, path: str, domain: Domain, cubes: tuple[Cube, ...]
    ) -> None:
        """Create the empty maps of the draft at `path` in the store's folder."""
        self._recorder = Recorder(objects.zarr(path))
        self._cubes = cubes
        self._superblocks = len(order.superblocks(domain.pixels, domain.layout))
        self._factors = overview.factors(domain)
        self._shape = overview.shape_of(domain.grid.shape, self._factors[-1])
        self._waiting: dict[int, dict[int, Mapping[str, Sums]]] = defaultdict(dict)
        overview.create(self._recorder, domain, cubes)
        self._declared = dict(self._recorder.stored)

    @property
    def stored(self) -> Mapping[str, StoredObject]:
        """The objects that were written, by path."""
        return self._recorder.stored

    def copies(self, base: Manifest, month: int) -> tuple[str, ...]:
        """Paths of the maps of an unchanged month in an earlier generation; empty: its maps are others."""
        paths = tuple(
            path for cube in self._cubes for path in overview.paths(cube.name, month, self._factors)
        )
        is_alike = all(base.get(path) == stored for path, stored in self._declared.items())
        return paths if is_alike and all(path in base for path in paths) else ()

    def add(self, month: int, superblock: int, sums: Mapping[str, Sums]) -> None:
        """Add the sums of a superblock of a month; the last superblock of a month writes its maps.

        Args:
            month: 1..12.
            superblock: number of the superblock.
            sums: `sums` of each cube by name; empty for all superblocks if the maps are copied.
        """
        waiting = self._waiting[month]
        waiting[superblock] = sums
        if len(waiting) < self._superblocks:
            return
        del self._waiting[month]
        for cube in self._cubes:
            cube_sums = [waiting[n][cube.name] for n in sorted(waiting) if cube.name in waiting[n]]
            if cube_sums:
                whole = overview.merged(cube_sums, cube, self._shape)
                overview.write(self._recorder, cube, month, whole, self._factors)


def sums(block: NDArray[np.float32], cell: Cells) -> Sums:
    """The sums of `lake.store.overview.sums`, compiled: several times as fast.

    Publishing has Numba; `lake` has not, and keeps the one in NumPy. Both share the test
    `tests/test_merging_moments.py`.
    """
    tods, bands, _, pixels, subpixels = block.shape
    cells, cell_index = np.unique(cell, return_inverse=True)
    totals = np.full((5, tods, bands, cells.size), np.nan)
    metrics = np.array([METRICS.index(name) for name in ("count", "m1", "m2", "min", "max")])
    layers = block.reshape(tods * bands, len(METRICS), pixels, subpixels)
    _add_up(layers, metrics, cell_index, totals.reshape(5, tods * bands, cells.size))
    return cells.astype(np.int32), totals


@compiled
def _add_up(
    values: NDArray[np.float32],
    metrics: NDArray[np.int64],
    cell_index: NDArray[np.int64],
    totals: Floats,
) -> None:
    """Values (layer, metric, pixel, subpixel) into the sums (5, layer, cell) of each pixel's cell.

    `metrics` are the numbers of count, m1, m2, min and max.
    """
    layers, _, pixels, subpixels = values.shape
    count, first, second, least, most = metrics
    for layer in range(layers):
        for pixel in range(pixels):
            is_known = False
            of_count = of_sum = of_square = 0.0
            lowest, highest = np.inf, -np.inf
            for subpixel in range(subpixels):
                n = np.float64(values[layer, count, pixel, subpixel])
                if n >= 0:
                    is_known = True
                if n > 0:
                    m = np.float64(values[layer, first, pixel, subpixel])
                    of_count += n
                    of_sum += n * m
                    of_square += values[layer, second, pixel, subpixel] + n * m * m
                    lowest = min(lowest, values[layer, least, pixel, subpixel])
                    highest = max(highest, values[layer, most, pixel, subpixel])
            at = cell_index[pixel]
            if is_known:
                if np.isnan(totals[0, layer, at]):
                    totals[:3, layer, at] = 0
                totals[0, layer, at] += of_count
                totals[1, layer, at] += of_sum
                totals[2, layer, at] += of_square
            if of_count > 0:
                totals[3, layer, at] = np.fmin(totals[3, layer, at], lowest)
                totals[4, layer, at] = np.fmax(totals[4, layer, at], highest)
