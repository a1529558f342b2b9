"""How well vectors of pixels show the land, by linear and learnt methods, on several kinds of land.

    python benchmarks/embedding.py [--lands demo,truth,...] [--methods raw,default,...] [--seeds 3]
                                   [--first-seed 0] [--quick] [--work DIR] [--json]

Every method sees the features that `lake sample` takes by default, is fitted without any label, and turns
two periods into vectors. `jobs.evaluation.measures` says what is measured of them, on held-out squares.
The table has the mean over the seeds, and as spread their standard deviation. A seed is another country,
another split and another draw; of real land, another split. Some countries are harder for all methods, so
learnt ones are also compared with the best linear method, seed by seed. Settings are chosen on some seeds
(0 to 2) and claimed on others (`--first-seed 3`).

Lands (`benchmarks/embedding_lands.py`): the demo's country; `truth`, an invented country of 32 classes;
`persistent`, the same under fields that stay over the years; `twins`, with classes that differ by texture
or phase alone; `koppen`, climates of real land, from the 96 granules of `abi/lstf` in LAKE_SHARED_DATA;
`koppen-sample`, one in eight of its pixels; `textured`, for `benchmarks/structure.py`, with fine pixels
apart.

- `raw`: all features, standardised, missing values imputed by 200 principal components.
- `pca-k`, `white-k`: principal components of the first period, as they are and with variance 1.
- `mnf-k`: minimum noise fraction; the noise is what differs between the periods.
- `reliable-k`: the same with variance 1 times reliability.
- `cp`, `tucker`: the pixel factors of `lake factor`, of means and standard deviations.
- `umap-16`: the places of `lake umap` in 16 dimensions, of the first 64 components of minimum noise.
- `default` and all others: learnt, by `lake embed` with the settings of `LEARNT`, on the first
  200 components or on the features, by one thread.

DIR (default: embedding-benchmark) keeps the lands, and a line of `results.jsonl` for each land, seed and
method. A run that was stopped goes on from there. Learnt methods whose settings have changed, defaults
included, are measured anew; where code has changed, delete the lines. At the end DIR has `table.json`,
and `sheet.png` with pictures of the first seed.

--quick: `truth` alone and smaller countries, unless lands are named. --json: print the JSON; of one land
it is method -> measure, of several land -> method -> measure.

A method is one entry of `METHODS` (`benchmarks/embedding_methods.py`): data of both periods in, vectors of
both periods out.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import embedding_lands
import embedding_methods
import embedding_sheet
import record
from embedding_lands import LANDS, QUICK, TEXTURED, Land, Size
from embedding_methods import LEARNT, LINEAR, METHODS, Data, Method, Singles, learnt
from embedding_sheet import LandPictures
from result_lines import ResultLines

from jobs.evaluation import coherence, measures
from jobs.evaluation.cases import MeasureSettings
from jobs.evaluation.measures import MEASURES, Better
from lake.dask_cluster import MALLOC, ONE_THREAD

NAMED = {"knn": "knn_3", "few_shot": "few_linear"}
"""Names that other tools ask for, and the measures that these are."""
SHOWN = (
    "knn_3", "linear", "few_linear", "cross_period", "nmi", "ari", "hdbscan_nmi", "hdbscan_ari",
    "far_auc", "far_precision", "far_share", "coherence", "agreement", "retrieval", "stability",
    "overlap", "trustworthiness", "r2_dynamics", "r2_textures", "rankme",
)  # fmt: skip

T, R = TypeVar("T"), TypeVar("R")
Results = Mapping[str, Mapping[str, float]]
"""Method -> measure -> value."""


TABLE = (
    "raw", "pca-16", "pca-64", "mnf-16", "mnf-64", "reliable-64",
    "default", "study-a", "study-b", "study-c",
)  # fmt: skip
"""The methods that are measured where none are named."""
COMPARED = (
    "knn_3", "linear", "few_linear", "cross_period", "nmi", "ari", "far_auc", "far_precision",
    "coherence", "agreement",
)  # fmt: skip
"""The measures in which a learnt method is compared with the best linear one."""
BETTER = {name: entry.better for entry in MEASURES for name in entry.names}
PICTURED_LINEAR = "mnf-16"
"""The linear method that the sheet shows; the learnt one is `--pictured`."""


def each(work: Callable[[T], R], items: Sequence[T], processes: int) -> list[R]:
    """The results of `work` for each item, in so many processes of one thread."""
    os.environ.update(MALLOC | ONE_THREAD)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return list(pool.map(work, items))


@dataclass(frozen=True, slots=True)
class Task:
    """One land of one seed, with all methods."""

    land: str
    seed: int
    methods: tuple[str, ...]
    size: Size
    work: Path
    pictured: tuple[str, ...] = ()
    """Methods whose vectors are kept for the sheet."""
    learnt: Mapping[str, str] = field(default_factory=LEARNT.copy)
    """Settings of the methods that are none of `LINEAR`."""
    learners: Mapping[str, Callable[[Data, str], tuple[Singles, Singles]]] = field(
        default_factory=dict
    )
    """What learns by the settings of a method, where it is not `embedding_methods.learnt`."""

    def method(self, name: str) -> Method:
        """The method of a name."""
        if name in self.learnt:
            return partial(self.learners.get(name, learnt), overrides=self.learnt[name])
        return METHODS[name]

    @property
    def results(self) -> ResultLines:
        """The file with a line for each land, seed and method."""
        return ResultLines(self.work / "results.jsonl")

    def vectors(self, method: str) -> Path:
        """The file of vectors kept for the sheet."""
        return self.work / f"vectors-{self.land}-{self.size.rows}-{self.seed}-{method}.npy"

    def identity(self, method: str) -> dict[str, Any]:
        """What a line of results is found by."""
        size = 0 if LANDS[self.land].is_real else self.size.rows
        known = {"land": self.land, "rows": size, "seed": self.seed, "method": method}
        if method not in self.learnt:
            return known
        used = [
            asdict(part) for part in embedding_methods.settings_of(self.learnt[method], self.seed)
        ]
        digest = hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:12]
        return known | {"settings": digest}

    def stored(self) -> Results:
        """Method -> measure -> value, of what has been measured."""
        return self.results.read({name: self.identity(name) for name in self.methods})


def run(task: Task, measuring: MeasureSettings | None = None) -> Results:
    """Measure what a land lacks of its methods; returns all."""
    stored = task.stored()
    absent = [name for name in task.pictured if not task.vectors(name).exists()]
    missing = [name for name in task.methods if name not in stored or name in absent]
    if missing:
        land = embedding_lands.load(task.land, task.seed, task.size, task.work)
        counts = f"{land.first.shape[1]} pixels, {len(land.names)} features"
        print(task.land, task.seed, counts, file=sys.stderr, flush=True)
        data = Data.of(land, task.seed)
        how = measuring or MeasureSettings(square=LANDS[task.land].square)
        for name in missing:
            values, seconds, first = measured(data, land, how, task.method(name))
            task.results.add(task.identity(name), values, seconds)
            if name in task.pictured:
                np.save(task.vectors(name), first)
    return task.stored()


def measured(
    data: Data, land: Land, measuring: MeasureSettings, method: Method
) -> tuple[dict[str, float], float, Singles]:
    """Measure -> value; the CPU seconds of the method, data it shares included; first period's vectors."""
    began = time.process_time()
    first, second = method(data)
    seconds = time.process_time() - began
    truth = land.truth
    one, other = coherence.touching(truth.row, truth.column, truth.classes)
    pixels = replace(
        truth, vectors=first, second_vectors=second, features=data.filled[0],
        touching=(first[one], first[other]),
    )  # fmt: skip
    return dict(measures.measure(pixels, measuring, data.seed).values), seconds, first


