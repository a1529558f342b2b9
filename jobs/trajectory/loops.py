"""Loops of trajectories: how far, when, how fast and how smoothly a pixel moves over the year or the day.

A trajectory is (pixel, month, tod, latent), NaN where a slot was not observed. It is taken apart into a
centre, a yearly course and a daily one, which add up; a *course* is (pixel, step, latent), its steps are
months or times of day, its mean over the steps is 0. Pure.
"""

from dataclasses import dataclass

import numpy as np

from lake.format.arrays import Bools, Floats

SWEEPS = 30
"""Sweeps of `courses`; where four fifths of the slots are observed, ten change nothing more."""
LEAST_STEPS = 3
"""Number of observed steps below which a course has no phase."""
NEIGHBOUR_GAPS = 2
"""Steps are neighbours that lie at most so many of the smallest gap apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """The parts of the trajectories of some pixels."""

    centre: Floats
    """(pixel, latent) the mean of the yearly course, before it was made 0."""
    yearly: Floats
    """(pixel, month, latent) NaN: no slot of the month was observed."""
    daily: Floats
    """(pixel, tod, latent) NaN: likewise of the time of day."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A year or a day, and the steps in it."""

    positions: tuple[float, ...]
    """Rising, e.g. the hour of each time of day; a step for each."""
    length: float
    """Of the cycle, in the same unit."""

    def neighbours(self) -> tuple[tuple[int, int, float], ...]:
        """Pairs of steps that follow each other, and their gaps; the last and the first, too, if near."""
        count = len(self.positions)
        pairs = []
        for step in range(count if count > 1 else 0):
            after = (step + 1) % count
            gap = (self.positions[after] - self.positions[step]) % self.length or self.length
            pairs.append((step, after, gap))
        nearest = min((gap for _, _, gap in pairs), default=0.0)
        return tuple(pair for pair in pairs if pair[2] <= NEIGHBOUR_GAPS * nearest)


def courses(trajectory: Floats) -> Courses:
    """Centre, yearly and daily course, by least squares over the observed slots of each pixel.

    Source: Buja, Hastie and Tibshirani, "Linear smoothers and additive models", Annals of Statistics 17
    (1989), backfitting.
    """
    observed = np.isfinite(trajectory).all(axis=-1)
    values = np.where(observed[..., None], trajectory, 0.0)
    yearly = np.zeros_like(values[:, :, 0])
    daily = np.zeros_like(values[:, 0])
    for _ in range(SWEEPS):
        yearly = _means(values - daily[:, None], observed, axis=2)
        daily = _means(values - yearly[:, :, None], observed, axis=1)
        daily -= _mean_step(daily, observed.any(axis=1))[:, None]
    yearly = np.where(observed.any(axis=2)[..., None], yearly, np.nan)
    daily = np.where(observed.any(axis=1)[..., None], daily, np.nan)
    centre = _mean_step(yearly, observed.any(axis=2))
    return Courses(centre, yearly - centre[:, None], daily)


def amount(first: Floats, second: Floats) -> Floats:
    """(pixel,) how far a pixel moves: root mean square over the steps of what two periods' courses share.

    Noise of one period alone adds nothing; 0 where the courses have nothing in common, NaN where no step
    was observed in both.

    Args:
        first: (pixel, step, latent) course of a period.
        second: likewise of another one.
    """
    products = (first * second).sum(axis=-1)  # (pixel, step)
    return np.sqrt(np.maximum(_mean_step(products, np.isfinite(products)), 0))


def spread(course: Floats) -> Floats:
    """(pixel,) root mean square over the steps of a course, its noise included; NaN: no step observed."""
    squares = (course**2).sum(axis=-1)
    return np.sqrt(_mean_step(squares, np.isfinite(squares)))


def axis(first: Floats, second: Floats) -> Floats:
    """(latent,) the direction in which pixels move most, as two periods' courses share it; of length 1."""
    both = np.isfinite(first * second).all(axis=-1)
    shared = first[both].T @ second[both]
    _, vectors = np.linalg.eigh(shared + shared.T)
    return np.asarray(vectors[:, -1])


def phase(course: Floats, direction: Floats, cycle: Cycle) -> Floats:
    """(pixel,) when a pixel is farthest along a direction, in the cycle's unit: a mean on the circle.

    Steps weigh by how far above its lowest step the pixel is there. NaN where fewer than `LEAST_STEPS`
    steps were observed, or nothing moves.
    """
    along = course @ direction  # (pixel, step)
    observed = np.isfinite(along)
    lowest = np.where(observed, along, np.inf).min(axis=1, initial=np.inf)
    weight = np.where(observed, along - lowest[:, None], 0.0)
    angle = 2 * np.pi * np.array(cycle.positions) / cycle.length
    mean = weight @ np.exp(1j * angle)
    is_known = (observed.sum(axis=1) >= LEAST_STEPS) & (np.abs(mean) > 0)
    position = np.angle(mean) / (2 * np.pi) * cycle.length % cycle.length
    return np.where(is_known, position, np.nan)


def speed(course: Floats, cycle: Cycle) -> Floats:
    """(pixel,) mean distance between neighbouring steps over the time between them; NaN: none observed."""
    pairs = cycle.neighbours()
    distances = [
        np.linalg.norm(course[:, after] - course[:, step], axis=-1) / gap
        for step, after, gap in pairs
    ]
    return _mean_of(distances, len(course))


def smoothness(course: Floats, cycle: Cycle) -> Floats:
    """(pixel,) 1: neighbouring steps are equal, 0: as far apart as any two, below: the course zigzags.

    1 minus half of von Neumann's ratio: mean squared difference of neighbours over the variance.
    Source: von Neumann, "Distribution of the ratio of the mean square successive difference to the
    variance", Annals of Mathematical Statistics 12 (1941).
    """
    pairs = cycle.neighbours()
    squares = [((course[:, b] - course[:, a]) ** 2).sum(axis=-1) for a, b, _ in pairs]
    norms = (course**2).sum(axis=-1)
    variance = _mean_step(norms, np.isfinite(norms))
    is_moving = variance > 0
    ratio = _mean_of(squares, len(course)) / np.where(is_moving, variance, 1)
    return np.where(is_moving, 1 - ratio / 2, np.nan)


def later(first: Floats, second: Floats, cycle: Cycle) -> Floats:
    """(pixel,) how much later the second phase is than the first, from -length / 2 to length / 2."""
    half = cycle.length / 2
    return (second - first + half) % cycle.length - half


def _means(values: Floats, observed: Bools, axis: int) -> Floats:
    """Means over the observed slots along months (1) or times of day (2); 0 where there are none."""
    total = (values * observed[..., None]).sum(axis=axis)
    count = observed.sum(axis=axis)[..., None]
    return np.asarray(total / np.maximum(count, 1))


def _mean_step(values: Floats, observed: Bools) -> Floats:
    """Mean over the observed steps, the second axis; NaN where there are none."""
    shape = (*observed.shape, *([1] * (values.ndim - observed.ndim)))
    total = np.where(observed.reshape(shape), values, 0).sum(axis=1)
    count = observed.sum(axis=1).reshape(-1, *([1] * (values.ndim - 2)))
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _mean_of(values: list[Floats], pixels: int) -> Floats:
    """(pixel,) mean of those that are not NaN; NaN where all are, or none is given."""
    stacked = np.stack(values, axis=1) if values else np.full((pixels, 1), np.nan)
    return _mean_step(stacked, np.isfinite(stacked))
