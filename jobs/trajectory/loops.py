"""Loops of trajectories: how far, when, how fast and how smoothly a pixel moves over the year and the day.

A trajectory is (pixel, month, tod, latent), NaN where a slot was not observed; a loop is its first
harmonic over a cycle. Noise moves every pixel, too: the length of a noisy vector is too large. So every
length here is measured on two periods: squares are inner products of what the periods say, to which
noise that is independent of the period adds nothing in the mean. Where such a square is below 0, the
length is 0. Pure.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from lake.format.arrays import Bools, Floats

LEAST_STEPS = 3
"""Number of observed steps below which a pixel has no harmonic of a cycle."""
LEAST_EIGENVALUE = 1e-3
"""Of a pixel's normal matrix over its number of slots; below it, its slots do not tell the terms apart."""
NEIGHBOUR_GAPS = 2
"""Steps that follow each other are neighbours if at most so many of the smallest gap apart."""
CENTRE, YEARLY, DAILY = slice(0, 1), slice(1, 3), slice(3, 5)
"""Positions of its centre, of the loop of the year and of that of the day among the terms."""
TERMS = ("centre", "yearly-cosine", "yearly-sine", "daily-cosine", "daily-sine")
"""Terms of a pixel's harmonics."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A year or a day, and the steps that a store has in it."""

    positions: tuple[float, ...]
    """Of the steps, rising, e.g. the hour of each time of day."""
    length: float
    """Of the cycle, in the same unit."""

    @property
    def has_harmonic(self) -> bool:
        """Whether there are enough steps for one."""
        return len(self.positions) >= LEAST_STEPS

    def regressors(self) -> Floats:
        """(step, 2) cosine and sine of the first harmonic, less their means over the steps.

        Less their means, so that the centre is the mean over the steps, not over a night that no step
        lies in; where steps fill the cycle evenly, the means are 0.
        """
        angle = 2 * np.pi * np.array(self.positions) / self.length
        values = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.asarray(values - values.mean(axis=0))

    def neighbours(self) -> tuple[tuple[int, int, float], ...]:
        """Steps that follow each other, and the gap between; the last and the first, too, if near."""
        count = len(self.positions)
        pairs = [
            (step, after, (self.positions[after] - self.positions[step]) % self.length)
            for step, after in zip(range(count), [*range(1, count), 0], strict=True)
            if step != after
        ]
        nearest = min((gap for _, _, gap in pairs), default=0.0)
        return tuple(pair for pair in pairs if pair[2] <= NEIGHBOUR_GAPS * nearest)


def harmonics(trajectory: Floats, year: Cycle, day: Cycle) -> Floats:
    """(pixel, term, latent) centre and first harmonics, by least squares over the observed slots.

    Of a complete series of months and hours they are the first coefficients of the Fourier transform.
    NaN: a cycle of which fewer than `LEAST_STEPS` steps were observed, or slots that do not tell the
    terms apart.

    Args:
        trajectory: (pixel, month, tod, latent), NaN: not observed.
        year: of the months.
        day: of the times of day.
    """
    observed: Bools = np.all(np.isfinite(trajectory), axis=-1)
    pixels, latent = len(trajectory), trajectory.shape[-1]
    weight = observed.reshape(pixels, -1).astype(np.float64)
    values = np.where(observed[..., None], trajectory, 0.0).reshape(pixels, -1, latent)
    design = _design(year, day)
    fitted = np.full((pixels, len(TERMS), latent), np.nan)
    for terms, chosen in _terms(observed):
        part = design[:, terms]
        gram = np.einsum("ps,si,sj->pij", weight[chosen], part, part, optimize=True)
        gram /= np.maximum(weight[chosen].sum(axis=1), 1)[:, None, None]
        right = np.einsum("psl,si->pil", values[chosen], part, optimize=True)
        right /= np.maximum(weight[chosen].sum(axis=1), 1)[:, None, None]
        is_known = np.linalg.eigvalsh(gram)[:, 0] >= LEAST_EIGENVALUE
        rows = np.flatnonzero(chosen)[is_known]
        fitted[np.ix_(rows, np.array(terms))] = np.linalg.solve(gram[is_known], right[is_known])
    return fitted


def inner(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) mean over the steps of the inner products of two loops.

    Args:
        first: (pixel, 2, latent) cosine and sine of a loop.
        second: of another one.
        cycle: theirs.
    """
    regressors = cycle.regressors()
    weight = regressors.T @ regressors / max(len(regressors), 1)
    return np.asarray(np.einsum("pil,ij,pjl->p", first, weight, second, optimize=True))


def amount(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) how far a pixel moves: root mean square distance of its loop from the centre, without noise.

    Args:
        first: (pixel, 2, latent) cosine and sine of the loop of a period; NaN: unknown.
        second: of the same pixels in another period.
        cycle: theirs.
    """
    return _root(inner(first, second, cycle))


