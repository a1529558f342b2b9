import numpy as np
import pytest

from jobs.evaluation import neighbourhoods


def ranks(space):
    """(P, P) rank of each other pixel by distance, 1: the nearest."""
    distance = ((space[:, None] - space) ** 2).sum(axis=2)
    np.fill_diagonal(distance, -1)
    return np.argsort(np.argsort(distance, axis=1), axis=1)


def test_trustworthiness_and_continuity_are_those_of_the_formula():
    """Venna and Kaski (2001): 1 - 2 / (n k (2n - 3k - 1)) sum of (rank - k) of intruders."""
    rng = np.random.default_rng(0)
    reference, n, k = rng.normal(size=(40, 3)), 40, 5
    vectors = reference[:, :2]
    before, after = ranks(reference), ranks(vectors)
    factor = 2 / (n * k * (2 * n - 3 * k - 1))
    intruders = (after <= k) & (after > 0) & (before > k)
    lost = (before <= k) & (before > 0) & (after > k)
    assert intruders.any()
    value = neighbourhoods.trustworthiness(reference, vectors, k)
    assert value == pytest.approx(1 - factor * (before - k)[intruders].sum())
    value = neighbourhoods.continuity(reference, vectors, k)
    assert value == pytest.approx(1 - factor * (after - k)[lost].sum())


def test_overlap_is_the_share_of_shared_neighbours():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 60, 2))
    shared = ((ranks(a) <= 4) & (ranks(b) <= 4)).sum(axis=1) - 1  # itself has rank 0 in both
    assert neighbourhoods.overlap(a, b, 4) == pytest.approx(shared.mean() / 4)
    assert neighbourhoods.overlap(a, 5 * a + 1, 4) == 1
