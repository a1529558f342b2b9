"""What ingest costs beside inflating the files, on full-size CONUS granules of the invented country.

    python benchmarks/ingest.py [--json] [--folder DIR] [--days 8] [--repeats 3] [--original]

A time step is 9 files of 2 km (4 bands, LST), 1 km (3) and 0.5 km (1), 120 million pixels, written by
the project's own generator once into the folder (9 s and 115 MB a step). Everything is read from the
page cache, in one thread; each measurement is a process of its own that does nothing else, pinned to
one core, with a worker's memory. Times are CPU seconds of that process, after one warm-up; floor and
ingest take turns.

- `floor`: `deflate.zlib_decompress` of all chunks of all images (Rad or LST, DQF, PQI), their bytes
  already in memory, and nothing else.
- `ingest`: `ingest.accumulate.accumulate` of a month of steps (those of the folder, four times over), and the
  moments of every superblock of every cube from it: opening, checksums, flags, masks, calibration and
  moments. Figures are of one step.
- `original`: whole images by h5py, and NumPy updates of running moments, as the original study did.

How much is clear decides how much there is to do beside inflating. `usual`: the clouds of three days
at once, which leave about as much clear as the real sky does (0.41 of North America's land in 96 LST
products of December and February). `invented`: the generator's own weather. `clear`: no cloud at
all, the worst case.

The domain has as many pixels as the real sector has land (1 727 768 by a 30-arcsec mask): the
invented land nearest below the satellite. Its chunks hold about the same share of the images as those
of the real land do (0.86, 0.70, 0.60 against 0.90, 0.73, 0.62 of the chunks at 2, 1, 0.5 km).
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import deflate
import h5py
import numpy as np

sys.path.insert(
    0, str(Path(__file__).parents[1])
)  # before this folder, where this file is "ingest"

from benchmarks import memory, record
from ingest.abi import filenames, granule
from ingest.accumulate import accumulate, packed
from ingest.listing import listing
from ingest.plan.plan import Step
from ingest.source.source_files import File
from ingest.synthetic import granules
from ingest.synthetic.landscape import CONUS_SHAPE, landscape
from ingest.synthetic.scene import Scene, scene
from lake.format import domain as domains
from lake.format import grid
from lake.format.domain import Domain

PIXELS = 1_727_768
TOD = 64800
SKIES = ("usual", "invented", "clear")
IMAGES = ("Rad", "LST", "DQF", "PQI")
RULES = listing.load("clearland-l1b-c0", ["t0=2020-07-01", "tf=2020-07-31"])

Figures = dict[str, Any]


def write(folder: Path, steps: int) -> None:
    """The granules of some days of July under every sky, unless they are there."""
    days = granules.time_steps(
        years=(2020,), months=(7,), days=range(1, steps + 1), tods=(TOD,), missing=False
    )
    country = None
    for sky in SKIES:
        target = folder / sky
        target.mkdir(parents=True, exist_ok=True)
        for step in days:
            if len(list(target.glob(f"*_s{step.start:%Y%j}*.nc"))) == 9:
                continue
            country = country or landscape(CONUS_SHAPE)
            granules.write_scene(target, under(sky, scene(country, step.start)), step.bands)


def under(sky: str, seen: Scene) -> Scene:
    """The scene with other clouds: those of three years at once, or none."""
    if sky == "usual":
        other = [scene(seen.landscape, seen.when.replace(year=year)) for year in (2018, 2019)]
        return replace(seen, cloud=np.maximum.reduce([seen.cloud, *(o.cloud for o in other)]))
    if sky == "clear":
        return replace(seen, cloud=np.zeros_like(seen.cloud))
    return seen


def time_steps(folder: Path, most: int) -> list[Step]:
    """The first time steps of a folder."""
    of_scan: dict[str, dict[str | None, File]] = {}
    for path in sorted(folder.glob("*.nc")):
        name = filenames.parse_name(path.name)
        file = File(str(path), path.stat().st_size)
        of_scan.setdefault(name.start, {})[name.band] = file
    wanted = [None, *(band for cube in RULES.cubes_at(TOD) for band in cube.bands)]
    return [
        Step(RULES.t0 + timedelta(days=day), TOD, start, tuple(files[band] for band in wanted))
        for day, (start, files) in enumerate(sorted(of_scan.items())[:most])
    ]


def month(days: Sequence[Step]) -> list[Step]:
    """As many steps as a month has, of fewer days."""
    return [
        replace(step, date=RULES.t0 + timedelta(days=number))
        for number, step in enumerate(list(days) * 4)
    ]


def domain(step: Step) -> Domain:
    """The land nearest below the satellite."""
    path = step.files[0].path
    sky = granule.open_sky(path, path, RULES.clear_sky.rule)
    projection, land = sky.grid.projection, sky.domain("land")
    lon, lat = grid.lonlat(projection, sky.grid.y[:, None], sky.grid.x[None, :])
    zenith = np.where(land, grid.view_zenith(projection, lon, lat), np.inf)
    limit = np.partition(zenith.ravel(), PIXELS - 1)[PIXELS - 1]
    return domains.from_mask(zenith <= limit, sky.grid, RULES.layout)


@contextmanager
def fetch(file: File) -> Iterator[str]:
    """A local file lies where it is."""
    yield file.path


def floor(steps: Sequence[Step]) -> tuple[Callable[[], None], Figures]:
    """Inflating one time step."""
    chunks = []
    for file in steps[0].files:
        data = Path(file.path).read_bytes()
        with h5py.File(file.path) as opened:
            for name in IMAGES:
                if name not in opened:
                    continue
                size = int(np.prod(opened[name].chunks)) * opened[name].dtype.itemsize
                found: list[h5py.h5d.StoreInfo] = []
                opened[name].id.chunk_iter(found.append and (lambda c: found.append(c)))  # noqa: B023, PLW0108 (must return None)
                chunks += [(data[c.byte_offset : c.byte_offset + c.size], size) for c in found]

    def inflate() -> None:
        for data, size in chunks:
            deflate.zlib_decompress(data, size)

    return inflate, {"steps": 1, "chunks": len(chunks), "bytes": sum(size for _, size in chunks)}


def ingest(steps: Sequence[Step]) -> tuple[Callable[[], None], Figures]:
    """Everything from files to moments."""
    pixels, steps = domain(steps[0]), month(steps)
    figures: Figures = {"steps": len(steps), "pixels": pixels.pixels}

    def run() -> None:
        seen = accumulate.accumulate(steps, RULES, pixels, fetch)
        sums = np.zeros(pixels.pixels, np.float32)
        for cube in seen.cubes:
            for number, block in enumerate(seen.packed.superblocks):
                sums[block] = seen.moments(cube.name, number)[0, 0, :, 0]
        figures["clear_share"] = float(sums.mean() / len(steps))
        figures["form"] = seen.form

    return run, figures


def original(steps: Sequence[Step]) -> tuple[Callable[[], None], Figures]:
    """Whole images, and updates of running moments of every pixel of the domain."""
    pixels = domain(steps[0])
    step = steps[0]
    running: dict[str, list[np.ndarray]] = {}

    def run() -> None:
        sky = granule.open_sky(step.files[0].path, step.files[0].path, "clear-land")
        valid = sky.clear()
        images = {}
        for file in step.files[1:]:
            band = granule.open_band(file.path, file.path, "Rad")
            with h5py.File(file.path) as opened:
                counts, dqf = opened["Rad"][()].view(np.uint16), opened["DQF"][()]
            quantity = band.table[np.minimum(counts, band.table.size - 1)]
            good = (dqf == 0) & np.isfinite(quantity)
            rows, columns = valid.shape
            blocks = good.reshape(rows, good.shape[0] // rows, columns, good.shape[1] // columns)
            valid = valid & blocks.all(axis=(1, 3))
            images[file.path] = quantity
        for path, quantity in images.items():
            refinement = quantity.shape[0] // valid.shape[0]
            fine = pixels.m_domain(refinement)
            seen = valid.repeat(refinement, 0).repeat(refinement, 1)[fine]
            if path not in running:
                running[path] = [np.zeros(seen.size) for _ in range(7)]
            _update(running[path], quantity[fine], seen)

    return run, {"steps": 1}


def _update(running: list[np.ndarray], values: np.ndarray, seen: np.ndarray) -> None:
    count, low, high, m1, m2, m3, m4 = running
    x, n1 = values[seen], count[seen]
    n = n1 + 1
    delta = x - m1[seen]
    share = delta / n
    term = delta * share * n1
    m4[seen] += (
        term * share**2 * (n**2 - 3 * n + 3) + 6 * share**2 * m2[seen] - 4 * share * m3[seen]
    )
    m3[seen] += term * share * (n - 2) - 3 * share * m2[seen]
    m2[seen] += term
    m1[seen] += share
    low[seen], high[seen] = np.minimum(low[seen], x), np.maximum(high[seen], x)
    count[seen] = n


def child(what: str, folder: Path, steps: int, core: int, repeats: int) -> Figures:
    """One measurement, in this process."""
    os.sched_setaffinity(0, {core})
    of = {"floor": floor, "ingest": ingest, "original": original}[what]
    run, figures = of(time_steps(folder, steps))
    run()
    print("ready", flush=True)
    sys.stdin.readline()
    seconds, wall = [], time.perf_counter()
    for _ in range(repeats):
        begin = time.process_time()
        run()
        seconds.append((time.process_time() - begin) / figures["steps"])
    figures |= {
        "seconds": seconds,
        "wall": (time.perf_counter() - wall) / repeats / figures["steps"],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    return figures


def start(
    what: str, folder: Path, steps: int, core: int, repeats: int = 1
) -> subprocess.Popen[str]:
    """A process that waits, ready to measure."""
    arguments = [what, str(folder), str(steps), str(core), str(repeats)]
    process = subprocess.Popen(  # noqa: S603 (this script)
        [sys.executable, __file__, "--child", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"{what} failed")
    return process


def finish(processes: Sequence[subprocess.Popen[str]]) -> list[Figures]:
    """Let them measure at the same time."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate()[0]) for process in processes]


