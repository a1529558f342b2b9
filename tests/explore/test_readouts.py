"""What the page says belongs to what is on the map: values, panels, files, lines, greys, colours, names."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from jobs.figures import principal_axes
from lake.format import order
from lake.plot import colours, layers
from tests.explore.lakes import KEY, OLD, UNCLEAR, ExploredLake
from tests.explore.serving import serving
from tests.explore.test_links import IMPORT, SOURCES
from tests.explore.visits import click, point, state, under, visit

CANVAS = """(canvas, places) => {
    const dots = canvas.width / canvas.clientWidth;
    const context = canvas.getContext("2d");
    return places.map(([x, y]) => [...context.getImageData(x * dots, y * dots, 1, 1).data]);
}"""


def drawn(page: Page, explored: ExploredLake, pixels: list[int]) -> np.ndarray:
    """(n, 3) colours that the map has in the middle of pixels, 0 to 255."""
    land, box = explored.store.domain, page.locator("#canvas").bounding_box()
    places = [point(page, land.row[n] + 0.5, land.column[n] + 0.5) for n in pixels]
    within = [[x - box["x"], y - box["y"]] for x, y in places]
    return np.array(page.locator("#canvas").evaluate(CANVAS, within))[:, :3]


def without_lines(page: Page) -> None:
    """Let no coast line cover a pixel."""
    page.route("**/lines.bin", lambda route: route.fulfill(body=b""))


def test_principal_axes_have_the_colours_of_lake_plot(page, site, explored):
    """Within one of 255 levels: the page computes in float32 and rounds, Matplotlib cuts."""
    root, store = str(explored.root), explored.store
    pieces = order.superblocks(store.pixels, store.layout)
    sums = [principal_axes.sums(root, explored.embed, "embedding", rows) for rows in pieces]
    mean, axes, shares = principal_axes.axes(sums)
    projected = principal_axes.project(
        root, explored.embed, "embedding", mean, axes, slice(0, store.pixels)
    )
    scores = principal_axes.project(
        root, explored.pca, "scores", None, None, slice(0, store.pixels)
    )
    pixels = [UNCLEAR, *range(40, store.pixels, 97)]
    without_lines(page)
    for show, values in (("rgb", projected), ("components", scores)):
        visit(page, site, show=show)
        page.wait_for_selector(f'#map[data-shown*="{show}"]')
        page.wait_for_timeout(100)
        expected = 255 * np.nan_to_num(colours.stretch(values)[pixels], nan=168 / 255)
        assert np.abs(drawn(page, explored, pixels) - expected).max() <= 1
        expect(page.locator("#legend")).to_contain_text("no value")
        if show == "rgb":
            expect(page.locator("#legend li").first).to_have_text(
                f"axis 1, {100 * shares[0]:.1f} % of the variance"
            )
    assert np.std(expected[:, 0]) > 20


def test_float_vectors_keep_their_length_in_the_picture_of_their_axes(page):
    """Vectors of very different lengths, one of them missing, against float64 NumPy."""
    rng = np.random.default_rng(8)
    values = (rng.normal(size=(50, 4)) * rng.uniform(1, 40, (50, 1))).astype(np.float32)
    known = np.arange(50) != 7
    covariance = np.cov(values[known].T.astype(float), bias=True)
    products = values[known].T.astype(float) @ values[known]
    part = [[{
        "count": 49, "sum": values[known].astype(float).sum(0).tolist(),
        "products": products.ravel().tolist(),
    }]]  # fmt: skip
    page.goto("about:blank")
    (answer,) = page.evaluate(
        IMPORT, [(SOURCES / "vectors" / "principal.js").read_text(), "principal", [part]]
    )
    variance, vectors = np.linalg.eigh(covariance)
    for n, axis in enumerate(answer["axes"]):
        expected = vectors[:, -1 - n] * np.sign(
            vectors[np.abs(vectors[:, -1 - n]).argmax(), -1 - n]
        )
        np.testing.assert_allclose(axis, expected, atol=1e-9)
    np.testing.assert_allclose(answer["shares"], variance[::-1][:3] / variance.sum(), atol=1e-12)


def test_value_under_a_resting_cursor_follows_the_map(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800)
    page.wait_for_selector("#map[data-sharp]")
    land = explored.store.domain
    under(page, land.row[5000] + 0.5, land.column[5000] + 0.5)
    page.locator("#month").select_option("1")
    page.wait_for_selector('#map[data-shown*="month=1"]')
    mean = explored.store.metrics("day-2km")["mean"].sel(month=1, tod=64800, band="C13")
    expect(page.locator("#readout")).to_contain_text(f"{mean.values[5000, 0]:.2f} K")
    page.locator("#show").select_option("classes")
    expect(page.locator("#readout")).to_contain_text("class ")


def test_while_another_map_is_read_the_old_one_keeps_its_name_and_values(page, site, explored):
    """Full resolution that arrives late does not put the new choice's name on the old values."""
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800)
    page.wait_for_selector("#map[data-sharp]")
    maps = "**/overview/**/c/0/**"

    def hold(_: Route) -> None:
        pass

    page.route(maps, hold)
    page.locator("#month").select_option("1")
    page.wait_for_function("location.hash.includes('month=1&')")
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_timeout(600)  # longer than full resolution waits
    expect(page.locator("#legend")).to_contain_text("Jul, 18:00 UTC")
    assert "month=7" in page.get_attribute("#map", "data-shown")
    page.unroute(maps, hold)  # goes on with what waits
    expect(page.locator("#legend")).to_contain_text("Jan, 18:00 UTC")


