"""The whole of `lake embed` on land of the size of CONUS: seconds of every stage, memory, and what comes out.

    python benchmarks/large_land.py [--rows 1350] [--folder DIR] [--json] [--record FILE]

The land has so many rows and columns; 1350 are 1.82 million pixels. It has 24 classes in patches of some
8 pixels, under four fields that change over 40 pixels and stay; what a pixel has of its own; and in each of
two years noise as large as the classes. A pixel has 7 metrics of 2 bands, 2 times of day and 6 months. The
command runs in a process of its own, on its default cluster: features, canonical components, the scores of
the second year, and the embedding.

- `seconds`: by the clock, of the embedding's stages; `all` has everything that the command did.
- `cpu_s`: CPU seconds of the command and its workers; `memory_gb`: of the largest process.
- `knn`: share of 5 000 held-out pixels, in other squares of 100 pixels than the 5 000 known ones, whose class
  three neighbours predict; of the vectors, and of all canonical components.

DIR (default: large-land) keeps the lake. Runs that are there are made anew.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.neighbors import KNeighborsClassifier

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record

from jobs.linear import gcca
from jobs.runs import outputs, records
from lake.catalogue import catalogue
from lake.format import domain
from lake.format.domain import Domain
from lake.format.grid import Grid, Projection
from lake.format.order import Layout, superblocks
from lake.format.schema import Cube
from lake.storage.connect import connect
from lake.store import commits, generations

KEYS = tuple(f"goes16/benchmark/{y}0101_{y}1231/geom-goes-conus-0" for y in (2018, 2019))
CUBE = Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C07", "C13"), (54000, 64800))
MONTHS = (1, 2, 4, 5, 7, 8)
PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
STEP = 5.6e-5
"""Radians of a pixel of 2 km."""
CLASSES, PATCH, FIELDS, LONG, OWN = 24, 4, 4, 40, 6
"""Classes; pixels over which patches and fields are smooth; dimensions of what a pixel has of its own."""
COUNT = 400
"""Observations of every pixel."""
SQUARE, KNOWN = 100, 5000
"""Pixels of a square of the checkerboard; pixels that are known, and as many that are held out."""


def make(root: Path, rows: int) -> None:
    """Write the stores of both years, and the classes of their pixels."""
    steps = STEP * np.arange(rows)
    grid = Grid(PROJECTION, 0.12 - steps, -0.02 + steps)
    land = domain.from_mask(np.ones((rows, rows), bool), grid, Layout())
    random = np.random.default_rng(0)
    at = land.row.astype(np.int64) * rows + land.column

    def smooth(length: float) -> np.ndarray:
        noise = random.standard_normal((rows, rows), dtype=np.float32)
        return gaussian_filter(noise, length).ravel()[at]

    classes = np.argmax([smooth(PATCH) for _ in range(CLASSES)], axis=0)
    fields = np.stack([smooth(LONG) for _ in range(FIELDS)], axis=1)
    own = random.standard_normal((land.pixels, OWN), dtype=np.float32)
    width = 3 * len(MONTHS) * len(CUBE.tods) * len(CUBE.bands)  # mean, spread and shape of a cell
    loadings = [random.normal(size=(n, width)).astype(np.float32) for n in (CLASSES, FIELDS, OWN)]
    stays = 0.6 * loadings[0][classes] + 0.7 * (fields / fields.std(axis=0)) @ loadings[1]
    stays += 0.15 * own @ loadings[2]
    catalogue.claim(connect(root))
    for key in KEYS:
        noise = random.standard_normal(stays.shape, dtype=np.float32)
        write(root, key, land, metrics(stays + 0.7 * noise))
    np.save(root / "classes.npy", classes)


def metrics(values: np.ndarray) -> np.ndarray:
    """(P, cell, metric) the metrics of cells, by (P, 3 cells) values of their mean, spread and shape."""
    mean, spread, shape = np.split(values, 3, axis=1)
    variance = np.exp(0.3 * spread)
    skewness, kurtosis = 0.3 * shape, 3 + 0.1 * shape**2
    moments = (
        mean, COUNT * variance, COUNT * skewness * variance**1.5,
        COUNT * (kurtosis + skewness**2) * variance**2,
    )  # fmt: skip
    return np.stack([np.full_like(mean, COUNT), mean - 3, mean + 3, *moments], axis=2)


def write(root: Path, key: str, land: Domain, x: np.ndarray) -> None:
    """Write a store of the metrics (P, cell, metric) of its pixels."""
    objects = connect(connect(root).url(key))
    about = {"key": key, "months": MONTHS, "suspect": (), "listing": {}, "provenance": {}}
    path, _ = generations.draft(objects, None, land, (CUBE,), about)
    cells = len(CUBE.tods), len(CUBE.bands)
    by_month = x.reshape(land.pixels, len(MONTHS), *cells, -1).transpose(1, 2, 3, 4, 0)[..., None]
    for month, values in zip(MONTHS, by_month, strict=True):
        for number, block in enumerate(superblocks(land.pixels, land.layout)):
            shard = np.ascontiguousarray(values[..., block, :])
            generations.write_shard(objects, path, CUBE.name, month, number, shard, land.layout)
    manifest = generations.seal(objects, path, ())
    state = generations.StoreState(path, manifest, MONTHS, (), "", (), "", "")
    commits.append(objects, None, {name: getattr(state, name) for name in state.__slots__})


def embed(root: Path) -> tuple[str, dict[str, Any]]:
    """Run the command; returns the run and the figures."""
    shutil.rmtree(root / "runs", ignore_errors=True)
    command = [Path(sys.executable).parent / "lake", "embed", KEYS[0], "--lake", root]
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # noqa: S603 (arguments are ours)
        [*command, "--set", f"second={KEYS[1]}"], check=True, stdout=subprocess.PIPE, text=True
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    run = done.stdout.split()[0]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {"all": wall, "cpu_s": cpu, "memory_gb": after.ru_maxrss / 2**20}
    return run, {"seconds": stages(str(root), run), **figures}


def stages(root: str, run: str) -> dict[str, float]:
    """Stage -> seconds by the clock, from the log of the run; each lasts until the next begins."""
    begun: dict[str, datetime] = {}
    for line in records.log(root, run):
        name, is_stage, _ = line["message"].partition(": 0 of ")
        if is_stage or name == "done":
            begun[name] = datetime.fromisoformat(line["at"])
    return {
        name: (later - begin).total_seconds()
        for (name, begin), (_, later) in pairwise(begun.items())
    }


def accuracy(vectors: np.ndarray, land: Domain, classes: np.ndarray) -> float:
    """The share of held-out pixels whose class three neighbours predict."""
    side = (land.row // SQUARE + land.column // SQUARE) % 2
    random = np.random.default_rng(0)
    known, held_out = (random.permutation(np.flatnonzero(side == n))[:KNOWN] for n in range(2))
    fitted = KNeighborsClassifier(3).fit(vectors[known], classes[known])
    return float(fitted.score(vectors[held_out], classes[held_out]))


def main() -> None:
    """Make the land, run the command and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1350)
    parser.add_argument("--folder", type=Path, default=Path("large-land"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    record.add_option(parser)
    arguments = parser.parse_args()
    root = arguments.folder / str(arguments.rows)
    if not (root / "classes.npy").exists():
        make(root, arguments.rows)
    run, figures = embed(root)
    store = records.open_store(str(root), KEYS[0])
    classes = np.load(root / "classes.npy")
    (base,) = (
        run for job, run in records.read_spec(str(root), run).inputs.items() if job == gcca.JOB
    )
    for name, source, array in (("knn", run, "embedding"), ("knn_gcca", base, "scores")):
        vectors = outputs.read(str(root), source, array)
        figures[name] = accuracy(vectors, store.domain, classes)
    seconds = {**figures.pop("seconds"), "all": figures.pop("all")}
    rows = [[f"{name}, s", f"{value:.1f}"] for name, value in seconds.items()]
    rows += [[name, f"{value:.3g}"] for name, value in figures.items()]
    tables = [{"title": "", "columns": [f"{store.domain.pixels} pixels", ""], "rows": rows}]
    record.write(arguments.record, tables)
    if arguments.json:
        print(json.dumps({"pixels": store.domain.pixels, "seconds": seconds, **figures}, indent=1))
    else:
        print("\n".join("  ".join(row) for row in rows))


if __name__ == "__main__":
    main()
