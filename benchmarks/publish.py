"""What publishing costs beside encoding the same bytes.

    python benchmarks/publish.py [--json] [--superblocks 6] [--repeats 3]

Some whole superblocks (16 384 pixels) of one month of the listing `clearland-l1b-c0`, all cubes: 28
to 36 MB a day cube. Observations are drawn with the spread, the cloud and the packing of real ones, so
that the stored numbers compress about as real ones do (the ratio is printed). In one process pinned to
one core, with a worker's memory, CPU seconds, in turn:

- encoding: Blosc (numcodecs), zstd level 3, bitshuffle, of the published chunks, already in memory;
- publishing: `ingest.publish.publish` of these shards from staged moments alone (`first`), from
  moments and an earlier generation (`merge`), and from as many single observed time steps as lie in
  half a month beside an earlier generation (`observations`);
- `legacy`: the whole import of the study's pickles with the numbers of `first`: read, put into the
  store's pixel order, staged, published.

Files are written to the page cache. On a virtual machine whose host takes back what is free, a page that
no file had before costs eight times as much as another; so what was published last is deleted just before,
and `share_without_kernel` counts neither that nor any other time in the kernel.
"""

import argparse
import json
import os
import pickle
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import blosc

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

import lake
from benchmarks import memory
from ingest.accumulate import observations
from ingest.accumulate.observations import Observations
from ingest.legacy import importer
from ingest.legacy import pickles as pickled
from ingest.listing import listing
from ingest.plan import domains
from ingest.publish import overview_maps, parts, publish
from ingest.publish.overview_maps import OverviewMaps
from ingest.publish.parts import Part
from ingest.publish.target import TargetStore
from ingest.source.source_files import File
from lake.catalogue import catalogue
from lake.format import grid, keys, order
from lake.format.domain import Domain
from lake.format.grid import Grid, Projection
from lake.format.moments import METRICS
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import generations, overview
from lake.store.ledger import MERGED, LedgerEntry

RULES = listing.load("clearland-l1b-c0", ["t0=2020-01-01", "tf=2020-12-31"])
KEY = keys.parse("goes16/clearland-l1b-c0/20200101_20201231/geom-goes-conus-0")
MONTH, STEPS = 7, 12
PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)


class Drawn:
    """Content of a part: observations of one (month, tod), drawn anew from the seed for every block."""

    suspect = ()

    def __init__(self, form: str, seed: int, steps: int, domain: Domain) -> None:
        self.form = form
        self._seed, self._steps = seed, steps
        self._blocks = order.superblocks(domain.pixels, domain.layout)
        self._cubes = {cube.name: cube for cube in RULES.cubes}

    def observations(self, name: str, superblock: int) -> Observations:
        """A tenth of a degree from pixel to pixel, some degrees from day to day, half of it cloudy."""
        cube, pixels = self._cubes[name], self._blocks[superblock]
        size = pixels.stop - pixels.start
        random = np.random.default_rng([self._seed, superblock, len(name)])
        valid = random.random((self._steps, size)) < 0.5
        smooth = np.cumsum(random.normal(0, 3, (len(cube.bands), size)), axis=1)[None, :, :, None]
        days = random.normal(0, 60, (self._steps, 1, 1, 1))
        noise = random.normal(0, 15, (self._steps, len(cube.bands), size, cube.subpixels))
        counts = np.clip(1500 + smooth + days + noise, 0, 4094).astype(np.uint16)
        tables = np.broadcast_to(200 + np.arange(4096) * 0.03, (self._steps, len(cube.bands), 4096))
        return Observations(valid, counts * valid[:, None, :, None], tables)

    def moments(self, name: str, superblock: int) -> np.ndarray:
        """Of these."""
        return observations.moments(self.observations(name, superblock))


def group(root: str, superblocks: int) -> TargetStore:
    """A store of so many superblocks, on a part of the real grid."""
    rows, columns = 128, 128 * superblocks
    y = 0.0923720 - 5.6e-5 * np.arange(rows)
    x = -0.0173320 + 5.6e-5 * np.arange(columns)
    row, column = np.divmod(np.arange(rows * columns, dtype=np.int32), np.int32(columns))
    domain = Domain(Grid(PROJECTION, y, x), RULES.layout, row, column)
    catalogue.claim(connect(root))
    order_ = order.permutation(row, column, RULES.layout)
    domain = Domain(domain.grid, RULES.layout, row[order_], column[order_])
    return TargetStore(root, KEY, RULES, domains.ensure(connect(root), KEY, domain))


