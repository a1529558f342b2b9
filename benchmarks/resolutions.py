"""Resolutions one after another, and fine pixels from coarse ones.

    python benchmarks/resolutions.py [--seeds 3] [--first-seed 3] [--rows 40] [--steps 150]
                                     [--methods ...] [--losses ...] [--work DIR] [--image FILE]

The land is `textured` of `benchmarks/embedding_lands.py`: bands of 2 km, 1 km and 500 m, whose fine pixels
are features of their own. Nothing was chosen by any seed.

**Embeddings**, by the measures of `benchmarks/structure.py`:

- `2km`: an encoder of the 2 km features alone.
- `frozen-1km`: that one, frozen, and beside it one of the 1 km features. The loss sees the vectors of both,
  so the second learns what the first does not tell. `frozen`: both frozen, and a third of 500 m.
- `apart`: an encoder of each resolution by itself, their vectors side by side, as `lake embed` of each
  cube and `lake join` make them.
- `together`: one encoder of all features; `together-long`: as many numbers and steps as `frozen` has.
- `composite`, `mnf-16`, `mnf-64`, `pca-64`: of all features.

**Fine pixels**: a network predicts from the statistics of a coarse pixel the set of its fine pixels' means
(`benchmarks/fine_from_coarse.py`), trained by one of several losses on the black squares of a
checkerboard, judged on the white ones. `mean` (the coarse mean repeated) and `gaussian` (drawn from the
coarse mean and standard deviation) are what it must be better than.

DIR (default: resolutions-benchmark) keeps the lands and a line of `results.jsonl` for each measurement, from
which a run that was stopped goes on; at the end `table.json` and `table.md`. FILE (default:
DIR/resolutions.png) is the picture of the fine pixels.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))
import embedding
import embedding_lands
import embedding_methods
import fine_from_coarse
import record
import structure
from embedding import Task
from embedding_lands import TEXTURED, Size
from embedding_methods import Data, Singles
from fine_from_coarse import BARS, LOSSES, STEPS
from result_lines import ResultLines

from jobs.embedding import encoder_inputs, recipe, train, vectors
from jobs.embedding.columns import Columns
from jobs.embedding.encoder_inputs import InputSettings
from jobs.embedding.loader import MemoryLoader
from jobs.embedding.models import architecture
from jobs.embedding.models.embedding_model import EmbeddingModel
from jobs.embedding.recipe import Recipe
from jobs.embedding.train import TrainingState
from jobs.evaluation import measures

Rows = NDArray[np.int64]
CUBES = ("day-2km", "day-1km", "day-500m")
"""From coarse to fine."""
LATENT = 64
DEEP = "model=deep"
LEARNT = {
    "2km": DEEP, "frozen-1km": DEEP, "frozen": DEEP, "apart": DEEP, "together": DEEP,
    "together-long": f"{DEEP} latent={len(CUBES) * LATENT}", "composite": "model=composite",
}  # fmt: skip
LONG = ("together-long",)
"""Methods of as many steps as all encoders of `frozen` together."""
METHODS = (*structure.LINEAR, *LEARNT)
BASES = {
    "2km": "mnf-64", "frozen-1km": "2km", "frozen": "frozen-1km", "apart": "2km",
    "together": "2km", "together-long": "frozen", "composite": "together",
}  # fmt: skip
"""The method that each one is compared with."""
PREDICTED = (*BARS, *LOSSES)
BATCH = 128
JUDGED = {"distance": "W1", "spectrum": "spectrum", "spread": "spread", "place": "place R2"}
"""Measures of a column; of the first two the lowest is best, `spread` should be 1."""


class Stacked(nn.Module):
    """(batch, inputs) -> (batch, outputs): the vectors of frozen encoders, then those of one that learns.

    Each takes columns of its own.
    """

    def __init__(
        self, frozen: Sequence[tuple[Rows, nn.Module]], rows: Rows, encoder: nn.Module
    ) -> None:
        """Build it: frozen encoders and the columns of each, then those of the one that learns."""
        super().__init__()
        self.rows = [*(columns for columns, _ in frozen), rows]
        self.frozen, self.encoder = nn.ModuleList(module for _, module in frozen), encoder
        self.frozen.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, outputs) of inputs (batch, inputs)."""
        encoders = (*self.frozen, self.encoder)
        parts = [encoder(x[:, rows]) for encoder, rows in zip(encoders, self.rows, strict=True)]
        return torch.cat(parts, dim=1)


