"""The prose of the documentation: how long its sentences are, and where its links lead.

Sentences are those of running text and lists: tables, headings and code are left out, and code within
a sentence counts as one word.

python -m tests.prose    # every page with the words of a sentence: 90th percentile, longest
"""

import re
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.DOTALL | re.MULTILINE)
_SHELL = re.compile(r"    (lake|make|python|pytest|pip|kubectl|export|docker|cosign) ")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ITEM = re.compile(r" *([-*]|\d+\.) ")
_NO_PROSE = re.compile(r" *[|#]|!\[")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_SHORT = r"(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)"
_END = re.compile(rf"(?<=[.!?]){_SHORT}[*)]*\s+(?=[^a-z])|(?<=:)\s*\n")


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks of code of a page, each with its language."""
    fenced = re.findall(r"^( *)```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [(language, textwrap.dedent(code)) for _, language, code in fenced]


def commands(text: str) -> list[str]:
    """The indented blocks of a page that have commands of a shell."""
    indented = re.findall(r"(?:^    .*\n)+", _FENCE.sub("", text), re.MULTILINE)
    return [block for block in indented if _SHELL.match(block)]


def paragraphs(text: str) -> Iterator[str]:
    """Running text and items of lists, each as one line, without tables, headings, pictures and code."""
    lines: list[str] = []
    in_list = False
    for line in [*_COMMENT.sub("", _FENCE.sub("", text)).splitlines(), ""]:
        item = _ITEM.match(line)
        in_list = bool(item) or (in_list and line.startswith(" "))
        code = line.startswith("    ") and not in_list
        if (item or code or not line.strip() or _NO_PROSE.match(line)) and lines:
            yield " ".join(lines)
            lines = []
        if line.strip() and not code and not _NO_PROSE.match(line):
            lines.append(line[item.end() :] if item else line.strip())


def sentences(text: str) -> list[str]:
    """The sentences of a page in Markdown, a link as its words, code as one word."""
    plain = (
        re.sub(r"`[^`]*`", "CODE", _LINK.sub(r"\2", paragraph)) for paragraph in paragraphs(text)
    )
    return [sentence for paragraph in plain for sentence in _END.split(paragraph) if sentence]


def words(text: str) -> list[int]:
    """The number of words of every sentence of a page."""
    return [len(re.findall(r"\S*\w\S*", sentence)) for sentence in sentences(text)]


def links(text: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    prose = re.sub(r"`[^`\n]*`", "CODE", _FENCE.sub("", text))
    found = [match[3] for match in _LINK.finditer(prose)]
    within = [inner[3] for match in _LINK.finditer(prose) for inner in _LINK.finditer(match[2])]
    return found + within


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*?) *#*$", _FENCE.sub("", text), re.MULTILINE)
    slugs: Counter[str] = Counter()
    made = set()
    for heading in headings:
        shown = _LINK.sub(r"\2", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        made.add(f"{slug}-{slugs[slug]}" if slugs[slug] else slug)
        slugs[slug] += 1
    return made


def dead_links(page: Path) -> list[str]:
    """The relative links of a page to files or headings that are not there."""
    dead = []
    for link in links(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / path if path else page
        lost = not target.exists()
        if lost or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            dead.append(link)
    return dead


def main() -> None:
    """Print the length of sentences of every page."""
    for page in PAGES:
        lengths = words(page.read_text("utf-8")) or [0]
        print(f"{np.percentile(lengths, 90):4.0f} {max(lengths):4d}  {page.relative_to(ROOT)}")  # noqa: T201


if __name__ == "__main__":
    main()
