"""PCA of whole stores against scikit-learn and, with holes, against the scores of the same data without."""

import json
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

import lake
from jobs.linear import pca
from jobs.linear.passes import Fit, superblock_groups
from jobs.linear.pca import Settings
from jobs.runs import driver, outputs, records
from jobs.sampling import sample
from lake.errors import ConfigError, MissingError
from tests.jobs import raw, small

NO_CLIP = 1e9


@pytest.fixture(scope="module")
def complete():
    return raw.low_rank(np.random.default_rng(7))


@pytest.fixture(scope="module")
def stores(tmp_path_factory, complete):
    """A lake of the complete data, and of the same with holes, by single features and by cells."""
    there = raw.lake(tmp_path_factory.mktemp("raw") / "lake")
    rng = np.random.default_rng(8)
    keys = {
        "complete": there.add(2018, complete),
        "single": there.add(2019, raw.holed(rng, complete, 1)),
        "cells": there.add(2020, raw.holed(rng, complete, 7)),
    }
    return there.root, keys


@pytest.fixture(scope="module")
def fitted(client, stores):
    """The dataset of a PCA of one of the stores."""
    root, keys = stores

    def run(kind, *, whiten=False, clip=NO_CLIP, **how):
        drawn = driver.run(client, root, keys[kind], raw.SAMPLE)
        settings = Settings(drawn, whiten, Fit(clip=clip, **how))
        return outputs.dataset(root, driver.run(client, root, keys[kind], settings))

    return run


