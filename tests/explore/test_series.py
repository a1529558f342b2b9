"""A pixel read from a run of `lake series`: the same numbers, at the cost of one chunk."""

import csv
import io
import shutil

import pytest

from tests.explore.lakes import KEY
from tests.explore.serving import serving

PIXEL = 777


def numbers(page, site: str) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of the CSV file of a pixel, and the objects of pixels that were read for it."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}#store={KEY}&show=stddev&a={PIXEL}")
    page.wait_for_selector("body[data-ready]")
    with page.expect_download() as waiting:
        page.locator("#csv").click()
    rows = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    return rows, asked


def test_series_give_the_numbers_of_the_store_by_one_chunk(turned_lake, site, page, context):
    with serving(turned_lake) as turned_site:
        rows, asked = numbers(page, turned_site)
    expected, _ = numbers(context.new_page(), site)
    assert len(rows) == len(expected) == 2 * 2 * 3
    key = lambda row: (row["cube"], row["month"], row["tod"], row["band"])  # noqa: E731
    for row, other in zip(sorted(rows, key=key), sorted(expected, key=key), strict=True):
        assert {name for name in row if row[name] != other[name]} <= {"mean", "stddev"}
        for name in ("mean", "stddev"):  # float32 of a sum in another order
            assert float(row[name]) == pytest.approx(float(other[name]), rel=1e-6)
    assert len([url for url in asked if "/series/c/" in url]) == 2  # an index, a chunk


def test_series_of_another_generation_are_not_read(turned_lake, page, tmp_path):
    root = shutil.copytree(turned_lake, tmp_path / "lake")
    (run,) = (root / "runs").glob("series-*")
    spec = run / "spec.json"
    spec.write_text(spec.read_text().replace('"generation": "0', '"generation": "1'))
    with serving(str(root)) as other_site:
        rows, asked = numbers(page, other_site)
    assert len(rows) == 2 * 2 * 3
    assert not [url for url in asked if "/series/c/" in url]
