import json
import re
from base64 import b64decode
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

import lake
from jobs.commands.report import report as report_command
from jobs.report import html_page, report
from jobs.report.map import Settings
from jobs.report.map_figures import PICTURES
from jobs.runs import driver, records
from lake.errors import ConfigError, DataError, MissingError


class Page(HTMLParser):
    """The pictures and the text of a page; void and nested tags must close."""

    def __init__(self, html):
        super().__init__()
        self.pictures, self.text, self.open, self.linked = {}, "", [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.linked += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag == "img":
            data = attributes["src"].removeprefix("data:image/png;base64,")
            self.pictures[attributes["alt"]] = b64decode(data, validate=True)
        if tag not in {"img", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def map_run(client, truth, chain):
    return driver.run(client, truth.root, truth.key, Settings(run=chain.cluster))


@pytest.fixture
def store(truth):
    return lake.open(f"{truth.root}/{truth.key}")


@pytest.fixture
def truth_file(truth, store, tmp_path):
    """A truth file of the store's hidden classes, one row of pixels without any."""
    path = tmp_path / "truth.npz"
    classes = store.to_grid(truth.classes).astype(np.int16)
    classes[0] = -1
    np.savez(path, classes=classes, names=np.array(["forest", "<b>desert</b>", "city"]))
    return str(path)


def test_report_holds_every_picture_of_the_run_within_itself(truth, map_run):
    html = Page(report.render(truth.root, map_run))
    objects = records.folder(truth.root, map_run)
    for picture in json.loads(objects.get("pictures.json")):
        assert html.pictures[picture["title"]] == objects.get(picture["file"])
        assert picture["caption"] in html.text
    assert len(html.pictures) == len(PICTURES)
    assert all(link.startswith("data:") for link in html.linked)
    assert html.open == []


def test_report_tells_what_the_store_is_and_names_every_run(truth, map_run, chain):
    text = Page(report.render(truth.root, map_run)).text
    for words in (
        truth.key,
        "675 of a fixed grid of 25 x 27",
        "C07 C13 at 15:00, 18:00 UTC",
        "2, 7",
    ):
        assert words in text
    for run in (map_run, chain.sample, chain.pca, chain.embed, chain.cluster):
        assert run in text


def test_lines_that_read_the_store_work_as_they_stand(truth, map_run):
    (lines,) = re.findall(
        r"<pre>(import lake\n.*?)</pre>", report.render(truth.root, map_run), re.DOTALL
    )
    names = {}
    exec(unescape(lines), names)  # noqa: S102 (what the reader is told to do)
    assert lines.strip().count("\n") == 2
    assert names["store"].to_grid(names["mean"].values).shape == (25, 27)
    assert names["mean"].attrs["long_name"].startswith("statistics of")


def test_truth_is_shown_and_measured(truth, map_run, truth_file):
    html = Page(report.render(truth.root, map_run, truth_file))
    assert "Hidden land classes" in html.pictures
    (index,) = re.findall(r"adjusted Rand index \(0 chance, 1 the same\)\s*([\d.]+)", html.text)
    assert float(index) > 0.95  # the store's classes are far apart
    shares = [float(s) for s in re.findall(r"nearest neighbours\s*([\d.]+)%", html.text)]
    assert len(shares) == 2
    assert min(shares) > 95
    (always,) = re.findall(r"always the commonest class\s*([\d.]+)%", html.text)
    classes = truth.classes[lake.open(f"{truth.root}/{truth.key}").domain.row > 0]
    assert float(always) == pytest.approx(100 * np.bincount(classes).max() / classes.size, abs=0.1)


def test_text_from_outside_is_escaped(truth, map_run, truth_file):
    html = report.render(
        truth.root, map_run, truth_file, commands="lake ls --lake <script>alert(1)</script>"
    )
    assert "<script>" not in html
    assert "<b>desert</b>" not in html
    assert "lake ls --lake <script>alert(1)</script>" in Page(html).text
    assert "<b>desert</b>" in Page(html).text


@pytest.mark.parametrize(
    "make",
    [
        html_page.heading,
        html_page.paragraph,
        html_page.listing,
        lambda text: html_page.figure(b"x", text, text),
        lambda text: html_page.table([(text, text)], (text, text)),
        lambda text: html_page.table([(text, text)]),
        lambda text: html_page.page(text, text, [], text),
    ],
)
def test_every_part_of_a_page_escapes_its_text(make):
    text = "<i>&\"'"
    html = make(text)
    assert text not in html
    assert "&lt;i&gt;&amp;" in html
    Page(html)


def test_truth_of_another_grid_is_bad_input(truth, map_run, tmp_path):
    path = tmp_path / "truth.npz"
    np.savez(path, classes=np.zeros((3, 4), int), names=np.array(["a"]))
    with pytest.raises(DataError, match=r"\(3, 4\).*\(25, 27\)"):
        report.render(truth.root, map_run, str(path))
    np.savez(path, other=np.zeros(3))
    with pytest.raises(DataError, match="wanted arrays 'classes' and 'names'"):
        report.render(truth.root, map_run, str(path))
    path.write_bytes(b"no zip")
    with pytest.raises(DataError, match="is no truth"):
        report.render(truth.root, map_run, str(path))
    with pytest.raises(MissingError, match="no file"):
        report.render(truth.root, map_run, str(tmp_path / "none.npz"))


def test_truth_needs_a_map_of_what_was_learned(client, truth, truth_file):
    plain = driver.run(client, truth.root, truth.key, Settings(pictures=("domain",)))
    with pytest.raises(ConfigError, match="no pictures of cluster, embed, pca"):
        report.render(truth.root, plain, truth_file)
    assert list(Page(report.render(truth.root, plain)).pictures) == ["Domain"]


def test_run_of_another_job_is_refused(truth, chain):
    with pytest.raises(ConfigError, match="wanted map"):
        report.render(truth.root, chain.pca)


def test_command_writes_the_file_and_names_it(truth, map_run, tmp_path):
    out, commands = tmp_path / "report.html", tmp_path / "demo.sh"
    commands.write_text("lake map ...")
    arguments = [
        map_run,
        "--lake",
        truth.root,
        "--out",
        str(out),
        "--commands",
        str(commands),
        "--json",
    ]
    result = CliRunner().invoke(report_command, arguments, catch_exceptions=False)
    assert json.loads(result.stdout) == {"run": map_run, "report": str(out)}
    assert "lake map ..." in Page(out.read_text("utf-8")).text
