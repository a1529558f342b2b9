"""What docs/python.md shows works as it stands, on a small lake."""

import inspect
import re
from pathlib import Path

import pytest

import jobs
from jobs import registry
from jobs.interactive.run import Run
from lake.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
KEY = "goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0"


def test_blocks_run_from_top_to_bottom(client, truth):
    names = {"given": client}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        if "ingest" in block or "gateway" in block:
            continue  # their own tests: tests/ingest/test_interactive.py, tests/lake/test_gateway.py
        program = block.replace("Client()", "given").replace("s3://bucket/lake", truth.root)
        program = program.replace(KEY, truth.key).replace(", anon=True", "")
        if "run" in names:
            program = program.replace("pca-0123456789ab", names["run"].id)
        exec(program, names)  # noqa: S102 (our own page)
    assert names["run"].scores.sizes["pixel"] == 675
    assert set(names["classes"].labels.values.tolist()) == {-1, *range(12)}


def test_every_function_and_every_attribute_of_a_run_is_named():
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    shown = set(re.findall(r"`(\w+)`", "\n".join(rows)))
    assert registry.FUNCTIONS.keys() <= shown
    named = set(re.findall(r"`run\.(\w+)", PAGE))
    public = {name for name in dir(Run) if not name.startswith("_")}
    of_details = {"changed", "future", "ids", "job", "lake", "seconds", "stores"}
    assert public - of_details <= named
    assert named - public <= {"scores", "embedding", "labels", "id", "url"}


def test_refusal_is_as_shown(client, truth):
    (said,) = re.findall(r"ConfigError: (.*?) \.\.\.", PAGE)
    with pytest.raises(ConfigError, match=re.escape(said)):
        jobs.pca(client, truth.key, lake=truth.root, component=50)


def test_arguments_of_the_table_are_arguments():
    table = PAGE.partition("## From a command to Python")[2]
    named = re.findall(r"\| `(\w+)=[^`]*`", table)
    assert set(named) == {"months", "tods", "lake"}
    assert set(named) <= inspect.signature(jobs.sample).parameters.keys()
