"""The job on an invented land: against umap-learn, resumed, on other stores, drawn; and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import NearestNeighbors

import lake
from jobs.classes import cluster
from jobs.embedding import train
from jobs.evaluation import evidence, neighbourhoods
from jobs.figures import run_maps
from jobs.imported import import_vectors
from jobs.linear import transform
from jobs.manifold import graph, umap
from jobs.manifold.umap import Settings
from jobs.runs import driver, outputs, records
from lake.errors import ConfigError
from tests.jobs import raw

CLASSES = 8
QUICK = Settings(steps=60, batch=256, hidden=16, threads=1, components=2)


def invented(seed):
    """(pixel, 24) features on curved sheets, one for each class; and the classes. Pixel 7 has none."""
    random = np.random.default_rng(0)
    centres, bent = 4 * random.normal(size=(CLASSES, 24)), random.normal(size=(CLASSES, 4, 24))
    random = np.random.default_rng(seed)
    classes = random.integers(0, CLASSES, raw.PIXELS)
    u = random.uniform(-1.5, 1.5, (raw.PIXELS, 2))
    sheet = np.stack([u[:, 0], u[:, 1], u[:, 0] ** 2, np.sin(2 * u[:, 1])], axis=1)
    x = centres[classes] + np.einsum("pk,pkf->pf", sheet, bent[classes])
    x = (x + 0.2 * random.normal(size=x.shape)).astype(np.float32)
    x[7] = np.nan
    return x, classes


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """Two stores of the same pixels; vectors of other values are imported."""
    there = raw.lake(tmp_path_factory.mktemp("manifold") / "lake")
    for year in (2018, 2019):
        there.add(year, raw.low_rank(np.random.default_rng(0)))
    return there.root, "goes16/raw/20180101_20181231/geom-goes-conus-0"


@pytest.fixture(scope="module")
def vectors(client, land, tmp_path_factory):
    """A run of the invented vectors."""
    path = tmp_path_factory.mktemp("vectors") / "x.npy"
    np.save(path, invented(1)[0])
    return driver.run(client, *land, import_vectors.Settings(str(path)))


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    path = tmp_path_factory.mktemp("classes") / "classes.parquet"
    table = {"pixel": np.arange(raw.PIXELS), "label": invented(1)[1]}
    pq.write_table(pa.table(table), path)
    return str(path)


@pytest.fixture(scope="module")
def made(client, land, vectors):
    """With the defaults but for threads, of all pixels."""
    return driver.run(client, *land, Settings(vectors, threads=1))


def document(land, run):
    return json.loads((Path(land[0]) / "runs" / run / "umap.json").read_text())


def test_held_out_pixels_keep_their_neighbours_as_umap_learn_keeps_them(land, made):
    """Required: within 0.01 of umap-learn's own transform of the same pixels, by both measures."""
    x, found = invented(1)[0], outputs.dataset(land[0], made)
    sampled, held_out = found["sampled"].values, found["held_out"].values
    assert len(held_out) == 300
    assert not np.intersect1d(sampled, held_out).size
    sampled, held_out = (pixels[pixels != 7] for pixels in (sampled, held_out))
    reference = graph._umap().UMAP(random_state=0, n_jobs=1, n_epochs=150)
    reference.fit(x[sampled])
    theirs, ours = reference.transform(x[held_out]), found["embedding"].values[held_out]
    for name in ("trustworthiness", "continuity"):
        measure = getattr(neighbourhoods, name)
        value = measure(x[held_out], ours, 15)
        assert value > measure(x[held_out], theirs, 15) - 0.01, name
        assert document(land, made)[name] == pytest.approx(value, abs=1e-4)


def test_every_pixel_with_a_vector_has_a_place(land, made):
    found = outputs.dataset(land[0], made)
    assert found["embedding"].shape == (raw.PIXELS, 2)
    assert_array_equal(np.flatnonzero(np.isnan(found["embedding"]).any(axis=1)), [7])
    facts = document(land, made)
    assert facts["sampled"] + facts["held_out"] == raw.PIXELS - 1
    assert_allclose([facts["a"], facts["b"]], [1.577, 0.895], atol=1e-3)
    assert "trustworthiness" in umap.summary(land[0], made)


def test_picture_of_classes_and_of_density(
    land, made, client, vectors, classes, run_lake, tmp_path
):
    listed = json.loads((Path(land[0]) / "runs" / made / "pictures.json").read_text())
    assert [picture["name"] for picture in listed] == ["density", "map"]
    groups = driver.run(client, *land, cluster.Settings(vectors, k=CLASSES))
    for by, text in (("", "powers of ten"), (groups, "8 classes"), (classes, "8 classes")):
        out = str(tmp_path / "x.png")
        how = ("--array", "scatter", *(("--by", by) if by else ()))
        code, said, err = run_lake("plot", "run", made, "--lake", land[0], *how, "--out", out)
        assert code == 0, err
        assert text in said
    assert "2-dimensional" in run_maps.draw(land[0], made).caption
    with pytest.raises(ConfigError, match="has no classes"):
        run_maps.draw(land[0], made, array="scatter", by=vectors)
    with pytest.raises(ConfigError, match="give both"):
        run_maps.draw(land[0], made, by=groups)


def test_sample_is_balanced_over_cells_of_the_vectors(client, land, vectors):
    run = driver.run(client, *land, replace(QUICK, run=vectors, pixels=600))
    found = outputs.dataset(land[0], run)
    drawn = np.concatenate([found["sampled"], found["held_out"]])
    assert len(np.unique(drawn)) == len(drawn) == 600
    assert 7 not in drawn
    assert len(found["held_out"]) == 60
    assert np.isfinite(found["embedding"]).all(axis=1).sum() == raw.PIXELS - 1


