"""Principal components fitted to all pixels of a store, in passes over it.

A sample is the pilot: it gives the scaling, and of many features the first directions. In a pass a few
groups of superblocks are added up, each by one task into one accumulator; the groups are a function of
the number of superblocks alone. One task merges them in their order, and solves. So nothing large goes
to the scheduler, and no bit depends on the worker.

Up to `exact` features their covariance is held (`jobs.linear.covariance`): one pass, and where values
are missing `refills` more, in which the components of the last pass impute them. Above, `passes`
improve a subspace (`jobs.linear.subspace`), and impute from the second on.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from jobs.features.scaling import Scaling
from jobs.linear import components, linear_model, subspace
from jobs.linear.components import LinearModel
from jobs.linear.covariance import CovarianceSums
from jobs.linear.gram import one_thread
from jobs.linear.linear_model import FeatureSource
from jobs.linear.subspace import Sketch
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import check
from jobs.runs.stages import ActiveRun, Arrays, finished_tasks, pack, task_result, unpack
from jobs.sampling import sample
from lake.errors import ConfigError
from lake.format import order, schema
from lake.format.arrays import Floats, Singles
from lake.format.schema import Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 16
"""Groups of superblocks, at most."""
DIRECTIONS_PER_COMPONENT = 1.5
"""Directions of a subspace for each component."""

TOTAL, NOISE = "total_", "noise_"
"""Prefixes of what a pass adds up: features of the first store, and their differences to a second's."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Settings of how components are fitted."""

    components: int = 200
    """Number of components; at most as many as there are features."""
    clip: float = 6.0
    """Standard deviations beyond which a value is cut off."""
    standardise: bool = True
    """Whether a feature's standard deviation becomes 1; else features keep their units."""
    refills: int = 1
    """Imputation passes after the first; none are made where no value is missing."""
    exact: int = 4000
    """The largest number of features whose covariance is held; above, a subspace is improved."""
    passes: int = 4
    """Passes over a store of more features than that; 1 makes a sketch."""

    def __post_init__(self) -> None:
        check("components must be above 0", self.components, holds=self.components > 0)
        check("clip must be above 0", self.clip, holds=self.clip > 0)
        check("refills must be 0 or more", self.refills, holds=self.refills >= 0)
        check("exact must be 0 to 4000", self.exact, holds=0 <= self.exact <= 4000)
        check("passes must be above 0", self.passes, holds=self.passes > 0)


@dataclass(frozen=True, slots=True)
class FitPlan:
    """What the tasks of a fit need."""

    sample: str
    """Run of the sample."""
    sources: tuple[FeatureSource, ...]
    """The first is fitted; a second one gives differences to it."""
    fit: Fit


@dataclass(frozen=True, slots=True)
class ExactFit:
    """What a job has that divides one covariance of its features by another."""

    path: str
    """The group of its arrays."""
    passes: int
    """How many passes were made."""
    source: FeatureSource
    """Where the features of the first store are read."""


def fit_exactly(work: ActiveRun, fit_settings: Fit, ratio: str, more: Sequence[Array]) -> ExactFit:
    """Create the run's group and make the passes over its stores, with all covariances held.

    Args:
        work: the run, which has a sample among its inputs.
        fit_settings: how components are fitted.
        ratio: name of an array (component,) that orders the directions.
        more: further arrays of the group.

    Raises:
        ConfigError: more features than a covariance may have.
    """
    root, sample_run = work.root, work.spec.inputs[sample.JOB]
    names = sample.kept_features(root, sample_run)
    if len(names) > fit_settings.exact:
        raise ConfigError(
            f"{work.spec.job} holds the covariance of its features: run {sample_run} has {len(names)}, "
            f"wanted at most {fit_settings.exact}; sample merged subpixels, fewer statistics or months"
        )
    count = linear_model.count(work, fit_settings.components, sample_run, names)
    ordering = outputs.whole_array(ratio, ("component",), np.full(count, np.nan))
    arrays = [*linear_model.arrays(work.store, count, names), ordering, *more]
    path = outputs.create(work.objects, work.spec, arrays, schema.PIXEL_COORDINATES)
    suspect = sample.takes_suspect(root, sample_run)
    sources = [linear_model.feature_source(store, names, suspect=suspect) for store in work.stores]
    made = fit(work, FitPlan(sample_run, tuple(sources), fit_settings), len(names))
    return ExactFit(path, made, sources[0])


