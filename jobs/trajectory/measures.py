"""What is measured of the trajectories of two periods: amount, phase, speed and smoothness, and change. Pure.

Trajectories are (pixel, month, tod, latent), NaN where not observed; the numbers of a vector are those
along the directions of the year, then those along the directions of the day.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from jobs.trajectory import loops
from jobs.trajectory.loops import DAILY, YEARLY, Cycle
from lake.format.arrays import Floats

YEAR, DAY = "yearly", "daily"
"""Names of the cycles, with which those of directions and measures begin."""
MEASURES = {
    "yearly_amount": "how far a pixel moves over the year, without noise",
    "yearly_noise": "how far the noise of one period moves it",
    "yearly_phase": "months from the beginning of the year to when it is farthest along",
    "yearly_speed": "distance a month",
    "yearly_smoothness": "1: smooth, 0: as if the months were in no order",
    "daily_amount": "how far a pixel moves over the day, without noise",
    "daily_noise": "how far the noise of one period moves it",
    "daily_phase": "hour (UTC) in which it is farthest along",
    "daily_speed": "distance an hour",
    "daily_smoothness": "1: smooth, 0: as if the times of day were in no order",
    "change": "distance between the two periods, without noise",
    "change_amount": "how much farther it moves over the year in the second period",
    "change_phase": "how many months later it is farthest along in the second period",
}
"""Arrays (pixel,), and what each is; NaN where too little was observed."""
Pair = tuple[Floats, Floats]
"""Of the first and of the second period."""


def measures(
    trajectories: Pair,
    harmonics: Pair,
    cycles: tuple[Cycle, Cycle],
    latent: Sequence[str],
) -> dict[str, Floats]:
    """(pixel,) arrays by the names of `MEASURES`.

    Args:
        trajectories: (pixel, month, tod, latent) of both periods.
        harmonics: (pixel, term, latent) theirs, by `loops.harmonics`.
        cycles: the year and the day.
        latent: names of the numbers of a vector.
    """
    first, second = trajectories
    measured = {name: np.full(len(first), np.nan) for name in MEASURES}
    measured["change"] = loops.change(first, second)
    for axis, (name, terms) in enumerate(((YEAR, YEARLY), (DAY, DAILY)), start=1):
        along = [place for place, of in enumerate(latent) if of.startswith(name)]
        if along:
            steps, own = (
                (np.moveaxis(first[..., along], axis, 1), np.moveaxis(second[..., along], axis, 1)),
                (harmonics[0][:, terms][..., along], harmonics[1][:, terms][..., along]),
            )
            measured.update(_of_cycle(name, cycles[axis - 1], steps, own))
    return measured


def _of_cycle(name: str, cycle: Cycle, steps: Pair, harmonics: Pair) -> Mapping[str, Floats]:
    """Those of `MEASURES` that are of one cycle.

    Args:
        name: of the cycle.
        cycle: the year or the day.
        steps: (pixel, step, other, direction) trajectories of both periods.
        harmonics: (pixel, 2, direction) cosine and sine of both.
    """
    amount = loops.amount(*harmonics, cycle)
    phases = [loops.phase(loop[..., 0], cycle) for loop in (np.mean(harmonics, axis=0), *harmonics)]
    measured = {
        f"{name}_amount": amount,
        f"{name}_noise": loops.noise(*harmonics, cycle),
        f"{name}_phase": np.where(amount > 0, phases[0], np.nan),
        f"{name}_speed": loops.speed(*steps, cycle),
        f"{name}_smoothness": loops.smoothness(*steps, cycle),
    }
    if name == YEAR:
        before, after = (loops.amount(loop, loop, cycle) for loop in harmonics)
        later = loops.later(phases[1], phases[2], cycle)
        measured["change_amount"] = after - before
        measured["change_phase"] = np.where(amount > 0, later, np.nan)
    return measured