def test_similarity_and_its_file_are_of_the_run_and_pixel_on_the_map(page, site, explored):
    visit(page, site, show="similar", a=2500, b=9000)
    expect(page.locator("#where")).to_contain_text("similarity ")
    page.locator("#show").select_option("mean")
    expect(page.locator("#where")).not_to_contain_text("similarity ")
    page.locator("#show").select_option("similar")
    expect(page.locator("#where")).to_contain_text("similarity ")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download these pixels as CSV").click()
    assert waiting.value.suggested_filename.startswith("similar_to_2500_of_")
    page.locator("#store").select_option(OLD)
    page.wait_for_selector(f'body[data-ready="{OLD}"]')
    assert page.locator("#where").inner_text() == ""
    expect(page.locator("#charts svg")).to_have_count(0)
    expect(page.locator("#csv")).to_be_disabled()
    assert {"a", "b", "run"} & state(page).keys() == set()


def test_lines_of_charts_join_neighbouring_slots_alone(page, site, explored):
    hour = 3600
    tables = {
        "closed": ([0, 12, 15, 18, 21], "tod", [43200, 54000, 64800, 75600, 0]),
        "two": ([12, 15], "tod", [43200, 54000]),
        "three hourly": ([3, 6, 9, 12, 15, 18, 21], "tod", [n * 3 * hour for n in range(8)]),
        "months": ([1, 2, 12], "month", []),
    }
    points = [
        [[[x * hour if along == "tod" else x, float(x * x)] for x in xs], along, tods]
        for xs, along, tods in tables.values()
    ]
    source = (SOURCES / "drawing" / "charts.js").read_text()
    source = re.sub(r'import .* from "\./colours\.js";', "const bandColour = () => '#000';", source)
    hours = (SOURCES / "words" / "hours.js").read_text().replace("DAY", "DAY_S")
    source = re.sub(r'import .* from "\.\./words/hours\.js";', hours.replace("export ", ""), source)
    page.goto("about:blank")
    answer = dict(zip(tables, page.evaluate(IMPORT, [source, "pieces", points]), strict=True))
    places = {
        name: [
            [x / hour if x > 12 or name != "months" else x for x, _ in piece] for piece in pieces
        ]
        for name, pieces in answer.items()
    }
    assert places["closed"] == [[0], [12, 15, 18, 21, 24]]
    assert places["two"] == [[12, 15]]
    assert places["three hourly"] == [[3, 6, 9, 12, 15, 18, 21]]  # 0 was not observed: no midnight
    assert places["months"] == [[1, 2], [12]]
    assert answer["closed"][-1][-1][1] == 0  # at midnight the value of 00 UTC
    visit(page, site, a=2500)
    year, day = (page.locator("#charts svg").nth(n).locator("polyline") for n in (0, 1))
    expect(year).to_have_count(0)  # January and July
    expect(day).to_have_count(2)


