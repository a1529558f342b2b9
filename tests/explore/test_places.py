"""Places by name: what is offered while one types, and what is said of a place that cannot be shown."""

import gzip

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lake.explore.make_places import FILE, MOST_BYTES, packed_places
from tests import axe
from tests.explore.test_axe import script  # noqa: F401 (a fixture)
from tests.explore.visits import view, visit


def town(name: str, country: str, lat: float, lon: float, population: int, state: str = "") -> dict:
    return {
        "name": name, "countrycode": country, "admin1code": state, "latitude": lat, "longitude": lon,
        "population": population,
    }  # fmt: skip


TOWNS = [
    town("San José", "CR", 9.93, -84.08, 335_000, "08"),
    town("San Jose", "US", 37.34, -121.89, 1_000_000, "CA"),
    town("Palm Bay", "US", 28.03, -80.59, 120_000, "FL"),
    town("St. Augustine", "US", 29.89, -81.31, 15_500, "FL"),
    town("Bay City", "US", 43.59, -83.89, 33_000, "MI"),
    town("San Joaquin", "VE", 10.26, -67.78, 50_000),
    town("Jaipur", "IN", 26.92, 75.79, 2_700_000),
    town("Jaitpura", "IN", 26.0, 75.0, 40_000),
]


@pytest.fixture
def field(page, site):
    """The field, on a page that knows these towns alone."""
    page.route("**/places.bin", lambda route: route.fulfill(body=packed_places(TOWNS)))
    visit(page, site)
    return page.get_by_role("combobox", name="Go to a place")


def hits(page: Page, field, text: str, *names: str) -> None:
    field.fill(text)
    if names:
        expect(page.locator("#hits li")).to_have_text(list(names))
    else:
        expect(page.locator("#places")).to_be_hidden()


def test_names_are_offered_by_population_without_case_accents_and_commas(page, field):
    jose = ["San Jose, CA, United States", "San José, Costa Rica", "San Joaquin, Venezuela"]
    hits(page, field, "SAN JO", *jose)
    hits(page, field, "san josé", *jose[:2])
    hits(page, field, "san jose, cos", jose[1])
    hits(page, field, "Saint aug", "St. Augustine, FL, United States")
    hits(page, field, "bay", "Bay City, MI, United States", "Palm Bay, FL, United States")
    hits(page, field, "jai", "Jaipur, India not seen by the satellite")  # the small one is not kept
    hits(page, field, "28.03, -80.59")
    hits(page, field, "s")
    expect(field).to_have_attribute("aria-expanded", "false")


def test_a_name_is_chosen_by_keys_and_by_mouse(page, field, explored):
    hits(
        page,
        field,
        "san",
        "San Jose, CA, United States",
        "San José, Costa Rica",
        "San Joaquin, Venezuela",
    )
    page.keyboard.press("ArrowUp")
    active = page.locator("#hits li[aria-selected=true]")
    expect(active).to_have_text("San Joaquin, Venezuela")
    assert field.get_attribute("aria-activedescendant") == active.get_attribute("id")
    page.keyboard.press("ArrowDown")
    expect(active).to_have_text("San Jose, CA, United States")
    page.keyboard.press("Escape")
    expect(page.locator("#places")).to_be_hidden()
    assert field.get_attribute("aria-activedescendant") is None
    hits(page, field, "bay", "Bay City, MI, United States", "Palm Bay, FL, United States")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Palm Bay, FL, United States")
    land, (row, column, _) = explored.store.domain, view(page)
    lon, lat = land.lonlat()
    nearest = np.hypot(lon + 80.59, lat - 28.03).argmin()
    assert np.hypot(land.row[nearest] + 0.5 - row, land.column[nearest] + 0.5 - column) < 2
    page.get_by_role("button", name="Show everything").click()
    hits(page, field, "st aug", "St. Augustine, FL, United States")
    page.locator("#hits li").click()
    expect(page.locator("#where")).to_contain_text("29.9")
    expect(page.locator("#places")).to_be_hidden()


def test_what_cannot_be_shown_is_said(page, field):
    alert = page.get_by_role("alert")
    for text, said in (
        ("Jaipur", "The satellite does not see Jaipur, India"),
        ("San Jose, CA", "San Jose, CA, United States lies outside the images of this store"),
        ("Atlantis", "'Atlantis' is no place that this page knows. Give latitude and longitude"),
        ("40, 100", "The satellite does not see 40.000° N, 100.000° E"),
    ):
        before = view(page)
        field.fill(text)
        page.keyboard.press("Enter")
        expect(alert).to_contain_text(said)
        assert view(page) == before
        expect(page.locator("#hint")).to_be_visible()


def test_names_that_cannot_be_read_leave_coordinates(page, site):
    page.route("**/places.bin", lambda route: route.abort())
    visit(page, site)
    page.locator("#go").fill("Palm Bay")
    expect(page.get_by_role("alert")).to_contain_text("The names of places cannot be read")
    page.unroute("**/places.bin")
    page.locator("#go").fill("Palm Ba")
    expect(page.locator("#hits li").first).to_contain_text("Palm Bay")


def test_list_is_clean_to_axe_and_fits_a_phone(page, field, script):  # noqa: F811
    for size in ((1300, 800), (375, 740)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        hits(page, field, "")
        hits(page, field, "bay", "Bay City, MI, United States", "Palm Bay, FL, United States")
        page.keyboard.press("ArrowDown")
        assert axe.findings(page, script) == []
        box = page.locator("#places").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]


def test_shipped_names_are_few_bytes_and_where_towns_are():
    content = FILE.read_bytes()
    assert len(content) <= MOST_BYTES
    plain = gzip.decompress(content)
    length = int.from_bytes(plain[:4], "little")
    names = plain[4 : 4 + length].decode().split("\n")
    lat, lon = np.frombuffer(plain[4 + length :], "<i2").reshape(2, -1) / 100
    for name, *place in (
        ("Denver\tUS CO", 39.74, -104.98),
        ("Mexico City\tMX", 19.43, -99.13),
        ("Manaus\tBR", -3.1, -60.02),
    ):
        at = names.index(name)
        assert (lat[at], lon[at]) == pytest.approx(place, abs=0.05)
    assert names.index("São Paulo\tBR") < names.index("Manaus\tBR")  # the larger one first
    assert "Mumbai\tIN" in names
