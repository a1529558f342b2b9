"""PCA out of core from Zarr against what works in memory: CPU seconds, memory, variance not captured.

    python benchmarks/pca.py [--json] [--folder DIR] [--cases tall,wide,sizes,workers] [--limit 60]

Every contestant is a process of its own, with one thread, and gets memory as workers do; its figures
are CPU seconds of the process (all threads, children too), peak memory, and `deficit_top200`: the share
of the variance of the first 200 components that its own do not capture. Contestants other than ours get
the standardised matrix in memory, which is not in their time; ours reads, decompresses and standardises
the store's chunks. A contestant that takes longer than `--limit` seconds is stopped, and has no figures.

- `tall`: 196 608 pixels (12 superblocks) x 1 680 features, raw metrics of 12 months, 5 tods, 4 bands;
  again with 15 % of the cells missing, ours alone.
- `wide`: 20 480 pixels x 13 440 features, raw metrics of 16 subpixels.
- `sizes`: ours at 4, 8 and 12 superblocks. `workers`: 24 superblocks at two worker processes and one, by
  the clock.

Values are of rank 300, of falling size, and noise. `fit_cpu_s` is without the scores of all pixels.
The truth of `tall` is `numpy.linalg.eigh` of the float64 covariance, of `wide` scikit-learn's
`randomized_svd` with 12 iterations.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import record
import stage_seconds

import lake
from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.linear import pca
from jobs.linear.passes import Fit
from jobs.runs import driver, outputs
from jobs.sampling import sample
from lake.catalogue import catalogue
from lake.dask_cluster import MALLOC, ONE_THREAD, WORKERS
from lake.format import domain, keys
from lake.format.grid import Grid, Projection
from lake.format.moments import METRICS
from lake.format.order import Layout, superblocks
from lake.format.schema import MONTHS, Cube
from lake.storage.connect import connect
from lake.store import commits, generations

COMPONENTS = 200
KEY = keys.parse("goes16/benchmark/20200101_20201231/geom-goes-conus-0")
COARSE = Cube(
    "day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C07", "C13", "C14", "C15"), (1, 2, 3, 4, 5)
)
FINE = Cube("day-500m", "500m", 4, "ABI-L1b-RadC", "Rad", ("C01", "C02"), (1, 2, 3, 4, 5))
LITTLE = Cube("day-2km", "2km", 1, "ABI-L1b-RadC", "Rad", ("C07",), (1,))
PROJECTION = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)

Figures = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A store to be written."""

    blocks: int
    cube: Cube
    missing: float = 0
    layout: Layout = field(default_factory=Layout)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.cube.name}-{self.blocks}-{self.missing}"

    @property
    def fit(self) -> sample.Settings:
        """The sample whose features are fitted."""
        selection = FeatureSelection(
            (self.cube.name,), statistics=METRICS, subpixels=features.SEPARATE
        )
        return sample.Settings(features=selection, pixels=4096, phase=0)


TALL = Case(12, COARSE)
INCOMPLETE = Case(12, COARSE, 0.15)
WIDE = Case(5, FINE, layout=Layout(1024, 4))
SIZES = (Case(4, COARSE), Case(8, COARSE), TALL)
LONG = Case(24, COARSE)


