"""`lake embed` from stores to vectors, with one period and with two."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.classes import kmeans
from jobs.embedding import embed
from jobs.features import features
from jobs.linear import mnf, pca, transform
from jobs.linear.passes import Fit
from jobs.report import map as maps
from jobs.runs import driver, outputs, records
from jobs.sampling import sample
from jobs.sampling.hierarchy import nearest
from lake.errors import ConfigError
from tests.jobs import quick, raw

PIXELS = 600


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A lake with two years of the same land, and their keys; pixel 5 has no value in either."""
    there = raw.lake(tmp_path_factory.mktemp("embed") / "lake")
    rng = np.random.default_rng(3)
    stays = raw.low_rank(rng, rows=PIXELS)
    keys = []
    for year in (2018, 2019):
        x = stays + 0.3 * stays.std(axis=0) * rng.normal(size=stays.shape)
        x[5] = np.nan
        keys.append(there.add(year, x.astype(np.float32)))
    return there.root, keys


@pytest.fixture(scope="module")
def drawn(client, two):
    return driver.run(client, two[0], two[1][0], raw.SAMPLE)


@pytest.fixture(scope="module")
def noise(client, two, drawn):
    """The run of an MNF of the two years."""
    root, (first, second) = two
    return driver.run(client, root, first, mnf.Settings(second, drawn, fit=Fit(components=10)))


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


def test_embedding_of_all_superblocks_is_the_one_computed_in_memory(truth, chain, scores):
    found = outputs.dataset(truth.root, chain.embed)["embedding"]
    assert found.dims == ("pixel", "latent")
    assert_allclose(found, embed.vectors(embed.load(truth.root, chain.embed), scores), atol=1e-5)
    assert_allclose(np.delete(np.linalg.norm(found, axis=1), 5), 1, rtol=1e-5)


