"""Near negatives: alike in texture, apart in spectrum; and the batches that they join."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.embedding import hard_negatives
from jobs.embedding.loader import Held
from jobs.features import texture
from jobs.runs import driver, outputs
from lake.errors import ConfigError
from tests.jobs import quick, raw


def test_near_negatives_are_alike_in_texture_and_apart_in_spectrum():
    rng = np.random.default_rng(0)
    rough, warm = rng.integers(0, 4, 400), rng.integers(0, 2, 400)
    texture = rough[:, None] + 0.01 * rng.normal(size=(400, 6))
    spectrum = 10 * warm[:, None] + rng.normal(size=(400, 3))
    texture[7] = np.nan
    found = hard_negatives.mined(texture, spectrum, seed=0)
    assert_array_equal(found[7], 7)
    others = np.delete(np.arange(400), 7)
    assert (rough[found[others]] == rough[others, None]).all()
    assert (warm[found[others]] != warm[others, None]).mean() > 0.95  # a few lie at the median
    assert not (found[others] == 7).any()


def test_too_few_textures_give_no_near_negatives():
    texture = np.full((50, 2), np.nan)
    texture[:10] = 1
    assert_array_equal(
        hard_negatives.mined(texture, np.zeros((50, 1)), 0), np.arange(50)[:, None] + np.zeros(8)
    )


def test_near_negatives_join_the_batch_once_each():
    near_of = torch.arange(100).flip(0)[:, None].repeat(1, 8)  # 0 and 99, 1 and 98, ...
    loader = Held(
        (torch.arange(100.0)[:, None],), torch.arange(100), 20, 0, 1, near=near_of, joining=0.5
    )
    plain = Held((torch.arange(100.0)[:, None],), torch.arange(100), 20, 0, 1)
    for step in (0, 7):
        rows = plain.batch(step).pixel
        wanted = torch.unique(torch.cat([rows, 99 - rows[:10]]))
        assert torch.equal(loader.batch(step).pixel, wanted)


def test_textures_are_those_of_the_store(client, truth, chain):
    how = quick.settings(chain.pca, loss=("infonce",), views=("noise",), steps=4, near=0.5)
    run = driver.run(client, truth.root, truth.key, how)
    assert np.isfinite(np.delete(outputs.read(truth.root, run, "embedding"), 5, axis=0)).all()
    store = lake.open(f"{truth.root}/{truth.key}")
    drawn = outputs.read(truth.root, chain.sample, "pixel")
    calls = [(store.url, chain.sample, of) for of in hard_negatives._slices(store.domain, drawn)]
    parts = [hard_negatives._textures(truth.root, chain.sample, *call) for call in calls]
    assert_array_equal(np.concatenate([of["pixel"] for of in parts]), np.sort(drawn))
    whole = texture.patterns(store, slice(0, store.domain.pixels))
    assert_allclose(np.concatenate([of["patterns"] for of in parts]), whole[np.sort(drawn)])


def test_near_negatives_need_fine_cubes_and_a_sample(tmp_path):
    there = raw.lake(tmp_path / "lake")
    key = there.add(2018, raw.low_rank(np.random.default_rng(0), rows=100))
    with pytest.raises(ConfigError, match="500 m or 1 km cubes"):
        driver.specs(there.root, key, quick.settings(near=0.5))
    with pytest.raises(ConfigError, match="train_on=sample"):
        quick.settings(near=0.5, train_on="all")
