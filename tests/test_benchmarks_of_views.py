"""The study of how much views share: its estimates against Gaussians of known information, and a run."""

import json
import math
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

from jobs.embedding import recipe
from jobs.embedding.columns import Columns
from tests import benchmarks

DIMENSIONS, PIXELS = 3, 6000
SETTINGS = (
    "inputs=pca views=periods loss=infonce model=plain hidden=64 latent=8 steps=200 batch=256"
)


@pytest.fixture(scope="module")
def infomin():
    with benchmarks.loaded("infomin") as module:
        yield module


def correlated(correlation, pixels, seed=0):
    """Two sets of Gaussian inputs (P, 3); those at one place have this correlation, others none."""
    first, noise = np.random.default_rng(seed).normal(size=(2, pixels, DIMENSIONS))
    return first, correlation * first + math.sqrt(1 - correlation**2) * noise


def known(correlation):
    """Cover and Thomas, "Elements of information theory" (2006), eq. 8.56, for each dimension."""
    return -DIMENSIONS / 2 * math.log(1 - correlation**2)


def estimated(infomin, correlation, monkeypatch):
    monkeypatch.setattr(infomin, "DRAWS", 1)
    _, resolved = infomin.embedding_methods.settings_of(SETTINGS, 0)
    x = tuple(torch.from_numpy(y.astype(np.float32)) for y in correlated(correlation, PIXELS))
    trained, held_out = (tuple(y[side] for y in x) for side in (slice(3500), slice(3500, None)))
    model = recipe.fit(resolved, trained, Columns(components=DIMENSIONS)).model
    return infomin.information(model, resolved, held_out, 0)


def best_vectors(x, correlation, temperature, *, is_second):
    """Vectors whose cosine by the temperature is log p(x, y) - log p(x) p(y), up to a constant.

    That is k x y - k r (x^2 + y^2) / 2 for each dimension, k = r / (1 - r^2) of the correlation r; no
    vectors have a higher bound (van den Oord et al., 2018, section 2.3).
    """
    k = correlation / (1 - correlation**2)
    square, one = (x**2).sum(axis=1, keepdims=True), np.ones((len(x), 1))
    ends = (-one, -square) if is_second else (square, one)
    weight = math.sqrt(k * correlation / 2 * temperature)
    z = np.concatenate([math.sqrt(k * temperature) * x, *(weight * end for end in ends)], axis=1)
    rest = np.sqrt(1 - (z**2).sum(axis=1, keepdims=True))
    pads = (0 * rest, rest) if is_second else (rest, 0 * rest)
    return torch.from_numpy(np.concatenate([z, *pads], axis=1))


@pytest.mark.parametrize("correlation", [0.3, 0.5, 0.8, 0.9])
def test_bound_of_the_best_vectors_is_the_information_of_gaussians(infomin, correlation):
    temperature = 1e-4
    draws = [correlated(correlation, infomin.BATCH, seed) for seed in range(8)]
    views = [
        tuple(
            best_vectors(x, correlation, temperature, is_second=is_second)
            for x, is_second in zip(draw, (False, True), strict=True)
        )
        for draw in draws
    ]
    found = infomin.lower_bound(views, temperature)
    assert_allclose(found, known(correlation), rtol=0.05, atol=0.03)
    wrong = [(first, second.flip(0)) for first, second in views]
    assert infomin.lower_bound(wrong, temperature) < 0


def test_bound_of_learnt_vectors_is_below_the_information_and_not_far_below(infomin, monkeypatch):
    bound = estimated(infomin, 0.8, monkeypatch)
    assert 0.8 * known(0.8) < bound < known(0.8) + 0.05


def test_views_that_share_nothing_have_no_information(infomin, monkeypatch):
    assert abs(estimated(infomin, 0.0, monkeypatch)) < 0.05


