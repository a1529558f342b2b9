"""What structure is worth: encoders, towers, blindness, masks and losses of sets, by the same measures.

    python benchmarks/structure.py [--land textured] [--seeds 3] [--first-seed 0] [--rows 40]
                                   [--methods ...] [--work DIR]

The land is one of `benchmarks/embedding_lands.py`. `textured` is an invented country of 32 classes with bands
of 500 m, 1 km and 2 km, whose fine pixels are features of their own; two years, four months, three times of
day. `koppen` and `koppen-sample` are real: a band of 10 km, means of every hour of two months in each period;
a seed is another split of its pixels. Their methods are `REAL`: nothing of fine pixels, bands or statistics.
Each method is compared, seed by seed, with the one that it changes (`BASES`). A difference counts where
Student's t of the seeds is beyond its 95 % interval: with three seeds, 4.3 standard errors.

DIR (default: structure-benchmark) keeps what `benchmarks/embedding.py` keeps, and at the end `table.json`,
`table.md`, and `sheet.png` with pictures of the first seed.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import embedding
import embedding_methods
import embedding_sheet
import record
import seed_statistics
from embedding import PICTURED_LINEAR, Results, Task
from embedding_lands import TEXTURED, Size
from embedding_methods import Data, Singles

LINEAR = ("pca-64", "mnf-16", "mnf-64")
STATIC = "static"
"""`deep` with latitude and longitude among the inputs."""
YEARS = "inputs=features batch=128 steps=150"
"""Two years of features, by the default loss of two periods; 16 passes over 1200 pixels."""
REBUILT = f"{YEARS} model=deep loss=huber views=mask unit=false"
SETS = f"{REBUILT} batch=64"
"""Smaller batches: the Sinkhorn divergence costs most of all."""
ENCODERS = {
    "cyclic": "", "hierarchical": "", "bands": "depth=1", "subpixels": "",
    "transformer": "hidden=32 depth=1", "composite": "",
}  # fmt: skip
TOWERS = "towers=mean+stddev,skewness+kurtosis"
MASKS = {
    "mask-80": "masked=0.8 steps=375", "mask-slots": "mask_by=month,tod", "mask-bands": "mask_by=band",
    "mask-resolutions": "mask_by=cube", "mask-statistics": "mask_by=statistic",
    "stages-land": "views=stages", "stages-pixel": "views=stages fixed=pixel",
}  # fmt: skip
SET_LOSSES = ("wasserstein", "sliced", "chamfer", "sinkhorn", "ssim")
SLOTS = f"{YEARS} model=deep loss=infonce views=periods,slots"
LEARNT: dict[str, str] = {
    "default": "inputs=gcca second=second",
    "deep": f"{YEARS} model=deep",
    STATIC: f"{YEARS} model=deep",
    **{name: f"{YEARS} model={name} {sizes}" for name, sizes in ENCODERS.items()},
    "deep-towers": f"{YEARS} model=deep {TOWERS}",
    "cyclic-towers": f"{YEARS} model=cyclic {TOWERS}",
    "variational": f"{YEARS} model=deep variational=true loss=infonce,vicreg,kl weights=1,0.1,0.001",
    "blind": f"{YEARS} model=deep loss=infonce,vicreg,blind weights=1,0.1,1 blind_to=latitude,longitude",
    "slots": SLOTS,
    "slots-twice": f"{SLOTS} draws=2",
    "mask": REBUILT,
    **{name: f"{REBUILT} {masks}" for name, masks in MASKS.items()},
    "beta-vae": f"{REBUILT} variational=true loss=huber,kl weights=1,0.001",
    "rebuilt": SETS,
    **{name: f"{SETS} loss={name},huber" for name in SET_LOSSES},
}
METHODS = (*LINEAR, *LEARNT)
REAL_LANDS = ("koppen", "koppen-sample")
BASES = {
    "default": "mnf-64", "deep": "mnf-64", STATIC: "deep", **dict.fromkeys(ENCODERS, "deep"),
    "deep-towers": "deep", "cyclic-towers": "cyclic", "variational": "deep", "blind": "deep",
    "slots": "deep", "slots-twice": "slots", "mask": "deep", **dict.fromkeys(MASKS, "mask"),
    "beta-vae": "mask", **dict.fromkeys(SET_LOSSES, "rebuilt"),
}  # fmt: skip
"""The method that each one changes."""
SHOWN = {
    "knn_3": "kNN", "linear": "linear", "few_linear": "few labels", "cross_period": "other year",
    "nmi": "NMI", "far_auc": "far AUC", "coherence": "coherence", "agreement": "agreement",
    "r2_textures": "texture R2", "r2_place": "place R2",
}  # fmt: skip
"""Measures of a column; local ones first. Real land lacks the last two."""
REAL = (
    *LINEAR, "default", "deep", "cyclic", "hierarchical", "transformer", "variational", "slots",
    "slots-twice", "mask", "mask-80", "mask-slots", "stages-land", "stages-pixel", "beta-vae",
)  # fmt: skip
"""The methods of real land, which has neither fine pixels nor several bands or statistics."""
PICTURED = ("default", "deep", "subpixels", "composite", "mask-slots")


def with_place(data: Data, overrides: str) -> tuple[Singles, Singles]:
    """The vectors of `lake embed` that also sees where a pixel lies."""
    if data.place is None:
        raise ValueError(f"the method {STATIC} needs land of which the places are known")
    place = data.place.T.astype(np.float32)
    names = tuple(f"static/{name}/00/0/value" for name in ("latitude", "longitude"))
    first, second = (np.concatenate([x, place]) for x in (data.first, data.second))
    placed = replace(data, first=first, second=second, names=(*data.names, *names))
    return embedding_methods.learnt(placed, overrides)


def differences(
    runs: Sequence[Results], method: str, base: str, confidence: float = 0.95
) -> dict[str, dict[str, float]]:
    """Measure -> mean difference of a method to its base, seed by seed, and half of its interval.

    The interval is Student's; infinite of one seed.
    """
    compared = {}
    for name in measured(runs[0][method]):
        values = [run[method][name] - run[base][name] for run in runs]
        half = seed_statistics.half_interval(values, confidence)
        compared[name] = {"mean": float(np.mean(values)), "half": half}
    return compared


def measured(values: Mapping[str, Any]) -> list[str]:
    """The measures of a column that the land of these values has."""
    return [name for name in SHOWN if name in values]


def verdict(compared: Mapping[str, Mapping[str, float]]) -> str:
    """Which measures differ from those of the base, in words; the place is not judged."""
    judged = [name for name in compared if name != "r2_place"]
    better = [SHOWN[name] for name in judged if compared[name]["mean"] > compared[name]["half"]]
    worse = [SHOWN[name] for name in judged if -compared[name]["mean"] > compared[name]["half"]]
    texts = [f"{word} {', '.join(names)}" for word, names in (("+", better), ("-", worse)) if names]
    return "; ".join(texts) or "no difference"


def compare(
    document: Mapping[str, dict[str, Any]], runs: Sequence[Results], bases: Mapping[str, str]
) -> None:
    """Add to each method how it differs from its base, where both were measured."""
    for method, base in bases.items():
        if {method, base} <= document.keys():
            compared = differences(runs, method, base)
            document[method].update({"over_base": compared, "verdict": verdict(compared)})


def markdown(document: Mapping[str, Any], bases: Mapping[str, str] = BASES) -> Iterator[str]:
    """The lines of a table of the guide: a method each, the best mean of a column bold."""
    columns = measured(next(iter(document.values())))
    yield f"| | {' | '.join(SHOWN[name] for name in columns)} | against |"
    yield "|" + "---|" * (len(columns) + 2)
    best = {name: max(values[name]["mean"] for values in document.values()) for name in columns}
    for method, values in document.items():
        cells = []
        for name in columns:
            mean, spread = values[name]["mean"], values[name]["spread"]
            is_best = mean == best[name] and name != "r2_place"
            text = f"**{_short(mean)}**" if is_best else _short(mean)
            cells.append(f"{text} ({_short(spread)})")
        base = bases.get(method)
        against = f"{base}: {values['verdict']}" if base and "verdict" in values else ""
        yield f"| {method} | {' | '.join(cells)} | {against} |"


def _short(value: float) -> str:
    """Three decimals, without a zero before them."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.3f}")


