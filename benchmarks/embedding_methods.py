"""The methods of `benchmarks/embedding.py`, which lists them: data of two periods in, vectors of both out."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
import embedding_lands
from embedding_lands import Land

from jobs.embedding import (
    bias_field,
    embed,
    encoder_inputs,
    hard_negatives,
    linear_part,
    prototypes,
    recipe,
    smoothing,
    train,
    vectors,
)
from jobs.embedding.bias_field import FieldCells, FieldSums
from jobs.embedding.columns import Columns
from jobs.embedding.encoder_inputs import InputSettings
from jobs.embedding.prototypes import Prototypes
from jobs.embedding.smoothing import Steps
from jobs.embedding.views import pairs
from jobs.factors import cells, factor, nonlinear_pixels, scan
from jobs.factors.cells import CellGrid
from jobs.factors.fit_settings import FactorFit
from jobs.factors.pixel_factors import Observed
from jobs.features.scaling import Scaling
from jobs.linear import components, gcca, mnf
from jobs.linear.components import LinearModel
from jobs.linear.covariance import CovarianceSums
from jobs.linear.passes import Fit
from jobs.manifold import graph, umap
from jobs.runs import settings

Singles = NDArray[np.float32]

FIT, FLOOR = Fit(), mnf.Settings().floor
RIDGE = 0.05
UMAP_INPUTS = 64
Method = Callable[["Data"], tuple[Singles, Singles]]
"""Vectors (pixel, d) of both periods; NaN where a pixel has none."""


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
    place: NDArray[np.floating] | None = None
    """(pixel, 2) latitude and longitude, degrees, which a method may be blind to."""

    @classmethod
    def of(cls, land: Land, seed: int) -> Self:
        """What a method may know of a land."""
        truth = land.truth
        known = (truth.quantities.get(name) for name in ("textures", embedding_lands.PLACE))
        return cls(land.first, land.second, land.names, truth.row, truth.column, seed, *known)

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
    def covariances(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(feature, feature) of the standardised features, and of their noise."""
        scale = self.total.model.scaling.scale
        total, noise = (
            fit.covariance * (fit.scale / scale) * (fit.scale / scale)[:, None]
            for fit in (self.total, self.noise)
        )
        return total, noise / 2

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
    """The k directions with most variance over noise, in units of noise."""
    total, noise = data.covariances
    return data.projected(mnf.solve(total, noise, min(k, len(total)), FLOOR)[0])


def canonical(data: Data, k: int, *, second: bool = False) -> tuple[Singles, Singles]:
    """The k directions that the slots of the first year agree on most, or those of both years."""
    return data.projected(canonical_directions(data, k, second=second))


def canonical_directions(data: Data, k: int, *, second: bool) -> NDArray[np.float64]:
    """(component, feature) of `canonical`."""
    total, noise = data.covariances
    slots, ridge = gcca.slots(data.names), gcca.Settings().ridge
    return gcca.solve(total, slots, min(k, len(total)), ridge, noise if second else None)[0]


def reliable(data: Data, k: int) -> tuple[Singles, Singles]:
    """The same at variance 1 times reliability, the share of the variance that is not noise.

    Every feature gets `RIDGE` times the mean noise besides its own, so that no direction is free of noise
    by chance.
    """
    total, noise = data.covariances
    noise = noise + RIDGE * np.trace(noise) / len(noise) * np.eye(len(noise))
    directions, ratio = mnf.solve(total, noise, min(k, len(total)), FLOOR)
    weight = np.maximum(1 - 1 / ratio, 0) / np.sqrt(ratio)
    return data.projected(directions * weight[:, None])


