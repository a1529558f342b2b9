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


def test_density_clusters_are_the_dense_groups_and_one_more_for_what_lies_between():
    rng = np.random.default_rng(0)
    dense = [rng.normal(centre, 0.1, (40, 2)) for centre in (0, 5)]
    between = rng.uniform(-20, 20, (30, 2))
    found = clusterings.density_clusters(np.concatenate([*dense, between]), 15, 5)
    first, second, rest = found[:40], found[40:80], found[80:]
    assert len({*first}) == len({*second}) == 1
    assert 0 < first[0] != second[0] > 0
    assert (rest == 0).mean() > 0.8
    assert found.min() == 0, "none is left out of an agreement"


def test_agreement_of_periods_is_the_adjusted_mutual_information_of_nearest_centres():
    """Vinh et al. (2010): (I - E I) / (mean H - E I); E I by drawing partitions at random."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(300, 1)) + 8 * rng.integers(0, 3, (300, 1))
    second = np.where(rng.random((300, 1)) < 0.3, rng.permutation(first), first)
    centres = np.sort([first[(first > a) & (first <= a + 8)].mean() for a in (-4, 4, 12)])
    sides = [np.abs(x - centres).argmin(axis=1) for x in (first, second)]

    def information(a, b):
        joint = np.zeros((3, 3))
        np.add.at(joint, (a, b), 1 / a.size)
        expected = np.outer(joint.sum(axis=1), joint.sum(axis=0))
        return (joint * np.log(np.maximum(joint, 1e-12) / expected)).sum()

    chance = np.mean([information(sides[0], rng.permutation(sides[1])) for _ in range(300)])
    entropy = np.mean([information(side, side) for side in sides])
    wanted = (information(*sides) - chance) / (entropy - chance)
    assert clusterings.agreement(first, second, 3, 0) == pytest.approx(wanted, abs=2e-3)
    assert clusterings.agreement(first, first + 1e-6, 3, 0) == pytest.approx(1)
    assert clusterings.agreement(first, rng.permutation(first), 3, 0) == pytest.approx(0, abs=0.05)
