"""Whether touching pixels are found, and whether a calm map is told from salt and pepper."""

import numpy as np
import pytest

from jobs.evaluation import coherence

ROW, COLUMN = (axis.ravel() for axis in np.mgrid[:12, :15])


def coherent(vectors, classes):
    first, second = coherence.touching(ROW, COLUMN, classes)
    return coherence.coherence(vectors[first], vectors[second], vectors)


def test_touching_pixels_are_those_of_a_search_over_all_pairs():
    random = np.random.default_rng(0)
    kept = random.permutation(ROW.size)[:120]  # in any order, with holes
    row, column, classes = ROW[kept], COLUMN[kept], random.integers(-1, 2, kept.size)
    pairs = {
        (i, j)
        for i in range(kept.size)
        for j in range(kept.size)
        if classes[i] == classes[j] >= 0
        and (row[j] - row[i], column[j] - column[i]) in {(0, 1), (1, 0)}
    }
    first, second = coherence.touching(row, column, classes)
    assert len(pairs) > 10
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == sorted(pairs)


def test_one_pixel_touches_none():
    first, second = coherence.touching(*np.zeros((3, 1), int))
    assert first.size == second.size == 0


def test_coherence_is_1_where_a_class_has_one_colour_and_0_for_salt_and_pepper():
    classes = COLUMN // 5
    assert coherent(np.eye(3)[classes], classes) == pytest.approx(1)
    noise = np.random.default_rng(1).standard_normal((ROW.size, 4))
    assert coherent(noise, classes) == pytest.approx(0, abs=0.1)


def test_borders_between_classes_do_not_count():
    classes = (ROW + COLUMN // 3) % 2
    assert coherent(np.eye(2)[classes], classes) == pytest.approx(1)


def test_coherence_is_the_share_of_the_variance_that_touching_pixels_have_in_common():
    """x = a + b with a of the whole class, b of the pixel: 1 - 2 var(b) / 2 (var(a) + var(b))."""
    random = np.random.default_rng(2)
    row, column = (axis.ravel() for axis in np.mgrid[:200, :200])
    classes = column // 2
    x = random.standard_normal((100, 1))[classes] + 0.5 * random.standard_normal((row.size, 1))
    first, second = coherence.touching(row, column, classes)
    common = x.var() - 0.25
    found = coherence.coherence(x[first], x[second], x)
    assert found == pytest.approx(common / x.var(), abs=0.02)
