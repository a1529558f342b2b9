"""MNF of two periods against SciPy's generalised eigenproblem; the scores of either by `transform`."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import eigh

from jobs.linear import mnf, pca, transform
from jobs.linear.mnf import Settings
from jobs.linear.passes import Fit
from jobs.runs import driver, outputs
from lake.errors import ConfigError, MissingError
from tests.jobs import raw

FIT = Fit(components=6, clip=1e9)


@pytest.fixture(scope="module")
def years():
    """The same land in two years: what stays, weather of each feature's own size, and noise in common."""
    rng = np.random.default_rng(11)
    stays = raw.low_rank(rng, noise=0.5)
    weather = rng.uniform(0.05, 0.6, raw.FEATURES) * stays.std(axis=0)
    common = rng.normal(size=(2, raw.FEATURES)) * weather
    return [
        stays + weather * rng.normal(size=stays.shape) + rng.normal(size=(raw.PIXELS, 2)) @ common
        for _ in range(2)
    ]


@pytest.fixture(scope="module")
def stores(tmp_path_factory, years):
    there = raw.lake(tmp_path_factory.mktemp("mnf") / "lake")
    rng = np.random.default_rng(12)
    keys = [there.add(2018 + n, x) for n, x in enumerate(years)]
    keys += [there.add(2020 + n, raw.holed(rng, x, 7)) for n, x in enumerate(years)]
    return there, keys


@pytest.fixture(scope="module")
def fitted(client, stores):
    """The run of an MNF of two of the stores."""
    there, keys = stores

    def run(first, second):
        drawn = driver.run(client, there.root, keys[first], raw.SAMPLE)
        return driver.run(client, there.root, keys[first], Settings(keys[second], drawn, fit=FIT))

    return run


def oracle(years, count):
    """Directions (feature, component) and ratios of standardised features, by SciPy."""
    z = raw.standard(years[0])
    noise = np.cov((years[0] - years[1]).T / years[0].std(axis=0)[:, None]) / 2
    ratio, vectors = eigh(np.cov(z.T), noise)
    return z, noise, vectors[:, ::-1][:, :count], ratio[::-1][:count]


def test_components_are_those_of_the_generalised_eigenproblem(stores, years, fitted):
    found = outputs.dataset(stores[0].root, fitted(0, 1))
    z, noise, vectors, ratio = oracle(years, 6)
    assert_allclose(found["signal_to_noise"], ratio, rtol=1e-3)
    projection = found["projection"].values
    assert_allclose(projection @ noise @ projection.T, np.eye(6), atol=1e-3)
    wanted = z @ vectors
    sign = np.sign(np.sum(found["scores"].values * wanted, axis=0))
    assert_allclose(found["scores"].values * sign, wanted, atol=2e-3 * wanted.std())


def test_with_holes_in_both_years_directions_hardly_change(stores, years, fitted):
    found = outputs.dataset(stores[0].root, fitted(2, 3))
    z, _, vectors, ratio = oracle(years, 6)
    assert_allclose(found["signal_to_noise"][:5], ratio[:5], rtol=0.15)
    wanted = z @ vectors
    scores = found["scores"].values
    assert not np.isnan(scores).any()
    share = [abs(np.corrcoef(scores[:, i], wanted[:, i])[0, 1]) for i in range(3)]
    assert min(share) > 0.95


def test_solution_orders_by_variance_over_noise_and_bounds_the_noise():
    total, noise = np.diag([9.0, 4.0, 1.0]), np.diag([9.0, 1.0, 0.0])
    projection, ratio = mnf.solve(total, noise, 3, 1e-2)
    assert_allclose(ratio, [1 / 0.09, 4, 1])
    assert_allclose(projection, [[0, 0, 1 / 0.3], [0, 1, 0], [1 / 3, 0, 0]])


def test_second_store_of_other_pixels_or_none_is_refused(client, stores):
    there, keys = stores
    other = there.add(2016, np.ones((1000, raw.FEATURES)))
    with pytest.raises(ConfigError, match="1000"):
        driver.specs(there.root, keys[0], Settings(other))
    with pytest.raises(ConfigError, match="second=KEY_OR_URL"):
        driver.specs(there.root, keys[0], Settings())
    with pytest.raises(ConfigError, match="floor"):
        Settings(floor=0)


def test_more_features_than_a_covariance_may_have_are_refused(client, stores):
    there, keys = stores
    drawn = driver.run(client, there.root, keys[0], raw.SAMPLE)
    with pytest.raises(ConfigError, match="has 168, wanted at most 100"):
        driver.run(client, there.root, keys[0], Settings(keys[1], drawn, fit=Fit(exact=100)))


def test_transform_of_the_store_itself_gives_its_scores(client, stores, fitted):
    there, keys = stores
    model = fitted(0, 1)
    run = driver.run(client, there.root, keys[0], transform.Settings(model))
    found = outputs.dataset(there.root, run)
    assert_array_equal(found["scores"], outputs.dataset(there.root, model)["scores"])
    assert found.attrs["inputs"] == {"mnf": model}


def test_transform_matches_features_by_name(client, stores, years):
    """The model knows fewer features than the store, which has one month more before them."""
    there, keys = stores
    some = years[0][:, raw.FEATURES // len(raw.MONTHS) :]
    fewer = there.add(2015, some, raw.MONTHS[1:])
    drawn = driver.run(client, there.root, fewer, raw.SAMPLE)
    model = driver.run(client, there.root, fewer, pca.Settings(drawn, fit=FIT))
    run = driver.run(client, there.root, keys[0], transform.Settings(model))
    found = outputs.dataset(there.root, run)["scores"]
    assert_array_equal(found, outputs.dataset(there.root, model)["scores"])


def test_store_that_lacks_a_feature_is_refused_by_its_name(client, stores, years, fitted):
    there, _ = stores
    fewer = there.add(2014, years[0][:, : -raw.FEATURES // len(raw.MONTHS)], raw.MONTHS[:-1])
    with pytest.raises(ConfigError, match=r"lacks 28 of the 168.*day-2km/C07/08/54000/count"):
        driver.specs(there.root, fewer, transform.Settings(fitted(0, 1)))


def test_transform_by_no_model_is_refused(client, stores):
    there, keys = stores
    drawn = driver.run(client, there.root, keys[0], raw.SAMPLE)
    with pytest.raises(ConfigError, match="fits no model"):
        driver.specs(there.root, keys[0], transform.Settings(drawn))
    with pytest.raises(ConfigError, match="run=RUN"):
        driver.specs(there.root, keys[0], transform.Settings())
    with pytest.raises(MissingError, match="pca-0"):
        driver.specs(there.root, keys[0], transform.Settings("pca-0"))