def compare(folder: Path, steps: int, repeats: int) -> Figures:
    """Floor and ingest in turn, under one sky."""
    floors, ours = [], []
    for _ in range(repeats):
        floors += finish([start("floor", folder, steps, 0, 2)])
        ours += finish([start("ingest", folder, steps, 0)])
    floor_s = [s for figures in floors for s in figures["seconds"]]
    ours_s = [s for figures in ours for s in figures["seconds"]]
    return {
        "steps": steps,
        "pixels": ours[0]["pixels"],
        "clear_share": ours[0]["clear_share"],
        "form": ours[0]["form"],
        "floor_s": {"min": min(floor_s), "median": median(floor_s)},
        "ingest_s": {"min": min(ours_s), "median": median(ours_s)},
        "ratio_to_inflate_floor": median(ours_s) / median(floor_s),
        "ratio_of_minima": min(ours_s) / min(floor_s),
        "peak_memory_bytes": max(figures["peak_memory_bytes"] for figures in ours),
    }


def two_workers(folder: Path, steps: int) -> float:
    """Throughput of two processes on two cores / of one, by the clock."""
    (alone,) = finish([start("ingest", folder, steps, 0)])
    both = finish([start("ingest", folder, steps, core) for core in (0, 1)])
    return 2 * alone["wall"] / max(figures["wall"] for figures in both)