def decomposed(data: Data, method: str, **settings: str) -> tuple[Singles, Singles]:
    """The pixel factors of `lake factor` by default or other settings, of means and standard deviations.

    The small factors are fitted to evenly spaced pixels of the first year, as many as the job's pilot has;
    the pixels of both years are solved by them.
    """
    chosen = factor.Settings().statistics
    rows = [n for n, name in enumerate(data.names) if name.rpartition("/")[2] in chosen]
    grid = CellGrid.of([data.names[n] for n in rows])
    fit = FactorFit(method, seed=data.seed, **settings)
    years = [np.ascontiguousarray(x[rows]) for x in (data.first, data.second)]
    count = years[0].shape[1]
    some = np.unique(np.linspace(0, count - 1, min(fit.fitted_on, count)).astype(int))
    pilot = years[0][:, some]
    scaling = cells.scaling(pilot, grid, fit.default_zero, fit.clip)
    pieces = list(Observed.pieces(scaling.apply(pilot.copy())))
    fits = [scan.fitted(pieces, grid, fit, fit.components, start) for start in range(fit.starts)]
    best = max(fits, key=lambda each: each.fits[-1]).model
    loadings = grid.features(best.loadings())
    first, second = (solved(scaling.apply(x.copy()), loadings, fit) for x in years)
    return first, second


def solved(x: Singles, loadings: NDArray[np.float64], fit: FactorFit) -> Singles:
    """(pixel, component) factors of scaled cells (feature, pixel); NaN where a pixel has none."""
    factors = [
        np.where(part.is_seen[:, None], nonlinear_pixels.solve(part, loadings, fit.rule), np.nan)
        for part in Observed.pieces(x)
    ]
    return np.concatenate(factors).astype(np.float32)


def laid_flat(data: Data, components: int) -> tuple[Singles, Singles]:
    """The places of `lake umap` by default settings, of the first components of minimum noise.

    All pixels of the first year are in the graph.
    """
    first, second = minimum_noise(data, UMAP_INPUTS)
    x = np.ascontiguousarray(first[np.isfinite(first).all(axis=1)])
    asked = umap.Settings(components=components, seed=data.seed, threads=1, device="cpu")
    edges = graph.fit(x, asked.graph)
    training = asked.training(edges.head.size)
    with train.environment(training):
        curve = graph.curve(asked.min_dist, asked.spread)
        state, loader, task = umap.begin(x, edges, curve, asked, training)
        for _ in train.train(state, loader, task):
            pass
    state.model.eval()
    return vectors.embed(state.model, first), vectors.embed(state.model, second)


def learnt(data: Data, overrides: str) -> tuple[Singles, Singles]:
    """The vectors of `lake embed` with these settings, trained on all pixels that have inputs."""
    parsed, resolved = settings_of(overrides, data.seed)
    periods, columns = encoded(data, parsed.encoder_inputs, FIT.components)
    of_halves = parsed.encoder_inputs.inputs == gcca.JOB and not parsed.encoder_inputs.second
    x = halves(data, FIT.components) if of_halves else periods
    if parsed.removes_bias:
        periods, x, resolved = without_bias(data, periods, x, resolved, columns)
    valid = np.flatnonzero(np.isfinite(x[0]).any(axis=1) & np.isfinite(x[1]).any(axis=1))
    around = torch.from_numpy(pairs.adjacent(data.row[valid], data.column[valid]))
    pixels = tuple(torch.from_numpy(view[valid]) for view in x)
    negatives = None
    if parsed.dataset.hard_negatives and data.textures is not None:
        spectrum = np.nan_to_num(x[0][valid])
        mined = hard_negatives.mined(data.textures[valid], spectrum, data.seed)
        negatives = torch.from_numpy(mined), parsed.dataset.hard_negatives
    places = data.row[valid], data.column[valid]
    state = recipe.fit(
        resolved, pixels, columns, around, hard_negatives=negatives,
        conditions=conditions(data, resolved, valid), places=places,
    )  # fmt: skip
    embedded = [vectors.embed(state.model, period) for period in periods]
    compared = [vectors.embed(state.model, view) for view in x] if of_halves else embedded
    is_gradual = state.model.facts.get("chosen") == linear_part.NOISE
    return smoothed(data, embedded, compared, Steps.of(parsed.smoothing, is_gradual=is_gradual))


