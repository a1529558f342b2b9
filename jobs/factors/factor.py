"""The job `factor`: a decomposition of (pixel, month, tod, band, metric), holes masked: CP, Tucker, einsum.

Small factors are shared by all pixels, pixel factors are solved shard by shard
(`jobs.factors.pixel_factors`).
The pilot, the first pixels of every superblock, sets the scaling and the small factors to begin with
(`jobs.factors.scan`). Then every pass reads all pixels once: it solves them, adds up what the small
factors need in groups of superblocks, and one task merges the groups and improves the small factors. A
last reading stores the pixel factors. An expression of einsum has the small factors of the pilot.

`factor.zarr` holds `embedding` (pixel, component), the pixel factors, NaN where nothing was observed, and
`unexplained` (pixel), the share of a pixel's sum of squares that is left. The model: of each feature `low`,
`high`, `mean`, `scale` as in `jobs.linear.linear_model`, and `loadings` (component, feature); clipped
values are `mean + scale * (embedding @ loadings)` and what is left. The factors of each mode are
`month_factor`, ... (step, component), of Tucker (step, rank), and its `core`. Of an expression these are
the profiles that come nearest, and its own factors are `factor_mbr`, ... by their letters; its values are
`mean + scale * g(embedding @ loadings)`, g the nonlinearity. `factor.json` says how well it fits.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Annotated, Any

import numpy as np

from jobs.factors import (
    cells,
    factor_model,
    judgements,
    nonlinear_pixels,
    pixel_factors,
    scan,
    small_factors,
)
from jobs.factors.cells import MODES, CellGrid
from jobs.factors.factor_model import FactorModel
from jobs.factors.fit_settings import EINSUM, TUCKER, FactorFit
from jobs.factors.pixel_factors import FactorSums, Observed
from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.figures import factor_charts, gallery
from jobs.figures.captioned_maps import CaptionedFigure, Place
from jobs.linear import linear_model, passes
from jobs.linear.gram import one_thread
from jobs.linear.linear_model import FeatureSource
from jobs.runs import outputs, records
from jobs.runs.settings import OneOf, TimeOfDay, restore
from jobs.runs.spec import Spec
from jobs.runs.stages import ActiveRun, Arrays, pack, task_result, unpack
from lake.console.messages import table
from lake.errors import ConfigError, DataError
from lake.format import order, schema
from lake.format.schema import Array
from lake.plot import headings, views
from lake.reading.store import Store

JOB = "factor"
DOCUMENT = "factor.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of `lake factor`."""

    fit: FactorFit = field(default_factory=FactorFit)
    """`method`, `components`, `nonnegative`, `scan`, `passes`, ..."""
    cubes: tuple[str, ...] = ()
    """Names of cubes; empty: all."""
    months: tuple[int, ...] = ()
    """Months, 1 to 12; empty: all that the store has."""
    tods: tuple[TimeOfDay, ...] = ()
    """Times of day, UTC; empty: all."""
    bands: tuple[str, ...] = ()
    """Names of bands, e.g. `C13`; empty: all."""
    statistics: tuple[Annotated[str, OneOf("features.STATISTICS")], ...] = ("mean", "stddev")
    """Statistics of each observed month, time of day and band."""
    subpixels: Annotated[str, OneOf("features.SUBPIXELS")] = features.MERGED
    """Whether the subpixels of a pixel are one set of observations, or each counts by itself."""

    def __post_init__(self) -> None:
        _ = self.selection  # refuses names that are none

    @property
    def selection(self) -> FeatureSelection:
        """The features that are the cells."""
        return FeatureSelection(
            self.cubes, self.months, self.tods, self.bands, self.statistics, self.subpixels
        )


@dataclass(frozen=True, slots=True)
class FactorPlan:
    """What the tasks need."""

    source: FeatureSource
    names: tuple[str, ...]
    """Names of the features."""
    fit: FactorFit


