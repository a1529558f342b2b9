"""Vectors of several runs as one: scaled blocks, NaN rows, refusals; metrics apart, joined, and used."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score

from jobs.classes import classify, cluster
from jobs.evaluation import evaluate
from jobs.evaluation.cases import MeasureSettings
from jobs.features.features import FeatureSelection
from jobs.figures import run_maps
from jobs.linear import join, passes, pca
from jobs.linear.join import Settings
from jobs.report import map as maps
from jobs.runs import driver, outputs, records
from jobs.sampling import sample
from lake.errors import ConfigError, MissingError
from lake.explore.contents import Offer
from lake.format import order
from lake.storage.connect import connect
from tests.jobs import small

APART = (("mean", "stddev"), ("skewness", "kurtosis"))


@pytest.fixture(scope="module")
def apart(client, truth):
    """Components of mean and stddev, and of skewness and kurtosis."""
    runs = []
    for statistics in APART:
        selection = FeatureSelection(statistics=statistics)
        where = client, truth.root, truth.key
        drawn = driver.run(*where, sample.Settings(phase=1, phases=2, features=selection))
        runs.append(driver.run(*where, pca.Settings(drawn, fit=passes.Fit(components=5))))
    return tuple(runs)


@pytest.fixture(scope="module")
def joined(client, truth, apart):
    return driver.run(client, truth.root, truth.key, Settings(apart))


def blocks(truth, apart):
    scores = [outputs.dataset(truth.root, run)["scores"].values for run in apart]
    known = np.isfinite(np.concatenate(scores, axis=1)).all(axis=1)
    return [values.astype(float) for values in scores], known


def test_every_block_has_mean_0_and_pixels_lie_equally_far_apart_in_it(truth, apart, joined):
    found = outputs.dataset(truth.root, joined)
    assert_array_equal(found["block"], np.repeat([0, 1], 5))
    scores, known = blocks(truth, apart)
    embedding = found["embedding"].values
    assert_array_equal(np.isnan(embedding).any(axis=1), ~known)
    assert_array_equal(np.isnan(embedding).all(axis=1), ~known)
    assert known.sum() < len(known)
    for number, block in enumerate(scores):
        own = embedding[known][:, found["block"].values == number]
        assert_allclose(own.mean(axis=0), 0, atol=1e-5)
        pixels = known.sum()
        assert_allclose((pdist(own) ** 2).mean() * (pixels - 1) / pixels, 2, rtol=1e-5)
        wanted = block[known] - block[known].mean(axis=0)
        assert_allclose(own, wanted / np.sqrt((wanted**2).sum(axis=1).mean()), atol=1e-4)


@pytest.mark.parametrize("scaled", ["columns", "none"])
def test_blocks_are_scaled_by_the_rule_that_is_set(client, truth, apart, scaled):
    run = driver.run(client, truth.root, truth.key, Settings(apart, scaled=scaled))
    found = outputs.dataset(truth.root, run)["embedding"].values
    scores, known = blocks(truth, apart)
    side_by_side = np.concatenate(scores, axis=1)
    if scaled == "columns":
        assert_allclose(found[known].var(axis=0), 1 / 5, rtol=1e-4)
        assert_allclose(np.corrcoef(found[known].T), np.corrcoef(side_by_side[known].T), atol=1e-4)
    else:
        assert_array_equal(found[known], side_by_side[known].astype(np.float32))


def test_constant_numbers_stay_0():
    assert_allclose(join.scales(np.array([0.0, 0, 4]), np.array([0, 0, 1]), "distance"), [1, 1, 2])


def test_joined_vectors_are_measured_clustered_classified_mapped_and_explored(
    client, truth, apart, joined, tmp_path
):
    """The use: metrics embedded apart, joined, and taken as the vectors of any other run."""
    where = client, truth.root, truth.key
    labels = str(tmp_path / "classes.parquet")
    row = pa.table({"pixel": np.arange(truth.classes.size), "label": truth.classes})
    pq.write_table(row, labels)
    how = MeasureSettings(square=6, most=300, few=60, pairs=120, near=5)
    settings = evaluate.Settings(run=joined, labels=labels, seeds=1, patterns=False, how=how)
    measured = evaluate.results(truth.root, driver.run(*where, settings))["measures"]
    assert measured["knn_3"]["mean"] > 0.9
    clusters = driver.run(*where, cluster.Settings(joined, k=small.CLASSES))
    found = outputs.read(truth.root, clusters, "labels")
    known = found >= 0
    assert adjusted_rand_score(truth.classes[known], found[known]) > 0.9
    classes = driver.run(*where, classify.Settings(run=joined, labels=labels, square=6))
    predicted = outputs.read(truth.root, classes, "classes")
    assert (predicted == truth.classes)[predicted >= 0].mean() > 0.9
    drawn = driver.run(*where, maps.Settings(pictures=("embedding", "clusters"), run=clusters))
    assert dict(records.read_spec(truth.root, drawn).inputs) == {
        "embed": joined,
        "cluster": clusters,
    }
    assert "10-dimensional embedding" in run_maps.draw(truth.root, joined).caption
    offered = Offer(connect(truth.root)).document("", is_live=False)["runs"]
    assert ["embedding"] in [run["arrays"] for run in offered if run["id"] == joined]


def test_command_takes_runs_and_no_store(truth, apart, joined, run_lake):
    code, out, err = run_lake("join", *apart, "--lake", truth.root, "--json")
    assert (code, json.loads(out)["run"]) == (0, joined), err
    assert json.loads(out)["already_done"]
    code, _, err = run_lake("join", apart[0], "--lake", truth.root)
    assert (code, "two runs or more" in err) == (64, True)


def test_what_cannot_be_joined_is_refused_by_name(client, tmp_path_factory, truth, apart, chain):
    with pytest.raises(ConfigError, match="two runs or more"):
        driver.specs(truth.root, truth.key, Settings(apart[:1]))
    with pytest.raises(ConfigError, match="runs must differ"):
        driver.specs(truth.root, truth.key, Settings((apart[0], apart[0])))
    with pytest.raises(ConfigError, match="scaled must be one of distance, columns, none"):
        Settings(apart, scaled="unit")
    with pytest.raises(MissingError, match="pca-0"):
        driver.specs(truth.root, truth.key, Settings((apart[0], "pca-0")))
    with pytest.raises(ConfigError, match=rf"run {chain.cluster} has no vectors"):
        driver.specs(truth.root, truth.key, Settings((apart[0], chain.cluster)))
    with pytest.raises(ConfigError, match="arrays names 1 of 2 runs"):
        driver.specs(truth.root, truth.key, Settings(apart, ("scores",)))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [((20, 27), small.LAYOUT), ((25, 27), order.Layout(chunk=32, phases=4))],
    ids=["other pixels", "another order"],
)
def test_runs_of_other_pixels_or_of_another_order_are_refused(
    client, tmp_path_factory, truth, apart, shape, layout
):
    root = tmp_path_factory.mktemp("other")
    other = small.build(root / "lake", shape=shape, layout=layout)
    url = f"{truth.root}/{truth.key}"
    drawn = driver.run(client, other.root, other.key, sample.Settings(phase=0, phases=2))
    run = driver.run(client, other.root, other.key, pca.Settings(drawn))
    with pytest.raises(ConfigError, match=rf"run {run} is of the pixels of .* in another order"):
        driver.specs(other.root, url, Settings((run, run), ("scores", "components")))