def smoothed(
    data: Data, embedded: Sequence[Singles], compared: Sequence[Singles], steps: Steps
) -> tuple[Singles, Singles]:
    """Vectors (pixel, d) of both periods, smoothed as `lake embed` does.

    Args:
        data: of the land.
        embedded: vectors of both periods.
        compared: those that tell noise: the same, or by both halves of the first period.
        steps: of the smoothing.
    """
    touching = pairs.around(data.row, data.column)
    are_halves = compared is not embedded
    halving = 2 if are_halves else 1
    for _ in range(steps.passes):
        distance = float(smoothing.squared_distances(*compared).mean())
        embedded = [smoothing.smoothed(x, touching, distance / halving) for x in embedded]
        compared = (
            [smoothing.smoothed(x, touching, distance) for x in compared]
            if are_halves
            else embedded
        )
    if steps.draws:
        noise = float(smoothing.squared_distances(*compared).mean()) / halving
        seen = prototypes.seen(len(embedded[0]), data.seed)
        found = Prototypes.fit(embedded[0][seen], noise, data.seed)
        embedded = [found.denoised(x, noise) for x in embedded]
    first, second = embedded
    return first, second


def without_bias(
    data: Data,
    periods: tuple[Singles, Singles],
    views: tuple[Singles, Singles],
    resolved: recipe.Recipe,
    columns: Columns,
) -> tuple[tuple[Singles, Singles], tuple[Singles, Singles], recipe.Recipe]:
    """Scores (pixel, input) of both periods and of both views less the bias field, and the recipe for them.

    As they are, where the linear part is not filtered. Halves are of the first period and have its field.
    """
    valid = np.flatnonzero(np.isfinite(views[0]).all(axis=1) & np.isfinite(views[1]).all(axis=1))
    scale = recipe.scale_of(torch.from_numpy(views[0][valid]), columns).numpy()
    scaled = [view[valid] / scale for view in views]
    axes = recipe.linear_axes(
        resolved, tuple(map(torch.from_numpy, scaled)), (data.row[valid], data.column[valid])
    )
    if axes is None or axes.facts["chosen"] != linear_part.LOCAL:
        return periods, views, resolved
    cells, cluster = FieldCells.of(data.row, data.column), np.full(len(data.row), -1)
    first, second = (view @ axes.linear.astype(np.float32) for view in scaled)
    cluster[valid] = bias_field.clusters(first, second, cells, cells.of_pixel[valid], data.seed)
    sums = [FieldSums.zeros(cells.count, x.shape[1], bias_field.CLUSTERS) for x in periods]
    for x, of_period in zip(periods, sums, strict=True):
        of_period.add(x, cluster, cells.of_pixel)
    are_halves = views is not periods
    learnt_from = sums[:1] if are_halves else sums
    means = np.mean([bias_field.cluster_means(each, cells) for each in learnt_from], axis=0)
    fields = [of_period.field(cells, means)[cells.of_pixel] for of_period in sums]
    without = periods[0] - fields[0], periods[1] - fields[1]
    views = (views[0] - fields[0], views[1] - fields[0]) if are_halves else without
    architecture = replace(resolved.architecture, linear_part=linear_part.LOCAL)
    return without, views, replace(resolved, architecture=architecture)


def encoded(
    data: Data, chosen: InputSettings, most: int
) -> tuple[tuple[Singles, Singles], Columns]:
    """The inputs (pixel, input) of an encoder, of both periods, and their description.

    Args:
        data: of the land.
        chosen: the kind of the inputs; canonical components are of one period unless it names a second.
        most: number of components, where inputs are their scores.
    """
    if chosen.inputs == encoder_inputs.FEATURES:
        return standardised(data), Columns.from_names(data.names)
    count = min(most, len(data.names))
    scores = {
        "pca": pca,
        mnf.JOB: minimum_noise,
        gcca.JOB: partial(canonical, second=bool(chosen.second)),
    }[chosen.inputs]
    return scores(data, count), Columns(components=count)


def halves(data: Data, most: int) -> tuple[Singles, Singles]:
    """The canonical scores of the first year by either half of its slots."""
    directions = canonical_directions(data, most, second=False).astype(np.float32)
    difference = data.filled[0] @ (directions * gcca.half(data.names).astype(np.float32)).T
    scores = data.filled[0] @ directions.T
    return scores + difference, scores - difference


def conditions(
    data: Data, resolved: recipe.Recipe, valid: NDArray[np.integer]
) -> torch.Tensor | None:
    """(pixel, c) what a recipe asks to be blind to; None: nothing."""
    columns = [("latitude", "longitude").index(name) for name in resolved.objective.blind_to]
    if not columns or data.place is None:
        return None
    return torch.from_numpy(data.place[valid][:, columns]).float()


