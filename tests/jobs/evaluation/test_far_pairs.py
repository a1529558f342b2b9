"""A country in four stripes of two classes, each class twice and far apart, whose vectors are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics.pairwise import cosine_similarity

from jobs.evaluation import far_pairs
from lake.errors import DataError

ROW, COLUMN = (axis.ravel() for axis in np.mgrid[:20, :40])
CLASSES = (COLUMN // 10) % 2
"""Stripes 0 1 0 1: those of one class lie 10 pixels apart."""
FAR = 12


def vectors_of_class(noise=0.1):
    """Vectors that say the class and nothing else."""
    random = np.random.default_rng(0)
    return np.eye(2)[CLASSES] + noise * random.standard_normal((CLASSES.size, 2))


def vectors_of_place():
    """Vectors that say the stripe: what lies around is alike, what lies far is not."""
    return np.eye(4)[COLUMN // 10] + 0.1 * vectors_of_class()[:, :1]


def vectors_of_noise():
    return np.random.default_rng(2).standard_normal((CLASSES.size, 8))


def drawn(count=2000):
    return far_pairs.pairs(ROW, COLUMN, CLASSES, FAR, count, np.random.default_rng(1))


def similarity(vectors, near=20):
    asked = np.arange(0, CLASSES.size, 7)
    return far_pairs.most_similar(vectors, ROW, COLUMN, CLASSES, asked, FAR, near)


def test_pairs_are_far_and_half_are_of_one_class():
    first, second = drawn()
    apart = np.maximum(abs(ROW[first] - ROW[second]), abs(COLUMN[first] - COLUMN[second]))
    assert apart.min() > FAR
    alike = CLASSES[first] == CLASSES[second]
    assert first.size == 4000
    assert alike[2000:].all()
    assert 0.2 < alike[:2000].mean() < 0.8


def test_mates_of_a_pixel_are_drawn_evenly_from_its_class():
    random = np.random.default_rng(3)
    line, classes = np.arange(30), np.arange(30) // 10
    first, second = far_pairs.pairs(line, line, classes, -1, 60_000, random)
    counts = np.zeros((30, 30))
    np.add.at(counts, (first[60_000:], second[60_000:]), 1)
    expected = np.kron(
        np.eye(3), np.full((10, 10), 200)
    )  # 60 000 pairs of 300 equally frequent ones
    assert_allclose(counts, expected, atol=80)


def test_separation_is_1_for_vectors_of_the_class_and_chance_for_noise():
    assert far_pairs.separation(vectors_of_class(), CLASSES, *drawn()) > 0.99
    by_noise = far_pairs.separation(vectors_of_noise(), CLASSES, *drawn())
    assert by_noise == pytest.approx(0.5, abs=0.03)


def test_separation_is_the_share_of_pairs_in_the_right_order():
    first, second = (side[1900:2100] for side in drawn())
    x = vectors_of_class(noise=0.8)
    cosine = np.array([
        a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in zip(x[first], x[second], strict=True)
    ])  # fmt: skip
    alike = CLASSES[first] == CLASSES[second]
    in_order = (cosine[alike][:, None] > cosine[~alike]).mean()
    assert far_pairs.separation(x, CLASSES, first, second) == pytest.approx(in_order)


def test_separation_without_pairs_of_two_classes_is_an_error():
    with pytest.raises(DataError, match="wanted some of both"):
        far_pairs.separation(vectors_of_class(), np.zeros_like(CLASSES), *drawn())


def test_most_similar_are_those_of_a_search_pixel_by_pixel():
    x, near = vectors_of_class(noise=0.8), 20
    similar = cosine_similarity(x)
    found, expected, right = [], [], []
    for pixel in range(0, CLASSES.size, 7):
        others = np.delete(np.arange(CLASSES.size), pixel)
        far = np.maximum(abs(ROW - ROW[pixel]), abs(COLUMN - COLUMN[pixel])) > FAR
        mates = others[CLASSES[others] == CLASSES[pixel]]
        if far[mates].sum() < near:
            continue
        nearest = others[np.argsort(-similar[pixel, others])][:near]
        elsewhere = others[far[others]]
        nearest_far = elsewhere[np.argsort(-similar[pixel, elsewhere])][:near]
        found.append(far[nearest].mean())
        expected.append(far[mates].mean())
        right.append((CLASSES[nearest_far] == CLASSES[pixel]).mean())
    result = similarity(x, near)
    assert result.share == pytest.approx(np.mean(found) / np.mean(expected))
    assert result.precision == pytest.approx(np.mean(right))


def test_similar_land_is_far_for_vectors_of_the_class_and_around_for_vectors_of_the_place():
    of_class, of_place = similarity(vectors_of_class()), similarity(vectors_of_place())
    assert of_class.share == pytest.approx(1, abs=0.15)
    assert of_class.precision > 0.99
    assert of_place.share < 0.5
    assert similarity(vectors_of_noise()).precision < 0.7


def test_land_without_far_pixels_of_a_class_has_no_similarity():
    assert far_pairs.most_similar(
        vectors_of_class(), ROW, COLUMN, CLASSES, np.arange(9), 100, 20
    ) is None  # fmt: skip


def test_pixels_asked_some_at_a_time_give_the_same(monkeypatch):
    whole = similarity(vectors_of_class(noise=0.8))
    monkeypatch.setattr(far_pairs, "_CHUNK", 7)
    parts = similarity(vectors_of_class(noise=0.8))
    assert_allclose([parts.share, parts.precision], [whole.share, whole.precision])
