"""A small store with known contents, which many tests write: every number another."""

from itertools import product

import numpy as np

from lake.format import order
from lake.format.domain import Domain, from_mask
from lake.format.grid import Grid, Projection
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import commits, generations, overview
from lake.store.generations import StoreState
from lake.store.manifest import Recorder

KEY = "goes16/test/20200101_20201231/geom-goes-conus-0"
LAYOUT = order.Layout(chunk=32, phases=4)
CUBES = (
    Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C06", "C13"), (54000, 64800, 0)),
    Cube("day-1km", "1km", 2, "ABI-L1b-RadC", "Rad", ("C01",), (54000, 64800, 0)),
    Cube("day-500m", "500m", 4, "ABI-L1b-RadC", "Rad", ("C02",), (54000, 64800, 0)),
)
MONTHS = (1, 7)


def small_domain() -> Domain:
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    y = 0.092372 - 5.6e-5 * np.arange(24)
    x = -0.017332 + 5.6e-5 * np.arange(30)
    mask = np.random.default_rng(1).random((24, 30)) < 0.6
    return from_mask(mask, Grid(projection, y, x), LAYOUT)


def values(domain: Domain, cube: Cube, month: int) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel), every number another."""
    shape = (len(cube.tods), len(cube.bands), len(METRICS), domain.pixels, cube.subpixels)
    return (np.arange(np.prod(shape)).reshape(shape) + 1e6 * month).astype(np.float32)


def write(
    root: str, domain: Domain, parent=None, months=MONTHS, of=values, *, maps=False
) -> commits.Commit:
    """A generation of `values`, committed."""
    objects = connect(root)
    about = {"key": KEY, "months": months, "suspect": ["m3"], "listing": {}}
    path, stored = generations.draft(objects, parent, domain, CUBES, about)
    recorder = Recorder(objects.zarr(path))
    if maps:
        overview.create(recorder, domain, CUBES)
        for cube, month in product(CUBES, months):
            overview.draw(recorder, domain, cube, month, of(domain, cube, month))
    written = [
        generations.write_shard(
            objects, path, cube.name, month, n, of(domain, cube, month)[:, :, :, block], LAYOUT
        )
        for cube in CUBES
        for month in months
        for n, block in enumerate(order.superblocks(domain.pixels, LAYOUT))
    ]
    return commit(
        objects, parent, path, months, [*stored.values(), *written, *recorder.stored.values()]
    )


def commit(objects, parent, path, months, stored=()) -> commits.Commit:
    """Make a draft the newest generation; nothing was ingested into it."""
    manifest = generations.seal(objects, path, stored)
    return generations.commit(
        objects, parent, StoreState(path, manifest, tuple(months), (), "", (), "", "")
    )
