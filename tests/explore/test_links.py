"""A link is a promise: what it names is shown, or it is said that it cannot be."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import lake
from lake.catalogue import catalogue, rebuild
from lake.format import keys
from lake.storage.connect import connect
from lake.store import commits
from lake.store.generations import StoreState
from tests.explore.lakes import KEY, OLD
from tests.explore.serving import serving
from tests.explore.visits import READY, click, parameters, shown, state, under, view, visit, wait

SOURCES = Path(lake.__file__).parent / "explore" / "page" / "src"
IMPORT = """async ([source, name, values]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const module = await import(url);
    return values.map((value) => module[name](...value));
}"""
"""Calls a function of a module of the page without imports, with lists of arguments."""


def called(page: Page, module: str, name: str, *calls: list) -> list:
    page.goto("about:blank")
    return page.evaluate(IMPORT, [(SOURCES / module).read_text(), name, list(calls)])


def test_one_function_reads_every_parameter_and_says_what_is_nonsense(page):
    good = (
        "#store=a/b/c/d&generation=7-x&month=7&tod=64800&lat=30&lon=-80&width=1e2&height=50&low=-1"
        "&high=2&a=0"
    )
    nonsense = {
        "": [],
        "#": [],
        good: [],
        "#month=99": ["month is '99': wanted a whole number, 1 to 12"],
        "#month=7.5": ["month is '7.5': wanted a whole number, 1 to 12"],
        "#month=0x7": ["month is '0x7': wanted a whole number, 1 to 12"],
        "#month=": ["month is '': wanted a whole number, 1 to 12"],
        "#tod=NaN": ["tod is 'NaN': wanted a whole number, 0 to 86399"],
        "#a=-1": ["a is '-1': wanted a whole number, 0 to 2147483647"],
        "#low=Infinity&high=2": ["low is 'Infinity': wanted a number", "high stands without low"],
        "#low=3&high=2": ["low is 3, high is 2: wanted low below high"],
        "#lat=91&lon=0&width=1&height=1": [
            "lat is '91': wanted a number, -90 to 90", "lon stands without lat",
            "width and height stand without a place",
        ],
        "#lat=1&lon=2": ["A place stands without width and height"],
        "#month=7&month=8": ["month is given twice: the first one counts"],
        "#canvas": ["'canvas' is no parameter of this page"],
        "#__proto__=1&constructor=2": [
            "'__proto__' is no parameter of this page", "'constructor' is no parameter of this page",
        ],
        "#%=%E0%A4%A&&==": None,
    }  # fmt: skip
    answers = called(page, "state/state.js", "parse", *([text] for text in nonsense))
    for (text, wrong), answer in zip(nonsense.items(), answers, strict=True):
        assert wrong is None or answer["wrong"] == wrong, text
    read = answers[2]["state"]
    assert (read["store"], read["month"], read["width"], read["low"]) == ("a/b/c/d", 7, 100, -1)
    assert answers[12]["state"] == {}
    assert answers[13]["state"] == {"month": 7}
    (again,) = called(page, "state/state.js", "format", [read])
    assert called(page, "state/state.js", "parse", [again]) == [{"state": read, "wrong": []}]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("store=nope", "The lake has no store nope. Choose one that it has"),
        (f"store={KEY}&month=99", "month is '99'"),
        (f"store={KEY}&month=3", f"{KEY} has no month 3: it has 1 (Jan), 7 (Jul)"),
        (f"store={KEY}&cube=day-2km&band=C01", f"{KEY} has no band C01: it has C06, C13 in day-2km"),
        (f"store={KEY}&tod=0", f"{KEY} has no tod 0: it has 54000 (15:00 UTC), 64800 (18:00 UTC)"),
        (f"store={KEY}&show=median", "There is no show median"),
        (f"store={KEY}&show=rgb&run=embed-0", f"{KEY} has no run embed-0"),
        (f"store={OLD}&show=rgb", "first three principal axes as colours cannot be shown: no run"),
        (f"store={KEY}&generation=00000001-gone", f"Generation 00000001-gone of {KEY} is not in"),
    ],
)  # fmt: skip
def test_what_a_link_names_and_cannot_be_shown_is_said_and_nothing_shown_instead(
    page, site, link, words
):
    page.goto(f"{site}#{link}")
    expect(page.get_by_role("alert")).to_contain_text(words)
    page.wait_for_timeout(300)
    assert page.get_attribute("#map", "data-shown") is None
    expect(page.locator("#legend")).to_be_empty()
    assert page.url.endswith(link)
    if "generation" in link:
        page.get_by_role("button", name="Show the newest").click()
    else:
        name, label = ("month", "7") if "month" in link else ("store", KEY)
        if page.locator("#store").input_value() == KEY and name == "store":
            name, label = "show", "count"
        page.locator(f"#{name}").select_option(label)
    page.wait_for_selector("#map[data-shown]")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_pixel_that_is_not_there_is_said_beside_the_map(page, site):
    page.goto(f"{site}#store={KEY}&a=99999999&zoom=3")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"{KEY} has no pixel 99999999: it has 0 to 14286")
    expect(alert).to_contain_text("'zoom' is no parameter of this page")
    page.wait_for_selector("#map[data-shown]")


def edges(page: Page) -> tuple[float, float, float, float]:
    """First and last row and column that are visible."""
    row, column, zoom = view(page)
    box = page.locator("#canvas").bounding_box()
    half = box["height"] / 2 / zoom, box["width"] / 2 / zoom
    return row - half[0], row + half[0], column - half[1], column + half[1]


def test_a_link_holds_the_extent_on_other_screens_the_range_and_the_threshold(
    page, context, site, explored
):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800, lat=29.5, lon=-81,
          width=90, height=110, low=290, high=299.5)  # fmt: skip
    first = edges(page)
    assert page.locator("#low").input_value() == "290"
    assert page.locator("#high").input_value() == "299.50"
    said = state(page)
    assert {name: said[name] for name in ("lat", "lon", "width", "height", "low", "high")} == {
        "lat": "29.5", "lon": "-81", "width": "90", "height": "110", "low": "290", "high": "299.5",
    }  # fmt: skip
    second = context.new_page()
    second.set_viewport_size({"width": 1900, "height": 500})
    second.goto(page.url)
    second.wait_for_selector(READY)
    top, bottom, left, right = edges(second)
    km, rounding = 5.6e-5 * 35786.023, 1 / view(second)[2]  # the size of a canvas is whole
    middle = (first[0] + first[1]) / 2, (first[2] + first[3]) / 2
    for row in (middle[0] - 55 / km, middle[0] + 55 / km):
        assert top - rounding <= row <= bottom + rounding
    for column in (middle[1] - 45 / km, middle[1] + 45 / km):
        assert left - rounding <= column <= right + rounding
    assert bottom - top == pytest.approx(110 / km, rel=3e-3)  # and no more than that
    second.get_by_role("button", name="by the data").click()
    expect(second.locator("#low")).not_to_have_value("290")
    visit(page, site, show="similar", a=2500, least=0.7)
    expect(page.locator("#least")).to_have_value("0.7")
    page.locator("#least").fill("0.4")
    wait(page, "location.hash.includes('least=0.4')")
    assert state(page)["run"] == explored.embed


def published_again(root: Path) -> tuple[str, str]:
    """Publish another generation of the store, with the values of the first; names of both."""
    objects = connect(root / KEY)
    head = commits.head(objects)
    before = StoreState.from_commit(head).path
    after = before.replace("00000001-", "00000002-")
    shutil.copytree(root / KEY / before, root / KEY / after)
    commits.append(objects, head, head.body | {"path": after})
    catalogue.upsert(connect(root), rebuild.row_of(str(root), keys.parse(KEY)))
    return tuple(Path(path).stem for path in (before, after))


def test_a_link_pins_the_generation_and_says_that_there_is_a_newer_one(page, explored, tmp_path):
    root = shutil.copytree(explored.root, tmp_path / "lake")
    with serving(str(root)) as site:
        visit(page, site)
        link = page.url
        first, second = published_again(root)
        assert parameters(link)["generation"] == first
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("about:blank")
        page.goto(link)
        page.wait_for_selector(READY)
        expect(page.locator("#note")).to_contain_text("A newer generation of this store")
        assert any(first in url for url in asked)
        assert not any(second in url for url in asked)
        page.get_by_role("button", name="Show the newest").click()
        wait(page, f"location.hash.includes('{second}')")
        page.wait_for_selector(READY)
        expect(page.locator("#note")).to_be_hidden()


def test_pasted_links_back_forward_and_skip_lead_where_they_say(page, site, explored):
    visit(page, site, month=7, a=100)
    page.get_by_label("Month").select_option("1")
    page.wait_for_selector('#map[data-shown*="month=1"]')
    page.get_by_label("Show", exact=True).select_option("count")
    page.wait_for_selector('#map[data-shown*="show=count"]')
    click(page, explored, 5000)
    expect(page.locator("#where")).to_contain_text("pixel 5000 ")
    page.go_back()
    expect(page.locator("#where")).to_contain_text("pixel 100 ")
    page.go_back()
    page.wait_for_selector('#map[data-shown*="show=mean"]')
    assert shown(page)["month"] == "1"
    assert page.get_by_label("Show", exact=True).input_value() == "mean"
    page.go_back()
    page.wait_for_selector('#map[data-shown*="month=7"]')
    page.go_forward()
    page.wait_for_selector('#map[data-shown*="month=1"]')
    page.get_by_label("Store").select_option(OLD)
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    page.go_back()
    page.wait_for_selector(f'body[data-ready="{KEY}"]')
    page.wait_for_selector('#map[data-shown*="month=1"]')
    assert state(page)["store"] == KEY
    page.go_forward()
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    page.go_back()
    page.wait_for_selector(f'body[data-ready="{KEY}"]')
    page.evaluate(f"location.hash = 'store={OLD}&month=7&show=max'")  # as pasted into the tab
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    expect(page.locator("#hint")).to_be_visible()
    expect(page.locator("#charts svg")).to_have_count(0)
    page.wait_for_selector('#map[data-shown*="show=max"]')
    page.evaluate(f"location.hash = 'store={KEY}&b=7&a=8'")
    page.wait_for_selector(f'body[data-ready="{KEY}"]')
    expect(page.locator("#where")).to_contain_text("pixel 7 ")
    address = state(page)
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "canvas"
    page.wait_for_timeout(300)
    assert state(page) == address
    expect(page.get_by_role("alert")).to_be_hidden()


def test_an_empty_lake_says_so_whatever_key_is_pressed(page, tmp_path):
    catalogue.claim(connect(tmp_path))
    with serving(str(tmp_path)) as site:
        page.goto(f"{site}#store=x")
        expect(page.get_by_role("alert")).to_contain_text("holds no published store")
        page.locator("#canvas").focus()
        for key in ("0", "+", "-", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        page.get_by_role("button", name="Show everything").click()
        page.mouse.move(500, 400)
        expect(page.get_by_role("alert")).to_contain_text("holds no published store")


def test_places_and_runs_of_a_store_stay_while_the_link_changes(page, site):
    visit(page, site, show="similar", a=2500)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("location.hash = location.hash.replace('a=2500', 'a=9000')")
    expect(page.locator("#legend")).to_contain_text("similarity to pixel A, 9000")
    assert not [url for url in asked if "/embedding/c/" in url or "/row/c/" in url]
    assert under(page, 60.5, 60.5).split("similarity ")[1]
    json.loads(page.get_attribute("#map", "data-view"))


def test_a_link_pasted_just_before_the_address_is_written_is_shown(page, site):
    page.add_init_script(
        """const later = window.setTimeout;
        window.setTimeout = (work, delay, ...rest) => {
          if (delay === 150) window.writing = work; // the delay after which the page writes its address
          return later(work, delay, ...rest);
        };"""
    )
    visit(page, site, month=7)
    page.evaluate(f"location.hash = 'store={OLD}&month=7&show=max'; writing()")  # before its event
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    assert state(page)["show"] == "max"
