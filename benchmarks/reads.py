"""What reading blocks of a store costs beside decoding the same bytes.

    python benchmarks/reads.py [--json] [--superblocks 2] [--repeats 5] [--root URL | --rgw]

A store of some whole superblocks (16 384 pixels) of twelve months, one cube at 2 km (5 tods, 4 bands)
and one at 500 m (5 tods, 1 band); numbers are observations' moments with the packing of real ones (the
compression ratio is printed). In one process pinned to one core, in turn, `repeats` times:

- limits: Blosc (numcodecs), one thread, over the encoded inner chunks in memory, into one buffer
  (`decode`), and the same with each chunk read from its file first (`read_and_decode`);
- ours, `Store.block`: a superblock month by month into one array, on a server some months at a time
  (`months`), as jobs read, or all months at once (`superblock`); one inner chunk, all months
  (`chunk`), and all chunks so, one after the other (`chunks`);
- `zarr` and, where it is installed, `tensorstore`: the superblock, all months at once.

In a folder the figures are the limits' time over a reader's, CPU seconds. With `--root` (credentials
from the environment), or `--rgw` (a Ceph RGW of its own on loopback), the store lies on a server: wall
seconds, all cores, which the server shares, beside tensorstore and beside decoding alone.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr
from numcodecs import blosc

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

import lake
from benchmarks import memory
from jobs.features import features
from lake.catalogue import catalogue
from lake.format import keys, moments, order
from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection
from lake.format.moments import METRICS
from lake.format.schema import MONTHS, Cube
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import generations, shards
from lake.store.generations import StoreState
from tests import rgw, s3

KEY = keys.parse("goes16/reads/20200101_20201231/geom-goes-conus-0")
LAYOUT = order.Layout()
TODS = (50400, 57600, 64800, 72000, 79200)
CUBES = (
    Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C07", "C08", "C13", "C15"), TODS),
    Cube("day-500m", "500m", 4, "ABI-L1b-RadC", "Rad", ("C02",), TODS),
)
PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)


def write(root: str, superblocks: int) -> str:
    """A store at `root`, one row of pixels; returns its URL."""
    pixels = superblocks * LAYOUT.superblock
    side = int(np.ceil(np.sqrt(pixels)))
    mask = (np.arange(side * side) < pixels).reshape(side, side)
    angles = 0.06 - 5.6e-5 * np.arange(side), -0.03 + 5.6e-5 * np.arange(side)
    domain = from_mask(mask, Grid(PROJECTION, *angles), LAYOUT)
    catalogue.claim(connect(root))
    objects = connect(join(root, str(KEY)))
    about = {"key": str(KEY), "months": list(MONTHS), "suspect": [], "listing": {}}
    path, _ = generations.draft(objects, None, domain, CUBES, about)
    for cube in CUBES:
        for month in MONTHS:
            for number in range(superblocks):
                values = drawn(cube, [month, number, cube.refinement])
                generations.write_shard(objects, path, cube.name, month, number, values, LAYOUT)
    manifest = generations.seal(objects, path, ())
    generations.commit(objects, None, StoreState(path, manifest, tuple(MONTHS), (), "", (), "", ""))
    return objects.url()


def drawn(cube: Cube, seed: list[int]) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel): six packed counts a cell, half of them cloudy."""
    random = np.random.default_rng(seed)
    shape = (6, len(cube.tods), len(cube.bands), LAYOUT.superblock, cube.subpixels)
    smooth = np.cumsum(random.normal(0, 3, (1, *shape[1:4], 1)), axis=3)
    days, noise = random.normal(0, 60, (shape[0], 1, 1, 1, 1)), random.normal(0, 15, shape)
    counts = np.clip(1500 + smooth + days + noise, 0, 4094).round()
    valid = np.broadcast_to(random.random((shape[0], 1, 1, shape[3], 1)) < 0.5, shape)
    return moments.to_results(moments.from_observations(200 + counts * 0.03, valid), axis=2)


Places = list[tuple[str, list[tuple[int, int]]]]
"""Of encoded chunks: URLs of shards, and in each offsets and sizes."""


