"""Every patch of docs/extending.md applies to the code as it is, and its own test passes."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
COPIED = ("lake", "ingest", "jobs", "tests", "docs", "pyproject.toml")
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Recipe:
    """A section of the page."""

    title: str
    patch: str
    command: str


def recipes(page: str) -> list[Recipe]:
    """The sections of a page that hold a patch, each with the command that shows it to work."""
    _, *sections = _SECTION.split(page)
    made = []
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        blocks = dict(_BLOCK.findall(text))
        if "diff" in blocks:
            made.append(Recipe(title, blocks["diff"], blocks["sh"]))
    return made


RECIPES = recipes(PAGE.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.title for recipe in RECIPES])
def test_patch_applies_and_its_own_test_passes(recipe, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "images")
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(
            source, target
        )
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=tmp_path, input=recipe.patch, text=True, capture_output=True,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}, check=False,
    )  # fmt: skip
    assert applied.returncode == 0, applied.stderr
    command = recipe.command.strip()
    assert command.startswith("pytest ")
    done = subprocess.run(
        [sys.executable, "-P", "-m", *command.split(), "-p", "no:cacheprovider"],
        cwd=tmp_path, text=True, capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_every_section_that_shows_a_patch_shows_how_to_try_it():
    for recipe in RECIPES:
        assert recipe.command, recipe.title