def chunks_share(folder: Path) -> float:
    """Share of the bytes of all images that are inflated for one step."""
    (step,) = time_steps(folder, 1)
    inflated = 0
    plain = deflate.zlib_decompress

    def counting(data: Any, size: int) -> bytearray:  # noqa: ANN401 (whatever holds bytes)
        nonlocal inflated
        inflated += size
        return plain(data, size)

    deflate.zlib_decompress = counting
    pixels = domain(step)
    inflated = 0
    accumulate.accumulate([step], RULES, pixels, fetch)
    deflate.zlib_decompress = plain
    return inflated / floor([step])[1]["bytes"]


def measure(folder: Path, days: int, repeats: int, *, with_original: bool) -> Figures:
    """All figures; the first ones are those under the usual sky."""
    write(folder, days)
    skies = {sky: compare(folder / sky, days, repeats) for sky in SKIES}
    usual, layers = skies["usual"], sum(len(c.bands) * c.subpixels for c in RULES.cubes_at(TOD))
    figures = {
        "ratio_to_inflate_floor": usual["ratio_to_inflate_floor"],
        "seconds_per_time_step": usual["ingest_s"]["median"],
        "peak_memory_bytes": max(figures["peak_memory_bytes"] for figures in skies.values()),
        "stated_memory_bytes": packed.peak_bytes(
            packed.StepSize(PIXELS, math.prod(CONUS_SHAPE), layers)
        ),
        "clear_share": usual["clear_share"],
        "chunks_inflated_share": chunks_share(folder / "usual"),
        "workers_2_over_1": two_workers(folder / "usual", days),
        "skies": skies,
    }
    if with_original:
        (found,) = finish([start("original", folder / "usual", 1, 0)])
        figures["original_s"] = min(found["seconds"])
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the granules lie or are written")
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--original", action="store_true", help="the original study's way too")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    record.add_option(parser)
    given = parser.parse_args()
    if given.child:
        what, folder, *numbers = given.child
        print(json.dumps(child(what, Path(folder), *map(int, numbers))))
        return
    memory.as_workers()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        figures = measure(folder, given.days, given.repeats, with_original=given.original)
    record.write(given.record, record.of_figures(figures))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
