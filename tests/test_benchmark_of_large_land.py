"""The metrics of `benchmarks/large_land.py` are those of the numbers that it invents."""

import numpy as np
from numpy.testing import assert_allclose

from lake.format import moments
from tests import benchmarks


def test_metrics_are_of_the_mean_spread_and_shape_of_each_cell():
    rng = np.random.default_rng(0)
    mean, spread, shape = rng.normal(size=(3, 50, 4))
    with benchmarks.loaded("large_land") as module:
        x = module.metrics(np.concatenate([mean, spread, shape], axis=1))
    found = moments.finalise(moments.from_results(x, axis=2))
    assert x.shape == (50, 4, 7)
    assert_allclose(found.mean, mean)
    assert_allclose(found.stddev, np.exp(0.15 * spread))
    assert_allclose(found.skewness, 0.3 * shape)
    assert_allclose(found.kurtosis, 0.1 * shape**2 + (0.3 * shape) ** 2)
