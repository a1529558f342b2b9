"""What this project takes of other libraries: their public interfaces, and the few others by name."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests import lanes, packages

ROOT = Path(__file__).parents[1]
PACKAGES = ("lake", "ingest", "jobs")

PRIVATE_MODULES = {
    "xarray.core": "its guide to backends tells to use `indexing` of it",
}
PRIVATE_NAMES = {
    "_strip_protocol": "of file systems of fsspec: no public way tells a path as its listings do",
}
OPTIONAL = {
    "IPython": "of notebooks, which have loaded it: no other program is asked to show anything",
    "dask_gateway": "of addresses gateway+https://; the message without it tells what to install",
    "pyogrio": "of regions in files that are no GeoJSON; the message without it tells what to install",
}
LEFT_OUT = {"torch", "safetensors", "umap-learn", "pynndescent"}
"""What no lane of the lowest releases installs: torch, and what goes with it."""
OFFERED = {"umap": "umap-learn"}
"""What is imported under another name than its package has, where no lane may have installed that."""
BROUGHT = {"boto3": "by moto", "yarl": "by aiohttp"}
"""What the tests of lanes import, and which of their tools installs it."""


def sources() -> Iterator[ast.Module]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ast.parse(path.read_text(), str(path))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of what is imported of others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def own_names(tree: ast.Module) -> Iterator[str]:
    """Names that a module gives to attributes, methods and functions of its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


def test_modules_that_others_keep_to_themselves_are_named_here():
    found = {
        name.rpartition(".")[0]
        for tree in sources()
        for name in imported(tree)
        if name.partition(".")[0] not in PACKAGES
        and any(part == "core" or is_private(part) for part in name.split("."))
    }
    assert found == set(PRIVATE_MODULES)


def test_names_that_others_keep_to_themselves_are_named_here():
    own = {name for tree in sources() for name in own_names(tree)}
    found = {
        node.attr
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and ast.unparse(node) != "os._exit"  # that is its public name
    }
    assert found - own == set(PRIVATE_NAMES)


def declared() -> set[str]:
    """What `pyproject.toml` asks for, for users: names and bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {
        *project["dependencies"],
        *(n for name in extras if name not in {"dev", "docs"} for n in extras[name]),
    }
    return {name for name in wanted if not name.startswith("goeslake")}


def test_all_that_is_imported_is_declared():
    names = {word for name in declared() for word in re.findall(r"[\w-]+", name.lower())}
    offered = packages_distributions()
    imports = {name.partition(".")[0] for tree in sources() for name in imported(tree)}
    others = imports - set(PACKAGES) - sys.stdlib_module_names - set(OPTIONAL)
    undeclared = {
        name
        for name in others
        if not names
        & {name.replace("_", "-"), OFFERED.get(name), *map(str.lower, offered.get(name, ()))}
    }
    assert undeclared == set()


def test_every_dependency_has_a_lower_bound_that_a_lane_tests():
    assert {name for name in declared() if ">=" not in name} == set()
    named = {name.partition("==")[0] for name in lanes.lowest()}
    assert named == {name.partition(">=")[0] for name in declared()} - LEFT_OUT


def at_import(path: Path, known: dict[Path, ast.Module]) -> None:
    """Add to `known` a module of tests and those that it imports before any test runs."""
    if path in known or not path.is_file():
        return
    tree = known[path] = ast.parse(path.read_text(), str(path))
    for node in tree.body:
        for name in imported(ast.Module([node], [])):
            parts = name.split(".")
            if parts[0] == "tests":
                at_import(ROOT.joinpath(*parts).with_suffix(".py"), known)
                at_import(ROOT.joinpath(*parts[:-1]).with_suffix(".py"), known)


def test_lanes_install_all_that_their_tests_import():
    known: dict[Path, ast.Module] = {}
    for name in lanes.TESTS:
        path = ROOT / name
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            at_import(file, known)
    names = {
        name.partition(".")[0]
        for tree in known.values()
        for name in imported(
            ast.Module(
                [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []
            )
        )
    }
    installed = {
        word for name in {*declared(), *lanes.TOOLS} for word in re.findall(r"[\w-]+", name.lower())
    }
    offered = packages_distributions()
    lacking = {
        name
        for name in names - sys.stdlib_module_names - {*PACKAGES, *BROUGHT, "tests"}
        if not installed & {name.replace("_", "-"), *map(str.lower, offered.get(name, ()))}
    }
    assert lacking == set()


def test_lane_without_its_interpreter_is_skipped_by_name(capsys):
    lanes.tested("newest", ("9.8", "9.7"), (), ())
    assert capsys.readouterr().out == "lane newest: skipped, no python9.8 nor python9.7\n"


def test_interpreter_that_is_wanted_most_is_found():
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = lanes.interpreter(("9.8", version))
    if found is None:
        pytest.skip(f"no python{version} on the path or of pyenv")
    assert packages.output([found, "--version"]).startswith(f"Python {version}.")


def test_lanes_are_named_or_all_meant():
    def ran(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "tests.lanes", *words]
        return subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True, check=False)

    out_of_time = ran("--tested", "1", "--limit", "1")
    assert out_of_time.returncode == 0, out_of_time.stderr
    assert out_of_time.stdout.count("not run") == len(lanes.LANES)
    misspelt = ran("nowest")
    assert misspelt.returncode == 2
    assert "no lane nowest: there are newest, packages, oldest" in misspelt.stderr


def test_lanes_run_as_long_as_there_is_time(capsys, monkeypatch, tmp_path):
    programs = {
        "newest": "import sys; sys.exit(1)",
        "packages": f"import subprocess; subprocess.run(['sleep', '60']); open({str(tmp_path / 'x')!r}, 'w')",
        "oldest": "",
    }
    monkeypatch.setattr(lanes, "command", lambda name: [sys.executable, "-c", programs[name]])
    assert lanes.failures_in_time(("newest", "oldest"), 10, 40) == ["newest"]
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(lanes, "SHARES", {"packages": 0.1, "oldest": 0.5})
    assert lanes.failures_in_time(("packages", "oldest"), 10, 12) == []
    stopped, left_out = capsys.readouterr().out.splitlines()
    assert stopped.endswith("stopped, it did not end in the 2 s that were left")
    assert left_out == "lane oldest: not run: it takes about 5 s here, and 0 s are left"
    assert list(tmp_path.iterdir()) == []
