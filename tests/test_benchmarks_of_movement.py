"""The benchmarks of trajectories and of texture run, on countries that are small enough for a test."""

import json
import sys
from contextlib import ExitStack

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from scipy.stats import kurtosis, skew

from lake.format import moments
from tests import benchmarks

SMALL = {"classes": 4, "tods": (57600, 64800, 72000), "days": 5}


@pytest.fixture
def benchmark(monkeypatch):
    """A benchmark by its name, which invents small countries."""
    with ExitStack() as stack:

        def load(name):
            module = stack.enter_context(benchmarks.loaded(name))
            made = module.Country
            monkeypatch.setattr(module, "Country", lambda **more: made(**more | SMALL))
            return module

        yield load


def ask(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
    module.main()


@pytest.mark.slow
def test_trajectories_of_every_encoder_are_measured_and_drawn(
    benchmark, monkeypatch, capsys, tmp_path
):
    module = benchmark("trajectory")
    options = "--lands", "truth", "--rows", "32", "--seeds", "2", "--work", str(tmp_path), "--json"
    ask(monkeypatch, module, *options)
    document = json.loads(capsys.readouterr().out)["truth"]
    assert list(document) == list(module.ENCODERS)
    for values in document.values():
        assert len(values["amount"]["values"]) == 2
        assert -1 <= values["amount"]["mean"] <= 1
        assert 0 <= values["auc"]["mean"] <= 1
        assert values["ratio"]["mean"] > 0
    assert document["default"]["phase"]["mean"] < 2  # months; 3 by chance
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000


@pytest.mark.slow
def test_texture_and_its_predictors_are_measured_and_drawn(
    benchmark, monkeypatch, capsys, tmp_path
):
    module = benchmark("texture")
    monkeypatch.setattr(module, "DATA", tmp_path / "nothing")
    options = "--rows", "32", "--seeds", "1", "--work", str(tmp_path), "--json"
    ask(monkeypatch, module, *options)
    printed = capsys.readouterr()
    assert "no real land" in printed.err
    document = json.loads(printed.out)
    assert list(document) == ["C02, 500 m", "C03, 1 km", "C02 by coarse C13"]
    assert document["C02, 500 m"]["slots"]["mean"] > 10
    assert (tmp_path / "texture.png").exists()


def test_texture_is_the_spread_of_means_and_predictors_are_of_all_observations(benchmark):
    rng = np.random.default_rng(0)
    observed = rng.normal(size=(9, 50, 16)) + 2 * rng.gamma(2.0, size=(50, 16))
    results = moments.to_results(
        moments.from_observations(observed, np.ones(observed.shape, bool)), axis=0
    )
    results[0, 3, 5] = 1  # too few observations
    found = benchmark("texture").slot(results)
    kept = np.delete(observed, 3, axis=1)
    assert_allclose(found.texture, kept.mean(axis=0).std(axis=1), rtol=1e-5)
    merged = kept.swapaxes(0, 1).reshape(49, -1)
    assert_allclose(found.predictors["stddev"], merged.std(axis=1), rtol=1e-5)
    assert_allclose(found.predictors["skewness"], skew(merged, axis=1), rtol=1e-4, atol=1e-4)
    assert_allclose(found.predictors["kurtosis"], kurtosis(merged, axis=1), rtol=1e-4, atol=1e-3)