def table(runs: Sequence[Results], methods: Sequence[str]) -> dict[str, Any]:
    """Method -> measure -> mean, spread and the values of the seeds; learnt ones have `over_best_linear`."""
    summaries = {method: measures.summary([run[method] for run in runs]) for method in methods}
    document: dict[str, Any] = {}
    for method, summary in summaries.items():
        of_method: dict[str, Any] = {
            name: {**statistics, "values": [run[method][name] for run in runs]}
            for name, statistics in summary.items()
        }
        named = {name: of_method[measure] for name, measure in NAMED.items()}
        gains = {} if method in LINEAR else gain(runs, summaries, method)
        document[method] = named | of_method | ({"over_best_linear": gains} if gains else {})
    return document


def gain(
    runs: Sequence[Results],
    summaries: Mapping[str, Mapping[str, Mapping[str, float]]],
    method: str,
) -> dict[str, dict[str, Any]]:
    """Measure -> by how much a method is above the best linear one, seed by seed: mean, spread, and which."""
    gains = {}
    for measure in (name for name in COMPARED if name in summaries[method]):
        linear = {
            name: summaries[name][measure]["mean"] for name in LINEAR.keys() & summaries.keys()
        }
        if linear:
            best = max(linear, key=linear.__getitem__)
            differences = [{measure: run[method][measure] - run[best][measure]} for run in runs]
            gains[measure] = {**measures.summary(differences)[measure], "best": best}
    return gains


def rows(document: Mapping[str, Any], land: str) -> Iterator[str]:
    """The lines of a land's table: a measure each, its best mean marked; then a line a learnt method."""
    methods = list(document)
    width = max(13, *map(len, methods)) + 1
    yield ""
    yield "".join([land.ljust(16), *(name.rjust(width) for name in methods)])
    for name in (name for name in SHOWN if all(name in values for values in document.values())):
        means = [document[method][name]["mean"] for method in methods]
        best = best_of(name, means)
        cells = [
            f"{mean:.3f} ({document[method][name]['spread']:.3f})" + (" *"[mean == best])
            for method, mean in zip(methods, means, strict=True)
        ]
        yield "".join([name.ljust(16), *(cell.rjust(width) for cell in cells)])
    for method, values in document.items():
        texts = [
            f"{name} {gain['mean']:+.3f} ({gain['spread']:.3f}) {gain['best']}"
            for name, gain in values.get("over_best_linear", {}).items()
        ]
        if texts:
            yield f"{method} over the best linear method, seed by seed: {', '.join(texts)}"