def covariance(root: str, run: str, number: int, prefix: str, scaling: Scaling) -> Floats:
    """(feature, feature) by the sums of a pass, in the unit of `scaling`; `prefix` is TOTAL or NOISE."""
    unit = scaling.scale / _scaling(root, run, number, prefix).scale
    found: Floats = sums(root, run, number, prefix).covariance() / unit / unit[:, None]
    return found


def fit(work: ActiveRun, plan: FitPlan, features: int) -> int:
    """Make the passes; returns how many. `solution` has the model of each, by number from 0."""
    domain = work.store.domain
    groups = superblock_groups(order.superblocks(domain.pixels, domain.layout))
    work.stage("pilot", _pilot, [(plan,)])
    pixel_bytes = 4 * features * len(plan.sources)
    sizes = [pixel_bytes * (group[-1].stop - group[0].start) for group in groups]
    number, required = 0, 1
    while number < required:
        calls = [(plan, number, group) for group in groups]
        work.stage(f"sums{number}", _sums, calls, sizes, gpu=True)
        work.stage(f"solve{number}", _solve, [(plan, number)])
        if features > plan.fit.exact:
            required = plan.fit.passes
        elif work.result(f"solve{number}", 0)["has_missing"]:
            required = 1 + plan.fit.refills
        number += 1
    return number


