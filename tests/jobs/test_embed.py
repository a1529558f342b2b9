import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from jobs import driver, embed, outputs
from jobs.embed import Settings
from jobs.models.autoencoder import Architecture
from jobs.train import Training
from lake.errors import DataError

HOW = Settings("", Architecture(6, 16), Training(steps=60, batch=64))


@pytest.fixture
def scores(truth, chain):
    return outputs.dataset(truth.root, chain.pca)["scores"].values


def test_embedding_of_all_superblocks_is_the_one_computed_in_memory(truth, chain, scores):
    sampled = outputs.dataset(truth.root, chain.sample)["pixel"].values
    embedder, curve = embed.fit(scores[sampled], HOW)
    found = outputs.dataset(truth.root, chain.embed)["embedding"]
    assert found.dims == ("pixel", "latent")
    assert_allclose(found, embedder(scores), atol=1e-4)
    lines = (Path(truth.root) / "runs" / chain.embed / "loss.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [loss.step for loss in curve]
    assert json.loads(lines[-1])["train"] == pytest.approx(curve[-1].train, rel=1e-3)


def test_model_is_loaded_back_with_its_scale(truth, chain, scores):
    found = outputs.dataset(truth.root, chain.embed)["embedding"].values
    assert_allclose(embed.load(truth.root, chain.embed)(scores), found, atol=1e-6)


def test_only_the_pixel_without_scores_has_no_embedding(truth, chain):
    missing = np.isnan(outputs.dataset(truth.root, chain.embed)["embedding"].values)
    assert np.flatnonzero(missing.all(axis=1)).tolist() == [5]
    assert missing.any(axis=1).sum() == 1


def test_worker_killed_while_it_trains_changes_nothing(client, truth, chain, scores):
    """The task starts anew on a living worker; the run completes with the same numbers."""
    how = Settings(chain.pca, Architecture(6, 16), Training(steps=600, batch=256, seed=4))
    with ThreadPoolExecutor() as pool:
        run = pool.submit(driver.run, client, truth.root, truth.key, how)
        while not (busy := [worker for worker, tasks in client.processing().items() if tasks]):
            assert not run.done()
        (pid,) = client.run(os.getpid, workers=busy[:1]).values()
        os.kill(pid, signal.SIGKILL)
        found = outputs.dataset(truth.root, run.result())["embedding"]
    sampled = outputs.dataset(truth.root, chain.sample)["pixel"].values
    assert_allclose(found, embed.fit(scores[sampled], how)[0](scores), atol=1e-3)


def test_unit_of_the_scores_does_not_matter(scores):
    one, _ = embed.fit(scores, HOW)
    other, _ = embed.fit(scores * np.float32(1024), HOW)
    assert_array_equal(one(scores), other(scores * np.float32(1024)))


def test_sample_without_scores_is_an_error():
    with pytest.raises(DataError, match="0 pixels"):
        embed.fit(np.full((9, 4), np.nan, np.float32), HOW)
