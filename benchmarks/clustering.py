"""How well the methods of `lake cluster` find the classes of the land, on several vectors and kinds of land.

    python benchmarks/clustering.py [--lands truth,...] [--vectors mnf-16,default] [--seeds 3]
                                    [--first-seed 0] [--quick] [--work DIR] [--json]

Lands and vectors are those of `benchmarks/embedding.py`. Every method groups the vectors of the first
period into as many clusters as there are classes, of which it knows nothing else; `hdbscan` finds their
number by itself. Clusters are fitted as the job does by default, on 20 000 evenly spaced pixels at most,
of `hdbscan` on 5 000, and then every pixel has one.

- `nmi`, `ari`: agreement of the clusters of all pixels with the classes.
- `periods`: adjusted Rand index of the clusters of both periods, by the clusters of the first.
- `halves`: that of the clusters of two random halves, as the job's `agreement`.
- `clusters`: how many there are. `cpu_s`: CPU seconds of fitting and labelling.

DIR (default: embedding-benchmark) keeps lands, vectors, and `clusters.jsonl` with a line for each land,
seed, vectors and method. A run that was stopped goes on from there. At the end DIR has `clusters.json`.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import embedding_lands
import record
from embedding import Task, check_names
from embedding_lands import LANDS, QUICK, Size
from embedding_methods import METHODS, Data, Singles
from result_lines import ResultLines

from jobs.classes import cluster, partitions, stability
from jobs.evaluation import clusterings, measures
from jobs.linear.gram import one_thread

DENSITY_PIXELS = 5000
"""Pixels that `hdbscan` is fitted on, which computes all their distances."""
SHOWN = ("nmi", "ari", "periods", "halves", "clusters", "cpu_s")


@dataclass(frozen=True, slots=True)
class Grouping:
    """One kind of vectors of one land and seed, by all methods."""

    task: Task
    vectors: str

    @property
    def path(self) -> Path:
        """Where the vectors of both periods are kept."""
        task = self.task
        identity = task.identity(self.vectors)
        used = identity.get("settings", "")
        name = f"both-{task.land}-{identity['rows']}-{task.seed}-{self.vectors}{used}.npz"
        return task.work / name

    def both(self) -> tuple[Singles, Singles]:
        """The vectors of both periods."""
        if not self.path.exists():
            task = self.task
            land = embedding_lands.load(task.land, task.seed, task.size, task.work)
            first, second = task.method(self.vectors)(Data.of(land, task.seed))
            np.savez(self.path, first=first, second=second)
        with np.load(self.path) as arrays:
            return arrays["first"], arrays["second"]

    def identity(self, method: str) -> dict[str, object]:
        """What a line of results is found by."""
        known = self.task.identity(self.vectors)
        return known | {"method": f"{self.vectors} {method}"}


def run(grouping: Grouping) -> Mapping[str, Mapping[str, float]]:
    """Method -> measure -> value; measures what is not stored."""
    task = grouping.task
    results = ResultLines(task.work / "clusters.jsonl")
    identities = {name: grouping.identity(name) for name in partitions.METHODS}
    missing = [name for name in identities if name not in results.read(identities)]
    if missing:
        land = embedding_lands.load(task.land, task.seed, task.size, task.work)
        first, second = grouping.both()
        for name in missing:
            values = measured(first, second, land.truth.classes, name, task.seed)
            results.add(identities[name], values, values["cpu_s"])
    return results.read(identities)


@one_thread()
def measured(
    first: Singles, second: Singles, classes: np.ndarray, method: str, seed: int
) -> dict[str, float]:
    """What the clusters of a method are worth."""
    settings = cluster.Settings(method=method, k=len(np.unique(classes)))
    count, most = settings.k, cluster.SPREAD
    if settings.counts_itself:
        count, most = settings.smallest, DENSITY_PIXELS
    some, few = (evenly(first, number) for number in (most, cluster.SCANNED))
    began = time.process_time()
    try:
        partition = partitions.fit(some, method, count, settings.n_init, seed)
    except partitions.NoClusterError:
        return dict.fromkeys(("nmi", "ari", "periods", "halves", "clusters"), 0.0) | {
            "cpu_s": time.process_time() - began
        }
    labels = partition.labels(first)
    seconds = time.process_time() - began
    if settings.counts_itself:  # as small a share of fewer pixels, as the job has it
        count = max(round(count * len(few) / len(some) / 2), 2)
    return {
        "nmi": clusterings.mutual_information(classes, labels),
        "ari": clusterings.adjusted_rand(classes, labels),
        "periods": clusterings.adjusted_rand(labels, partition.labels(second)),
        "halves": stability.agreement(few, method, count, settings.n_init, seed),
        "clusters": float(len(partition.sizes)),
        "cpu_s": seconds,
    }


def evenly(vectors: Singles, most: int) -> Singles:
    """Some evenly spaced ones."""
    return vectors[np.unique(np.linspace(0, len(vectors) - 1, min(most, len(vectors))).astype(int))]


def rows(document: Mapping[str, Mapping[str, Mapping[str, float]]], title: str) -> Sequence[str]:
    """The lines of a table: a method each; the mean over seeds, and their standard deviation."""
    lines = ["", "".join([title.ljust(20), *(name.rjust(16) for name in SHOWN)])]
    for method, summary in document.items():
        cells = [f"{summary[name]['mean']:.3f} ({summary[name]['spread']:.3f})" for name in SHOWN]
        lines.append("".join([method.ljust(20), *(cell.rjust(16) for cell in cells)]))
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lands", default="truth", help=f"some of {', '.join(LANDS)}, by commas")
    parser.add_argument("--vectors", default="mnf-16,default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="smaller countries")
    parser.add_argument("--rows", type=int, help="rows and columns of the invented countries")
    parser.add_argument("--work", type=Path, default=Path("embedding-benchmark"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    record.add_option(parser)
    arguments = parser.parse_args()
    lands, vectors = arguments.lands.split(","), arguments.vectors.split(",")
    check_names(parser, "land", lands, LANDS)
    check_names(parser, "vectors", vectors, METHODS)
    size = QUICK if arguments.quick else Size()
    size = replace(size, rows=arguments.rows) if arguments.rows else size
    arguments.work.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    document: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for land in lands:
        for name in vectors:
            tasks = [Task(land, seed, (name,), size, arguments.work) for seed in seeds]
            runs = [run(Grouping(task, name)) for task in tasks]
            document[f"{land} {name}"] = {
                method: measures.summary([of_seed[method] for of_seed in runs])
                for method in partitions.METHODS
            }
    (arguments.work / "clusters.json").write_text(json.dumps(document, indent=1), "utf-8")
    record.write(arguments.record, record.of_figures(document))
    lines = (line for title, table in document.items() for line in rows(table, title))
    print(json.dumps(document, indent=1) if arguments.json else "\n".join(lines))


if __name__ == "__main__":
    main()
