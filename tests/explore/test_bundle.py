"""The committed page is what its sources give."""

import shutil
import subprocess
from pathlib import Path

import pytest

import lake

FOLDER = Path(lake.__file__).parent / "explore"


def test_bundle_is_built_from_its_sources(tmp_path):
    if shutil.which("npm") is None:
        pytest.skip("no npm: the page cannot be built here")
    page = tmp_path / "page"
    shutil.copytree(FOLDER / "page", page, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=page, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm cannot install what builds the page: {done.stderr[-300:]}")
    subprocess.run(["node", "build.mjs", str(tmp_path / "built")], cwd=page, check=True, timeout=60)
    built, committed = (
        {file.name: file.read_bytes() for file in folder.iterdir()}
        for folder in (tmp_path / "built", FOLDER / "built")
    )
    assert sorted(built) == sorted(committed), "run 'npm ci && npm run build' in lake/explore/page"
    for name, content in committed.items():
        assert built[name] == content, f"{name}: run 'npm ci && npm run build' in lake/explore/page"
