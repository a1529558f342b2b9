"""A map of one local solar hour: every place at its nearest stored time of day."""

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from lake.format import grid
from tests.explore.lakes import KEY
from tests.explore.test_labelling import script  # noqa: F401 (a fixture)
from tests.explore.test_links import called
from tests.explore.test_saving import numbers
from tests.explore.test_scatter import loop_on_map
from tests.explore.visits import click, shown, state, under, visit

DAY = 86400
TODS = (54000, 64800)
REACH = 5400
NONE = -1
SPLIT, EDGE = 40140, 50940
"""Local hours at which the west of the store shows another time of day than the east; none."""
FINE = {"cube": "day-1km", "band": "C03", "month": 7}
COARSE = {"cube": "day-2km", "band": "C13", "month": 7}


def tods_at(lon: NDArray[np.float64], local: int) -> NDArray[np.int64]:
    """The time of day that is nearest to a local hour at longitudes, or NONE."""
    tods = np.array(TODS)
    solar = (tods + np.round(240 * np.asarray(lon))[..., None]) % DAY
    away = np.abs((solar - local + DAY / 2) % DAY - DAY / 2)
    return np.where(away.min(axis=-1) <= REACH, tods[away.argmin(axis=-1)], NONE)


def at_local(values: dict[int, np.ndarray], tods: NDArray[np.int64]) -> np.ndarray:
    """Of values of each time of day, those of the time of day of each place."""
    filled = np.full_like(values[TODS[0]], np.nan)
    for tod in TODS:
        filled[tods == tod] = values[tod][tods == tod]
    return filled


def pixels(store, local: int, statistic: str = "mean", month: int = 7, **of: str) -> np.ndarray:
    """(pixel, subpixel) of a statistic at a local hour."""
    of = {"cube": "day-1km", "band": "C03"} | of
    metrics = store.metrics(of["cube"])
    named = metrics[statistic] if statistic in metrics else metrics["results"].sel(metric=statistic)
    chosen = named.sel(month=month, band=of["band"])
    values = {tod: chosen.sel(tod=tod).values for tod in TODS}
    return at_local(values, tods_at(store.domain.lonlat()[0], local))


def cells(store, local: int) -> np.ndarray:
    """(row, column) of the coarse map of C03 at a local hour, each cell by its middle."""
    land = store.domain
    factor = store.overview_factors[-1]
    coarse = store.overview("day-1km", factor)["mean"].sel(month=7, band="C03")
    values = {tod: coarse.sel(tod=tod).values for tod in TODS}
    row, column = (factor * (np.arange(size) + 0.5) - 0.5 for size in values[TODS[0]].shape)
    y = np.interp(row, np.arange(land.grid.y.size), land.grid.y)
    x = np.interp(column, np.arange(land.grid.x.size), land.grid.x)
    lon, _ = grid.lonlat(land.grid.projection, *np.meshgrid(y, x, indexing="ij"))
    return at_local(values, tods_at(lon, local))


@pytest.mark.parametrize("tods", [TODS, (0, 3600, 7200, 82800), (43200, 46800, 64800), (64800,)])
def test_nearest_time_of_day_is_that_of_numpy(page, tods):
    rng = np.random.default_rng(3)
    places = [(int(rng.integers(DAY)), float(rng.uniform(-180, 180))) for _ in range(300)]
    calls = [[list(tods), local, lon] for local, lon in places]
    answers = called(page, "words/hours.js", "nearest", *calls)
    gaps = np.diff([*tods, tods[0] + DAY])
    for (local, lon), answer in zip(places, answers, strict=True):
        away = (np.array(tods) + np.round(240 * lon) - local + DAY / 2) % DAY - DAY / 2
        best = np.abs(away).argmin()
        is_near = len(tods) > 1 and abs(away[best]) <= gaps.min() / 2
        assert answer == (tods[best] if is_near else None)


LIMB = """
const sphere = { perspective_point_height: 35786023, semi_major_axis: 6378137,
    semi_minor_axis: 6356752.31414, longitude_of_projection_origin: -75 };
const size = 100, step = 0.0031 * sphere.perspective_point_height;
const disk = new grid.Grid(sphere, [step, 0, -size * step / 2, 0, -step, size * step / 2], [size, size]);
const tods = [0, 3, 6, 9, 12, 15, 18, 21].map((hour) => 3600 * hour);
const overview = async () => ({ values: new Float32Array(169).fill(1) });
const store = { grid: disk, factors: [8], cubes: { day: { tods } }, overview };
const read = await local_hours.localOverview(store, { cube: "day", show: "mean", local: 43200 }, 8);
const lit = read.tods.map((_, cell) => {
    for (let i = 0; i < 64; i++) {
        const [y, x] = [8 * Math.floor(cell / 13) + Math.floor(i / 8), 8 * (cell % 13) + i % 8];
        if (disk.lonlat(y + 0.5, x + 0.5)) return 1;
    }
    return 0;
});
const isBeyond = (cell) => !disk.lonlat(8 * Math.floor(cell / 13) + 4, 8 * (cell % 13) + 4);
const beyond = read.tods.filter((_, cell) => isBeyond(cell));
console.log(JSON.stringify({ tods: [...read.tods], lit: [...lit], beyond: [...beyond] }));
"""


