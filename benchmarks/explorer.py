"""How fast the explorer shows a full-size lake in a headless Chromium, and how much each action reads.

    python benchmarks/explorer.py [--json] [--pixels 1800000] [--latent 64] [--clicks 20] [--repeats 5]

A store of as many pixels on the grid of full CONUS, with the cubes of the shipped listing, 12 months and
overview maps, and an int8 embedding of random vectors, in a folder, served by `lake explore` on this
machine, cold browser caches. One cube and month holds statistics of all pixels; the rest holds those of
the superblocks in the middle, where pixels are chosen.

- first map: from the start of navigation until the first map is drawn, each in a new profile;
- embedding: from asking for similar land until all vectors are in the workers;
- similarity: from the click until the map of all pixels is drawn, the first click apart (it compiles);
- classes: from the button until the classes of all pixels are drawn, by `LABELS` labels of four classes;
- reads: bytes and requests of each action, in the order in which a reader takes them.
"""

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, Request

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

import lake
from jobs.runs import outputs, records
from jobs.runs.spec import FinishedRun
from jobs.series import series
from lake.catalogue import catalogue
from lake.explore.server import server
from lake.format import keys, order, schema
from lake.format.domain import Domain, from_mask
from lake.format.grid import Grid, Projection
from lake.format.schema import Cube
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.objects import Objects
from lake.storage.urls import join
from lake.store import generations, ledger, overview
from lake.store.generations import StoreState
from lake.store.ledger import Ledger
from lake.store.manifest import Recorder, StoredObject
from tests import chromium
from tests.explore import lakes

KEY = keys.parse("goes16/explorer/20200101_20201231/geom-goes-conus-0")
PRODUCT, DAY = ("ABI-L1b-RadC", "Rad"), (43200, 54000, 64800, 75600, 0)
CUBES = (
    Cube("day-2km", "2km", 1, *PRODUCT, ("C06", "C07", "C13", "C15"), DAY),
    Cube("day-1km", "1km", 2, *PRODUCT, ("C01", "C03", "C05"), DAY),
    Cube("day-500m", "500m", 4, *PRODUCT, ("C02",), DAY),
    Cube("night-2km", "2km", 1, *PRODUCT, ("C13", "C15"), (10800, 21600, 32400)),
)
SHAPE, MONTH = (1500, 2500), 7
AROUND = 40
"""Half the edge of the middle in which pixels are chosen, in pixels."""
SIZE = {"width": 1300, "height": 800}
LABELS = 80
RECORDED = ("first_map_s", "click_ms", "class_ms", "reads")
QUIET_MS = 1500
"""How long nothing more is read before an action is over."""


def build(root: str, pixels: int, latent: int) -> Store:
    """The lake in an empty folder."""
    y, x = 0.128212 - 5.6e-5 * np.arange(SHAPE[0]), -0.101332 + 5.6e-5 * np.arange(SHAPE[1])
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = np.hypot((row - 750) / 1500, (column - 1250) / 2500)
    limit = np.partition(away.ravel(), pixels)[pixels]
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    land = from_mask(away < limit, Grid(projection, y, x), order.Layout())
    catalogue.claim(connect(root))
    objects = connect(join(root, str(KEY)))
    months = list(range(1, 13))
    about = {"key": str(KEY), "months": months, "suspect": [], "listing": {}, "provenance": {}}
    path, stored = generations.draft(objects, None, land, CUBES, about)
    recorder = Recorder(objects.zarr(path))
    overview.create(recorder, land, CUBES)
    written = [item for cube in CUBES for item in _write(objects, path, recorder, land, cube)]
    manifest = generations.seal(
        objects, path, [*stored.values(), *written, *recorder.stored.values()]
    )
    state = StoreState(
        path, manifest, tuple(months), (), ledger.write(objects, Ledger()), (), "", ""
    )
    head = generations.commit(objects, None, state)
    names = [cube.name for cube in CUBES]
    catalogue.upsert(connect(root), catalogue.row(KEY, head, Ledger(), names, land))
    opened = lake.open(join(root, str(KEY)))
    _embed(root, opened, latent)
    return opened


