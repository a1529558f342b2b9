"""How much two views of a pixel should share: their mutual information, and what a probe reads, view by view.

    python benchmarks/infomin.py [--kinds one-period,...] [--shares 0,0.2,...] [--seeds 3] [--first-seed 0]
                                 [--rows 80] [--processes N] [--work DIR] [--image FILE]

Views that share nearly all teach an encoder to tell pixels by anything, noise included; views that share
nearly nothing teach nothing. InfoMin (Tian et al., "What makes for good views for contrastive learning?",
2020) says that the best ones share what the task needs, and no more. This scans from one end to the other:
a share of the inputs of each view is hidden, drawn anew for either view at every step.

- `one-period`: both views are of one period, principal components hidden one by one.
- `two-periods`: the views are of two periods, components hidden likewise.
- `one-period-slots`: both views are of one period, features hidden by whole (month, time of day).

The land is `truth` of `benchmarks/embedding_lands.py`; a seed is another country. An encoder is trained by
InfoNCE on the black squares of a checkerboard. On the white ones, which it has not seen:

- `information`: a lower bound of the mutual information of the views, in nats: log(batch) less the InfoNCE
  loss (van den Oord, Li and Vinyals, "Representation learning with contrastive predictive coding", 2018,
  eq. 5). It is never above log(batch): near that it says "at least", and no more. The temperature is
  fitted on half of the white pixels, the bound is of the other half.
- `gaussian`: what it would be, were the components of two periods Gaussian with their covariance. Views of
  one period share whole inputs, so theirs would be without end.
- `knn_3`, `linear`: accuracy of the classes, by probes trained on the black squares, from whole inputs.

DIR (default: infomin-benchmark) keeps the lands and a line of `results.jsonl` for each training, from which
a run that was stopped goes on; at the end `table.json` and `table.md`. FILE (default: DIR/infomin.png) is
the picture: information across, accuracy upwards, a line for each kind of view, its best share marked.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
import embedding
import embedding_lands
import embedding_methods
import record
import seed_statistics
from embedding_lands import LANDS, Land, Size
from embedding_methods import Data
from result_lines import ResultLines

from jobs.embedding import recipe, vectors
from jobs.embedding.losses import contrastive
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.recipe import Recipe
from jobs.embedding.views import choice, hide
from jobs.embedding.views.choice import Batch, ColumnNumbers, Views, ViewStep
from jobs.evaluation import measures, probes
from jobs.evaluation.cases import MeasureSettings

Floats = NDArray[np.float64]

LAND = "truth"
COMPONENTS = 64
TRAINING = "loss=infonce steps=200 batch=256 hidden=256"


@dataclass(frozen=True, slots=True)
class ViewKind:
    """An entry of `KINDS`."""

    settings: str
    """Of `lake embed`."""
    shares: tuple[float, ...] = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95)
    """The shares of the inputs that are hidden, where no others are asked for; rising."""


TWO_PERIODS = "two-periods"
KINDS = {
    "one-period": ViewKind("inputs=pca views=mask"),
    TWO_PERIODS: ViewKind("inputs=pca views=periods,mask"),
    "one-period-slots": ViewKind(
        "inputs=features views=mask mask_by=month,tod", shares=(0.0, 0.6, 0.9)
    ),
}
"""The kinds of views; features take longest, so fewer shares of them are measured."""
MEASURED = ("information", "gaussian", "knn_3", "linear")
PROBES = {"knn_3": "3 nearest neighbours", "linear": "linear classifier"}
BATCH = 1024
"""Pixels among which a pixel's other view is found, to measure: information is at most its logarithm."""
DRAWS = 8
"""How often views are drawn to measure."""
TEMPERATURES = np.geomspace(0.02, 1, 18)


@dataclass(frozen=True, slots=True)
class Task:
    """All trainings of a seed."""

    seed: int
    kinds: tuple[str, ...]
    shares: tuple[float, ...]
    """None: those of each kind."""
    rows: int
    work: Path

    @property
    def trainings(self) -> list[dict[str, Any]]:
        """What the lines of this seed are found by."""
        return [
            {"kind": kind, "share": share, "seed": self.seed, "rows": self.rows}
            | {"settings": f"{KINDS[kind].settings} {TRAINING}"}
            for kind in self.kinds
            for share in self.shares or KINDS[kind].shares
        ]


