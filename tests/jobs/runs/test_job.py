"""Every module of the registry offers what `jobs.runs.job` says."""

import inspect
from dataclasses import is_dataclass

import pytest

from jobs import registry
from jobs.runs import job
from lake.errors import ConfigError


def parameters(function) -> list[str]:
    """Names of the parameters that a call by position needs."""
    signature = inspect.signature(function).parameters.values()
    return [p.name for p in signature if p.default is p.empty and p.name != "self"]


def load(name: str) -> job.Job:
    """The module of a job; the test is skipped where torch, which it needs, is not installed."""
    if registry.JOBS[name].extra == "embed":
        pytest.importorskip("torch")
    return job.load(name)


@pytest.mark.parametrize("name", registry.JOBS)
def test_job_offers_the_protocol(name):
    module = load(name)
    assert name == module.JOB
    assert is_dataclass(module.Settings)
    assert module.Settings.__dataclass_params__.frozen
    assert parameters(module.specs) == parameters(job.Job.specs)
    assert parameters(module.make) == parameters(job.Job.make)
    assert hasattr(module, "apply") == registry.JOBS[name].fits_model


@pytest.mark.parametrize("name", registry.MODEL_JOBS)
def test_model_job_applies_its_model_to_other_stores(name):
    load(name)
    assert parameters(job.load_model_job(name).apply) == parameters(job.ModelJob.apply)


@pytest.mark.parametrize("name", registry.JOBS)
def test_job_is_known_by_its_settings_which_all_have_defaults(name):
    module = load(name)
    assert job.for_settings(module.Settings()) is module


def test_settings_of_no_job_are_refused():
    with pytest.raises(ConfigError, match="are the settings of no job"):
        registry.job_name(registry.JobEntry("", "", "", ""))


def test_library_that_is_not_installed_is_named_with_its_extra_but_no_module_of_ours(monkeypatch):
    def absent(missing):
        def load(name):
            raise ModuleNotFoundError(name=missing)

        monkeypatch.setattr(registry, "import_module", load)

    absent("sklearn.cluster")
    with pytest.raises(
        ConfigError, match=r"'lake sample' needs sklearn.cluster: .*goeslake\[jobs\]"
    ):
        registry.load("sample")
    absent("jobs.sampling.sample")
    with pytest.raises(ModuleNotFoundError):
        registry.load("sample")
