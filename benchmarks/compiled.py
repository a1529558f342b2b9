"""What the machine code of the image costs beside that for this very processor.

    python benchmarks/compiled.py [--repeats 3]

Every loop of ingest on arrays of usual sizes, in processes that take turns: compiled for this processor
(`native`), as the image for x86 does (`image`), and for any x86 processor (`generic`). Times are CPU
milliseconds of the fastest of seven calls, the least over all turns; the others are shares of `native`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import record

from ingest.accumulate import gather, observations, sums
from ingest.publish import overview_maps
from tests.deploy.pods import image_environment

CALLS = 7
KINDS = {
    "native": {},
    "image": {k: v for k, v in image_environment(compiled=True).items() if "NUMBA_CPU" in k},
    "generic": {"NUMBA_CPU_NAME": "generic"},
}


def fastest(call: Callable[[], object]) -> float:
    """CPU milliseconds of the fastest call, after one that compiles."""
    call()
    times = []
    for _ in range(CALLS):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times) * 1e3


def measure() -> dict[str, float]:
    """Milliseconds of every loop."""
    rng = np.random.default_rng(0)
    found = {}
    for subpixels, pixels in ((1, 200_000), (4, 60_000), (16, 16_000)):
        found[f"add observations, {subpixels} subpixels"] = fastest(adding(rng, subpixels, pixels))
    blocks = [rng.random((4, 7, 100_000, 1)).astype(np.float32) * 9 + 1 for _ in range(2)]
    found["merge moments"] = fastest(lambda: observations.merge(blocks))
    for refinement, size in ((1, 1500), (2, 2000), (4, 3000)):
        for name, call in gathering(rng, refinement, size).items():
            found[f"{name}, refinement {refinement}"] = fastest(call)
    block = rng.random((3, 4, 7, 20_000, 4)).astype(np.float32)
    cell = rng.integers(0, 500, 20_000).astype(np.int32)
    found["sums of overviews"] = fastest(lambda: overview_maps.sums(block, cell))
    return found


def adding(rng: np.random.Generator, subpixels: int, pixels: int) -> Callable[[], None]:
    """The loop that adds observations."""
    steps = 32
    counts = rng.integers(0, 4096, steps * pixels * subpixels).astype(np.uint16)
    begins = (np.arange(steps, dtype=np.int64) * pixels * subpixels)[None]
    tables, states = (
        rng.random((steps, 1, 4096)),
        rng.integers(1, 3, (steps, pixels)).astype(np.uint8),
    )
    return lambda: sums.blank(1, pixels, subpixels).add(counts, begins, tables, states)


def gathering(
    rng: np.random.Generator, refinement: int, size: int
) -> dict[str, Callable[[], object]]:
    """The loops that take pixels from a chunk."""
    chunk = rng.integers(0, 4096, (size, size)).astype(np.uint16)
    coarse = (size // refinement,) * 2
    valid = rng.random(coarse) < 0.6
    row, column = (axis.astype(np.int32).ravel() for axis in np.indices(coarse))
    place = np.full(coarse, -1, np.int32)
    number = gather.places(valid, row, column, np.zeros(row.size, np.bool_), place)
    counts, keep = np.zeros((number, refinement**2), np.uint16), np.ones(number, np.bool_)
    usable = np.ones(65536, np.bool_)
    bad = (rng.random((size, size)) < 0.01).astype(np.uint8)
    piece = (chunk, 0, 0, refinement, place)
    return {
        "take counts": lambda: gather.take(*piece, counts),
        "drop unusable counts": lambda: gather.drop_unusable(*piece, usable, 0, 4095, keep),
        "drop bad pixels": lambda: gather.drop_bad(bad, 0, 0, refinement, valid.copy()),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    record.add_option(parser)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure()))
        return
    least: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.repeats):
            for kind, settings in KINDS.items():
                environment = os.environ | settings | {"NUMBA_CACHE_DIR": f"{folder}/{kind}"}
                command = [sys.executable, __file__, "--measure"]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)  # noqa: S603
                for name, took in json.loads(done.stdout).items():
                    least[kind][name] = min(took, least[kind].get(name, took))
    least |= {kind: times | {"all": sum(times.values())} for kind, times in least.items()}
    print(f"{'':32}  native ms   image  generic")
    figures = {}
    for name, took in least["native"].items():
        image, generic = (least[kind][name] / took for kind in ("image", "generic"))
        figures[name] = {"native, ms": took, "image": image, "generic": generic}
        print(f"{name:32} {took:10.2f} {image:7.2f} {generic:8.2f}")
    record.write(arguments.record, record.of_figures(figures))


if __name__ == "__main__":
    main()
