"""What is seen, as files: a picture of lines and words, and the numbers on their grid."""

import base64
import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
from PIL import Image
from playwright.sync_api import Page, expect
from rasterio import warp

from lake.format import grid
from lake.outlines import lines
from tests.explore.lakes import KEY, UNCLEAR
from tests.explore.serving import serving
from tests.explore.test_page import cosines
from tests.explore.test_readouts import drawn, invented, without_lines  # noqa: F401 (a fixture)
from tests.explore.visits import parameters, point, visit

SVG = "{http://www.w3.org/2000/svg}"
IMAGER = {"cube": "day-1km", "band": "C03", "month": 7, "tod": 64800}


def saved(page: Page, button: str) -> tuple[str, bytes]:
    """Name and content of a file."""
    if not page.get_by_role("button", name=button).is_visible():
        page.get_by_text("Use this view").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def numbers(page: Page) -> tuple[np.ndarray, rasterio.DatasetReader]:
    """(band, row, column) of a GeoTIFF of the view, and the file."""
    name, content = saved(page, "Save numbers as GeoTIFF")
    assert name.endswith(".tif")
    file = rasterio.MemoryFile(content).open()
    return file.read(), file


def test_svg_has_the_map_as_image_and_lines_and_words_apart(page, site, explored):
    without = page.context.new_page()
    without_lines(without)
    visit(without, site, **IMAGER)
    visit(page, site, **IMAGER, a=3000)
    for each in (page, without):
        each.wait_for_selector("#map[data-sharp]")
        each.wait_for_timeout(200)
    name, content = saved(page, "Save as SVG")
    assert name == f"{KEY.replace('/', '_')}_mean.svg"
    root = ET.fromstring(content)  # noqa: S314 (ours)
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert "mean of reflectance factor (1), C03" in texts
    assert {"Jul, 18:00 UTC", "GOES-16 · small · goes-conus-0", "asked for: 2020"} <= {*texts}
    assert {"A", "29° N", "80° W", "no observation"} <= {*texts}
    low, high = (
        f"{end} {page.locator(f'#{name}').get_attribute('value')}"
        for end, name in (("≤", "low"), ("≥", "high"))
    )
    assert float(low[2:]) == pytest.approx(
        float(next(t for t in texts if t.startswith("≤"))[2:]), rel=1e-3
    )
    assert float(high[2:]) == pytest.approx(
        float(next(t for t in texts if t.startswith("≥"))[2:]), rel=1e-3
    )
    image = root.find(f".//{SVG}image")
    raster = Image.open(io.BytesIO(base64.b64decode(image.get("href").partition(",")[2])))
    box = page.locator("#canvas").bounding_box()
    assert raster.size == (round(box["width"]), round(box["height"]))
    pixels, land = [40, 5000, 9000], explored.store.domain
    places = [point(page, land.row[n] + 0.5, land.column[n] + 0.5) for n in pixels]
    seen = [raster.getpixel((int(x - box["x"]), int(y - box["y"])))[:3] for x, y in places]
    assert np.abs(np.array(seen) - drawn(without, explored, pixels)).max() <= 2
    path = root.find(f".//{SVG}path[@id='coasts']").get("d").replace("M", "L").split("L")[1:]
    drawn_points = np.array([[float(number) for number in pair.split()] for pair in path])
    degrees = np.concatenate([lines.STEP * line for line in lines.read("coast")])
    lon, lat = degrees[(np.abs(degrees - (-80.6, 28.6)) < 0.4).all(axis=1)].T
    assert lon.size > 3
    y, x = grid.scan_angles(land.grid.projection, lon, lat)
    step = 5.6e-5
    rows, columns = (land.grid.y[0] - y) / step + 0.5, (x - land.grid.x[0]) / step + 0.5
    for row, column in zip(rows, columns, strict=True):
        x, y = point(page, row, column)
        distances = np.hypot(*(drawn_points - (x - box["x"], y - box["y"])).T)
        assert distances.min() < 0.6, "a point of the coast is not in the picture"


def expected(explored, month=7) -> np.ndarray:
    """(row, column) of the mean of C03 on the fine grid of the store."""
    mean = explored.store.metrics("day-1km")["mean"].sel(month=month, tod=64800, band="C03").values
    return explored.store.domain.to_grid(mean)


def test_geotiff_has_the_values_and_the_places_of_the_store(page, site, explored):
    visit(page, site, **IMAGER)
    page.wait_for_selector("#map[data-sharp]")
    (values,), file = numbers(page)
    expect(page.get_by_role("status")).to_contain_text(
        "240 \u00d7 300 parts of pixels, 2 \u00d7 2 each"
    )
    np.testing.assert_array_equal(values, expected(explored))
    assert np.isnan(file.nodata)
    land = explored.store.domain
    lon, lat = (axis[[40, 7000]] for axis in land.lonlat())
    x, y = warp.transform("EPSG:4326", file.crs, lon, lat)
    rows, columns = rasterio.transform.rowcol(file.transform, x, y, op=float)
    np.testing.assert_allclose(rows, 2 * land.row[[40, 7000]] + 1, atol=0.01)
    np.testing.assert_allclose(columns, 2 * land.column[[40, 7000]] + 1, atol=0.01)
    assert file.descriptions == ("mean of reflectance factor (1), C03",)
    facts = {
        "key": KEY,
        "statistic": "mean",
        "band": "C03",
        "cube": "day-1km",
        "month": "7",
        "tod": "64800",
    }
    assert facts.items() <= file.tags().items()
    assert file.tags()["generation"] == parameters(page.url)["generation"]


