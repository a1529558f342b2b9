"""PCA against scikit-learn and, with holes, against the scores of the same data without them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.decomposition import PCA

from jobs import components

NO_CLIP = 1e9


def low_rank(rng, rows=700, columns=120, rank=8, noise=0.3):
    """Clearly separated components, every column of its own mean and scale."""
    loadings = rng.normal(size=(rank, columns)) * np.linspace(3, 1, rank)[:, None]
    x = rng.normal(size=(rows, rank)) @ loadings + noise * rng.normal(size=(rows, columns))
    x = x * rng.uniform(0.1, 10, columns) + rng.uniform(-100, 300, columns)
    return x.astype(np.float32)


def standard(x):
    x = x.astype(np.float64)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def captured(z, directions):
    return np.sum(((z - z.mean(axis=0)) @ directions.T) ** 2) / (len(z) - 1)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def x(rng):
    return low_rank(rng)


def test_components_of_complete_data_are_those_of_scikit_learn(x):
    model = components.fit(x, 8, 10, NO_CLIP)
    oracle = PCA(8, svd_solver="covariance_eigh").fit(standard(x))
    sign = np.sign(np.sum(model.components * oracle.components_, axis=1, keepdims=True))
    assert_allclose(model.components * sign, oracle.components_, atol=1e-5)
    assert_allclose(model.variance, oracle.explained_variance_, rtol=1e-5)
    assert_allclose(model.variance / model.total, oracle.explained_variance_ratio_, rtol=1e-5)
    found = components.scores(x, model, 10)
    assert_allclose(found * sign.T, oracle.transform(standard(x)), atol=1e-4)


def test_variance_captured_of_complete_data_is_the_largest_there_is(x):
    z = standard(x)
    best = np.linalg.eigvalsh(np.cov(z.T))[::-1][:64].sum()
    model = components.fit(x, 64, 10, NO_CLIP)
    assert 1 - captured(z, model.components) / best < 1e-9


def test_components_are_orthonormal_and_their_largest_loading_is_positive(x):
    found = components.fit(x, 20, 10, 6).components
    assert_allclose(found @ found.T, np.eye(20), atol=1e-12)
    assert (np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1) > 0).all()


@pytest.mark.parametrize("kind", ["single", "runs of ten"])
def test_with_fifteen_percent_missing_scores_are_within_five_percent(rng, x, kind):
    """Relative root mean square over the variance the components hold; zero-imputing: above 15 %."""
    width = 1 if kind == "single" else 10
    holes = (rng.random((len(x), x.shape[1] // width)) < 0.15).repeat(width, axis=1)
    holed = np.where(holes, np.float32(np.nan), x)
    complete = components.fit(x, 8, 10, 6)
    wanted = components.scores(x, complete, 10)

    def error(found):
        return np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2))

    model = components.fit(holed, 8, 10, 6)
    z = standard(x)
    assert 1 - captured(z, model.components) / captured(z, complete.components) < 1e-3
    zero_imputed = np.where(holes, 0, z) @ complete.components.T
    assert error(zero_imputed) > 0.15
    assert error(components.scores(holed, complete, 10)) < 0.05


def regularised_iterative_pca(x, k, passes):
    """Josse and Husson (2012), section 3: a whole eigendecomposition for every filling."""
    z = (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0)
    holes = np.isnan(z)
    z[holes] = 0
    for _ in range(passes + 1):
        centre = z.mean(axis=0)
        rising, vectors = np.linalg.eigh(np.cov(z.T))
        variance, first = rising[::-1][:k], vectors[:, ::-1][:, :k]
        shrunk = (variance - rising[:-k].mean()) / variance
        said = centre + ((z - centre) @ first * shrunk) @ first.T
        filled, z = z, np.where(holes, said, z)
    return first.T, variance, filled.mean(axis=0)


def test_fit_with_holes_is_the_published_method(rng, x):
    holes = (rng.random((len(x), 12)) < 0.4).repeat(10, axis=1)
    holed = np.where(holes, np.float32(np.nan), x)
    wanted, variance, centre = regularised_iterative_pca(holed.astype(np.float64), 8, 10)
    model = components.fit(holed, 8, 10, NO_CLIP)
    sign = np.sign(np.sum(model.components * wanted, axis=1, keepdims=True))
    assert_allclose(model.components * sign, wanted, atol=1e-3)
    assert_allclose(model.variance, variance, rtol=1e-3)
    assert_allclose(model.centre, centre, atol=1e-3)


def test_fit_and_scores_leave_their_input_alone(rng, x):
    x[rng.random(x.shape) < 0.1] = np.nan
    before = x.copy()
    components.scores(x, components.fit(x, 8, 3, 6), 3)
    np.testing.assert_array_equal(x, before)


def test_pixel_without_any_value_has_no_scores_and_all_others_have(rng, x):
    x[rng.random(x.shape) < 0.3] = np.nan
    model = components.fit(x, 8, 10, 6)
    x[3] = np.nan
    x[4, 1:] = np.nan
    missing = np.isnan(components.scores(x, model, 10))
    assert missing[3].all()
    assert not np.delete(missing, 3, axis=0).any()


def test_outlier_counts_as_the_clip(x):
    model = components.fit(x, 8, 10, 6)
    far = x[:1].copy()
    far[0, 5] = model.mean[5] + 1000 * model.scale[5]
    at_clip = x[:1].copy()
    at_clip[0, 5] = model.mean[5] + 6 * model.scale[5]
    assert_allclose(
        components.scores(far, model, 10), components.scores(at_clip, model, 10), atol=1e-4
    )


@given(st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_the_pixels_beside(split, seed):
    x = low_rank(np.random.default_rng(seed), rows=3001, columns=12, rank=3)
    x[np.random.default_rng(seed).random(x.shape) < 0.2] = np.nan
    model = components.fit(x[:500], 3, 2, 6)
    whole = components.scores(x, model, 4)
    parts = [components.scores(part, model, 4) for part in (x[:split], x[split:])]
    assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_more_rows_than_a_block_give_the_same_model(monkeypatch, x):
    whole = components.fit(x, 8, 10, 6)
    monkeypatch.setattr(components, "ROWS", 64)
    assert_allclose(components.fit(x, 8, 10, 6).components, whole.components, atol=1e-6)
