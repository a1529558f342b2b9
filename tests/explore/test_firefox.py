"""The page in Firefox: what people do first, once each. All else is tested in Chromium."""

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
import rasterio
from PIL import Image
from playwright.sync_api import Browser, expect

from tests import debian, firefox
from tests.explore.lakes import LATER
from tests.explore.visits import click, parameters, shown, state, under, view, visit


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """Firefox, in the place of Chromium."""
    try:
        with firefox.browser() as running:
            yield running
    except debian.UnavailableError as error:
        pytest.skip(f"no Firefox: {error}")


def test_map_readout_similarity_and_link_are_those_of_the_store(page, context, site, explored):
    assert "Firefox" in page.evaluate("navigator.userAgent")
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800)
    page.wait_for_selector("#map[data-sharp]")
    land = explored.store.domain
    mean = explored.store.metrics("day-2km")["mean"].sel(month=7, tod=64800, band="C13").values
    readout = under(page, land.row[5000] + 0.5, land.column[5000] + 0.5)
    assert float(re.search(r"· (.*) K", readout)[1]) == pytest.approx(mean[5000, 0], abs=6e-3)
    page.get_by_label("Show", exact=True).select_option("similar land")
    click(page, explored, 2500)
    expect(page.locator("#legend")).to_contain_text("similarity to pixel A")
    expect(page.locator("#charts svg")).to_have_count(4)
    vectors = explored.vectors[[2500, 9000]].astype(float)
    cosine = vectors[0] @ vectors[1] / np.prod(np.linalg.norm(vectors, axis=1))
    readout = under(page, land.row[9000] + 0.5, land.column[9000] + 0.5)
    assert float(readout.rpartition(" ")[2]) == pytest.approx(cosine, abs=1e-4)
    page.get_by_role("button", name="Zoom in").click()
    link = state(page)
    assert link["a"] == "2500"
    other = context.new_page()
    other.goto(page.url)
    expect(other.locator("#legend")).to_contain_text("similarity to pixel A")
    expect(other.locator("#where")).to_contain_text("pixel 2500 ")
    assert (shown(other), parameters(other.url)) == (shown(page), link)
    assert view(other) == pytest.approx(view(page), rel=1e-3)


def test_label_by_example_paints_all_pixels(page, site, explored):
    visit(page, site, show="rgb")
    page.get_by_text("Label by examples").click()
    for name, pixel in (("wood", 3000), ("city", 8000)):
        page.get_by_role("button", name="Add a class").click()
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        if name == "wood":
            page.get_by_role("button", name="Label by clicks").click()
        click(page, explored, pixel)
        expect(page.locator("#status")).to_contain_text(f"{name}: 1")
    page.get_by_role("button", name="Classify all pixels").click()
    expect(page.locator("#legend")).to_contain_text("city")
    land = explored.store.domain
    near = [3000, 8000]
    readouts = [under(page, land.row[n] + 0.5, land.column[n] + 0.5) for n in near]
    assert [text.rpartition("· ")[2] for text in readouts] == ["wood", "city"]


def test_hours_play_and_the_view_is_a_picture_and_numbers(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=54000)
    page.wait_for_selector("#map[data-sharp]")
    button = page.get_by_role("button", name="Play hours")
    button.click()
    page.wait_for_selector('#map[data-shown*="tod=64800"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.get_by_text("Use this view").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as PNG").click()
    picture = np.asarray(Image.open(io.BytesIO(waiting.value.path().read_bytes())).convert("RGB"))
    canvas = page.locator("#canvas").bounding_box()
    assert picture.shape[1] == round(canvas["width"])
    assert (picture[: round(canvas["height"])].std(axis=(0, 1)) > 10).all()
    assert (picture[round(canvas["height"]) :] < 60).all(axis=2).sum() > 200  # ink of the legend
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save numbers as GeoTIFF").click()
    with rasterio.open(waiting.value.path()) as file:
        mean = explored.store.metrics("day-2km")["mean"].sel(month=7, band="C13")
        expected = mean.sel(tod=int(state(page)["tod"])).values[:, 0]
        np.testing.assert_array_equal(file.read(1), explored.store.domain.to_grid(expected))


def test_town_is_found_by_name(page, site):
    visit(page, site)
    page.locator("#go").click()
    page.keyboard.type("palm bay")
    expect(page.locator("#hits li").first).to_have_text("Palm Bay, FL, United States")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).to_contain_text("28.0")


def test_two_years_beside_each_other_and_what_changed(page, years_site, years):
    visit(page, years_site, cube="day-2km", band="C13", month=7, tod=64800, a=5000, clock="solar",
          loops=1, versus="swipe", store2=LATER)  # fmt: skip
    page.wait_for_selector("#map[data-sharp]")
    expect(page.locator("#loop-charts svg")).to_have_count(2)
    line = page.locator("#divider")
    box = line.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] - 80, box["y"] + 60, steps=3)
    page.mouse.up()
    expect(line).not_to_have_attribute("aria-valuenow", "50")
    line.press("Home")
    expect(line).to_have_attribute("aria-valuenow", "2")
    page.get_by_label("Shown as").select_option("difference")
    page.wait_for_selector('#map[data-shown*="versus=difference"]')
    page.wait_for_selector("#map[data-sharp]")
    land = years.store.domain
    first, second = (
        store.metrics("day-2km")["mean"].sel(month=7, tod=64800, band="C13").values[5000, 0]
        for store in (years.store, years.later)
    )
    readout = under(page, land.row[5000] + 0.5, land.column[5000] + 0.5)
    assert "local mean solar time" in readout
    assert float(re.search(r"difference (\S+) K", readout)[1]) == pytest.approx(
        first - second, abs=6e-3
    )
    page.get_by_label("Show", exact=True).select_option("surface classes")
    page.get_by_label("Pick all that are").select_option("class 1")
    page.get_by_role("button", name="Their mean and cycles").click()
    expect(page.locator("#mean-charts svg").first).to_be_visible()
    page.get_by_label("Show", exact=True).select_option("change between two periods")
    expect(page.locator("#legend")).to_contain_text("2020 and 2021")
