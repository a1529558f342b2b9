"""What a run builds on, and what builds on it."""

from collections.abc import Iterator
from contextlib import suppress

from jobs.runs import records
from lake.errors import FormatError


def builders(root: str, run: str) -> list[str]:
    """The runs that read what a run wrote."""
    found = []
    for name in records.names(root):
        with suppress(FormatError):  # a run of goeslake 0.1.0 builds on none that is read
            if run in records.read_spec(root, name).inputs.values():
                found.append(name)
    return found


def tree(root: str, run: str) -> Iterator[tuple[int, str]]:
    """What a run builds on, as a tree: how deep below it each run lies, and its id; the run first.

    A run that two others build on stands below both.

    Raises:
        MissingError: there is no such run.
    """
    open_runs = [(0, run)]
    while open_runs:
        depth, name = open_runs.pop()
        yield depth, name
        inputs = dict.fromkeys(records.read_spec(root, name).inputs.values())
        open_runs += [(depth + 1, below) for below in reversed(inputs)]
