"""`lake embed` from stores to vectors, with one period and with two."""

import json
import shutil
from dataclasses import replace
from functools import reduce
from operator import getitem
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.classes import cluster, partitions
from jobs.embedding import embed as embed_job
from jobs.embedding import encoder_inputs, linear_part, stored_model
from jobs.embedding.encoder_inputs import InputSettings
from jobs.embedding.models.architecture import Architecture
from jobs.embedding.recipe import Recipe
from jobs.embedding.vectors import embed
from jobs.features import features
from jobs.linear import gcca, mnf, pca, transform
from jobs.linear.passes import Fit
from jobs.report import map as maps
from jobs.runs import driver, outputs, records
from jobs.sampling import sample
from lake.errors import ConfigError, FormatError
from lake.format import schema
from tests.jobs import quick, raw
from tests.jobs.embedding import field_by_formula, smoothing_by_formula

PIXELS = 1300


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A lake with two years of the same land, and their keys; pixel 5 has no value in either."""
    small = raw.lake(tmp_path_factory.mktemp("embed") / "lake")
    rng = np.random.default_rng(3)
    stays = raw.low_rank(rng, rows=PIXELS)
    keys = []
    for year in (2018, 2019):
        x = stays + 0.3 * stays.std(axis=0) * rng.normal(size=stays.shape)
        x[5] = np.nan
        keys.append(small.add(year, x.astype(np.float32)))
    return small.root, keys


@pytest.fixture(scope="module")
def sampled(client, two):
    """The run of a sample of the first year."""
    return driver.run(client, two[0], two[1][0], raw.SAMPLE)


@pytest.fixture(scope="module")
def noise(client, two, sampled):
    """The run of an MNF of the two years."""
    root, (first, second) = two
    return driver.run(client, root, first, mnf.Settings(second, sampled, fit=Fit(components=10)))


@pytest.fixture(scope="module")
def averaged_once(client, two, noise):
    """The run of an embedding of two years whose vectors are averaged once."""
    root, (first, second) = two
    settings = replace(quick.settings(noise, second=second, steps=3), smoothing="neighbours")
    return driver.run(client, root, first, settings)


@pytest.fixture(scope="module")
def paired(client, two, noise):
    """The run of an embedding of two years by default loss and views."""
    root, (first, second) = two
    return driver.run(client, root, first, quick.settings(noise, second=second))


@pytest.fixture
def scores(truth, chain):
    return outputs.dataset(truth.root, chain.pca)["scores"].values


def vectors(root, run, array="embedding"):
    return outputs.dataset(root, run)[array].values


def less_field(root, run, x, of=None):
    """Scores (pixel, input) less the bias field of `of` (pixel, input), by the clusters of a run."""
    domain = records.store_of(root, run).domain
    cluster, means = (vectors(root, run, name) for name in ("land_cluster", "cluster_mean"))
    of = x if of is None else of
    field = field_by_formula.field(of, cluster, means, domain.row, domain.column)
    return (x - field).astype(np.float32)


def card_of(root, run):
    return (Path(root) / "runs" / run / "model.md").read_text()


def test_embedding_of_all_superblocks_is_the_one_computed_in_memory(truth, chain, scores):
    embedding = outputs.dataset(truth.root, chain.embed)["embedding"]
    assert embedding.dims == ("pixel", "latent")
    assert_allclose(embedding, embed(stored_model.load(truth.root, chain.embed), scores), atol=1e-5)
    assert_allclose(np.delete(np.linalg.norm(embedding, axis=1), 5), 1, rtol=1e-5)


def test_loss_curve_and_card_lie_beside_the_model(truth, chain):
    folder = Path(truth.root) / "runs" / chain.embed
    lines = [json.loads(line) for line in (folder / "loss.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 61))
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob("train/*"))  # checkpoints of a finished training are gone
    card = (folder / "model.md").read_text()
    for text in (truth.key, chain.pca, "learning_rate: 0.001", "threads: 1", "torch"):
        assert text in card


def test_size_that_is_not_the_one_asked_for_is_said_in_the_log(two, paired):
    (log,) = (Path(two[0]) / "runs" / paired / "logs").glob("*.jsonl")
    messages = [json.loads(line)["message"] for line in log.read_text().splitlines()]
    assert "linear=24 became 10: there are 10 scores of components" in messages


def test_only_the_pixel_without_scores_has_no_embedding(truth, chain):
    missing = np.isnan(vectors(truth.root, chain.embed))
    assert np.flatnonzero(missing.all(axis=1)).tolist() == [5]
    assert missing.any(axis=1).sum() == 1


def test_two_periods_make_pairs_of_periods_and_scores_of_both(two, noise, paired):
    root, (first, second) = two
    spec = records.read_spec(root, paired)
    assert [store.key for store in spec.stores] == [first, second]
    assert spec.inputs["mnf"] == noise
    assert records.read_spec(root, spec.inputs["transform"]).store == second
    recipe = spec.settings["recipe"]
    assert (recipe["objective"]["loss"], recipe["views"]["views"]) == (
        ["infonce"],
        ["periods"],
    )


def test_two_periods_make_a_linear_part_and_say_which_and_why(two, noise, paired):
    """600 pixels of normal scores: nothing clumps, and nothing varies with the distance."""
    root, _ = two
    document = json.loads((Path(root) / "runs" / paired / "model.json").read_text())
    facts = document["linear_part"]
    assert facts["chosen"] == "local"
    assert facts["clumping"] < linear_part.CLUMPED
    assert f"linear_part.clumping: {facts['clumping']}" in card_of(root, paired)
    model = stored_model.load(root, paired)
    assert vectors(root, paired).shape[1] == 10 + 6  # all scores, then `latent`
    assert facts["bias_field"] == "removed"
    assert linear_part.reason(facts).startswith(
        "linear part: scores less their bias field, filtered"
    )
    scores = torch.from_numpy(less_field(root, paired, vectors(root, noise, "scores")))
    embedded = embed(model, scores.numpy())
    linear = (scores / model.scale @ model.linear_axes).numpy()
    unit = linear / np.linalg.norm(linear, axis=1, keepdims=True)
    assert_allclose(embedded[:, :10] * 1.25**0.5, unit, atol=1e-5)


def test_vectors_of_two_periods_are_smoothed_by_their_noise(two, noise, paired):
    root, _ = two
    model = stored_model.load(root, paired)
    scored = records.read_spec(root, paired).inputs["transform"]
    first, second = (
        embed(model, less_field(root, paired, vectors(root, run, "scores")))
        for run in (noise, scored)
    )
    expected = smoothing_by_formula.noise_left(root, paired, first, second)
    assert_allclose(smoothing_by_formula.noise_of(root, paired), expected, rtol=1e-4)
    assert (vectors(root, paired, "prototype_share") > 0).sum() == (PIXELS - 1) // 16
    assert_allclose(
        vectors(root, paired), smoothing_by_formula.of_run(root, paired, first), atol=1e-5
    )
    assert np.nanmax(np.abs(vectors(root, paired) - first)) > 1e-3  # few neighbours are alike here


def test_vectors_averaged_once_are_drawn_to_no_prototypes(two, noise, averaged_once):
    root, _ = two
    domain = records.store_of(root, averaged_once).domain
    scores = less_field(root, averaged_once, vectors(root, noise, "scores"))
    embedded = embed(stored_model.load(root, averaged_once), scores)
    (distance,) = smoothing_by_formula.noise_of(root, averaged_once)
    expected = smoothing_by_formula.averaged(embedded, domain.row, domain.column, distance)
    assert_allclose(vectors(root, averaged_once), expected, atol=1e-5)
    assert not vectors(root, averaged_once, "prototype_share").any()


def test_noise_that_an_older_goeslake_stored_as_one_number_is_read(client, two, averaged_once):
    root, (_, second) = two
    run = driver.run(client, root, second, transform.Settings(averaged_once))
    expected = vectors(root, run)
    folder = Path(root) / "runs" / averaged_once / "embed.zarr"
    group = zarr.open_group(folder, mode="r+")
    (distance,) = smoothing_by_formula.noise_of(root, averaged_once)
    for name in ("noise", "prototype_mean", "prototype_share", "scatter"):
        del group[name]
    schema.add(group, outputs.whole_array("noise", (), distance))
    schema.consolidate(group.store)
    shutil.rmtree(Path(root) / "runs" / run)
    again = vectors(root, driver.run(client, root, second, transform.Settings(averaged_once)))
    assert_array_equal(again, expected)


def test_vectors_without_smoothing_and_with_the_bias_field_are_those_of_the_model(
    client, two, noise
):
    root, (first, second) = two
    settings = replace(quick.settings(noise, second=second), smoothing="none", bias_field="kept")
    run = driver.run(client, root, first, settings)
    absent = {"noise", "prototype_mean", "land_cluster", "cluster_mean"}
    assert not absent & set(outputs.dataset(root, run))
    expected = embed(stored_model.load(root, run), vectors(root, noise, "scores"))
    assert_allclose(vectors(root, run), expected, atol=1e-5)


def test_linear_part_of_scores_of_one_period_is_refused(two, sampled):
    root, (first, _) = two
    settings = embed_job.Settings(InputSettings("pca"), Recipe(Architecture(linear_part="local")))
    with pytest.raises(ConfigError, match="second store"):
        driver.specs(root, first, settings)


def test_stored_model_has_the_description_of_its_inputs(client, two, noise, paired, sampled):
    root, (first, _) = two
    scores = stored_model.load(root, paired).columns
    assert scores.components == 10
    assert list(scores.signal_to_noise) == outputs.read(root, noise, "signal_to_noise").tolist()
    alone = driver.run(client, root, first, quick.settings(sampled, steps=2))
    columns = stored_model.load(root, alone).columns
    names = outputs.read(root, sampled, "feature", sample.kept_columns(root, sampled))
    assert [str(feature) for feature in columns.features] == names.tolist()


def test_model_of_an_older_goeslake_is_refused_with_what_to_do(two, paired):
    root, _ = two
    path = Path(root) / "runs" / paired / "model.json"
    stored = path.read_text()
    document = json.loads(stored)
    del document["columns"]
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=r"model.json has no description .* train the model anew"):
        stored_model.load(root, paired)
    path.write_text(stored)


def stored_as_a_vae(root, run):
    """The id of a copy of a run with the settings that an older goeslake gave it."""
    spec, folder = records.read_spec(root, run), Path(root) / "runs"
    settings = json.loads(json.dumps(spec.settings))
    shape = settings["recipe"]["architecture"]
    assert (shape.pop("variational"), shape["model"]) == (True, "plain")
    shape["model"] = "vae"
    old = replace(spec, settings=settings).id
    shutil.copytree(folder / run, folder / old)
    for path in (folder / old).glob("*.json"):
        path.write_text(path.read_text().replace(run, old))
    for name, place in (("model.json", ()), ("spec.json", ("settings", "recipe"))):
        document = json.loads((folder / old / name).read_text())
        reduce(getitem, place, document)["architecture"] = shape
        (folder / old / name).write_text(json.dumps(document))
    return old


def test_model_that_was_stored_as_a_vae_is_read_and_embeds_as_before(client, two):
    """`model=vae` of an older goeslake: the mean of a variational `plain`, whose weights are the same."""
    root, (first, second) = two
    settings = quick.settings("", "pca", loss=("mse", "kl"), views=("noise",), steps=3)
    learnt = settings.recipe
    shape = replace(learnt.architecture, model="plain", variational=True)
    settings = replace(settings, recipe=replace(learnt, architecture=shape))
    run = driver.run(client, root, first, settings)
    before = vectors(root, run)
    old = stored_as_a_vae(root, run)
    scores = vectors(root, records.read_spec(root, run).inputs["pca"], "scores")
    assert_allclose(embed(stored_model.load(root, old), scores), before, atol=1e-5)
    again = driver.run(client, root, second, transform.Settings(old))
    assert np.isfinite(np.delete(vectors(root, again), 5, axis=0)).all()


def test_second_store_is_embedded_by_the_same_model(client, two, paired):
    """The model reads its features; the scores of its own run are the oracle."""
    root, (_, second) = two
    embedded = vectors(root, driver.run(client, root, second, transform.Settings(paired)))
    scored = records.read_spec(root, paired).inputs["transform"]
    scores = less_field(root, paired, vectors(root, scored, "scores"))
    expected = embed(stored_model.load(root, paired), scores)
    assert_allclose(embedded, smoothing_by_formula.of_run(root, paired, expected), atol=2e-4)
    first = vectors(root, paired)
    valid = np.delete(np.arange(PIXELS), 5)
    same_pixel = (first * embedded)[valid].sum(axis=1).mean()
    next_pixel = (first[valid] * np.roll(embedded[valid], 1, axis=0)).sum(axis=1).mean()
    assert same_pixel > next_pixel + 0.5


def test_embedding_by_a_model_of_other_periods_is_clustered_and_drawn(client, two, sampled, paired):
    root, (_, second) = two
    again = driver.run(client, root, second, transform.Settings(paired))
    grouped = driver.run(client, root, second, cluster.Settings(again, k=3))
    embedded = vectors(root, again)
    pixel = outputs.read(root, sampled, "pixel")
    expected = partitions.fit(embedded[pixel], "kmeans", 3, 10, 0).labels(embedded)
    assert_array_equal(vectors(root, grouped, "labels"), expected)
    settings = maps.Settings(pictures=("clusters", "embedding", "pca"), run=grouped)
    *_, drawing = driver.specs(root, second, settings)
    assert (drawing.inputs["embed"], drawing.inputs["cluster"]) == (again, grouped)
    assert drawing.inputs["pca"] in {spec.id for spec in driver.specs(root, second, pca.Settings())}


def test_features_are_embedded_without_components_and_as_whole_numbers(client, two, sampled):
    """Standardised and cut off as the sample says, 0 where missing: by NumPy; stored to a 127th."""
    root, (first, second) = two
    views = ("slots", "bands", "periods")
    settings = quick.settings(sampled, "", second, ("huber",), views, steps=5, int8=True)
    run = driver.run(client, root, first, settings)
    store = lake.open(f"{root}/{first}")
    selection = features.resolve(raw.SAMPLE.features, store)
    x = features.read(store, selection, slice(0, PIXELS)).T[:, sample.kept_columns(root, sampled)]
    valid = np.delete(x, 5, axis=0).astype(np.float64)
    z = np.clip((x - valid.mean(axis=0)) / valid.std(axis=0), -6, 6).astype(np.float32)
    expected = embed(stored_model.load(root, run), z)
    for embedded in (vectors(root, run), outputs.read(root, run, "embedding")):
        assert_allclose(embedded, expected, atol=0.5 / 127 + 1e-3)
        assert np.isnan(embedded[5]).all()
    assert outputs.read(root, run, "embedding", slice(2, 4)).dtype == np.float32
    again = vectors(root, driver.run(client, root, second, transform.Settings(run)))
    assert np.flatnonzero(np.isnan(again).any(axis=1)).tolist() == [5]


def test_superblocks_stream_through_memory(client, two, sampled):
    root, (first, _) = two
    settings = quick.settings(
        sampled, loss=("mse",), views=("mask",), steps=6, train_on="all", memory_gb=0.0
    )
    embedded = vectors(root, driver.run(client, root, first, settings))
    assert np.flatnonzero(np.isnan(embedded).any(axis=1)).tolist() == [5]


def test_all_pixels_are_trained_on_in_memory(client, truth, chain):
    settings = quick.settings(chain.pca, steps=3, train_on="all")
    embedded = vectors(truth.root, driver.run(client, truth.root, truth.key, settings))
    assert np.isfinite(np.delete(embedded, 5, axis=0)).all()
    assert not np.array_equal(embedded, vectors(truth.root, chain.embed))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": "pca", "views": ("periods",)}, "second store"),
        ({"inputs": "pca", "views": ("slots",)}, "inputs=features"),
        ({"inputs": "mnf"}, "second=KEY"),
        ({"loss": ("supervised",)}, "labels go with"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_anything_runs(two, settings, message):
    root, (first, _) = two
    with pytest.raises(ConfigError, match=message):
        driver.specs(root, first, quick.settings(**settings))


def test_run_of_other_inputs_is_refused(two, noise):
    root, (first, second) = two
    with pytest.raises(ConfigError, match="inputs=pca"):
        driver.specs(root, first, quick.settings(noise, "pca", second))


def test_inputs_are_what_slots_agree_on_with_one_store_and_with_two(two):
    root, (first, second) = two
    alone, paired = (
        driver.specs(root, first, quick.settings(second=key))[-1] for key in ("", second)
    )
    recipes = [spec.settings["recipe"] for spec in (alone, paired)]
    parts = [(recipe["architecture"]["model"], recipe["views"]["views"]) for recipe in recipes]
    assert parts == [("residual", ["periods"])] * 2
    assert (set(alone.inputs), set(paired.inputs)) == ({gcca.JOB}, {gcca.JOB, transform.JOB})
    bases = [driver.specs(root, first, quick.settings(second=key))[1] for key in ("", second)]
    assert [(base.job, len(base.stores)) for base in bases] == [(gcca.JOB, 1), (gcca.JOB, 2)]


def test_features_themselves_are_the_inputs_where_they_are_too_many(two, monkeypatch):
    root, (first, _) = two
    monkeypatch.setattr(encoder_inputs, "Fit", lambda: Fit(exact=20))
    assert set(driver.specs(root, first, quick.settings())[-1].inputs) == {sample.JOB}
    monkeypatch.undo()
    there = raw.Lake(root)
    once = there.add(2017, np.ones((PIXELS, raw.FEATURES // len(raw.MONTHS))), raw.MONTHS[:1])
    assert set(driver.specs(root, once, quick.settings())[-1].inputs) == {
        gcca.JOB
    }  # a month, two times


@pytest.fixture(scope="module")
def alone(client, two, sampled):
    """The run of an embedding of one year, by default loss and views."""
    root, (first, _) = two
    settings = gcca.Settings(run=sampled, fit=Fit(components=10))
    return driver.run(
        client, root, first, quick.settings(driver.run(client, root, first, settings))
    )


def test_one_period_is_learnt_from_its_halves_and_embedded_whole(two, alone):
    root, _ = two
    (base,) = records.read_spec(root, alone).inputs.values()
    model = stored_model.load(root, alone)
    scores, halves = (vectors(root, base, name) for name in ("scores", gcca.HALVES))
    one, other = (
        embed(model, less_field(root, alone, halves[:, number], of=scores)) for number in (0, 1)
    )
    expected = smoothing_by_formula.noise_left(root, alone, one, other, share=0.5)
    assert_allclose(smoothing_by_formula.noise_of(root, alone), expected, rtol=1e-4)
    whole = embed(model, less_field(root, alone, scores))
    assert_allclose(
        vectors(root, alone), smoothing_by_formula.of_run(root, alone, whole), atol=1e-5
    )
    agreement = np.nanmean((one * other).sum(axis=1))
    shuffled = np.nanmean((one * np.roll(other, len(other) // 3, axis=0)).sum(axis=1))
    assert agreement > shuffled + 0.3


def test_another_period_is_embedded_by_the_model_of_one(client, two, alone):
    root, (_, second) = two
    (base,) = records.read_spec(root, alone).inputs.values()
    scored = driver.run(client, root, second, transform.Settings(base))
    embedded = driver.run(client, root, second, transform.Settings(alone))
    scores = less_field(root, alone, vectors(root, scored, "scores"))
    whole = embed(stored_model.load(root, alone), scores)
    assert_allclose(
        vectors(root, embedded), smoothing_by_formula.of_run(root, alone, whole), atol=1e-4
    )


def test_land_whose_pixels_clump_keeps_its_field(client, tmp_path_factory):
    """Six kinds of pixels with hardly any noise: `auto` chooses `noise`, which is not filtered."""
    there = raw.lake(tmp_path_factory.mktemp("clumps") / "lake")
    root, rng = there.root, np.random.default_rng(5)
    kinds = raw.low_rank(rng, rows=6)[rng.integers(0, 6, PIXELS)]
    noise = 0.05 * kinds.std(axis=0)
    keys = [
        there.add(year, (kinds + noise * rng.normal(size=kinds.shape)).astype(np.float32))
        for year in (2018, 2019)
    ]
    scored = driver.run(client, root, keys[0], mnf.Settings(keys[1], fit=Fit(components=10)))
    settings = quick.settings(scored, second=keys[1], steps=3)
    run = driver.run(client, root, keys[0], settings)
    facts = json.loads((Path(root) / "runs" / run / "model.json").read_text())["linear_part"]
    assert facts["clumping"] > linear_part.CLUMPED
    assert (facts["chosen"], "bias_field" in facts) == ("noise", False)
    assert (vectors(root, run, "land_cluster") == -1).all()
    assert (
        smoothing_by_formula.noise_of(root, run).size == 4
    )  # as often they are averaged, and drawn to no prototypes
    assert not vectors(root, run, "prototype_share").any()
    expected = embed(stored_model.load(root, run), vectors(root, scored, "scores"))
    assert_allclose(vectors(root, run), smoothing_by_formula.of_run(root, run, expected), atol=1e-5)
    scored = records.read_spec(root, run).inputs["transform"]
    again = driver.run(client, root, keys[1], transform.Settings(run))
    expected = embed(stored_model.load(root, run), vectors(root, scored, "scores"))
    assert_allclose(
        vectors(root, again), smoothing_by_formula.of_run(root, run, expected), atol=2e-4
    )


def test_other_pixels_have_no_clusters_to_find_their_field_by(two, paired):
    root, _ = two
    x = np.ones((PIXELS + 50, raw.FEATURES), np.float32)
    other = raw.Lake(root).add(2016, x)
    with pytest.raises(ConfigError, match=r"other pixels than .* train with bias_field=kept"):
        driver.specs(root, other, transform.Settings(paired))
