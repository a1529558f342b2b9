"""Pages read easily and lead to what is there."""

import ast
import json
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest

from tests import prose

LONG = 30
"""Words of a sentence; nine of ten are shorter on every page."""
PAGE = """# A `b` page, of [c](d.md)

One two three. Four `five six` [seven eight](nine.md#ten), e.g. Eleven 1.5.
Twelve thirteen?

| a table. | of. |
|---|---|

    code of a block. Not counted.

- An item of
  two lines. Its second sentence
    - An inner item
1. A number:

```python
code.of("a fence. Not counted")  # [dead](link.md)
```

## Twice
## Twice
"""

each_page = pytest.mark.parametrize(
    "page", prose.PAGES, ids=lambda page: str(page.relative_to(prose.ROOT))
)
no_list_of_changes = [page for page in prose.PAGES if page.name != "CHANGELOG.md"]


def test_words_are_those_of_running_text_and_lists():
    assert prose.sentences(PAGE) == [
        "One two three.", "Four CODE seven eight, e.g. Eleven 1.5.", "Twelve thirteen?",
        "An item of two lines.", "Its second sentence", "An inner item", "A number:",
    ]  # fmt: skip
    assert prose.words(PAGE) == [3, 7, 2, 5, 3, 3, 2]


def test_links_and_anchors_are_those_of_github():
    assert prose.links(PAGE) == ["d.md", "nine.md#ten"]
    assert prose.links("[![a picture](a.png)](b.md) and `[no](link.md)`") == ["b.md", "a.png"]
    assert prose.anchors(PAGE) == {"a-b-page-of-c", "twice", "twice-1"}


def test_a_dead_link_would_be_seen(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# There")
    page.write_text(
        "# Here\n[1](other.md#there) [2](other.md#gone) [3](lost.md) [4](#here) [5](#no)"
    )
    assert prose.dead_links(page) == ["other.md#gone", "lost.md", "#no"]


@pytest.mark.parametrize("page", no_list_of_changes, ids=lambda page: page.stem)
def test_nine_of_ten_sentences_are_short(page):
    lengths = prose.words(page.read_text("utf-8"))
    assert np.percentile(lengths, 90) < LONG


@each_page
def test_links_lead_to_what_is_there(page):
    assert prose.dead_links(page) == []


def parse(language: str, code: str) -> None:
    """Raise if the code is none of its language; the magic of a notebook is left out."""
    match language:
        case "python":
            name, _, rest = code.partition("\n")
            magic = re.fullmatch(r"%%writefile \S+\.(\w+)", name)
            if magic and magic[1] != "py":
                parse(magic[1], rest)
            else:
                ast.parse(rest if magic else code)
        case "toml":
            tomllib.loads(code)
        case "json":
            json.loads(code)
        case "sh":
            subprocess.run(["bash", "-n"], input=code, text=True, check=True)
        case _:
            assert language in {"diff", "mermaid"}, f"no test knows {language!r}"


@each_page
def test_blocks_of_code_are_of_their_language(page):
    text = page.read_text("utf-8")
    for language, code in prose.blocks(text):
        parse(language, code)
    for block in prose.commands(text):
        parse("sh", block)


@pytest.mark.parametrize(
    "block",
    [("python", "f(\n"), ("sh", "if\n"), ("python", "%%writefile a.toml\nb\n"), ("perl", "")],
)
def test_block_that_cannot_be_parsed_would_be_seen(block):
    with pytest.raises((SyntaxError, ValueError, AssertionError, subprocess.CalledProcessError)):
        parse(*block)


def test_words_are_spelt():
    pages = map(str, prose.PAGES)
    command = [sys.executable, "-m", "codespell_lib", *pages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