def test_complete_data_give_what_scikit_learn_gives(fitted, complete):
    found = fitted("complete", components=64)
    z = raw.standard(complete)
    oracle = PCA(64, svd_solver="covariance_eigh").fit(z)
    assert 1 - raw.captured(z, found["components"].values) / oracle.explained_variance_.sum() < 1e-9
    sign = np.sign(np.sum(found["components"].values[:8] * oracle.components_[:8], axis=1))
    assert_allclose(
        found["components"].values[:8] * sign[:, None], oracle.components_[:8], atol=1e-5
    )
    assert_allclose(found["scores"].values[:, :8] * sign, oracle.transform(z)[:, :8], atol=1e-4)
    assert_allclose(found["explained_variance"], oracle.explained_variance_, rtol=1e-4)
    assert_allclose(found["explained_variance_ratio"], oracle.explained_variance_ratio_, rtol=1e-4)
    assert_allclose(found["mean"], complete.mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert_allclose(found["scale"], complete.std(axis=0, dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("kind", ["single", "cells"])
def test_with_fifteen_percent_missing_scores_are_within_one_percent(fitted, kind):
    wanted = fitted("complete", components=8)["scores"].values
    found = fitted(kind, components=8)["scores"].values
    assert not np.isnan(found).any()
    assert np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2)) < 0.01


@pytest.mark.parametrize("kind", ["complete", "cells"])
def test_subspace_gives_what_the_covariance_gives(fitted, kind):
    exact = fitted(kind, components=8)
    found = fitted(kind, components=8, exact=0)
    held = found["explained_variance"].values.sum()
    assert held == pytest.approx(exact["explained_variance"].values.sum(), rel=1e-3)
    wanted = exact["scores"].values
    error = np.sqrt(np.mean((found["scores"].values - wanted) ** 2) / np.mean(wanted**2))
    assert error < (1e-4 if kind == "complete" else 5e-3)


def test_a_sketch_says_what_each_pass_gained(fitted, stores):
    run = fitted("complete", components=8, exact=0, passes=3).attrs["run"]
    document = json.loads((Path(stores[0]) / "runs" / run / "model.json").read_text())
    held = document["variance_held_after_passes"]
    assert len(held) == 3
    assert held[0] < held[1] * 1.0001
    assert document["features"] == raw.FEATURES


def test_whitened_scores_have_variance_one(fitted):
    found = fitted("complete", whiten=True, components=20)["scores"].values
    assert_allclose(np.cov(found.T), np.eye(20), atol=1e-4)


def test_without_standardising_features_keep_their_units(fitted, complete):
    found = fitted("complete", components=8, standardise=False)
    oracle = PCA(8, svd_solver="covariance_eigh").fit(complete.astype(np.float64))
    assert_allclose(found["explained_variance"], oracle.explained_variance_, rtol=1e-5)
    assert (found["scale"] == 1).all()


def test_values_beyond_the_clip_count_as_the_clip(fitted, complete):
    found = fitted("complete", components=8, clip=1.5)
    z = np.clip(raw.standard(complete), -1.5, 1.5)
    oracle = PCA(8, svd_solver="covariance_eigh").fit((z - z.mean(axis=0)) / z.std(axis=0))
    assert_allclose(found["explained_variance"], oracle.explained_variance_, rtol=1e-3)


def test_groups_hold_every_superblock_once_in_order():
    for number in (1, 2, 15, 16, 17, 110):
        blocks = [slice(i, i + 1) for i in range(number)]
        groups = superblock_groups(blocks)
        assert [block for group in groups for block in group] == blocks
        assert len(groups) == min(max(number // 2, 1), 16)
        assert max(map(len, groups)) - min(map(len, groups)) <= 1


def test_only_the_pixel_without_features_has_no_scores(truth, chain):
    missing = np.isnan(outputs.dataset(truth.root, chain.pca)["scores"].values)
    assert np.flatnonzero(missing.any(axis=1)).tolist() == [5]


def test_labels_name_the_features_and_the_pixels_lie_where_they_do(truth, chain):
    found = outputs.dataset(truth.root, chain.pca)
    store = lake.open(f"{truth.root}/{truth.key}")
    drawn = outputs.dataset(truth.root, chain.sample)
    assert list(found["feature"].values) == list(drawn["feature"].values)
    assert list(found["row"].values) == list(store.domain.row)
    loadings = found["components"].sel(component=0)
    assert loadings.sel(feature="day-1km/C03/07/64800/mean").shape == ()


def test_lake_on_s3_gives_the_same_scores(client, truth, chain, s3_root):
    there = small.build(s3_root)
    drawn = driver.run(client, s3_root, there.key, sample.Settings(phase=1, phases=2))
    run = driver.run(client, s3_root, there.key, Settings(drawn, fit=Fit(components=10)))
    found = outputs.dataset(s3_root, run)
    assert_array_equal(found["scores"], outputs.dataset(truth.root, chain.pca)["scores"])


def test_workers_that_offer_a_gpu_get_the_sums(client, stores, fitted):
    """One has no CUDA, and multiplies all the same."""
    root, keys = stores
    wanted = fitted("complete", components=5)
    with (
        LocalCluster(
            1, processes=False, threads_per_worker=1, resources={"GPU": 1}, dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as other,
    ):
        driver.forget(root, wanted.attrs["run"])
        settings = Settings(wanted.attrs["inputs"]["sample"], fit=Fit(components=5, clip=NO_CLIP))
        driver.run(other, root, keys["complete"], settings)
    assert_array_equal(outputs.dataset(root, wanted.attrs["run"])["scores"], wanted["scores"])


def test_dropped_features_do_not_enter(client, truth):
    drawn = driver.run(client, truth.root, truth.key, sample.Settings(max_missing=0.15))
    run = driver.run(client, truth.root, truth.key, Settings(drawn, fit=Fit(components=3)))
    names = outputs.dataset(truth.root, run)["feature"].values
    assert len(names) == 32
    assert not any(name.startswith("day-2km") and name.endswith("kurtosis") for name in names)


def test_there_are_no_more_components_than_features(client, truth):
    run = driver.run(client, truth.root, truth.key, pca.Settings())
    found = outputs.dataset(truth.root, run)
    assert found.sizes["component"] == found.sizes["feature"] == 40
    assert float(found["explained_variance_ratio"].sum()) == pytest.approx(1, abs=0.02)


def test_without_a_sample_the_default_one_is_drawn(client, truth):
    run = driver.run(client, truth.root, truth.key, pca.Settings())
    default = driver.run(client, truth.root, truth.key, sample.Settings())
    assert records.read_spec(truth.root, run).inputs == {"sample": default}
    assert driver.run(client, truth.root, truth.key, Settings(run=default)) == run


def test_run_of_another_job_or_none_is_refused(client, truth, chain):
    with pytest.raises(ConfigError, match="wanted sample"):
        driver.run(client, truth.root, truth.key, Settings(run=chain.pca))
    with pytest.raises(MissingError, match="sample-0"):
        driver.run(client, truth.root, truth.key, Settings(run="sample-0"))


@pytest.mark.parametrize(
    "wrong", [{"components": 0}, {"passes": 0}, {"clip": 0.0}, {"refills": -1}, {"exact": 5000}]
)
def test_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Fit(**wrong)
