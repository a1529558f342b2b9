"""Many pixels: picked by a loop, by class, by similarity; their mean spectrum, year and day."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.explore.serving import serving
from tests.explore.test_links import called
from tests.explore.test_page import cosines
from tests.explore.test_scatter import kept, loop_on_map
from tests.explore.visits import visit

MOST = 2000
"""Pixels of a sample."""
MEAN = "Their mean and cycles"
SLOTS = 2 * 2 * 3


def averages(page: Page) -> dict[tuple[str, int, int], dict[str, str]]:
    """The rows of the file of a mean, by band, month and time of day."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV of their mean").click()
    with Path(download.value.path()).open() as file:
        rows = list(csv.DictReader(file))
    return {(row["band"], int(row["month"]), int(row["tod"])): row for row in rows}


def check(rows, store, pixels) -> None:
    """Against NumPy's means of the store."""
    assert len(rows) == SLOTS
    for cube in ("day-2km", "day-1km"):
        results = store.block(cube, slice(None), 7)[0][
            ..., pixels, :
        ]  # (tod, band, metric, pixel, subpixel)
        count, mean = results[:, :, 0].astype(float), results[:, :, 3].astype(float)
        total = count.sum(axis=-1)  # (tod, band, pixel)
        merged = np.nansum(count * mean, axis=-1) / np.where(total, total, np.nan)
        for t, tod in enumerate((54000, 64800)):
            for b, band in enumerate(store.cubes[cube].bands):
                row, values = rows[band, 7, tod], merged[t, b]
                assert int(row["pixels"]) == np.isfinite(values).sum()
                assert float(row["mean"]) == pytest.approx(np.nanmean(values), rel=1e-6)
                assert float(row["spread"]) == pytest.approx(np.nanstd(values), rel=1e-4)
                assert int(row["count"]) == count[t, b].sum()


def test_mean_of_a_loop_is_that_of_its_pixels(page, site, explored):
    visit(page, site, cube="day-2km", band="C13", month=7, tod=64800)
    loop_on_map(page, 12.5, 20.5, 30.5, 60.5)
    pixels = sorted(kept(page))
    page.get_by_role("button", name=MEAN).click()
    expect(page.locator("#mean-of")).to_contain_text(f"Mean of {len(pixels)} pixels; bars: ")
    check(averages(page), explored.store, np.array(pixels))
    charts = page.locator("#mean-charts svg")
    expect(charts.first).to_have_attribute(
        "aria-label", "Spectrum, Jul, 18:00 UTC: mean reflectance factor of C03, C06"
    )
    expect(charts).to_have_count(5)  # a year and a day of each unit
    page.get_by_label("Month").select_option("1")
    expect(charts.first).to_have_attribute("aria-label", re.compile("Spectrum, Jan, "))
    page.get_by_role("button", name="Pick none").click()
    expect(page.locator("#mean")).to_be_hidden()


@pytest.mark.parametrize("is_turned", [False, True])
def test_mean_of_a_class_is_that_of_a_sample_of_stated_size(
    page,
    site,
    explored,
    turned_lake,
    is_turned,
):
    pixels = np.flatnonzero(explored.store.domain.row // 40 == 1)
    with serving(turned_lake) as turned_site:
        visit(page, turned_site if is_turned else site, show="classes")
        page.get_by_label("Pick all that are").select_option("class 1")
        expect(page.locator("#picked")).to_contain_text(f"{pixels.size:,} pixels picked")
        expect(page.locator("#picked")).to_contain_text("%): class 1")
        page.get_by_role("button", name=MEAN).click()
        expect(page.locator("#mean-of")).to_contain_text(
            f"Mean of a sample of {MOST:,} of {pixels.size:,} pixels, evenly spaced"
        )
        if not is_turned:  # a month costs less than what is read unasked, the year more
            asked = page.locator("#asking-averages")
            expect(asked).to_contain_text("Only this month is shown. The whole year: Read ")
            assert len(averages(page)) == SLOTS / 2
            asked.get_by_role("button").click()
            expect(asked).to_be_empty()
            year = page.locator("#mean-charts svg[aria-label^=Year]").first
            expect(year.locator("circle[cx='44.0']").first).to_be_visible()  # Jan
        sample = pixels[np.arange(MOST) * pixels.size // MOST]
        check(averages(page), explored.store, sample)


def test_similar_pixels_are_picked_by_the_threshold(page, site, explored):
    visit(page, site, show="similar", a=2500, least=0.7)
    page.get_by_label("Pick all that are").select_option("as similar as the legend says")
    expect(page.locator("#picked")).to_contain_text("similar to pixel 2500 by 0.70 or more")
    cosine = cosines(explored, 2500)
    picked = kept(page)
    assert set(np.flatnonzero(cosine > 0.7001)) <= picked <= set(np.flatnonzero(cosine > 0.6999))


def test_file_of_a_mean_keeps_what_its_class_is_called(page):
    row = {"cube": "day", "band": "C13", "unit": "K", "month": 7, "tod": 0, "pixels": 2, "count": 9}
    row |= {"mean": 281.5, "spread": 0.5}
    name = 'Mean of 2 pixels: field, "wet"'
    (text,) = called(page, "words/table.js", "averagesCsv", ["a/b/c/d", name, [row]])
    (read,) = csv.DictReader(text.splitlines())
    assert (read["of"], read["mean"], read["spread"]) == (name, "281.5", "0.5")
