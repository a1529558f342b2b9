"""Stores whose metrics are what a test says: the features of raw metrics are those numbers."""

from dataclasses import dataclass

import numpy as np

from jobs.features.features import FeatureSelection
from jobs.sampling import sample
from lake.catalogue import catalogue
from lake.format import domain, order
from lake.format.grid import Grid
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import generations
from tests.jobs.small import _PROJECTION
from tests.lake.small_store import commit

CUBE = Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C07", "C13"), (54000, 64800))
MONTHS = (1, 2, 4, 5, 7, 8)
LAYOUT = order.Layout(chunk=256, phases=4)
CELLS = len(MONTHS) * len(CUBE.tods) * len(CUBE.bands)
FEATURES = CELLS * len(METRICS)
PIXELS = 3000
SAMPLE = sample.Settings(features=FeatureSelection(statistics=METRICS), phase=0)
"""All pixels, raw metrics."""


@dataclass(frozen=True)
class Lake:
    """One with some stores."""

    root: str

    def add(self, year: int, x: np.ndarray, months=MONTHS, columns: int = 50) -> str:
        """A store of features (pixel, feature); its key."""
        key = f"goes16/raw/{year}0101_{year}1231/geom-goes-conus-0"
        objects = connect(connect(self.root).url(key))
        steps = 5.6e-5 * np.arange(len(x) // columns), 5.6e-5 * np.arange(columns)
        grid = Grid(_PROJECTION, 0.12 - steps[0], -0.02 + steps[1])
        land = domain.from_mask(np.ones(grid.shape, bool), grid, LAYOUT)
        about = {"key": key, "months": months, "suspect": (), "listing": {}, "provenance": {}}
        path, _ = generations.draft(objects, None, land, (CUBE,), about)
        values = x.T.reshape(len(months), len(CUBE.tods), len(CUBE.bands), len(METRICS), -1, 1)
        for month, of in zip(months, values.astype(np.float32), strict=True):
            for number, block in enumerate(order.superblocks(land.pixels, LAYOUT)):
                shard = np.ascontiguousarray(of[:, :, :, block])
                generations.write_shard(objects, path, CUBE.name, month, number, shard, LAYOUT)
        commit(objects, None, path, months)
        return key


def lake(root) -> Lake:
    """An empty one."""
    catalogue.claim(connect(root))
    return Lake(str(root))


def low_rank(rng, rows=PIXELS, columns=FEATURES, rank=8, noise=0.3):
    """(row, column) clearly separated components, every column of its own mean and scale."""
    loadings = rng.normal(size=(rank, columns)) * np.linspace(3, 1, rank)[:, None]
    x = rng.normal(size=(rows, rank)) @ loadings + noise * rng.normal(size=(rows, columns))
    x = x * rng.uniform(0.1, 10, columns) + rng.uniform(-100, 300, columns)
    return x.astype(np.float32)


def holed(rng, x, width, share=0.15):
    """The same with holes of `width` neighbouring features, independent of each other."""
    holes = (rng.random((len(x), x.shape[1] // width)) < share).repeat(width, axis=1)
    return np.where(holes, np.float32(np.nan), x)


def standard(x):
    """Standardised columns, float64."""
    x = x.astype(np.float64)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def captured(z, directions):
    """Variance of standardised data along orthonormal directions."""
    return np.sum((z @ directions.T) ** 2) / (len(z) - 1)