def run(task: Task) -> list[dict[str, Any]]:
    """Train and measure what a seed lacks; returns its trainings with their values."""
    results, wanted = ResultLines(task.work / "results.jsonl"), dict(enumerate(task.trainings))
    stored = results.read(wanted)
    missing = [training for number, training in wanted.items() if number not in stored]
    if missing:
        land = embedding_lands.load(LAND, task.seed, Size(rows=task.rows), task.work)
        data = Data.of(land, task.seed)
        for training in missing:
            began = time.process_time()
            values = measured(data, land, training["kind"], training["share"])
            results.add(training, values, time.process_time() - began)
    found = results.read(wanted)
    return [training | {"values": found[number]} for number, training in wanted.items()]


def measured(data: Data, land: Land, kind: str, share: float) -> dict[str, float]:
    """Measure -> value of the views of a kind that hide a share of their inputs."""
    overrides = f"{KINDS[kind].settings} {TRAINING} masked={share}"
    parsed, resolved = embedding_methods.settings_of(overrides, data.seed)
    x, columns = embedding_methods.encoded(data, parsed.encoder_inputs, COMPONENTS)
    known = np.isfinite(x[0]).any(axis=1) & np.isfinite(x[1]).any(axis=1)
    classes = land.truth.classes
    how = MeasureSettings(square=LANDS[LAND].square)
    place = land.truth.row, land.truth.column
    split = probes.split(*place, known & (classes >= 0), how.square, how.most, data.seed)
    black, white = (
        tuple(torch.from_numpy(period[side]) for period in x) for side in (split.train, split.test)
    )
    model = recipe.fit(resolved, black, columns).model
    values = {"information": information(model, resolved, white, data.seed)}
    if kind == TWO_PERIODS:
        both = np.concatenate([period[known] for period in x], axis=1)
        values["gaussian"] = gaussian_of_masks(both, share, data.seed)
    trained, held_out = (vectors.embed(model, x[0][side]) for side in (split.train, split.test))
    for name, probe in (("knn_3", _three), ("linear", probes.linear)):
        predicted = probe(trained, classes[split.train], held_out)
        values[name] = probes.accuracy(predicted, classes[split.test])
    return values


def information(model: EmbeddingModel, used: Recipe, x: tuple[Tensor, ...], seed: int) -> float:
    """A lower bound of the mutual information of two views, in nats; at most log(batch).

    Args:
        model: trained by InfoNCE, on other pixels; its vectors' cosine is what tells views.
        used: the recipe that it was trained by.
        x: (P, inputs) of each period, which have not been trained on; half of them fit the temperature.
        seed: of the views.
    """
    random = torch.Generator().manual_seed(seed)
    half = len(x[0]) // 2
    fitting, measuring = (
        [_vectors_of_views(model, used.views, pixels, random) for _ in range(DRAWS)]
        for pixels in (tuple(y[:half] for y in x), tuple(y[half : 2 * half] for y in x))
    )
    best = max(TEMPERATURES, key=lambda temperature: lower_bound(fitting, temperature))
    return lower_bound(measuring, best)


def lower_bound(views: Sequence[tuple[Tensor, Tensor]], temperature: float) -> float:
    """log(batch) less the InfoNCE loss, the mean over draws of two views (P, latent); `BATCH` at most."""
    batch = min(BATCH, len(views[0][0]))
    bounds = [
        math.log(batch)
        - contrastive.infonce(first[start:end], second[start:end], temperature).item()
        for first, second in views
        for start, end in _batches(len(first), batch)
    ]
    return float(np.mean(bounds))


def gaussian_of_masks(both: NDArray[np.floating], share: float, seed: int) -> float:
    """The mean over masks of the information of two periods' inputs, were they Gaussian, in nats.

    Args:
        both: (P, 2 n) the inputs of the first, then those of the second period.
        share: of the inputs of either view that is hidden.
        seed: of the masks.
    """
    covariance, count = np.cov(both.T.astype(np.float64)), both.shape[1] // 2
    random = torch.Generator().manual_seed(seed)
    masks = hide.inputs(hide.drawn(4 * DRAWS, count, random), share)
    pairs = zip(*(mask.numpy() for mask in masks), strict=True)
    values = [
        gaussian(covariance, np.flatnonzero(first), count + np.flatnonzero(second), len(both))
        for first, second in pairs
    ]
    return float(np.mean(values))