def superblock_groups(blocks: Sequence[slice]) -> list[tuple[slice, ...]]:
    """Neighbouring superblocks, two or more in each of at most `GROUPS`, by their number alone."""
    groups = np.array_split(np.arange(len(blocks)), min(GROUPS, max(len(blocks) // 2, 1)))
    return [tuple(blocks[number] for number in group) for group in groups]


def solution(root: str, run: str, number: int, prefix: str = TOTAL) -> LinearModel:
    """The model that a pass ended with."""
    solved = task_result(root, run, f"solve{number}", 0)
    vectors, variance = solved[f"{prefix}components"], solved[f"{prefix}variance"]
    total, noise = float(solved[f"{prefix}total"]), float(solved[f"{prefix}noise"])
    filling = int(solved[f"{prefix}filling"])
    return LinearModel(
        unpack(Scaling, solved, prefix), vectors, variance, total, vectors, filling, noise
    )


def _scaling(root: str, run: str, number: int, prefix: str = TOTAL) -> Scaling:
    """How a pass standardises features: by the model of the pass before it, or by the pilot."""
    stage = f"solve{number - 1}" if number else "pilot"
    return unpack(Scaling, task_result(root, run, stage, 0), prefix)


def sums(root: str, run: str, number: int, prefix: str = TOTAL) -> Any:  # noqa: ANN401 (see below)
    """What a pass added up, `CovarianceSums` or `Sketch`: the groups merged in their order."""
    tasks = len(finished_tasks(records.folder(root, run), f"sums{number}"))
    first = task_result(root, run, f"sums{number}", 0)
    kind: Any = CovarianceSums if f"{prefix}gram" in first else Sketch
    total = unpack(kind, first, prefix)
    for task in range(1, tasks):
        total.merge(unpack(kind, task_result(root, run, f"sums{number}", task), prefix))
    return total


@one_thread()
def _pilot(root: str, run: str, plan: FitPlan) -> Arrays:
    """On a worker: compute the scaling by the sample, and of many features the first directions."""
    heartbeat.check(root, run)
    x = sample.pilot(root, plan.sample)
    total = Scaling.fit(x, plan.fit.clip)
    if not plan.fit.standardise:
        total = replace(total, scale=np.ones(len(x)))
    infinite = np.full(len(x), np.inf)
    noise = Scaling(-infinite, infinite, np.zeros(len(x)), total.scale)
    scalings = pack(total, TOTAL) | pack(noise, NOISE)
    if len(x) <= plan.fit.exact:
        return scalings
    z = np.nan_to_num(total.apply(x), copy=False)
    directions = min(math.ceil(DIRECTIONS_PER_COMPONENT * plan.fit.components), len(z))
    return scalings | {"basis": subspace.start(z, directions)}


@one_thread()
def _sums(root: str, run: str, plan: FitPlan, number: int, group: Sequence[slice]) -> Arrays:
    """On a worker: add up a group of superblocks."""
    names = list(outputs.read(root, run, "feature"))
    total = _Accumulator.open(root, run, plan, number, TOTAL)
    has_noise = len(plan.sources) > 1
    noise = _Accumulator.open(root, run, plan, number, NOISE) if has_noise else None
    check_stop = functools.partial(heartbeat.check, root, run)
    for pixels in group:
        blocks = [linear_model.blocks(root, run, source, names, pixels) for source in plan.sources]
        for x, *second in zip(*blocks, strict=True):
            if noise:
                noise.add(total.scaling.cut(x) - total.scaling.cut(*second), check_stop)
            total.add(x, check_stop)
    return pack(total.sums, TOTAL) | (pack(noise.sums, NOISE) if noise else {})


@dataclass(frozen=True, slots=True, eq=False)
class _Accumulator:
    """The sums of one prefix in a pass, and how features are prepared for them."""

    scaling: Scaling
    model: LinearModel | None
    """The model that imputes missing values; none in the first pass."""
    sums: CovarianceSums | Sketch

    @classmethod
    def open(cls, root: str, run: str, plan: FitPlan, number: int, prefix: str) -> Self:
        standard = _scaling(root, run, number, prefix)
        model = solution(root, run, number - 1, prefix) if number else None
        if standard.mean.size <= plan.fit.exact:
            return cls(standard, model, CovarianceSums.empty(standard.mean.size))
        basis = model.components.T if model else task_result(root, run, "pilot", 0)["basis"]
        return cls(standard, model, Sketch.empty(basis))

    def add(self, x: Singles, check_stop: Callable[[], object]) -> None:
        """Add features (feature, pixel), which are overwritten; an error of `check_stop` ends it."""
        z = self.scaling.apply(x)
        if self.model:
            imputed = components.impute(z, self.model, check_stop)
            self.sums.add_noise(self.model.noise * imputed)
        self.sums.add(z)


@one_thread()
def _solve(root: str, run: str, plan: FitPlan, number: int) -> Arrays:
    """On a worker: solve for the models of a pass, one for each prefix."""
    has_missing = False
    solved: dict[str, NDArray[Any]] = {}
    for prefix in (TOTAL, NOISE)[: len(plan.sources)]:
        total, standard = sums(root, run, number, prefix), _scaling(root, run, number, prefix)
        standardise = plan.fit.standardise or prefix == NOISE
        if isinstance(total, CovarianceSums):
            count = min(plan.fit.components, len(total.kind))
            model = components.solve(total, standard, count, standardise=standardise)
            has_missing |= bool(np.ptp(total.counts) > 0)
        else:
            model = subspace.solve(total, standard, standardise=standardise)
        solved |= pack(model.scaling, prefix) | {
            f"{prefix}components": model.components,
            f"{prefix}variance": model.variance,
            f"{prefix}total": np.array(model.total),
            f"{prefix}filling": np.array(model.filling),
            f"{prefix}noise": np.array(model.noise),
        }
    return solved | {"has_missing": np.array(has_missing)}
