"""Hours by local mean solar time, as `lake plot cycle --clock solar` has them."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from lake.plot.cycles import solar_hours
from tests.explore.lakes import OLD
from tests.explore.test_links import called
from tests.explore.test_scatter import loop_on_map
from tests.explore.visits import parameters, state, under, visit, wait

PIXEL = 5000
DAY_CHART = "svg[aria-label^='Day in']"


def said(lon: float, tod: int = 64800) -> str:
    """`HH:MM`, cut to minutes."""
    (hours,) = solar_hours([tod], lon)
    return f"{int(hours):02d}:{int(hours * 60 % 60):02d}"


def places(page, box: str) -> list[float]:
    """Hours of the points of the first band in a chart of the day."""
    circles = page.locator(f"{box} {DAY_CHART}").first.locator("circle").all()[:2]
    return [(float(circle.get_attribute("cx")) - 44) / (340 - 84) * 24 for circle in circles]


def test_hours_are_said_by_local_mean_solar_time(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800, a=PIXEL)
    land = explored.store.domain
    lon, _ = land.lonlat()
    assert places(page, "#charts") == pytest.approx([15, 18], abs=0.01)
    assert "local" not in under(page, land.row[PIXEL] + 0.5, land.column[PIXEL] + 0.5)
    page.get_by_label("Clock").select_option("local mean solar time")
    expect(page.locator(f"#charts {DAY_CHART}").first).to_have_attribute(
        "aria-label", re.compile("Day in Jul, local mean solar time: ")
    )
    expected = solar_hours([54000, 64800], lon[PIXEL])
    assert places(page, "#charts") == pytest.approx(expected, abs=0.01)
    readout = under(page, land.row[PIXEL] + 0.5, land.column[PIXEL] + 0.5)
    assert f"· {said(lon[PIXEL])} local mean solar time ·" in readout
    middle = said(float(state(page)["lon"]))
    words = f"{middle} local mean solar time in the middle of the map"
    expect(page.locator("#legend")).to_contain_text(words)
    expect(page.locator("#tod option:checked")).to_have_text(f"18:00 UTC, {middle} local")
    page.locator("#canvas").focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowLeft")  # to the west, where it is earlier
    expect(page.locator("#legend")).not_to_contain_text(words)
    moved = said(float(state(page)["lon"]))
    assert moved < middle
    expect(page.locator("#legend")).to_contain_text(f"{moved} local mean solar time")
    expect(page.locator("#tod option:checked")).to_have_text(f"18:00 UTC, {moved} local")
    page.get_by_role("button", name="Play hours").click()
    page.wait_for_selector('#map[data-shown*="tod=54000"]')
    page.get_by_role("button", name="Play hours").click()
    link = page.url
    assert parameters(link)["clock"] == "solar"
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector("body[data-ready]")
    expect(page.get_by_label("Clock")).to_have_value("solar")
    assert places(page, "#charts") == pytest.approx(expected, abs=0.01)
    page.get_by_label("Clock").select_option("UTC")
    wait(page, "!location.hash.includes('clock')")
    assert places(page, "#charts") == pytest.approx([15, 18], abs=0.01)
    expect(page.locator("#legend")).not_to_contain_text("solar")


def test_day_of_many_pixels_is_at_their_mean_longitude(page, site, explored):
    visit(page, site, clock="solar")
    loop_on_map(page, 12.5, 20.5, 30.5, 40.5)
    page.get_by_role("button", name="Their mean and cycles").click()
    expect(page.locator("#mean-of")).to_contain_text("solar time at their mean longitude")
    land = explored.store.domain
    inside = (land.row > 12) & (land.row < 30) & (land.column > 20) & (land.column < 40)
    lon = land.lonlat()[0][inside].mean()
    assert places(page, "#mean-charts") == pytest.approx(solar_hours([54000, 64800], lon), abs=0.02)
    page.get_by_label("Store").select_option(OLD)  # the clock is the reader's, not the store's
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    expect(page.get_by_label("Clock")).to_have_value("solar")


def test_hours_of_a_day_stay_an_hour_apart_at_any_longitude(page):
    """So that neighbours are joined by a line."""
    tods, places = range(0, 86400, 3600), (-180, -156.337, -75.2, 0, 33.3333333, 179.99)
    answers = called(
        page, "words/hours.js", "solar", *([tod, lon] for lon in places for tod in tods)
    )
    for n, lon in enumerate(places):
        seconds = answers[24 * n : 24 * n + 24]
        assert [value * 1.0 for value in seconds] == pytest.approx(
            3600 * solar_hours(tods, lon), abs=0.51
        )
        assert {(b - a) % 86400 for a, b in pairwise(seconds)} == {3600}
