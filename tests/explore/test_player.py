"""Months and hours one after the other, in the same colours."""

from playwright.sync_api import expect

from tests.explore.visits import parameters, state, visit


def test_hours_play_in_the_same_colours_until_they_are_stopped(page, site):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=54000)
    page.wait_for_selector("#map[data-sharp]")
    before = page.evaluate("history.length")
    button = page.get_by_role("button", name="Play hours")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    limits = state(page)["low"], state(page)["high"]
    for tod in (64800, 54000, 64800):
        page.wait_for_selector(f'#map[data-shown*="tod={tod}"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    seen = state(page)
    page.wait_for_timeout(1500)
    assert state(page) == seen
    assert (seen["low"], seen["high"]) == limits
    assert page.evaluate("history.length") <= before + 1  # not a step for each hour
    button.click()
    page.get_by_label("Month").select_option(label="Jan")
    expect(button).to_have_attribute("aria-pressed", "false")
    page.wait_for_selector('#map[data-shown*="month=1"]')
    page.get_by_label("Show", exact=True).select_option("similar land")
    expect(button).to_be_disabled()
    assert parameters(page.url)["month"] == "1"


def test_buttons_that_cannot_be_pressed_look_so_and_say_why(page, site):
    visit(page, site, show="count", cube="day-2km", band="C13")
    buttons = [page.get_by_role("button", name=f"Play {along}") for along in ("months", "hours")]
    for button in buttons:
        expect(button).to_be_enabled()
        expect(button).to_have_css("opacity", "1")
    page.get_by_label("Show", exact=True).select_option("surface classes")
    for button in buttons:
        expect(button).to_be_disabled()
        expect(button).to_have_css("opacity", "0.5")
        expect(button).to_have_attribute("title", "Of statistics only")
