"""The captioned figures of a map: each reads its store and runs, by a task for every superblock.

`captioned_figure` draws one by its name; functions that say "on a worker" run there and open what they read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

import lake
from jobs.figures import captioned_maps, run_maps
from jobs.figures.captioned_maps import CaptionedFigure, Place
from lake.dask_cluster import call
from lake.format import order
from lake.format.arrays import Floats
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Cube
from lake.plot.layers import most_observed
from lake.reading.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class MapScene:
    """The store and runs that a map is drawn from, and the choices of its pictures."""

    client: Client
    root: str
    store: Store
    inputs: Mapping[str, str]
    """Job -> id of the run that is drawn."""
    cube: Cube
    """Cube of the counts and the mean."""
    band: str
    month: int
    """Month of the mean; 0: the month that has most observations, at `tod` if that is given."""
    tod: int
    """Time of day of the mean, seconds of the UTC day; -1: that with most observations."""
    phase: int
    """Phase that the picture of the pixel order shows dark."""

    def each(self, task: Callable[..., Any], *arguments: object) -> list[Any]:
        """The results of `task(*arguments, pixels)` for every superblock."""
        domain = self.store.domain
        blocks = order.superblocks(domain.pixels, domain.layout)
        return call(self.client, task, [(*arguments, block) for block in blocks])


def captioned_figure(name: str, scene: MapScene, place: Place) -> CaptionedFigure:
    """The captioned figure of this name, one of `PICTURES`."""
    return _DRAW[name](scene, place)


def _land(_: MapScene, place: Place) -> CaptionedFigure:
    return captioned_maps.land(place)


def _order(scene: MapScene, place: Place) -> CaptionedFigure:
    return captioned_maps.pixel_order(place, scene.phase)


def _counts(scene: MapScene, place: Place) -> CaptionedFigure:
    per_pixel, _ = _observed(scene)
    return captioned_maps.counts(place, scene.cube, scene.band, per_pixel)


def _mean(scene: MapScene, place: Place) -> CaptionedFigure:
    month, tod = scene.month, scene.tod
    if month == 0 or tod == -1:
        _, per_time = _observed(scene)
        month, tod = most_observed(per_time, scene.cube.tods, month, tod)
    place_in_cube = (scene.cube.tods.index(tod), scene.cube.bands.index(scene.band))
    parts = scene.each(_means, scene.store.url, scene.cube.name, month, *place_in_cube)
    return captioned_maps.mean(place, scene.cube, scene.band, month, tod, np.concatenate(parts))


def _observed(scene: MapScene) -> tuple[Floats, Floats]:
    """Number of observations of each pixel (P,), and of each month and time of day (month, tod)."""
    parts = scene.each(_count_observations, scene.store.url, scene.cube.name, scene.band)
    per_time: Floats = np.sum([counts for _, counts in parts], axis=0)
    return np.concatenate([counts for counts, _ in parts]), per_time


def _run_map(job: str) -> Callable[[MapScene, Place], CaptionedFigure]:
    """The function that draws what the run of a job gave to pixels."""
    return lambda scene, place: run_maps.captioned_map(
        scene.root, scene.inputs[job], place, scene.each
    )


def _comparison(scene: MapScene, place: Place) -> CaptionedFigure:
    components, embedding, clusters = (scene.inputs[job] for job in ("pca", "embed", "cluster"))
    return run_maps.comparison(scene.root, components, embedding, clusters, place, scene.each)


def _count_observations(url: str, cube: str, band: str, pixels: slice) -> tuple[Floats, Floats]:
    """On a worker: count the observations of each pixel (p,), and of each month and time of day (month, tod).

    Subpixels of a pixel count as one.
    """
    store = lake.open(url)
    layout = store.cubes[cube]
    per_pixel = np.zeros(pixels.stop - pixels.start)
    per_time = np.zeros((len(MONTHS), len(layout.tods)))
    for month in store.months:
        block = store.block(cube, pixels, month)[0, :, layout.bands.index(band)]
        count = np.nan_to_num(block[:, METRICS.index("count")]).mean(axis=-1)  # (tod, pixel)
        per_pixel += count.sum(axis=0)
        per_time[month - 1] = count.sum(axis=1)
    return per_pixel, per_time


def _means(
    url: str, cube: str, month: int, tod: int, band: int, pixels: slice
) -> NDArray[np.float32]:
    """On a worker: read means (p, subpixel); `tod` and `band` are positions in the cube."""
    block = lake.open(url).block(cube, pixels, month)
    means: NDArray[np.float32] = block[0, tod, band, METRICS.index("m1")]
    return means


_DRAW: dict[str, Callable[[MapScene, Place], CaptionedFigure]] = {
    "domain": _land,
    "counts": _counts,
    "mean": _mean,
    "order": _order,
    "pca": _run_map("pca"),
    "clusters": _run_map("cluster"),
    "embedding": _run_map("embed"),
    "comparison": _comparison,
}
PICTURES = tuple(_DRAW)
"""Names of the pictures, in the order of a report."""