def stage(where: TargetStore, form: str, seed: int, steps: int) -> list[Part]:
    """A part for each time of day."""
    made = []
    for tod in RULES.tods:
        cubes = tuple(cube.name for cube in RULES.cubes_at(tod))
        entry = LedgerEntry(f"202007{seed:02}-{tod:05}", MERGED, "s")
        part = Part(parts.name(form, seed, tod), "", form, MONTH, tod, cubes, (entry,))
        content = Drawn(form, seed * 1000 + tod // 3600, steps, where.domain)
        domain = where.domain
        made.append(parts.write(where.objects, part, content, domain.pixels, domain.layout))
    return made


def draft(where: TargetStore) -> str:
    """An empty generation."""
    about = {"key": str(KEY), "months": [MONTH], "suspect": [], "listing": {}, "provenance": {}}
    return generations.draft(where.objects, None, where.domain, RULES.cubes, about)[0]


def shards(where: TargetStore, target: str, bases: tuple[str, ...], new: list[Part]) -> list[Any]:
    """The tasks of publishing."""
    held = [publish.Base(path, (MONTH,), (), {}) for path in bases]
    maps = OverviewMaps(where.objects, target, where.domain, RULES.cubes)
    return publish._work(where, maps, target, (MONTH,), held, new)  # noqa: SLF001 (what is measured)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds: all, and those outside the kernel."""
    begin = resource.getrusage(resource.RUSAGE_SELF)
    work()
    end = resource.getrusage(resource.RUSAGE_SELF)
    user, kernel = end.ru_utime - begin.ru_utime, end.ru_stime - begin.ru_stime
    return user + kernel, user


def encode(blocks: list[tuple[Cube, np.ndarray]], layout: order.Layout) -> Callable[[], int]:
    """Blosc of the inner chunks; returns the encoded bytes."""
    chunks = [
        np.ascontiguousarray(block[:, :, :, first : first + layout.chunk])
        for _, block in blocks
        for first in range(0, block.shape[3], layout.chunk)
    ]

    def run() -> int:
        return sum(len(blosc.compress(chunk, b"zstd", 3, blosc.BITSHUFFLE, 0)) for chunk in chunks)

    return run


def blocks_of(where: TargetStore, path: str) -> Iterator[tuple[Cube, np.ndarray]]:
    """The published results by cube and superblock."""
    generations.seal(where.objects, path, ())
    there = lake.open(where.objects.url(path))
    for cube in RULES.cubes:
        for pixels in order.superblocks(where.domain.pixels, where.domain.layout):
            yield cube, there.block(cube.name, pixels, MONTH)[0]


def write_all(work: list[Any]) -> None:
    """As the workers do, one after the other."""
    for shard in work:
        publish._write(shard)  # noqa: SLF001 (what is measured)


def measure(root: str, superblocks: int, repeats: int) -> dict[str, Any]:
    """All figures."""
    blosc.set_nthreads(1)
    where = group(root, superblocks)
    first = stage(where, parts.MOMENTS, 1, STEPS)
    more = stage(where, parts.MOMENTS, 2, STEPS)
    single = [
        part for day in range(3, 3 + STEPS) for part in stage(where, parts.OBSERVATIONS, day, 1)
    ]
    base = draft(where)
    write_all(shards(where, base, (), first))
    generations.seal(where.objects, base, ())
    below = (f"{KEY}/{base}",)
    cases = {
        "first": ((), first),
        "merge": (below, more),
        "observations": (below, single),
    }
    works = {name: partial(publication, where, bases, new) for name, (bases, new) in cases.items()}
    works["legacy"] = partial(legacy_import, where, pickles(where, base))
    return {name: case(where, repeats, work) for name, work in works.items()}


def publication(where: TargetStore, bases: tuple[str, ...], new: list[Part], target: str) -> None:
    """What `ingest.publish.publish` does on its workers."""
    write_all(shards(where, target, bases, new))


def pickles(where: TargetStore, path: str) -> Path:
    """A folder with the study's files of a published month."""
    folder = Path(where.root) / "pickles"
    folder.mkdir()
    grids = {}
    for cube in RULES.cubes:
        fine = grid.refine(where.domain.grid, cube.refinement)
        y, x = np.meshgrid(fine.y, fine.x, indexing="ij")
        angles = {"n_s_scan_angles": y.astype("f4"), "e_w_scan_angles": x.astype("f4")}
        about = asdict(PROJECTION)
        about.pop("latitude_of_projection_origin")
        grids[fine.shape] = (angles | about, np.ones(fine.shape, bool))
    (folder / f"{KEY.geom}.pkl").write_bytes(pickle.dumps(grids))
    there = lake.open(where.objects.url(path))
    for cube in RULES.cubes:
        block = there.block(cube.name, slice(None), MONTH)[0]
        shape = tuple(n * cube.refinement for n in where.domain.grid.shape)
        for tod, band in product(range(len(cube.tods)), range(len(cube.bands))):
            images = [there.to_grid(values)[...] for values in block[tod, band]]
            arrays = {m: image.ravel() for m, image in zip(METRICS, images, strict=True)}
            arrays["count"] = arrays["count"].astype(np.float64)
            name = f"{KEY.sat}_{KEY.listing}_{KEY.period}_{KEY.geom}_{MONTH:02}_{cube.tods[tod]}"
            path_ = folder / f"{name}_{cube.bands[band]}.pkl"
            path_.write_bytes(pickle.dumps(({"shape": shape} | arrays, {})))
    return folder


def legacy_import(where: TargetStore, folder: Path, target: str) -> None:
    """What `ingest.legacy.importer` does on its workers."""
    delete(where, "parts")  # staged anew, every time
    digest = domains.digest(where.domain)
    made = []
    for tod in RULES.tods:
        found = {
            pickled.parse_name(path.name).band: File(str(path), path.stat().st_size)
            for path in folder.glob(f"*_{tod}_C*.pkl")
        }
        given = (where.root, KEY, RULES, digest, str(folder), MONTH, tod, found)
        made.append(importer._stage(*given))  # noqa: SLF001 (what is measured)
    write_all(shards(where, target, (), made))


def case(where: TargetStore, repeats: int, work: Callable[[str], None]) -> dict[str, Any]:
    """One way to a generation beside encoding what it wrote, in turn."""
    target = draft(where)
    work(target)  # compiles, warms up
    blocks = list(blocks_of(where, target))
    run = encode(blocks, RULES.layout)
    encoded, raw = run(), sum(block.nbytes for _, block in blocks)
    floor, ours = [], []
    for _ in range(repeats):
        floor.append(timed(run))
        before, target = target, draft(where)
        delete(where, before)
        ours.append(timed(partial(work, target)))
    delete(where, target)
    cell = overview.cells(where.domain)
    pieces = order.superblocks(where.domain.pixels, where.domain.layout)
    of = [cell[pixels] for _ in RULES.cubes for pixels in pieces]
    maps, _ = timed(
        lambda: [overview_maps.sums(b, c) for (_, b), c in zip(blocks, of, strict=True)]
    )
    floor_s, ours_s = np.median(floor, axis=0), np.median(ours, axis=0)
    return {
        "share_of_encode_speed": float(floor_s[0] / ours_s[0]),
        "share_without_kernel": float(floor_s[1] / ours_s[1]),
        "share_of_maps": float(maps / ours_s[0]),
        "encode_s": [seconds for seconds, _ in floor],
        "publish_s": [seconds for seconds, _ in ours],
        "raw_bytes": raw,
        "compression_ratio": raw / encoded,
        "encode_bytes_per_second": float(raw / floor_s[0]),
    }


def delete(where: TargetStore, path: str) -> None:
    """A draft, or all parts."""
    shutil.rmtree(Path(where.root) / str(KEY) / path)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--superblocks", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    given = parser.parse_args()
    memory.as_workers()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as root:
        figures = measure(root, given.superblocks, given.repeats)
    record.write(given.record, record.of_figures(figures))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:38} {value}")


if __name__ == "__main__":
    main()