def test_geotiff_of_a_part_holds_that_part(page, site, explored):
    visit(page, site, **IMAGER, lat=29.5, lon=-80.9, width=60, height=50)
    page.wait_for_selector("#map[data-sharp]")
    (values,), file = numbers(page)
    whole, step = expected(explored), 5.6e-5 / 2
    height = explored.store.domain.grid.projection.perspective_point_height
    top = round((0.0879 + 2.8e-5 - file.transform.f / height) / step)
    left = round((file.transform.c / height + 0.018 + 2.8e-5) / step)
    rows, columns = values.shape
    assert rows < 240
    assert (top % 2, left % 2, rows % 2, columns % 2) == (0, 0, 0, 0)  # of whole pixels
    np.testing.assert_array_equal(values, whole[top : top + rows, left : left + columns])


def test_geotiff_of_a_coarse_map_holds_its_cells_and_says_so(context, site, explored):
    page = context.new_page()
    page.route("**/results/c/**", lambda _: None)  # full resolution never comes
    page.goto(f"{site}#store={KEY}&show=mean&cube=day-1km&band=C03&month=7&tod=64800")
    expect(page.locator("#status")).to_contain_text("Reading full resolution")
    page.wait_for_selector('#map[data-cells="4"]')
    (values,), file = numbers(page)
    expect(page.get_by_role("status")).to_contain_text("cells of 4 \u00d7 4 pixels")
    cells = explored.store.overview("day-1km", 4)["mean"].sel(month=7, tod=64800, band="C03").values
    np.testing.assert_array_equal(values, cells)
    assert file.transform.a == pytest.approx(4 * 5.6e-5 * 35786023, rel=1e-9)
    page.goto(f"{site}#store={KEY}&show=skewness&cube=day-1km&band=C03&month=7&tod=64800")
    page.wait_for_selector('#map[data-shown*="skewness"]')
    expect(page.locator("#status")).to_contain_text("Reading full resolution")
    page.get_by_role("button", name="Save numbers as GeoTIFF").click()
    expect(page.get_by_role("alert")).to_contain_text("are not all read")


def test_geotiff_of_what_was_learnt_holds_its_numbers(page, site, explored):
    land = explored.store.domain
    visit(page, site, show="similar", a=2500)
    (values,), file = numbers(page)
    cosine = land.to_grid(cosines(explored, 2500).astype(np.float32))
    np.testing.assert_allclose(values, cosine, atol=1e-4)
    assert np.isnan(values[land.row[UNCLEAR], land.column[UNCLEAR]])
    assert file.tags()["run"] == explored.embed
    visit(page, site, show="classes")
    page.wait_for_selector('#map[data-shown*="classes"]')
    (values,), file = numbers(page)
    np.testing.assert_array_equal(values, land.to_grid((land.row // 40).astype(np.float32)))
    assert "0 class 0; 1 class 1" in file.descriptions[0]
    visit(page, site, show="components")
    page.wait_for_selector('#map[data-shown*="components"]')
    values, _ = numbers(page)
    scores = explored.vectors[:, :3].astype(np.float32)
    scores[UNCLEAR] = np.nan
    for band in range(3):
        np.testing.assert_array_equal(values[band], land.to_grid(scores[:, band]))


def test_geotiff_of_two_slices_holds_their_difference(page, site, explored):
    visit(page, site, **IMAGER, versus="difference", month2=1)
    page.wait_for_selector("#map[data-sharp]")
    (values,), file = numbers(page)
    np.testing.assert_allclose(
        values, expected(explored) - expected(explored, 1), rtol=1e-6, atol=1e-7
    )
    assert "Jan" in file.tags()["shown"]
    page.locator("#versus").select_option("swipe")
    page.wait_for_selector('#map[data-shown*="swipe"]')
    page.wait_for_selector("#map[data-sharp]")
    values, _ = numbers(page)
    np.testing.assert_array_equal(values, [expected(explored), expected(explored, 1)])


def test_files_of_invented_land_say_so_and_name_its_days(page, invented):  # noqa: F811
    with serving(str(invented)) as site:
        visit(page, site, **IMAGER)
        page.wait_for_selector("#map[data-sharp]")
        _, file = numbers(page)
        _, picture = saved(page, "Save as SVG")
    days, words = (
        "12 days, 3 Jan 2020 to 28 Jul 2020",
        "Invented land under real coast lines and borders",
    )
    texts = [node.text for node in ET.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 (ours)
    assert {days, words} <= {*texts}
    assert (file.tags()["days"], file.tags()["invented"]) == (days, words)
    assert words in file.tags()["TIFFTAG_IMAGEDESCRIPTION"]
