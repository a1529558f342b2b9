"""Help and refusals: they name every setting, and load nothing heavy."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import click
import pytest

from jobs import registry
from jobs.commands import plot
from jobs.figures import trajectory_loops
from jobs.runs import setting_descriptions
from lake.commands import export, gc, group, main
from lake.commands.options import STATISTICS
from lake.export import FORMATS
from lake.plot import cycles, maps
from lake.plot.views import MapProjection
from lake.reading import cubes
from lake.upkeep import garbage

HEAVY = (
    "torch", "dask", "distributed", "zarr", "xarray", "pyarrow", "numpy", "pandas", "matplotlib", "rich",
)  # fmt: skip
PROGRAM = f"""
import contextlib, io, json, sys
from lake.commands.main import main

found = []
for arguments in json.load(sys.stdin):
    sys.argv = ["lake", *arguments]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    found.append((code, said.getvalue()))
print(json.dumps([found, [name for name in {HEAVY} if name in sys.modules]]))
"""


def run(*commands: tuple[str, ...]) -> tuple[list[tuple[int, str]], list[str]]:
    """Exit code and text of every command, one after the other in one process, and what that loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(commands), capture_output=True, text=True,
        check=True, cwd=Path(__file__).parents[3], env=os.environ | {"COLUMNS": "80"},
    )  # fmt: skip
    found, loaded = json.loads(done.stdout)
    return found, loaded


COMMANDS = {"import": ("import", "vectors")}
"""Commands of jobs that have other names than the job."""
SERVE = ("prometheus", "serve")
"""A command whose group wants a lake before it shows help."""


def test_help_of_every_job_lists_its_settings_and_loads_nothing_heavy():
    found, loaded = run(*((*COMMANDS.get(job, (job,)), "--help") for job in registry.JOBS))
    assert loaded == []
    for job, (code, said) in zip(registry.JOBS, found, strict=True):
        assert code == 0
        text = " ".join(said.split())
        for setting in setting_descriptions.of_job(job):
            assert f"\n    {setting.name}=" in said
            assert setting.text.replace("`", "") in text
            assert ", ".join(setting.choices) in text


def commands(command=main.lake, path=()) -> list[tuple[str, ...]]:
    """The words of every command, groups and what is in them."""
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    found = [path] if path else []
    for name in command.list_commands(context):
        found += commands(command.get_command(context, name), (*path, name))
    return found


def test_help_of_every_command_loads_nothing_heavy():
    asked = [(*words, "--help") for words in commands() if words != SERVE]
    assert len(asked) > 40
    found, loaded = run(*asked)
    assert loaded == []
    for words, (code, said) in zip(asked, found, strict=True):
        assert code == 0, words
        assert said.startswith(f"Usage: lake {' '.join(words[:-1])}"), words


def test_choices_that_are_named_twice_are_those_of_what_loads_later():
    assert cubes.ALL_STATISTICS == STATISTICS
    assert get_args(MapProjection) == plot.PROJECTIONS
    assert get_args(cycles.Over) == trajectory_loops.OVER == plot.CYCLES
    assert get_args(cycles.Clock) == plot.CLOCKS
    assert maps.OVER == plot.FILMS
    assert tuple(FORMATS) == export.KINDS
    assert garbage.GRACE.days == gc.DAYS


def test_library_that_is_not_installed_is_named_with_what_to_install(
    run_lake, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "jobs.commands.making", None)
    monkeypatch.setattr(group, "OWN", ())
    code, _, err = run_lake("pca", "KEY", "--lake", str(tmp_path))
    assert code == 1
    assert "'lake pca' needs jobs.commands.making: pip install 'goeslake[jobs]'" in err


REFUSALS = {
    ("--help",): (0, "\n  completion "),
    ("fly",): (2, "No such command 'fly'"),
    ("embed", "--nope"): (2, "No such option '--nope'"),
    ("pca", "KEY"): (2, "Missing option '--lake'"),
    ("pca", "--settings", "/nowhere.toml", "KEY"): (2, "does not exist"),
    ("completion", "csh"): (2, "'csh' is not one of 'bash', 'zsh', 'fish'"),
    ("completion", "fish"): (0, "complete --no-files"),
}


def test_refusals_and_help_load_nothing_heavy():
    found, loaded = run(*REFUSALS)
    assert loaded == []
    for (code, said), (expected, text) in zip(found, REFUSALS.values(), strict=True):
        assert code == expected
        assert text in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("pca",), "Missing argument 'KEY_OR_URL'"), (("join",), "Missing argument 'RUN RUN...'")],
)
def test_what_no_file_names_must_be_an_argument(run_lake, arguments, said):
    code, _, err = run_lake(*arguments, "--lake", "/nowhere")
    assert code == 2
    assert said in err
    assert "--settings" in err
