"""The hierarchy on invented land: a common class, and rarer ones."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans

from jobs.sampling import designs, hierarchy
from jobs.sampling.hierarchy import Hierarchy
from lake.errors import ConfigError, DataError

SHARES = np.array([0.8, 0.1, 0.05, 0.03, 0.02])
CLASS = np.random.default_rng(0).choice(5, 4000, p=SHARES)


@pytest.fixture(scope="module")
def scores():
    """(pixel, component); every hundredth pixel has none."""
    rng = np.random.default_rng(1)
    found = (10 * rng.normal(size=(5, 6)))[CLASS] + rng.normal(size=(CLASS.size, 6))
    found[::100] = np.nan
    return found.astype(np.float32)


def nothing():
    pass


def entropy(labels):
    """Of the shares of the labels, in units of that of equal shares of five."""
    share = np.bincount(labels) / labels.size
    share = share[share > 0]
    return -(share * np.log(share)).sum() / np.log(5)


def sample(scores, n, seed=0):
    centres, parents = hierarchy.fit(scores[::2], (60, 15, 5), 0, nothing)
    cells = hierarchy.nearest(scores, centres)
    size = designs.sizes(cells, 60)
    counts = hierarchy.counts(size, np.minimum(size, 1), parents, n)
    return designs.strata(np.random.default_rng(seed), cells, counts)


def test_nearest_is_that_of_scikit_learn_and_none_where_scores_are_missing(scores):
    there = ~np.isnan(scores).any(axis=1)
    oracle = KMeans(7, n_init=1, random_state=0).fit(scores[there])
    found = hierarchy.nearest(scores, oracle.cluster_centers_)
    assert_array_equal(found[there], oracle.labels_)
    assert (found[~there] == -1).all()


def test_balanced_sample_holds_rare_land_as_often_as_common_land(scores):
    drawn = sample(scores, 300)
    at_random = np.random.default_rng(0).choice(CLASS.size, 300, replace=False)
    assert entropy(CLASS[drawn.pixel]) > 0.9
    assert entropy(CLASS[drawn.pixel]) > entropy(CLASS[at_random]) + 0.3
    assert not np.isnan(scores[drawn.pixel]).any()
    # with the probabilities it still says how common each is
    share = np.bincount(CLASS[drawn.pixel], 1 / drawn.probability) / (1 / drawn.probability).sum()
    assert np.abs(share - SHARES).max() < 0.03


def test_every_cell_with_pixels_is_drawn_from(scores):
    drawn = sample(scores, 60)
    centres, _ = hierarchy.fit(scores[::2], (60, 15, 5), 0, nothing)
    assert set(drawn.stratum) == set(hierarchy.nearest(scores, centres)) - {-1}
    with pytest.raises(ConfigError, match="pixels is 40"):
        sample(scores, 40)


def test_hierarchy_is_the_same_each_time(scores):
    first, second = (hierarchy.fit(scores, (40, 8), 3, nothing) for _ in range(2))
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[1][0], second[1][0])


def test_a_share_is_equal_at_every_level():
    size = np.array([100, 100, 100, 5, 100, 100])
    parents = [np.array([0, 0, 1, 1, 1, 2]), np.array([0, 0, 1])]
    found = hierarchy.counts(size, np.ones(6, int), parents, 100)
    assert_array_equal(found, [13, 12, 10, 5, 10, 50])


def test_fewer_pixels_with_scores_than_cells_are_an_error(scores):
    with pytest.raises(DataError, match=r"99 of 100 pixels have scores.*100"):
        hierarchy.fit(scores[:100], (100, 2), 0, nothing)


@pytest.mark.parametrize(
    "wrong",
    [{"levels": ()}, {"levels": (5, 5)}, {"levels": (5, 10)}, {"levels": (3, 0)}, {"fit": 1999}],
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Hierarchy(**wrong)