def test_loss_curve_and_card_lie_beside_the_model(truth, chain):
    folder = Path(truth.root) / "runs" / chain.embed
    lines = [json.loads(line) for line in (folder / "loss.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 61))
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "model.md").read_text()
    for told in (truth.key, chain.pca, "learning_rate: 0.001", "threads: 1", "torch"):
        assert told in card


def test_only_the_pixel_without_scores_has_no_embedding(truth, chain):
    missing = np.isnan(vectors(truth.root, chain.embed))
    assert np.flatnonzero(missing.all(axis=1)).tolist() == [5]
    assert missing.any(axis=1).sum() == 1


def test_two_periods_make_pairs_of_periods_and_scores_of_both(two, noise, paired):
    root, (first, second) = two
    spec = records.read_spec(root, paired)
    assert [of.key for of in spec.stores] == [first, second]
    assert spec.inputs["mnf"] == noise
    assert records.read_spec(root, spec.inputs["transform"]).store == second
    recipe = spec.settings["recipe"]
    assert (recipe["objective"]["loss"], recipe["views"]["views"]) == (
        ["infonce", "vicreg"],
        ["periods"],
    )


def test_second_store_is_embedded_by_the_same_model(client, two, paired):
    """By its features; the scores of its own run are the oracle."""
    root, (_, second) = two
    found = vectors(root, driver.run(client, root, second, transform.Settings(paired)))
    scored = records.read_spec(root, paired).inputs["transform"]
    wanted = embed.vectors(embed.load(root, paired), vectors(root, scored, "scores"))
    assert_allclose(found, wanted, atol=2e-4)
    first = vectors(root, paired)
    there = np.delete(np.arange(PIXELS), 5)
    own = (first * found)[there].sum(axis=1).mean()
    others = (first[there] * np.roll(found[there], 1, axis=0)).sum(axis=1).mean()
    assert own > others + 0.5


def test_embedding_by_a_model_of_other_periods_is_clustered_and_drawn(client, two, drawn, paired):
    root, (_, second) = two
    again = driver.run(client, root, second, transform.Settings(paired))
    grouped = driver.run(client, root, second, kmeans.Settings(again, k=3))
    found = vectors(root, again)
    sampled = outputs.read(root, drawn, "pixel")
    centres, _ = kmeans.fit(found[sampled], kmeans.Settings(k=3))
    assert_array_equal(vectors(root, grouped, "labels"), nearest(found, centres))
    wanted = maps.Settings(pictures=("clusters", "embedding", "pca"), run=grouped)
    *_, of = driver.specs(root, second, wanted)
    assert (of.inputs["embed"], of.inputs["cluster"]) == (again, grouped)
    assert of.inputs["pca"] in {spec.id for spec in driver.specs(root, second, pca.Settings())}


def test_features_are_embedded_without_components_and_as_whole_numbers(client, two, drawn):
    """Standardised and cut off as the sample says, 0 where missing: by NumPy; stored to a 127th."""
    root, (first, second) = two
    views = ("slots", "bands", "periods")
    how = quick.settings(drawn, "", second, ("huber",), views, steps=5, int8=True)
    run = driver.run(client, root, first, how)
    store = lake.open(f"{root}/{first}")
    chosen = features.resolve(raw.SAMPLE.features, store)
    x = features.read(store, chosen, slice(0, PIXELS)).T[:, sample.kept_columns(root, drawn)]
    there = np.delete(x, 5, axis=0).astype(np.float64)
    z = np.clip((x - there.mean(axis=0)) / there.std(axis=0), -6, 6).astype(np.float32)
    wanted = embed.vectors(embed.load(root, run), z)
    for found in (vectors(root, run), outputs.read(root, run, "embedding")):
        assert_allclose(found, wanted, atol=0.5 / 127 + 1e-3)
        assert np.isnan(found[5]).all()
    assert outputs.read(root, run, "embedding", slice(2, 4)).dtype == np.float32
    again = vectors(root, driver.run(client, root, second, transform.Settings(run)))
    assert np.flatnonzero(np.isnan(again).any(axis=1)).tolist() == [5]


def test_superblocks_stream_through_memory(client, two, drawn):
    root, (first, _) = two
    how = quick.settings(
        drawn, loss=("mse",), views=("mask",), steps=6, train_on="all", held_gb=0.0
    )
    found = vectors(root, driver.run(client, root, first, how))
    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == [5]


def test_all_pixels_are_trained_on_in_memory(client, truth, chain):
    how = quick.settings(chain.pca, steps=3, train_on="all")
    found = vectors(truth.root, driver.run(client, truth.root, truth.key, how))
    assert np.isfinite(np.delete(found, 5, axis=0)).all()
    assert not np.array_equal(found, vectors(truth.root, chain.embed))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"views": ("periods",)}, "second store"),
        ({"front": "pca", "views": ("slots",)}, "front=features"),
        ({"front": "mnf"}, "second=KEY"),
        ({"loss": ("supervised",)}, "labels go with"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_runs(two, how, message):
    root, (first, _) = two
    with pytest.raises(ConfigError, match=message):
        driver.specs(root, first, quick.settings(**how))


def test_run_of_another_front_is_refused(two, noise):
    root, (first, second) = two
    with pytest.raises(ConfigError, match="front=pca"):
        driver.specs(root, first, quick.settings(noise, "pca", second))


def test_front_is_chosen_by_the_number_of_stores(two):
    root, (first, second) = two
    alone, both = (driver.specs(root, first, quick.settings(second=of))[-1] for of in ("", second))
    recipes = [(of.settings["recipe"]["architecture"]["model"], of.settings["recipe"]["views"]["views"])
               for of in (alone, both)]  # fmt: skip
    assert recipes == [("deep", ["slots"]), ("residual", ["periods"])]
    assert (set(alone.inputs), set(both.inputs)) == ({sample.JOB}, {mnf.JOB, transform.JOB})
