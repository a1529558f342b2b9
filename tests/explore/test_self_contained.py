"""A copy of a lake beside the page, on a web server that knows no ranges of bytes."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import zarr
from click.testing import CliRunner
from playwright.sync_api import expect

from lake.commands.main import lake as command
from lake.errors import ConfigError
from lake.explore import self_contained
from lake.explore.site import page_files
from lake.storage.connect import connect
from tests.explore.lakes import KEY, OLD
from tests.explore.test_page import cosines
from tests.explore.visits import click, under, visit

IMAGER = {"cube": "day-1km", "band": "C03", "month": 7, "tod": 64800}


class Quiet(SimpleHTTPRequestHandler):
    """That of `python -m http.server`, which answers no ranges."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def plain_server(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def exported(explored, tmp_path_factory) -> Path:
    """The copy, after the lake is gone from where it was."""
    folder = tmp_path_factory.mktemp("exported")
    lake = shutil.copytree(explored.root, folder / "lake")
    options = ["--lake", str(lake), "--export", str(folder / "site"), "--self-contained"]
    result = CliRunner().invoke(command, ["explore", *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "put them on any web server" in result.output
    assert "left out" not in result.output
    shutil.rmtree(lake)
    return folder / "site"


def test_all_of_the_page_works_from_a_server_without_ranges(page, explored, exported):
    with plain_server(exported) as site:
        visit(page, site, **IMAGER)
        page.wait_for_selector("#map[data-sharp]")
        expect(page.locator("#made")).to_contain_text("Copy of the lake, ")
        land = explored.store.domain
        mean = explored.store.metrics("day-1km")["mean"].sel(month=7, tod=64800, band="C03").values
        for pixel in (40, land.pixels - 1):
            readout = under(page, land.row[pixel] + 0.25, land.column[pixel] + 0.25)
            value = float(readout.rpartition("· ")[2])
            assert value == pytest.approx(mean[pixel, 0], abs=1e-4)
        page.get_by_label("Show", exact=True).select_option("similar land")
        click(page, explored, 2500)
        expect(page.locator("#legend")).to_contain_text("similarity to pixel A")
        expect(page.locator("#charts svg")).to_have_count(4)
        readout = under(page, land.row[9000] + 0.5, land.column[9000] + 0.5)
        expected = cosines(explored, 2500)[9000]
        assert float(readout.rpartition(" ")[2]) == pytest.approx(expected, abs=1e-4)
        page.get_by_label("Show", exact=True).select_option("classes")
        expect(page.locator("#legend")).to_contain_text("class 1")
        visit(page, site, store=OLD)  # it has no coarse maps
        page.wait_for_selector("#map[data-sharp]")
        expect(page.get_by_role("alert")).to_be_hidden()


def test_copy_is_zarr_without_shards_that_others_read(explored, exported):
    path = f"{self_contained.FOLDER}/{KEY}/v/{explored.store.generation}.zarr"
    group = zarr.open_group(exported / path, mode="r", use_consolidated=True)
    results = group["day-2km/results"]
    assert results.shards is None
    values = explored.store.block("day-2km", slice(None), 7)[0]
    np.testing.assert_array_equal(results[6], values)
    assert "lat" not in group
    overview = explored.store.overview("day-1km")["mean"].sel(month=1, tod=54000, band="C03")
    np.testing.assert_array_equal(group["overview/day-1km/mean"][0, 0, 0], overview.values)


def test_chunks_that_a_shard_lacks_hold_the_fill_value(tmp_path):
    """Zarr leaves out chunks of nothing but the fill value; the page would take a lost file for damage."""
    values = np.full((50, 3), np.nan, np.float32)
    values[7:20] = np.arange(39).reshape(13, 3)
    group = zarr.create_group(tmp_path / "lake" / "run.zarr", zarr_format=3)
    array = group.create_array(
        "series", shape=(50, 3), chunks=(4, 3), shards=(16, 3), dtype="float32",
        fill_value=np.nan, compressors=zarr.codecs.BloscCodec(cname="zstd"),
    )  # fmt: skip
    array[:] = values
    zarr.consolidate_metadata(group.store)
    root = json.loads((tmp_path / "lake" / "run.zarr" / "zarr.json").read_text())
    part = self_contained.Part("run.zarr", "run", "series", ("series",), 0, 0)
    objects = connect(tmp_path / "lake")
    self_contained.copy_group(objects, tmp_path / "copy", "run.zarr", root, [part])
    chunks = sorted(int(file.parent.name) for file in (tmp_path / "copy").rglob("series/c/*/0"))
    assert chunks == [
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
    ]  # the other shards are all fill value, and are not there
    copied = zarr.open_group(tmp_path / "copy" / "run.zarr", mode="r", use_consolidated=True)
    np.testing.assert_array_equal(copied["series"][:], values)


def test_what_exceeds_the_size_is_left_out_and_named(page, explored, tmp_path):
    pages = sum(map(len, page_files().values()))
    copied = self_contained.write(connect(explored.root), tmp_path / "site", pages + 300_000, [KEY])
    lacking = {part.words for part in copied.left_out}
    assert lacking >= {"full resolution of day-1km", "full resolution of day-2km", "embedding"}
    files = [file.stat().st_size for file in (tmp_path / "site").rglob("*") if file.is_file()]
    assert (len(files), sum(files)) == (copied.files, copied.size)
    with plain_server(tmp_path / "site") as site:
        page.goto(f"{site}#store={KEY}&show=mean&cube=day-1km&band=C03&month=7&tod=64800&a=100")
        page.wait_for_selector("body[data-ready]")
        expect(page.locator("#made")).to_contain_text("without full resolution of day-1km")
        expect(page.locator("#legend")).to_contain_text("reflectance factor")
        expect(page.locator("#where")).to_contain_text("pixel 100 ")
        expect(page.locator("#status")).to_contain_text(
            "its numbers are not in this copy of the lake"
        )
        expect(page.locator("#csv")).to_be_disabled()
        similar = page.locator("#show option[value=similar]")
        assert similar.inner_text() == "similar land: not in this copy of the lake"
        page.locator("#show").select_option("skewness")
        expect(page.locator("#status")).to_contain_text("which is not in this copy of the lake")
        expect(page.get_by_role("alert")).to_be_hidden()
        assert page.locator("#store option").count() == 1


def test_what_cannot_be_copied_is_refused(explored, tmp_path):
    objects = connect(explored.root)
    with pytest.raises(ConfigError, match=r"0\.001 MB hold no store: wanted 1 MB or more"):
        self_contained.write(objects, tmp_path / "site", 1000)
    with pytest.raises(ConfigError, match=f"no published store nope: it has .*{KEY}"):
        self_contained.write(objects, tmp_path / "site", 10**9, ["nope"])
    (tmp_path / "site" / self_contained.FOLDER).mkdir(parents=True)
    with pytest.raises(ConfigError, match="is there already: remove it"):
        self_contained.write(objects, tmp_path / "site", 10**9)
    arguments = ["explore", "--lake", str(explored.root), "--self-contained"]
    result = CliRunner().invoke(command, arguments)
    assert "goes with --export" in str(result.exception or result.output)