def settings_of(overrides: str, seed: int) -> tuple[embed.Settings, recipe.Recipe]:
    """The settings of a learnt method, and its recipe for two periods."""
    parsed = settings.parse(embed.Settings, [*overrides.split(), *COMMON, f"seed={seed}"])
    inputs = parsed.encoder_inputs.inputs
    features, noise = inputs == encoder_inputs.FEATURES, inputs in encoder_inputs.WITH_NOISE
    resolved = recipe.resolve(parsed.recipe, 2, features=features, with_noise=noise)
    return embed.with_defaults(parsed, resolved, 2), resolved


def standardised(data: Data) -> tuple[Singles, Singles]:
    """Standardised features, NaN where missing."""
    scaling = data.total.model.scaling
    first, second = (scaling.apply(x.copy()).T for x in (data.first, data.second))
    return first, second


COMMON = ("threads=1",)
LEARNT = {
    "default": "inputs=gcca second=second",
    "default-one": "inputs=gcca",
    "default-mnf": "inputs=mnf",
    "not-smoothed": "inputs=gcca second=second smoothing=none",
    "averaged-once": "inputs=gcca second=second smoothing=neighbours",
    "averaged-once-one": "inputs=gcca smoothing=neighbours",
    "bias-kept": "inputs=gcca second=second bias_field=kept",
    "bias-kept-one": "inputs=gcca bias_field=kept",
    "no-linear-part": "inputs=mnf linear_part=none",
    "aligned-slots": "inputs=features loss=alignment,uniformity views=slots",
    "masked-infonce": "inputs=features loss=infonce views=mask mask_by=month,tod masked=0.6",
    "neighbours": "inputs=pca loss=infonce views=neighbours",
    "hard-negatives": "inputs=mnf hard_negatives=0.25",
    "study-a": "inputs=pca input_scale=common model=plain loss=mse views=mask,noise masked=0.2 unit=false",
    "study-b": "inputs=pca model=plain loss=infonce views=mask input_scale=common",
    "study-c": "inputs=features model=deep loss=huber views=mask unit=false batch=4096",
    "pca-years": "inputs=pca",
    "infonce-years": "inputs=mnf loss=infonce views=periods",
    "masked-slots": "inputs=features loss=huber views=slots",
    "infonce-slots": "inputs=features loss=infonce views=slots",
    "vae": "inputs=pca input_scale=common model=plain variational=true loss=mse,kl "
    "weights=1,0.001 views=noise noise=0 unit=false",
    "vicreg-years": "inputs=mnf loss=vicreg views=periods unit=false",
    "barlow-years": "inputs=mnf loss=barlow views=periods unit=false",
}
"""Method -> settings. `study-a`, `study-b` and `study-c` are the original study's: a denoising autoencoder,
a contrastive encoder of masked components, a deep autoencoder of masked features without components."""

LINEAR: dict[str, Method] = {
    "raw": raw,
    **{f"pca-{k}": partial(pca, k=k) for k in (8, 16, 32, 64, 128)},
    **{f"white-{k}": partial(pca, k=k, whiten=True) for k in (16, 32, 64)},
    **{f"mnf-{k}": partial(minimum_noise, k=k) for k in (8, 16, 32, 64, 128)},
    **{f"gcca-{k}": partial(canonical, k=k) for k in (16, 64)},
    **{f"gcca-both-{k}": partial(canonical, k=k, second=True) for k in (16, 64)},
    **{f"reliable-{k}": partial(reliable, k=k) for k in (16, 64)},
}
OTHERS: dict[str, Method] = {
    "cp": partial(decomposed, method="cp"),
    "tucker": partial(decomposed, method="tucker"),
    "einsum": partial(decomposed, method="einsum", expression="pr,mbr,tbr,sr"),
    "einsum-asinh": partial(decomposed, method="einsum", nonlinearity="asinh"),
    "umap-16": partial(laid_flat, components=16),
}
"""Factors and the manifold laid flat: neither linear in the features, nor of `lake embed`."""
METHODS = (
    LINEAR
    | OTHERS
    | {name: partial(learnt, overrides=overrides) for name, overrides in LEARNT.items()}
)
