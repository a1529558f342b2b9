"""Phones and tablets: fingers, legends, charts; and colours that the reader's system forces."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.explore.test_saving import saved
from tests.explore.visits import view, visit, wait

COVERED = """(id) => {
    const legend = document.getElementById(id);
    legend.scrollIntoView({ block: "center" });
    const box = legend.getBoundingClientRect();
    const places = [[.02, .05], [.98, .05], [.5, .5], [.02, .95], [.98, .95]];
    return places.filter(([x, y]) => {
        const top = document.elementFromPoint(box.x + x * box.width, box.y + y * box.height);
        return !legend.contains(top);
    });
}"""
"""Places of an element, as shares of its size, that something else covers."""


@pytest.fixture
def phone(chrome):
    """A page on a screen that is touched."""
    context = chrome.new_context(
        viewport={"width": 375, "height": 740}, has_touch=True, is_mobile=True
    )
    yield context.new_page()
    context.close()


def touch(page: Page, *moments: list[tuple[float, float]]) -> None:
    """Fingers at places of the screen, one moment after the other; then none."""
    session = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(moments) - 1)]
    for kind, fingers in zip(kinds, moments, strict=True):
        points = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_one_finger_scrolls_the_page_past_the_map_and_two_move_and_magnify_it(phone, site):
    visit(phone, site, a=100)
    before, box = view(phone), phone.locator("#canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch(phone, *[[(x, y - 8 * step)] for step in range(20)])
    wait(phone, "scrollY > 80")
    assert view(phone) == before
    phone.wait_for_timeout(600)  # the scroll comes to rest
    phone.evaluate("scrollTo(0, 0)")
    phone.wait_for_timeout(100)
    touch(phone, *[[(x - 40 - 3 * step, y), (x + 40 + 3 * step, y)] for step in range(15)])
    row, column, zoom = view(phone)
    assert zoom == pytest.approx(before[2] * 82 / 40, rel=0.1)
    assert (row, column) == pytest.approx(before[:2], abs=1)
    assert phone.evaluate("scrollY") < 20  # a scroll of before may still come to rest
    assert phone.evaluate("visualViewport.scale") == 1  # the map was magnified, not the page
    before = view(phone)
    touch(phone, *[[(x - 30, y + 4 * step), (x + 30, y + 4 * step)] for step in range(15)])
    assert view(phone)[0] == pytest.approx(before[0] - 56 / before[2], rel=0.1)
    assert phone.evaluate("scrollY") < 20


@pytest.mark.parametrize("size", [(375, 740), (820, 1180), (1024, 700)])
def test_nothing_covers_the_legend_and_charts_fit(page, site, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    visit(page, site, show="similar", a=100, b=300)
    page.evaluate("document.getElementById('status').textContent = 'a long report '.repeat(9)")
    assert page.evaluate(COVERED, "legend") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for chart in page.locator("#charts svg").all():
        box = chart.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
        assert box["height"] < 340


def test_forced_colours_leave_the_legend_its_own(page, site):
    page.emulate_media(forced_colors="active")
    visit(page, site, show="classes", a=100)
    expect(page.locator("#legend li").first).to_be_visible()
    seen = page.eval_on_selector_all(
        "#legend i", "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    )
    named = page.eval_on_selector_all("#legend i", "all => all.map((one) => one.style.background)")
    assert len(set(seen)) == len(seen) > 2
    as_numbers = [text.replace(", ", " ") for text in seen]
    assert as_numbers == [text.replace(", ", " ") for text in named]


LEGEND_TEXTS = """(svg) => {
    document.body.innerHTML = svg;
    const words = document.querySelectorAll("svg #legend text");
    return [...words].map((text) => [text.textContent, text.getBBox().x, text.getBBox().width]);
}"""


def test_titles_are_wrapped_in_pictures_made_on_a_phone(phone, site):
    visit(
        phone, site, cube="day-1km", band="C03", month=7, local=50940, versus="difference",
        month2=1, show2="max",
    )  # fmt: skip
    title = (
        "difference of mean of reflectance factor (1), C03 and maximum of reflectance factor (1), "
        "C03 of each pixel"
    )
    expect(phone.locator("#legend .title")).to_have_text(title)
    _, svg = saved(phone, "Save as SVG")
    _, png = saved(phone, "Save as PNG")
    phone.goto("about:blank")
    words = phone.evaluate(LEGEND_TEXTS, svg.decode().partition("?>")[2] or svg.decode())
    assert title not in {text for text, _, _ in words}
    assert " ".join(text for text, _, _ in words).startswith(title)
    assert all(x >= 0 and x + width <= 375 for _, x, width in words)
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    legend = picture[-40 * len(words) // 3 :]
    assert (legend[:, -6:] == 255).all()  # nothing runs into the edge