def best_of(name: str, means: Sequence[float]) -> float | None:
    """The best mean of a measure, where one end is better."""
    better = BETTER.get(name, Better.HIGH)
    return {Better.HIGH: max(means), Better.LOW: min(means)}.get(better)


def recorded(document: Mapping[str, Any], land: str) -> record.Table:
    """The table of a land for a record: a measure each, a column for each method."""
    shown = [name for name in SHOWN if all(name in values for values in document.values())]
    rows = []
    for name in shown:
        best = best_of(name, [values[name]["mean"] for values in document.values()])
        cells = [
            {"mean": mean, "spread": values[name]["spread"], "best": mean == best}
            for values in document.values()
            for mean in [values[name]["mean"]]
        ]
        rows.append([f"`{name}`", *cells])
    return {"title": f"`{land}`", "columns": ["", *document], "rows": rows}


def sheet(tasks: Sequence[Task], pictured: str, path: Path) -> None:
    """Draw the sheet from the vectors that were kept."""
    pictures = [pictures_of(task, pictured, task.land) for task in tasks]
    embedding_sheet.write(path, pictures, PICTURED_LINEAR, pictured)


def pictures_of(task: Task, method: str, name: str) -> LandPictures:
    """A row of the sheet, by the vectors of a method that were kept; `name`: of the row."""
    truth = embedding_lands.load(task.land, task.seed, task.size, task.work).truth
    linear, vectors = (np.load(task.vectors(kept)) for kept in (PICTURED_LINEAR, method))
    known = np.isfinite(linear).all(axis=1) & np.isfinite(vectors).all(axis=1)
    arrays = truth.row, truth.column, truth.classes, linear, vectors
    return LandPictures(name, *(values[known] for values in arrays))


def check_names(
    parser: argparse.ArgumentParser, kind: str, names: Sequence[str], known: Collection[str]
) -> None:
    """End with a message if some of the names that were asked for are not known."""
    if unknown := set(names) - set(known):
        parser.error(f"no {kind} {', '.join(sorted(unknown))}: wanted some of {', '.join(known)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    help_of_lands = "; ".join(f"{name}: {kind.help}" for name, kind in LANDS.items())
    parser.add_argument("--lands", help=f"some of them, by commas ({help_of_lands})")
    parser.add_argument("--methods", help="some of them, by commas, or 'all'")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="smaller countries")
    parser.add_argument("--rows", type=int, help="rows and columns of the invented countries")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--pictured", default="default", help="the learnt method of the sheet")
    parser.add_argument("--work", type=Path, default=Path("embedding-benchmark"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    record.add_option(parser)
    arguments = parser.parse_args()
    asked = arguments.lands or (
        "truth" if arguments.quick else ",".join(name for name in LANDS if name != TEXTURED)
    )
    arguments.lands = asked.split(",")
    names = {None: list(TABLE), "all": list(METHODS)}
    arguments.methods = names.get(arguments.methods) or arguments.methods.split(",")
    for name, known in (("lands", LANDS), ("methods", METHODS)):
        check_names(parser, name, getattr(arguments, name), known)
    return arguments


def main() -> None:
    """Measure, print and draw."""
    arguments = _arguments()
    size = QUICK if arguments.quick else Size()
    size = replace(size, rows=arguments.rows) if arguments.rows else size
    methods, pictured = tuple(arguments.methods), (PICTURED_LINEAR, arguments.pictured)
    draws = set(pictured) <= set(methods)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    arguments.work.mkdir(parents=True, exist_ok=True)
    tasks = [
        Task(land, seed, methods, size, arguments.work, pictured if draws and not n else ())
        for n, seed in enumerate(seeds)
        for land in arguments.lands
    ]
    results = each(run, tasks, arguments.processes)
    by_land = {
        land: table(
            [r for task, r in zip(tasks, results, strict=True) if task.land == land], methods
        )
        for land in arguments.lands
    }
    document = by_land if len(by_land) > 1 else by_land[arguments.lands[0]]
    (arguments.work / "table.json").write_text(json.dumps(document, indent=1), "utf-8")
    if draws:
        sheet(
            [task for task in tasks if task.pictured],
            arguments.pictured,
            arguments.work / "sheet.png",
        )
    record.write(arguments.record, [recorded(values, land) for land, values in by_land.items()])
    lines = (line for land, values in by_land.items() for line in rows(values, land))
    print(json.dumps(document, indent=1) if arguments.json else "\n".join(lines))


if __name__ == "__main__":
    main()