def stacked(
    used: Recipe, x: tuple[Tensor, ...], columns: Columns, frozen: Sequence[tuple[Rows, nn.Module]],
    rows: Rows,
) -> EmbeddingModel:  # fmt: skip
    """A model of frozen encoders and a new one, which alone was trained; the loss saw all their vectors.

    Args:
        used: the recipe of the new one.
        x: (P, inputs) features of each period; NaN: missing.
        columns: the description of all features.
        frozen: encoders, and the columns that each takes.
        rows: the columns that the new one takes.
    """
    new, training = used.architecture, used.training
    whole = replace(new, latent=new.latent * (len(frozen) + 1))
    loader = MemoryLoader(
        x, torch.arange(len(x[0])), training.batch, training.held_out, training.seed
    )
    with train.environment(training):
        scale = torch.ones(columns.count)
        state, task = recipe.begin(replace(used, architecture=whole), scale, columns, loader.pixels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            of_rows = columns.subset(rows)
            encoder = architecture.build(of_rows, new.latent, new, scale[torch.from_numpy(rows)])
        state.model.encoder = Stacked(frozen, rows, encoder)
        state = TrainingState.begin(state.model, training)
        for _ in train.train(state, loader, task):
            pass
    return state.model.eval()


def one_after_another(data: Data, overrides: str, cubes: int) -> tuple[Singles, Singles]:
    """The vectors of an encoder of each of the first cubes, trained while those before are frozen."""
    used, x, columns = _inputs(data, overrides)
    frozen: list[tuple[Rows, nn.Module]] = []
    for rows in _rows(columns)[:cubes]:
        model = stacked(used, _observed(x), columns, frozen, rows)
        frozen.append((rows, model.encoder.encoder))
    return vectors.embed(model, x[0]), vectors.embed(model, x[1])


def side_by_side(data: Data, overrides: str) -> tuple[Singles, Singles]:
    """The vectors of an encoder of each cube, each of length 1, joined."""
    used, x, columns = _inputs(data, overrides)
    models = [stacked(used, _observed(x), columns, (), rows) for rows in _rows(columns)]
    first, second = (
        np.concatenate([vectors.embed(model, period) for model in models], axis=1) for period in x
    )
    return first, second


def _inputs(data: Data, overrides: str) -> tuple[Recipe, tuple[Singles, Singles], Columns]:
    """The recipe, the features (pixel, feature) of both periods, and their description."""
    _, used = embedding_methods.settings_of(overrides, data.seed)
    x, columns = embedding_methods.encoded(data, InputSettings(encoder_inputs.FEATURES), 0)
    return used, x, columns


def _observed(x: tuple[Singles, Singles]) -> tuple[Tensor, ...]:
    """The pixels that both periods have features of."""
    known = np.isfinite(x[0]).any(axis=1) & np.isfinite(x[1]).any(axis=1)
    return tuple(torch.from_numpy(period[known]) for period in x)


def _rows(columns: Columns) -> list[Rows]:
    """The columns of each cube."""
    return [np.flatnonzero(np.array(columns.cube) == cube) for cube in CUBES]


LEARNERS = {
    **{
        name: partial(one_after_another, cubes=number)
        for number, name in enumerate(("2km", "frozen-1km", "frozen"), 1)
    },
    "apart": side_by_side,
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The fine pixels of one land, by all losses."""

    seed: int
    names: tuple[str, ...]
    """Some of `PREDICTED`."""
    steps: int
    rows: int
    work: Path

    def identity(self, step: str, name: str) -> dict[str, Any]:
        """What a line of results is found by."""
        asked = {"fine_pixels": step, "rows": self.rows, "seed": self.seed, "method": name}
        return asked | ({"steps": self.steps} if name in LOSSES else {})


def predict(task: Prediction) -> dict[str, dict[str, Mapping[str, float]]]:
    """Step -> loss or bar -> measures; measures what is not known yet."""
    results = ResultLines(task.work / "results.jsonl")
    wanted = {(step, name): task.identity(step, name) for step in STEPS for name in task.names}
    stored = results.read(wanted)
    if len(stored) < len(wanted):
        land = embedding_lands.load(TEXTURED, task.seed, Size(task.rows), task.work)
        for step in STEPS:
            pixels = fine_from_coarse.coarse_pixels(land, STEPS[step], task.seed)
            for name in task.names:
                if (step, name) in stored:
                    continue
                began = time.process_time()
                sets = (
                    BARS[name](pixels, task.seed) if name in BARS
                    else fine_from_coarse.learnt(pixels, name, task.seed, task.steps, BATCH)
                )  # fmt: skip
                values = fine_from_coarse.judged(sets, pixels.sets[pixels.test])
                results.add(wanted[step, name], values, time.process_time() - began)
    found = results.read(wanted)
    return {step: {name: found[step, name] for name in task.names} for step in STEPS}


def summary(
    seeds: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]],
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Step -> loss or bar -> measure -> mean and spread over the seeds."""
    return {
        step: {
            name: measures.summary([seed[step][name] for seed in seeds]) for name in seeds[0][step]
        }
        for step in seeds[0]
    }


def markdown(document: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """The lines of the table of fine pixels: a loss or bar of a step each, the best W1 and spectrum bold."""
    yield f"| | | {' | '.join(JUDGED.values())} |"
    yield "|" + "---|" * (len(JUDGED) + 2)
    for step, names in document.items():
        best = {
            measure: min(values[measure]["mean"] for values in names.values())
            for measure in ("distance", "spectrum")
        }
        for name, values in names.items():
            cells = []
            for measure in JUDGED:
                mean, spread = (values[measure][part] for part in ("mean", "spread"))
                text = f"**{mean:.3f}**" if mean == best.get(measure) else f"{mean:.3f}"
                cells.append(f"{text} ({spread:.3f})")
            yield f"| {step} | {name} | {' | '.join(cells)} |"


def draw(document: Mapping[str, Mapping[str, Mapping[str, Any]]], path: Path) -> None:
    """Draw distances of all steps, and the spectrum of the 4 x 4 fine pixels, as a PNG."""
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = list(next(iter(document.values())))
    for number, (step, values) in enumerate(document.items()):
        distances = [values[name]["distance"] for name in names]
        place = np.arange(len(names)) + 0.25 * (number - 1)
        bars = {"width": 0.23, "color": f"C{number}", "label": step, "capsize": 2}
        left.bar(
            place, [d["mean"] for d in distances], yerr=[d["spread"] for d in distances], **bars
        )
    left.set_xticks(range(len(names)), names, rotation=30, ha="right")
    left.set_yscale("log")
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter("{x:g}")
    left.set_ylabel("distance to the true fine pixels (W1)\nin standard deviations of fine pixels")
    left.legend()
    finest = list(document.values())[-1]
    rings = sorted(name for name in next(iter(finest.values())) if name.startswith("ring_"))
    for number, name in enumerate(names):
        if name == "mean":  # it has no power at all
            continue
        ratio = [finest[name][ring]["mean"] for ring in rings]
        style = {"ls": "--" if name in BARS else "-", "color": f"C{number}"}
        right.plot(range(1, len(rings) + 1), ratio, marker="o", label=name, **style)
    right.axhline(1, color="0.6", lw=1)
    right.set_yscale("log")
    right.yaxis.set_major_formatter("{x:g}")
    right.set_xticks(range(1, len(rings) + 1))
    right.set_xlabel(f"wave number, cycles in 2 km ({list(document)[-1]})")
    right.set_ylabel("power over that of true fine pixels")
    right.legend(fontsize=8, ncols=2)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=3)
    parser.add_argument("--rows", type=int, default=40, help="rows and columns of the country")
    parser.add_argument("--steps", type=int, default=150, help="of a training")
    parser.add_argument("--methods", default=",".join(METHODS), help="embeddings, by commas")
    parser.add_argument("--losses", default=",".join(PREDICTED), help="of fine pixels, by commas")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, default=Path("resolutions-benchmark"))
    parser.add_argument("--image", type=Path, help="the picture; default: in --work")
    record.add_option(parser)
    arguments = parser.parse_args()
    for name, known in (("methods", METHODS), ("losses", PREDICTED)):
        asked = tuple(word for word in getattr(arguments, name).split(",") if word)
        setattr(arguments, name, asked)
        embedding.check_names(parser, name, asked, known)
    return arguments


def main() -> None:
    """Measure, print and draw."""
    arguments = _arguments()
    work, steps = arguments.work, arguments.steps
    work.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    size = Size(arguments.rows)
    common = f"inputs=features batch={BATCH} steps="
    settings = {
        name: f"{common}{steps * len(CUBES) if name in LONG else steps} {overrides}"
        for name, overrides in LEARNT.items()
    }
    document, lines = {}, []
    if arguments.methods:
        tasks = [
            Task(TEXTURED, seed, arguments.methods, size, work, (), settings, LEARNERS)
            for seed in seeds
        ]
        runs = embedding.each(embedding.run, tasks, arguments.processes)
        document["embeddings"] = embedding.table(runs, arguments.methods)
        structure.compare(document["embeddings"], runs, BASES)
        lines += [*structure.markdown(document["embeddings"], BASES), ""]
    if arguments.losses:
        predictions = [
            Prediction(seed, arguments.losses, steps, arguments.rows, work) for seed in seeds
        ]
        document["fine_pixels"] = summary(embedding.each(predict, predictions, arguments.processes))
        lines += markdown(document["fine_pixels"])
        draw(document["fine_pixels"], arguments.image or work / "resolutions.png")
    (work / "table.json").write_text(json.dumps(document, indent=1), "utf-8")
    record.write(arguments.record, record.of_markdown(lines))
    text = "\n".join(lines)
    (work / "table.md").write_text(text + "\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
