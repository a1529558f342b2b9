"""axe finds nothing to complain about: light, dark, on a phone, in colours that a system forces."""

import pytest
from playwright.sync_api import expect

from tests import axe
from tests.explore.lakes import LATER
from tests.explore.visits import click, visit

SCREENS = {
    "light": ({"color_scheme": "light"}, (1300, 800)),
    "dark": ({"color_scheme": "dark"}, (1300, 800)),
    "phone": ({"color_scheme": "light"}, (375, 740)),
    "forced colours": ({"color_scheme": "dark", "forced_colors": "active"}, (1300, 800)),
}


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> str:
    try:
        return axe.script(tmp_path_factory.mktemp("axe"))
    except axe.UnavailableError as error:
        pytest.skip(str(error))


def check(page, script) -> None:
    """On every screen."""
    found = []
    for name, (media, (width, height)) in SCREENS.items():
        page.emulate_media(**({"forced_colors": "none"} | media))
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)  # what fades has faded
        found += [f"{name}: {finding}" for finding in axe.findings(page, script)]
    assert found == []


def test_map_of_a_statistic_with_two_pixels(page, site, script):
    visit(page, site, a=100, b=300, low=0.2, high=0.4)
    page.get_by_text("Use this view").click()
    page.get_by_text("Numbers of this month").click()
    page.mouse.move(600, 400)
    check(page, script)


def test_similar_land_with_points_and_labels(page, site, explored, script):
    visit(page, site, show="similar", a=2500)
    page.get_by_text("All pixels as points").click()
    page.get_by_text("Label by examples").click()
    page.get_by_role("button", name="Add a class").click()
    page.get_by_role("button", name="Label by clicks").click()
    click(page, explored, 3000)
    expect(page.locator("#status")).to_contain_text("class 1: 1")
    check(page, script)


def test_what_cannot_be_shown_and_classes(page, site, script):
    visit(page, site, show="classes", a=99999999)
    expect(page.get_by_role("alert")).to_be_visible()
    page.evaluate("document.getElementById('note').hidden = false")
    check(page, script)


def test_two_slices_beside_each_other_and_what_changed(page, years_site, script):
    visit(page, years_site, versus="swipe", store2=LATER)
    page.mouse.move(600, 400)
    check(page, script)
    visit(page, years_site, show="change")
    check(page, script)


def test_many_pixels_and_loops_by_solar_time(page, years_site, script):
    visit(page, years_site, show="classes", a=5000, loops=1, clock="solar")
    expect(page.locator("#loop-charts svg")).to_have_count(2)
    page.get_by_label("Pick all that are").select_option("class 1")
    page.get_by_role("button", name="Their mean and cycles").click()
    expect(page.locator("#mean-charts svg").first).to_be_visible()
    check(page, script)
