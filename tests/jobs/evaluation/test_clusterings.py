import numpy as np
import pytest
from numpy.testing import assert_array_equal

from jobs.evaluation import clusterings


def test_adjusted_rand_is_1_for_renamed_classes_and_leaves_out_pixels_without_one():
    classes = np.array([0, 0, 1, 1, 2, 2, -1, 0])
    assert clusterings.adjusted_rand(classes, np.array([5, 5, 3, 3, 0, 0, 1, -1])) == 1


def test_adjusted_rand_of_the_worked_example():
    # Hubert and Arabie (1985) by hand: of 15 pairs, 2 are together in both, 6 and 3 in one
    classes, clusters = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    expected = 6 * 3 / 15
    index = (2 - expected) / ((6 + 3) / 2 - expected)
    assert clusterings.adjusted_rand(classes, clusters) == pytest.approx(index)


def test_overlap_counts_every_pair():
    classes, clusters = np.array([0, 0, 1, -1, 1]), np.array([2, 0, 1, 1, -1])
    assert_array_equal(clusterings.overlap(classes, clusters, (2, 3)), [[1, 0, 1], [0, 1, 0]])


def test_partners_are_one_to_one_and_the_largest_overlap_comes_first():
    shared = np.array([[50, 60, 0], [10, 90, 0], [0, 0, 5]])
    assert clusterings.partners(shared).tolist() == [0, 1, 2]


def test_classes_beyond_the_clusters_get_numbers_of_their_own():
    assert clusterings.partners(np.array([[1], [9], [4]])).tolist() == [1, 0, 2]


def test_mutual_information_is_that_of_the_entropies():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 500)
    clusters = np.where(rng.random(500) < 0.7, classes, rng.integers(0, 3, 500))
    joint = np.zeros((4, 4))
    np.add.at(joint, (classes, clusters), 1 / 500)
    a, b = joint.sum(axis=1), joint.sum(axis=0)
    occurs = joint > 0
    shared = (joint[occurs] * np.log(joint[occurs] / np.outer(a, b)[occurs])).sum()
    entropies = [-(p[p > 0] * np.log(p[p > 0])).sum() for p in (a, b)]
    information = shared / np.mean(entropies)
    assert clusterings.mutual_information(classes, clusters) == pytest.approx(information)


def test_clusters_of_groups_far_apart_are_the_groups():
    groups = np.repeat([0, 1, 2], 30)
    x = groups[:, None] * 100 + np.random.default_rng(0).normal(size=(90, 2))
    assert clusterings.adjusted_rand(groups, clusterings.clusters(x, 3, seed=0)) == 1
