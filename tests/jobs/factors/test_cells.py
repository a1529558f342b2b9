"""The grid of cells, and their scaling against plain formulas."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from jobs.factors import cells
from jobs.factors.cells import CellGrid

NAMES = [
    *(f"day-2km/{band}/{month:02d}/64800/mean" for month in (2, 7) for band in ("C07", "C13")),
    *(f"night-2km/C13/{month:02d}/21600/mean/s01" for month in (2, 7)),
]


def test_cubes_with_other_times_of_day_leave_gaps():
    grid = CellGrid.of(NAMES)
    assert grid.months == (2, 7)
    assert grid.tods == (21600, 64800)
    assert grid.bands == ("day-2km/C07", "day-2km/C13", "night-2km/C13/s01")
    assert grid.metrics == ("mean",)
    values = grid.on_grid(np.arange(1.0, 7))
    assert_array_equal(values[:, 1, :, 0], [[1, 2, 0], [3, 4, 0]])
    assert_array_equal(values[:, 0, :, 0], [[0, 0, 5], [0, 0, 6]])
    assert_array_equal(grid.features(values.ravel()), np.arange(1.0, 7))


@pytest.mark.parametrize("zero", cells.ZEROS)
def test_channels_get_a_common_scale_and_the_zero_that_is_asked_for(zero):
    grid = CellGrid.of(NAMES[:4])
    random = np.random.default_rng(0)
    x = random.normal(280, 5, (4, 200)) * [[1], [0.1], [1.1], [0.1]]
    x[random.random(x.shape) < 0.3] = np.nan
    scaling = cells.scaling(x, grid, zero, 2.0)
    for rows in ([0, 2], [1, 3]):  # of one channel
        mean = np.nanmean(x[rows], axis=1) if zero == "cell" else np.repeat(np.nanmean(x[rows]), 2)
        scale = np.sqrt(np.nanmean((x[rows] - mean[:, None]) ** 2))
        origin = {"lowest": np.nanmin(x[rows]), "nothing": 0}.get(zero, mean)
        assert_allclose(scaling.scale[rows], scale)
        assert_allclose(scaling.mean[rows], origin)
        assert_allclose(scaling.high[rows], mean + 2 * scale)
        if zero == "lowest":
            assert (scaling.low[rows] >= origin).all()


def test_constant_and_missing_channels_have_scale_1():
    grid = CellGrid.of(NAMES[:4])
    x = np.full((4, 10), np.nan)
    x[[0, 2]] = 3.0
    scaling = cells.scaling(x, grid, "cell", 6)
    assert_array_equal(scaling.scale, 1)
    assert_array_equal(scaling.mean, [3, 0, 3, 0])
