"""How well vectors of pixels predict hidden classes, by linear and learnt methods, on an invented country.

    python benchmarks/embedding.py [--quick] [--json] [--seeds 3] [--methods raw,pca-64,...]
    python benchmarks/embedding.py --koppen LAKE [--json] ...

For each seed a country (`jobs.synthetic`) is written as two stores, one a year: some 12 000 pixels
(--quick: 5 000), 32 classes, all three resolutions. Every method sees the features that `lake sample`
takes by default (merged subpixels; those missing in half the pixels left out), is fitted without any
label, and turns both years into vectors. `jobs.evaluation.measures` says what is measured of them, on
held-out squares of 12 x 12 pixels; `knn` is its `knn_3`, `few_shot` its `few_linear`, from 500
labels. Mean over the seeds; the spread is their standard deviation. A seed is another country, another split
and another draw. Some are harder for all methods, so learnt ones are also compared with the best linear
method seed by seed.

- `raw`: all features, standardised, missing values imputed by 200 principal components.
- `pca-k`, `white-k`: principal components of the first year, as they are and with variance 1.
- `mnf-k`: minimum noise fraction; the noise is what differs between the years.
- `default` and all others: learnt, by `lake embed` with the settings of `LEARNT`, on the first
  200 components or on the features, by one thread.

--koppen: real land instead. The 96 granules of `abi/lstf` in LAKE_SHARED_DATA (default ../shared/data)
are ingested into LAKE, unless that was done before, as two periods, one day of December and one of
February each: 48 features, mean temperatures. Of land pixels with more than half of them in both
periods (101 529) the classes are Koppen-Geiger climates, the squares 40 x 40 pixels; a seed is another
split and another draw.

A method is one entry of `METHODS`: data of both years in, vectors of both years out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from PIL import Image

import lake
from jobs.embedding import embed, encoder_inputs, hard_negatives, recipe, vectors
from jobs.embedding.columns import Columns
from jobs.embedding.views import pairs
from jobs.evaluation import coherence, measures
from jobs.evaluation.cases import MeasureSettings, Pixels
from jobs.features import features, texture
from jobs.features.features import FeatureSelection
from jobs.features.scaling import Scaling
from jobs.linear import components, mnf
from jobs.linear.components import LinearModel
from jobs.linear.covariance import CovarianceSums
from jobs.linear.passes import Fit
from jobs.runs import settings
from jobs.sampling import sample
from jobs.synthetic import stores
from jobs.synthetic.country import DYNAMICS, Country
from lake.dask_cluster import MALLOC, ONE_THREAD
from lake.format import order
from lake.format.domain import Domain
from lake.format.order import Layout
from lake.reading.store import Store

Singles = NDArray[np.float32]

ROWS, QUICK_ROWS = 128, 80
SQUARE = 12
DATA = Path(os.environ.get("LAKE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
PERIODS = (("2022-12-14", "2023-02-21"), ("2022-12-15", "2023-02-22"))
KOPPEN_SQUARE, OCEAN = 40, 32
LAYOUT = Layout(256, 8)
FIT, FLOOR = Fit(), mnf.Settings().floor
MAX_MISSING = sample.Settings().max_missing
NAMED = {"knn": "knn_3", "few_shot": "few_linear"}
"""Names that other tools ask for, and the measures that these are."""
SHOWN = (
    "knn_3", "linear", "few_linear", "few_knn_3", "cross_period", "retrieval", "stability", "nmi",
    "overlap", "trustworthiness", "r2_dynamics", "r2_patterns", "r2_textures", "rankme",
)  # fmt: skip

T, R = TypeVar("T"), TypeVar("R")
Method = Callable[["Data"], tuple[Singles, Singles]]
"""Vectors (pixel, d) of both years; NaN where a pixel has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Principal components, and the covariance that they are of."""

    model: LinearModel
    covariance: NDArray[np.float64]
    """(feature, feature) of features standardised by the last pass but one."""
    scale: NDArray[np.float64]
    """(feature,) by which features were divided for it."""


@dataclass(frozen=True, eq=False)
class Data:
    """The input of a method: features of two years of a country, and nothing of the truth."""

    first: Singles
    """(feature, pixel) NaN: missing."""
    second: Singles
    names: tuple[str, ...]
    """Names of the features: `day-2km/C13/07/64800/mean`."""
    row: NDArray[np.integer]
    """(pixel,) on the grid, as `column` is."""
    column: NDArray[np.integer]
    seed: int
    textures: NDArray[np.floating] | None = None
    """(pixel, t) of the first year's fine pixels."""

    @cached_property
    def total(self) -> Fitted:
        """Principal components of the first year."""
        return fitted(self.first, Scaling.fit(self.first, FIT.clip))

    @cached_property
    def noise(self) -> Fitted:
        """Those of the differences between the years."""
        pilot = Scaling.fit(self.first, FIT.clip)
        without_end = np.full(len(self.first), np.inf)
        unit = Scaling(-without_end, without_end, np.zeros(len(self.first)), pilot.scale)
        return fitted(pilot.cut(self.first.copy()) - pilot.cut(self.second.copy()), unit)

    @cached_property
    def filled(self) -> tuple[Singles, Singles]:
        """(pixel, feature) of both years, standardised by the first, without missing values.

        NaN: a pixel that has no feature at all.
        """
        years = []
        for x in (self.first, self.second):
            z = self.total.model.scaling.apply(x.copy())
            components.impute(z, self.total.model)
            years.append(np.ascontiguousarray(z.T))
        return years[0], years[1]

    def projected(self, vectors: NDArray[np.float64]) -> tuple[Singles, Singles]:
        """(pixel, d) of both years along vectors (d, feature)."""
        first, second = (z @ vectors.T.astype(np.float32) for z in self.filled)
        return first, second


