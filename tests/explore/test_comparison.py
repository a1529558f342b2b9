"""Two slices on one map: their difference, and a swipe between them; and two runs of one model."""

import shlex

import numpy as np
import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from lake.commands.main import lake as command
from lake.plot import maps
from tests.explore.lakes import KEY, LATER, OLD, UNCLEAR
from tests.explore.test_readouts import drawn, without_lines
from tests.explore.test_small_screens import touch
from tests.explore.test_use import LEVELS, colours_of, copied
from tests.explore.visits import click, parameters, shown, state, under, visit, wait

JULY = {"cube": "day-2km", "band": "C13", "month": 7, "tod": 64800}
DIVIDER = "#divider"


def july(store, statistic: str = "mean", month: int = 7) -> np.ndarray:
    """(pixel,) a statistic of band C13 at 18:00."""
    metrics = store.metrics("day-2km")[statistic]
    return metrics.sel(month=month, tod=64800, band="C13").values[:, 0]


def readout(page: Page, store, pixel: int) -> str:
    land = store.domain
    return under(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5).partition("W · ")[2]


def test_difference_of_two_years_is_that_of_the_stores_and_of_lake_plot(
    page, context, years_site, years, monkeypatch, tmp_path
):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    without_lines(page)
    visit(page, years_site, **JULY)
    page.get_by_text("Compare two slices").click()
    page.get_by_label("Shown as").select_option("difference")
    page.get_by_label("Second store").select_option(LATER)
    page.wait_for_selector(f'#map[data-shown*="store2={LATER}"]')
    page.wait_for_selector("#map[data-sharp]")
    said = shown(page)
    assert (said["versus"], said["month2"], said["band2"]) == ("difference", "7", "C13")
    first, second = july(years.store), july(years.later)
    for pixel in (100, 5000):
        text = readout(page, years.store, pixel)
        value, one, other = (
            float(part) for part in text.replace("(", " ").split() if part[:1] in "-0123456789"
        )
        assert (one, other) == pytest.approx((first[pixel], second[pixel]), abs=6e-3)
        assert value == pytest.approx(first[pixel] - second[pixel], abs=6e-3)
    assert readout(page, years.store, UNCLEAR) == (
        "no value in one of the two (Jul, 18:00 UTC, 2020: no observation; "
        "Jul, 18:00 UTC, 2021: no observation)"
    )
    legend = page.locator("#legend")
    expect(legend).to_contain_text("difference of mean of temperature (K), C13")
    expect(legend).to_contain_text("no value in one of the two")
    page.locator("#high").fill("5")
    page.keyboard.press("Enter")
    expect(page.locator("#low")).to_have_value("-5")  # centred at 0
    page.wait_for_timeout(200)
    some = [p for p in range(40, years.store.pixels, 97) if np.isfinite(first[p] - second[p])]
    colours = drawn(page, years, some)
    warm = (first - second)[some] > 1
    assert (colours[warm, 0] > colours[warm, 2]).all()  # red where the first is warmer
    page.get_by_text("Use this view").click()
    figures = []
    field = maps.field
    monkeypatch.setattr(
        "lake.plot.maps.field", lambda *a, **o: figures.append(field(*a, **o)) or figures[-1]
    )
    monkeypatch.setattr("lake.plot.field", maps.field)
    monkeypatch.setenv("LAKE_ROOT", str(years.root))
    monkeypatch.chdir(tmp_path)
    words = shlex.split(copied(page, "Copy as lake plot").replace("$LAKE_ROOT", str(years.root)))
    CliRunner().invoke(command, words[1:], catch_exceptions=False)
    exec(copied(page, "Copy as Python"), {})  # noqa: S102 (what people paste)
    assert len(figures) == 2
    for figure in figures:
        assert np.abs(colours_of(figure, years, some) - colours).max() <= LEVELS + 4


