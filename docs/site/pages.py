"""The pages of the repository as those of the site: which there are, of what kind, and where links lead.

A page lies in the site where it lies in `docs/`; the README is the first page. What else of the repository
a page links to, the site leaves to the repository on the web.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/goeslake/goeslake"
PROJECT = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "docs/README.md": "documentation.md",
    "docs/measurements/README.md": "measurements/index.md",
}
"""Pages that lie elsewhere in the site than in the repository."""
TUTORIALS = "tutorials"
"""The folder of pages that are notebooks."""
_CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages() -> dict[Path, str]:
    """The pages of the repository, and the place of each in the site; tutorials become notebooks."""
    placed = {ROOT / name: place for name, place in PROJECT.items()}
    for page in sorted(DOCS.rglob("*.md")):
        name = page.relative_to(DOCS)
        is_tutorial = name.parts[0] == TUTORIALS
        placed.setdefault(page, (name.with_suffix(".ipynb") if is_tutorial else name).as_posix())
    return placed


def kinds() -> dict[str, list[str]]:
    """The kinds of pages, as docs/README.md lists them, and the places of the pages of each."""
    places, listed = pages(), {}
    for section in (DOCS / "README.md").read_text("utf-8").split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        links = re.findall(r"^\| \[[^]]+\]\(([^)#]+)\)", text, re.MULTILINE)
        if links:
            listed[heading] = [places[DOCS / link] for link in links]
    of_project = [
        place for name, place in PROJECT.items() if "/" not in name and name != "README.md"
    ]
    return listed | {"Project": of_project}


def text(page: Path, *, apart: bool = False) -> str:
    """The Markdown of a page as the site has it.

    Args:
        page: one of `pages()`.
        apart: the page stands alone: all its links lead to the repository.
    """
    places = {} if apart else pages()
    parts = _CODE.split(page.read_text("utf-8"))
    prose = (
        _LINK.sub(lambda link: f"]({_moved(link[1], page, places)})", part) for part in parts[::2]
    )
    code = iter(parts[1::2])
    return "".join(part + next(code, "") for part in prose)


def _moved(link: str, page: Path, places: dict[Path, str]) -> str:
    """A link of a page, as the page of the site has it; to the repository, if not to one of the places."""
    path, hash_, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", link):
        return link
    target = Path(os.path.normpath(page.parent / path))
    inside = places.get(target)
    if places and not inside and target.is_relative_to(DOCS / "images"):
        inside = target.relative_to(DOCS).as_posix()
    if inside:
        here = Path(places[page]).parent
        return f"{Path(os.path.relpath(inside, here)).as_posix()}{hash_}{anchor}"
    kind = "tree" if target.is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{quote(target.relative_to(ROOT).as_posix())}{hash_}{anchor}"


def navigation() -> str:
    """The lists of pages by kind, to stand below the first page."""
    return "\n".join(_lists())


def _lists() -> Iterator[str]:
    yield from _list("", ["documentation.md"])
    for kind, places in kinds().items():
        yield from _list(kind, places)


def _list(caption: str, places: list[str]) -> Iterator[str]:
    yield from ("", "```{toctree}", ":hidden:")
    if caption:
        yield f":caption: {caption}"
    yield from ("", *places, "```")