def noise(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) how far the noise of one period moves the loop, in the root mean square."""
    difference = second - first
    return _root(inner(difference, difference, cycle) / 2)


def phase(loop: Floats, cycle: Cycle) -> Floats:
    """(pixel,) when a loop is farthest along a direction, in the cycle's unit; NaN: unknown.

    Args:
        loop: (pixel, 2) cosine and sine along the direction.
        cycle: the loop's.
    """
    turns = np.arctan2(loop[:, 1], loop[:, 0]) / (2 * np.pi)
    return np.asarray(turns * cycle.length % cycle.length)


def later(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) how much later the second phase is than the first, from -length / 2 to length / 2."""
    half = cycle.length / 2
    return (second - first + half) % cycle.length - half


def speed(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) root mean square speed between neighbouring steps, without noise; NaN: none observed.

    Args:
        first: (pixel, step, other, latent) trajectory of a period: only steps at the same place along
            `other` are compared.
        second: of another period.
        cycle: of the steps.
    """
    squares = [
        _inner(first[:, after] - first[:, step], second[:, after] - second[:, step]) / gap**2
        for step, after, gap in cycle.neighbours()
    ]
    return _root(_mean(squares, len(first)))


def smoothness(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) 1: neighbouring steps are equal, 0: as far apart as any two, below: the loop zigzags.

    1 minus von Neumann's ratio of squared differences: of neighbours over those of all pairs of steps.
    NaN: nothing moves, or too little was observed. Arguments are those of `speed`.
    Source: von Neumann, "Distribution of the ratio of the mean square successive difference to the
    variance", Annals of Mathematical Statistics 12 (1941).
    """
    pairs = cycle.neighbours()
    near = [
        _inner(first[:, after] - first[:, step], second[:, after] - second[:, step])
        for step, after, _ in pairs
    ]
    all_pairs = _mean_of_pairs(first, second)
    is_moving = all_pairs > 0
    ratio = _mean(near, len(first)) / np.where(is_moving, all_pairs, 1)
    return np.where(is_moving, 1 - ratio, np.nan)


def change(first: Floats, second: Floats) -> Floats:
    """(pixel,) distance between two periods in the mean over the slots that both have, without noise.

    The noise of that mean is its standard error, by how much the slots' differences differ. NaN: fewer
    than two slots.

    Args:
        first: (pixel, month, tod, latent) trajectory of a period.
        second: of the other.
    """
    difference = (second - first).reshape(len(first), -1, first.shape[-1])
    observed: Bools = np.all(np.isfinite(difference), axis=-1)
    count = observed.sum(axis=1)
    known = np.where(observed[..., None], difference, 0.0)
    mean = known.sum(axis=1) / np.maximum(count, 1)[:, None]
    square = (mean**2).sum(axis=1)
    scatter = (known**2).sum(axis=(1, 2)) - count * square
    error = scatter / np.maximum(count * (count - 1), 1)
    return np.where(count >= 2, _root(square - error), np.nan)


def _design(year: Cycle, day: Cycle) -> Floats:
    """(slot, term) regressors of every (month, tod)."""
    yearly, daily = year.regressors(), day.regressors()
    months, tods = len(yearly), len(daily)
    design = np.ones((months, tods, len(TERMS)))
    design[..., YEARLY] = yearly[:, None]
    design[..., DAILY] = daily
    return design.reshape(months * tods, len(TERMS))


def _terms(observed: Bools) -> list[tuple[list[int], Bools]]:
    """Terms that pixels have, and (pixel,) which pixels; `observed` is (pixel, month, tod)."""
    has_year = observed.any(axis=2).sum(axis=1) >= LEAST_STEPS
    has_day = observed.any(axis=1).sum(axis=1) >= LEAST_STEPS
    is_known = observed.any(axis=(1, 2))
    numbers = list(range(len(TERMS)))
    return [
        (
            numbers[CENTRE] + numbers[YEARLY] * yearly + numbers[DAILY] * daily,
            is_known & (has_year == yearly) & (has_day == daily),
        )
        for yearly, daily in product((False, True), repeat=2)
    ]


def _mean_of_pairs(first: Floats, second: Floats) -> Floats:
    """(pixel,) mean inner product of the two periods' differences, over all pairs of steps."""
    known: Bools = np.all(np.isfinite(first * second), axis=-1)  # (pixel, step, other)
    one, other = (np.where(known[..., None], x, 0.0) for x in (first, second))
    count = known.sum(axis=1)  # (pixel, other)
    products = count * (one * other).sum(axis=(1, 3))
    products -= (one.sum(axis=1) * other.sum(axis=1)).sum(axis=-1)
    pairs = (count * (count - 1) / 2).sum(axis=1)
    return np.where(pairs > 0, products.sum(axis=1) / np.maximum(pairs, 1), np.nan)


def _inner(first: Floats, second: Floats) -> Floats:
    """(pixel, other) inner products along the last axis."""
    return np.asarray((first * second).sum(axis=-1))


def _mean(values: list[Floats], pixels: int) -> Floats:
    """(pixel,) mean over arrays (pixel, other), of what is not NaN; NaN where all is."""
    if not values:
        return np.full(pixels, np.nan)
    stacked = np.concatenate(values, axis=1)
    known = np.isfinite(stacked)
    count = known.sum(axis=1)
    total = np.where(known, stacked, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _root(square: Floats) -> Floats:
    """Square root; 0 where the square is below 0."""
    return np.sqrt(np.maximum(square, 0))
