"""Clusters of vectors, each method by an independent one; and how many clusters there are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier

from jobs.classes import partitions, stability
from jobs.classes.partitions import METHODS
from lake.errors import DataError

SIZES = (40, 90, 60)


@pytest.fixture
def groups():
    """Three groups of vectors in five dimensions, and their numbers by falling size."""
    rng = np.random.default_rng(0)
    group = np.repeat([2, 0, 1], SIZES)
    return 5 * np.eye(5)[group] + 0.4 * rng.normal(size=(sum(SIZES), 5)), group


@pytest.mark.parametrize("method", METHODS)
def test_groups_are_found_and_numbered_by_size(groups, method):
    x, group = groups
    partition = partitions.fit(x, method, 20 if method == "hdbscan" else 3, 5, 0)
    assert_array_equal(partition.labels(x), group)
    if method != "hdbscan":
        assert partition.sizes.tolist() == [90, 60, 40]
    others = 5 * np.eye(5)[[1, 2, 0]]
    assert partition.labels(others).tolist() == [1, 2, 0]


@pytest.mark.parametrize("method", METHODS)
def test_vector_with_a_missing_number_is_of_no_cluster_and_moves_none(groups, method):
    x, group = groups
    missing = np.vstack([x, np.full(5, np.nan)])
    count = 20 if method == "hdbscan" else 3
    fitted, whole = (partitions.fit(of, method, count, 2, 0) for of in (missing, x))
    assert fitted.labels(missing).tolist() == [*group.tolist(), -1]
    assert_allclose(fitted.points, whole.points)


def test_kmeans_is_that_of_scikit_learn():
    x = np.random.default_rng(1).normal(size=(500, 6)).astype(np.float32)
    oracle = KMeans(5, n_init=3, random_state=2).fit(x.astype(np.float64))
    labels = partitions.fit(x, "kmeans", 5, 3, 2).labels(x)
    assert adjusted_rand_score(oracle.predict(x.astype(np.float64)), labels) == 1


def test_mixture_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(800, 3)) @ np.diag([3, 1, 0.3]) + np.repeat(
        [[0, 0, 0], [2, 2, 2]], 400, axis=0
    )
    partition = partitions.fit(x, "mixture", 2, 3, 0)
    oracle = GaussianMixture(
        2, n_init=3, random_state=0, reg_covar=1e-4 * x.var(axis=0).mean(), init_params="k-means++"
    ).fit(x)
    new = rng.normal(size=(300, 3)) * 3
    assert adjusted_rand_score(oracle.predict(new), partition.labels(new)) == 1


def test_pixels_of_no_dense_group_join_the_nearest(groups):
    x, _ = groups
    far = np.vstack([x, np.full((1, 5), 30.0)])
    oracle = HDBSCAN(min_cluster_size=20, copy=True).fit_predict(far)
    assert oracle[-1] == -1
    inside = oracle >= 0
    nearest = KNeighborsClassifier(1).fit(far[inside], oracle[inside]).predict(far)
    assert adjusted_rand_score(nearest, partitions.fit(far, "hdbscan", 20, 1, 0).labels(far)) == 1


def test_directions_are_clustered_whatever_their_lengths(groups):
    x, group = groups
    scaled = x * np.random.default_rng(1).uniform(0.1, 10, size=(len(x), 1))
    partition = partitions.fit(scaled, "spherical", 3, 5, 0)
    assert adjusted_rand_score(group, partition.labels(scaled)) == 1
    assert_allclose(np.linalg.norm(partition.points, axis=1), 1)
    assert (
        adjusted_rand_score(group, partitions.fit(scaled, "kmeans", 3, 5, 0).labels(scaled)) < 0.9
    )


def test_no_step_from_clusters_of_directions_is_better():
    """At the optimum each centre is the direction of its members' sum, each member at its nearest."""
    x = np.random.default_rng(3).normal(size=(400, 4))
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    partition = partitions.fit(x, "spherical", 6, 3, 0)
    labels = partition.labels(x)
    sums = np.array([directions[labels == cluster].sum(axis=0) for cluster in range(6)])
    expected = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    assert_allclose(partition.points[np.argsort(partition.owners)], expected, atol=1e-12)


def test_too_few_vectors_and_no_dense_group_are_errors(groups):
    x, _ = groups
    with pytest.raises(
        DataError, match="190 pixels to fit clusters on have a vector: wanted at least 191"
    ):
        partitions.fit(x, "kmeans", 191, 1, 0)
    scattered = np.random.default_rng(0).normal(size=(300, 8))
    with pytest.raises(DataError, match="HDBSCAN finds no cluster of 100"):
        partitions.fit(scattered, "hdbscan", 100, 1, 0)
    assert stability.agreement(scattered, "hdbscan", 100, 1, 0) == 0


def agreements(x, counts):
    return {
        count: np.array([stability.agreement(x, "kmeans", count, 3, seed) for seed in range(4)])
        for count in counts
    }


def test_as_many_clusters_are_chosen_as_come_again():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(12, 16)) * 1.5
    x = centres[rng.integers(0, 12, 2000)] + 0.4 * rng.normal(size=(2000, 16))
    by_count = agreements(x, (4, 8, 10, 12, 14, 16))
    assert stability.chosen(by_count) == 12
    assert by_count[12].mean() > 0.97 > by_count[14].mean()


def test_clusters_of_land_without_groups_do_not_come_again():
    x = np.random.default_rng(0).normal(size=(2000, 8))
    assert max(values.mean() for values in agreements(x, (2, 4, 8)).values()) < 0.4


def test_of_equally_stable_numbers_the_largest_is_chosen():
    by_count = {2: np.array([1.0, 0.9]), 5: np.array([0.95, 0.85]), 9: np.array([0.5, 0.6])}
    assert stability.chosen(by_count) == 5
