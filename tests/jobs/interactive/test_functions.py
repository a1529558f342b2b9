"""The functions of `jobs`: their arguments, texts and stub, against the settings."""

import ast
import inspect
import pkgutil
import subprocess
import sys

import pytest

import jobs
from jobs import registry
from jobs.runs import setting_descriptions
from tests import settings_page


@pytest.mark.parametrize(("name", "job"), registry.FUNCTIONS.items())
def test_arguments_are_the_settings(name, job):
    function = getattr(jobs, name)
    assert (function.__name__, function.__module__) == (name, "jobs")
    client, store, *named = inspect.signature(function).parameters.values()
    assert (client.name, store.name) == ("client", "store")
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in named)
    settings = setting_descriptions.of_job(job)
    assert [parameter.name for parameter in named] == ["lake", "force", *(s.name for s in settings)]
    for parameter, setting in zip(named[2:], settings, strict=True):
        assert parameter.default == setting.default
        assert f"    {setting.name}: {setting.text}" in function.__doc__


def test_names_of_functions_are_taken_by_no_module_and_no_keyword():
    modules = {module.name for module in pkgutil.iter_modules(jobs.__path__)}
    assert not modules & registry.FUNCTIONS.keys()
    assert all(name.isidentifier() for name in registry.FUNCTIONS)
    for name in registry.FUNCTIONS:
        ast.parse(f"from jobs import {name}")
    assert set(registry.FUNCTIONS.values()) == set(registry.JOBS)


def test_stub_is_what_the_source_says():
    assert settings_page.STUB.read_text("utf-8") == settings_page.stub(), (
        "run python -m tests.settings_page"
    )


def test_names_are_shown_before_anything_heavy_loads():
    program = (
        "import jobs, sys; assert {'pca', 'embed', 'Run', 'open_run'} <= set(dir(jobs));"
        "print([m for m in ('distributed', 'torch', 'zarr', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_help_of_a_function_does_not_load_the_job():
    program = "import jobs, sys; help(jobs.embed); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "latent: Dimensions of the embedding" in done.stdout
    assert done.stdout.strip().endswith("False")


def test_name_that_is_no_job_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'fly'"):
        _ = jobs.fly