def turn(root: str, of: Store) -> float:
    """A run of `lake series`, of the middle alone; its share of the bytes that the store has there."""
    (spec,) = series.specs(root, of, series.Settings())
    records.write_spec(root, spec)
    objects = records.folder(root, spec.id)
    names = tuple(of.cubes)
    path = outputs.create(objects, spec, series.arrays(of, names), schema.PIXEL_COORDINATES)
    before = after = 0
    for n, part in enumerate(order.superblocks(of.pixels, of.domain.layout)):
        if not _is_middle(of.domain, part):
            continue
        series.turn(root, spec.id, names, part)
        after += objects.stat(f"{path}/series/c/{n}/0/0").size
        shards = [generations.shard_path(name, m, n) for name in names for m in of.months]
        before += sum(connect(of.url).stat(shard).size for shard in shards)
    done = FinishedRun(spec.id, (path,), 1.0, records.now())
    objects.put("done.json", records.as_json(asdict(done)))
    return after / before


def _is_middle(land: Domain, part: slice) -> bool:
    """Whether a superblock reaches into the middle, where pixels are chosen."""
    row, column = land.row[part], land.column[part]
    return bool(np.any((abs(row - 750) < AROUND) & (abs(column - 1250) < AROUND)))


def _write(
    objects: Objects, path: str, recorder: Recorder, land: Domain, cube: Cube
) -> Iterator[StoredObject]:
    """Statistics and maps of a cube: of all pixels in one month of the first, else of the middle."""
    sums, cell, rng = [], overview.cells(land), np.random.default_rng(0)
    for n, part in enumerate(order.superblocks(land.pixels, land.layout)):
        row, column = land.row[part], land.column[part]
        is_middle = _is_middle(land, part)
        if not is_middle and cube is not CUBES[0]:
            continue
        block = _results(rng, cube, row, column)
        sums.append(overview.sums(block, cell[part]))
        first = generations.write_shard(objects, path, cube.name, MONTH, n, block, land.layout)
        yield first
        for month in range(1, 13) if is_middle else ():
            place = generations.shard_path(cube.name, month, n)
            if month != MONTH:
                target = Path(objects.url(f"{path}/{place}"))
                target.parent.mkdir(parents=True, exist_ok=True)
                target.hardlink_to(objects.url(f"{path}/{first.path}"))
                yield replace(first, path=place)
    sizes = overview.factors(land)
    whole = overview.merged(sums, cube, overview.shape_of(SHAPE, sizes[-1]))
    for month in range(1, 13):
        overview.write(recorder, cube, month, whole, sizes)