def fitted(x: Singles, scaling: Scaling) -> Fitted:
    """As `lake pca` fits: a pass, then imputation passes, by the components of the pass before."""
    last: Fitted | None = None
    for _ in range(1 + FIT.refills):
        before = last.model.scaling if last else scaling
        z, total = before.apply(x.copy()), CovarianceSums.empty(len(x))
        if last:
            total.add_noise(last.model.noise * components.impute(z, last.model))
        total.add(z)
        model = components.solve(total, before, min(FIT.components, len(z)))
        last = Fitted(model, total.covariance(), before.scale)
    return last


def raw(data: Data) -> tuple[Singles, Singles]:
    """All features."""
    return data.filled


def pca(data: Data, k: int, *, whiten: bool = False) -> tuple[Singles, Singles]:
    """The first k principal components."""
    model = data.total.model
    unit = np.sqrt(model.variance[:k, None]) if whiten else 1
    return data.projected(model.components[:k] / unit)


def minimum_noise(data: Data, k: int) -> tuple[Singles, Singles]:
    """The k directions with most variance over noise."""
    scale = data.total.model.scaling.scale
    total, noise = (
        fit.covariance * (fit.scale / scale) * (fit.scale / scale)[:, None]
        for fit in (data.total, data.noise)
    )
    return data.projected(mnf.solve(total, noise / 2, k, FLOOR)[0])


def learnt(data: Data, overrides: str) -> tuple[Singles, Singles]:
    """The vectors of `lake embed` with these settings, trained on all pixels that have inputs."""
    parsed = settings.parse(embed.Settings, [*overrides.split(), *COMMON, f"seed={data.seed}"])
    inputs, count = parsed.encoder_inputs.inputs, min(FIT.components, len(data.names))
    scores = {"pca": partial(pca, k=count), "mnf": partial(minimum_noise, k=count)}
    x = scores.get(inputs, standardised)(data)
    are_features = inputs == encoder_inputs.FEATURES
    resolved = recipe.resolve(parsed.recipe, 2, features=are_features)
    valid = np.flatnonzero(np.isfinite(x[0]).all(axis=1) & np.isfinite(x[1]).all(axis=1))
    around = torch.from_numpy(pairs.adjacent(data.row[valid], data.column[valid]))
    pixels = tuple(torch.from_numpy(period[valid]) for period in x)
    columns = Columns.from_names(data.names) if are_features else Columns(components=count)
    negatives = None
    if parsed.dataset.hard_negatives and data.textures is not None:
        mined = hard_negatives.mined(data.textures[valid], x[0][valid], data.seed)
        negatives = torch.from_numpy(mined), parsed.dataset.hard_negatives
    state = recipe.fit(resolved, pixels, columns, around, hard_negatives=negatives)
    return vectors.embed(state.model, x[0]), vectors.embed(state.model, x[1])


