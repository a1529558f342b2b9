"""Numbers of components that are judged on some pixels, each from several starts, and the best start.

Every task fits one number of components from one start, in memory. Of a number of components the start
that explains most is the best; its stability is how well the others agree with it, in the mean.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from jobs.factors import factor_model, in_memory, judgements
from jobs.factors.cells import CellGrid
from jobs.factors.factor_model import FactorModel
from jobs.factors.fit_settings import CP, EINSUM, FactorFit
from jobs.factors.in_memory import FittedModel
from jobs.factors.pixel_factors import Observed
from jobs.linear.gram import one_thread
from jobs.runs import heartbeat
from jobs.runs.stages import ActiveRun, Arrays, task_result

PILOT, SCAN = "pilot", "scan"
"""Stages; that of the pilot returns `x` (feature, pixel), standardised."""


@dataclass(frozen=True, slots=True)
class RankJudgement:
    """What the starts of one number of components say."""

    components: int
    fit: float
    """Share of the pilot's sum of squares that the best start explains."""
    core_consistency: float | None
    """Of the best start, in percent; None: not defined."""
    stability: float | None
    """How well the other starts agree with the best, 0 to 1; None: there is one start."""
    worst_fit: float
    """Of the start that explains least."""
    sweeps: int
    """Of the best start; of an expression, steps."""


def tasks(fit: FactorFit) -> list[tuple[int, int]]:
    """(components, start) of every task."""
    counts = sorted({fit.components, *fit.scan})
    return [(count, start) for count in counts for start in range(fit.starts)]


def run(work: ActiveRun, fit: FactorFit, names: tuple[str, ...]) -> None:
    """Have all numbers of components fitted to the pilot."""
    work.stage(SCAN, _fit, [(fit, names, *task) for task in tasks(fit)])


def best_start(root: str, run: str, fit: FactorFit, components: int) -> int:
    """Number of the task of `components` whose start explains most."""
    numbers = [n for n, (count, _) in enumerate(tasks(fit)) if count == components]
    fits = [float(task_result(root, run, SCAN, number)["fit"]) for number in numbers]
    return numbers[int(np.argmax(fits))]


def model(root: str, run: str, fit: FactorFit) -> FactorModel:
    """The best model of the chosen number of components."""
    best = best_start(root, run, fit, fit.components)
    return factor_model.unpack(task_result(root, run, SCAN, best), fit.einsum)


def judge(root: str, run: str, fit: FactorFit) -> list[RankJudgement]:
    """The judgement of every number of components, rising."""
    counts = sorted({fit.components, *fit.scan})
    return [_judge(root, run, fit, count) for count in counts]


def rows(judged: Iterable[RankJudgement]) -> list[Mapping[str, Any]]:
    """The judgements as JSON."""
    return [asdict(judgement) for judgement in judged]


def _judge(root: str, run: str, fit: FactorFit, components: int) -> RankJudgement:
    best = best_start(root, run, fit, components)
    results = {
        number: task_result(root, run, SCAN, number)
        for number, (count, _) in enumerate(tasks(fit))
        if count == components
    }
    chosen = factor_model.unpack(results[best], fit.einsum)
    agreements = [
        judgements.agreement(chosen, factor_model.unpack(result, fit.einsum))
        for number, result in results.items()
        if number != best
    ]
    consistency = float(results[best]["core_consistency"])
    return RankJudgement(
        components,
        float(results[best]["fit"]),
        consistency if np.isfinite(consistency) else None,
        float(np.mean(agreements)) if agreements else None,
        min(float(result["fit"]) for result in results.values()),
        int(results[best]["sweeps"]),
    )


def fitted(
    pieces: Sequence[Observed],
    grid: CellGrid,
    fit: FactorFit,
    components: int,
    start: int,
    check_stop: Callable[[], object] = lambda: None,
) -> FittedModel:
    """The model of so many components that a random start ends in, over pieces of pixels."""
    random = np.random.default_rng([fit.seed, components, start])
    if fit.method == EINSUM:
        return in_memory.fit_expression(pieces, grid, fit, components, random, check_stop)
    if fit.method == CP:
        shape, nonnegative = grid.shape, fit.nonnegative
        begun = factor_model.random_cp(shape, components, random, nonnegative=nonnegative)
    else:
        ranks = fit.ranks_of(grid.shape, components)
        begun = in_memory.start_tucker(pieces, grid, ranks, components, random, fit.rule)
    return in_memory.fit(pieces, grid, begun, fit.rule, fit.sweeps, fit.tolerance, check_stop)


@one_thread()
def _fit(
    root: str, run: str, fit: FactorFit, names: tuple[str, ...], components: int, start: int
) -> Arrays:
    """On a worker: fit a number of components to the pilot, from one start."""
    x = task_result(root, run, PILOT, 0)["x"]
    grid, pieces = CellGrid.of(names), list(Observed.pieces(x))
    result = fitted(pieces, grid, fit, components, start, partial(heartbeat.check, root, run))
    consistency = judgements.core_consistency(result.model, result.sums, grid)
    return result.model.pack() | {
        "fit": np.array(result.fits[-1]),
        "core_consistency": np.array(consistency),
        "sweeps": np.array(fit.steps if fit.einsum else len(result.fits)),
    }
