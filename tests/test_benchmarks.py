"""The benchmark of embeddings runs, on a country that is small enough for a test."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from jobs.evaluation.cases import MeasureSettings
from jobs.synthetic.country import Country

SMALL = Country(rows=32, columns=32, classes=4, months=(1, 7), tods=(57600, 64800), days=6)
HOW = MeasureSettings(square=6, most=300, few=60, pairs=120, near=5)
METHODS = ("raw", "pca-8", "white-16", "mnf-8", "default", "default-one", "infonce-slots")


@pytest.fixture(scope="module")
def embedding():
    path = Path(__file__).parents[1] / "benchmarks" / "embedding.py"
    spec = importlib.util.spec_from_file_location("embedding", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["embedding"] = module  # its dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules["embedding"]


@pytest.fixture(scope="module")
def data(embedding):
    rng = np.random.default_rng(0)
    land, noise = rng.normal(size=(3, 400)), 0.3 * rng.normal(size=(2, 12, 400))
    both = np.einsum("fk,kp->fp", rng.normal(size=(12, 3)), land) + noise
    both[0, 2, :40] = np.nan
    names = tuple(f"day-2km/C13/{month:02d}/64800/mean" for month in range(1, 13))
    place = np.divmod(np.arange(400), 20)
    return embedding.Data(*both.astype(np.float32), names, *place, 0)


def test_every_method_is_measured_with_what_other_tools_ask_for(embedding, monkeypatch, capsys):
    monkeypatch.setattr(embedding, "Country", lambda **_: SMALL)
    monkeypatch.setattr(embedding, "MeasureSettings", lambda **_: HOW)
    monkeypatch.setattr(embedding, "each", lambda work, of: [work(one) for one in of])
    monkeypatch.setattr(embedding, "COMMON", ("threads=1", "steps=3", "batch=64", "hidden=8"))
    how = ["embedding.py", "--json", "--seeds", "2", "--methods", ",".join(METHODS)]
    monkeypatch.setattr(sys, "argv", how)
    embedding.main()
    found = json.loads(capsys.readouterr().out)
    assert tuple(found) == METHODS
    for of in found.values():
        for name in ("knn", "linear", "few_shot", "cross_period"):
            assert 0 < of[name]["mean"] <= 1
            assert of[name]["spread"] >= 0
        assert of["knn"] == of["knn_3"]
        assert of["few_shot"] == of["few_linear"]
    assert found["raw"]["linear"]["mean"] > 0.5
    gained = found["default"]["over_best_linear"]
    assert {of["best"] for of in gained.values()} <= {"raw", "pca-8", "white-16", "mnf-8"}
    best = max(found[name]["linear"]["mean"] for name in ("raw", "pca-8", "white-16", "mnf-8"))
    assert_allclose(gained["linear"]["mean"], found["default"]["linear"]["mean"] - best, atol=1e-12)


def test_components_are_those_of_the_covariance_and_white_ones_have_variance_1(embedding, data):
    filled = data.filled[0].astype(np.float64)
    assert np.isfinite(filled).all()
    scores, _ = embedding.METHODS["pca-8"](data)
    variance = np.linalg.eigvalsh(np.cov(filled.T))[::-1]
    assert_allclose(scores.var(axis=0, ddof=1)[:3], variance[:3], rtol=0.02)
    white, _ = embedding.pca(data, 3, whiten=True)
    assert_allclose(white.var(axis=0), 1, rtol=0.03)


def test_minimum_noise_has_noise_of_variance_1_and_finds_what_years_share(embedding, data):
    one, other = embedding.minimum_noise(data, 6)
    noise = np.cov((one - other).T) / 2
    assert_allclose(noise, np.eye(6), atol=0.1)
    ratio = one.var(axis=0)
    assert ratio[2] > 5 * ratio[3]  # three things are shared
