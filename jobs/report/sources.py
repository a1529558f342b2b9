"""What the plates of a map are drawn from: reads of the store and of runs, a task each superblock.

`plate` draws one by its name; functions named "on a worker" run there and open what they read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import Client
from numpy.typing import NDArray

import lake
from jobs.figures import captioned, principal_axes
from jobs.figures.captioned import Place, Plate
from jobs.runs import outputs
from lake.dask_cluster import call
from lake.format import order
from lake.format.arrays import Floats
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Cube
from lake.plot.layers import most_observed
from lake.reading.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Where to read from, and what is to be shown."""

    client: Client
    root: str
    store: Store
    inputs: Mapping[str, str]
    """Job -> id of the run to draw."""
    cube: Cube
    """Of counts and mean."""
    band: str
    month: int
    """Of the mean; 0: with `tod` the one that has most observations."""
    tod: int
    """Of the mean, seconds of the UTC day; -1: the one that has most observations."""
    phase: int
    """Shown in the pixel order."""

    def each(self, task: Callable[..., Any], *arguments: object) -> list[Any]:
        """The results of `task(*arguments, pixels)` for every superblock."""
        domain = self.store.domain
        blocks = order.superblocks(domain.pixels, domain.layout)
        return call(self.client, task, [(*arguments, block) for block in blocks])


def plate(name: str, scene: Scene, place: Place) -> Plate:
    """The plate of this name, one of `PLATES`."""
    return _DRAW[name](scene, place)


def _land(_: Scene, place: Place) -> Plate:
    return captioned.land(place)


def _order(scene: Scene, place: Place) -> Plate:
    return captioned.pixel_order(place, scene.phase)


def _counts(scene: Scene, place: Place) -> Plate:
    of_pixel, _ = _observed(scene)
    return captioned.counts(place, scene.cube, scene.band, of_pixel)


def _mean(scene: Scene, place: Place) -> Plate:
    month, tod = scene.month, scene.tod
    if month == 0 or tod == -1:
        _, of_time = _observed(scene)
        month, tod = most_observed(of_time, scene.cube.tods, month, tod)
    where = (scene.cube.tods.index(tod), scene.cube.bands.index(scene.band))
    parts = scene.each(_means, scene.store.url, scene.cube.name, month, *where)
    return captioned.mean(place, scene.cube, scene.band, month, tod, np.concatenate(parts))


def _observed(scene: Scene) -> tuple[Floats, Floats]:
    """Observations of each pixel (P,), and of each month and time of day (month, tod)."""
    parts = scene.each(_seen, scene.store.url, scene.cube.name, scene.band)
    of_time: Floats = np.sum([seen for _, seen in parts], axis=0)
    return np.concatenate([seen for seen, _ in parts]), of_time


def _components(scene: Scene, place: Place) -> Plate:
    found = scene.inputs["pca"]
    scores = np.concatenate(
        scene.each(principal_axes.project, scene.root, found, "scores", None, None)
    )
    model = outputs.dataset(scene.root, found)
    shares = np.pad(model["explained_variance_ratio"].values[:3], (0, 3))[:3]
    sizes = model.sizes["component"], model.sizes["feature"]
    return captioned.components(place, scores, shares.tolist(), *sizes)


def _embedding(scene: Scene, place: Place) -> Plate:
    found = scene.inputs["embed"]
    parts = scene.each(principal_axes.sums, scene.root, found, "embedding")
    mean, axes, shares = principal_axes.axes(parts)
    drawn = np.concatenate(
        scene.each(principal_axes.project, scene.root, found, "embedding", mean, axes)
    )
    return captioned.embedding(place, drawn, shares.tolist(), mean.size)


def _clusters(scene: Scene, place: Place) -> Plate:
    found = outputs.dataset(scene.root, scene.inputs["cluster"])
    return captioned.clusters(place, found["labels"].values, found.sizes["cluster"])


def _seen(url: str, cube: str, band: str, pixels: slice) -> tuple[Floats, Floats]:
    """On a worker: observations of each pixel (p,), and of each month and time of day (month, tod).

    Subpixels of a pixel count as one.
    """
    store = lake.open(url)
    held = store.cubes[cube]
    of_pixel = np.zeros(pixels.stop - pixels.start)
    of_time = np.zeros((len(MONTHS), len(held.tods)))
    for month in store.months:
        block = store.block(cube, pixels, month)[0, :, held.bands.index(band)]
        count = np.nan_to_num(block[:, METRICS.index("count")]).mean(axis=-1)  # (tod, pixel)
        of_pixel += count.sum(axis=0)
        of_time[month - 1] = count.sum(axis=1)
    return of_pixel, of_time


def _means(
    url: str, cube: str, month: int, tod: int, band: int, pixels: slice
) -> NDArray[np.float32]:
    """On a worker: (p, subpixel) means; `tod` and `band` are positions."""
    block = lake.open(url).block(cube, pixels, month)
    found: NDArray[np.float32] = block[0, tod, band, METRICS.index("m1")]
    return found


_DRAW: dict[str, Callable[[Scene, Place], Plate]] = {
    "domain": _land,
    "counts": _counts,
    "mean": _mean,
    "order": _order,
    "pca": _components,
    "clusters": _clusters,
    "embedding": _embedding,
}
PLATES = tuple(_DRAW)
"""Names, in the order of a report."""
