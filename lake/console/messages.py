"""What the commands say: messages, progress, and the one JSON document of `--json`.

Results go to stdout, everything else to stderr; colours and bars appear on a terminal only.
"""

import json
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import Any, Protocol

import click

from lake.console import logs


class Advance(Protocol):
    """A function by which work under way reports its progress."""

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        """`done` of `total` parts are finished; `detail`: what else to show."""


def say(message: str) -> None:
    """A message for people, or a line of JSON for their machines (`lake.console.logs`)."""
    click.echo(logs.line(message) if logs.is_json() else message, err=True)


def emit(document: Any, text: str, *, as_json: bool) -> None:  # noqa: ANN401
    """Print the result of a command on stdout: one JSON document, or text."""
    click.echo(json_text(document) if as_json else text)


def json_text(document: Any) -> str:  # noqa: ANN401
    """The document as JSON by RFC 8259, which knows neither NaN nor infinity: these become null."""
    return json.dumps(_plain(document), indent=1, allow_nan=False)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """The value in the types that JSON has; what is of another type as its text."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)  # NumPy's, or another


def table(columns: list[str], rows: list[list[str]]) -> str:
    """A table of rows in aligned columns, as wide as they need to be."""
    from rich.console import Console  # noqa: PLC0415 (as long to load as click; help needs none of it)
    from rich.table import Table  # noqa: PLC0415

    console = Console(width=4000, no_color=True, highlight=False)
    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*row)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


@contextmanager
def progress(title: str) -> Iterator[Advance]:
    """A bar on a terminal; elsewhere a line at each tenth of the way."""
    from rich import progress as bars_of  # noqa: PLC0415 (as above)
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if logs.is_json() or not console.is_terminal:
        yield _Lines(title)
        return
    columns = (
        bars_of.TextColumn("{task.description}"),
        bars_of.BarColumn(),
        bars_of.MofNCompleteColumn(),
        bars_of.TextColumn("{task.fields[detail]}"),
        bars_of.TimeRemainingColumn(),
    )
    with bars_of.Progress(*columns, console=console) as bars:
        bar = bars.add_task(title, total=None, detail="")
        yield lambda done, total, detail="": bars.update(
            bar, completed=done, total=total, detail=detail
        )


class _Lines:
    def __init__(self, title: str) -> None:
        self._title = title
        self._tenth = -1

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        tenth = 10 * done // max(total, 1)
        if tenth != self._tenth:
            self._tenth = tenth
            say(f"{self._title}: {done}/{total} {detail}".rstrip())


def brief(value: object, length: int = 100) -> str:
    """A value as Python writes it, cut to some characters: of what may be nested at will the first levels."""
    shown = reprlib.Repr()
    shown.maxlist = shown.maxtuple = shown.maxdict = 10
    shown.maxstring = shown.maxother = length
    text = shown.repr(value)
    return text if len(text) <= length else f"{text[: length - 3]}..."
