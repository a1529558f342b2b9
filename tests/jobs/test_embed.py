import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from jobs import embed, outputs


@pytest.fixture
def scores(truth, chain):
    return outputs.dataset(truth.root, chain.pca)["scores"].values


def test_embedding_of_all_superblocks_is_the_one_computed_in_memory(truth, chain, scores):
    found = outputs.dataset(truth.root, chain.embed)["embedding"]
    assert found.dims == ("pixel", "latent")
    assert_allclose(found, embed.vectors(embed.load(truth.root, chain.embed), scores), atol=1e-5)
    lines = (Path(truth.root) / "runs" / chain.embed / "loss.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == list(range(1, 61))


def test_only_the_pixel_without_scores_has_no_embedding(truth, chain):
    missing = np.isnan(outputs.dataset(truth.root, chain.embed)["embedding"].values)
    assert np.flatnonzero(missing.all(axis=1)).tolist() == [5]
    assert missing.any(axis=1).sum() == 1