def _results(
    rng: np.random.Generator, cube: Cube, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel) of 30 observations around a field, of plausible size."""
    shape = (len(cube.tods), len(cube.bands), row.size, cube.subpixels)
    mean = 280 + 10 * np.sin(row / 90 + column / 130)[:, None] + rng.normal(0, 2, shape)
    spread = rng.uniform(2, 6, shape)
    count = np.broadcast_to(rng.integers(5, 30, (1, 1, row.size, cube.subpixels)), shape)
    metrics = (
        count.astype(float),
        mean - 2 * spread,
        mean + 2 * spread,
        mean,
        count * spread**2,
        count * 0.1,
        count * 3 * spread**4,
    )
    return np.stack(np.broadcast_arrays(*metrics), axis=2).astype(np.float32)


def _embed(root: str, of: Store, latent: int) -> None:
    """A complete run with vectors of length 1 as int8."""
    rng = np.random.default_rng(1)
    vectors = np.empty((of.pixels, latent), np.int8)
    for part in order.superblocks(of.pixels, of.layout):
        some = rng.normal(size=(part.stop - part.start, latent)).astype(np.float32)
        vectors[part] = np.rint(127 * some / np.linalg.norm(some, axis=1, keepdims=True))
    lakes.run(root, of, "embed", {"latent": latent}, vectors)


@contextmanager
def serving(root: str) -> Iterator[str]:
    """`lake explore` in a thread: its URL."""
    running = server(connect(root), "127.0.0.1", 0)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/"
    finally:
        running.shutdown()
        running.server_close()


def first_map(browser: Browser, site: str) -> float:
    """Seconds to the first map, in a new profile."""
    with browser.new_context(viewport=SIZE) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(site)
        page.wait_for_selector("body[data-ready]", timeout=120_000)
        return float(page.evaluate("performance.getEntriesByName('first-map')[0].startTime")) / 1000


class Reads:
    """What a page reads from its server, action by action."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._requests: list[Request] = []
        self.actions: dict[str, dict[str, int]] = {}
        page.on("requestfinished", self._keep)

    def _keep(self, request: Request) -> None:
        self._requests.append(request)

    def close(self, action: str) -> None:
        """Whatever came since the last action belongs to this one, once no more comes."""
        self._page.wait_for_timeout(QUIET_MS)
        while self._page.locator("#fetching").is_visible():
            self._page.wait_for_timeout(QUIET_MS)
        sizes = [request.sizes()["responseBodySize"] for request in self._requests]
        self.actions[action] = {"bytes": sum(sizes), "requests": len(sizes)}
        self._requests.clear()


def actions(page: Page, site: str) -> dict[str, dict[str, int]]:
    """Bytes and requests of what a reader does one after the other."""
    reads = Reads(page)
    page.goto(site)
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    reads.close("first map, with the page")
    page.get_by_label("Band").select_option("C13")
    reads.close("another band")
    page.get_by_label("Month").select_option(label="Jan")
    reads.close("another month")
    page.locator("#canvas").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#charts svg", timeout=120_000)
    reads.close("a pixel, its month")
    agree(page)
    reads.close("a pixel, its whole year (asked)")
    page.get_by_label("Month").select_option(label="Jul")
    page.locator("#canvas").focus()
    for _ in range(9):
        page.keyboard.press("+")
    reads.close("zoomed in")
    agree(page)
    reads.close("full resolution there (asked)")
    return reads.actions


def clicks_with_series(page: Page, site: str) -> dict[str, dict[str, int]]:
    """Bytes and requests of the first two pixels, where `lake series` has run."""
    reads = Reads(page)
    page.goto(site)
    page.wait_for_selector("body[data-ready]", timeout=120_000)
    reads.close("first map")
    middle = _middle(page)
    for aside, action in ((0, "the first pixel, with series"), (4, "the next pixel, with series")):
        page.mouse.click(middle[0] + aside, middle[1])
        page.wait_for_selector("#charts svg", timeout=120_000)
        reads.close(action)
    reads.actions.pop("first map")
    return reads.actions


def _middle(page: Page) -> tuple[float, float]:
    """Where the middle of the map is on the screen."""
    box = page.locator("#canvas").bounding_box()
    if box is None:
        raise RuntimeError("the page has no map")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def agree(page: Page) -> None:
    """Answer the page's question whether much may be read, if it asks."""
    for button in page.locator("[data-asks] button").all():
        button.click()


