"""Fit principal components on all pixels of a store, in passes over it.

A sample is the pilot: it says where to cut off, where 0 is and, of many features, where to begin. In
a pass a few groups of superblocks, which ones is a function of their number alone, are added up, each
by one part into one accumulator; one part merges these in their order, and solves. So nothing large
goes to the scheduler, and which worker did what changes no bit.

Up to `exact` features their covariance is held (`jobs.linear.covariance`): one pass, and where there are
holes `refills` more, in which the components of the last one fill them. Above, `passes` improve a
subspace (`jobs.linear.subspace`), and fill holes from the second on.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from jobs.features.scaling import Scaling
from jobs.linear import components, linear_model, subspace
from jobs.linear.components import Model
from jobs.linear.covariance import Sums
from jobs.linear.gram import one_thread
from jobs.linear.linear_model import Source
from jobs.linear.subspace import Sketch
from jobs.runs import heartbeat, outputs, records
from jobs.runs.settings import check
from jobs.runs.stages import ActiveRun, Arrays, finished_tasks, pack, task_result, unpack
from jobs.sampling import sample
from lake.format import order
from lake.format.arrays import Singles

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUPS = 16
"""Of superblocks, at most."""
BEYOND = 1.5
"""Directions of a subspace for each component wanted."""


TOTAL, NOISE = "total_", "noise_"
"""What is added up: the features of the first store, and their differences to those of a second one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How components are fitted."""

    components: int = 200
    """At most; there are no more than features."""
    clip: float = 6.0
    """Standard deviations beyond which a value is cut off."""
    standardise: bool = True
    """Whether a feature's standard deviation becomes 1; else features keep their units."""
    refills: int = 1
    """Passes after the first in which holes are filled; none without holes."""
    exact: int = 4000
    """The largest number of features whose covariance is held; above, a subspace is improved."""
    passes: int = 4
    """Over a store of more features than that; 1 makes a sketch."""

    def __post_init__(self) -> None:
        check("components must be above 0", self.components, holds=self.components > 0)
        check("clip must be above 0", self.clip, holds=self.clip > 0)
        check("refills must be 0 or more", self.refills, holds=self.refills >= 0)
        check("exact must be 0 to 4000", self.exact, holds=0 <= self.exact <= 4000)
        check("passes must be above 0", self.passes, holds=self.passes > 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What parts are told."""

    drawn: str
    """Run of the sample."""
    sources: tuple[Source, ...]
    """The first is fitted; a second one gives differences to it."""
    how: Fit


def fit(work: ActiveRun, plan: Plan, features: int) -> int:
    """Make the passes; returns how many. `solution` has the model of each, by number from 0."""
    domain = work.store.domain
    groups = grouped(order.superblocks(domain.pixels, domain.layout))
    work.stage("pilot", _pilot, [(plan,)])
    through = 4 * features * len(plan.sources)  # bytes of a pixel
    sizes = [through * (group[-1].stop - group[0].start) for group in groups]
    made, wanted = 0, 1
    while made < wanted:
        calls = [(plan, made, group) for group in groups]
        work.stage(f"sums{made}", _sums, calls, sizes, gpu=True)
        work.stage(f"solve{made}", _solve, [(plan, made)])
        if features > plan.how.exact:
            wanted = plan.how.passes
        elif work.result(f"solve{made}", 0)["holed"]:
            wanted = 1 + plan.how.refills
        made += 1
    return made


def grouped(blocks: Sequence[slice]) -> list[tuple[slice, ...]]:
    """Neighbouring superblocks, two or more in each of at most `GROUPS`, as their number alone says."""
    groups = np.array_split(np.arange(len(blocks)), min(GROUPS, max(len(blocks) // 2, 1)))
    return [tuple(blocks[number] for number in group) for group in groups]


def solution(root: str, run: str, number: int, of: str = TOTAL) -> Model:
    """The model that a pass ended with."""
    found = task_result(root, run, f"solve{number}", 0)
    vectors, variance = found[f"{of}components"], found[f"{of}variance"]
    total, noise = float(found[f"{of}total"]), float(found[f"{of}noise"])
    fill_by = int(found[f"{of}filling"])
    return Model(unpack(Scaling, found, of), vectors, variance, total, vectors, fill_by, noise)


def scaling(root: str, run: str, number: int, of: str = TOTAL) -> Scaling:
    """By which features were standardised in a pass: what the one before found, or the pilot."""
    return unpack(
        Scaling, task_result(root, run, f"solve{number - 1}" if number else "pilot", 0), of
    )


def sums(root: str, run: str, number: int, of: str = TOTAL) -> Any:  # noqa: ANN401 (`Sums` or `Sketch`)
    """What a pass added up: the groups merged in their order."""
    parts = len(finished_tasks(records.folder(root, run), f"sums{number}"))
    first = task_result(root, run, f"sums{number}", 0)
    kind: Any = Sums if f"{of}products" in first else Sketch
    found = unpack(kind, first, of)
    for part in range(1, parts):
        found.merge(unpack(kind, task_result(root, run, f"sums{number}", part), of))
    return found


@one_thread()
def _pilot(root: str, run: str, plan: Plan) -> Arrays:
    """On a worker: what the sample says."""
    heartbeat.check(root, run)
    x = sample.pilot(root, plan.drawn)
    how = plan.how
    found = Scaling.of(x, how.clip)
    if not how.standardise:
        found = replace(found, scale=np.ones(len(x)))
    without_end = np.full(len(x), np.inf)
    noise = Scaling(-without_end, without_end, np.zeros(len(x)), found.scale)
    told = pack(found, TOTAL) | pack(noise, NOISE)
    if len(x) <= how.exact:
        return told
    z = np.nan_to_num(found.apply(x), copy=False)
    directions = min(math.ceil(BEYOND * how.components), len(z))
    return told | {"basis": subspace.start(z, directions)}


@one_thread()
def _sums(root: str, run: str, plan: Plan, number: int, group: Sequence[slice]) -> Arrays:
    """On a worker: the sums of a group of superblocks."""
    names = list(outputs.read(root, run, "feature"))
    total = _Adding.of(root, run, plan, number, TOTAL)
    noise = _Adding.of(root, run, plan, number, NOISE) if len(plan.sources) > 1 else None
    check = functools.partial(heartbeat.check, root, run)
    for pixels in group:
        read = [linear_model.blocks(root, run, source, names, pixels) for source in plan.sources]
        for x, *second in zip(*read, strict=True):
            if noise:
                noise.add(total.scaling.cut(x) - total.scaling.cut(*second), check)
            total.add(x, check)
    return pack(total.sums, TOTAL) | (pack(noise.sums, NOISE) if noise else {})


@dataclass(frozen=True, slots=True, eq=False)
class _Adding:
    """What is added to in a pass, and how."""

    scaling: Scaling
    model: Model | None
    """That fills holes; none in the first pass."""
    sums: Sums | Sketch

    @classmethod
    def of(cls, root: str, run: str, plan: Plan, number: int, of: str) -> Self:
        by = scaling(root, run, number, of)
        model = solution(root, run, number - 1, of) if number else None
        if by.mean.size <= plan.how.exact:
            return cls(by, model, Sums.empty(by.mean.size))
        basis = model.components.T if model else task_result(root, run, "pilot", 0)["basis"]
        return cls(by, model, Sketch.empty(basis))

    def add(self, x: Singles, check: Callable[[], object]) -> None:
        """Add features (feature, pixel), which are overwritten; `check` is as for `fill`."""
        z = self.scaling.apply(x)
        if self.model:
            self.sums.add_noise(self.model.noise * components.fill(z, self.model, check))
        self.sums.add(z)


@one_thread()
def _solve(root: str, run: str, plan: Plan, number: int) -> Arrays:
    """On a worker: the models of a pass."""
    holed = False
    found: dict[str, NDArray[Any]] = {}
    for of in (TOTAL, NOISE)[: len(plan.sources)]:
        added, before = sums(root, run, number, of), scaling(root, run, number, of)
        standardise = plan.how.standardise or of == NOISE
        if isinstance(added, Sums):
            count = min(plan.how.components, len(added.kind))
            model = components.solved(added, before, count, standardise=standardise)
            holed |= bool(np.ptp(added.counts) > 0)
        else:
            model = subspace.solved(added, before, standardise=standardise)
        found |= pack(model.scaling, of) | {
            f"{of}components": model.components,
            f"{of}variance": model.variance,
            f"{of}total": np.array(model.total),
            f"{of}filling": np.array(model.filling),
            f"{of}noise": np.array(model.noise),
        }
    return found | {"holed": np.array(holed)}
