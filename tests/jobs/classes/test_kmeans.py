import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from jobs.classes import kmeans
from jobs.classes.kmeans import Settings
from jobs.runs import outputs
from lake.errors import ConfigError, DataError


@pytest.fixture
def groups():
    """Three groups of 10, 40 and 20 pixels, and one pixel without an embedding."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [10, 40, 20])
    centres = np.array([[0, 0, 5], [4, 0, 0], [0, 4, 0]])
    x = centres[group] + 0.3 * rng.normal(size=(70, 3))
    return np.concatenate([x, np.full((1, 3), np.nan)]).astype(np.float32), group


def test_clusters_are_numbered_by_size(groups):
    x, group = groups
    centres, sizes = kmeans.fit(x, Settings(k=3))
    assert sizes.tolist() == [40, 20, 10]
    assert_array_equal(kmeans.nearest(x, centres)[:70], np.array([2, 0, 1])[group])
    assert_allclose(
        centres[1], x[group.nonzero()[0][group[group.nonzero()[0]] == 2]].mean(axis=0), atol=1e-5
    )


def test_labels_are_those_of_scikit_learn(groups):
    x = np.random.default_rng(1).normal(size=(500, 6)).astype(np.float32)
    oracle = KMeans(5, n_init=3, random_state=2).fit(x.astype(np.float64))
    predicted = oracle.predict(x.astype(np.float64))
    assert_array_equal(kmeans.nearest(x, oracle.cluster_centers_), predicted)


def test_pixel_without_embedding_has_no_cluster(groups):
    x, _ = groups
    labels = kmeans.nearest(x, kmeans.fit(x, Settings(k=3))[0])
    assert labels[70] == -1
    assert labels[:70].min() == 0


def test_fewer_pixels_than_clusters_is_an_error(groups):
    with pytest.raises(DataError, match="k = 71"):
        kmeans.fit(groups[0], Settings(k=71))
    with pytest.raises(ConfigError, match="k must be above 0"):
        Settings(k=0)


def test_labels_of_all_superblocks_are_those_computed_in_memory(truth, chain):
    embedding = outputs.dataset(truth.root, chain.embed)["embedding"].values
    sampled = outputs.dataset(truth.root, chain.sample)["pixel"].values
    centres, sizes = kmeans.fit(embedding[sampled], Settings(k=3))
    dataset = outputs.dataset(truth.root, chain.cluster)
    assert_allclose(dataset["centres"], centres, atol=1e-6)
    assert_array_equal(dataset["sampled"], sizes)
    assert_array_equal(dataset["labels"], kmeans.nearest(embedding, centres))


def test_chain_of_jobs_finds_the_hidden_classes(truth, chain):
    labels = outputs.dataset(truth.root, chain.cluster)["labels"].values
    assert np.flatnonzero(labels < 0).tolist() == [5]
    labelled = labels >= 0
    assert adjusted_rand_score(truth.classes[labelled], labels[labelled]) > 0.95