def standardised(data: Data) -> tuple[Singles, Singles]:
    """Standardised features, 0 where missing."""
    scaling = data.total.model.scaling
    first, second = (np.nan_to_num(scaling.apply(x.copy())).T for x in (data.first, data.second))
    return first, second


COMMON = ("threads=1",)
LEARNT = {
    "default": "inputs=mnf",
    "default-one": "inputs=features loss=alignment,uniformity views=slots",
    "neighbours": "inputs=pca loss=infonce views=neighbours",
    "hard-negatives": "inputs=mnf hard_negatives=0.25",
    "study-a": "inputs=pca model=plain loss=mse views=mask,noise masked=0.2 unit=false",
    "study-b": "inputs=pca model=plain loss=infonce views=mask",
    "pca-years": "inputs=pca",
    "infonce-years": "inputs=mnf loss=infonce views=periods",
    "masked-slots": "inputs=features loss=huber views=slots",
    "infonce-slots": "inputs=features loss=infonce views=slots",
    "vae": "inputs=pca model=vae loss=mse,kl weights=1,0.001 views=noise noise=0 unit=false",
    "vicreg-years": "inputs=mnf loss=vicreg views=periods unit=false",
    "barlow-years": "inputs=mnf loss=barlow views=periods unit=false",
}
"""Method -> settings; `study-a` and `study-b` are the original study's, a denoising autoencoder and a
contrastive encoder of masked components."""

METHODS: dict[str, Method] = {
    "raw": raw,
    **{f"pca-{k}": partial(pca, k=k) for k in (8, 16, 32, 64, 128)},
    **{f"white-{k}": partial(pca, k=k, whiten=True) for k in (16, 32, 64)},
    **{f"mnf-{k}": partial(minimum_noise, k=k) for k in (8, 16, 32, 64, 128)},
    **{name: partial(learnt, overrides=overrides) for name, overrides in LEARNT.items()},
}


LINEAR = frozenset(METHODS) - frozenset(LEARNT)
COMPARED = ("knn_3", "linear", "few_linear", "cross_period")
"""The measures in which a learnt method is compared with the best linear one."""

KOPPEN = (
    "raw", "pca-8", "pca-16", "pca-32", "white-16", "mnf-8", "mnf-16", "mnf-32",
    "default", "pca-years", "infonce-years", "default-one", "neighbours",
)  # fmt: skip
"""The methods on real land, which has 48 features."""


