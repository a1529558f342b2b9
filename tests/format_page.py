"""The tables of docs/format.md: what a generation, a ledger and a manifest hold."""

import re
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "format.md"


def rows(*head: str) -> list[list[str]]:
    """The cells of the rows of the table whose first columns have these names."""
    lines = iter(PAGE.read_text("utf-8").splitlines())
    start = f"| {' | '.join(head)} |"
    found = next(line for line in lines if line.strip().startswith(start))
    indent = found[: len(found) - len(found.lstrip())]
    next(lines)
    table = []
    for line in lines:
        if not line.startswith(f"{indent}|"):
            return table
        table.append([cell.strip() for cell in line.strip()[1:-1].split("|")])
    return table


def names(cell: str) -> list[str]:
    """The names that a cell has as code."""
    return re.findall(r"`([^`]+)`", cell)


def arrays() -> dict[str, tuple[tuple[str, ...], str] | None]:
    """Path of an array of a generation -> dimensions and type, where its row says them."""
    return {path: kind for row in rows("array", "dims") for path, kind in _arrays_of(*row[:3])}


def _arrays_of(
    cell: str, dims: str, types: str
) -> Iterator[tuple[str, tuple[tuple[str, ...], str] | None]]:
    first, *others = names(cell)
    folder = first.rpartition("/")[0]
    paths = [first, *(f"{folder}/{name}" if folder else name for name in others)]
    for number, path in enumerate(paths):
        of_each = [part.split(", ") for part in dims.split("; ")]
        own = of_each[number if len(of_each) > 1 else 0]
        kinds = types.split(", ")
        kind = kinds[number if len(kinds) > 1 else 0]
        yield path, (tuple(own) if own != ["-"] else (), kind) if kind else None
