"""How well trajectories tell how pixels move over the year and the day, where that is known.

    python benchmarks/trajectory.py [--lands truth,persistent,lst] [--seeds 3] [--first-seed 3] [--rows 80]
                                    [--work DIR] [--json]

Invented land (`truth`, `persistent` as of `benchmarks/embedding_lands.py`): the truth is how green the
ground of a pixel is in every month of both years. *Vegetated* are the quarter of the pixels whose
greenness has the largest range over the year, *bare* the quarter with the smallest. Reported are the mean
over the seeds, and as spread their standard deviation.

- `amount`: rank correlation of the amount of the yearly loop with the range of greenness.
- `one_period`: the same for the amount of the first period alone, which holds its noise.
- `auc`: whether the amount tells vegetated from bare: area under the ROC curve.
- `ratio`: median amount of vegetated pixels over that of bare ones.
- `true_ratio`: the same of the range of greenness.
- `bare`: median amount of bare pixels over that of the noise of their loops.
- `speed`: rank correlation of the yearly speed with the range of greenness.
- `phase`: median error of the phase of vegetated pixels, months, once the median offset is taken off.
- `change_amount`, `change_phase`: rank correlations with what changed in the truth, of vegetated pixels.

Rows are encoders: `default`, that of `lake trajectory`; others by its settings; and what it is compared
with: `pca-2`, the first two principal directions of slots, `mnf-2`, the first two of slots' minimum noise
fraction, both along which pixels differ, whether they move or not; and `all`, every band of variance 1.

Real land (`lst`): land surface temperature of two days in each of two periods, every hour, from
`abi/lstf` in LAKE_SHARED_DATA. It has two months, so no yearly loop. `solar_hour`: median phase of the
daily loop in hours after solar noon (surfaces are warmest one to two hours after it); `spread_hours`: half
the range of the middle half. `auc_arid`: whether the daily amount tells deserts and steppes from
equatorial forests.

DIR (default: trajectory-benchmark) keeps the lands, `table.json`, and `sheet.png` with pictures of the
first seed.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parent))
import embedding_lands
import record
from embedding_lands import LAYOUT

import lake
from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.figures import trajectory_loops
from jobs.linear import mnf
from jobs.synthetic import bands, country, sky, stores
from jobs.synthetic.country import Country
from jobs.trajectory import directions, loops, measures, slots
from jobs.trajectory.directions import SlotEncoder
from jobs.trajectory.loops import YEARLY, Cycle
from jobs.trajectory.slots import SlotGrid, SlotSources
from lake.reading.store import Store

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
NUISANCE = {"truth": 0.0, "persistent": 2.0}
LST = "lst"
LANDS = (*NUISANCE, LST)
QUARTER = 0.25
COURSES = 6
"""Number of pixels of a group whose courses are drawn."""
ARID, FOREST = (5, 6, 7, 8), (1, 2)
"""Koppen-Geiger classes BSh, BSk, BWh, BWk; Af, Am."""


@dataclass(frozen=True, slots=True, eq=False)
class Land:
    """Means of all slots of two periods, and what is known of the pixels."""

    first: Singles
    """(pixel, month, tod, channel) NaN: not observed."""
    second: Singles
    channels: tuple[str, ...]
    months: tuple[int, ...]
    tods: tuple[int, ...]
    row: NDArray[np.integer]
    column: NDArray[np.integer]
    truth: Mapping[str, Floats]

    @property
    def cycles(self) -> tuple[Cycle, Cycle]:
        """The year and the day."""
        year = Cycle(tuple(month - 0.5 for month in self.months), 12.0)
        return year, Cycle(tuple(tod / 3600 for tod in self.tods), 24.0)


Encode = Callable[[Singles, Singles], SlotEncoder]


@dataclass(frozen=True, slots=True)
class Encoder:
    """A row of the table."""

    fit: Encode
    names: tuple[str, ...]
    """Of the directions: they begin with the cycle that they measure."""
    prepare: Callable[[Singles], Singles] = np.asarray
    bands: tuple[str, ...] = ()
    """Empty: all."""


def by_slots(first: Singles, second: Singles, *, over_noise: bool) -> SlotEncoder:
    """Two directions in which the slots of pixels differ, over the noise or by their variance."""
    known = np.isfinite(first).all(axis=-1) & np.isfinite(second).all(axis=-1)
    count = np.maximum(known.sum(axis=0), 1)[..., None]
    both = [
        np.where(known[..., None], values, 0.0).astype(np.float64) for values in (first, second)
    ]
    mean = (both[0] + both[1]).sum(axis=0) / (2 * count)
    within, difference = (both[0] - mean)[known], (both[1] - both[0])[known]
    scale = within.std(axis=0)
    noise = (difference / scale).T @ (difference / scale) / len(difference) / 2
    total = (within / scale).T @ (within / scale) / len(within)
    floor = noise if over_noise else np.eye(len(scale))
    projection, ratio = mnf.solve(total, floor, 2, directions.FLOOR)
    centre = np.stack(both)[:, known].mean(axis=(0, 1))
    return SlotEncoder(centre, np.tile(projection / scale, (2, 1)), np.tile(ratio, 2))


def by_bands(first: Singles, _: Singles) -> SlotEncoder:
    """Every channel, with variance 1."""
    values = first[np.isfinite(first).all(axis=-1)].astype(np.float64)
    identity = np.eye(first.shape[-1]) / values.std(axis=0)
    return SlotEncoder(values.mean(axis=0), np.tile(identity, (2, 1)), np.ones(2 * len(identity)))


def own_directions(count: int) -> Encode:
    """As `lake trajectory` fits them."""
    return lambda first, second: directions.fit(first, second, count)


def logarithms(values: Singles) -> Singles:
    """Logarithms; NaN where there is none."""
    return features.apply_transform(values, "log").astype(np.float32)


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"{cycle}-{n}" for cycle in ("yearly", "daily") for n in range(count))


ENCODERS = {
    "default": Encoder(own_directions(1), _names(1)),
    "directions=2": Encoder(own_directions(2), _names(2)),
    "mean:log": Encoder(own_directions(1), _names(1), logarithms),
    "bands=C02,C03": Encoder(own_directions(1), _names(1), bands=("C02", "C03")),
    "pca-2": Encoder(lambda a, b: by_slots(a, b, over_noise=False), _names(2)),
    "mnf-2": Encoder(lambda a, b: by_slots(a, b, over_noise=True), _names(2)),
    "all": Encoder(by_bands, _names(4)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """Trajectories of both periods, and their measures."""

    encoder: SlotEncoder
    trajectories: tuple[Floats, Floats]
    harmonics: tuple[Floats, Floats]
    measured: Mapping[str, Floats]


def trace(land: Land, encoder: Encoder) -> Traced:
    """What `lake trajectory` computes of a land, by any encoder."""
    chosen = [
        n for n, name in enumerate(land.channels)
        if not encoder.bands or name.split("/")[1] in encoder.bands
    ]  # fmt: skip
    first, second = (encoder.prepare(values[..., chosen]) for values in (land.first, land.second))
    fitted = encoder.fit(first, second)
    paths = fitted.vectors(first), fitted.vectors(second)
    harmonics = loops.harmonics(paths[0], *land.cycles), loops.harmonics(paths[1], *land.cycles)
    measured = measures.measures(paths, harmonics, land.cycles, encoder.names)
    return Traced(fitted, paths, harmonics, measured)


def of_year(land: Land, traced: Traced, names: Sequence[str]) -> dict[str, float]:
    """Measure -> value, of invented land."""
    ranges = land.truth["range"].mean(axis=1)
    amount, noise = traced.measured["yearly_amount"], traced.measured["yearly_noise"]
    own = traced.harmonics[0][:, YEARLY][..., [name.startswith("yearly") for name in names]]
    one_period = loops.amount(own, own, land.cycles[0])
    known = np.isfinite(amount)
    bare, green = (known & part for part in _quarters(ranges))
    either = bare | green
    phase = traced.measured["yearly_phase"] - land.truth["phase"] * 12 / 365
    turn = 2 * np.pi * phase[green & np.isfinite(phase)] / 12
    error = np.angle(np.exp(1j * (turn - np.angle(np.exp(1j * turn).mean())))) * 12 / (2 * np.pi)
    changed = land.truth["range"][:, 1] - land.truth["range"][:, 0]
    return {
        "amount": _rank(amount, ranges, known),
        "one_period": _rank(one_period, ranges, known),
        "auc": float(roc_auc_score(green[either], amount[either])),
        "ratio": float(np.median(amount[green]) / np.median(amount[bare])),
        "true_ratio": float(np.median(ranges[green]) / np.median(ranges[bare])),
        "bare": float(np.median(amount[bare]) / np.median(noise[bare])),
        "speed": _rank(traced.measured["yearly_speed"], ranges, known),
        "phase": float(np.median(np.abs(error - np.median(error)))),
        "change_amount": _rank(traced.measured["change_amount"], changed, green),
        "change_phase": _rank(traced.measured["change_phase"], land.truth["later"], green),
    }


def of_day(land: Land, traced: Traced) -> dict[str, float]:
    """Measure -> value, of real land."""
    amount, phase = (traced.measured[f"daily_{name}"] for name in ("amount", "phase"))
    if traced.encoder.projection[-1, 0] < 0:  # farthest along is coldest
        phase = phase + 12
    noon = 12 - land.truth["lon"] / 15
    after = (phase - noon + 12) % 24 - 12
    low, middle, high = np.nanpercentile(after, (25, 50, 75))
    arid, forest = (np.isin(land.truth["climate"], classes) for classes in (ARID, FOREST))
    either = np.isfinite(amount) & (arid | forest)
    return {
        "solar_hour": float(middle),
        "spread_hours": float(high - low) / 2,
        "auc_arid": float(roc_auc_score(arid[either], amount[either])),
        "amount_arid": float(np.median(amount[either & arid])),
        "amount_forest": float(np.median(amount[either & forest])),
        "noise": float(np.nanmedian(traced.measured["daily_noise"])),
        "smoothness": float(np.nanmedian(traced.measured["daily_smoothness"])),
        "known": float(np.isfinite(amount).mean()),
    }


def _quarters(values: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(pixel,) the quarter with the smallest values, and that with the largest."""
    low, high = np.nanquantile(values, (QUARTER, 1 - QUARTER))
    return values <= low, values >= high


