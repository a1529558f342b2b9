"""Labels in the page: the classes that follow are those of `lake classify`, and its labels are read by it."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from playwright.sync_api import expect

import lake
from jobs.classes import classify
from jobs.embedding.vectors import LEVELS
from jobs.evaluation import probes
from jobs.features import label_polygons, labels
from lake.reading.classes import PALETTE
from tests.explore.lakes import UNCLEAR
from tests.explore.visits import click, state, under, view, visit

SOURCES = Path(lake.__file__).parent / "explore" / "page" / "src"
INSIDE = 6000
"""A pixel whose eight neighbours are pixels, too."""
KINDS = ("wood", 'field, "wet"', "city")


@pytest.fixture
def script(tmp_path):
    """Run statements of JavaScript on what modules of the page export; what they print, as JSON."""

    def run(statements, data=None, modules=("labels/labels.js", "vectors/logistic.js")):
        text = "".join(
            f'import * as {Path(module).stem} from "{SOURCES / module}";\n' for module in modules
        )
        given = f"const data = {json.dumps(data)};\n"
        (tmp_path / "script.mjs").write_text(text + given + statements)
        command = ["node", str(tmp_path / "script.mjs")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


@pytest.mark.parametrize(("count", "pixels", "latent"), [(2, 30, 64), (5, 200, 64), (3, 12, 5)])
def test_regression_is_that_of_lake_classify(script, monkeypatch, count, pixels, latent):
    random = np.random.default_rng(0)
    classes = np.arange(pixels) % count
    centres = random.normal(size=(count, latent))
    x = centres[classes] / 2 + random.normal(size=(pixels, latent))
    x[:, 1] = 0.1  # a number that does not vary
    fitted = script(
        "const { weights, offset } = logistic.fit(data.x, data.classes, data.count);"
        "console.log(JSON.stringify({ weights: [...weights], offset: [...offset] }))",
        {"x": x.tolist(), "classes": classes.tolist(), "count": count},
    )
    monkeypatch.setattr(probes, "TOLERANCE", 1e-9)  # by the usual one the odds are right to .1
    weights, offset = probes.regression(x, classes)
    odds = x @ np.array(fitted["weights"]).reshape(count, latent).T + fitted["offset"]
    assert_allclose(
        odds, x @ weights.T + offset, atol=0.01
    )  # scikit-learn stops at a gradient of .001


def test_labels_are_given_taken_undone_and_written(script):
    steps = script(
        """
        const given = new labels.Labels();
        const wood = given.add("wood"), field = given.add('field, "wet"');
        given.give([4, 5], wood);
        given.give([5], field);
        given.give([4], wood); // once more: taken away
        const text = given.csv((pixel) => [-80 + pixel, 30]);
        given.undo();
        const again = new labels.Labels();
        const counts = again.read(text + "-60,30,\\r\\n1,2,sea\\r\\n", (lon, lat) => lon < 0 ? lon + 80 : -1);
        const copied = [...again.of].map(([pixel, number]) => [pixel, again.classes[number].name]);
        again.undo();
        const many = new labels.Labels();
        many.give([1, 2], many.add("few"));
        many.give(Array.from({ length: 900 }, (_, i) => 10 + i), many.add("many"));
        const drawn = many.drawn(100).map(([pixel]) => pixel);
        console.log(JSON.stringify({ drawn, all: many.drawn(5000).length, text,
          of: [...given.of], counts, copied, left: again.of.size,
          colours: Array(24).fill("x").map((name) => given.add(name)).map((n) => given.classes[n].colour) }));
        """
    )
    assert steps["text"] == 'lon,lat,label\r\n-75.00000,30.00000,"field, ""wet"""\r\n'
    assert steps["of"] == [[4, 0], [5, 1]]
    assert steps["counts"] == {"read": 1, "outside": 2}
    assert steps["copied"] == [[5, 'field, "wet"']]
    assert steps["left"] == 0
    assert steps["drawn"][:2] == [1, 2]
    assert len(set(steps["drawn"])) == 100
    assert max(steps["drawn"]) > 890
    assert steps["all"] == 902
    assert steps["colours"] == [*PALETTE[2:], *PALETTE[:2]]


