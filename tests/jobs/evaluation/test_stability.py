import numpy as np
import pytest

from jobs.evaluation import stability


def test_retrieval_counts_pixels_whose_nearest_vector_is_their_own():
    first = np.array([[0.0], [10.0], [20.0], [30.0]])
    assert stability.retrieval(first, first + 1) == 1
    second = np.array([[0.1], [19.0], [11.0], [30.0]])  # the two in the middle are exchanged
    assert stability.retrieval(first, second) == 0.5


def test_stability_is_movement_over_the_distance_of_centres():
    # two classes 6 apart, every pixel moves by 3 across: 3 / 6
    classes = np.array([0, 0, 1, 1])
    first = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 6.0], [2.0, 6.0]])
    second = first + np.array([3.0, 0.0])
    assert stability.against_classes(first, second, classes) == pytest.approx(0.5)
    assert stability.by_class(first, second, classes, 3)[:2] == pytest.approx([0.5, 0.5])
    assert np.isnan(stability.by_class(first, second, classes, 3)[2])


def test_stability_is_the_mean_over_all_pairs_of_classes():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 5, 300)
    first, second = rng.normal(size=(2, 300, 4)) + rng.normal(size=(5, 4))[classes] * 3
    centres = [((first + second) / 2)[classes == k].mean(axis=0) for k in range(5)]
    pairs = [((a - b) ** 2).sum() for i, a in enumerate(centres) for b in centres[i + 1 :]]
    own = ((first - second) ** 2).sum(axis=1)
    ratio = np.sqrt(own.mean() / np.mean(pairs))
    assert stability.against_classes(first, second, classes) == pytest.approx(ratio)


def test_class_is_compared_with_the_nearest_other_one():
    classes = np.array([0, 1, 2])
    first = np.array([[0.0], [1.0], [100.0]])
    assert stability.by_class(first, first + 0.5, classes, 3) == pytest.approx([0.5, 0.5, 0.5 / 99])
