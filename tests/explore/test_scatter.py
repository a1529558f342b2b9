"""All pixels as points: where they lie, and lassos that light up on both sides."""

import csv
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.explore.lakes import UNCLEAR
from tests.explore.visits import point, visit


def lit(page, selector, first=0, end=10**6):
    """How many dots of a canvas are lit up, in these columns."""
    return page.evaluate(
        """([selector, first, end]) => {
            const canvas = document.querySelector(selector);
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            let count = 0;
            for (let i = 0; i < width * height; i++) {
                const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
                const isIn = i % width >= first && i % width < end;
                if (isIn && red === 255 && green === 0 && blue === 220) count++;
            }
            return count;
        }""",
        [selector, first, end],
    )


def drag(page, places):
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def loop_on_map(page, north, west, south, east):
    """Pick the pixels between these rows and columns."""
    page.keyboard.down("Shift")
    loop = [(north, west), (north, east), (south, east), (south, west), (north, west)]
    drag(page, [point(page, row, column) for row, column in loop])
    page.keyboard.up("Shift")


def kept(page):
    """The pixels of the file of what is picked."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV of them").click()
    with Path(download.value.path()).open() as file:
        return {int(row["pixel"]) for row in csv.DictReader(file)}


@pytest.fixture
def axes(explored):
    """(pixel, 2) on the first two principal axes of vectors, by NumPy; NaN where there is none."""
    vectors = explored.vectors.astype(float)
    vectors[UNCLEAR] = np.nan
    centred = vectors - np.nanmean(vectors, axis=0)
    _, loadings = np.linalg.eigh(np.cov(centred[np.isfinite(centred[:, 0])].T))
    first = loadings[:, :-3:-1]
    return centred @ (first * np.sign(first[abs(first).argmax(axis=0), [0, 1]]))


def test_lassos_light_up_on_the_map_and_in_the_scatter(page, site, explored, axes):
    land = explored.store.domain
    visit(page, site, show="rgb")
    page.get_by_text("All pixels as points").click()
    expect(page.locator("#plane-title")).to_contain_text("first two principal axes, ")
    canvas = page.locator("#scatter")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    low, high = np.nanmin(axes, axis=0), np.nanmax(axes, axis=0)
    width, height = page.evaluate("[scatter.clientWidth, scatter.clientHeight]")
    scale = min(width, height) / (1.08 * (high - low).max())
    shown = (axes - (low + high) / 2) * (scale, -scale) + (width / 2, height / 2)
    left, right, top, bottom = 4.5, width / 2 + 0.5, 4.5, height - 4.5
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    page.wait_for_function("document.getElementById('scatter').width > 100")
    drag(page, [(box["x"] + 1 + x, box["y"] + 1 + y) for x, y in corners])  # a border of 1
    expect(page.locator("#picked")).to_contain_text("pixels picked")
    inside = (shown[:, 0] < right) & (shown[:, 0] >= left)
    picked = kept(page)
    edge = abs(shown[:, 0] - right) < 1.5
    assert picked ^ set(np.flatnonzero(inside)) <= set(np.flatnonzero(edge))
    assert lit(page, "#scatter", 0, int(right) - 2) > 300
    assert not lit(page, "#scatter", int(right) + 3)
    assert lit(page, "#canvas") > 300
    page.get_by_role("button", name="Pick none").click()
    expect(page.locator("#picked")).to_contain_text("Draw a loop")
    page.wait_for_timeout(300)  # the map is drawn anew
    assert not lit(page, "#canvas")

    north, south, west, east = (
        12.5,
        30.5,
        20.5,
        60.5,
    )  # a loop on the map, past the centres of pixels
    loop_on_map(page, north, west, south, east)
    expect(page.locator("#picked")).to_contain_text("pixels picked")
    centre_row, centre_column = land.row + 0.5, land.column + 0.5
    loops = [
        (north + d < centre_row)
        & (centre_row < south - d)
        & (west + d < centre_column)
        & (centre_column < east - d)
        for d in (0.6, -0.6)
    ]  # a screen pixel is a fifth of a pixel
    picked = kept(page)
    assert set(np.flatnonzero(loops[0])) <= picked <= set(np.flatnonzero(loops[1]))
    assert lit(page, "#scatter")
    page.get_by_role("button", name="Give them the chosen class").click()
    expect(page.locator("#status")).to_have_text(f"class 1: {len(picked):,} labelled pixels")