def _rank(values: Floats, truth: Floats, pixels: NDArray[np.bool_]) -> float:
    known = pixels & np.isfinite(values) & np.isfinite(truth)
    return float(spearmanr(values[known], truth[known])[0])


def load(name: str, seed: int, rows: int, folder: Path) -> Land:
    """The land of a kind and seed, from the folder where it has been made before."""
    path = folder / (f"{name}.npz" if name == LST else f"{name}-{rows}-{seed}.npz")
    if not path.exists():
        land = _real(folder) if name == LST else _invented(seed, rows, NUISANCE[name])
        truth = {f"truth/{key}": values for key, values in land.truth.items()}
        arrays = {key: np.asarray(getattr(land, key)) for key in Land.__slots__ if key != "truth"}
        part = path.with_suffix(".part.npz")
        np.savez(part, **arrays, **truth)
        part.rename(path)
    with np.load(path) as stored:
        truth = {key[6:]: stored[key] for key in stored.files if key.startswith("truth/")}
        texts = tuple(stored["channels"].tolist())
        steps = (tuple(stored[key].tolist()) for key in ("months", "tods"))
        return Land(
            stored["first"], stored["second"], texts, *steps, stored["row"], stored["column"], truth
        )


def _invented(seed: int, rows: int, nuisance: float) -> Land:
    options = Country(seed=seed, rows=rows, columns=rows, nuisance=nuisance)
    made = country.make_land(options)
    with tempfile.TemporaryDirectory() as folder:
        written = stores.write(f"{folder}/lake", options, LAYOUT, folder)
        first, second = (lake.open(f"{written.root}/{key}") for key in written.keys)
        values, sources = _read(first, second)
        domain = first.domain
    places = np.full(made.mask.shape, -1)
    places[made.mask] = np.arange(made.pixels)
    order = places[domain.row, domain.column]
    years = [sky.make_year(made, year) for year in options.years]
    green = np.array(
        [[bands.greenness(made, year, m) for m in range(len(options.months))] for year in years]
    )  # (year, month, pixel)
    truth = {
        "range": np.ptp(green, axis=1).T[order],
        "phase": made.dynamics[order, 0],
        "later": (years[1].later - years[0].later)[order],
    }
    return _land(values, sources, domain.row, domain.column, truth)


