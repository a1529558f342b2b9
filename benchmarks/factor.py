"""Decompositions against tensorly: CPU seconds to the same fit; CPU seconds of a pass over more pixels.

    python benchmarks/factor.py [--json] [--cases cp,pass] [--pixels 2000] [--components 16] [--blocks 110]

One thread. Values are float32: planted CP of 12 months, 5 times of day, 4 bands, 7 metrics (1 680 cells),
and noise of half their standard deviation.

- `cp`: tensorly's `parafac` and ours on the same complete pixels in memory, each from three random starts.
  The target is the lower of the two best fits, less 1e-5: both best starts reach it. CPU seconds are until
  then. tensorly's sweeps end by its default tolerance, ours by 1e-8; both after 60 sweeps at most.
- `pass`: ours, one pass (pixels solved, sums added up) of 32 components over 4 096, 8 192 and 16 384 pixels,
  complete and with 30 % of the cells missing, and the peak memory of the process after all.
- `job`: `lake factor` with 32 components of a store of `--blocks` superblocks of 16 384 pixels, as
  `benchmarks/pca.py` writes it: CPU seconds of its stages on one worker thread of this process, and the
  peak memory of the process.
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

sys.path.insert(0, str(Path(__file__).parents[1]))  # before this folder
import pca as large_stores
import record
import stage_seconds

from jobs.factors import factor, factor_model, in_memory, pixel_factors
from jobs.factors.cells import CellGrid
from jobs.factors.fit_settings import FactorFit
from jobs.factors.pixel_factors import Observed, SolveRule
from jobs.linear.gram import one_thread
from jobs.runs import driver
from lake.dask_cluster import WORKERS
from lake.format.moments import METRICS

SHAPE = (12, 5, 4, 7)
NAMES = [
    f"day-2km/C{band:02d}/{month:02d}/{tod * 3600}/{statistic}"
    for month in range(1, 13)
    for tod in (12, 15, 18, 21, 23)
    for band in range(7, 11)
    for statistic in ("count", "min", "max", "m1", "m2", "m3", "m4")
]
GRID = CellGrid.of(NAMES)
STARTS, SWEEPS = 3, 60
SLACK = 1e-5
PASS_COMPONENTS, PASS_PIXELS = 32, (4096, 8192, 16384)
Figures = dict[str, Any]


def planted(pixels: int, components: int) -> np.ndarray:
    """(feature, pixel) values."""
    random = np.random.default_rng(0)
    small = [random.normal(size=(size, components)) for size in SHAPE]
    loadings = factor_model.khatri_rao(small)
    loadings /= np.linalg.norm(loadings, axis=0)
    x = loadings @ (
        random.normal(size=(components, pixels)) * np.linspace(2, 1, components)[:, None]
    )
    x += 0.5 * x.std() * random.normal(size=x.shape)
    return x.astype(np.float32)


def tensorly_curve(x: np.ndarray, components: int, seed: int) -> list[tuple[float, float]]:
    """(CPU seconds, explained share) after each sweep of tensorly."""
    from tensorly.decomposition import parafac  # noqa: PLC0415

    tensor = np.ascontiguousarray(np.moveaxis(x.reshape(*SHAPE, -1), -1, 0))
    curve, began = [], time.process_time()

    def record(_: object, error: float) -> None:
        curve.append((time.process_time() - began, 1 - float(error) ** 2))

    parafac(
        tensor, components, n_iter_max=SWEEPS, init="random", random_state=seed, tol=1e-8, callback=record
    )  # fmt: skip
    return curve


def our_curve(x: np.ndarray, components: int, seed: int) -> list[tuple[float, float]]:
    """(CPU seconds, explained share) after each sweep of ours."""
    seconds, began = list[float](), time.process_time()
    random = np.random.default_rng(seed)
    start = factor_model.random_cp(SHAPE, components, random, nonnegative=False)
    fitted = in_memory.fit(
        list(Observed.pieces(x)), GRID, start, SolveRule(), SWEEPS, 1e-8,
        lambda: seconds.append(time.process_time() - began),
    )  # fmt: skip
    seconds.append(time.process_time() - began)
    return list(zip(seconds[1:], fitted.fits, strict=False))


def to_same_fit(pixels: int, components: int) -> Figures:
    """CPU seconds of both to the same fit."""
    x = planted(pixels, components)
    curves = {
        name: [curve(x, components, seed) for seed in range(STARTS)]
        for name, curve in (("tensorly", tensorly_curve), ("ours", our_curve))
    }
    best = {name: max(curve[-1][1] for curve in of) for name, of in curves.items()}
    target = min(best.values()) - SLACK
    reached = {
        name: [next((s for s, fit in curve if fit >= target), None) for curve in of]
        for name, of in curves.items()
    }
    least = {name: min(s for s in of if s is not None) for name, of in reached.items()}
    return {
        "best_fit": best,
        "target": target,
        "cpu_s_to_target": reached,
        "sweeps": {name: [len(curve) for curve in of] for name, of in curves.items()},
        "cpu_ratio_to_tensorly": least["ours"] / least["tensorly"],
        "cpu_ratio_a_sweep": np.median([c[-1][0] / len(c) for c in curves["ours"]])
        / np.median([c[-1][0] / len(c) for c in curves["tensorly"]]),
    }


def passes() -> Figures:
    """CPU seconds of a pass over so many pixels."""
    random, figures = np.random.default_rng(1), Figures()
    model = factor_model.random_cp(SHAPE, PASS_COMPONENTS, random, nonnegative=False)
    loadings = GRID.features(model.loadings())
    for missing in (0.0, 0.3):
        seconds = {}
        for pixels in PASS_PIXELS:
            x = random.normal(size=(len(NAMES), pixels)).astype(np.float32)
            x[random.random(x.shape) < missing] = np.nan
            began = time.process_time()
            pixel_factors.sums(Observed.pieces(x), loadings, SolveRule())
            seconds[pixels] = time.process_time() - began
        figures[f"missing_{missing}"] = seconds
    figures["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return figures


def job(blocks: int) -> Figures:
    """CPU seconds of the stages of `lake factor`, and the peak memory of the process."""
    import dask  # noqa: PLC0415
    from distributed import Client  # noqa: PLC0415

    dask.config.set(WORKERS)
    case = large_stores.Case(blocks, large_stores.COARSE)
    seconds = stage_seconds.recorded()
    one = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    with tempfile.TemporaryDirectory() as folder, Client(dashboard_address=None, **one) as client:
        large_stores.write(Path(folder), case)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        asked = factor.Settings(statistics=METRICS, fit=FactorFit(components=PASS_COMPONENTS))
        driver.run(client, folder, str(large_stores.KEY), asked)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    pixels = blocks * case.layout.superblock
    memory = {"peak_memory_bytes": peak, "peak_before_bytes": before}
    return {
        "pixels": pixels,
        "stages_cpu_s": {name: round(s, 1) for name, s in seconds.items()},
    } | memory


@one_thread()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", default="cp,pass")
    parser.add_argument("--pixels", type=int, default=2000)
    parser.add_argument("--components", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=110)
    parser.add_argument("--json", action="store_true")
    record.add_option(parser)
    options = parser.parse_args()
    cases, figures = options.cases.split(","), Figures()
    if "cp" in cases:
        figures["cp"] = to_same_fit(options.pixels, options.components)
    if "pass" in cases:
        figures["pass"] = passes()
    if "job" in cases:
        figures["job"] = job(options.blocks)
    record.write(options.record, record.of_figures(figures))
    print(json.dumps(figures, indent=1 if not options.json else None, default=float))


if __name__ == "__main__":
    main()
