"""How fast the explorer shows a full-size lake in a headless Chromium.

    python benchmarks/explorer.py [--json] [--pixels 1800000] [--latent 64] [--clicks 12] [--repeats 5]

A store of as many pixels (grid of full CONUS, one month, 5 tods, 4 bands, with overview maps) and an int8
embedding of random vectors, in a folder, served by `lake explore` on this machine, cold browser caches:

- first map: from the start of navigation until the first map is drawn, each in a new profile;
- embedding: from asking for similar land until all vectors are in the workers;
- similarity: from the click until the map of all pixels is drawn, the first click apart (it compiles).
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
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder

import lake
from lake.catalogue import catalogue
from lake.explore.server import server
from lake.format import keys, order
from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.schema import Cube
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, ledger, overview
from lake.store.generations import StoreState
from lake.store.ledger import Ledger
from lake.store.manifest import Recorder
from tests import chromium
from tests.explore import lakes

KEY = keys.parse("goes16/explorer/20200101_20201231/geom-goes-conus-0")
CUBE = Cube(
    "day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C06", "C07", "C13", "C15"),
    (43200, 54000, 64800, 75600, 0),
)  # fmt: skip
SHAPE, MONTH = (1500, 2500), 7
SIZE = {"width": 1300, "height": 800}


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
    about = {"key": str(KEY), "months": [MONTH], "suspect": [], "listing": {}, "provenance": {}}
    path, stored = generations.draft(objects, None, land, (CUBE,), about)
    recorder = Recorder(objects.zarr(path))
    overview.create(recorder, land, (CUBE,))
    written, sums = [], []
    cell, rng = overview.cells(land), np.random.default_rng(0)
    for n, part in enumerate(order.superblocks(land.pixels, land.layout)):
        block = _results(rng, land.row[part], land.column[part])
        where = objects, path, CUBE.name, MONTH, n
        written.append(generations.write_shard(*where, block, land.layout))
        sums.append(overview.sums(block, cell[part]))
    overview.write(recorder, CUBE, MONTH, overview.maps(sums, CUBE, overview.grid_of(land).shape))
    manifest = generations.seal(
        objects, path, [*stored.values(), *written, *recorder.stored.values()]
    )
    state = StoreState(path, manifest, (MONTH,), (), ledger.write(objects, Ledger()), (), "", "")
    head = generations.commit(objects, None, state)
    catalogue.upsert(connect(root), catalogue.row(KEY, head, Ledger(), [CUBE.name], land))
    opened = lake.open(join(root, str(KEY)))
    _embed(root, opened, latent)
    return opened


def _results(rng: np.random.Generator, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel) of 30 observations around a field, of plausible size."""
    shape = (len(CUBE.tods), len(CUBE.bands), row.size, 1)
    mean = 280 + 10 * np.sin(row / 90 + column / 130)[:, None] + rng.normal(0, 2, shape)
    spread = rng.uniform(2, 6, shape)
    count = np.broadcast_to(rng.integers(5, 30, (1, 1, row.size, 1)), shape).astype(float)
    metrics = (
        count,
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


def similarity(page: Page, site: str, clicks: int) -> dict[str, Any]:
    """Seconds to have the embedding, and milliseconds of each click."""
    begin = time.monotonic()
    page.goto(f"{site}#show=similar")
    page.wait_for_selector("body[data-ready]", timeout=300_000)
    embedding = time.monotonic() - begin
    box = page.locator("#canvas").bounding_box()
    if box is None:
        raise RuntimeError("the page has no map")
    generator = random.Random(0)  # noqa: S311 (places to click at)
    for done in range(1, clicks + 2):
        x = box["x"] + box["width"] * generator.uniform(0.48, 0.52)
        y = box["y"] + box["height"] * generator.uniform(0.48, 0.52)
        page.mouse.click(x, y)
        while page.evaluate("performance.getEntriesByName('similar').length") < done:
            page.wait_for_timeout(20)
        page.wait_for_timeout(1500)  # until the cycles of the pixel are read
    found = page.evaluate("performance.getEntriesByName('similar').map((entry) => entry.duration)")
    return {"embedding_s": embedding, "first_click_ms": found[0], "clicks_ms": found[1:]}


def measure(
    browser: Browser, root: str, pixels: int, latent: int, clicks: int, repeats: int
) -> dict[str, Any]:
    """All figures."""
    built = build(root, pixels, latent)
    with serving(root) as site:
        maps = [first_map(browser, site) for _ in range(repeats)]
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        similar = similarity(page, site, clicks)
        page.close()
    return {
        "pixels": built.pixels,
        "latent": latent,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "machine": platform.processor() or platform.machine(),
        "chromium": browser.version,
        "first_map_s": {"median": median(maps), "all": maps},
        **similar,
        "click_ms": {"median": median(similar["clicks_ms"]), "most": max(similar["clicks_ms"])},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pixels", type=int, default=1_800_000)
    parser.add_argument("--latent", type=int, default=64)
    parser.add_argument("--clicks", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, chromium.browser() as browser:
        figures = measure(browser, root, given.pixels, given.latent, given.clicks, given.repeats)
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
