import numpy as np
import pytest
from numpy.testing import assert_array_equal

from jobs.evaluation import probes


def test_checkerboard_keeps_neighbours_together_and_halves_the_pixels():
    row, column = (index.ravel() for index in np.mgrid[:40, :40])
    black = probes.checkerboard(row, column, 10).reshape(40, 40)
    assert black.mean() == 0.5
    assert black[:10, :10].all()
    assert not black[:10, 10:20].any()
    assert black[10:20, 10:20].all()


def test_board_is_moved_by_whole_pixels():
    row, column = (index.ravel() for index in np.mgrid[:40, :40])
    board = probes.checkerboard(row, column, 10).reshape(40, 40)
    moved = probes.checkerboard(row, column, 10, (3, 7)).reshape(40, 40)
    assert_array_equal(moved[:37, :33], board[3:, 7:])


def test_split_takes_known_pixels_from_both_colours_and_never_one_twice():
    row, column = (index.ravel() for index in np.mgrid[:60, :60])
    usable = np.random.default_rng(0).random(3600) < 0.5
    split = probes.split(row, column, usable, 10, 700, 3)
    assert split.train.size == split.test.size == 700
    assert usable[split.train].all()
    assert usable[split.test].all()
    assert np.unique(np.concatenate([split.train, split.test])).size == 1400
    # a square holds pixels of one side alone
    again = probes.split(row, column, usable, 10, 10**6, 3)
    assert {*split.train.tolist()} <= {*again.train.tolist()}
    assert again.train.size + again.test.size == usable.sum()


def test_split_of_another_seed_lies_elsewhere():
    row, column = (index.ravel() for index in np.mgrid[:60, :60])
    sides = [
        np.sort(probes.split(row, column, np.ones(3600, bool), 10, 10**6, seed).train)
        for seed in (0, 1)
    ]
    assert sides[0].size != sides[1].size or (sides[0] != sides[1]).any()


@pytest.mark.parametrize("k", [1, 3])
def test_neighbours_are_those_of_all_distances_compared(k):
    rng = np.random.default_rng(0)
    train, test, classes = (
        rng.normal(size=(200, 4)),
        rng.normal(size=(50, 4)),
        rng.integers(0, 3, 200),
    )
    distance = ((test[:, None] - train) ** 2).sum(axis=2)
    nearest = classes[np.argsort(distance, axis=1)[:, :k]]
    predicted = [np.bincount(row, minlength=3).argmax() for row in nearest]
    assert_array_equal(probes.neighbours(train, classes, test, k), predicted)


def test_linear_probe_tells_sides_of_a_plane_and_no_ring():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 3))
    for classes, low, high in (
        ((x @ (1.0, -2.0, 0.5) > 0.3).astype(int), 0.98, 1.0),
        (((x**2).sum(axis=1) > 2.4).astype(int), 0.4, 0.6),
    ):
        predicted = probes.linear(x[:1000] * 100 + 7, classes[:1000], x[1000:] * 100 + 7)
        assert low <= probes.accuracy(predicted, classes[1000:]) <= high


def test_linear_probe_of_one_class_says_that_class():
    predicted = probes.linear(np.zeros((3, 2)), np.full(3, 4), np.ones((5, 2)))
    assert_array_equal(predicted, np.full(5, 4))


def test_explained_variance_is_that_of_the_signal_in_noise():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8000, 5))
    # two quantities: variance 4 all told, variance 1 of which a quarter is told
    values = np.stack([2 * x[:, 0], 0.5 * x[:, 1] + np.sqrt(0.75) * rng.normal(size=8000)], axis=1)
    share = probes.explained(x[:4000], values[:4000], x[4000:], values[4000:])
    assert share == pytest.approx((4 + 0.25) / 5, abs=0.02)
    noise = rng.normal(size=(8000, 1))
    assert probes.explained(x[:4000], noise[:4000], x[4000:], noise[4000:]) == pytest.approx(
        0, abs=0.01
    )