def write(root: Path, case: Case) -> None:
    """Write the store of a case, unless it exists."""
    if (root / "done").exists():
        return
    rng = np.random.default_rng(0)
    pixels, layout = case.blocks * case.layout.superblock, case.layout
    rows = pixels // 128
    grid = Grid(PROJECTION, 0.1 - 1e-5 * np.arange(rows), -0.02 + 1e-5 * np.arange(128))
    land = domain.from_mask(np.ones((rows, 128), bool), grid, layout)
    cubes = (case.cube,) if case.cube.refinement == 1 else (LITTLE, case.cube)
    attributes = {"key": str(KEY), "months": MONTHS, "suspect": (), "listing": {}, "provenance": {}}
    catalogue.claim(connect(root))
    objects = connect(connect(root).url(str(KEY)))
    path, _ = generations.draft(objects, None, land, cubes, attributes)
    cells = (len(MONTHS), len(case.cube.tods), len(case.cube.bands))
    shape = (*cells, len(METRICS), case.cube.subpixels)
    width = int(np.prod(shape))
    loadings = rng.normal(size=(300, width)) * (np.arange(1, 301) ** -0.6)[:, None]
    loadings = (loadings / np.sqrt((loadings**2).sum(axis=0))).astype(np.float32)
    for number, block in enumerate(superblocks(pixels, layout)):
        size = block.stop - block.start
        values = loadings.T @ rng.standard_normal((300, size), np.float32)
        values += np.float32(0.35) * rng.standard_normal(values.shape, np.float32)
        values = values * np.float32(5) + np.float32(280)
        values = np.moveaxis(values.reshape(*shape, size), -1, -2)  # (..., metric, pixel, subpixel)
        if case.missing:
            is_missing = rng.random((*cells, size)) < case.missing
            values[np.broadcast_to(is_missing[:, :, :, None, :, None], values.shape)] = np.nan
        for month, shard in zip(MONTHS, values, strict=True):
            generations.write_shard(objects, path, case.cube.name, month, number, shard, layout)
            if case.cube.refinement > 1:
                little = np.ascontiguousarray(shard[:1, :1, :, :, :1])
                generations.write_shard(objects, path, LITTLE.name, month, number, little, layout)
    manifest = generations.seal(objects, path, ())
    state = generations.StoreState(path, manifest, MONTHS, (), "", (), "", "")
    commits.append(objects, None, {name: getattr(state, name) for name in state.__slots__})
    (root / "done").touch()


def settings(sample_run: str) -> pca.Settings:
    """The settings of the PCA that is measured."""
    return pca.Settings(sample_run, fit=Fit(components=COMPONENTS))


def ours(root: Path) -> tuple[Callable[[], Any], Figures]:
    """The run of `lake pca`, on a cluster within this process."""
    import dask  # noqa: PLC0415 (the others need none)
    from distributed import Client  # noqa: PLC0415

    dask.config.set(WORKERS)
    case = next(case for case in (TALL, INCOMPLETE, WIDE, *SIZES) if case.name == root.name)
    client = Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None)
    sample_run = driver.run(client, str(root), str(KEY), case.fit)
    spec = driver.specs(str(root), str(KEY), settings(sample_run))[-1]
    driver.forget(str(root), spec.id)
    seconds = stage_seconds.recorded()
    figures: Figures = {"stages_cpu_s": seconds}

    def run() -> Any:  # noqa: ANN401
        driver.run(client, str(root), str(KEY), settings(sample_run))
        figures["fit_cpu_s"] = sum(s for name, s in seconds.items() if name != "score")
        return outputs.read(str(root), spec.id, "components")

    return run, figures


def matrix(root: Path) -> np.ndarray:
    """(pixel, feature) standardised float32."""
    path = root / "z.npy"
    if not path.exists():
        opened = lake.open(root / str(KEY))
        case = next(case for case in (TALL, WIDE) if case.name == root.name)
        selection = features.resolve(case.fit.features, opened)
        width = len(features.columns(selection, opened.cubes.values()))
        z = np.lib.format.open_memmap(path, "w+", np.float32, (opened.domain.pixels, width))
        for block in superblocks(opened.domain.pixels, case.layout):
            z[block] = features.read(opened, selection, block).T
        for first in range(0, width, 240):
            part = z[:, first : first + 240].astype(np.float64)
            part -= part.mean(axis=0)
            z[:, first : first + 240] = part / part.std(axis=0)
        z.flush()
    return np.load(path)