def test_cells_at_the_limb_have_the_time_of_day_of_what_is_seen_of_them(script):  # noqa: F811
    disk = script(LIMB, modules=("reading/grid.js", "reading/local_hours.js"))
    assert [tod != NONE for tod in disk["tods"]] == [bool(lit) for lit in disk["lit"]]
    assert 10 < sum(tod != NONE for tod in disk["beyond"]) < len(disk["beyond"])


@pytest.mark.parametrize("local", [SPLIT, EDGE])
def test_pixels_are_those_of_their_own_time_of_day(page, site, explored, local):
    store, land = explored.store, explored.store.domain
    visit(page, site, **FINE, local=local)
    page.wait_for_selector("#map[data-sharp]")
    (values,), file = numbers(page)
    expected = pixels(store, local)
    np.testing.assert_array_equal(values, land.to_grid(expected))
    tods = tods_at(land.lonlat()[0], local)
    assert min(np.unique(tods, return_counts=True)[1]) > 1000
    name = f"{local // 3600:02d}:{local % 3600 // 60:02d} local mean solar time"
    legend = page.locator("#legend")
    expect(legend).to_contain_text(f"Jul, {name}")
    nearest = ", from east to west 15:00, 18:00" if local == SPLIT else ": 18:00"
    expect(legend).to_contain_text(f"each place at its nearest stored time of day{nearest} UTC")
    late = f"no stored time of day within 90 min of {name}"
    if local == EDGE:
        expect(legend).to_contain_text(late)
    else:
        expect(legend).not_to_contain_text("no stored")
    assert {"local": str(local)}.items() <= file.tags().items()
    assert "tod" not in file.tags()
    seen = np.isfinite(expected[:, 0])
    for tod in np.unique(tods):
        pixel = np.flatnonzero((tods == tod) & (seen | (tod == NONE)))[700]
        text = under(page, land.row[pixel] + 0.25, land.column[pixel] + 0.25)
        if tod == NONE:
            assert text.endswith(late)
            continue
        assert f" at {tod // 3600}:00 UTC (" in text
        value = float(text.split(" at ")[0].split("W · ")[1])
        assert value == pytest.approx(expected[pixel, 0], rel=1e-3)


@pytest.mark.parametrize("local", [SPLIT, EDGE])
def test_cells_are_those_of_the_time_of_day_at_their_middle(page, site, explored, local):
    page.route("**/results/c/**", lambda _: None)  # full resolution never comes
    page.goto(f"{site}#store={KEY}&show=mean&cube=day-1km&band=C03&month=7&local={local}")
    page.wait_for_selector('#map[data-cells="4"]')
    (values,), _ = numbers(page)
    np.testing.assert_array_equal(values, cells(explored.store, local))
    assert f"within 90 min of {local // 3600}" in page.inner_text("#legend") or local == SPLIT


@pytest.mark.parametrize("statistic", ["count", "max"])
def test_other_statistics_have_local_hours_too(page, site, explored, statistic):
    visit(page, site, **COARSE, show=statistic, local=SPLIT)
    page.wait_for_selector("#map[data-sharp]")
    (values,), _ = numbers(page)
    expected = pixels(explored.store, SPLIT, statistic, cube="day-2km", band="C13")
    np.testing.assert_array_equal(values, explored.store.domain.to_grid(expected))


def test_both_slices_of_a_difference_are_of_the_local_hour(page, site, explored):
    store, land = explored.store, explored.store.domain
    visit(page, site, **COARSE, local=EDGE, versus="difference", month2=1)
    page.wait_for_selector("#map[data-sharp]")
    (values,), _ = numbers(page)
    of = {"cube": "day-2km", "band": "C13"}
    expected = pixels(store, EDGE, **of) - pixels(store, EDGE, month=1, **of)
    np.testing.assert_allclose(values, land.to_grid(expected), rtol=1e-5, atol=1e-5)
    expect(page.locator("#legend")).to_contain_text("Jan, 14:09 local mean solar time")
    expect(page.get_by_label("Second time of day")).to_be_disabled()
    pixel = np.flatnonzero(tods_at(land.lonlat()[0], EDGE) == NONE)[500]
    text = under(page, land.row[pixel] + 0.5, land.column[pixel] + 0.5)
    assert "Jan, 14:09 local mean solar time: no stored time of day within 90 min" in text