def test_link_of_a_difference_shows_the_same_and_back_leads_out_of_it(
    page, context, years_site, years
):
    visit(page, years_site, **JULY, show="stddev", versus="difference", month2=1)
    page.wait_for_selector("#map[data-sharp]")
    expected = july(years.store, "stddev") - july(years.store, "stddev", 1)
    text = readout(page, years.store, 5000)
    assert float(text.split()[1]) == pytest.approx(expected[5000], abs=6e-3)
    link = state(page)
    assert link["generation2"] == link["generation"]
    second = context.new_page()
    second.goto(page.url)
    second.wait_for_selector("#map[data-sharp]")
    assert state(second) == link
    page.get_by_label("Show", exact=True).select_option("max")  # the second follows
    page.wait_for_selector('#map[data-shown*="show2=max"]')
    page.get_by_label("Shown as").select_option("")
    page.wait_for_selector('#map:not([data-shown*="versus"])')
    assert "month2" not in parameters(page.url)
    page.go_back()
    page.wait_for_selector('#map[data-shown*="versus=difference"]')


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (f"versus=difference&store2={OLD}", f"{OLD} cannot be compared with {KEY}: it has other pixels"),
        ("versus=difference&band2=C06", "band2=C06 cannot be compared: not in K"),
        ("versus=difference&cube2=day-1km", "cube2=day-1km cannot be compared: another resolution"),
        ("versus=swipe&show2=count", "show2=count cannot be compared: another unit than mean"),
        ("versus=swipe&month2=3", f"{KEY} has no month2 3: it has 1, 7"),
        ("versus=swipe&generation2=00000007-x", f"Generation 00000007-x of {KEY} is not in the lake"),
        ("versus=product", "versus is 'product': wanted one of difference, swipe"),
        ("versus=swipe&show=rgb", "Only statistics are compared by versus"),
        ("month2=1&tod2=54000", "month2, tod2 stand without versus"),
        ("versus=difference&low=1&high=5", "colours of a difference are centred at 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(page, years_site, link, words):
    page.goto(f"{years_site}#store={KEY}&cube=day-2km&band=C13&month=7&tod=64800&{link}")
    expect(page.get_by_role("alert")).to_contain_text(words)
    if "without" not in words and "centred" not in words:
        page.wait_for_timeout(300)
        assert page.get_attribute("#map", "data-shown") is None
        assert page.url.endswith(link)


def test_after_a_link_that_cannot_be_compared_a_hand_chooses_what_can(page, years_site):
    page.goto(f"{years_site}#store={KEY}&versus=product&month2=x&store2={OLD}")
    expect(page.get_by_role("alert")).to_contain_text("versus is 'product'")
    page.get_by_text("Compare two slices").click()
    page.get_by_label("Shown as").select_option("swipe")
    page.wait_for_selector('#map[data-shown*="versus=swipe"]')
    expect(page.get_by_role("alert")).to_contain_text("it has other pixels")
    assert shown(page)["store2"] == KEY


def test_choices_that_cannot_be_compared_say_why(page, years_site):
    visit(page, years_site, **JULY, versus="difference")
    reasons = {
        f"#store2 option[value='{OLD}']": ": other pixels", "#band2 option[value=C06]": "C06: not in K",
        "#cube2 option[value=day-1km]": "day-1km: another resolution",
        "#show2 option[value=kurtosis]": "excess kurtosis: another unit than mean",
    }  # fmt: skip
    for selector, words in reasons.items():
        option = page.locator(selector)
        assert option.is_disabled()
        assert option.inner_text().endswith(words)
    page.get_by_label("Shown as").select_option("swipe")
    expect(page.locator("#cube2 option[value=day-1km]")).to_be_disabled()  # C03 is no temperature
    page.get_by_label("Band", exact=True).select_option("C06")
    page.wait_for_selector('#map[data-shown*="band2=C06"]')
    expect(page.locator("#cube2 option[value=day-1km]")).to_be_enabled()
    page.get_by_text("Use this view").click()
    expect(page.locator("#as-command")).to_be_disabled()


def test_swipe_has_both_slices_in_one_range_beside_a_line_that_moves(page, years_site, years):
    without_lines(page)
    visit(page, years_site, **JULY, versus="swipe", store2=LATER)
    page.wait_for_selector("#map[data-sharp]")
    first, second = july(years.store), july(years.later)
    assert readout(page, years.store, 5000) == (
        f"Jul, 18:00 UTC, 2020: {first[5000]:.2f} K · Jul, 18:00 UTC, 2021: {second[5000]:.2f} K"
    )
    line = page.locator(DIVIDER)
    expect(line).to_have_attribute("aria-valuenow", "50")
    box = page.locator("#canvas").bounding_box()
    pixel = 5000
    before = drawn(page, years, [pixel])
    page.mouse.move(*middle(line))
    page.mouse.down()
    page.mouse.move(box["x"] + 0.03 * box["width"], box["y"] + 30, steps=3)
    page.mouse.up()
    expect(line).to_have_attribute("aria-valuenow", "3")
    page.wait_for_timeout(100)
    right = drawn(page, years, [pixel])
    line.press("End")
    expect(line).to_have_attribute("aria-valuenow", "98")
    page.wait_for_timeout(100)
    left = drawn(page, years, [pixel])
    assert (left != right).any()
    assert (before == left).all() or (before == right).all()
    line.press("Shift+ArrowLeft")
    wait(page, "location.hash.includes('divider=0.88')")
    click(page, years, 5000)  # the map beside the line is as ever
    expect(page.locator("#where")).to_contain_text("pixel 5000 ")
    limits = state(page)["low"], state(page)["high"]
    page.get_by_role("button", name="Play months").click()
    page.wait_for_selector('#map[data-shown*="month=1"]')
    assert (state(page)["low"], state(page)["high"]) == limits
    page.get_by_role("button", name="Play months").click()


@pytest.mark.parametrize("width", [375, 1300])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.8, 0.98])
def test_names_beside_the_line_stay_within_the_map(page, years_site, width, share):
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, years_site, **JULY, versus="swipe", show2="stddev", store2=LATER, divider=share)
    stage = page.locator(".stage").bounding_box()
    names = [label.bounding_box() for label in page.locator(".beside span").all()]
    texts = page.locator(".beside span").all_inner_texts()
    assert (texts[0][0], texts[1][-1]) == ("◂", "▸")
    for box in names:
        assert box["width"] > 60
        assert box["x"] >= stage["x"]
        assert box["x"] + box["width"] <= stage["x"] + stage["width"]
    (left, right), line = names, stage["x"] + share * stage["width"]
    assert left["y"] + left["height"] < right["y"]  # neither covers the other
    if share == 0.8:
        assert left["x"] + left["width"] == pytest.approx(line - 5, abs=1)
    if share == 0.2:
        assert right["x"] == pytest.approx(line + 5, abs=1)


