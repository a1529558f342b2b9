import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs import components, driver, features, outputs, pca, runs, sample
from jobs.features import Selection
from jobs.pca import Settings
from lake.errors import ConfigError, MissingError
from tests.jobs import small


def everything(truth):
    store = lake.open(f"{truth.root}/{truth.key}")
    chosen = features.settle(Selection(), store)
    return features.read(store, chosen, slice(0, store.domain.pixels)).T


def test_scores_of_all_superblocks_are_those_computed_in_memory(truth, chain):
    x = everything(truth)
    sampled = outputs.dataset(truth.root, chain.sample)["pixel"].values
    seen = x[sampled[~np.isnan(x[sampled]).all(axis=1)]]
    model = components.fit(seen, 10, 10, 6)
    found = outputs.dataset(truth.root, chain.pca)
    assert found["scores"].dims == ("pixel", "component")
    assert_allclose(found["scores"], components.scores(x, model, 10), atol=1e-5)
    assert_allclose(found["components"], model.components, atol=1e-7)
    assert_allclose(found["explained_variance"], model.variance)
    assert_allclose(found["explained_variance_ratio"], model.variance / model.total)
    assert_allclose(found["mean"], model.mean)


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
    run = driver.run(client, s3_root, there.key, Settings(sample=drawn, components=10))
    found = outputs.dataset(s3_root, run)
    assert_array_equal(found["scores"], outputs.dataset(truth.root, chain.pca)["scores"])


def test_dropped_features_do_not_enter(client, truth):
    drawn = driver.run(client, truth.root, truth.key, sample.Settings(max_missing=0.15))
    run = driver.run(client, truth.root, truth.key, Settings(sample=drawn, components=3))
    names = outputs.dataset(truth.root, run)["feature"].values
    assert len(names) == 32
    assert not any(name.startswith("day-2km") and name.endswith("kurtosis") for name in names)


def test_there_are_no_more_components_than_features(client, truth):
    run = driver.run(client, truth.root, truth.key, pca.Settings())
    found = outputs.dataset(truth.root, run)
    assert found.sizes["component"] == found.sizes["feature"] == 40
    assert float(found["explained_variance_ratio"].sum()) == pytest.approx(1)


def test_without_a_sample_the_default_one_is_drawn(client, truth):
    run = driver.run(client, truth.root, truth.key, pca.Settings())
    default = driver.run(client, truth.root, truth.key, sample.Settings())
    assert runs.read_spec(truth.root, run).inputs == {"sample": default}
    assert driver.run(client, truth.root, truth.key, Settings(sample=default)) == run


def test_run_of_another_job_or_none_is_refused(client, truth, chain):
    with pytest.raises(ConfigError, match="wanted sample"):
        driver.run(client, truth.root, truth.key, Settings(sample=chain.pca))
    with pytest.raises(MissingError, match="sample-0"):
        driver.run(client, truth.root, truth.key, Settings(sample="sample-0"))


@pytest.mark.parametrize("wrong", [{"components": 0}, {"passes": 0}, {"clip": 0.0}])
def test_setting_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Settings(**wrong)