@pytest.fixture(scope="module")
def labelled(explored, tmp_path_factory):
    """Pixels, their kinds, and a file of them with a point in the sea and an unknown label."""
    land = explored.store.domain
    pixels = np.random.default_rng(1).choice(land.pixels, 60, replace=False)
    pixels = pixels[pixels != UNCLEAR]
    kinds = land.row[pixels] // 40
    lon, lat = land.lonlat()
    lines = [
        f'{lon[p]:.5f},{lat[p]:.5f},"{KINDS[k].replace(chr(34), chr(34) * 2)}"'
        for p, k in zip(pixels, kinds, strict=True)
    ]
    path = tmp_path_factory.mktemp("labels") / "kinds.csv"
    path.write_text(
        "\n".join(["lon,lat,label", *lines, "-60.0,10.0,sea", f"{lon[0]:.5f},{lat[0]:.5f},"])
    )
    return pixels, kinds, path


def test_classes_of_all_pixels_are_those_of_lake_classify(page, site, explored, labelled):
    pixels, kinds, path = labelled
    visit(page, site, show="similar")
    page.get_by_text("Label by examples").click()
    expect(page.locator("#own-classes")).to_be_disabled()
    page.locator("#load-labels").set_input_files(path)
    expect(page.locator("#status")).to_have_text(
        f"{len(pixels)} labels of kinds.csv, 2 lie in no pixel or have no label"
    )
    page.get_by_role("button", name="Classify all pixels").click()
    expect(page.locator("#legend")).to_contain_text("your classes, share of pixels")
    vectors = np.where(
        explored.vectors == explored.vectors[UNCLEAR, 0], np.nan, explored.vectors / LEVELS
    )
    model = probes.regression(vectors[pixels], kinds)
    classes, probability = classify.predict(vectors, *model)
    legend = page.inner_text("#legend")
    for number, name in enumerate(KINDS):
        share = 100 * (classes == number).mean()
        assert float(re.search(rf"{re.escape(name)}, (.*) %", legend)[1]) == pytest.approx(
            share, abs=0.1
        )
    land = explored.store.domain
    some = [*range(5, land.pixels, 1900), UNCLEAR]
    page.get_by_role("button", name="How sure").click()
    expect(page.locator("#legend")).to_contain_text("probability of the likeliest class")
    for pixel in some:
        said = under(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5).rpartition("· ")[2]
        expected = "no class" if pixel == UNCLEAR else r"probability (\d+) %"
        match = re.fullmatch(expected, said)
        assert match, said
        if pixel != UNCLEAR:
            assert float(match[1]) == pytest.approx(100 * probability[pixel], abs=1.5)
    page.get_by_role("button", name="What to label next").click()
    expect(page.locator("#status")).to_contain_text("Which class is it?")
    row, column, _ = view(page)
    (unsure,) = np.flatnonzero((land.row == int(row)) & (land.column == int(column)))
    assert probability[unsure] <= np.sort(probability[np.isfinite(probability)])[1100]
    assert unsure not in pixels
    page.get_by_label("Show", exact=True).select_option("mean")
    expect(page.locator("#labelling")).to_be_hidden()
    expect(page.locator("#legend")).to_contain_text("mean")
    page.get_by_label("Show", exact=True).select_option("similar land")
    expect(page.get_by_label("Name of class 1")).to_have_value("wood")  # they are kept


def test_labels_by_clicks_are_a_file_that_lake_reads(page, site, explored):
    land = explored.store.domain
    visit(page, site, show="rgb")
    page.get_by_text("Label by examples").click()
    for name in ("wood", "city"):
        page.get_by_role("button", name="Add a class").click()
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Label by clicks").click()
    click(page, explored, 3000)
    expect(page.locator("#status")).to_have_text("city: 1 labelled pixels")
    page.get_by_label("Clicks give class wood").check()
    page.get_by_label("of", exact=True).select_option("3 × 3 pixels")  # noqa: RUF001
    click(page, explored, INSIDE)
    expect(page.locator("#status")).to_have_text("wood: 9 labelled pixels")
    click(page, explored, 8000)
    expect(page.locator("#status")).to_contain_text("wood: 1")
    page.get_by_role("button", name="Undo").click()
    assert "a" not in state(page)  # no pixel was chosen
    with page.expect_download() as download:
        page.get_by_role("button", name="Save labels").click()
    path = str(download.value.path())
    saved = Path(path).with_suffix(".csv")
    saved.write_bytes(Path(path).read_bytes())
    read = labels.classes(str(saved), labels.digest(str(saved)), explored.store, "label")
    assert read.names == ("city", "wood")
    near = (abs(land.row - land.row[INSIDE]) < 2) & (abs(land.column - land.column[INSIDE]) < 2)
    assert set(np.flatnonzero(read.labels == 1)) == set(np.flatnonzero(near))
    assert np.flatnonzero(read.labels == 0).tolist() == [3000]
    page.get_by_label("Name of class 2").fill("wood")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There is a class wood already")
    expect(page.get_by_label("Name of class 2")).to_have_value("city")


def ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(kind: str, coordinates: list, **attributes: object) -> dict:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": attributes}


ZONES = [
    feature("Polygon", [ring(-81.3, 28.9, -80.6, 29.6), ring(-81.1, 29.1, -80.9, 29.3)], zone="wood"),
    feature(
        "MultiPolygon", [[ring(278.9, 29.4, 279.9, 30.1)], [ring(-80.2, 30.0, -79.9, 30.3)]], zone="Field"
    ),
    feature("Polygon", [[[-81.5, 28.6], [-80.9, 28.7], [-81.2, 28.95], [-81.5, 28.6]]], zone="wood"),
    feature("Polygon", [ring(-81.5, 30.1, -81.2, 30.3)], zone=None),
    {"type": "Feature", "geometry": None, "properties": {"zone": "city"}},
]  # fmt: skip
"""Polygons that overlap, with a hole, in parts, beyond 180 degrees, without a label, without a place."""


def test_polygons_of_a_file_are_the_labels_that_jobs_read(page, site, explored, tmp_path):
    path = tmp_path / "zones.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": ZONES}), encoding="utf-16")
    expected = label_polygons.classes(path.read_bytes(), str(path), explored.store, "zone")
    visit(page, site, show="similar")
    page.get_by_text("Label by examples").click()
    page.locator("#load-labels").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text(
        "The polygons of zones.geojson have no attribute 'label': they have zone. Name one of them"
    )
    page.get_by_label("Class of polygons in attribute").fill("zone")
    page.locator("#load-labels").set_input_files(path)
    count = (expected.labels >= 0).sum()
    outside, contested = (int(note.split()[0]) for note in expected.notes)
    expect(page.locator("#status")).to_have_text(
        f"{count:,} labels of zones.geojson, {outside:,} of {explored.store.pixels:,} pixels lie in no "
        f"polygon; {contested} pixels lie in polygons of different labels: that which comes first is taken"
    )
    assert contested > 10
    names = [page.get_by_label(f"Name of class {n + 1}").input_value() for n in range(3)]
    assert names == [*expected.names] == ["Field", "city", "wood"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Save labels").click()
    saved = tmp_path / "saved.csv"
    saved.write_bytes(Path(str(download.value.path())).read_bytes())
    read = labels.classes(str(saved), labels.digest(str(saved)), explored.store, "label")
    by_name = [np.array([*of.names, ""])[of.labels] for of in (read, expected)]
    np.testing.assert_array_equal(*by_name)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Name of class 1")).to_have_count(0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no GeoJSON"),
        ("[]", "holds no features of GeoJSON"),
        (feature("Point", [-81, 29], label="x"), "holds a Point. Wanted polygons"),
        (feature("Polygon", [ring(-81, 29, -80, 300)], label="x"), "a ring that is none on the globe"),
        (feature("Polygon", [ring(-81, 29, -80, 30)], label=1.5), "'label' of bad.json holds fractions"),
        (feature("Polygon", [ring(1, 1, 2, 2)], label="x"), "No pixel lies in a labelled polygon"),
    ],
)  # fmt: skip
def test_files_that_hold_no_labelled_polygons_are_refused(page, site, tmp_path, content, words):
    path = tmp_path / "bad.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    visit(page, site, show="rgb")
    page.get_by_text("Label by examples").click()
    page.locator("#load-labels").set_input_files(path)
    expect(page.get_by_role("alert")).to_contain_text(words)
