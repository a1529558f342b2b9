"""Loops of chosen pixels over the year and the day: those of `lake plot loops`."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from jobs.figures import trajectory_loops
from jobs.runs import outputs
from tests.explore.lakes import KEY, LATER, LOOP_MONTHS, LOOP_TODS
from tests.explore.visits import click, state, visit, wait

PIXEL = 5000
SAMPLE = 2000
"""Pixels of which a mean loop is read."""


def places(chart, number: int) -> np.ndarray:
    """(n, 2) of a line of a chart, in units of the drawing, y upward."""
    text = chart.locator("polyline").nth(number).get_attribute("points")
    points = np.array([[float(part) for part in pair.split(",")] for pair in text.split()])
    return points * (1, -1)


@pytest.mark.parametrize(("over", "steps"), [("annual", LOOP_MONTHS), ("diurnal", LOOP_TODS)])
def test_loops_of_a_pixel_are_those_of_lake_plot(page, years_site, years, over, steps):
    visit(page, years_site, a=PIXEL)
    page.get_by_text("Loops over the year and the day").click()
    chart = page.locator("#loop-charts svg").nth(int(over == "diurnal"))
    expect(chart).to_be_visible()
    expect(page.locator("#loops-of")).to_contain_text("trajectory")
    assert chart.get_attribute("aria-label") == (
        f"Loop over the {'year' if over == 'annual' else 'day, UTC'}: along direction 1 of the day "
        "against along direction 1 of the year, of pixel A"
    )
    values = [outputs.read(str(years.root), years.trajectory, n) for n in ("trajectory", "second")]
    first, second = (v.astype(float)[[PIXEL]] for v in values)
    around = np.nanmean(values[0][4096:5120].astype(float), axis=0)[None]  # of its superblock
    expected = [trajectory_loops.course(v, over)[0] for v in (around, second, first)]
    drawn = [places(chart, number) for number in range(3)]
    flat = np.concatenate([line[: len(steps)] for line in drawn])
    for axis in (0, 1):  # as the axes place them
        truth = np.concatenate(expected)[:, axis]
        fit = np.polynomial.Polynomial.fit(truth, flat[:, axis], 1)
        assert np.abs(fit(truth) - flat[:, axis]).max() < 0.11
        assert fit.convert().coef[1] > 0
    is_closed = over == "annual"
    assert all(len(line) == len(steps) + is_closed for line in drawn)
    words = chart.locator("text.band").all_text_contents()
    assert words == (["A Jan", "Apr", "Jul", "Oct"] if is_closed else ["A 14", "17", "20"])


def test_link_holds_that_loops_are_shown_and_another_pixel_has_its_own(page, years_site, years):
    visit(page, years_site, a=PIXEL, loops=1)
    charts = page.locator("#loop-charts svg")
    expect(charts).to_have_count(2)
    before = charts.first.inner_html()
    click(page, years, 9000)
    expect(page.locator("#where")).to_contain_text("pixel 9000 ")
    wait(
        page,
        f"(document.querySelector('#loop-charts svg')?.innerHTML ?? {before!r}) !== {before!r}",
    )
    assert state(page)["loops"] == "1"
    click(page, years, 3000, second=True)
    expect(charts.first.locator("polyline")).to_have_count(6)
    page.get_by_text("Loops over the year and the day").click()
    wait(page, "!location.hash.includes('loops')")
    page.goto(f"{years_site}#store={LATER}&a={PIXEL}&loops=1")
    expect(page.get_by_role("alert")).to_contain_text("no run of lake trajectory on these pixels")
    expect(page.locator("#loops")).to_be_hidden()
    page.goto(f"{years_site}#store={KEY}&a={PIXEL}")
    expect(page.locator("#loops")).to_be_visible()


def mean_loop(loops: np.ndarray) -> np.ndarray:
    """(step, latent) of (pixel, step, latent); NaN: not observed."""
    level = np.nanmean(loops, axis=1, keepdims=True)
    return np.nanmean(loops - level, axis=0) + np.nanmean(level, axis=0)


def test_mean_loop_of_a_class_is_that_of_a_sample_of_its_pixels(page, years_site, years):
    visit(page, years_site, show="classes")
    expect(page.get_by_role("button", name="Their mean loop")).to_be_hidden()
    page.get_by_label("Pick all that are").select_option("class 1")
    page.get_by_role("button", name="Their mean loop").click()
    pixels = np.flatnonzero(years.store.domain.row // 40 == 1)
    words = page.locator("#mean-loop-of")
    expect(words).to_contain_text(f"Mean loop of a sample of {SAMPLE:,} of {pixels.size:,} pixels")
    sample = pixels[np.arange(SAMPLE) * pixels.size // SAMPLE]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV of their loop").click()
    with Path(download.value.path()).open() as file:
        rows = list(csv.DictReader(file))
    assert {row["of"].split(": ")[1] for row in rows} == {"class 1"}
    steps = {"annual": ["Jan", "Apr", "Jul", "Oct"], "diurnal": ["14", "17", "20"]}
    for period, name in (("first", "trajectory"), ("second", "second")):
        values = outputs.read(str(years.root), years.trajectory, name).astype(float)[sample]
        for over, labels in steps.items():
            loops = trajectory_loops.course(values, over)
            own = [row for row in rows if (row["over"], row["period"]) == (over, period)]
            assert [row["step"] for row in own] == labels
            observed = np.isfinite(loops[..., 0]).sum(axis=0)
            assert [int(row["pixels"]) for row in own] == observed.tolist()
            drawn = np.array([[float(row[f"number_{k}"]) for k in (1, 2)] for row in own])
            np.testing.assert_allclose(drawn, mean_loop(loops), rtol=2e-6, atol=1e-9)
            if (over, period) == ("annual", "first"):
                apart = np.nanstd(np.nanmean(loops, axis=1), axis=0)
                said = re.search(r"deviation of (\S+) along .* and (\S+) along", words.inner_text())
                assert [float(number) for number in said.groups()] == pytest.approx(apart, rel=1e-3)
    charts = page.locator("#mean-loop-charts svg")
    expect(charts).to_have_count(2)
    expect(charts.first).to_have_attribute(
        "aria-label",
        "Loop over the year: along direction 1 of the day against along direction 1 of the year, "
        "of picked pixels in the mean",
    )
    assert [len(places(charts.first, n)) for n in (0, 1)] == [5, 5]
    page.get_by_label("Pick all that are").select_option("class 2")
    expect(page.locator("#mean-loop")).to_be_hidden()
    page.get_by_label("Store").select_option(LATER)
    page.wait_for_selector(f'body[data-ready="{LATER}"]')
    expect(page.locator("#mean-loop")).to_be_hidden()
