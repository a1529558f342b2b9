"""Correlations of scores and features, and the charts of linear models."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from jobs.figures import component_charts, run_maps
from jobs.figures.loadings import correlations
from jobs.runs import outputs
from lake.errors import ConfigError


def planted(count=6, pixels=4000):
    random = np.random.default_rng(0)
    mixing = random.normal(size=(count, count))
    x = random.normal(size=(pixels, count)) @ mixing
    return x - x.mean(axis=0)


def solved(x):
    variance, vectors = np.linalg.eigh(np.cov(x.T, ddof=0))
    return vectors.T[::-1], variance[::-1]


def test_correlations_with_all_components_are_those_of_numpy():
    """Of principal directions, and of any others, as minimum noise has."""
    x = planted()
    components, variance = solved(x)
    for directions in (components, np.random.default_rng(1).normal(size=(4, 6))):
        scores = x @ directions.T
        expected = np.corrcoef(scores.T, x.T)[: len(directions), len(directions) :]
        found = correlations(directions, components, variance, float(variance.sum()))
        assert_allclose(found, expected, atol=1e-8)


def test_directions_beyond_the_components_share_one_variance():
    """Equal variances beyond the third: then the model is the covariance itself."""
    random = np.random.default_rng(2)
    basis = np.linalg.qr(random.normal(size=(7, 7)))[0]
    variance = np.array([9.0, 4.0, 2.0, 0.5, 0.5, 0.5, 0.5])
    covariance = basis * variance @ basis.T
    direction = random.normal(size=(1, 7))
    expected = (direction @ covariance) / np.sqrt(
        (direction @ covariance @ direction.T) * np.diag(covariance)
    )
    found = correlations(direction, basis.T[:3], variance[:3], float(variance.sum()))
    assert_allclose(found, expected, atol=1e-10)


def test_features_without_variance_are_no_error():
    found = correlations(np.eye(3)[:1], np.eye(3), np.array([1.0, 0.0, 0.0]), 1.0)
    assert_allclose(found, [[1, 0, 0]])


def test_scree_shows_the_variances_and_their_sum(truth, chain):
    captioned = component_charts.scree(truth.root, chain.pca)
    shares = outputs.read(truth.root, chain.pca, "explained_variance_ratio")
    upper, lower = captioned.figure.axes
    assert_allclose(upper.lines[0].get_ydata(), 100 * shares)
    assert_allclose(lower.lines[0].get_ydata(), 100 * np.cumsum(shares))
    assert f"together {shares.sum():.1%}" in captioned.caption
    half = int(np.flatnonzero(np.cumsum(shares) >= 0.5)[0]) + 1 if shares.sum() >= 0.5 else 0
    assert half == 0 or f"{half} hold 50%" in captioned.caption


def test_loadings_have_a_panel_for_each_band_and_statistic(truth, chain):
    captioned = component_charts.loadings(truth.root, chain.pca, 1)
    images = [axes.images[0].get_array() for axes in captioned.figure.axes if axes.images]
    assert len(images) == 3 * 4  # C07, C13, C03; mean, stddev, skewness, kurtosis
    dataset = outputs.dataset(truth.root, chain.pca)
    names = [str(name) for name in dataset["feature"].values]
    assert sum(np.isfinite(image).sum() for image in images) == len(names)
    titles = {axes.get_ylabel() for axes in captioned.figure.axes} - {"", "correlation"}
    assert titles == {"C07\nday-2km", "C13\nday-2km", "C03\nday-1km"}
    values = correlations(
        dataset["projection"].values[1:2], dataset["components"].values,
        dataset["explained_variance"].values,
        float(dataset["explained_variance"][0] / dataset["explained_variance_ratio"][0]),
    )[0]  # fmt: skip
    expected = values[names.index("day-2km/C13/07/64800/mean")]
    panel = next(
        axes for axes in captioned.figure.axes if axes.get_ylabel() == "C13\nday-2km"
    ).images[0].get_array()  # fmt: skip
    assert panel.shape == (2, 2)
    assert panel[1, 1] == pytest.approx(expected)


def test_one_component_is_drawn_as_a_map_of_its_scores(truth, chain):
    captioned = run_maps.draw(truth.root, chain.pca, component=2)
    image = captioned.figure.axes[0].images[-1].get_array()
    scores = outputs.read(truth.root, chain.pca, "scores")[:, 2]
    assert_allclose(np.sort(image.compressed()), np.sort(scores[np.isfinite(scores)]), rtol=1e-6)
    assert "Grey: 1 pixel" in captioned.caption
    assert "Component 3" in run_maps.draw(truth.root, chain.embed, component=3).title


def test_what_a_run_has_is_said_where_it_has_no_such_thing(truth, chain):
    with pytest.raises(ConfigError, match="has no component 10: it has 0 to 9"):
        run_maps.draw(truth.root, chain.pca, component=10)
    with pytest.raises(ConfigError, match="has no component 10: it has 0 to 9"):
        component_charts.loadings(truth.root, chain.pca, 10)
    with pytest.raises(ConfigError, match=r"has no linear model: it has .*labels \(pixel\)"):
        component_charts.scree(truth.root, chain.cluster)
    with pytest.raises(ConfigError, match=r"no vectors of pixels: it has .*labels \(pixel\)"):
        run_maps.draw(truth.root, chain.cluster, component=0)
    with pytest.raises(
        ConfigError, match=r"no colours: it has features \(sample, feature\), sample"
    ):
        run_maps.draw(truth.root, chain.sample)
