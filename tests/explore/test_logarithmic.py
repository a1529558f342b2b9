"""Logarithmic colours: of what they are, that a link holds them, and why they are refused."""

import numpy as np
import pytest
from matplotlib import colormaps
from playwright.sync_api import expect

from tests.explore.lakes import KEY, UNCLEAR
from tests.explore.test_readouts import drawn, without_lines
from tests.explore.test_saving import saved
from tests.explore.test_use import LEVELS
from tests.explore.visits import state, visit

THERMAL = {"cube": "day-2km", "band": "C13", "month": 7, "tod": 64800}
BLACK = [12, 12, 12]


def test_colours_of_a_deviation_follow_its_logarithm_and_the_link_holds_it(page, site, explored):
    without_lines(page)
    visit(page, site, show="stddev", **THERMAL)
    page.wait_for_selector("#map[data-sharp]")
    box = page.get_by_label("logarithmic colours")
    box.focus()
    page.keyboard.press("Space")
    expect(box).to_be_checked()
    expect(page.locator("#legend")).to_contain_text("logarithmic colours")
    page.wait_for_timeout(200)
    values = explored.store.metrics("day-2km")["stddev"].sel(month=7, tod=64800, band="C13")
    seen = state(page)
    assert seen["scale"] == "log"
    ends = float(seen["low"]), float(seen["high"])
    middle = float(page.locator("#middle").inner_text())
    assert middle == pytest.approx(np.sqrt(ends[0] * ends[1]), rel=1e-3)
    pixels = [n for n in range(40, explored.store.pixels, 331) if values[n, 0] > 0]
    share = np.log(values.values[pixels, 0] / ends[0]) / np.log(ends[1] / ends[0])
    expected = 255 * colormaps["viridis"](np.clip(share, 0, 1))[:, :3]
    colours = drawn(page, explored, pixels)
    assert np.abs(colours - expected).max() <= LEVELS
    other = page.context.new_page()
    without_lines(other)
    other.goto(page.url)
    other.wait_for_selector("#map[data-sharp]")
    other.wait_for_timeout(200)
    np.testing.assert_array_equal(drawn(other, explored, pixels), colours)
    _, picture = saved(page, "Save as SVG")
    assert "logarithmic colours" in picture.decode()
    box.uncheck()
    assert "scale" not in state(page)
    page.wait_for_timeout(200)
    assert np.abs(drawn(page, explored, pixels) - colours).max() > LEVELS


def test_what_has_no_logarithm_has_a_colour_and_words_of_its_own(page, site, explored):
    without_lines(page)
    visit(page, site, show="count", scale="log", **THERMAL)
    page.wait_for_selector("#map[data-sharp]")
    expect(page.locator("#legend")).to_contain_text("0 or less, which has no logarithm")
    page.wait_for_timeout(200)
    assert explored.store.block("day-2km", slice(UNCLEAR, UNCLEAR + 1), 7)[0, 1, 1, 0] == 0
    assert drawn(page, explored, [UNCLEAR]).tolist() == [BLACK]
    assert float(state(page)["low"]) > 0


def test_ends_at_zero_or_below_are_refused_with_the_reason(page, site):
    visit(page, site, show="stddev", low=-1, high=20, **THERMAL)
    page.wait_for_selector("#map[data-sharp]")
    box = page.get_by_label("logarithmic colours")
    box.click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Logarithmic colours begin above 0, these begin at -1")
    expect(box).not_to_be_checked()
    assert "scale" not in state(page)
    page.get_by_role("button", name="by the data").click()
    box.click()
    expect(box).to_be_checked()
    expect(alert).to_be_hidden()
    before = state(page)["low"]
    page.locator("#low").fill("0")
    page.keyboard.press("Enter")
    message = page.locator("#low").evaluate("one => one.validationMessage")
    assert message == "Logarithmic colours begin above 0"
    assert state(page)["low"] == before


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("show=mean&scale=log", "scale is 'log': wanted show=count or show=stddev"),
        ("scale=log", "scale is 'log': wanted show=count or show=stddev"),
        ("show=stddev&versus=difference&scale=log", "without a difference"),
        ("show=stddev&scale=log&low=0&high=2", "low is 0: logarithmic colours begin above 0"),
        ("show=stddev&scale=linear", "scale is 'linear': wanted one of log"),
    ],
)
def test_links_say_why_colours_are_not_logarithmic(page, site, link, words):
    page.goto(f"{site}#store={KEY}&cube=day-2km&band=C13&{link}")
    expect(page.get_by_role("alert")).to_contain_text(words)
    page.wait_for_selector("#map[data-shown]")


def test_two_slices_share_logarithmic_colours(page, site):
    visit(page, site, show="stddev", versus="swipe", month2=1, scale="log", **THERMAL)
    expect(page.locator("#legend")).to_contain_text("logarithmic colours")
    page.get_by_label("Show", exact=True).select_option("mean")
    expect(page.locator("#legend")).not_to_contain_text("logarithmic colours")
    assert "scale" not in state(page)