def _real(folder: Path) -> Land:
    first, second = embedding_lands._ingested(folder / "koppen")  # noqa: SLF001
    (one, other), sources = _read(first, second)
    domain = first.domain
    climate = embedding_lands.climates(domain)
    days = [np.isfinite(values).any(axis=(1, 2, 3)) for values in (one, other)]
    is_land = days[0] & days[1] & (climate != embedding_lands.OCEAN)
    truth = {"lon": domain.lonlat()[0][is_land], "climate": climate[is_land]}
    places = domain.row[is_land], domain.column[is_land]
    return _land((one[is_land], other[is_land]), sources, *places, truth)


def _read(first: Store, second: Store) -> tuple[tuple[Singles, Singles], SlotSources]:
    selection = slots.resolve(FeatureSelection(statistics=("mean",)), first, second)
    sources, everywhere = slots.sources(first, second, selection), slice(0, first.domain.pixels)
    grid = SlotGrid.of(sources.names)
    one, other = (
        grid.values(features.read(store, selection, everywhere)) for store in (first, second)
    )
    return (one, other), sources


def _land(
    values: tuple[Singles, Singles],
    sources: SlotSources,
    row: NDArray[np.integer],
    column: NDArray[np.integer],
    truth: Mapping[str, Floats],
) -> Land:
    channels = SlotGrid.of(sources.names).channels
    return Land(*values, channels, sources.months, sources.tods, row, column, truth)