def places(there: Store, cube: Cube, pixels: slice) -> Places:
    """Of the inner chunks of some pixels, all months."""
    objects, found = connect(there.url), []
    first = pixels.start % LAYOUT.superblock // LAYOUT.chunk
    last = first + (pixels.stop - pixels.start) // LAYOUT.chunk
    for month in MONTHS:
        path = generations.shard_path(cube.name, month, pixels.start // LAYOUT.superblock)
        index = shards.index(objects.get(path), LAYOUT, "")
        found.append((objects.url(path), list(index[first:last])))
    return found


def encoded(there: Store, of: Places) -> list[bytes]:
    """These chunks."""
    found = []
    for url, spans in of:
        data = connect(there.url).get(url.removeprefix(f"{there.url}/"))
        found += [data[offset : offset + size] for offset, size in spans]
    return found


def chunks(pixels: slice) -> Iterator[slice]:
    """The runs of pixels that are inner chunks."""
    for start in range(pixels.start, pixels.stop, LAYOUT.chunk):
        yield slice(start, start + LAYOUT.chunk)


def by_month(there: Store, cube: Cube, pixels: slice, block: np.ndarray) -> None:
    """Read some pixels as many months at a time as the block holds, and keep nothing."""
    for begin in range(0, len(MONTHS), len(block)):
        there.block(cube.name, pixels, MONTHS[begin : begin + len(block)], block)


def by_chunk(there: Store, cube: Cube, pixels: slice) -> None:
    """Read some pixels chunk by chunk, and keep nothing."""
    for piece in chunks(pixels):
        there.block(cube.name, piece)


def in_tensorstore(there: Store, cube: Cube) -> Callable[[slice], object]:
    """How tensorstore reads the results of a cube."""
    import tensorstore  # noqa: PLC0415 (a peer that need not be there)

    path = f"{there.url}/{cube.name}/results/"
    if there.url.startswith("s3://"):
        bucket, _, key = path.removeprefix("s3://").partition("/")
        kvstore: dict[str, Any] = {"driver": "s3", "bucket": bucket, "path": key}
        kvstore |= {"endpoint": os.environ["AWS_ENDPOINT_URL"], "aws_region": "us-east-1"}
    else:
        kvstore = {"driver": "file", "path": path}
    array = tensorstore.open({"driver": "zarr3", "kvstore": kvstore}, read=True).result()
    return lambda pixels: array[:, :, :, :, pixels].read().result()


def readers(there: Store, cube: Cube) -> dict[str, tuple[Callable[[slice], object], slice]]:
    """Ways to read, and what of the store."""
    whole, one = slice(0, LAYOUT.superblock), slice(3 * LAYOUT.chunk, 4 * LAYOUT.chunk)
    by_zarr = zarr.open_array(
        connect(there.url).zarr(f"{cube.name}/results", read_only=True), mode="r"
    )
    at_once = 1 if there.blocks.objects.is_folder else features.MONTHS_AT_ONCE
    shape = (
        at_once,
        len(cube.tods),
        len(cube.bands),
        len(METRICS),
        LAYOUT.superblock,
        cube.subpixels,
    )
    some = np.empty(shape, np.float32)
    found: dict[str, tuple[Callable[[slice], object], slice]] = {
        "months": (lambda pixels: by_month(there, cube, pixels, some), whole),
        "superblock": (lambda pixels: there.block(cube.name, pixels), whole),
        "chunks": (lambda pixels: by_chunk(there, cube, pixels), whole),
        "chunk": (lambda pixels: there.block(cube.name, pixels), one),
        "zarr": (lambda pixels: by_zarr[:, :, :, :, pixels], whole),
    }
    if importlib.util.find_spec("tensorstore"):
        read = in_tensorstore(there, cube)
        found |= {"tensorstore": (read, whole), "tensorstore_chunk": (read, one)}
    return found


def decode(data: list[bytes], buffer: np.ndarray) -> None:
    """Decode chunks one after the other into one buffer."""
    for one in data:
        blosc.decompress(one, buffer)


def read_and_decode(of: Places, buffer: np.ndarray) -> None:
    """The same, from files."""
    for path, spans in of:
        file = os.open(path, os.O_RDONLY)
        for offset, size in spans:
            blosc.decompress(os.pread(file, size, offset), buffer)
        os.close(file)


def case(there: Store, cube: Cube, repeats: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Seconds of every reader, and those of the limits for the same chunks."""
    ways = readers(there, cube)
    size = len(cube.tods) * len(cube.bands) * len(METRICS) * LAYOUT.chunk * cube.subpixels * 4
    buffer = np.empty(size, np.uint8)
    limits = ("decode", "read_and_decode") if there.blocks.objects.is_folder else ("decode",)
    seconds: dict[str, dict[str, list[float]]] = {
        name: {of: [] for of in ("reader", *limits)} for name in ways
    }
    held = {name: places(there, cube, pixels) for name, (_, pixels) in ways.items()}
    data = {name: encoded(there, of) for name, of in held.items()}
    for repeat in range(repeats + 1):
        for name, (read, pixels) in ways.items():
            works: dict[str, Callable[[], object]] = {
                "decode": partial(decode, data[name], buffer),
                "read_and_decode": partial(read_and_decode, held[name], buffer),
                "reader": partial(read, pixels),
            }
            for of, taken in seconds[name].items():
                second = timed(works[of], clock)
                if repeat:  # the first time warms up
                    taken.append(second)
    raw = size * len(data["superblock"])
    return {
        "raw_bytes": raw,
        "compression_ratio": raw / sum(map(len, data["superblock"])),
        "share_of": {
            limit: {name: median(of[limit]) / median(of["reader"]) for name, of in seconds.items()}
            for limit in limits
        },
        "seconds": seconds,
    }


def timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of some work."""
    began = clock()
    work()
    return clock() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--superblocks", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--root")
    parser.add_argument("--rgw", action="store_true")
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    given = parser.parse_args()
    memory.as_workers()
    blosc.set_nthreads(1)
    clock = time.perf_counter
    with ExitStack() as stack:
        root = given.root or stack.enter_context(tempfile.TemporaryDirectory())
        if given.rgw:
            server = stack.enter_context(rgw.server(Path(root) / "rgw"))
            os.environ.update(server.environment)
            s3.make_bucket(server.environment)
            root = f"s3://{s3.BUCKET}/reads"
        elif not given.root:
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
            clock = time.process_time
        there = lake.open(write(root, given.superblocks))
        figures = {cube.name: case(there, cube, given.repeats, clock) for cube in CUBES}
    record.write(given.record, record.of_figures(figures))
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    for cube, found in figures.items():
        shares = found["share_of"]
        print(f"{cube}: compressed {found['compression_ratio']:.2f} to 1")
        print(f"  {'':20} seconds   " + "   ".join(f"share of {limit}" for limit in shares))
        for name, seconds in found["seconds"].items():
            row = "   ".join(f"{of[name]:{9 + len(limit)}.2f}" for limit, of in shares.items())
            print(f"  {name:20} {median(seconds['reader']):7.3f}   {row}")


if __name__ == "__main__":
    main()
