"""The overview maps of a draft: added up from what the tasks of publishing held in their hands anyway.

A task sends the sums of its cells; a month is written when those of all its superblocks are there, in
their order, so that the same input gives the same bytes. In memory are the sums of the months that are
being written: about 40 MB each, of the cube set of full CONUS.
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
from lake.store.manifest import Manifest, Recorder, Stored
from lake.store.overview import Cells, Sums


class Atlas:
    """Of one draft."""

    def __init__(
        self, objects: Objects, path: str, domain: Domain, cubes: tuple[Cube, ...]
    ) -> None:
        """Make the empty maps of the draft at `path` in the store's folder."""
        self._recorder = Recorder(objects.zarr(path))
        self._cubes = cubes
        self._superblocks = len(order.superblocks(domain.pixels, domain.layout))
        self._shape = overview.grid_of(domain).shape
        self._waiting: dict[int, dict[int, Mapping[str, Sums]]] = defaultdict(dict)
        overview.create(self._recorder, domain, cubes)
        self._declared = dict(self._recorder.stored)

    @property
    def stored(self) -> Mapping[str, Stored]:
        """What was written, by path."""
        return self._recorder.stored

    def can_copy(self, base: Manifest, month: int) -> bool:
        """Whether an earlier generation has the same maps of a month, if the month did not change."""
        held = (path for cube in self._cubes for path in overview.paths(cube.name, month))
        alike = all(base.get(path) == stored for path, stored in self._declared.items())
        return alike and all(path in base for path in held)

    def add(self, month: int, superblock: int, sums: Mapping[str, Sums]) -> None:
        """Note what a superblock of a month holds; the last one of a month writes its maps.

        Args:
            month: 1..12.
            superblock: its number.
            sums: `sums` of each cube by name; none, of all superblocks: the maps are copied.
        """
        parts = self._waiting[month]
        parts[superblock] = sums
        if len(parts) < self._superblocks:
            return
        del self._waiting[month]
        for cube in self._cubes:
            held = [parts[n][cube.name] for n in sorted(parts) if cube.name in parts[n]]
            if held:
                maps = overview.maps(held, cube, self._shape)
                overview.write(self._recorder, cube, month, maps)


def sums(block: NDArray[np.float32], cell: Cells) -> Sums:
    """As `overview.sums`, compiled: several times as fast."""
    tods, bands, _, pixels, subpixels = block.shape
    there, place = np.unique(cell, return_inverse=True)
    found = np.full((3, tods, bands, there.size), np.nan)
    metrics = (block[:, :, METRICS.index(name)] for name in ("count", "m1", "m2"))
    count, mean, square = (of.reshape(tods * bands, pixels, subpixels) for of in metrics)
    _add_up(count, mean, square, place, found.reshape(3, tods * bands, there.size))
    return there.astype(np.int32), found


@compiled
def _add_up(
    count: NDArray[np.float32],
    mean: NDArray[np.float32],
    square: NDArray[np.float32],
    place: NDArray[np.int64],
    found: Floats,
) -> None:
    """Metrics (layer, pixel, subpixel) into the sums (3, layer, cell) of each pixel's cell."""
    layers, pixels, subpixels = count.shape
    for layer in range(layers):
        for pixel in range(pixels):
            is_known = False
            of_count = of_sum = of_square = 0.0
            for subpixel in range(subpixels):
                n = np.float64(count[layer, pixel, subpixel])
                if n >= 0:
                    is_known = True
                if n > 0:
                    m = np.float64(mean[layer, pixel, subpixel])
                    of_count += n
                    of_sum += n * m
                    of_square += square[layer, pixel, subpixel] + n * m * m
            if is_known:
                at = place[pixel]
                if np.isnan(found[0, layer, at]):
                    found[:, layer, at] = 0
                found[0, layer, at] += of_count
                found[1, layer, at] += of_sum
                found[2, layer, at] += of_square
