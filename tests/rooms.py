"""The rooms of the three packages: their contracts, the imports between modules, and a picture of both.

python -m tests.rooms    # writes the picture into docs/architecture.md
"""

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("lake", "ingest", "jobs")
REGISTRY = "jobs.registry"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: python -m tests.rooms -->\n", "<!-- /rooms -->\n"


@cache
def modules() -> Mapping[str, Path]:
    """Dotted name -> file of every module."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {_name(path.relative_to(ROOT)): path for path in sorted(paths)}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(name: str) -> set[str]:
    """Modules that a module imports, anywhere in it, for types too, and by strings.

    The registry of jobs is the exception: what it names loads when a job is asked for by its name.
    """
    tree = ast.parse(modules()[name].read_text("utf-8"))
    statements = {target for node in ast.walk(tree) for target in _imported(node)}
    by_string = set() if name == REGISTRY else set(strings(name).values())
    return (statements | by_string) & modules().keys() - {name}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in modules() else node.module


def strings(name: str) -> dict[int, str]:
    """Line -> module that a string names, alone or before `:attribute`; docstrings name none."""
    tree = ast.parse(modules()[name].read_text("utf-8"))
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    named = {
        node.lineno: node.value.partition(":")[0]
        for node in constants
        if isinstance(node.value, str) and "." in node.value
    }
    return {line: module for line, module in named.items() if module in modules()}


def circles(package: str) -> list[list[str]]:
    """Modules of a package that import each other, directly or through others (Tarjan, 1972)."""
    graph = {name: imports(name) for name in modules() if name.split(".")[0] == package}
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in sorted(graph[name] & graph.keys()):
            if target not in order:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], order[target])
        if lowest[name] == order[name]:
            circle = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(circle) > 1:
                found.append(sorted(circle))

    for name in graph:
        if name not in order:
            visit(name)
    return found


def contracts() -> dict[str, list[list[str]]]:
    """Package -> its layers from above, each of rooms that do not import each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return {
        contract["containers"][0]: [layer.split(" | ") for layer in contract["layers"]]
        for contract in settings["contracts"]
        if contract["type"] == "layers" and "containers" in contract
    }


def rooms(package: str) -> set[str]:
    """Names of the modules and sub-packages directly in a package."""
    return {name.split(".")[1] for name in modules() if name.startswith(f"{package}.")}


def subject(package: str, room: str) -> str:
    """The first sentence of a room's docstring."""
    docstring = ast.get_docstring(ast.parse(modules()[f"{package}.{room}"].read_text("utf-8")))
    return re.split(r"(?<=[.:;])\s", (docstring or "").replace("\n", " "))[0].rstrip(".:;")


def room_imports(package: str) -> dict[str, set[str]]:
    """Room -> the rooms of its package that it imports, but for those that it reaches through others."""
    rooms_of = {name: name.split(".")[1] for name in modules() if name.startswith(f"{package}.")}
    direct: dict[str, set[str]] = {room: set() for room in rooms_of.values()}
    for name, room in rooms_of.items():
        direct[room] |= {rooms_of[target] for target in imports(name) if target in rooms_of}
    for room, targets in direct.items():
        targets.discard(room)

    @cache
    def reached(room: str) -> frozenset[str]:
        return frozenset(direct[room]).union(*(reached(target) for target in direct[room]))

    return {
        room: {
            target
            for target in targets
            if not any(target in reached(other) for other in targets - {target})
        }
        for room, targets in direct.items()
    }


def picture() -> str:
    """The rooms as a Mermaid flow chart: an arrow goes from a room to one that it imports.

    What a room imports and also reaches through others has no arrow of its own.
    """
    lines = ["```mermaid", "flowchart TB"]
    for package, layers in contracts().items():
        arrows = room_imports(package)
        names = [
            room for layer in layers for room in layer if room in arrows and room != "__main__"
        ]
        lines.append(f'  subgraph {package}["{package}/"]')
        lines += [f'    {package}_{room}["{room}"]' for room in names]
        lines += [
            f"    {package}_{room} --> {package}_{target}"
            for room in names
            for target in names
            if target in arrows[room]
        ]
        lines.append("  end")
    lines += ["  ingest --> lake", "  jobs --> lake", "```"]
    return "\n".join(lines) + "\n"


def table() -> str:
    """The rooms as a table: from above, with what each is about."""
    lines = []
    for package, layers in contracts().items():
        lines += [f"\n| `{package}/` | |", "|---|---|"]
        lines += [
            f"| `{room}` | {subject(package, room)} |"
            for layer in layers
            for room in layer
            if room != "__main__"
        ]
    return "\n".join(lines) + "\n"


def shown(page: str) -> str:
    """What a page has between the marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    """Write the picture and the table into the page."""
    before, begin, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    PAGE.write_text(before + begin + picture() + table() + end + after, "utf-8")


if __name__ == "__main__":
    main()
