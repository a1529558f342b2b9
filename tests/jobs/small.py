"""A small store with hidden classes, made from observations that the tests keep."""

from dataclasses import dataclass

import numpy as np

from lake.catalogue import catalogue
from lake.format import domain, keys, moments, order
from lake.format.grid import Grid, Projection
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import generations
from tests.lake.small_store import commit

CUBES = (
    Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C07", "C13"), (54000, 64800)),
    Cube("day-1km", "1km", 2, "ABI-L1b-RadC", "Rad", ("C03",), (64800,)),
)
MONTHS = (2, 7)
LAYOUT = order.Layout(chunk=16, phases=4)
KEY = keys.parse("goes16/small/20180101_20181231/geom-goes-conus-0")
CLASSES = 3
TIMES = 6

_PROJECTION = Projection(
    perspective_point_height=35786023.0,
    semi_major_axis=6378137.0,
    semi_minor_axis=6356752.31414,
    longitude_of_projection_origin=-75.0,
)


@dataclass(frozen=True)
class Truth:
    """What a store was made from."""

    root: str
    key: str
    classes: np.ndarray
    """(pixel,) hidden class of each pixel."""
    observed: dict[tuple[str, int], np.ndarray]
    """(cube, month) -> (time, tod, band, pixel, subpixel), NaN where not clear."""


def build(root, suspect=(), shape=(25, 27), layout=LAYOUT) -> Truth:
    """A store of 25 x 27 pixels at `root`; pixel 5 is never clear."""
    rng = np.random.default_rng(0)
    y = 0.12 - 5.6e-5 * np.arange(shape[0])
    x = -0.02 + 5.6e-5 * np.arange(shape[1])
    land = domain.from_mask(np.ones(shape, bool), Grid(_PROJECTION, y, x), layout)
    classes = (land.row // 9) % CLASSES
    about = {"key": str(KEY), "months": MONTHS, "suspect": suspect, "listing": {}, "provenance": {}}
    catalogue.claim(connect(root))
    objects = connect(connect(root).url(str(KEY)))
    path, _ = generations.draft(objects, None, land, CUBES, about)
    observed = {}
    for cube in CUBES:
        for month in MONTHS:
            values = _observations(rng, cube, classes)
            observed[cube.name, month] = values
            results = moments.to_results(
                moments.from_observations(values, ~np.isnan(values)), axis=2
            )
            for n, block in enumerate(order.superblocks(land.pixels, layout)):
                shard = results[..., block, :]
                generations.write_shard(objects, path, cube.name, month, n, shard, layout)
    commit(objects, None, path, MONTHS)
    return Truth(str(root), str(KEY), classes, observed)


def _observations(rng, cube, classes):
    """Classes differ in level and spread; 30 % of the observations are cloudy."""
    shape = (TIMES, len(cube.tods), len(cube.bands), classes.size, cube.subpixels)
    level = rng.normal(280, 8, (1, *shape[1:3], CLASSES, 1))[..., classes, :]
    spread = rng.uniform(1, 3, (1, *shape[1:3], CLASSES, 1))[..., classes, :]
    values = level + spread * rng.normal(size=shape) + rng.normal(size=(1, 1, 1, classes.size, 1))
    cloudy = rng.random((TIMES, 1, 1, classes.size, 1)) < 0.3
    values[np.broadcast_to(cloudy, shape)] = np.nan
    values[:, :, :, 5] = np.nan
    return values.astype(np.float32).astype(np.float64)
