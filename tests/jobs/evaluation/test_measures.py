from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.evaluation import measures
from jobs.evaluation.cases import MeasureSettings, Pixels
from jobs.evaluation.measures import MEASURES, QUANTITY
from lake.errors import ConfigError, DataError

HOW = MeasureSettings(square=8, most=400, few=40, pairs=200, near=5)
SIDE = 40
PAGE = Path(__file__).parents[3] / "docs" / "evaluation.md"


def pixels(vectors, classes, **more):
    row, column = (index.ravel() for index in np.mgrid[:SIDE, :SIDE])
    return Pixels(vectors, row, column, classes, **more)


@pytest.fixture
def blobs():
    """Classes in blobs 6 apart, with a quantity along the third axis."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, SIDE**2)
    x = rng.normal(size=(SIDE**2, 3))
    x[:, 0] += 12 * (classes % 2)
    x[:, 1] += 12 * (classes // 2)
    return x, classes, rng


def test_vectors_that_show_everything_score_1_in_everything(blobs):
    x, classes, _ = blobs
    x = x - [6, 6, 0]  # classes lie in different directions
    evidence = pixels(
        x, classes, second_vectors=x, quantities={"height": x[:, 2:]}, truth=x, features=2 * x
    )
    values = measures.measure(evidence, HOW, 0).values
    for name in (
        "knn_1", "knn_3", "linear", "few_knn_1", "few_knn_3", "few_linear", "nmi", "ari",
        "cross_period", "cross_linear", "retrieval", "overlap", "trustworthiness", "continuity",
        "r2_height", "agreement", "far_auc", "far_precision",
    ):  # fmt: skip
        assert values[name] == pytest.approx(1, abs=0.01), name
    assert values["far_share"] == pytest.approx(1, abs=0.1)  # the nearest vectors lie anywhere
    assert values["hdbscan_nmi"] > 0.9
    assert values["stability"] == values["alignment"] == 0


def test_vectors_of_noise_tell_nothing(blobs):
    _, classes, rng = blobs
    noise, second = rng.normal(size=(2, SIDE**2, 3))
    quantity = rng.normal(size=(SIDE**2, 1))
    evidence = pixels(
        noise, classes, second_vectors=second, quantities={"height": quantity}, truth=quantity
    )
    values = measures.measure(evidence, HOW, 0).values
    for name in ("knn_1", "knn_3", "linear", "few_linear", "cross_period", "cross_linear"):
        assert values[name] == pytest.approx(0.25, abs=0.08), name
    for name in ("nmi", "ari", "hdbscan_ari", "agreement", "retrieval", "overlap", "r2_height"):
        assert values[name] == pytest.approx(0, abs=0.06), name
    assert values["stability"] > 5
    assert values["far_auc"] == pytest.approx(0.5, abs=0.03)
    assert values["far_precision"] == pytest.approx(0.25, abs=0.08)


def test_what_is_not_given_is_not_measured(blobs):
    x, classes, _ = blobs
    measurement = measures.measure(pixels(x, classes), HOW, 0)
    absent = {
        "cross_period", "agreement", "retrieval", "overlap", "trustworthiness", "alignment", "coherence",
    }  # fmt: skip
    assert not absent & {*measurement.values}
    assert measurement.moved is None


def test_pixels_without_vector_class_or_other_period_do_not_count(blobs):
    x, classes, rng = blobs
    wrong, second = x.copy(), x.copy()
    lost = rng.random(SIDE**2) < 0.3
    wrong[lost] = 1e6
    wrong[lost, 0] = np.nan
    second[rng.random(SIDE**2) < 0.2] = np.nan
    hidden = np.where(rng.random(SIDE**2) < 0.1, -1, classes)
    measurement = measures.measure(pixels(wrong, hidden, second_vectors=second), HOW, 1)
    assert measurement.values["knn_3"] == measurement.values["cross_period"] == 1
    assert measurement.confusion.sum() == np.diag(measurement.confusion).sum() <= HOW.most


def test_cross_period_learns_from_one_period_and_asks_the_other(blobs):
    x, classes, _ = blobs
    second = x.copy()
    second[:, 0] = 12 - second[:, 0]  # the first two classes change places in the other period
    values = measures.measure(pixels(x, classes, second_vectors=second), HOW, 0).values
    assert values["knn_3"] == 1
    assert values["cross_period"] == 0
    assert values["retrieval"] < 0.1


def test_few_labels_are_those_of_the_smaller_probe(blobs):
    x, classes, rng = blobs
    hard = x + 4 * rng.normal(size=x.shape)
    values = measures.measure(pixels(hard, classes), MeasureSettings(8, 400, 8, 200, 5), 0).values
    assert values["few_linear"] < values["linear"] - 0.05


def test_same_seed_same_figures_another_seed_others(blobs):
    x, classes, rng = blobs
    evidence = pixels(x + 4 * rng.normal(size=x.shape), classes)
    a, b, c = (measures.measure(evidence, HOW, seed).values for seed in (0, 0, 1))
    assert a == b
    assert a != c


def test_labels_on_one_colour_of_the_board_are_told(blobs):
    x, classes, _ = blobs
    row, column = (index.ravel() for index in np.mgrid[:SIDE, :SIDE])
    corner = np.where((row < 3) & (column < 3), classes, -1)
    with pytest.raises(DataError, match=r"classes: .*squares of 40 x 40 pixels.*smaller squares"):
        measures.measure(pixels(x, corner), MeasureSettings(40, 400, 40, 200, 5), 0)


def test_small_land_without_far_pairs_is_measured_without_them(blobs):
    x, classes, _ = blobs
    small = MeasureSettings(16, 400, 40, 200, 5)  # far: more than 48 of 40 rows apart
    values = measures.measure(pixels(x, classes), small, 0).values
    assert "knn_3" in values
    assert not {"far_auc", "far_share", "far_precision"} & {*values}


def test_coherence_is_measured_of_touching_pixels_whose_vectors_are_known(blobs):
    x, classes, rng = blobs
    first, second = x[:600], x[:600] + 0.1 * rng.normal(size=(600, 3))
    first[:50] = np.nan
    evidence = pixels(x[600:], classes[600:], touching=(first, second))
    evidence = replace(evidence, row=evidence.row[600:], column=evidence.column[600:])
    values = measures.measure(evidence, HOW, 0).values
    variance = x[600:].var(axis=0).sum()
    assert values["coherence"] == pytest.approx(1 - 0.03 / (2 * variance), abs=1e-3)


def evidence_of_all(blobs):
    x, classes, _ = blobs
    return pixels(
        x, classes, second_vectors=x, quantities={"height": x[:, 2:]}, truth=x, features=2 * x,
        touching=(x, x),
    )  # fmt: skip


def test_names_of_all_measures_are_those_of_their_entries(blobs):
    names = [name for entry in MEASURES for name in entry.names]
    assert len(set(names)) == len(names)
    values = measures.measure(evidence_of_all(blobs), HOW, 0).values
    assert list(values) == [name.replace(QUANTITY, "r2_height") for name in names]


@pytest.mark.parametrize("entry", MEASURES, ids=lambda entry: entry.names[0])
def test_measure_is_documented_by_its_help_and_direction(entry):
    names = ", ".join(f"`{name}`" for name in entry.names)
    row = f"\n| {names} | {entry.help} | {entry.better.value} |\n"
    assert row.replace(" |  |", " | |") in PAGE.read_text("utf-8")


def test_summary_is_mean_and_standard_deviation():
    summary = measures.summary([{"a": 1.0}, {"a": 2.0}, {"a": 4.0}])
    assert summary["a"]["mean"] == pytest.approx(7 / 3)
    assert summary["a"]["spread"] == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert measures.summary([{"a": 1.0}])["a"]["spread"] == 0
    assert list(measures.summary([{"a": 1.0, "b": 1.0}, {"a": 2.0}])) == ["a"]


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="pairs must be above 2 near"):
        MeasureSettings(pairs=20, near=10)
    with pytest.raises(ConfigError, match="few must be above 0"):
        MeasureSettings(few=0)