def specs(root: str, store: Store, settings: Settings) -> tuple[Spec, ...]:
    """The run that decomposes a store.

    Raises:
        ConfigError: names that the store does not have, or too few ranks for the components.
    """
    selection = features.resolve(settings.selection, store)
    fit = settings.fit
    grid = CellGrid.of([str(name) for name in features.columns(selection, store.cubes.values())])
    if fit.method == TUCKER:
        for count in (fit.components, *fit.scan):
            fit.ranks_of(grid.shape, count)
    fit = replace(fit, zero=fit.zero or fit.default_zero)
    if fit.method == EINSUM:
        _check_torch()
        fit = replace(fit, passes=0)
    resolved = Settings(
        fit, selection.cubes, selection.months, selection.tods, selection.bands,
        selection.statistics, selection.subpixels,
    )  # fmt: skip
    return (records.spec_of(root, resolved, JOB, (store,)),)


def _check_torch() -> None:
    if find_spec("torch") is None:
        raise ConfigError("method=einsum needs torch: pip install 'goeslake[embed]'")


def make(work: ActiveRun) -> Sequence[str]:
    """Fit the pilot, improve the small factors by all pixels, solve every pixel, and draw."""
    store, settings = work.store, work.settings(Settings)
    columns = features.columns(settings.selection, store.cubes.values())
    names = tuple(str(feature) for feature in columns)
    source = linear_model.feature_source(store, names, suspect=False)
    plan = FactorPlan(source, names, settings.fit)
    arrays = _arrays(store, CellGrid.of(names), plan)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    blocks = order.superblocks(store.domain.pixels, store.domain.layout)
    size = -(-settings.fit.fitted_on // len(blocks))
    pilot = tuple(slice(block.start, min(block.start + size, block.stop)) for block in blocks)
    work.stage(scan.PILOT, _pilot, [(plan, pilot)])
    scan.run(work, settings.fit, names)
    groups = passes.superblock_groups(blocks)
    sizes = [4 * len(names) * (group[-1].stop - group[0].start) for group in groups]
    for number in range(settings.fit.passes):
        work.stage(f"sums{number}", _sums, [(plan, number, group) for group in groups], sizes)
        work.stage(f"update{number}", _update, [(plan, number, len(groups))])
    work.stage("model", _model, [(plan,)])
    _solve_all(work, source, work.run)
    document = _document(work, plan, len(blocks))
    work.objects.put(DOCUMENT, json.dumps(document, indent=1).encode())
    pictures = [
        gallery.store_picture(work, name, figure) for name, figure in _draw(work, plan, document)
    ]
    return [path, DOCUMENT, *gallery.store_list(work, pictures)]


def apply(work: ActiveRun, model: str) -> Sequence[str]:
    """Solve all pixels of another store by the small factors of a run, for `lake transform`."""
    count = outputs.read(work.root, model, "component").size
    arrays = _pixel_arrays(work.store, count)
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    _solve_all(work, linear_model.model_source(work.root, work.store, model), model)
    return [path]


def summary(root: str, run: str) -> str:
    """How well a finished run fits, and what the scan says."""
    document = json.loads(records.folder(root, run).get(DOCUMENT))
    rows = [
        [
            str(row["components"]),
            f"{row['fit']:.4f}",
            "" if row["core_consistency"] is None else f"{row['core_consistency']:.1f}",
            "" if row["stability"] is None else f"{row['stability']:.3f}",
        ]
        for row in document["scan"]
    ]
    columns = ["components", "fit of the pilot", "core consistency", "stability"]
    return f"fit of all pixels: {document['fit']:.4f}\n{table(columns, rows)}"


def _solve_all(work: ActiveRun, source: FeatureSource, model: str) -> None:
    """Have every pixel of the run's first store solved by the small factors of a run."""
    domain = work.store.domain
    blocks = order.superblocks(domain.pixels, domain.layout)
    pixel_bytes = 4 * outputs.read(work.root, model, "mean").size
    sizes = [pixel_bytes * (block.stop - block.start) for block in blocks]
    work.stage("solve", _solve, [(source, model, block) for block in blocks], sizes)


def _pixel_arrays(store: Store, count: int) -> Iterator[Array]:
    """The arrays of the pixels and their factors."""
    yield from schema.pixel_coordinates(store.domain)
    yield outputs.whole_array("component", ("component",), np.arange(count))
    yield outputs.pixel_array("embedding", store, {"component": count}, "float32", np.nan)
    yield outputs.pixel_array("unexplained", store, {}, "float32", np.nan)


def _arrays(store: Store, grid: CellGrid, plan: FactorPlan) -> Iterator[Array]:
    """The arrays of the run's group, not filled yet."""
    count, width = plan.fit.components, len(plan.names)
    yield from _pixel_arrays(store, count)
    yield outputs.whole_array("feature", ("feature",), plan.names)
    for name in ("low", "high", "mean", "scale"):
        yield outputs.whole_array(name, ("feature",), np.full(width, np.nan))
    loadings = np.full((count, width), np.nan)
    yield outputs.whole_array("loadings", ("component", "feature"), loadings)
    fit = plan.fit
    ranks = fit.ranks_of(grid.shape, count) if fit.method == TUCKER else None
    for number, (mode, steps) in enumerate(grid.steps.items()):
        units = {"units": "s"} if mode == "tod" else {}
        yield outputs.whole_array(mode, (mode,), steps, **units)
        dims, size = (mode, f"{mode}_rank"), count if ranks is None else ranks[number]
        values = np.full((len(steps), size), np.nan)
        yield outputs.whole_array(
            f"{mode}_factor", (mode, "component") if ranks is None else dims, values
        )
    if fit.einsum:
        sizes = fit.einsum_sizes(grid.shape, count)
        for letters in fit.einsum.small:
            shape = [sizes[letter] for letter in letters]
            axes = fit.einsum.axes(letters)
            yield outputs.whole_array(f"factor_{letters}", axes, np.full(shape, np.nan))
    if ranks is not None:
        core = np.full((*ranks, count), np.nan)
        yield outputs.whole_array("core", (*(f"{mode}_rank" for mode in MODES), "component"), core)


@one_thread()
def _pilot(root: str, run: str, plan: FactorPlan, pilot: tuple[slice, ...]) -> Arrays:
    """On a worker: read the pilot, set the scaling by it, and standardise it."""
    names = list(plan.names)
    pieces = [
        piece
        for pixels in pilot
        for piece in linear_model.blocks(root, run, plan.source, names, pixels)
    ]
    x = np.concatenate(pieces, axis=1)
    if not np.isfinite(x).any():
        raise DataError(
            f"the first {x.shape[1]} pixels of the superblocks have no observation in any cell: wanted "
            "some; choose other months, times of day or bands, or '--set fitted_on=...'"
        )
    scaling = cells.scaling(x, CellGrid.of(names), plan.fit.zero, plan.fit.clip)
    linear_model.write_scaling(root, run, scaling)
    return {"x": scaling.apply(x)}


def _small_factors(root: str, run: str, plan: FactorPlan, number: int) -> FactorModel:
    """The small factors that pass `number` begins with."""
    if number == 0:
        return scan.model(root, run, plan.fit)
    arrays = task_result(root, run, f"update{number - 1}", 0)
    return factor_model.unpack(arrays, plan.fit.einsum)


@one_thread()
def _sums(root: str, run: str, plan: FactorPlan, number: int, group: Sequence[slice]) -> Arrays:
    """On a worker: solve a group of superblocks, and add up what the small factors need."""
    names, scaling = list(plan.names), linear_model.scaling(root, run)
    model = _small_factors(root, run, plan, number)
    loadings = CellGrid.of(names).features(model.loadings())
    total = FactorSums.empty(*loadings.shape)
    for pixels in group:
        for x in linear_model.blocks(root, run, plan.source, names, pixels):
            pieces = Observed.pieces(scaling.apply(x))
            total.merge(pixel_factors.sums(pieces, loadings, plan.fit.rule))
    return pack(total)


@one_thread()
def _update(root: str, run: str, plan: FactorPlan, number: int, groups: int) -> Arrays:
    """On a worker: merge the groups of a pass in their order, and improve the small factors."""
    grid, model = CellGrid.of(plan.names), _small_factors(root, run, plan, number)
    loadings = grid.features(model.loadings())
    total = FactorSums.empty(*loadings.shape)
    for group in range(groups):
        total.merge(unpack(FactorSums, task_result(root, run, f"sums{number}", group)))
    fit = judgements.fit(total, loadings)
    consistency = judgements.core_consistency(model, total, grid)
    better = small_factors.update(model, total, grid, plan.fit.rule)
    return better.pack() | {"fit": np.array(fit), "core_consistency": np.array(consistency)}


def _model(root: str, run: str, plan: FactorPlan) -> None:
    """On a worker: store the small factors."""
    model = _small_factors(root, run, plan, plan.fit.passes)
    loadings = CellGrid.of(plan.names).features(model.loadings())
    outputs.write(root, run, "loadings", loadings.T)
    for mode, values in zip(MODES, model.profiles(), strict=True):
        outputs.write(root, run, f"{mode}_factor", values)
    if model.expression:
        for letters, values in zip(model.expression.small, model.factors, strict=True):
            outputs.write(root, run, f"factor_{letters}", values)
    if model.core is not None:
        outputs.write(root, run, "core", model.core)


@one_thread()
def _solve(root: str, run: str, source: FeatureSource, model_run: str, pixels: slice) -> Arrays:
    """On a worker: the pixel factors of a superblock; returns their squares, for the fit of all."""
    rule = restore(Settings, records.read_spec(root, model_run).settings).fit.rule
    names = list(outputs.read(root, model_run, "feature"))
    scaling = linear_model.scaling(root, model_run)
    loadings = outputs.read(root, model_run, "loadings").T
    factors, shares = [], []
    squares, remaining = 0.0, 0.0
    for x in linear_model.blocks(root, run, source, names, pixels):
        for observed in Observed.pieces(scaling.apply(x)):
            solved = nonlinear_pixels.solve(observed, loadings, rule)
            total, left = nonlinear_pixels.squares(observed, loadings, solved, rule)
            squares, remaining = squares + total.sum(), remaining + left.sum()
            unseen = np.where(observed.is_seen, 0, np.nan)
            factors.append(solved + unseen[:, None])
            shares.append(left / np.where(total > 0, total, np.nan))
    outputs.write(root, run, "embedding", np.concatenate(factors).astype(np.float32), pixels)
    outputs.write(root, run, "unexplained", np.concatenate(shares).astype(np.float32), pixels)
    return {"squares": np.array(squares), "remaining": np.array(remaining)}


def _document(work: ActiveRun, plan: FactorPlan, blocks: int) -> dict[str, Any]:
    """How well the run fits, as JSON."""
    solved = [work.result("solve", number) for number in range(blocks)]
    squares = sum(float(sums["squares"]) for sums in solved)
    remaining = sum(float(sums["remaining"]) for sums in solved)
    updates = [work.result(f"update{number}", 0) for number in range(plan.fit.passes)]
    return {
        "job": JOB,
        "method": plan.fit.method,
        "components": plan.fit.components,
        "features": len(plan.names),
        "fit": 1 - remaining / squares if squares > 0 else None,
        "fit_before_passes": [float(update["fit"]) for update in updates],
        "scan": scan.rows(scan.judge(work.root, work.run, plan.fit)),
    }


def _draw(
    work: ActiveRun, plan: FactorPlan, document: dict[str, Any]
) -> Iterator[tuple[str, CaptionedFigure]]:
    """Names and pictures: profiles of the small factors, the scan, maps of the pixel factors."""
    root, run, store = work.root, work.run, work.store
    grid, key = CellGrid.of(plan.names), str(store.key)
    factors = {mode: outputs.read(root, run, f"{mode}_factor") for mode in MODES}
    yield "profiles", factor_charts.profiles(key, plan.fit.method, grid.steps, factors)
    if len(document["scan"]) > 1:
        yield "scan", factor_charts.scan(key, document["scan"], plan.fit.components)
    place = Place(headings.named(store), store.domain, views.around(store.domain))
    for number in range(min(plan.fit.components, factor_charts.SHOWN)):
        values = np.concatenate(
            [
                outputs.read(root, run, "embedding", block)[:, number]
                for block in order.superblocks(store.domain.pixels, store.domain.layout)
            ]
        )
        yield f"component-{number}", factor_charts.component(place, number, values)
    yield "unexplained", factor_charts.unexplained(place, outputs.read(root, run, "unexplained"))
