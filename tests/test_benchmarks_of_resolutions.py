"""The study of resolutions: its judgements against SciPy, its frozen encoders, and a run."""

import json
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy import stats

from jobs.embedding.columns import Columns
from jobs.evaluation.cases import MeasureSettings
from lake.format import moments
from tests import benchmarks


@pytest.fixture(scope="module")
def resolutions():
    with benchmarks.loaded("resolutions") as module:
        yield module


@pytest.fixture(scope="module")
def fine(resolutions):
    return resolutions.fine_from_coarse


def sets(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_distance_is_that_of_scipy(fine):
    first, second = sets(40, 16), 2 * sets(40, 16, seed=1) + 0.5
    expected = [stats.wasserstein_distance(*pair) for pair in zip(first, second, strict=True)]
    assert_allclose(fine.wasserstein(first, second), expected)


def test_rings_of_the_spectrum_add_up_to_the_variance(fine):
    values = sets(30, 16)
    assert_allclose(fine.power(values).sum(), values.var(axis=1).mean())


def test_waves_lie_in_the_ring_of_their_wave_number(fine):
    row = np.arange(4)
    for number in (1, 2):
        wave = np.tile(np.cos(2 * np.pi * number * row / 4), (4, 1)).reshape(1, 16)
        ring = fine.power(wave)
        assert ring.argmax() == number - 1
        assert_allclose(ring.max(), wave.var())
    chessboard = ((-1.0) ** (row[:, None] + row)).reshape(1, 16)
    assert_allclose(fine.power(chessboard), [0, 0, 1], atol=1e-12)


def test_judgement_of_the_truth_of_its_mean_and_of_another_order(fine):
    truth = sets(20, 3, 16)
    truth -= truth.mean(axis=-1, keepdims=True)
    truth[0, 0] = np.nan
    found = fine.judged(truth.copy(), truth)
    assert_allclose([found[name] for name in ("distance", "spectrum")], 0, atol=1e-12)
    assert_allclose([found[name] for name in ("place", "spread", "ring_1", "ring_3")], 1)
    mean = fine.judged(np.zeros(truth.shape), truth)
    assert_allclose([mean["spectrum"], mean["place"], mean["spread"]], [1, 0, 0], atol=1e-12)
    assert_allclose(mean["distance"], np.nanmean(np.abs(truth)))
    turned = fine.judged(truth[..., ::-1], truth)
    assert_allclose(turned["distance"], 0, atol=1e-12)
    assert turned["place"] < 0


def test_statistics_of_fine_pixels_merge_to_those_of_all_observations(fine):
    observed = np.random.default_rng(0).gamma(2, size=(9, 2, 4, 5))  # (time, slot, fine, coarse)
    each = moments.finalise(moments.from_observations(observed, np.ones(observed.shape, bool)))
    apart = np.stack([getattr(each, name) for name in fine.STATISTICS])
    together = observed.transpose(1, 3, 0, 2).reshape(2, 5, -1)
    expected = (
        together.mean(axis=-1), together.std(axis=-1),
        stats.skew(together, axis=-1), stats.kurtosis(together, axis=-1),
    )  # fmt: skip
    assert_allclose(fine.merged(apart), expected)
    apart[3, 1, 2, 4] = np.nan
    assert np.isnan(fine.merged(apart)[3, 1, 4])
    assert np.isfinite(fine.merged(apart)).sum() == 4 * 2 * 5 - 1


def test_parts_of_a_pixel_have_their_own_fine_pixels(fine):
    values = np.arange(16.0)[None, None, :, None] + np.array([0, 100])  # subpixels of two pixels
    assert_array_equal(fine.divided(values, 1)[0, 0], values[0, 0])
    parts = fine.divided(values, 2)[0, 0].T.reshape(2, 2, 2, 4)  # (row, column, pixel, fine)
    assert_array_equal(parts[0, 1, 0], [2, 3, 6, 7])
    assert_array_equal(parts[1, 0, 1], [108, 109, 112, 113])
    assert_array_equal(fine.divided(values[:, :, :1], 2)[0, 0], [[0, 100] * 4])


@pytest.mark.parametrize("loss", ["mse", "wasserstein", "sliced", "chamfer", "sinkhorn", "ssim"])
def test_spread_that_the_inputs_tell_is_learnt_by_losses_of_sets_alone(fine, loss):
    """Places are drawn by chance, so a loss of places gives every fine pixel the mean."""
    scale = np.random.default_rng(2).uniform(0.2, 2, size=(800, 1))
    truth = scale[..., None] * sets(800, 1, 4)
    truth -= truth.mean(axis=-1, keepdims=True)
    positions = np.arange(800)
    pixels = fine.CoarsePixels(scale, truth, scale, positions[:600], positions[600:])
    predicted = fine.learnt(pixels, loss, seed=0, steps=80, batch=128)
    found = fine.judged(predicted, truth[600:])
    assert predicted.shape == (200, 1, 4)
    assert_allclose(predicted.mean(axis=-1), 0, atol=1e-6)
    if loss in {"mse", "ssim"}:
        assert found["spread"] < 0.3
    else:
        assert found["spread"] > 0.4
        assert np.corrcoef(predicted.std(axis=-1)[:, 0], scale[600:, 0])[0, 1] > 0.9


def test_frozen_encoders_stay_and_see_their_own_columns(resolutions):
    names = [f"{cube}/C13/{month:02d}/64800/mean" for cube in resolutions.CUBES for month in (1, 7)]
    columns = Columns.from_names(names)
    _, used = resolutions.embedding_methods.settings_of(
        "inputs=features model=deep hidden=8 latent=4 steps=5 batch=32", 0
    )
    x = tuple(torch.from_numpy(sets(100, 6, seed=seed).astype(np.float32)) for seed in (0, 1))
    coarse, middle, _ = resolutions._rows(columns)
    first = resolutions.stacked(used, x, columns, (), coarse)
    before = [weight.clone() for weight in first.encoder.encoder.parameters()]
    frozen = [(coarse, first.encoder.encoder)]
    second = resolutions.stacked(used, x, columns, frozen, middle)
    after = list(second.encoder.frozen.parameters())
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    outputs = second.encoder(x[0])
    assert outputs.shape == (100, 8)
    assert torch.equal(outputs[:, :4], first.encoder(x[0]))
    changed = x[0].clone()
    changed[:, middle] += 1
    changed[:, 4:] = torch.nan  # 500 m
    moved = second.encoder(changed)
    assert torch.equal(moved[:, :4], outputs[:, :4])
    assert not torch.isclose(moved[:, 4:], outputs[:, 4:]).any(dim=1).all()
    assert moved.isfinite().all()


def test_study_writes_its_tables_and_picture_and_goes_on(
    resolutions, monkeypatch, tmp_path, capsys
):
    small = {"classes": 4, "months": (1, 7), "tods": (57600, 64800), "days": 8}
    lands = resolutions.embedding_lands
    country, invented = lands.Country, lands._invented
    monkeypatch.setattr(lands, "Country", lambda **more: country(**more | small))
    monkeypatch.setattr(lands, "_invented", lambda *what, **_: invented(*what))
    how = MeasureSettings(square=6, most=300, few=60, pairs=120, near=5)
    monkeypatch.setattr(resolutions.embedding, "MeasureSettings", lambda **_: how)
    monkeypatch.setattr(
        resolutions.embedding, "each", lambda work, of, _: [work(one) for one in of]
    )
    methods = "2km,frozen,apart,together-long,mnf-16"
    words = ["--rows", "24", "--seeds", "2", "--steps", "2", "--methods", methods]
    monkeypatch.setattr(sys, "argv", ["resolutions.py", *words, "--work", str(tmp_path)])
    resolutions.main()
    printed = capsys.readouterr().out
    document = json.loads((tmp_path / "table.json").read_text("utf-8"))
    assert set(document["embeddings"]) == {"2km", "frozen", "apart", "together-long", "mnf-16"}
    assert "| frozen: " in printed  # what `together-long` is compared with
    for step, names in document["fine_pixels"].items():
        assert step in resolutions.STEPS
        assert list(names) == list(resolutions.PREDICTED)
        assert names["mean"]["spectrum"]["mean"] == pytest.approx(1)
        assert f"| {step} | sinkhorn | " in printed
    with Image.open(tmp_path / "resolutions.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    lines = (tmp_path / "results.jsonl").read_text("utf-8")
    monkeypatch.setattr(resolutions.embedding, "measured", None)  # would fail, were it asked again
    monkeypatch.setattr(resolutions.fine_from_coarse, "coarse_pixels", None)
    resolutions.main()
    assert (tmp_path / "results.jsonl").read_text("utf-8") == lines