def similarity(page: Page, site: str, of: Store, clicks: int) -> dict[str, Any]:
    """Seconds to have the embedding, milliseconds of each click, and what was read."""
    reads = Reads(page)
    page.goto(f"{site}#show=similar")
    page.wait_for_selector("body[data-ready], [data-asks] button", timeout=120_000)
    begin = time.monotonic()
    agree(page)
    page.wait_for_selector("body[data-ready]", timeout=300_000)
    embedding = time.monotonic() - begin
    reads.close("similar land, with the page (asked)")
    middle = _middle(page)
    generator = random.Random(0)  # noqa: S311 (places to click at)
    for done in range(1, clicks + 2):
        page.mouse.click(*(at + generator.uniform(-6, 6) for at in middle))
        while len(_durations(page, "similar")) < done:
            page.wait_for_timeout(20)
        page.wait_for_timeout(1500)  # until the cycles of the pixel are read
        if done == 1:
            reads.close("a pixel and its similarity")
    return {
        "embedding_s": embedding,
        "first_click_ms": _durations(page, "similar")[0],
        "clicks_ms": _durations(page, "similar")[1:],
        "classes_ms": classes(page, of, clicks),
        "reads": reads.actions,
    }


def classes(page: Page, of: Store, repeats: int) -> list[float]:
    """Milliseconds to the classes of all pixels, with one more label each time."""
    lon, lat = of.domain.lonlat()
    drawn = np.random.default_rng(2).choice(of.pixels, LABELS, replace=False)
    rows = [f"{lon[pixel]:.5f},{lat[pixel]:.5f},class {n % 4}" for n, pixel in enumerate(drawn)]
    table = "\n".join(["lon,lat,label", *rows]).encode()
    page.get_by_text("Label by examples").click()
    page.locator("#load-labels").set_input_files(
        {"name": "labels.csv", "mimeType": "text/csv", "buffer": table}
    )
    page.get_by_role("button", name="Classify all pixels").click()
    page.get_by_role("button", name="Label by clicks").click()
    middle = _middle(page)
    for done in range(1, repeats + 2):
        while len(_durations(page, "classify")) < done:
            page.wait_for_timeout(20)
        page.wait_for_timeout(500)
        page.mouse.click(middle[0] + 3 * done, middle[1])
    return _durations(page, "classify")[1 : repeats + 1]


def _durations(page: Page, name: str) -> list[float]:
    """Milliseconds of what the page measured by this name."""
    entries = f"performance.getEntriesByName('{name}')"
    return list(page.evaluate(f"{entries}.map((entry) => entry.duration)"))


def measure(
    browser: Browser, root: str, pixels: int, latent: int, clicks: int, repeats: int
) -> dict[str, Any]:
    """All figures."""
    built = build(root, pixels, latent)
    with serving(root) as site:
        maps = [first_map(browser, site) for _ in range(repeats)]
        with browser.new_context(viewport=SIZE) as context:  # type: ignore[arg-type]
            reads = actions(context.new_page(), site)
        with browser.new_context(viewport=SIZE) as context:  # type: ignore[arg-type]
            similar = similarity(context.new_page(), site, built, clicks)
        share = turn(root, built)
        with browser.new_context(viewport=SIZE) as context:  # type: ignore[arg-type]
            turned = clicks_with_series(context.new_page(), site)
    return {
        "pixels": built.pixels,
        "latent": latent,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "machine": platform.processor() or platform.machine(),
        "chromium": browser.version,
        "first_map_s": {"median": median(maps), "all": maps},
        **similar,
        "click_ms": _summary(similar["clicks_ms"]),
        "class_ms": _summary(similar["classes_ms"]),
        "series_share": share,
        "reads": reads | similar["reads"] | turned,
    }


def _summary(times: list[float]) -> dict[str, float]:
    high = float(np.percentile(times, 95))
    return {"median": median(times), "95th percentile": high, "most": max(times)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pixels", type=int, default=1_800_000)
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, chromium.browser() as browser:
        figures = measure(browser, root, given.pixels, given.latent, given.clicks, given.repeats)
    record.write(given.record, record.of_figures({name: figures[name] for name in RECORDED}))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    reads = figures.pop("reads")
    for name, value in figures.items():
        print(f"{name:16} {value}")
    for action, read in reads.items():
        print(f"{action:36} {read['bytes'] / 1e6:8.2f} MB {read['requests']:4} requests")


if __name__ == "__main__":
    main()
