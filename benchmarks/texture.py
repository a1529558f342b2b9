"""Is the kurtosis of a coarse pixel a predictor of its nested texture? One figure, and rank correlations.

    python benchmarks/texture.py [--seeds 3] [--first-seed 0] [--rows 64] [--work DIR] [--json]

The *texture* of a coarse pixel in a slot, a (month, time of day), is the standard deviation of the means
of its fine pixels. Predictors are standard deviation, skewness and kurtosis of all observations of its fine
pixels in the slot, merged. Reported are rank correlations of each with the texture in a slot, in the median
over the slots, and their mean and standard deviation over the seeds; `kurtosis given stddev` is the
partial rank correlation. `median kurtosis` is that of the smoothest quarter and of the roughest.

- Invented land (`jobs.synthetic`): C02 has 16 fine pixels of 500 m, C03 four of 1 km. `coarse C13` has
  the same statistics of the 2 km band, which says nothing of the fine pixels by itself.
- Real land: land surface temperature at 10 km of two days in December and two in February (`abi/lstf` in
  LAKE_SHARED_DATA). A coarse pixel is 4 x 4 of its pixels, all on land; a slot is a month and three hours.

DIR (default: texture-benchmark) gets `table.json` and `texture.png`, and keeps the real store.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

sys.path.insert(0, str(Path(__file__).parent))
import embedding_lands
import record
from embedding_lands import DATA, LAYOUT

import lake
from jobs.synthetic import stores
from jobs.synthetic.country import Country
from lake.format import moments
from lake.reading.store import Store

Floats = NDArray[np.float64]
PREDICTORS = ("stddev", "skewness", "kurtosis")
LEAST_OBSERVATIONS = 4
"""Of a fine pixel in a slot on invented land."""
BLOCK = 4
"""Rows and columns of real pixels in a coarse one."""
HOURS = 3
"""Hourly times of day of real land in a slot."""
LEAST_REAL = 3
"""Of a fine pixel in a slot of real land, of at most 6."""
LEAST_PIXELS = 100
"""Number of coarse pixels below which a slot is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Texture and predictors of coarse pixels in one slot; all (pixel,), without NaN."""

    texture: Floats
    predictors: dict[str, Floats]


def slot(
    results: NDArray[np.floating],
    coarse: NDArray[np.floating] | None = None,
    least: int = LEAST_OBSERVATIONS,
) -> Slot:
    """Texture and predictors by the stored metrics (metric, pixel, fine pixel) of a slot.

    Args:
        results: of the fine pixels, whose means are the texture.
        coarse: (metric, pixel, 1) of another band that gives the predictors; None: the fine pixels do.
        least: number of observations that every fine pixel must have.
    """
    fine = moments.from_results(results, axis=0)
    known = (fine.count >= least).all(axis=1)
    source = fine if coarse is None else moments.from_results(coarse, axis=0)
    merged = moments.merge_along(source, axis=-1)
    summary = moments.finalise(merged)
    found = {name: getattr(summary, name)[:, 0] for name in PREDICTORS}
    for values in found.values():
        known = known & np.isfinite(values)
    texture = np.where(known, fine.m1.std(axis=1), np.nan)
    return Slot(texture[known], {name: values[known] for name, values in found.items()})


def invented(store: Store, cube: str, band: str, coarse: str = "") -> Iterator[Slot]:
    """The slots of a band of a store; predictors are those of the 2 km band `coarse`, if named."""
    layout, everywhere = store.cubes[cube], slice(0, store.domain.pixels)
    other = store.cubes["day-2km"]
    for month in store.months:
        block = store.block(cube, everywhere, month)[0]
        beside = store.block("day-2km", everywhere, month)[0] if coarse else None
        for tod in range(len(layout.tods)):
            fine = block[tod, layout.bands.index(band)]
            yield slot(fine, beside[tod, other.bands.index(coarse)] if beside is not None else None)


def real(first: Store, second: Store) -> Iterator[Slot]:
    """The slots of land surface temperature: a month and `HOURS` hours of the day, two days of each.

    Coarse pixels are blocks of `BLOCK` x `BLOCK` pixels.
    """
    ((name, layout),) = first.cubes.items()
    domain, everywhere = first.domain, slice(0, first.domain.pixels)
    rows, columns = (size // BLOCK for size in domain.grid.shape)
    place = np.full(domain.grid.shape, -1)
    place[domain.row, domain.column] = np.arange(domain.pixels)
    blocks = place[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    fine = blocks.swapaxes(1, 2).reshape(rows * columns, BLOCK**2)
    fine = fine[(fine >= 0).all(axis=1)]
    for month in first.months:
        days = [store.block(name, everywhere, month)[0, :, 0, :, :, 0] for store in (first, second)]
        observed = np.stack(days, axis=1)[..., fine]  # (tod, day, metric, pixel, fine pixel)
        for begin in range(0, len(layout.tods), HOURS):
            some = observed[begin : begin + HOURS]
            merged = moments.from_results(some.reshape(-1, *some.shape[2:]), axis=1)
            merged = moments.merge_along(merged, axis=0)
            yield slot(moments.to_results(merged, axis=0)[:, 0], least=LEAST_REAL)


def correlations(slots: Sequence[Slot]) -> dict[str, float]:
    """Measure -> value, in the median over the slots."""
    used = [one for one in slots if one.texture.size >= LEAST_PIXELS]
    rows = []
    for one in used:
        ranks = {name: rankdata(values) for name, values in one.predictors.items()}
        texture = rankdata(one.texture)
        rho = {name: np.corrcoef(values, texture)[0, 1] for name, values in ranks.items()}
        own = np.corrcoef(ranks["kurtosis"], ranks["stddev"])[0, 1]
        partial = rho["kurtosis"] - own * rho["stddev"]
        partial /= np.sqrt((1 - own**2) * (1 - rho["stddev"] ** 2))
        low, high = np.quantile(one.texture, (0.25, 0.75))
        kurtosis = one.predictors["kurtosis"]
        ends = [np.median(kurtosis[part]) for part in (one.texture <= low, one.texture >= high)]
        rows.append([*rho.values(), partial, *ends])
    names = [
        *PREDICTORS,
        "kurtosis given stddev",
        "median kurtosis, smooth",
        "median kurtosis, rough",
    ]
    middle = np.median(np.array(rows), axis=0)
    return dict(zip(names, middle.tolist(), strict=True)) | {"slots": float(len(used))}


def figure(rows: dict[str, Sequence[Slot]], path: Path) -> None:
    """Draw each predictor against the texture, both as ranks within their slot: a row for each land."""
    sheet = Figure(figsize=(10, 3.1 * len(rows)), layout="constrained")
    axes = sheet.subplots(len(rows), len(PREDICTORS), squeeze=False)
    for line, (name, slots) in zip(axes, rows.items(), strict=True):
        used = [one for one in slots if one.texture.size >= LEAST_PIXELS]
        texture = np.concatenate([rankdata(one.texture) / one.texture.size for one in used])
        for axis, predictor in zip(line, PREDICTORS, strict=True):
            ranks = [rankdata(one.predictors[predictor]) / one.texture.size for one in used]
            axis.hexbin(np.concatenate(ranks), texture, gridsize=30, cmap="Greys", linewidths=0)
            rho = correlations(slots)[predictor]
            axis.set_title(f"{name}: {predictor}, rank correlation {rho:.2f}", fontsize=8)
            axis.set_xlabel(f"rank of {predictor} in its slot", fontsize=7.5)
            axis.set_ylabel("rank of the spread of fine pixels", fontsize=7.5)
            axis.tick_params(labelsize=7)
    sheet.savefig(path, dpi=110)


def recorded(
    document: Mapping[str, Mapping[str, Mapping[str, float]]],
    measured: Mapping[str, Sequence[object]],
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The figures without numbers of slots; of one seed there is no spread."""
    return {
        name: {
            key: {**value, "spread": value["spread"] if len(measured[name]) > 1 else None}
            for key, value in values.items()
            if key != "slots"
        }
        for name, values in document.items()
    }


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--work", type=Path, default=Path("texture-benchmark"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    record.add_option(parser)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    cases = {
        "C02, 500 m": ("day-500m", "C02", ""),
        "C03, 1 km": ("day-1km", "C03", ""),
        "C02 by coarse C13": ("day-500m", "C02", "C13"),
    }
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    drawn: dict[str, Sequence[Slot]] = {}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        options = Country(seed=seed, rows=arguments.rows, columns=arguments.rows)
        with tempfile.TemporaryDirectory() as folder:
            written = stores.write(f"{folder}/lake", options, LAYOUT, folder)
            store = lake.open(f"{written.root}/{written.keys[0]}")
            for name, case in cases.items():
                slots = list(invented(store, *case))
                measured[name].append(correlations(slots))
                if seed == arguments.first_seed:
                    drawn[name] = slots
    if (DATA / "abi" / "lstf").is_dir():
        slots = list(real(*embedding_lands._ingested(arguments.work / "koppen")))  # noqa: SLF001
        measured["real LST, 10 km"] = [correlations(slots)]
        drawn["real LST, 10 km"] = slots
    else:
        print(f"no real land at {DATA}: set LAKE_SHARED_DATA to its folder", file=sys.stderr)
    document = {
        name: {
            key: {
                "mean": float(np.mean([of[key] for of in seeds])),
                "spread": float(np.std([of[key] for of in seeds], ddof=len(seeds) > 1)),
            }
            for key in seeds[0]
        }
        for name, seeds in measured.items()
    }
    (arguments.work / "table.json").write_text(json.dumps(document, indent=1), "utf-8")
    figure(drawn, arguments.work / "texture.png")
    keys = list(next(iter(document.values())))
    lines = [f"| | {' | '.join(keys)} |", "|---" * (len(keys) + 1) + "|"]
    for name, values in document.items():
        cells = [f"{values[key]['mean']:.2f} ({values[key]['spread']:.2f})" for key in keys]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    record.write(arguments.record, record.of_figures(recorded(document, measured)))
    print(json.dumps(document, indent=1) if arguments.json else "\n".join(lines))


if __name__ == "__main__":
    main()
