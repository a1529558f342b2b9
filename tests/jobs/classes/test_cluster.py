"""The job `cluster`: what tasks store equals what the same methods give in memory, of any run's vectors."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from jobs.classes import cluster, partitions
from jobs.classes.cluster import Settings
from jobs.runs import driver, outputs, records
from lake.errors import ConfigError
from tests.jobs.small import CLASSES


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": -1}, {"n_init": 0}, {"method": "fuzzy"}, {"fitted_on": -1}, {"most": 1}, {"smallest": 1},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Settings(**wrong)


def test_labels_of_all_superblocks_are_those_of_scikit_learn(truth, chain):
    embedding = outputs.dataset(truth.root, chain.embed)["embedding"].values
    sampled = outputs.dataset(truth.root, chain.sample)["pixel"].values
    known = embedding[sampled][~np.isnan(embedding[sampled]).any(axis=1)].astype(np.float64)
    oracle = KMeans(CLASSES, n_init=10, random_state=0).fit(known)
    dataset = outputs.dataset(truth.root, chain.cluster)
    labels = dataset["labels"].values
    has_vector = ~np.isnan(embedding).any(axis=1)
    expected = oracle.predict(embedding[has_vector].astype(np.float64))
    assert adjusted_rand_score(labels[has_vector], expected) == 1
    assert_array_equal(dataset["sampled"], -np.sort(-np.bincount(oracle.labels_)))
    assert (labels[~has_vector] == -1).all()


def test_chain_of_jobs_finds_the_hidden_classes(truth, chain):
    labels = outputs.dataset(truth.root, chain.cluster)["labels"].values
    assert np.flatnonzero(labels < 0).tolist() == [5]
    labelled = labels >= 0
    assert adjusted_rand_score(truth.classes[labelled], labels[labelled]) > 0.95


def test_number_of_clusters_is_chosen_and_its_curve_is_kept(client, truth, chain):
    run = driver.run(client, truth.root, truth.key, Settings(chain.embed, k=0, most=8, n_init=3))
    dataset = outputs.dataset(truth.root, run)
    assert dataset.sizes["cluster"] == CLASSES
    assert dataset["candidate"].values.tolist() == [2, 3, 4, 5, 6, 7, 8]
    mean = dataset["candidate_agreement"].mean("draw")
    assert float(mean.sel(candidate=dataset["candidate"] == CLASSES)[0]) > 0.95
    assert float(mean[-1]) < 0.9
    assert "agree by 1.00" in cluster.summary(truth.root, run) or dataset["agreement"].mean() < 1
    folder = records.folder(truth.root, run)
    (picture,) = json.loads(folder.get("pictures.json"))
    assert f"standard error of the best: {CLASSES}" in picture["caption"]
    assert folder.get("agreement.png").startswith(b"\x89PNG")


@pytest.mark.parametrize("method", ["minibatch", "spherical", "mixture", "hdbscan"])
def test_every_method_labels_scores_as_it_does_in_memory(client, truth, chain, method):
    settings = Settings(chain.pca, k=3, n_init=2, method=method, fitted_on=400, smallest=20)
    run = driver.run(client, truth.root, truth.key, settings)
    scores = outputs.dataset(truth.root, chain.pca)["scores"].values
    chosen = np.unique(np.linspace(0, len(scores) - 1, 400).astype(int))
    count = 20 if method == "hdbscan" else 3
    partition = partitions.fit(scores[chosen], method, count, 2, 0)
    dataset = outputs.dataset(truth.root, run)
    assert_array_equal(dataset["labels"], partition.labels(scores))
    assert_allclose(dataset["centres"], partition.centres)
    assert dataset["agreement"].size == cluster.DRAWS


def test_run_without_vectors_is_refused(truth, chain):
    with pytest.raises(
        ConfigError, match=f"run {chain.cluster} has no vectors of pixels: it has .*labels"
    ):
        driver.specs(truth.root, truth.key, Settings(chain.cluster, array=""))
    with pytest.raises(ConfigError, match="has no array 'x'"):
        driver.specs(truth.root, truth.key, Settings(chain.pca, array="x"))