def table(name: str, seeds: Sequence[int], rows: int, folder: Path) -> dict[str, Any]:
    """Encoder -> measure -> mean, spread and the values of the seeds."""
    by_seed: list[dict[str, dict[str, float]]] = []
    for seed in seeds:
        land = load(name, seed, rows, folder)
        if name == LST:
            traced = trace(land, ENCODERS["default"])
            by_seed.append({"default": of_day(land, traced)})
            break
        by_seed.append({})
        for row, encoder in ENCODERS.items():
            by_seed[-1][row] = of_year(land, trace(land, encoder), encoder.names)
        print(f"  {name} {seed}: amount {by_seed[-1]['default']['amount']:.3f}", file=sys.stderr)
    document: dict[str, Any] = {}
    for row in by_seed[0]:
        document[row] = {}
        for measure in by_seed[0][row]:
            values = [of[row][measure] for of in by_seed]
            spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            mean = float(np.mean(values))
            document[row][measure] = {"mean": mean, "spread": spread, "values": values}
    return document


def lines(name: str, document: Mapping[str, Any]) -> list[str]:
    """The table of a land, in Markdown."""
    shown = list(next(iter(document.values())))
    texts = [f"| {name} | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    for row, values in document.items():
        cells = [f"{values[m]['mean']:.2f} ({values[m]['spread']:.2f})" for m in shown]
        texts.append(f"| {row} | {' | '.join(cells)} |")
    return [*texts, ""]


def sheet(lands: Mapping[str, Land], path: Path) -> None:
    """Draw maps of the truth and of the measures, and loops of pixels: a row for each land."""
    figure = Figure(figsize=(19, 3.4 * len(lands)), layout="constrained")
    grid = figure.subplots(len(lands), 5, squeeze=False)
    for axes, (name, land) in zip(grid, lands.items(), strict=True):
        traced = trace(land, ENCODERS["default"])
        measured, is_real = traced.measured, name == LST
        amount = measured["daily_amount" if is_real else "yearly_amount"]
        if is_real:
            pictures = [
                ("amount of the daily loop", amount, "viridis", None),
                ("phase of the daily loop, hour UTC", measured["daily_phase"], "twilight", (0, 24)),
                ("smoothness of the daily loop", measured["daily_smoothness"], "cividis", (0, 1)),
                ("change between the periods", measured["change"], "inferno", None),
            ]
            truth = land.truth["climate"]
            low, high = (np.isin(truth, classes) for classes in (FOREST, ARID))
        else:
            ranges = land.truth["range"].mean(axis=1)
            pictures = [
                (f"{name}: true range of greenness", ranges, "viridis", None),
                ("amount of the yearly loop", amount, "viridis", None),
                ("true phase, months", land.truth["phase"] * 12 / 365, "viridis", (3, 9)),
                ("phase of the yearly loop, months", measured["yearly_phase"], "viridis", (3, 9)),
            ]
            low, high = _quarters(ranges)
        for axis, (title, values, cmap, limits) in zip(axes, pictures, strict=False):
            _map(figure, axis, land, (title, values, cmap, limits))
        _loops(axes[4], land, traced, (low, high), is_real=is_real)
    figure.savefig(path, dpi=100)


def _map(
    figure: Figure, axis: Axes, land: Land, picture: tuple[str, Floats, str, tuple[int, int] | None]
) -> None:
    title, values, cmap, limits = picture
    top, left = land.row.min(), land.column.min()
    image = np.full((land.row.max() - top + 1, land.column.max() - left + 1), np.nan)
    image[land.row - top, land.column - left] = values
    low, high = limits or np.nanpercentile(values, (1, 99))
    shown = axis.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(shown, ax=axis, shrink=0.7)
    axis.set_title(title, fontsize=9)
    axis.set_axis_off()


def _loops(
    axis: Axes, land: Land, traced: Traced, groups: Sequence[NDArray[np.bool_]], *, is_real: bool
) -> None:
    """Courses of six pixels of each of two groups, in both periods."""
    cycle = land.cycles[is_real]
    for group, colour in zip(groups, ("#D55E00", "#009E73"), strict=True):
        observed = [np.isfinite(path).mean(axis=(1, 2, 3)) for path in traced.trajectories]
        usable = np.flatnonzero(group & (np.minimum(*observed) > (0.5 if is_real else 0.7)))
        chosen = usable[np.linspace(0, len(usable) - 1, min(COURSES, len(usable))).astype(int)]
        for path, style in zip(traced.trajectories, ("-", "--"), strict=True):
            drawn = trajectory_loops.course(path[chosen], "diurnal" if is_real else "annual")
            values = drawn[..., -1 if is_real else 0]
            values = values - np.nanmean(values, axis=1, keepdims=True)
            axis.plot(cycle.positions, values.T, style, color=colour, linewidth=0.8)
    axis.set_xlabel("hour (UTC)" if is_real else "month", fontsize=8)
    names = "forest (orange), arid (green)" if is_real else "bare (orange), vegetated (green)"
    axis.set_title(f"six pixels: {names}; noise is 1", fontsize=8)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lands", default=",".join(LANDS), help="some of them, by commas")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=3, help="0 to 2 chose the encoder")
    parser.add_argument(
        "--rows", type=int, default=80, help="rows and columns of invented countries"
    )
    parser.add_argument("--work", type=Path, default=Path("trajectory-benchmark"))
    parser.add_argument("--json", action="store_true", help="print JSON")
    record.add_option(parser)
    arguments = parser.parse_args()
    names = arguments.lands.split(",")
    if unknown := set(names) - set(LANDS):
        parser.error(f"no lands {', '.join(sorted(unknown))}: wanted some of {', '.join(LANDS)}")
    arguments.work.mkdir(parents=True, exist_ok=True)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    document = {name: table(name, seeds, arguments.rows, arguments.work) for name in names}
    (arguments.work / "table.json").write_text(json.dumps(document, indent=1), "utf-8")
    first = {name: load(name, seeds[0], arguments.rows, arguments.work) for name in names}
    sheet(first, arguments.work / "sheet.png")
    text = "\n".join(line for name in names for line in lines(name, document[name]))
    record.write(arguments.record, record.of_figures(document))
    print(json.dumps(document, indent=1) if arguments.json else text)


if __name__ == "__main__":
    main()
