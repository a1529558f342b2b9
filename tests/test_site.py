"""The site that docs/site builds: without a warning, with executed tutorials and all of the reference."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
from bs4 import BeautifulSoup, Tag
from nbformat import v4

import jobs
from docs.site import diagram, notebooks, pages
from jobs import registry
from jobs.runs import setting_descriptions
from lake import errors
from lake.commands.main import lake
from tests import chromium, debian

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
ROOT = Path(__file__).parents[1]
TUTORIALS = [place.replace(".ipynb", ".html") for place in pages.kinds()["Tutorials"]]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""Elements that a browser loads something for, and by which attribute."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of the site; a warning of Sphinx, or a cell that fails, fails all tests.

    LAKE_TEST_SITE names one that `make docs` has built: minutes less for who writes a test.
    """
    if built := os.environ.get("LAKE_TEST_SITE"):
        return Path(built).resolve()
    out = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "docs.site.build", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-6000:]
    return out


@pytest.fixture(scope="module")
def documents(site) -> dict[Path, BeautifulSoup]:
    """Every page, parsed."""
    paths = sorted(site.rglob("*.html"))
    return {path: BeautifulSoup(path.read_text("utf-8"), "html.parser") for path in paths}


def page(site: Path, documents: dict[Path, BeautifulSoup], name: str) -> Tag:
    """The text of a page, without what surrounds it."""
    return documents[site / name].select_one("article")


def test_every_page_of_the_repository_is_in_the_site_under_its_kind(site, documents):
    index = documents[site / "index.html"].select_one(".sidebar-tree")
    listed = {}
    for caption in index.select("p.caption"):
        links = caption.find_next_sibling("ul").select("li.toctree-l1 > a")
        listed[caption.get_text(strip=True)] = [link["href"] for link in links]
    assert list(listed) == [
        "Tutorials",
        "How to",
        "Reference",
        "Explanation",
        "Measurements",
        "Project",
    ]
    wanted = {Path(place).with_suffix(".html") for place in pages.pages().values()}
    shown = {Path(link) for links in listed.values() for link in links}
    assert shown | {Path("index.html"), Path("documentation.html")} == wanted
    assert listed["Tutorials"] == TUTORIALS


def test_every_link_and_anchor_inside_leads_to_what_is_there(site, documents):
    anchors = {path: {tag["id"] for tag in soup.select("[id]")} for path, soup in documents.items()}
    dead = []
    for path, soup in documents.items():
        for link in soup.select("a[href]"):
            parts = urlsplit(link["href"])
            if parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            lost = not target.exists()
            if lost or (parts.fragment and unquote(parts.fragment) not in anchors.get(target, ())):
                dead.append((path.relative_to(site).as_posix(), link["href"]))
    assert dead == []


def test_links_to_the_repository_lead_to_files_of_it(documents):
    wanted = f"{pages.REPOSITORY}/(?:blob|tree)/main/([^#]*)"
    paths = {
        unquote(match[1])
        for soup in documents.values()
        for link in soup.select("a[href]")
        if (match := re.fullmatch(f"{wanted}(?:#.*)?", link["href"]))
    }
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_nothing_is_loaded_from_elsewhere(site, documents):
    for path, soup in documents.items():
        for tag in soup.find_all(LOADED):
            address = tag.get(LOADED[tag.name], "")
            if address.startswith("data:") or (tag.name == "link" and tag["rel"] == ["canonical"]):
                continue
            parts = urlsplit(address)
            assert not parts.scheme, (path, address)
            assert not parts.netloc, (path, address)
            assert not parts.path or (path.parent / unquote(parts.path)).exists(), (path, address)
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", style.read_text("utf-8")), style


def test_tutorials_keep_what_their_cells_show_with_pictures(site, documents):
    for place in TUTORIALS:
        article = page(site, documents, place)
        cells, outputs = article.select("div.cell"), article.select("div.cell_output")
        assert len(cells) >= 8, place
        assert len(outputs) >= 4, place
        assert not article.select(".traceback"), place
    pictures = [len(page(site, documents, p).select(".cell_output img")) for p in TUTORIALS]
    assert [count > 0 for count in pictures] == [True, True, True, True, True], pictures


def test_tutorials_can_be_taken_away_as_notebooks(site, documents):
    for place in TUTORIALS:
        link = page(site, documents, place).select_one("a[download]")["href"]
        taken = json.loads((site / place).parent.joinpath(link).read_text("utf-8"))
        code = [cell for cell in taken["cells"] if cell["cell_type"] == "code"]
        assert len(code) >= 8
        assert not any(cell["outputs"] for cell in code)
        text = "".join("".join(cell["source"]) for cell in taken["cells"])
        assert not re.search(r"\]\((?!https:)", text), "a link of a notebook that lies elsewhere"


def test_notebook_has_each_block_as_a_cell():
    made = notebooks.notebook("# A\n\n```sh\nlake ls\n```\n\nb\n\n```python\nx = 1\n```\n")
    assert [(cell.cell_type, cell.source) for cell in made.cells] == [
        ("markdown", "# A"), ("code", "%%sh\nlake ls"), ("markdown", "b"), ("code", "x = 1"),
    ]  # fmt: skip
    assert [cell.cell_type for cell in notebooks.for_site(made).cells] == [
        "markdown", "markdown", "code", "markdown", "code",
    ]  # fmt: skip


def test_pieces_of_what_a_command_prints_are_joined():
    made = notebooks.notebook("```sh\nlake ls\n```\n")
    pieces = (("stdout", "a b"), ("stdout", "c\n"), ("stderr", "d"))
    made.cells[0].outputs = [v4.new_output("stream", name=n, text=t) for n, t in pieces]
    (shown,) = (cell for cell in notebooks.for_site(made).cells if cell.cell_type == "code")
    assert [output.text for output in shown.outputs] == ["a bc\n", "d"]


