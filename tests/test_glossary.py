"""The glossary has the words of its picture, and the picture is the one that is drawn."""

import re

from PIL import Image

from tests import glossary_figure, prose

PAGE = prose.ROOT / "docs" / "glossary.md"
SHOWN = (
    "listing", "cube", "geom", "pixel", "subpixel", "superblock", "phase", "month", "tod", "band",
    "metric", "part", "generation", "run",
)  # fmt: skip


def test_picture_shows_the_words_that_matter_most():
    words = set(re.findall(r"\w+", glossary_figure.words(glossary_figure.draw())))
    assert not [word for word in SHOWN if not words & {word, f"{word}s"}]


def test_picture_is_the_one_that_is_drawn():
    with Image.open(glossary_figure.PICTURE) as picture:
        said = picture.text["Description"]
    assert said == glossary_figure.words(glossary_figure.draw()), (
        "run python -m tests.glossary_figure"
    )


def test_every_word_of_the_picture_is_explained_with_a_link():
    text = PAGE.read_text("utf-8")
    terms = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    explained = {term.partition("\n")[0]: term for term in terms}
    assert not set(SHOWN) - explained.keys() - {"month"}
    assert all(prose.links(term) for term in terms)
    assert all(len(prose.sentences(term.partition("\n")[2])) <= 3 for term in terms)