def sheet(task: Task, path: Path) -> None:
    """Draw a row of pictures for each method whose vectors were kept."""
    pictures = [embedding.pictures_of(task, method, method) for method in task.pictured]
    embedding_sheet.write(path, pictures, PICTURED_LINEAR, "vectors")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--land", choices=(TEXTURED, *REAL_LANDS), default=TEXTURED)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=40, help="rows and columns of the country")
    parser.add_argument("--methods", help="some of them, by commas; default: all of the land")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, default=Path("structure-benchmark"))
    record.add_option(parser)
    arguments = parser.parse_args()
    land_methods = METHODS if arguments.land == TEXTURED else REAL
    arguments.methods = tuple(arguments.methods.split(",")) if arguments.methods else land_methods
    embedding.check_names(parser, "methods", arguments.methods, land_methods)
    return arguments


def main() -> None:
    """Measure, print and draw."""
    arguments = _arguments()
    methods, work = arguments.methods, arguments.work
    work.mkdir(parents=True, exist_ok=True)
    pictured = tuple(name for name in (PICTURED_LINEAR, *PICTURED) if name in methods)
    draws = len(pictured) > 1 and PICTURED_LINEAR in pictured
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    tasks = [
        Task(
            arguments.land,
            seed,
            methods,
            Size(arguments.rows),
            work,
            () if n else pictured,
            LEARNT,
            learners={STATIC: with_place},
        )
        for n, seed in enumerate(seeds)
    ]
    runs = embedding.each(embedding.run, tasks, arguments.processes)
    document = embedding.table(runs, methods)
    compare(document, runs, BASES)
    (work / "table.json").write_text(json.dumps(document, indent=1), "utf-8")
    text = "\n".join(markdown(document))
    record.write(arguments.record, record.of_markdown(text.splitlines()))
    (work / "table.md").write_text(text + "\n", "utf-8")
    if draws:
        sheet(tasks[0], work / "sheet.png")
    print(text)


if __name__ == "__main__":
    main()
