"""The page in a headless Chromium, as people use it, against the numbers of the store."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

import lake
from lake.commands.explore import export
from lake.format import grid
from lake.storage.connect import connect
from lake.store import commits
from lake.store.generations import StoreState
from tests import web
from tests.explore.lakes import KEY, OLD, UNCLEAR, ExploredLake
from tests.explore.serving import serving
from tests.explore.visits import READY, click, parameters, shown, state, under, until, view, visit

PAGE = Path(lake.__file__).parent / "explore" / "page"
LABELLED = """(id) => {
    const one = document.getElementById(id);
    const labels = [...(one.labels ?? [])].filter((label) => label.checkVisibility());
    return !!one.ariaLabel || labels.some((label) => label.textContent);
}"""
"""Whether an element has a name that is read aloud."""


def test_first_map_shows_the_values_and_places_of_the_store(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800)
    assert shown(page) == {
        "show": "mean", "cube": "day-2km", "band": "C13", "month": "7", "tod": "64800"
    }  # fmt: skip
    expect(page.locator("#legend")).to_contain_text("temperature (K), C13")
    page.wait_for_selector("#map[data-sharp]")  # all of so small a store is read
    land = explored.store.domain
    mean = (
        explored.store.metrics("day-2km")["mean"].sel(month=7, tod=64800, band="C13").values[:, 0]
    )
    lon, lat = land.lonlat()
    for pixel in (40, 5000, land.pixels - 1):
        readout = under(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5)
        north, west, kelvin = re.fullmatch(r"(.*)° N, (.*)° W · (.*) K", readout).groups()
        assert float(north) == pytest.approx(lat[pixel], abs=6e-3)  # half a screen pixel
        assert float(west) == pytest.approx(-lon[pixel], abs=6e-3)
        assert float(kelvin) == pytest.approx(mean[pixel], abs=6e-3)
    readout = under(page, land.row[UNCLEAR] + 0.5, land.column[UNCLEAR] + 0.5)
    assert readout.endswith("no observation")


@pytest.mark.parametrize("show", ["stddev", "min", "max"])
def test_coarse_map_is_the_first_then_a_finer_one_with_the_numbers_of_the_overview(
    context, site, explored, show
):
    page = context.new_page()
    page.route("**/results/c/**", lambda route: route.abort())  # full resolution never comes
    held = []
    page.route("**/overview/factor-4/**", lambda route, _: held.append(route))
    page.goto(f"{site}#store={KEY}&cube=day-1km&band=C03&month=1&tod=54000&show={show}")
    page.wait_for_selector("#map[data-shown]")
    expect(page.locator("#legend")).to_contain_text("of 8 \u00d7 8 pixels together")
    assert_cells_are_shown(page, explored, show, 8)
    limits = page.locator("#low").input_value(), page.locator("#high").input_value()
    page.unroute("**/overview/factor-4/**")
    for route in held:
        route.continue_()
    page.wait_for_selector('#map[data-cells="4"]')
    expect(page.locator("#legend")).to_contain_text("of 4 \u00d7 4 pixels together")
    assert_cells_are_shown(page, explored, show, 4)
    assert limits == (page.locator("#low").input_value(), page.locator("#high").input_value())


def assert_cells_are_shown(page, explored, show: str, size: int) -> None:
    maps = explored.store.overview("day-1km", size)
    values = maps[show].sel(month=1, tod=54000, band="C03").values
    for y, x in ((2, 3), (5, 1)):
        readout = under(page, (y + 0.5) * size, (x + 0.5) * size)
        value = re.fullmatch(rf".* · (.*) over {size} × {size} pixels", readout)[1]  # noqa: RUF001
        assert float(value) == pytest.approx(values[y, x], rel=1e-3)


def test_spread_of_pixels_and_that_of_cells_do_not_share_a_map(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800, show="stddev")
    page.wait_for_selector("#map[data-sharp]")
    expect(page.locator("#legend")).to_contain_text("of each pixel")
    land = explored.store.domain
    spread = (
        explored.store.metrics("day-2km")["stddev"].sel(month=7, tod=64800, band="C13").values[:, 0]
    )
    readout = under(page, land.row[5000] + 0.5, land.column[5000] + 0.5)
    assert readout.endswith(" K")
    assert float(readout.rpartition("· ")[2].split()[0]) == pytest.approx(spread[5000], rel=1e-3)


def test_counts_are_those_of_a_pixel_at_every_resolution(context, site, explored):
    page = context.new_page()
    page.route("**/results/c/**", lambda route: route.abort())
    page.goto(f"{site}#store={KEY}&cube=day-1km&band=C03&month=1&tod=54000&show=count")
    page.wait_for_selector('#map[data-shown*="count"]')
    land, size = explored.store.domain, 4
    count = explored.store.block("day-1km", slice(None), 1)[0][0, 0, 0]
    inside = (land.row // size == 2) & (land.column // size == 3)
    expect(page.locator("#legend")).to_contain_text("observations a pixel")
    page.wait_for_selector('#map[data-cells="4"]')
    readout = under(page, 2.5 * size, 3.5 * size)
    value = float(readout.rpartition("· ")[2].split()[0])
    assert value == pytest.approx(count[inside].mean(), rel=1e-3)


def test_choices_change_the_map_the_legend_and_the_address(page, site):
    visit(page, site)
    page.get_by_label("Band").select_option("C13")
    page.get_by_label("Month").select_option(label="Jan")
    page.get_by_label("Time of day").select_option(label="15:00 UTC")
    page.get_by_label("Show", exact=True).select_option("standard deviation")
    parameters = {"show": "stddev", "cube": "day-2km", "band": "C13", "month": "1", "tod": "54000"}
    page.wait_for_selector('#map[data-shown*="show=stddev"]')
    assert shown(page) == parameters
    expect(page.locator("#legend")).to_contain_text("standard deviation of temperature (K), C13")
    page.get_by_label("Cube").select_option("day-1km")
    page.wait_for_selector('#map[data-shown*="band=C03"]')
    expect(page.locator("#legend")).to_contain_text("reflectance factor (1), C03")
    assert state(page)["cube"] == "day-1km"
    page.get_by_label("Show", exact=True).select_option("maximum")
    page.wait_for_selector('#map[data-shown*="show=max"]')
    expect(page.locator("#legend")).to_contain_text("maximum of reflectance factor")


def test_map_pans_and_zooms_by_mouse_wheel_and_keys(page, site):
    visit(page, site)
    before = view(page)
    box = page.locator("#canvas").bounding_box()
    x, y = box["x"] + 300, box["y"] + 300
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    after, zoom = view(page), before[2]
    assert after[1] == pytest.approx(before[1] - 60 / zoom, abs=0.02)
    assert after[0] == pytest.approx(before[0] - 30 / zoom, abs=0.02)
    assert page.locator("#hint").is_visible()  # a drag chooses nothing
    page.mouse.wheel(0, -300)
    until(page, 2, 1.5 * zoom)
    page.locator("#canvas").focus()
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    until(page, 1, before[1])
    page.keyboard.press("+")
    until(page, 2, zoom)


def test_chosen_pixel_has_charts_and_numbers_by_mouse_and_by_keyboard(
    page, site, explored, tmp_path
):
    visit(page, site, month=7, tod=64800)
    click(page, explored, 777)
    expect(page.locator("#where")).to_contain_text("pixel 777 ")
    expect(page.locator("#charts svg")).to_have_count(4)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    series = explored.store.series(777)
    assert len(rows) == 2 * 2 * 3
    for row in rows:
        cell = series[row["cube"]].sel(
            month=int(row["month"]), tod=int(row["tod"]), band=row["band"]
        )
        n, m1 = (cell["results"].sel(metric=k).values.astype(float) for k in ("count", "m1"))
        assert row["key"] == KEY
        assert float(row["count"]) == n.sum()
        assert float(row["mean"]) == pytest.approx((n * m1).sum() / n.sum(), rel=1e-6)
        assert float(row["max"]) == pytest.approx(cell["results"].sel(metric="max").max().item())
        if n.size == 1:
            assert float(row["stddev"]) == pytest.approx(cell["stddev"].item(), rel=1e-5)
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#where")).not_to_contain_text("pixel 777 ")
    expect(page.get_by_role("status")).to_contain_text("its year and day are shown")
    page.wait_for_timeout(800)  # full resolution is read meanwhile
    expect(page.get_by_role("status")).to_contain_text("its year and day are shown")


def test_never_clear_pixel_says_so_in_its_numbers(page, site, explored):
    visit(page, site, a=UNCLEAR)
    page.get_by_text("Numbers of this month").click()
    cells = page.locator("#numbers td").all_inner_texts()
    assert cells[:7] == ["A", "C06 (1)", *["\u2013"] * 4, "0"]


def cosines(explored: ExploredLake, pixel: int) -> np.ndarray:
    vectors = explored.vectors.astype(float)
    vectors[UNCLEAR] = np.nan
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors[pixel]


def test_similar_land_is_that_of_the_cosine(page, site, explored):
    visit(page, site, show="similar")
    expect(page.locator("#legend")).to_contain_text("choose a pixel")
    land, cosine = explored.store.domain, cosines(explored, 2500)
    click(page, explored, 2500)
    expect(page.locator("#legend")).to_contain_text("similarity to pixel A")
    for pixel in (2500, 40, 9000):
        readout = under(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5)
        similar = float(readout.rpartition(" ")[2])
        assert similar == pytest.approx(cosine[pixel], abs=1e-4)
    page.locator("#least").fill("0.7")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download these pixels as CSV").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    similar = {int(row["pixel"]): float(row["similarity"]) for row in rows}
    sure = set(np.flatnonzero(cosine > 0.7001))
    assert sure <= set(similar) <= set(np.flatnonzero(cosine > 0.6999))
    assert 10 < len(similar) < land.pixels
    assert max(abs(cosine[p] - similarity) for p, similarity in similar.items()) < 1e-4
    click(page, explored, UNCLEAR)
    expect(page.locator("#legend")).to_contain_text("no embedding")


def test_two_pixels_are_compared(page, site, explored):
    visit(page, site, show="similar", a=2500)
    click(page, explored, 9000, second=True)
    expect(page.locator("#where")).to_contain_text("pixel 9000 ")
    expect(page.locator("#where")).to_contain_text(
        f"similarity {cosines(explored, 2500)[9000]:.3f}"
    )
    expect(page.locator("#charts svg").nth(1).locator("polyline[stroke-dasharray]")).to_have_count(
        2
    )
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#hint")).to_be_visible()
    assert "a" not in state(page)


def test_classes_and_colours_of_the_embedding_have_legends(page, site, explored):
    visit(page, site, show="classes")
    share = 100 * np.mean(explored.store.domain.row // 40 == 0)
    expect(page.locator("#legend li").first).to_have_text(f"class 0, {share:.1f} %")
    assert under(page, 100, 10.5).endswith("class 2")
    page.get_by_label("Show", exact=True).select_option("rgb")
    page.wait_for_selector('#map[data-shown*="rgb"]')
    expect(page.locator("#legend")).to_contain_text("first three principal axes of the embedding")
    expect(page.locator("#legend")).to_contain_text("red, green and blue")


def test_shared_link_shows_the_same(page, context, site, explored):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    land = explored.store.domain
    visit(page, site, show="stddev", cube="day-1km", month=1, tod=54000)
    page.locator("#canvas").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowDown")
    click(page, explored, int(np.argmin(np.hypot(land.row - 60, land.column - 70))))
    expect(page.locator("#charts svg")).to_have_count(4)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status")).to_contain_text("clipboard")
    link = page.evaluate("navigator.clipboard.readText()")
    second_page = context.new_page()
    second_page.goto(link)
    second_page.wait_for_selector(READY)
    expect(second_page.locator("#charts svg")).to_have_count(4)
    assert second_page.inner_text("#where") == page.inner_text("#where")
    assert shown(second_page) == shown(page)
    assert state(second_page) == parameters(link)


def test_unreachable_lake_is_told_and_tried_again(page, site):
    page.route("**/lake/**", lambda route: route.abort())
    page.goto(site)
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("cannot be reached", timeout=10000)
    expect(problem).to_contain_text("lake explore")
    page.unroute("**/lake/**")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(READY)
    expect(problem).to_be_hidden()


@pytest.mark.parametrize("harm", ["lost", "cut", "garbled"])
def test_damaged_map_is_told_with_its_key(page, explored, tmp_path, harm):
    root = shutil.copytree(explored.root, tmp_path / "lake")
    (path,) = (root / KEY / "v").iterdir()
    file = path / "overview/day-2km/mean/c/6/0/0/0/0"
    data = bytearray(file.read_bytes())
    if harm == "lost":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(data[:-40])
    else:
        data[16:-100] = bytes(len(data) - 116)
        file.write_bytes(data)
    with serving(str(root)) as site:
        page.goto(f"{site}#store={KEY}")
        problem = page.get_by_role("alert")
        expect(problem).to_contain_text("overview/day-2km/mean")
        expect(problem).to_contain_text("lake verify")
        expect(page.locator("#legend")).to_be_empty()
        page.get_by_label("Show", exact=True).select_option("count")
        page.wait_for_selector('#map[data-shown*="count"]')
        expect(problem).to_be_hidden()


def test_lost_part_of_an_embedding_is_told_with_its_key(page, explored, tmp_path):
    root = shutil.copytree(explored.root, tmp_path / "lake")
    (root / "runs" / explored.embed / "embed.zarr/embedding/c/3/0").unlink()
    with serving(str(root)) as site:
        page.goto(f"{site}#store={KEY}&show=similar&a=100")
        expect(page.get_by_role("alert")).to_contain_text("embedding/c/3/0 is missing")


def test_another_store_is_chosen_also_one_without_coarse_maps(page, site, explored):
    visit(page, site, a=100)
    page.get_by_label("Store").select_option(OLD)
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    page.wait_for_selector("#map[data-sharp]")
    assert "a" not in state(page)
    expect(page.locator("#hint")).to_be_visible()
    option = page.locator("#show option[value=similar]")
    assert option.is_disabled()
    assert option.inner_text() == "similar land: no run of lake embed on these pixels"
    old = lake.open(explored.root / OLD)
    mean = old.metrics("day-2km")["mean"].sel(month=7, tod=64800, band="C06").values[:, 0]
    readout = under(page, old.domain.row[50] + 0.5, old.domain.column[50] + 0.5)
    assert float(readout.rpartition("· ")[2].split()[0]) == pytest.approx(mean[50], rel=1e-3)


def test_exported_page_on_a_static_host_follows_what_is_published_later(explored, tmp_path, page):
    host = tmp_path / "host"
    shutil.copytree(explored.root, host / "lake")
    names = export(connect(host / "lake"), host, "lake/")
    assert {"index.html", "explore.js", "worker.js", "stores.json", "lines.bin"} <= set(names)
    objects = connect(host / "lake" / KEY)
    head = commits.head(objects)
    before = StoreState.from_commit(head).path
    after = before.replace("00000001-", "00000002-")
    (host / "lake" / KEY / before).rename(host / "lake" / KEY / after)
    commits.append(objects, head, head.body | {"path": after})
    with web.server(host) as static:
        page.goto(f"{static.url}/index.html#store={KEY}&show=similar&a=300")
        page.wait_for_selector("body[data-ready]")
        page.wait_for_selector('#map[data-shown*="similar"]')
        assert any(after in path for _, path, _ in static.asked)
        assert page.locator("#charts svg").count() == 4


def test_page_fits_a_phone(context, site):
    page = context.new_page()
    page.set_viewport_size({"width": 375, "height": 740})
    visit(page, site, a=100)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for id_ in ("store", "show", "band", "month", "tod", "canvas", "legend", "in"):
        box = page.locator(f"#{id_}").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375
        assert page.evaluate(LABELLED, id_)
    assert page.locator("#canvas").bounding_box()["height"] > 400
    expect(page.locator("#charts svg").first).to_be_visible()


def test_everything_that_can_be_used_has_a_name_and_is_reached_by_tab(page, site):
    visit(page, site)
    names = page.evaluate(
        """() => [...document.querySelectorAll("select, button, input, canvas[tabindex]")]
            .filter((one) => one.checkVisibility())
            .map((one) => one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)"""
    )
    assert all(name.strip() for name in names)
    page.keyboard.press("Tab")
    reached = []
    for _ in range(20):
        reached.append(page.evaluate("document.activeElement.id"))
        page.keyboard.press("Tab")
    assert {"share", "store", "show", "cube", "band", "month", "tod", "canvas", "in"} <= set(
        reached
    )


def test_navigation_is_that_of_the_lake(page, site, explored):
    source = (PAGE / "src" / "reading" / "grid.js").read_text()
    land = explored.store.domain
    projection = json.dumps(explored.store.crs("2km"))
    rng = np.random.default_rng(1)
    y, x = rng.uniform(-0.16, 0.16, (2, 300))
    page.goto("about:blank")
    places = page.evaluate(
        """async ([source, projection, y, x]) => {
            const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            const { lonlat, scanAngles } = await import(url);
            const there = y.map((_, i) => lonlat(JSON.parse(projection), y[i], x[i]));
            return [there, there.map((p) => p && scanAngles(JSON.parse(projection), ...p))];
        }""",
        [source, projection, y.tolist(), x.tolist()],
    )
    lon, lat = (np.array([np.nan if p is None else p[k] for p in places[0]]) for k in (0, 1))
    expected = grid.lonlat(land.grid.projection, y, x)
    np.testing.assert_allclose((lon, lat), expected, atol=1e-9)
    assert 100 < np.isfinite(lon).sum() < 300
    back = [np.array([np.nan if p is None else p[k] for p in places[1]]) for k in (0, 1)]
    visible = np.isfinite(lon)
    np.testing.assert_allclose(back[0][visible], y[visible], atol=1e-11)
    np.testing.assert_allclose(back[1][visible], x[visible], atol=1e-11)
