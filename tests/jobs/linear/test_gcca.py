"""GCCA of the slots of one period and of two, against SciPy's generalised eigenproblem of stacked slots."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import block_diag, eigh

from jobs.features.features import Feature
from jobs.linear import gcca, transform
from jobs.linear.gcca import Settings
from jobs.linear.passes import Fit
from jobs.runs import driver, outputs
from lake.errors import ConfigError
from tests.jobs import raw

FIT = Fit(components=5, clip=1e9)
SLOTS = len(raw.MONTHS) * len(raw.CUBE.tods)


@pytest.fixture(scope="module")
def years():
    """Land that every slot of two years sees in its own way, under strong haze of the slot alone."""
    rng = np.random.default_rng(21)
    land = rng.normal(size=(raw.PIXELS, 5))
    per_slot = raw.FEATURES // SLOTS

    def year():
        slots = [
            land @ rng.normal(size=(5, per_slot))
            + 6 * rng.normal(size=(raw.PIXELS, 2)) @ rng.normal(size=(2, per_slot))
            + 0.5 * rng.normal(size=(raw.PIXELS, per_slot))
            for _ in range(SLOTS)
        ]
        return np.concatenate(slots, axis=1).astype(np.float32)

    return year(), year()


@pytest.fixture(scope="module")
def stores(tmp_path_factory, years):
    there = raw.lake(tmp_path_factory.mktemp("gcca") / "lake")
    keys = [there.add(2018 + n, x) for n, x in enumerate(years)]
    keys.append(there.add(2020, raw.holed(np.random.default_rng(22), years[0], 7)))
    return there, keys


@pytest.fixture(scope="module")
def fitted(client, stores):
    """The run of a store, of another one too where its number is given."""
    there, keys = stores

    def run(first, second=None):
        drawn = driver.run(client, there.root, keys[first], raw.SAMPLE)
        other = "" if second is None else keys[second]
        return driver.run(client, there.root, keys[first], Settings(other, drawn, fit=FIT))

    return run


def oracle(x, total):
    """Scores (pixel, component) and eigenvalues, from the covariance of each slot by itself.

    The features of a slot lie beside each other: `raw.Lake.add` has month and time of day first.
    """
    z = raw.standard(x)
    within = block_diag(*(np.cov(part.T, bias=True) for part in np.split(z, SLOTS, axis=1)))
    added = Settings().ridge * np.eye(len(within))  # variances of standardised features are 1
    values, vectors = eigh(total, within + added)
    return z @ vectors[:, ::-1][:, :5], values[::-1][:5]


def test_components_of_one_period_are_those_of_the_generalised_eigenproblem(stores, years, fitted):
    found = outputs.dataset(stores[0].root, fitted(0))
    wanted, values = oracle(years[0], np.cov(raw.standard(years[0]).T, bias=True))
    assert_allclose(found["eigenvalue"], values, rtol=1e-3)
    scores = found["scores"].values
    sign = np.sign(np.sum(scores * wanted, axis=0))
    assert_allclose(scores * sign, wanted, atol=2e-3 * wanted.std())


def test_a_second_period_adds_the_covariance_across_the_two(stores, years, fitted):
    found = outputs.dataset(stores[0].root, fitted(0, 1))
    z, other = ((x - years[0].mean(axis=0)) / years[0].std(axis=0, dtype=np.float64) for x in years)
    difference = np.cov((z - other).T, bias=True)
    own = np.cov(z.T, bias=True)
    wanted, values = oracle(years[0], 2 * own - difference / 2)
    assert_allclose(found["eigenvalue"], values, rtol=1e-3)
    scores = found["scores"].values
    sign = np.sign(np.sum(scores * wanted, axis=0))
    assert_allclose(scores * sign, wanted, atol=2e-3 * wanted.std())
    assert gcca.HALVES not in found


def test_haze_of_single_slots_is_left_out(years, stores, fitted):
    land = np.random.default_rng(21).normal(size=(raw.PIXELS, 5))
    scores = outputs.dataset(stores[0].root, fitted(0))["scores"].values
    z = raw.standard(years[0])
    principal = z @ np.linalg.svd(z, full_matrices=False)[2][:5].T

    def share_of_land(vectors):
        explained = land @ np.linalg.lstsq(land, vectors, rcond=None)[0]
        return (explained.var(axis=0) / vectors.var(axis=0)).min()

    assert share_of_land(scores) > 0.9
    assert share_of_land(principal) < 0.5


def test_halves_are_scores_of_half_the_slots(stores, years, fitted):
    found = outputs.dataset(stores[0].root, fitted(0))
    halves = found[gcca.HALVES].values
    assert_allclose(halves.mean(axis=1), found["scores"], atol=1e-5)
    z = (years[0] - found["mean"].values) / found["scale"].values
    half = found["half_of_feature"].values
    for number, sign in enumerate((1, -1)):
        of_half = 2 * z[:, half == sign] @ found["projection"].values[:, half == sign].T
        assert_allclose(halves[:, number], of_half, atol=1e-3)
    features = [Feature.parse(str(name)) for name in found["feature"].values]
    times = {
        sign: {(f.month, f.tod) for f, of in zip(features, half, strict=True) if of == sign}
        for sign in (1, -1)
    }
    assert not times[1] & times[-1]
    assert len(times[1]) == len(times[-1]) == SLOTS // 2


def test_with_holes_scores_and_halves_are_imputed(stores, fitted):
    complete, holed = (outputs.dataset(stores[0].root, fitted(number)) for number in (0, 2))
    for name in ("scores", gcca.HALVES):
        assert not np.isnan(holed[name].values).any()
    correlations = np.corrcoef(complete["scores"].values.T, holed["scores"].values.T)[:5, 5:]
    assert np.linalg.svd(correlations, compute_uv=False).min() > 0.9


def test_slots_next_to_each_other_in_the_year_and_in_the_day_are_of_different_halves():
    names = [f"day-2km/C13/{m:02d}/{t}/mean" for m in (1, 2, 3) for t in (0, 3600, 7200)]
    names.append("static/latitude/00/0/value")
    half = gcca.half(names)
    assert half[-1] == 0
    board = half[:-1].reshape(3, 3)
    assert (board[1:] == -board[:-1]).all()
    assert (board[:, 1:] == -board[:, :-1]).all()


def test_another_period_is_scored_by_the_same_model(client, stores, years, fitted):
    there, keys = stores
    model = fitted(0)
    run = driver.run(client, there.root, keys[1], transform.Settings(model))
    found, known = outputs.dataset(there.root, run), outputs.dataset(there.root, model)
    z = (years[1] - known["mean"].values) / known["scale"].values
    assert_allclose(found["scores"], z @ known["projection"].values.T, atol=1e-3)


def test_what_it_cannot_do_is_refused(client, stores):
    there, keys = stores
    other = there.add(2016, np.ones((1000, raw.FEATURES)))
    with pytest.raises(ConfigError, match="1000"):
        driver.specs(there.root, keys[0], Settings(other))
    with pytest.raises(ConfigError, match="ridge"):
        Settings(ridge=0)
    with pytest.raises(ConfigError, match="refills"):
        Settings(fit=Fit(refills=0))
