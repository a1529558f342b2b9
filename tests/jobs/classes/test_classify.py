"""`lake classify` against scikit-learn, and what it refuses."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from jobs.classes import classify
from jobs.classes.classify import Settings
from jobs.figures import run_maps
from jobs.runs import driver, outputs, records
from lake.errors import ConfigError, DataError

NAMES = np.array(["forest", "desert", "lake"])


@pytest.fixture
def table(truth, tmp_path):
    """Writes the hidden classes of some pixels of the store, by name."""

    def write(pixel, classes=truth.classes):
        path = str(tmp_path / "labels.parquet")
        pq.write_table(pa.table({"pixel": pixel, "label": NAMES[classes[pixel]]}), path)
        return path

    return write


@pytest.mark.parametrize("kinds", [2, 3])
def test_classes_and_probabilities_are_those_of_scikit_learn(client, truth, chain, table, kinds):
    pixel = np.flatnonzero((truth.classes < kinds) & (np.arange(truth.classes.size) % 3 > 0))
    run = driver.run(client, truth.root, truth.key, Settings(chain.embed, table(pixel), square=5))
    dataset = outputs.dataset(truth.root, run)
    x = outputs.read(truth.root, chain.embed, "embedding")
    learnt = np.setdiff1d(pixel, 5)  # pixel 5 has no embedding
    oracle = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000, tol=1e-3))
    oracle.fit(x[learnt], NAMES[truth.classes[learnt]])
    has_vector = np.delete(np.arange(len(x)), 5)
    names = np.array(dataset["class"].values.tolist())
    assert names.tolist() == sorted(NAMES[:kinds])
    assert_array_equal(names[dataset["classes"].values[has_vector]], oracle.predict(x[has_vector]))
    probability = oracle.predict_proba(x[has_vector]).max(axis=1)
    assert_allclose(dataset["probability"][has_vector], probability, rtol=1e-5)  # float32
    assert (dataset["classes"][5], np.isnan(dataset["probability"][5])) == (-1, True)
    assert dataset["held_out"] > 0.9  # three bands of rows that differ
    captioned = run_maps.draw(truth.root, run)  # as 'lake plot run'
    shown = {text.get_text() for axes in captioned.figure.axes for text in axes.texts}
    assert any(name in text for text in shown for name in names), shown


def test_few_pixels_are_drawn_evenly_over_classes():
    classes = np.repeat([0, 1, 2, -1], [1000, 30, 4, 500])
    pixel = classify.draw_labelled(classes, 64, seed=1)
    assert np.bincount(classes[pixel]).tolist() == [30, 30, 4]
    assert_array_equal(pixel, np.unique(pixel))
    assert_array_equal(classify.draw_labelled(classes, 10_000, 1), np.flatnonzero(classes >= 0))


def test_class_without_labels_is_never_told():
    weights, offset = np.array([[1.0], [np.nan], [-1.0]]), np.array([0.0, np.nan, 0.0])
    classes, probability = classify.predict(np.array([[3.0], [-3.0], [np.nan]]), weights, offset)
    assert classes.tolist() == [0, 2, -1]
    assert_allclose(probability[:2], 1 / (1 + np.exp(-6.0)))


def test_what_cannot_be_learnt_is_refused(client, truth, chain, table):
    store = records.open_store(truth.root, truth.key)
    with pytest.raises(ConfigError, match="'--set run=RUN' and '--set labels=URL'"):
        classify.specs(truth.root, store, Settings(chain.embed))
    forest = np.flatnonzero(truth.classes == 0)
    with pytest.raises(DataError, match="fewer than 2 classes"):
        classify.specs(truth.root, store, Settings(chain.embed, table(forest)))
    (missing,) = (
        pixel for pixel in np.flatnonzero(truth.classes == truth.classes[5])[:6] if pixel == 5
    )
    elsewhere = np.flatnonzero(truth.classes != truth.classes[5])[0]
    settings = Settings(chain.embed, table(np.array([missing, elsewhere])))
    with pytest.raises(DataError, match=r"1 labelled pixels .* fewer than 2 classes"):
        driver.run(client, truth.root, truth.key, settings)


def test_numbers_of_many_classes_do_not_wrap_around():
    weights, offset = np.full((40_000, 1), np.nan), np.full(40_000, np.nan)
    weights[[0, 39_999]], offset[[0, 39_999]] = [[-1.0], [1.0]], 0
    assert classify.predict(np.array([[2.0]]), weights, offset)[0].tolist() == [39_999]
