"""Hard negatives: alike in texture, apart in spectrum; and the batches that they join."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.embedding import hard_negatives
from jobs.embedding.loader import MemoryLoader
from jobs.features import texture
from jobs.runs import driver, outputs
from lake.errors import ConfigError
from tests.jobs import quick, raw


def test_hard_negatives_are_alike_in_texture_and_apart_in_spectrum():
    rng = np.random.default_rng(0)
    rough, warm = rng.integers(0, 4, 400), rng.integers(0, 2, 400)
    texture = rough[:, None] + 0.01 * rng.normal(size=(400, 6))
    spectrum = 10 * warm[:, None] + rng.normal(size=(400, 3))
    texture[7] = np.nan
    negatives = hard_negatives.mined(texture, spectrum, seed=0)
    assert_array_equal(negatives[7], 7)
    usable = np.delete(np.arange(400), 7)
    assert (rough[negatives[usable]] == rough[usable, None]).all()
    assert (warm[negatives[usable]] != warm[usable, None]).mean() > 0.95  # a few lie at the median
    assert not (negatives[usable] == 7).any()


def test_too_few_textures_give_no_hard_negatives():
    texture = np.full((50, 2), np.nan)
    texture[:10] = 1
    assert_array_equal(
        hard_negatives.mined(texture, np.zeros((50, 1)), 0), np.arange(50)[:, None] + np.zeros(8)
    )


def test_hard_negatives_join_the_batch_once_each():
    negatives = torch.arange(100).flip(0)[:, None].repeat(1, 8)  # 0 and 99, 1 and 98, ...
    pixels = (torch.arange(100.0)[:, None],), torch.arange(100), 20, 0, 1
    loader = MemoryLoader(*pixels, hard_negatives=negatives, hard_share=0.5)
    plain = MemoryLoader(*pixels)
    for step in (0, 7):
        rows = plain.batch(step).pixel
        expected = torch.unique(torch.cat([rows, 99 - rows[:10]]))
        assert torch.equal(loader.batch(step).pixel, expected)


def test_textures_are_those_of_the_store(client, truth, chain):
    settings = quick.settings(
        chain.pca, loss=("infonce",), views=("noise",), steps=4, hard_negatives=0.5
    )
    run = driver.run(client, truth.root, truth.key, settings)
    assert np.isfinite(np.delete(outputs.read(truth.root, run, "embedding"), 5, axis=0)).all()
    store = lake.open(f"{truth.root}/{truth.key}")
    sampled = np.sort(outputs.read(truth.root, chain.sample, "pixel"))
    slices = hard_negatives._slices(store.domain, sampled)
    calls = [(store.url, chain.sample, pixels) for pixels in slices]
    parts = [hard_negatives._textures(truth.root, chain.sample, *call) for call in calls]
    assert_array_equal(np.concatenate([part["pixel"] for part in parts]), sampled)
    whole = texture.patterns(store, slice(0, store.domain.pixels))
    assert_allclose(np.concatenate([part["patterns"] for part in parts]), whole[sampled])


def test_hard_negatives_need_fine_cubes_and_a_sample(tmp_path):
    small = raw.lake(tmp_path / "lake")
    key = small.add(2018, raw.low_rank(np.random.default_rng(0), rows=100))
    with pytest.raises(ConfigError, match="500 m or 1 km cubes"):
        driver.specs(small.root, key, quick.settings(hard_negatives=0.5))
    with pytest.raises(ConfigError, match="train_on=sample"):
        quick.settings(hard_negatives=0.5, train_on="all")
