"""The job on a small store, against the observations that the store was made from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.runs import driver, outputs
from jobs.series import series
from lake.errors import ConfigError
from lake.format.moments import METRICS
from tests.jobs.small import CUBES, MONTHS


@pytest.fixture(scope="module")
def run(client, truth) -> str:
    return driver.run(client, truth.root, truth.key, series.Settings())


def test_series_are_the_statistics_of_the_observations(truth, run):
    found = outputs.dataset(truth.root, run)
    pixels = truth.classes.size
    assert found["series"].dims == ("pixel", "slot", "statistic")
    for cube in CUBES:
        for month in MONTHS:
            observed = truth.observed[cube.name, month]  # (time, tod, band, pixel, subpixel)
            whole = np.moveaxis(observed, 0, -1).reshape(
                len(cube.tods), len(cube.bands), pixels, -1
            )
            count = np.isfinite(whole).sum(axis=-1)
            seen, often = count > 0, count > 1
            for t, tod in enumerate(cube.tods):
                for b, band in enumerate(cube.bands):
                    got = found["series"].sel(slot=f"{cube.name}/{month}/{tod}/{band}").values
                    x, n = whole[t, b].astype(np.float64), count[t, b]
                    assert_array_equal(got[:, 0], n)
                    some, most = x[seen[t, b]], x[often[t, b]]
                    # float32 moments of a store, merged in float64, as float32
                    assert_allclose(got[seen[t, b], 1], np.nanmean(some, axis=1), rtol=1e-6)
                    assert_allclose(
                        got[often[t, b], 2], np.nanstd(most, axis=1), rtol=1e-4, atol=1e-4
                    )
                    assert_allclose(got[seen[t, b], 3], np.nanmin(some, axis=1), rtol=1e-6)
                    assert_allclose(got[seen[t, b], 4], np.nanmax(some, axis=1), rtol=1e-6)
                    assert np.isnan(got[~seen[t, b], 1:]).all()
                    assert np.isnan(got[~often[t, b], 2]).all()


def test_count_is_nan_where_nothing_was_ever_ingested():
    block = np.full((1, 1, len(METRICS), 3, 4), np.nan, np.float32)
    block[0, 0, 0, 1] = 0  # ingested, never clear
    block[0, 0, :, 2, 3] = (2, 1, 3, 2, 2, 0, 2)  # the observations 1 and 3 in one subpixel
    expected = [[np.nan] * 5, [0, *[np.nan] * 4], [2, 2, 1, 1, 3]]
    assert_array_equal(series.statistics(block)[:, 0], np.array(expected, np.float32))


def test_some_cubes_and_names_that_are_none(client, truth):
    run = driver.run(client, truth.root, truth.key, series.Settings(("day-1km",)))
    labels = outputs.dataset(truth.root, run)["slot"].values
    assert list(labels) == [f"day-1km/{month}/64800/C03" for month in MONTHS]
    store = lake.open(f"{truth.root}/{truth.key}")
    with pytest.raises(ConfigError, match="has no cube 'night'"):
        series.specs(truth.root, store, series.Settings(("night",)))