def middle(line) -> tuple[float, float]:
    box = line.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_line_of_a_swipe_is_moved_by_a_finger_and_the_page_still_scrolls(chrome, years_site):
    context = chrome.new_context(
        viewport={"width": 375, "height": 740}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    visit(phone, years_site, **JULY, versus="swipe", store2=LATER)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    phone.locator(DIVIDER).scroll_into_view_if_needed()
    x, y = middle(phone.locator(DIVIDER))
    touch(phone, *[[(x - 6 * step, y)] for step in range(20)])
    wait(phone, "Number(divider.ariaValueNow) < 30")
    context.close()


def test_change_between_two_years_is_that_of_vectors_of_one_model(
    page, years_site, years, explored
):
    visit(page, years_site, show="rgb")
    page.get_by_label("Show", exact=True).select_option("change between two periods")
    page.wait_for_selector(f'#map[data-shown*="run2={years.transform}"]')
    land = years.store.domain
    pair = [
        np.where(v == v[UNCLEAR, 0], np.nan, v)
        for v in (explored.vectors * 1.0, years.vectors * 1.0)
    ]
    one, two = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in pair)
    cosine = (one * two).sum(axis=1)
    for pixel in (40, 5000, land.pixels - 1):
        text = readout(page, years.store, pixel).replace("(", "").replace(")", "").split()
        assert (text[0], text[2]) == ("change", "cosine")
        assert float(text[1]) == pytest.approx(1 - cosine[pixel], abs=2e-4)
        assert float(text[3]) == pytest.approx(cosine[pixel], abs=2e-4)
    assert readout(page, years.store, UNCLEAR) == "no vector in one of the two"
    expect(page.locator("#legend")).to_contain_text("2020 and 2021")
    expect(page.locator("#legend")).to_contain_text("no vector in one of the two")
    option = page.locator(f"#run2 option[value='{years.other}']")
    assert option.is_disabled()
    assert option.inner_text().endswith(": another model")
    page.locator("#high").fill("0.9")
    page.keyboard.press("Enter")
    wait(page, "location.hash.includes('high=0.9')")
    link = state(page)
    page.goto("about:blank")
    visit(page, years_site, **link)
    assert state(page) == link


def test_runs_of_two_models_are_not_compared(page, site, years_site, years, explored):
    page.goto(f"{years_site}#store={KEY}&show=change&run={explored.embed}&run2={years.other}")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(
        f"{years.other} cannot be compared with {explored.embed}: it has another model"
    )
    assert page.get_attribute("#map", "data-shown") is None
    page.goto(f"{site}#store={KEY}&show=change")
    expect(alert).to_contain_text("no vectors of the same model in another period (lake transform)")
