"""Excerpts in the results of the search, from a folder too.

Sphinx fetches a page that was found, to show a piece of its text. A browser refuses that for files. So the
text of all pages lies in one script, which the page of the search takes instead.
"""

import json
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

SCRIPT = "offline_search.js"
"""Lies in `_static`, beside the one of the texts."""
TEXTS = "page_texts.js"
_NO_TEXT = ".headerlink, script, style, svg, img, button"
_BLOCKS = {"p", "li", "td", "th", "tr", "dt", "dd", "pre", "h1", "h2", "h3", "h4", "div", "section"}


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx write the texts behind the pages."""
    app.connect("html-page-context", _add_script)
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add_script(app: Sphinx, page: str, *_: object) -> None:
    if page == "search":
        app.add_js_file(SCRIPT)


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        write(Path(app.outdir))


def write(site: Path) -> None:
    """Write the texts of all pages of a site."""
    texts = {
        page.relative_to(site).as_posix(): text
        for page in sorted(site.rglob("*.html"))
        if (text := text_of(page.read_text("utf-8")))
    }
    script = f"window.pageTexts = {json.dumps(texts, ensure_ascii=False)};\n"
    (site / "_static" / TEXTS).write_text(script, "utf-8")


def text_of(html: str) -> str:
    """The text of a page, within the elements that a result may lead to; empty: it has none."""
    main: Any = BeautifulSoup(html, "html.parser").select_one("[role=main]")
    if main is None:
        return ""
    for element in main.select(_NO_TEXT):
        element.decompose()
    for element in main.find_all(True):
        _strip(element)
    main.attrs = {"role": "main"}
    return str(main)


def _strip(element: Tag) -> None:
    name = element.get("id")
    if name:
        element.name, element.attrs = "div", {"id": name}
        return
    if element.name in _BLOCKS:
        element.insert_after("\n")
    element.unwrap()