def truth(root: Path) -> tuple[Callable[[], Any], Figures]:
    """The largest variance that 200 directions can have: written beside the matrix."""
    from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415

    z = matrix(root)

    def run() -> None:
        if z.shape[1] > 4000:
            _, s, _ = randomized_svd(z, COMPONENTS, n_oversamples=200, n_iter=12, random_state=0)
            best = float((s.astype(np.float64) ** 2).sum() / (len(z) - 1))
        else:
            covariance = np.zeros((z.shape[1], z.shape[1]))
            for first in range(0, len(z), 8192):
                rows = z[first : first + 8192].astype(np.float64)
                covariance += rows.T @ rows
            best = float(np.linalg.eigvalsh(covariance)[-COMPONENTS:].sum() / (len(z) - 1))
        (root / "best.json").write_text(json.dumps(best))

    return run, {}


def sklearn_pca(solver: str) -> Callable[[Path], tuple[Callable[[], Any], Figures]]:
    """scikit-learn's PCA in memory."""

    def prepare(root: Path) -> tuple[Callable[[], Any], Figures]:
        from sklearn.decomposition import PCA  # noqa: PLC0415

        z = matrix(root)
        model = PCA(COMPONENTS, svd_solver=solver, random_state=0)
        return lambda: model.fit(z).components_, {}

    return prepare


def incremental(root: Path) -> tuple[Callable[[], Any], Figures]:
    """scikit-learn's IncrementalPCA, a superblock's eighth at a time."""
    from sklearn.decomposition import IncrementalPCA  # noqa: PLC0415

    z = matrix(root)
    return lambda: IncrementalPCA(COMPONENTS, batch_size=2048).fit(z).components_, {}


def compressed(root: Path) -> tuple[Callable[[], Any], Figures]:
    """Dask's svd_compressed, with two power iterations."""
    import dask  # noqa: PLC0415
    import dask.array as da  # noqa: PLC0415

    z = da.from_array(matrix(root), chunks=(16384, -1))

    def run() -> np.ndarray:
        with dask.config.set(scheduler="synchronous"):
            _, _, v = da.linalg.svd_compressed(z, COMPONENTS, n_power_iter=2, seed=0)
            return v.compute()

    return run, {}


CONTESTANTS = {
    "ours": ours,
    "sklearn_covariance_eigh": sklearn_pca("covariance_eigh"),
    "sklearn_randomized": sklearn_pca("randomized"),
    "sklearn_incremental": incremental,
    "dask_svd_compressed": compressed,
    "truth": truth,
}


