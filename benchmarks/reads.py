"""What reading blocks of a store costs beside decoding the same bytes.

    python benchmarks/reads.py [--json] [--superblocks 2] [--repeats 5] [--root s3://bucket/prefix]

A store of some whole superblocks (16 384 pixels) of twelve months, one cube at 2 km (5 tods, 4 bands)
and one at 500 m (5 tods, 1 band); numbers are observations' moments with the packing of real ones (the
compression ratio is printed). In one process pinned to one core, in turn, `repeats` times:

- limit: Blosc (numcodecs) alone, one thread, over the encoded inner chunks in memory, into one buffer;
- ours: `Store.block` of a superblock (`superblock`), of one inner chunk (`chunk`), all twelve months,
  and of the chunks one after the other (`chunks`), as jobs read;
- `zarr` and, where it is installed, `tensorstore`: the same superblock.

In a folder the figure is the limit's time over a reader's, CPU seconds. With `--root` the store lies on
a server (credentials from the environment): wall seconds, all cores, beside tensorstore.
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr
from numcodecs import blosc

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder

import lake
from benchmarks import memory
from lake import catalogue, keys, moments, order, shards, store
from lake.domain import from_mask
from lake.grid import Grid, Projection
from lake.objects import connect, join
from lake.read import Store
from lake.schema import MONTHS, Cube
from lake.store import State

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
    path, _ = store.draft(objects, None, domain, CUBES, about)
    for cube in CUBES:
        for month in MONTHS:
            for number in range(superblocks):
                values = drawn(cube, [month, number, cube.refinement])
                store.write_shard(objects, path, cube.name, month, number, values, LAYOUT)
    manifest = store.seal(objects, path, ())
    store.commit(objects, None, State(path, manifest, tuple(MONTHS), (), "", (), "", ""))
    return objects.url()


def drawn(cube: Cube, seed: list[int]) -> np.ndarray:
    """(tod, band, metric, pixel, subpixel): six packed counts a cell, half of them cloudy."""
    random = np.random.default_rng(seed)
    shape = (6, len(cube.tods), len(cube.bands), LAYOUT.superblock, cube.subpixels)
    smooth = np.cumsum(random.normal(0, 3, (1, *shape[1:4], 1)), axis=3)
    days, noise = random.normal(0, 60, (shape[0], 1, 1, 1, 1)), random.normal(0, 15, shape)
    counts = np.clip(1500 + smooth + days + noise, 0, 4094).round()
    valid = np.broadcast_to(random.random((shape[0], 1, 1, shape[3], 1)) < 0.5, shape)
    return moments.to_results(moments.of(200 + counts * 0.03, valid), axis=2)


def encoded(there: Store, cube: Cube, pixels: slice) -> list[bytes]:
    """The encoded inner chunks of some pixels, all months."""
    objects, found = connect(there.url), []
    for month in MONTHS:
        data = objects.get(store.shard_path(cube.name, month, pixels.start // LAYOUT.superblock))
        index = shards.index(data, LAYOUT, "")
        first = pixels.start % LAYOUT.superblock // LAYOUT.chunk
        last = first + (pixels.stop - pixels.start) // LAYOUT.chunk
        found += [data[offset : offset + size] for offset, size in index[first:last]]
    return found


def chunks(pixels: slice) -> Iterator[slice]:
    """The runs of pixels that are inner chunks."""
    for start in range(pixels.start, pixels.stop, LAYOUT.chunk):
        yield slice(start, start + LAYOUT.chunk)


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
    found: dict[str, tuple[Callable[[slice], object], slice]] = {
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


def case(there: Store, cube: Cube, repeats: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Seconds of every reader, and those of decoding the same chunks in memory."""
    ways = readers(there, cube)
    data = {name: encoded(there, cube, pixels) for name, (_, pixels) in ways.items()}
    size = len(cube.tods) * len(cube.bands) * 7 * LAYOUT.chunk * cube.subpixels * 4
    buffer = np.empty(size, np.uint8)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    limits: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, (read, pixels) in ways.items():
            limit = timed(lambda name=name: decode(data[name], buffer), clock)
            taken = timed(lambda read=read, pixels=pixels: read(pixels), clock)
            if repeat:  # the first time warms up
                limits[name].append(limit)
                seconds[name].append(taken)
    raw = size * len(data["superblock"])
    return {
        "raw_bytes": raw,
        "compression_ratio": raw / sum(map(len, data["superblock"])),
        "share_of_decode_speed": {
            name: median(limits[name]) / median(seconds[name]) for name in ways
        },
        "seconds": seconds,
        "decode_seconds": limits,
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
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    memory.as_workers()
    blosc.set_nthreads(1)
    clock = time.perf_counter
    if not given.root:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        clock = time.process_time
    with tempfile.TemporaryDirectory() as folder:
        there = lake.open(write(given.root or folder, given.superblocks))
        figures = {cube.name: case(there, cube, given.repeats, clock) for cube in CUBES}
    if given.json:
        print(json.dumps(figures, indent=1))
        return
    for cube, found in figures.items():
        print(f"{cube}: compressed {found['compression_ratio']:.2f} to 1; share of decode speed:")
        for name, share in found["share_of_decode_speed"].items():
            print(f"  {name:20} {share:.2f}   {median(found['seconds'][name]):.3f} s")


if __name__ == "__main__":
    main()
