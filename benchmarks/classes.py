"""CPU seconds and memory of `lake classes` over many pixels.

    python benchmarks/classes.py [--pixels 1800000] [--months 12] [--classes 20] [--json] [--folder DIR]

An invented store of one cube (2 times of day, 2 bands, 7 metrics), and imported vectors of 16 numbers that
`lake cluster` groups. Described are the clusters, and the same classes as a file of labels (Parquet).
Workers are one thread of this process, whose CPU seconds are printed stage by stage, and at the end its
peak memory; it holds the driver, Dask and Matplotlib, too.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record
import stage_seconds

from jobs.classes import cluster, describe
from jobs.imported import import_vectors
from jobs.runs import driver, outputs
from lake.catalogue import catalogue
from lake.dask_cluster import WORKERS
from lake.format import domain, keys
from lake.format.grid import Grid, Projection
from lake.format.moments import METRICS
from lake.format.order import Layout, superblocks
from lake.format.schema import MONTHS, Cube
from lake.storage.connect import connect
from lake.store import commits, generations

KEY = keys.parse("goes16/benchmark/20200101_20201231/geom-goes-fulldisk-0")
CUBE = Cube("day-2km", "2km", 1, "ABI-L1b-RadF", "Rad", ("C07", "C13"), (54000, 64800))
PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
LATENT = 16
Figures = dict[str, Any]


def write(root: Path, pixels: int, months: tuple[int, ...]) -> int:
    """Write the store, of rounded metrics that take little space; returns the number of its pixels."""
    side, layout, random = round(pixels**0.5), Layout(), np.random.default_rng(0)
    steps = 5.6e-5 * (np.arange(side) - side / 2)
    land = domain.from_mask(np.ones((side, side), bool), Grid(PROJECTION, -steps, steps), layout)
    about = {"key": str(KEY), "months": months, "suspect": (), "listing": {}, "provenance": {}}
    catalogue.claim(connect(root))
    objects = connect(connect(root).url(str(KEY)))
    path, _ = generations.draft(objects, None, land, (CUBE,), about)
    for number, block in enumerate(superblocks(land.pixels, layout)):
        shape = (len(CUBE.tods), len(CUBE.bands), len(METRICS), block.stop - block.start, 1)
        shard = 280 + random.integers(0, 16, shape).astype(np.float32)
        shard[:, :, METRICS.index("count")] = random.integers(0, 60, shape[:2] + shape[3:])
        for month in months:
            generations.write_shard(objects, path, CUBE.name, month, number, shard, layout)
    state = generations.StoreState(
        path, generations.seal(objects, path, ()), months, (), "", (), "", ""
    )
    commits.append(objects, None, {name: getattr(state, name) for name in state.__slots__})
    return land.pixels


def write_vectors(path: Path, pixels: int, classes: int) -> None:
    """Vectors about so many centres."""
    random = np.random.default_rng(1)
    centres = 4 * random.normal(size=(classes, LATENT))
    vectors = centres[random.integers(0, classes, pixels)] + random.normal(size=(pixels, LATENT))
    np.save(path, vectors.astype(np.float32))


def described(root: Path, pixels: int, classes: int) -> Figures:
    """CPU seconds of the stages of both runs."""
    import dask  # noqa: PLC0415
    from distributed import Client  # noqa: PLC0415

    dask.config.set(WORKERS)
    write_vectors(root / "vectors.npy", pixels, classes)
    seconds, figures = stage_seconds.recorded(), Figures()
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with Client(dashboard_address=None, **options) as client:
        where = client, str(root), str(KEY)
        vectors = driver.run(*where, import_vectors.Settings(str(root / "vectors.npy")))
        groups = driver.run(*where, cluster.Settings(vectors, k=classes, n_init=1))
        table = {
            "pixel": np.arange(pixels),
            "label": outputs.dataset(str(root), groups)["labels"].values,
        }
        pq.write_table(pa.table(table), root / "labels.parquet")
        asked = {
            "clusters": describe.Settings(groups),
            "labels": describe.Settings(labels=str(root / "labels.parquet"), vectors=vectors),
        }
        for name, settings in asked.items():
            seconds.clear()
            begin = time.process_time()
            driver.run(*where, settings)
            whole = round(time.process_time() - begin, 1)
            figures[name] = {
                "stages_cpu_s": {step: round(s, 1) for step, s in seconds.items()},
                "cpu_s": whole,
            }
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=1_800_000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where the lake is written; default: temporary")
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root, begin = Path(folder), time.process_time()
        pixels = write(root, arguments.pixels, MONTHS[: arguments.months])
        print(f"{pixels} pixels written, {time.process_time() - begin:.0f} CPU s", file=sys.stderr)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        figures = described(root, pixels, arguments.classes) | {"pixels": pixels}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures |= {"peak_memory_bytes": peak, "peak_before_bytes": before}
    record.write(arguments.record, record.of_figures(figures))
    print(json.dumps(figures, indent=None if arguments.json else 1))


if __name__ == "__main__":
    main()
