"""What the README shows works as it stands."""

import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest

from lake.commands import main
from tests import prose
from tests.lake.small_store import CUBES, KEY, small_domain, values, write

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README, INDEX = ((folder / "README.md").read_text("utf-8") for folder in (ROOT, DOCS))
COMMANDS = [
    line.partition("#")[0].strip()
    for line in re.findall(r"^    (lake .*)$", README + INDEX, re.MULTILINE)
]


def test_python_block_reads_a_store(tmp_path):
    domain = small_domain()
    write(str(tmp_path / KEY), domain)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    program, urls = re.subn(r'lake\.open\(".*?"\)', f"lake.open({str(tmp_path / KEY)!r})", block)
    names = {}
    exec(program, names)  # noqa: S102 (our own README)
    assert urls == 1
    wanted = values(domain, CUBES[0], 7)[1, 1, 3, :, 0]
    np.testing.assert_array_equal(names["image"].values[domain.row, domain.column], wanted)
    assert names["image"].shape == domain.grid.shape


@pytest.mark.parametrize("line", COMMANDS)
def test_command_is_understood(line):
    command, arguments = main.lake, shlex.split(line)[1:]
    context = click.Context(main.lake, info_name="lake")
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.get_command(context, name)
        assert command is not None, name
    command.make_context(command.name, arguments)


def test_commands_are_there():
    assert all(page.count("\n    lake ") >= 5 for page in (README, INDEX))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^    make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_index_lists_every_page():
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - {"README.md"}
    assert pages == {link.partition("#")[0] for link in prose.links(INDEX)}