def each(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The results of `work` for each item, in a process for each core, of one thread."""
    os.environ.update(MALLOC | ONE_THREAD)
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        return list(pool.map(work, items))


def run(
    country: Country, methods: Sequence[str], measuring: MeasureSettings
) -> dict[str, Mapping[str, float]]:
    """Method -> measure -> value, of one country."""
    seed = country.seed
    with tempfile.TemporaryDirectory() as folder:
        written = stores.write(f"{folder}/lake", country, LAYOUT, folder)
        first, second = (lake.open(f"{written.root}/{key}") for key in written.keys)
        data = read(first, second, seed, FeatureSelection(), MAX_MISSING)
        truth = true_pixels(first, written.truth)
    data = replace(data, textures=truth.quantities["textures"])
    _say(f"seed {seed}: {data.first.shape[1]} pixels, {len(data.names)} features")
    return measured(data, replace(truth, features=data.filled[0]), measuring, methods, seed)


def measured(
    data: Data, truth: Pixels, measuring: MeasureSettings, methods: Sequence[str], seed: int
) -> dict[str, Mapping[str, float]]:
    """Method -> measure -> value."""
    values = {}
    touching = coherence.touching(truth.row, truth.column, truth.classes)
    for name in methods:
        began = time.monotonic()
        first, second = METHODS[name](data)
        fitted_in = time.monotonic() - began
        beside = first[touching[0]], first[touching[1]]
        pixels = replace(truth, vectors=first, second_vectors=second, touching=beside)
        values[name] = measures.measure(pixels, measuring, seed).values
        measured_in = time.monotonic() - began - fitted_in
        _say(f"  {seed} {name}: {fitted_in:.0f} s, measured in {measured_in:.0f} s")
    return values


def koppen(seeds: int, root: str, methods: Sequence[str]) -> list[dict[str, Mapping[str, float]]]:
    """For each seed method -> measure -> value, of real land."""
    first, second = ingested(root)
    domain = first.domain
    data = read(first, second, 0, FeatureSelection(statistics=("mean",)), 1)
    valid = [np.isnan(x).mean(axis=0) < 0.5 for x in (data.first, data.second)]
    classes = climates(domain)
    land = np.flatnonzero(valid[0] & valid[1] & (classes != OCEAN))
    x, y = data.first[:, land].copy(), data.second[:, land].copy()
    data = Data(x, y, data.names, domain.row[land], domain.column[land], 0)
    _say(f"{land.size} pixels, {len(data.names)} features")
    no_vectors = np.full((land.size, 1), np.nan)
    truth = Pixels(no_vectors, domain.row[land], domain.column[land], classes[land])
    truth = replace(truth, features=data.filled[0])
    measuring = MeasureSettings(square=KOPPEN_SQUARE)
    return each(partial(split_of_land, data, truth, methods, measuring), range(seeds))


def split_of_land(
    data: Data, truth: Pixels, methods: Sequence[str], measuring: MeasureSettings, seed: int
) -> dict[str, Mapping[str, float]]:
    """Method -> measure -> value, of one split of real land."""
    return measured(replace(data, seed=seed), truth, measuring, methods, seed)


def ingested(root: str) -> tuple[Store, Store]:
    """Two periods of the real granules, ingested unless that was done before."""
    key, source = "goes16/lst-10km/{}_{}/geom-goes-fulldisk-0", str(DATA / "abi" / "lstf")
    targets = []
    for period in PERIODS:
        days = [day.replace("-", "") for day in period]
        targets.append(key.format(*days))
        if Path(root, targets[-1]).is_dir():
            continue
        for day in period:
            options = ["--source", source, "--set", f"t0={day}", "--set", f"tf={day}"]
            _lake(root, "ingest", "run", "lst-10km", *options)
        _lake(root, "merge", *(key.format(day, day) for day in days))
    first, second = (lake.open(f"{root}/{target}") for target in targets)
    return first, second


def _lake(root: str, *arguments: str) -> None:
    subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-m", "lake", *arguments, "--lake", root], check=True
    )


def climates(domain: Domain) -> NDArray[np.int64]:
    """(pixel,) Koppen-Geiger class at each pixel's place."""
    zones = np.asarray(Image.open(DATA / "maps" / "koppen" / "kmz_int_reshape.png"))
    lon, lat = domain.lonlat()
    row, column = (90 - lat) / 180 * zones.shape[0], (lon + 180) / 360 * zones.shape[1]
    return zones[row.astype(int), column.astype(int)].astype(np.int64)


def read(
    first: Store, second: Store, seed: int, selection: FeatureSelection, max_missing: float
) -> Data:
    """The features that are missing in at most this share of the pixels of the first store."""
    resolved = features.resolve(selection, first)
    names = [str(feature) for feature in features.columns(resolved, first.cubes.values())]
    x, y = (
        features.read(store, resolved, slice(0, store.domain.pixels)) for store in (first, second)
    )
    rows = np.flatnonzero(np.isnan(x).mean(axis=1) <= max_missing)
    row_names, domain = tuple(names[row] for row in rows), first.domain
    return Data(x[rows], y[rows], row_names, domain.row, domain.column, seed)


def true_pixels(store: Store, url: str) -> Pixels:
    """The pixels of a store with their true classes and quantities; they have no vectors yet."""
    table = pq.read_table(url)
    dynamics = np.stack([table[name].to_numpy() for name in DYNAMICS], axis=1)
    dynamics = (dynamics - dynamics.mean(axis=0)) / dynamics.std(axis=0)
    domain = store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    patterns = np.concatenate([texture.patterns(store, block) for block in blocks])
    cubes = texture.fine_cubes(store)
    quantities = {"dynamics": dynamics} | {
        name: dynamics[:, [column]] for column, name in enumerate(DYNAMICS)
    }
    textures = texture.textures(patterns, cubes)
    for name, values in (("patterns", patterns), ("textures", textures)):
        quantities[name] = texture.standardise(values, cubes)
    no_vectors = np.full((domain.pixels, 1), np.nan)
    classes = table["label"].to_numpy().astype(np.int64)
    return Pixels(no_vectors, domain.row, domain.column, classes, None, quantities, dynamics)


def _rows(
    summaries: Mapping[str, Mapping[str, Mapping[str, float]]],
    gains: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Iterator[str]:
    """The lines of the table, then one line for each learnt method."""
    names = [name for name in SHOWN if name in next(iter(summaries.values()))]
    yield " | ".join(["method".ljust(10), *(name.rjust(14) for name in names)])
    for method, values in summaries.items():
        cells = [f"{values[name]['mean']:.3f} ({values[name]['spread']:.3f})" for name in names]
        yield " | ".join([method.ljust(10), *(cell.rjust(14) for cell in cells)])
    for method, by_measure in sorted(gains.items()):
        texts = [
            f"{name} {gain['mean']:+.3f} ({gain['spread']:.3f}) {gain['best']}"
            for name, gain in by_measure.items()
        ]
        yield f"{method} over the best linear method, seed by seed: {', '.join(texts)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller country")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seeds", type=int, default=3, help="countries, or splits of real land")
    parser.add_argument("--koppen", metavar="LAKE", help="real land, in a lake at this folder")
    parser.add_argument("--rows", type=int, help="rows and columns of the country")
    parser.add_argument("--methods", help="some of them, by commas")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    arguments = parser.parse_args()
    methods = (
        arguments.methods.split(",")
        if arguments.methods
        else list(KOPPEN if arguments.koppen else METHODS)
    )
    if unknown := set(methods) - set(METHODS):
        parser.error(f"no method {', '.join(sorted(unknown))}: wanted some of {', '.join(METHODS)}")
    if arguments.koppen:
        _report(koppen(arguments.seeds, arguments.koppen, methods), methods, arguments)
        return
    rows = arguments.rows or (QUICK_ROWS if arguments.quick else ROWS)
    countries = [Country(seed=seed, rows=rows, columns=rows) for seed in range(arguments.seeds)]
    _report(
        each(partial(run, methods=methods, measuring=MeasureSettings(square=SQUARE)), countries),
        methods,
        arguments,
    )


def _report(
    runs: Sequence[Mapping[str, Mapping[str, float]]],
    methods: Sequence[str],
    arguments: argparse.Namespace,
) -> None:
    summaries = {method: measures.summary([run[method] for run in runs]) for method in methods}
    gains = {method: gain(runs, summaries, method) for method in set(methods) - LINEAR}
    document = {
        method: {**{name: summary[measure] for name, measure in NAMED.items()}, **summary}
        | ({"over_best_linear": gains[method]} if gains.get(method) else {})
        for method, summary in summaries.items()
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1), "utf-8")
    print(json.dumps(document, indent=1) if arguments.json else "\n".join(_rows(summaries, gains)))


def gain(
    runs: Sequence[Mapping[str, Mapping[str, float]]],
    summaries: Mapping[str, Mapping[str, Mapping[str, float]]],
    method: str,
) -> dict[str, dict[str, Any]]:
    """Measure -> by how much a method is above the best linear one, seed by seed: mean, spread, and which."""
    gains = {}
    for measure in (name for name in COMPARED if name in summaries[method]):
        linear = {name: summaries[name][measure]["mean"] for name in LINEAR & set(summaries)}
        if linear:
            best = max(linear, key=linear.__getitem__)
            differences = [{measure: run[method][measure] - run[best][measure]} for run in runs]
            gains[measure] = {**measures.summary(differences)[measure], "best": best}
    return gains


if __name__ == "__main__":
    main()