def test_grey_says_why(page, site, context, explored):
    count = explored.store.block("day-2km", slice(None), 7)[0, 1, 1, 0, :, 0]
    rare = int(np.flatnonzero(count == 1)[0])
    without_lines(page)
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800, show="stddev")
    page.wait_for_selector("#map[data-sharp]")
    land = explored.store.domain
    legend = page.locator("#legend")
    expect(legend).to_contain_text(layers.NONE)
    expect(legend).to_contain_text(layers.TOO_FEW["stddev"])
    readouts = {n: under(page, land.row[n] + 0.5, land.column[n] + 0.5) for n in (rare, UNCLEAR)}
    assert readouts[rare].endswith(f"· {layers.TOO_FEW['stddev']}")
    assert readouts[UNCLEAR].endswith(f"· {layers.NONE}")
    page.wait_for_timeout(100)
    assert drawn(page, explored, [rare, UNCLEAR]).tolist() == [[104] * 3, [168] * 3]
    blind = context.new_page()
    without_lines(blind)
    blind.route("**/results/c/**", lambda _: None)  # full resolution is never there
    blind.goto(f"{site}#store={KEY}&show=skewness&cube=day-2km&band=C13&month=7&tod=64800")
    expect(blind.locator("#legend")).to_contain_text("not loaded at this zoom")
    assert under(blind, 60.5, 60.5).endswith("· not loaded at this zoom")
    assert drawn(blind, explored, [5000]).tolist() == [[218] * 3]


@pytest.fixture
def invented(explored, tmp_path) -> Path:
    """The same lake, of a store whose provenance says more."""
    root = shutil.copytree(explored.root, tmp_path / "lake")
    (generation,) = (root / KEY / "v").iterdir()
    document = json.loads((generation / "zarr.json").read_text())
    days = {"first": "2020-01-03", "last": "2020-07-28", "count": 12}
    document["attributes"]["provenance"] = {"invented": True, "days": days}
    (generation / "zarr.json").write_text(json.dumps(document))
    return root


def test_invented_land_is_called_so_in_the_picture_and_the_days_are_named(page, invented, site):
    words = page.get_by_text("Invented land under real coast lines and borders")
    with serving(str(invented)) as other:
        visit(page, other)
        expect(words).to_be_visible()
        expect(page.locator("#legend")).to_contain_text("12 days, 3 Jan 2020 to 28 Jul 2020")
    visit(page, site)
    expect(words).to_be_hidden()
    expect(page.locator("#legend")).to_contain_text("asked for: 2020")


def test_names_of_stores_and_runs_are_readable_and_what_cannot_be_chosen_says_why(
    page, site, explored
):
    visit(page, site, show="similar")
    stores = page.locator("#store option").all_inner_texts()
    assert "2020 · GOES-16 · small · goes-conus-0" in stores
    digest = explored.embed.split("-")[1][:6]
    assert page.locator("#run option").all_inner_texts() == [
        f"embed, 20 numbers · 26 Nov 2026 · {digest}"
    ]
    visit(page, site, store=OLD)
    reasons = {
        option.get_attribute("value"): option.inner_text()
        for option in page.locator("#learnt option").all()
    }
    assert reasons["classes"] == (
        "surface classes: no run of lake cluster or lake classify on these pixels"
    )
    assert all(option.is_disabled() for option in page.locator("#learnt option").all())


def test_runs_of_one_job_are_told_apart_by_the_settings_in_which_they_differ(page):
    source = (SOURCES / "words" / "names.js").read_text()
    months = 'const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");'
    source = re.sub(r'import .* from "\.\./drawing/charts\.js";', months, source)
    runs = [
        {"id": f"embed-{digest}", "job": "embed", "numbers": 64, "finished": "2026-03-01T00:00:00",
         "settings": {"seed": seed, "latent": 64}}
        for digest, seed in (("aaaaaaaa", 1), ("bbbbbbbb", 2))
    ]  # fmt: skip
    page.goto("about:blank")
    calls = [[run, runs] for run in runs]
    assert page.evaluate(IMPORT, [source, "runName", calls]) == [
        "embed, 64 numbers · seed=1 · 1 Mar 2026 · aaaaaa",
        "embed, 64 numbers · seed=2 · 1 Mar 2026 · bbbbbb",
    ]
    periods = (
        ["20180101_20221231"],
        ["20200301_20200531"],
        ["20240201_20240229"],
        ["20200303_20200505"],
    )
    assert page.evaluate(IMPORT, [source, "periodName", periods]) == [
        "2018 to 2022", "Mar 2020 to May 2020", "Feb 2024", "3 Mar 2020 to 5 May 2020",
    ]  # fmt: skip


def test_pixel_is_drawn_where_it_was_chosen_after_links_of_another_screen(page, site, explored):
    visit(page, site, lat=29.5, lon=-81, width=200, height=100)
    click(page, explored, 4000)
    expect(page.locator("#where")).to_contain_text("pixel 4000 ")
