"""Fit principal components on all pixels of a store: passes over it, each a tree of sums.

A sample is the pilot: it says where to cut off, where 0 is and, of many features, where to begin. In
a pass a fixed number of groups of superblocks is added up, each by one part into one accumulator;
these are merged by fours, by workers, in a fixed order; one part solves. So nothing large goes to
the scheduler, and which worker did what changes no bit.

Up to `exact` features their covariance is held (`jobs.covariance`): one pass, and where there are
holes `refills` more, in which the components of the last one fill them. Above, `passes` improve a
subspace (`jobs.subspace`), and fill holes from the second on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs import components, linear, outputs, pulse, sample, subspace
from jobs.components import Model
from jobs.covariance import Sums
from jobs.linear import Source
from jobs.sampled import ROOM
from jobs.scaling import Scaling
from jobs.settings import check
from jobs.subspace import Sketch
from jobs.work import Arrays, Work, partial
from lake import order

GROUPS = 16
"""Of superblocks, at most."""
FAN = 4
"""Accumulators merged by a part."""
PILOT = 4096
"""Pixels of the sample, evenly spaced, at most."""
BEYOND = 1.5
"""Directions of a subspace for each component wanted."""

TOTAL, NOISE = "total_", "noise_"
"""Prefixes of the accumulators of the first store, and of half its difference to a second one."""

Accumulators = dict[str, Any]
"""`Sums` or `Sketch`, by prefix."""


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


@dataclass(frozen=True, slots=True)
class Pass:
    """One that was made."""

    number: int
    stage: str
    """Whose parts, merged, are its sums."""
    parts: int


def fit(work: Work, plan: Plan, features: int) -> list[Pass]:
    """Make the passes; `solution` has the model of each."""
    domain = work.store.domain
    groups = grouped(order.superblocks(domain.pixels, domain.layout))
    work.stage("pilot", _pilot, [(plan,)])
    made: list[Pass] = []
    wanted = 1
    while len(made) < wanted:
        number = len(made)
        work.stage(f"sums{number}", _sums, [(plan, number, group) for group in groups], gpu=True)
        made.append(_tree(work, number, len(groups)))
        work.stage(f"solve{number}", _solve, [(plan, made[-1])])
        if features > plan.how.exact:
            wanted = plan.how.passes
        elif work.partial(f"solve{number}", 0)["holed"]:
            wanted = 1 + plan.how.refills
    return made


def grouped(blocks: Sequence[slice]) -> list[tuple[slice, ...]]:
    """Neighbouring superblocks, in at most `GROUPS` groups: a function of their number alone."""
    groups = np.array_split(np.arange(len(blocks)), min(GROUPS, len(blocks)))
    return [tuple(blocks[number] for number in group) for group in groups]


def solution(root: str, run: str, number: int) -> Model:
    """The model that a pass ended with."""
    found = partial(root, run, f"solve{number}", 0)
    vectors, variance = found["components"], found["variance"]
    return Model(_scaling(found), vectors, variance, float(found["total"]), vectors)


def scaling(root: str, run: str, number: int) -> Scaling:
    """By which features were standardised in a pass: what the one before found, or the pilot."""
    found = partial(root, run, f"solve{number - 1}" if number else "pilot", 0)
    return _scaling(found)


def sums(root: str, run: str, of: Pass) -> Accumulators:
    """What a pass added up, by prefix."""
    return _merged(root, run, of.stage, range(of.parts))


def _pilot(root: str, run: str, plan: Plan) -> Arrays:
    """On a worker: what the sample says."""
    pulse.check(root, run)
    kept = sample.kept(root, plan.drawn)
    samples = outputs.read(root, plan.drawn, "pixel").size
    some = np.unique(np.linspace(0, samples - 1, min(PILOT, samples)).astype(np.int64))
    room = max(ROOM // (4 * kept.size), 1)  # of the sample's own chunks, about one
    parts = [some[(some >= first) & (some < first + room)] for first in range(0, samples, room)]
    x = np.concatenate(
        [
            outputs.read(root, plan.drawn, "features", part)[:, kept].T
            for part in parts
            if part.size
        ],
        axis=1,
    )
    how = plan.how
    found = Scaling.of(x, how.clip)
    if not how.standardise:
        found = replace(found, scale=np.ones(len(x)))
    if len(x) <= how.exact:
        return _noted(found)
    z = np.nan_to_num(found.apply(x), copy=False)
    directions = min(math.ceil(BEYOND * how.components), len(z))
    return _noted(found) | {"basis": subspace.start(z, directions)}


def _sums(root: str, run: str, plan: Plan, number: int, group: Sequence[slice]) -> Arrays:
    """On a worker: the sums of a group of superblocks."""
    names = list(outputs.read(root, run, "feature"))
    model = solution(root, run, number - 1) if number else None
    standard = scaling(root, run, number)
    total: Sums | Sketch
    if len(names) <= plan.how.exact:
        total = Sums.empty(len(names))
    elif model:
        total = Sketch.empty(model.components.T)
    else:
        total = Sketch.empty(partial(root, run, "pilot", 0)["basis"])
    noise = Sums.empty(len(names)) if len(plan.sources) > 1 and not number else None
    sources = plan.sources if noise else plan.sources[:1]
    for pixels in group:
        read = [linear.blocks(root, run, source, names, pixels) for source in sources]
        for (_, x), *others in zip(*read, strict=True):
            z = standard.apply(x)
            if noise:
                ((_, second),) = others
                noise.add(z - standard.apply(second))
            if model:
                total.add_noise(model.noise * components.fill(z, model))
            total.add(z)
    return total.arrays(TOTAL) | (noise.arrays(NOISE) if noise else {})


def _tree(work: Work, number: int, parts: int) -> Pass:
    """Merge by `FAN` until so many are left."""
    stage, level = f"sums{number}", 0
    while parts > FAN:
        level += 1
        calls = [
            (stage, list(range(first, min(first + FAN, parts)))) for first in range(0, parts, FAN)
        ]
        stage, parts = f"merge{number}x{level}", len(calls)
        work.stage(stage, _merge, calls)
    return Pass(number, stage, parts)


def _merge(root: str, run: str, stage: str, numbers: Sequence[int]) -> Arrays:
    """On a worker: the sums of some parts as one."""
    found: dict[str, NDArray[Any]] = {}
    for prefix, accumulator in _merged(root, run, stage, numbers).items():
        found |= accumulator.arrays(prefix)
    return found


def _solve(root: str, run: str, plan: Plan, of: Pass) -> Arrays:
    """On a worker: the model of a pass."""
    total = sums(root, run, of)[TOTAL]
    before, standardise = scaling(root, run, of.number), plan.how.standardise
    holed = False
    if isinstance(total, Sums):
        count = min(plan.how.components, len(total.kind))
        model, _ = components.solved(total, before, count, standardise=standardise)
        holed = bool(np.ptp(total.counts) > 0)
    else:
        model = subspace.solved(total, before, standardise=standardise)
    return _noted(model.scaling) | {
        "components": model.components,
        "variance": model.variance,
        "total": np.array(model.total),
        "holed": np.array(holed),
    }


def _merged(root: str, run: str, stage: str, numbers: Sequence[int]) -> Accumulators:
    found = _restored(partial(root, run, stage, numbers[0]))
    for number in numbers[1:]:
        for prefix, other in _restored(partial(root, run, stage, number)).items():
            found[prefix].merge(other)
    return found


def _restored(arrays: Arrays) -> Accumulators:
    found: Accumulators = {}
    for prefix in (TOTAL, NOISE):
        if f"{prefix}products" in arrays:
            found[prefix] = Sums.restore(arrays, prefix)
        elif f"{prefix}basis" in arrays:
            found[prefix] = Sketch.restore(arrays, prefix)
    return found


def _noted(scaling: Scaling) -> dict[str, NDArray[Any]]:
    return {name: getattr(scaling, name) for name in Scaling.__slots__}


def _scaling(found: Arrays) -> Scaling:
    return Scaling(*(found[name] for name in Scaling.__slots__))