def child(contestant: str, root: Path) -> Figures:
    """One measurement, in this process."""
    run, figures = CONTESTANTS[contestant](root)
    before, begin = cpu(), time.perf_counter()
    components = run()
    figures["cpu_s"], figures["wall_s"] = cpu() - before, time.perf_counter() - begin
    figures["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if components is not None and (root / "best.json").exists():
        best = json.loads((root / "best.json").read_text())
        figures["deficit_top200"] = 1 - captured(matrix(root), components) / best
    return figures


def cpu() -> float:
    """CPU seconds of this process and its children so far."""
    processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usages = (resource.getrusage(process) for process in processes)
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def captured(z: np.ndarray, components: np.ndarray) -> float:
    """Variance along orthonormal directions."""
    directions = np.linalg.qr(np.asarray(components, np.float64).T)[0]
    squares = 0.0
    for first in range(0, len(z), 8192):
        scores = z[first : first + 8192].astype(np.float64) @ directions
        squares += float(np.vdot(scores, scores))
    return squares / (len(z) - 1)


def measured(contestant: str, root: Path, limit: float) -> Figures | None:
    """The figures of a contestant; None if it takes too long."""
    environment = os.environ | MALLOC | ONE_THREAD
    command = [sys.executable, __file__, "--child", contestant, str(root)]
    try:
        done = subprocess.run(  # noqa: S603 (this script)
            command, env=environment, stdout=subprocess.PIPE, timeout=limit, check=True
        )
    except subprocess.TimeoutExpired:
        return None
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def compared(root: Path, limit: float, contestants: list[str]) -> Figures:
    """All contestants on one store."""
    measured("truth", root, 600)
    figures = {name: measured(name, root, 600 if name == "ours" else limit) for name in contestants}
    lake_pca, scikit = figures["ours"], figures["sklearn_covariance_eigh"]
    assert lake_pca is not None
    ratio = lake_pca["fit_cpu_s"] / scikit["cpu_s"] if scikit else None
    return {"cpu_ratio_to_sklearn_covariance_eigh": ratio} | figures


def workers(root: Path) -> Figures:
    """Seconds by the clock of a whole run, and of its passes, on one worker and on two."""
    import dask  # noqa: PLC0415
    from distributed import Client, LocalCluster  # noqa: PLC0415

    walls = []
    with dask.config.set(WORKERS):
        for count in (1, 2):
            with (
                LocalCluster(
                    n_workers=count, threads_per_worker=1, dashboard_address=None
                ) as cluster,
                Client(cluster) as client,
            ):
                client.wait_for_workers(count)
                client.run(driver.software)  # imports what a run needs
                sample_run = driver.run(client, str(root), str(KEY), TALL.fit)
                spec = driver.specs(str(root), str(KEY), settings(sample_run))[-1]
                driver.forget(str(root), spec.id)
                begin = time.perf_counter()
                driver.run(client, str(root), str(KEY), settings(sample_run))
                walls.append(time.perf_counter() - begin)
    return {"wall_1_s": walls[0], "wall_2_s": walls[1], "workers_2_over_1": walls[0] / walls[1]}


def measure(folder: Path, cases: list[str], limit: float) -> Figures:
    """All figures."""
    figures: Figures = {}

    def written(case: Case) -> Path:
        write(folder / case.name, case)
        return folder / case.name

    if "tall" in cases:
        contestants = [name for name in CONTESTANTS if name != "truth"]
        tall = compared(written(TALL), limit, contestants)
        figures |= {
            "cpu_ratio_to_sklearn_covariance_eigh": tall["cpu_ratio_to_sklearn_covariance_eigh"],
            "deficit_top200": tall["ours"]["deficit_top200"],
            "peak_memory_bytes": tall["ours"]["peak_memory_bytes"],
            "tall": tall,
            "holed": measured("ours", written(INCOMPLETE), 600),
        }
        shutil.rmtree(folder / INCOMPLETE.name)
    if "sizes" in cases:
        sizes = {case.blocks: measured("ours", written(case), 600) for case in SIZES}
        figures["sizes"] = {n: values and values["cpu_s"] for n, values in sizes.items()}
    if "workers" in cases:
        figures["workers"] = workers(written(LONG))
    if "wide" in cases:
        contestants = ["ours", "sklearn_covariance_eigh", "sklearn_randomized"]
        figures["wide"] = compared(written(WIDE), limit, contestants)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the stores lie or are written")
    parser.add_argument("--cases", default="tall,sizes,workers,wide")
    parser.add_argument("--limit", type=float, default=60, help="seconds of a contestant")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    record.add_option(parser)
    options = parser.parse_args()
    if options.child:
        contestant, root = options.child
        print(json.dumps(child(contestant, Path(root))))
        return
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(options.folder or Path(scratch), options.cases.split(","), options.limit)
    record.write(options.record, record.of_figures(figures))
    print(json.dumps(figures, indent=1) if options.json else "\n".join(lines(figures)))


def lines(figures: Figures, indent: str = "") -> list[str]:
    """The figures as text for people."""
    text = []
    for name, value in figures.items():
        if isinstance(value, dict):
            text += [f"{indent}{name}", *lines(value, indent + "  ")]
        else:
            text.append(f"{indent}{name:40} {value}")
    return text


if __name__ == "__main__":
    main()
