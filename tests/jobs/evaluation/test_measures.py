import numpy as np
import pytest

from jobs.evaluation import measures
from jobs.evaluation.measures import How, Pixels
from lake.errors import ConfigError, DataError

HOW = How(square=8, most=400, few=40, pairs=200, near=5)
SIDE = 40


def pixels(vectors, classes, **more):
    row, column = (index.ravel() for index in np.mgrid[:SIDE, :SIDE])
    return Pixels(vectors, row, column, classes, **more)


@pytest.fixture
def known():
    """Classes in blobs 6 apart, with a quantity along the third axis."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, SIDE**2)
    x = rng.normal(size=(SIDE**2, 3))
    x[:, 0] += 12 * (classes % 2)
    x[:, 1] += 12 * (classes // 2)
    return x, classes, rng


def test_vectors_that_show_everything_score_1_in_everything(known):
    x, classes, _ = known
    given = pixels(x, classes, other=x, quantities={"height": x[:, 2:]}, truth=x, features=2 * x)
    found = measures.measure(given, HOW, 0).values
    for name in (
        "knn_1", "knn_3", "linear", "few_knn_1", "few_knn_3", "few_linear", "nmi", "ari",
        "cross_period", "cross_linear", "retrieval", "overlap", "trustworthiness", "continuity",
        "r2_height",
    ):  # fmt: skip
        assert found[name] == pytest.approx(1, abs=0.01), name
    assert found["stability"] == found["alignment"] == 0


def test_vectors_of_noise_tell_nothing(known):
    _, classes, rng = known
    noise, other = rng.normal(size=(2, SIDE**2, 3))
    quantity = rng.normal(size=(SIDE**2, 1))
    given = pixels(noise, classes, other=other, quantities={"height": quantity}, truth=quantity)
    found = measures.measure(given, HOW, 0).values
    for name in ("knn_1", "knn_3", "linear", "few_linear", "cross_period", "cross_linear"):
        assert found[name] == pytest.approx(0.25, abs=0.08), name
    for name in ("nmi", "ari", "retrieval", "overlap", "r2_height"):
        assert found[name] == pytest.approx(0, abs=0.06), name
    assert found["stability"] > 5


def test_what_is_not_given_is_not_measured(known):
    x, classes, _ = known
    found = measures.measure(pixels(x, classes), HOW, 0)
    assert not {"cross_period", "retrieval", "overlap", "trustworthiness", "alignment"} & {
        *found.values
    }
    assert found.moved is None


def test_pixels_without_vector_class_or_other_period_do_not_count(known):
    x, classes, rng = known
    wrong, other = x.copy(), x.copy()
    lost = rng.random(SIDE**2) < 0.3
    wrong[lost] = 1e6
    wrong[lost, 0] = np.nan
    other[rng.random(SIDE**2) < 0.2] = np.nan
    hidden = np.where(rng.random(SIDE**2) < 0.1, -1, classes)
    found = measures.measure(pixels(wrong, hidden, other=other), HOW, 1)
    assert found.values["knn_3"] == found.values["cross_period"] == 1
    assert found.confusion.sum() == np.diag(found.confusion).sum() <= HOW.most


def test_cross_period_learns_from_one_period_and_asks_the_other(known):
    x, classes, _ = known
    other = x.copy()
    other[:, 0] = 12 - other[:, 0]  # the first two classes change places in the other period
    found = measures.measure(pixels(x, classes, other=other), HOW, 0).values
    assert found["knn_3"] == 1
    assert found["cross_period"] == 0
    assert found["retrieval"] < 0.1


def test_few_labels_are_those_of_the_smaller_probe(known):
    x, classes, rng = known
    hard = x + 4 * rng.normal(size=x.shape)
    found = measures.measure(pixels(hard, classes), How(8, 400, 8, 200, 5), 0).values
    assert found["few_linear"] < found["linear"] - 0.05


def test_same_seed_same_figures_another_seed_others(known):
    x, classes, rng = known
    given = pixels(x + 4 * rng.normal(size=x.shape), classes)
    a, b, c = (measures.measure(given, HOW, seed).values for seed in (0, 0, 1))
    assert a == b
    assert a != c


def test_labels_on_one_colour_of_the_board_are_told(known):
    x, classes, _ = known
    row, column = (index.ravel() for index in np.mgrid[:SIDE, :SIDE])
    corner = np.where((row < 3) & (column < 3), classes, -1)
    with pytest.raises(DataError, match=r"classes: .*squares of 40 x 40 pixels.*smaller squares"):
        measures.measure(pixels(x, corner), How(40, 400, 40, 200, 5), 0)


def test_summary_is_mean_and_standard_deviation():
    found = measures.summary([{"a": 1.0}, {"a": 2.0}, {"a": 4.0}])
    assert found["a"]["mean"] == pytest.approx(7 / 3)
    assert found["a"]["spread"] == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert measures.summary([{"a": 1.0}])["a"]["spread"] == 0


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="pairs must be above 2 near"):
        How(pairs=20, near=10)
    with pytest.raises(ConfigError, match="few must be above 0"):
        How(few=0)