def test_other_stores_are_placed_by_the_encoder_of_a_run_of_scores(client, land):
    """Without a run the scores are those of `lake pca`, which a transform computes of the other store."""
    root, key = land
    run = driver.run(client, root, key, replace(QUICK, components=3))
    assert records.read_spec(root, run).inputs.keys() == {"pca"}
    second = key.replace("2018", "2019")
    placed = driver.run(client, root, second, transform.Settings(run))
    spec = records.read_spec(root, placed)
    assert list(spec.inputs) == ["umap", "transform"]
    assert evidence.model_of(root, placed) == run
    scores = outputs.read(root, spec.inputs["transform"], "scores")
    model = umap.stored_model.load(root, run)
    with torch.no_grad():
        expected = model(torch.from_numpy(scores[:50])).numpy()
    assert_allclose(outputs.read(root, placed, "embedding")[:50], expected, atol=1e-5)


def test_vectors_that_no_model_makes_of_other_stores_are_refused(land, made):
    with pytest.raises(ConfigError, match="which no model makes of another store"):
        driver.specs(*land, transform.Settings(made))


def laid_out(settings, labels=None, **changes):
    """(pixel, component) of 600 invented pixels, their graph, and the state of the training."""
    x = invented(3)[0][10:610]
    settings = replace(settings, **changes)
    edges = graph.fit(x, settings.graph, labels)
    training = settings.training(edges.head.size)
    with train.environment(training):
        state, loader, task = umap.begin(x, edges, (1.577, 0.895), settings, training)
        states = list(train.train(state, loader, task))
    assert states[-1].step == training.steps
    state.model.eval()
    with torch.no_grad():
        return state.model(torch.from_numpy(x)).numpy(), edges, state


def test_training_is_the_same_to_the_bit_by_its_seed():
    first, second, other = (laid_out(QUICK, seed=seed)[0] for seed in (0, 0, 1))
    assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.1


def test_training_goes_on_where_it_stopped():
    x = invented(3)[0][10:610]
    edges = graph.fit(x, QUICK.graph)
    training = QUICK.training(edges.head.size)

    def begun():
        return umap.begin(x, edges, (1.577, 0.895), QUICK, training)

    with train.environment(training):
        state, loader, task = begun()
        for _ in train.train(state, loader, task):
            if state.step == 30:
                saved = state.save()
        resumed, loader, task = begun()
        resumed.restore(saved)
        assert resumed.step == 30
        for _ in train.train(resumed, loader, task):
            pass
    for ours, theirs in zip(state.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_classes_part_in_a_supervised_graph():
    settings = replace(QUICK, steps=300, hidden=64)
    x, _ = invented(3)
    mixed = np.random.default_rng(0).integers(0, 3, 600)
    edges = graph.fit(x[10:610], settings.graph, mixed)
    free = graph.fit(x[10:610], settings.graph)
    share = [
        graph_.weight[mixed[graph_.head] != mixed[graph_.tail]].sum() / graph_.weight.sum()
        for graph_ in (free, edges)
    ]
    assert share[0] > 0.6
    assert share[1] < 0.1
    reference = graph._umap().UMAP(random_state=0, n_jobs=1, transform_mode="graph")
    assert_allclose(edges.weight, reference.fit(x[10:610], mixed).graph_.tocoo().data)
    centred = x[10:610] - x[10:610].mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][4]
    halves = (along > np.median(along)).astype(int)

    def strangers(labels):
        """Share of the other half among the nearest neighbours of a pixel in the plane."""
        near = NearestNeighbors(n_neighbors=5).fit(laid_out(settings, labels)[0])
        return (halves[near.kneighbors(return_distance=False)] != halves[:, None]).mean()

    assert strangers(halves) < 0.85 * strangers(None)


def test_densmap_keeps_the_density_of_the_vectors():
    settings = replace(QUICK, steps=300, batch=512)
    plain, (places, edges, state) = laid_out(settings)[0], laid_out(settings, densmap=True)
    assert set(state.curve[-1].train) == {"attraction", "repulsion", "density", "loss"}

    def correlation(places):
        length = np.linalg.norm(places[edges.head] - places[edges.tail], axis=1)
        q = 1 / (1 + 1.577 * length ** (2 * 0.895))
        radius = graph.standard_radius(edges.head, q, length, len(places))
        return np.corrcoef(radius, edges.radius)[0, 1]

    assert correlation(places) > correlation(plain) + 0.2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"components": 0}, "components"),
        ({"neighbours": 1}, "neighbours"),
        ({"min_dist": 2.0}, "min_dist"),
        ({"spread": 0.0}, "spread"),
        ({"metric": "jaccard"}, "metric must be one of euclidean"),
        ({"pixels": 30}, "pixels"),
        ({"hidden": 0}, "hidden"),
        ({"batch": 1}, "batch"),
        ({"negatives": 0}, "negatives"),
        ({"density_weight": -1.0}, "density_weight"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_setting_out_of_range_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Settings(**wrong)


def test_stores_of_a_run_that_is_given_are_its_own(land, vectors):
    with pytest.raises(ConfigError, match="leave second out"):
        driver.specs(*land, Settings(vectors, second="x"))
    assert lake.open(f"{land[0]}/{land[1]}").domain.pixels == raw.PIXELS