def test_views_that_are_the_same_have_the_logarithm_of_the_batch(infomin):
    same = torch.from_numpy(np.random.default_rng(0).normal(size=(infomin.BATCH, 64)))
    bound = infomin.lower_bound([(same, same)], 0.02)
    assert_allclose(bound, math.log(infomin.BATCH), atol=1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_information_by_covariances_is_that_of_the_correlation(infomin, correlation):
    both = np.concatenate(correlated(correlation, 400), axis=1)
    first, second = np.arange(DIMENSIONS), DIMENSIONS + np.arange(DIMENSIONS)
    found = infomin.gaussian(np.cov(both.T), first, second, 400)
    assert_allclose(found, known(correlation), atol=0.15)


def test_few_pixels_do_not_look_like_information(infomin):
    """Without what is taken off, 30 of 30 inputs of 100 pixels would share ten nats of nothing."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        covariance = np.cov(rng.normal(size=(60, 100)))
        found.append(infomin.gaussian(covariance, np.arange(30), np.arange(30, 60), 100))
    assert abs(np.mean(found)) < 0.5


def test_hidden_inputs_share_less(infomin):
    both = np.concatenate(correlated(0.8, 2000), axis=1)
    values = [infomin.gaussian_of_masks(both, share, 0) for share in (0.0, 0.5, 0.9)]
    assert_allclose(values[0], known(0.8), atol=0.15)
    assert values[0] > values[1] > values[2] > -0.01


def of_kind(*accuracies):
    """Share -> measures of three seeds that differ a little."""
    noise = np.array([-0.01, 0, 0.01])
    return {
        str(share): {"knn_3": {"mean": accuracy, "values": (accuracy + noise * share).tolist()}}
        for share, accuracy in zip((0.0, 0.5, 0.9), accuracies, strict=True)
    }


def test_spot_is_sweet_only_above_both_ends(infomin):
    assert infomin.sweet_spot(of_kind(0.5, 0.8, 0.4), "knn_3").is_between
    spot = infomin.sweet_spot(of_kind(0.5, 0.8, 0.795), "knn_3")
    assert spot.share == "0.5"
    assert_allclose(spot.above, (0.3, 0.005), atol=1e-9)
    assert not spot.is_between
    assert not infomin.sweet_spot(of_kind(0.9, 0.8, 0.4), "knn_3").is_between


def test_rows_show_numbers_as_they_are_and_mark_the_best(infomin):
    values = {name: {"mean": 0.0, "spread": 0.004, "values": [0.0]} for name in infomin.MEASURED}
    values["information"] = {"mean": 10.25, "spread": 0.5, "values": [10.25]}
    values["gaussian"] = {"mean": -0.01, "spread": 0.5, "values": [-0.01]}
    row = list(infomin.rows({"two-periods": {"0.5": values}}))[-1]
    cells = "10.250 (.500) | -0.010 (.500) | **.000 (.004)** | **.000 (.004)**"
    assert row == f"| two-periods | 0.5 | {cells} |"


def test_study_writes_its_table_and_picture_and_goes_on(infomin, monkeypatch, tmp_path, capsys):
    lands, small = (
        infomin.embedding_lands,
        {"classes": 4, "months": (1, 7), "tods": (57600, 64800), "days": 6},
    )
    country = lands.Country
    monkeypatch.setattr(lands, "Country", lambda **more: country(**more | small))
    monkeypatch.setattr(infomin.embedding, "each", lambda work, of, _: [work(one) for one in of])
    monkeypatch.setattr(infomin, "TRAINING", "loss=infonce steps=3 batch=64 hidden=8")
    words = [
        "infomin.py",
        "--rows",
        "32",
        "--seeds",
        "2",
        "--work",
        str(tmp_path),
        "--shares",
        "0,0.5,0.9",
    ]
    monkeypatch.setattr(sys, "argv", words)
    infomin.main()
    printed = capsys.readouterr().out
    document = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert set(document) == set(infomin.KINDS)
    for kind, shares in document.items():
        assert list(shares) == ["0.0", "0.5", "0.9"]
        for values in shares.values():
            assert values["information"]["mean"] <= math.log(infomin.BATCH)
            assert 0 < values["knn_3"]["mean"] <= 1
            assert ("gaussian" in values) == (kind == "two-periods")
        assert f"{kind}, knn_3: best at " in printed
    with Image.open(tmp_path / "infomin.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    lines = (tmp_path / "results.jsonl").read_text("utf-8")
    monkeypatch.setattr(infomin, "measured", None)  # would fail, were it asked again
    infomin.main()
    assert (tmp_path / "results.jsonl").read_text("utf-8") == lines