def test_local_hours_are_chosen_played_and_held_by_the_link(page, site, explored):
    visit(page, site, **COARSE, tod=64800, a=5000)
    page.wait_for_selector("#map[data-sharp]")
    times = page.get_by_label("Time of day", exact=True)
    offered = times.locator("optgroup option").all_inner_texts()
    assert offered == [f"{hour:02d}:00 local" for hour in range(9, 15)]
    times.select_option(label="10:00 local")
    page.wait_for_selector('#map[data-shown*="local=36000"]')
    assert "tod" not in shown(page)
    assert state(page)["local"] == "36000"
    charts = page.locator("#charts svg")
    expect(charts.first).to_have_attribute(
        "aria-label", "Year at 10:00 local mean solar time: mean reflectance factor of C03, C06"
    )
    page.get_by_text("Numbers of this month").click()
    store = explored.store
    mean = store.metrics("day-2km")["mean"].sel(month=7, tod=54000, band="C13").values[5000, 0]
    expect(page.locator("#numbers")).to_contain_text(f"{mean:.2f}")
    page.get_by_text("Use this view").click()
    command = page.get_by_role("button", name="Copy as lake plot")
    expect(command).to_be_disabled()
    expect(command).to_have_attribute("title", "No command draws one local hour everywhere")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(times.locator("option:checked")).to_have_text("10:00 local")
    page.get_by_role("button", name="Play hours").click()
    page.wait_for_selector('#map[data-shown*="local=39600"]')
    page.get_by_role("button", name="Play hours").click()
    times.select_option("64800")
    page.wait_for_selector('#map[data-shown*="tod=64800"]')
    assert "local" not in state(page)
    page.go_back()
    page.wait_for_selector('#map[data-shown*="local="]')


def refused(page: Page, site: str, local: object) -> str:
    page.goto("about:blank")
    page.goto(f"{site}#store={KEY}&show=mean&cube=day-2km&band=C13&month=7&local={local}")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#map")).not_to_have_attribute("data-shown", "")
    assert page.get_attribute("#map", "data-shown") is None
    return page.inner_text("#problem p")


def test_a_link_to_a_local_hour_that_no_place_has_says_so(page, site):
    assert refused(page, site, 0) == (
        f"day-2km of {KEY} has no time of day near 00:00 local mean solar time at any place (local=0)"
    )
    assert refused(page, site, "noon") == "local is 'noon': wanted a whole number, 0 to 86399"


def test_numbers_of_pixels_are_of_the_time_of_day_that_the_map_shows_there(page, site, explored):
    visit(page, site, **COARSE, local=SPLIT)
    land = explored.store.domain
    tods = tods_at(land.lonlat()[0], SPLIT)
    mean = explored.store.metrics("day-2km")["mean"].sel(month=7, band="C13").values[:, 0, :]
    west, east = (np.flatnonzero(tods == tod)[3000] for tod in (64800, 54000))
    click(page, explored, west)
    click(page, explored, east, second=True)
    page.get_by_text("Numbers of this month").click()
    for pixel in (west, east):
        value = mean[pixel, TODS.index(tods[pixel])]
        expect(page.locator("#numbers")).to_contain_text(f"{value:.2f}")


def test_spectrum_of_many_pixels_is_at_the_time_of_day_of_their_mean_longitude(page, site):
    visit(page, site, **COARSE, local=SPLIT)
    loop_on_map(page, 12.5, 20.5, 30.5, 40.5)
    page.get_by_role("button", name="Their mean and cycles").click()
    expect(page.locator("#mean-of")).to_contain_text("solar time at their mean longitude")
    expect(page.locator("#mean-charts svg").first).to_have_attribute(
        "aria-label",
        "Spectrum, Jul, 11:09 local mean solar time: mean reflectance factor of C03, C06",
    )


def test_maps_of_many_times_of_day_wait_for_an_answer_where_they_are_large(page, site):
    def fewer_free_bytes(route) -> None:  # a map of one time of day takes 684 bytes
        route.fulfill(
            body=route.fetch().text().replace("4e6", "1e3"), content_type="text/javascript"
        )

    page.route("**/*.js", fewer_free_bytes)
    visit(page, site, **COARSE, tod=64800)
    page.wait_for_selector('#map[data-shown*="tod=64800"]')
    expect(page.locator("#asking")).not_to_contain_text("times of day")
    page.evaluate(f"location.hash = location.hash.replace('tod=64800', 'local={SPLIT}')")
    question = page.locator("#asking")
    expect(question).to_contain_text("The maps of all times of day that are needed: Read")
    assert page.get_attribute("#map", "data-shown") is None
    question.get_by_role("button").click()
    page.wait_for_selector(f'#map[data-shown*="local={SPLIT}"]')
