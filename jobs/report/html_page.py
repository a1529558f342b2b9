"""A report as one file of HTML: headings, tables, embedded pictures, listings.

Every function is pure and returns HTML. Text that is passed in is escaped.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  color: #222; background: #fff; max-width: 1080px; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; border-bottom: 1px solid #ddd; padding-bottom: .25rem; }
p.lead { font-size: 1.08rem; color: #444; max-width: 46rem; }
p { max-width: 46rem; }
figure { margin: 1.8rem 0 2.2rem; }
figure img { max-width: 100%; height: auto; border: 1px solid #e4e4e4; border-radius: 4px; }
figcaption { font-size: .95rem; color: #333; max-width: 46rem; margin-top: .5rem; }
table { border-collapse: collapse; font-size: .93rem; margin: .8rem 0; }
th, td { text-align: left; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid #e8e8e8;
  vertical-align: top; overflow-wrap: anywhere; }
th { font-weight: 600; color: #444; overflow-wrap: normal; }
pre { background: #f5f6f8; border: 1px solid #e4e6ea; border-radius: 4px; padding: .8rem 1rem;
  font: .84rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
footer { color: #777; font-size: .85rem; margin-top: 3rem; }
@media print { body { max-width: none; margin: 0; } figure { break-inside: avoid; } }
""".strip()


def page(title: str, lead: str, body: Iterable[str], foot: str) -> str:
    """The whole document; `body` is HTML."""
    parts = "\n".join(body)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{parts}
<footer>{escape(foot)}</footer>
</body>
</html>
"""


def heading(text: str) -> str:
    """The heading of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    """A paragraph of running text."""
    return f"<p>{escape(text)}</p>"


def listing(text: str) -> str:
    """Code or commands, line by line."""
    return f"<pre>{escape(text)}</pre>"


def figure(png: bytes, title: str, caption: str) -> str:
    """A picture embedded in the page, with its title and caption below."""
    data = b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{escape(title)}" src="data:image/png;base64,{data}">\n'
        f"<figcaption><b>{escape(title)}.</b> {escape(caption)}</figcaption></figure>"
    )


def table(rows: Iterable[Sequence[str]], columns: Sequence[str] = ()) -> str:
    """A table of text; without column names the first cell of a row is the row's name."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = [f"<tr>{head}</tr>"] if columns else []
    for first, *cells in rows:
        tag = "td" if columns else "th"
        row_cells = [
            f"<{tag}>{escape(first)}</{tag}>",
            *(f"<td>{escape(cell)}</td>" for cell in cells),
        ]
        lines.append(f"<tr>{''.join(row_cells)}</tr>")
    return "<table>\n" + "\n".join(lines) + "\n</table>"