def gaussian(
    covariance: Floats, first: NDArray[np.int64], second: NDArray[np.int64], pixels: int
) -> float:
    """The mutual information of two sets of Gaussian inputs, in nats.

    Half of the logarithms of the sets' determinants, less that of both together; each without the
    expected error of a covariance of so many pixels that are independent (Wishart's distribution).

    Args:
        covariance: (n, n) of a sample.
        first: positions of the inputs of the first set.
        second: of the second set.
        pixels: of the sample.
    """
    together = np.concatenate([first, second])
    one, other, all_of_them = (
        _log_determinant(covariance, positions, pixels) for positions in (first, second, together)
    )
    return (one + other - all_of_them) / 2


def table(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Kind -> share -> measure -> mean, spread and the values of the seeds."""
    document: dict[str, dict[str, dict[str, Any]]] = {}
    for line in lines:
        of_kind = document.setdefault(line["kind"], {})
        if (share := str(line["share"])) not in of_kind:
            seeds = [
                other["values"]
                for other in lines
                if (other["kind"], other["share"]) == (line["kind"], line["share"])
            ]
            of_kind[share] = {
                name: {**statistics, "values": [values[name] for values in seeds]}
                for name, statistics in measures.summary(seeds).items()
            }
    return document


@dataclass(frozen=True, slots=True)
class SweetSpot:
    """The share at which a probe is best, and by how much it is above both ends of the scan."""

    share: str
    above: tuple[float, float]
    """Mean over the seeds, above the smallest and above the largest share."""
    half: tuple[float, float]
    """Half of Student's 95 % interval of either."""

    @property
    def is_between(self) -> bool:
        """Whether it is above both ends beyond the interval."""
        return all(mean > half for mean, half in zip(self.above, self.half, strict=True))


def sweet_spot(of_kind: Mapping[str, Mapping[str, Any]], probe: str) -> SweetSpot:
    """Where a probe is best among the shares of a kind, which are in rising order."""
    best = max(of_kind, key=lambda share: of_kind[share][probe]["mean"])
    ends = next(iter(of_kind)), list(of_kind)[-1]
    differences = [
        np.subtract(of_kind[best][probe]["values"], of_kind[end][probe]["values"]) for end in ends
    ]
    one, other = (float(values.mean()) for values in differences)
    half_one, half_other = (seed_statistics.half_interval(values) for values in differences)
    return SweetSpot(best, (one, other), (half_one, half_other))


def rows(document: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """The lines of the table in Markdown; a kind's best accuracy is bold."""
    yield "| views | hidden | information | Gaussian | knn | linear |"
    yield "|---|---|---|---|---|---|"
    for kind, of_kind in document.items():
        best = {probe: sweet_spot(of_kind, probe).share for probe in PROBES}
        for share, values in of_kind.items():
            cells = [_cell(values.get(name), bold=best.get(name) == share) for name in MEASURED]
            yield " | ".join([f"| {kind}", share, *cells]) + " |"


def draw(document: Mapping[str, Mapping[str, Mapping[str, Any]]], batch: int, path: Path) -> None:
    """Draw accuracy over information as a PNG, a panel for each probe; `batch` is where it ends."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    panels = figure.subplots(1, len(PROBES))
    for axes, (probe, label) in zip(panels, PROBES.items(), strict=True):
        for number, (kind, of_kind) in enumerate(document.items()):
            information, accuracy = (
                {share: values[name] for share, values in of_kind.items()}
                for name in ("information", probe)
            )
            x, y = ([value["mean"] for value in of.values()] for of in (information, accuracy))
            spread = [value["spread"] for value in accuracy.values()]
            style = {"color": f"C{number}", "lw": 1.5, "elinewidth": 0.7, "marker": "o", "ms": 4}
            axes.errorbar(x, y, spread, label=kind, **style)
            for end, place in ((0, (-8, 8)), (-1, (8, -12 if number else 8))):
                text, side = (
                    f"{100 * float(list(of_kind)[end]):.0f} % hidden",
                    "left" if end else "right",
                )
                axes.annotate(
                    text, (x[end], y[end]), place, textcoords="offset points", ha=side,
                    fontsize=8, color=f"C{number}",
                )  # fmt: skip
            spot = sweet_spot(of_kind, probe)
            best = information[spot.share]["mean"], accuracy[spot.share]["mean"]
            face = f"C{number}" if spot.is_between else "white"
            axes.plot(*best, "*", ms=16, mfc=face, mec=f"C{number}", zorder=3)
        axes.axvline(math.log(batch), color="0.6", ls=":", lw=1)
        axes.set_xlabel("information of the two views, lower bound in nats (dotted: its highest)")
        axes.set_ylabel(f"accuracy, {label}")
        axes.grid(alpha=0.3)
    title = "star: best; filled: above both ends beyond the 95 % interval"
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=len(document),
        title=title,
    )
    figure.savefig(path, dpi=110)


def _three(
    train: NDArray[np.floating], classes: NDArray[np.integer], test: NDArray[np.floating]
) -> NDArray[np.integer]:
    return probes.neighbours(train, classes, test, 3)


@torch.no_grad()
def _vectors_of_views(
    model: EmbeddingModel, views: Views, x: tuple[Tensor, ...], random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(P, latent) of the two views of pixels, drawn as they are to train."""
    scaled = tuple(period / model.scale for period in x)
    batch = Batch(torch.arange(len(x[0])), scaled, None, None)
    numbers = ColumnNumbers(model.columns, torch.device("cpu"))
    pair = choice.pair(ViewStep(batch, views, numbers, 1.0, random))
    first, second = (model.code(view, random).mean for view in pair.views)
    return first, second


def _batches(count: int, batch: int) -> list[tuple[int, int]]:
    """Begin and end of each whole batch."""
    return [(start, start + batch) for start in range(0, count - batch + 1, batch)]


def _log_determinant(covariance: Floats, positions: NDArray[np.int64], pixels: int) -> float:
    """Of the covariance of some inputs, without the expected error of a sample of so many pixels."""
    freedom, count = pixels - 1, len(positions)
    logarithm = np.linalg.slogdet(covariance[np.ix_(positions, positions)])[1]
    halves = special.digamma((freedom - np.arange(count)) / 2)
    return float(logarithm - halves.sum() - count * math.log(2 / freedom))


def _cell(statistics: Mapping[str, Any] | None, *, bold: bool) -> str:
    if statistics is None:
        return ""
    numbers = (f"{statistics[name]:.3f}" for name in ("mean", "spread"))
    mean, spread = (number.removeprefix("0") for number in numbers)
    return f"**{mean} ({spread})**" if bold else f"{mean} ({spread})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS), help="some of them, by commas")
    parser.add_argument("--shares", help="hidden, by commas; default: those of each kind")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=80, help="rows and columns of a country")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, default=Path("infomin-benchmark"))
    parser.add_argument("--image", type=Path, help="the picture; default: infomin.png in --work")
    record.add_option(parser)
    arguments = parser.parse_args()
    arguments.kinds = tuple(arguments.kinds.split(","))
    asked = arguments.shares.split(",") if arguments.shares else ()
    arguments.shares = tuple(sorted(map(float, asked)))
    embedding.check_names(parser, "kinds", arguments.kinds, KINDS)
    return arguments


def main() -> None:
    """Measure, print and draw."""
    arguments = _arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    tasks = [
        Task(seed, arguments.kinds, arguments.shares, arguments.rows, arguments.work)
        for seed in seeds
    ]
    results = embedding.each(run, tasks, arguments.processes)
    document = table([line for lines in results for line in lines])
    (arguments.work / "table.json").write_text(json.dumps(document, indent=1), "utf-8")
    text = "\n".join(rows(document))
    record.write(arguments.record, record.of_markdown(text.splitlines()))
    (arguments.work / "table.md").write_text(text + "\n", "utf-8")
    draw(document, BATCH, arguments.image or arguments.work / "infomin.png")
    print(text)
    for kind, of_kind in document.items():
        for probe in PROBES:
            spot = sweet_spot(of_kind, probe)
            ends = ", ".join(
                f"{mean:+.3f} +- {half:.3f}"
                for mean, half in zip(spot.above, spot.half, strict=True)
            )
            print(f"{kind}, {probe}: best at {spot.share}; above the ends: {ends}")


if __name__ == "__main__":
    main()
