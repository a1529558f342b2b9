"""What this project takes of other libraries: their public interfaces, and the few others by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("lake", "ingest", "jobs")

PRIVATE_MODULES = {
    "xarray.core": "its guide to backends tells to use `indexing` of it",
}
PRIVATE_NAMES = {
    "_strip_protocol": "of file systems of fsspec: no public way tells a path as its listings do",
}


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
