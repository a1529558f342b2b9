"""Texts and tables by which objects show themselves: what they are, and how to open them without us."""

from collections.abc import Mapping, Sequence
from html import escape


def html(title: str, facts: Mapping[str, str], line: str) -> str:
    """A small table of facts under a title, and a line of Python to copy."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    code = f"<pre>{escape(line)}</pre>" if line else ""
    return f"<div><b>{escape(title)}</b><table>{rows}</table>{code}</div>"


def text(title: str, facts: Mapping[str, str], line: str) -> str:
    """The same facts as plain text, for terminals."""
    width = max(map(len, facts), default=0)
    lines = [f"<{title}", *(f"  {name:<{width}}  {value}" for name, value in facts.items())]
    return "\n".join([*lines, f"  {line}"] if line else lines) + ">"


def size(count: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> str:
    """A table of texts in HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div><b>{escape(title)}</b><table><tr>{head}</tr>{body}</table></div>"
