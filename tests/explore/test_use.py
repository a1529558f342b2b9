"""A view used elsewhere: the command and the lines of Python draw the same, a picture holds its legend."""

import io
import shlex

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image
from playwright.sync_api import Page, expect

from lake.commands.main import lake as command
from lake.plot import maps
from tests.explore.lakes import KEY
from tests.explore.test_links import IMPORT, SOURCES, edges
from tests.explore.test_readouts import drawn, without_lines
from tests.explore.visits import view, visit, wait

LEVELS = 4
"""Of 255: the page has 24 anchors of a colour map of Matplotlib, which is within 3, and each rounds."""


def copied(page: Page, button: str) -> str:
    page.evaluate("navigator.clipboard.writeText('')")
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("status")).to_contain_text("is in the clipboard")
    return page.evaluate("navigator.clipboard.readText()")


def colours_of(figure: Figure, explored, pixels: list[int]) -> np.ndarray:
    """(n, 3) colours of pixels on a map of the fixed grid, 0 to 255."""
    image, domain = figure.axes[0].images[-1], explored.store.domain
    coloured = image.to_rgba(image.get_array(), bytes=True)
    west, east, south, north = image.get_extent()
    rows, columns = coloured.shape[:2]
    row = (north - domain.grid.y[domain.row[pixels]]) / (north - south) * rows
    column = (domain.grid.x[domain.column[pixels]] - west) / (east - west) * columns
    assert (row >= 0).all()
    assert (column >= 0).all()
    return coloured[row.astype(int), column.astype(int), :3].astype(int)


@pytest.mark.parametrize(
    ("show", "limits", "look"), [("mean", (285, 300), {}), ("stddev", (1, 9), {"scale": "log"})]
)
def test_command_and_python_draw_the_same_colours(
    page, context, site, explored, monkeypatch, tmp_path, show, limits, look
):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    without_lines(page)
    visit(page, site, show=show, cube="day-2km", band="C13", month=1, tod=54000, map="inferno",
          lat=29.5, lon=-81, width=120, height=110, low=limits[0], high=limits[1], **look)  # fmt: skip
    page.get_by_text("Use this view").click()
    page.wait_for_selector("#map[data-sharp]")
    page.wait_for_timeout(200)
    land, (top, bottom, left, right) = explored.store.domain, edges(page)
    values = explored.store.metrics("day-2km")[show].sel(month=1, tod=54000, band="C13")
    visible = np.flatnonzero(
        (values.values[:, 0] > 0) & (land.row > top + 1) & (land.row < bottom - 2)
        & (land.column > left + 1) & (land.column < right - 2)
    )[::23].tolist()  # fmt: skip
    assert len(visible) > 30
    expected = drawn(page, explored, visible)
    monkeypatch.setenv("LAKE_ROOT", str(explored.root))
    monkeypatch.chdir(tmp_path)
    figures = []
    field = maps.field

    def kept(*arguments, **options) -> Figure:
        figures.append(field(*arguments, **options))
        return figures[-1]

    monkeypatch.setattr("lake.plot.maps.field", kept)
    monkeypatch.setattr("lake.plot.field", kept)
    words = shlex.split(copied(page, "Copy as lake plot").replace("$LAKE_ROOT", str(explored.root)))
    assert words[0] == "lake"
    result = CliRunner().invoke(command, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    exec(copied(page, "Copy as Python"), {})  # noqa: S102 (what people paste)
    assert (tmp_path / "view.png").stat().st_size > 1000
    assert len(figures) == 2
    for figure in figures:
        assert np.abs(colours_of(figure, explored, visible) - expected).max() <= LEVELS
        assert figure.axes[0].images[-1].get_clim() == limits


def test_picture_holds_the_map_and_its_legend(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800)
    page.wait_for_selector("#map[data-sharp]")
    page.get_by_text("Use this view").click()
    page.locator("#colours").select_option("gray")
    wait(page, "location.hash.includes('map=gray')")
    page.wait_for_timeout(200)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as PNG").click()
    assert waiting.value.suggested_filename == f"{KEY.replace('/', '_')}_mean.png"
    picture = np.asarray(Image.open(io.BytesIO(waiting.value.path().read_bytes())).convert("RGB"))
    canvas = page.locator("#canvas").bounding_box()
    high = round(canvas["height"])
    assert picture.shape[1] == round(canvas["width"])
    assert picture.shape[0] > high + 80
    assert (picture[high:] < 60).all(axis=2).sum() > 200  # ink of the legend
    box = picture[high:, 12:430].astype(int)
    assert len(np.unique(box[(np.ptp(box, axis=2) == 0)])) > 100  # the greys of the bar
    assert (picture[:high].std(axis=(0, 1)) > 10).all()


@pytest.mark.parametrize("text", ["29.5, -80.8", "29.5 N 80.8 W", "29.5° N, 80.8° W"])
def test_places_in_words_are_read(page, text):
    objects = 'import { LakeError } from "../reading/objects.js";'
    source = (SOURCES / "words" / "places.js").read_text().replace(objects, "")
    page.goto("about:blank")
    calls = [[text], ["91, 0"], ["here"], ["1"], ["29.5 -80.8"]]
    answers = page.evaluate(IMPORT, [source, "placeOf", calls])
    place = {"lat": 29.5, "lon": -80.8}
    assert answers == [place, None, None, None, place]


def test_going_to_a_place_shows_it_and_chooses_its_pixel(page, site, explored):
    visit(page, site)
    lon, lat = (float(axis[7000]) for axis in explored.store.domain.lonlat())
    page.locator("#go").fill(f"{lat:.4f}, {lon:.4f}")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).to_contain_text("pixel 7000 ")
    land = explored.store.domain
    row, column, _ = view(page)
    assert (row - 0.5, column - 0.5) == pytest.approx((land.row[7000], land.column[7000]), abs=0.1)
    page.locator("#go").fill("somewhere")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("'somewhere' is no place")
    page.locator("#go").fill("40, 100")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not see 40.000° N, 100.000° E")
