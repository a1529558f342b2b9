import numpy as np
import pytest
from numpy.testing import assert_array_equal

from jobs import evaluate


def test_adjusted_rand_is_1_for_renamed_classes_and_leaves_out_pixels_without_one():
    classes = np.array([0, 0, 1, 1, 2, 2, -1, 0])
    assert evaluate.adjusted_rand(classes, np.array([5, 5, 3, 3, 0, 0, 1, -1])) == 1


def test_adjusted_rand_of_the_worked_example():
    # Hubert and Arabie (1985) by hand: of 15 pairs, 2 are together in both, 6 and 3 in one
    classes, clusters = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    expected = 6 * 3 / 15
    wanted = (2 - expected) / ((6 + 3) / 2 - expected)
    assert evaluate.adjusted_rand(classes, clusters) == pytest.approx(wanted)


def test_overlap_counts_every_pair():
    classes, clusters = np.array([0, 0, 1, -1, 1]), np.array([2, 0, 1, 1, -1])
    assert_array_equal(evaluate.overlap(classes, clusters, (2, 3)), [[1, 0, 1], [0, 1, 0]])


def test_partners_are_one_to_one_and_the_largest_overlap_comes_first():
    shared = np.array([[50, 60, 0], [10, 90, 0], [0, 0, 5]])
    assert evaluate.partners(shared).tolist() == [0, 1, 2]


def test_classes_beyond_the_clusters_get_numbers_of_their_own():
    assert evaluate.partners(np.array([[1], [9], [4]])).tolist() == [1, 0, 2]


def test_checkerboard_keeps_neighbours_together_and_halves_the_pixels():
    row, column = (index.ravel() for index in np.mgrid[:40, :40])
    black = evaluate.checkerboard(row, column, 10).reshape(40, 40)
    assert black.mean() == 0.5
    assert black[:10, :10].all()
    assert not black[:10, 10:20].any()
    assert black[10:20, 10:20].all()


def test_neighbours_tell_classes_that_lie_apart_and_guess_noise():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, 2000)
    training = rng.random(2000) < 0.5
    how = {"k": 5, "most": 1000, "seed": 0}
    apart = classes[:, None] * 10 + rng.normal(size=(2000, 3))
    assert evaluate.neighbours(apart, classes, training, **how) == 1
    noise = rng.normal(size=(2000, 3))
    assert evaluate.neighbours(noise, classes, training, **how) == pytest.approx(0.25, abs=0.05)


def test_pixels_held_out_are_never_their_own_neighbours():
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 2, 400)
    once = np.arange(400.0)[:, None]  # the nearest neighbour of a pixel would be itself
    how = {"k": 1, "most": 400, "seed": 0}
    found = evaluate.neighbours(once, classes, np.arange(400) % 2 == 0, **how)
    assert found == pytest.approx(0.5, abs=0.15)


def test_pixels_without_vector_or_class_do_not_count():
    classes = np.array([0, 1, 0, 1, -1, 1])
    vectors = np.array([[0.0], [9.0], [0.1], [9.1], [0.0], [np.nan]])
    training = np.array([True, True, False, False, True, False])
    assert evaluate.neighbours(vectors, classes, training, k=1, most=10, seed=0) == 1
