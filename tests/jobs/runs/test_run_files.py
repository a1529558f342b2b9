"""Runs described by files: what is written makes the same run again; what cannot be meant is refused."""

from dataclasses import replace

import pytest

from jobs.linear import passes, pca, transform
from jobs.runs import driver, job, records, run_files, settings
from jobs.runs.run_files import RunFile
from jobs.sampling import sample
from lake.errors import ConfigError
from tests.jobs import quick


def remade(truth, run, tmp_path):
    """The id of the run that the file of a run describes."""
    spec = records.read_spec(truth.root, run)
    path = tmp_path / "run.toml"
    path.write_text(run_files.text(run_files.of_spec(spec)))
    described = run_files.read(path, spec.job)
    made = settings.build(job.load(spec.job).Settings, described.settings)
    specs = driver.specs(truth.root, described.store, made, described.generations)
    return specs[-1].id


@pytest.mark.parametrize("name", ["sample", "pca", "embed", "cluster"])
def test_file_of_a_run_describes_the_same_run(truth, chain, tmp_path, name):
    run = getattr(chain, name)
    assert remade(truth, run, tmp_path) == run


def test_file_of_a_run_that_names_its_input_alone_describes_the_same_run(
    client, truth, chain, tmp_path
):
    run = driver.run(client, truth.root, truth.key, transform.Settings(chain.pca))
    assert remade(truth, run, tmp_path) == run
    spec = replace(
        records.read_spec(truth.root, run), changed={}
    )  # as of a run that another needed
    assert run_files.of_spec(spec).settings == {"run": chain.pca}


def test_file_says_what_was_asked_for_and_what_was_read(truth, chain):
    spec = records.read_spec(truth.root, chain.pca)
    described = run_files.of_spec(spec)
    assert described.job == "pca"
    assert described.store == truth.key
    assert described.generations == {truth.key: spec.generation}
    assert described.settings["run"] == chain.sample
    assert described.settings["components"] == 10


def test_values_of_every_type_come_back(tmp_path):
    given = {
        "seed": 3, "floor": 1e-6, "clip": 6.0, "whiten": True, "run": 'a "b" \\ c', "bands": ("C13", "C02"),
        "levels": (20, 2), "edges": (0.5, -1.0), "empty": (),
    }  # fmt: skip
    path = tmp_path / "run.toml"
    path.write_text(run_files.text(RunFile("pca", "a/b/c/d", given, {"a/b/c/d": "00000001-ab"})))
    found = run_files.read(path, "pca")
    lists = {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items()
    }
    assert found == RunFile("pca", "a/b/c/d", lists, {"a/b/c/d": "00000001-ab"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("job = 'mnf'", "describes a run of 'mnf': 'lake mnf --settings"),
        (
            "components = 3",
            "has 'components': wanted job, store, settings, generations; settings go below",
        ),
        ("settings = 3", "settings is 3, wanted a table"),
        ("store = 3", "store is 3, wanted text"),
        ("job = ", "is no TOML: Invalid value"),
        ("job = '\xe9'", "is no TOML: 'utf-8'"),
    ],
)
def test_file_that_says_something_else_is_refused(tmp_path, text, said):
    path = tmp_path / "run.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=said):
        run_files.read(path, "pca")


def test_generation_that_is_not_read_is_refused(truth, chain):
    wrong = {truth.key: records.read_spec(truth.root, chain.pca).generation}
    specs = driver.specs(truth.root, truth.key, pca.Settings(), wrong)
    assert specs[-1].generation == wrong[truth.key]
    store = records.open_store(truth.root, truth.key)
    with pytest.raises(ConfigError, match="leave its line out"):
        driver.specs(truth.root, store.url, sample.Settings(), {truth.key: "00000009-ab"})


def test_settings_of_python_are_checked_by_their_type():
    import numpy as np

    built = settings.build(
        pca.Settings,
        {"components": np.int64(3), "clip": 4, "whiten": np.bool_(True), "refills": "2"},
    )
    assert built == pca.Settings(whiten=True, fit=passes.Fit(components=3, clip=4.0, refills=2))
    assert isinstance(built.fit.clip, float)
    embed = quick.settings("").__class__
    chosen = settings.build(
        embed, {"loss": ["infonce"], "nested": np.array([4, 8]), "views": "mask,noise"}
    )
    assert chosen.recipe.objective.loss == ("infonce",)
    assert chosen.recipe.architecture.nested == (4, 8)
    assert chosen.recipe.views.views == ("mask", "noise")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"components": 2.5}, "setting components: 2.5 is not a whole number"),
        ({"components": True}, "setting components: True is not a whole number"),
        ({"components": None}, "setting components: None is not a whole number"),
        ({"whiten": 1}, "setting whiten: 1 is not true or false"),
        ({"run": 7}, "setting run: 7 is not text"),
        ({"clip": "wide"}, "setting clip: 'wide' is not a number"),
        ({"component": 7}, "no setting 'component'; did you mean 'components'"),
    ],
)
def test_settings_of_another_type_are_refused_by_their_name(values, said):
    with pytest.raises(ConfigError, match=said):
        settings.build(pca.Settings, values)


def test_one_value_for_a_list_is_refused():
    with pytest.raises(ConfigError, match=r"setting months: 7 is not a list, as \[7\]"):
        settings.build(sample.Settings, {"months": 7})