def commands(
    command: click.Command = lake, context: click.Context | None = None
) -> Iterator[tuple[str, click.Command]]:
    """Every command and group with its words."""
    inside = click.Context(command, info_name=command.name, parent=context)
    yield inside.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(inside):
            yield from commands(command.get_command(inside, name), inside)


def test_reference_has_every_command_with_every_option(site, documents):
    sections = {}
    for section in page(site, documents, "commands.html").select("section section"):
        heading = section.find(["h2", "h3"]).find(string=True)
        sections[heading] = " ".join(term.get_text() for term in section.select("dt"))
    leaves = [(path, one) for path, one in commands() if not isinstance(one, click.Group)]
    assert {path for path, _ in leaves} == set(sections) - {"Environment"}
    for path, command in leaves:
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                words = set(re.findall(r"[\w-]+", sections[path]))
                assert set(parameter.opts + parameter.secondary_opts) <= words, (path, parameter)


def test_reference_has_every_public_name_with_its_members(site, documents):
    anchors = {tag["id"] for name in ("api.html", "api-jobs.html")
               for tag in page(site, documents, name).select("dt[id]")}  # fmt: skip
    wanted = set()
    for module in ("lake", "lake.plot", "lake.export", "ingest", "jobs"):
        for name in import_module(module).__all__:
            value = getattr(import_module(module), name)
            wanted.add(f"{module}.{name}")
            if inspect.isclass(value):
                members = (m for m in vars(value) if not m.startswith("_"))
                wanted |= {f"{module}.{name}.{member}" for member in members}
    assert len(wanted) > 60
    assert wanted - anchors == set()


def test_reference_has_every_setting_of_every_job(site, documents):
    tables = {
        section["id"]: {row.td.get_text() for row in section.select("tbody tr")}
        for section in page(site, documents, "settings.html").select("section section")
    }
    functions = page(site, documents, "api-jobs.html")
    for job, entry in registry.JOBS.items():
        names = {setting.name for setting in setting_descriptions.of_job(job)}
        assert tables[job] == names, job
        name = entry.function or job
        signature = functions.select_one(f"dt[id='jobs.{name}']").get_text()
        arguments = inspect.signature(getattr(jobs, name)).parameters
        assert names < set(arguments)
        assert set(arguments) <= set(re.findall(r"\w+", signature)), job


def test_reference_has_every_exit_code_and_exception(site, documents):
    codes, exceptions = page(site, documents, "exit-codes.html").select("table")
    rows = [[cell.get_text() for cell in row.select("td")] for row in exceptions.select("tbody tr")]
    told = {name: int(code) for names, code in rows for name in names.split(", ")}
    own = {
        name: value.exit_code
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value is not errors.LakeError
    }
    assert told == own
    numbers = {int(row.td.get_text()) for row in codes.select("tbody tr")}
    assert set(own.values()) | {0, 2} <= numbers
    assert {
        int(code)
        for code in re.findall(r"\b(\d+) [a-z]", import_module(lake.callback.__module__).__doc__)
    } <= numbers


def test_reference_has_every_variable_of_the_environment():
    text = (pages.DOCS / "commands.md").read_text("utf-8")
    told = set(re.findall(r"`(LAKE_\w+)`", text))
    sources = (p for name in ("lake", "ingest", "jobs") for p in (ROOT / name).rglob("*.py"))
    named = {v for p in sources for v in re.findall(r"\bLAKE_[A-Z_]*[A-Z]\b", p.read_text("utf-8"))}
    assert told == named


def test_layers_of_a_diagram_go_down_along_every_arrow():
    graph = diagram.Graph(
        "x", dict.fromkeys("abcd", ""), (("a", "b"), ("b", "d"), ("a", "d"), ("c", "d"))
    )
    rows = diagram.layers(graph)
    level = {name: number for number, row in enumerate(rows) for name in row}
    assert all(level[source] < level[target] for source, target in graph.arrows)
    assert sorted(level) == list("abcd")


@pytest.fixture(scope="module")
def browser():
    """A browser, where the machine can have one."""
    try:
        with chromium.browser() as running:
            yield running
    except debian.UnavailableError as error:
        pytest.skip(f"no browser: {error}")


def test_search_works_from_a_folder_and_asks_nobody(site, browser):
    with browser.new_page() as tab:
        asked = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((site / "index.html").as_uri())
        tab.get_by_placeholder("Search").fill("superblock")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#search-results li a")
        found = [
            link.get_attribute("href") for link in tab.query_selector_all("#search-results li a")
        ]
        assert any("glossary.html" in link for link in found)
        tab.wait_for_selector("#search-results li p.context")
        excerpts = tab.locator("#search-results li p.context").all_inner_texts()
        assert any("superblock" in excerpt for excerpt in excerpts), excerpts
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_pages_are_dark_where_the_reader_likes_it_and_fit_a_phone(site, browser):
    for scheme in ("light", "dark"):
        phone = {"width": 390, "height": 800}
        with browser.new_page(color_scheme=scheme, viewport=phone) as tab:
            for name in (
                "index.html",
                "commands.html",
                *TUTORIALS[:1],
                "settings.html",
                "api-jobs.html",
            ):
                tab.goto((site / name).as_uri())
                wide = tab.evaluate("document.documentElement.scrollWidth")
                assert wide <= 390, (name, wide)
            colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            lightness = sum(map(int, re.findall(r"\d+", colour)[:3]))
            assert (lightness > 600) if scheme == "light" else (lightness < 150)
