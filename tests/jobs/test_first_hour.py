"""What docs/tutorials/first-hour.md reads, draws and labels works as it stands, on a small invented country.

Its jobs take minutes: here only their settings are checked.
"""

import ast
import inspect
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pyarrow.parquet as pq
import pytest

import jobs
from jobs import registry
from jobs.synthetic import stores
from jobs.synthetic.country import Country
from lake.commands import main
from lake.format.order import Layout

PAGE = (Path(__file__).parents[2] / "docs" / "tutorials" / "first-hour.md").read_text("utf-8")
COMMANDS = re.findall(r"^    (lake .*)$", PAGE, re.MULTILINE)
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COUNTRY = Country(rows=48, columns=48, classes=4, months=(1, 7), tods=(57600, 64800), days=6)
CLASSES = np.array(["city", "desert", "forest", "water"])


@pytest.fixture
def country(tmp_path, monkeypatch):
    """A lake of two years with the truth beside it, as the page has them."""
    made = stores.write(str(tmp_path / "stores"), COUNTRY, Layout(64, 4), str(tmp_path))
    truth = pq.ParquetFile(tmp_path / stores.TABLE).read().to_pydict()
    classes = np.full((COUNTRY.rows, COUNTRY.columns), -1)
    classes[truth["row"], truth["column"]] = truth["label"]
    (tmp_path / "source").mkdir()
    np.savez(tmp_path / "source/truth.npz", classes=classes, names=CLASSES)
    monkeypatch.chdir(tmp_path)
    return made


def test_blocks_without_jobs_run_from_top_to_bottom(country, tmp_path):
    names = {}
    years = re.findall(r'^(?:YEAR|LATER) = "(.*)"$', PAGE, re.MULTILINE)
    for block in BLOCKS:
        if "client" in block:
            continue
        program = block
        for year, key in zip(years, country.keys, strict=True):
            program = program.replace(year, key)
        exec(program, names)  # noqa: S102 (our own page)
    assert (tmp_path / "july.png").stat().st_size
    labels = (tmp_path / "labels.csv").read_text().splitlines()
    assert labels[0] == "lon,lat,label"
    assert len(labels) == 801
    assert {line.rpartition(",")[2] for line in labels[1:]} == set(CLASSES)


def test_jobs_have_the_settings_that_are_shown():
    calls = [
        node
        for block in BLOCKS
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        and node.func.id in registry.FUNCTIONS
    ]  # fmt: skip
    assert len(calls) == 7
    for call in calls:
        given = {keyword.arg: None for keyword in call.keywords}
        inspect.signature(getattr(jobs, call.func.id)).bind(*call.args, **given)


@pytest.mark.parametrize("line", COMMANDS)
def test_command_is_understood(line):
    command, arguments = main.lake, shlex.split(line)[1:]
    context = click.Context(main.lake, info_name="lake")
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.get_command(context, name)
    made = command.make_context(command.name, arguments)
    assert not made.args
