"""How scores of two periods vary over the land: scale by signal, and the filter that keeps the land's range.

Scores are (P, k), of one pixel in the same row in both periods, without NaN, of mean 0. What the periods do
not share is noise, so products across periods hold signal alone. `total` is the mean covariance of both
periods, `signal` the one across them; `variation` at a lag is half the covariance across periods of the
differences of pixels so far apart: the matrix whose diagonal is a variogram without noise.

Classes of land lie in patches, while haze, latitude and elevation change over longer distances. The *range*
of the land is the lag at which half of the signal varies. The local filter whitens scores, multiplies them by
a power of their variation within that range, and gives every score its variance again. Signal that hardly
varies within the range becomes small.

Some signal varies from each pixel to the next, wherever they lie: the *nugget* of the variogram. It is of
single pixels, not of patches, and a map of it is salt and pepper. So the filter goes by the variation less
the nugget, which is what a line through the variation at lags 1 and 2 leaves for a distance of 0.
Source: Switzer and Green, "Min/max autocorrelation factors for multivariate spatial imagery", Stanford
University, Department of Statistics, Technical Report 6 (1984), whose eigenproblem of `variation` and `total`
this is, for one period; the variogram: Matheron, "Principles of geostatistics", Economic Geology 58 (1963);
variances by halves: Abadir, Distaso and Zikes, "Design-free estimation of variance matrices", Journal of
Econometrics 181 (2014).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lake.format.arrays import Floats, Indices, Integers, Singles

LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Distances in rows or columns of the grid."""
PAIRS, MIN_PAIRS = 20_000, 200
"""Pairs of pixels at a lag, or at a lag of one half, at most; with fewer than the second it is left out."""
NUGGET_LAGS = (1, 2)
"""Lags by which the nugget is found."""
SHORT, LEVEL, POWER = 0.6, 0.5, 0.5
"""Longest lag as a share of the land's rows or columns; share of the signal that varies within the range;
power of the filter."""
AXES, MIN_SIGNAL = 64, 0.1
"""Scores that the range is found by, the first ones; those with a smaller share of signal do not count."""
MIN_RATIO, _TINY = 1.001, 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Covariances:
    """Covariances of scores; all (k, k)."""

    total: Floats
    signal: Floats

    @property
    def ratio(self) -> Floats:
        """(k,) variance over noise variance of each score, above 1."""
        total = np.diag(self.total)
        noise = np.maximum(total - np.diag(self.signal), _TINY * total.max())
        ratio: Floats = np.maximum(total / noise, MIN_RATIO)
        return ratio


def covariances(first: Singles, second: Singles) -> Covariances:
    """The covariances of scores of two periods."""
    x, y = (scores - scores.mean(axis=0, dtype=np.float64) for scores in (first, second))
    total = (x.T @ x + y.T @ y) / 2 / len(x)
    return Covariances(total, _symmetric(x.T @ y) / len(x))


def root_scale(covariances: Covariances) -> Floats:
    """(k,) factors that give each score the variance sqrt(variance / noise variance) - 1.

    Between units of noise, where the strongest component is all of a distance, and variance 1, where
    components of noise weigh as much as those of signal.
    """
    factors: Floats = np.sqrt((np.sqrt(covariances.ratio) - 1) / np.diag(covariances.total))
    return factors


def partners(
    row: Integers, column: Integers, lags: Sequence[int], anchors: Indices | None = None
) -> Iterator[tuple[Indices, Indices]]:
    """For each lag, (pair,) positions of pixels, and of those a lag away: along rows, columns, diagonals.

    Args:
        row: (P,) row of each pixel on the grid.
        column: (P,) column of each pixel.
        lags: distances, in pixels.
        anchors: positions of the pixels whose partners are wanted; None: of all.
    """
    margin = max(lags, default=0)
    place = np.full((int(row.max()) + margin + 1, int(column.max()) + 2 * margin + 1), -1)
    place[row, column + margin] = np.arange(len(row))
    anchors = np.arange(len(row)) if anchors is None else anchors
    for lag in lags:
        pairs = []
        for down, right in directions(lag):
            other = place[row[anchors] + down, column[anchors] + margin + right]
            found = np.flatnonzero(other >= 0)
            pairs.append((anchors[found], other[found]))
        one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
        yield one, other


def directions(lag: int) -> tuple[tuple[int, int], ...]:
    """Rows and columns to the partners of a pixel, at most `lag` each."""
    diagonal = round(lag * np.sqrt(0.5))
    return (0, lag), (lag, 0), (diagonal, diagonal), (diagonal, -diagonal)


def lags(row: Integers, column: Integers) -> tuple[int, ...]:
    """The lags that a land is large enough for."""
    extent = SHORT * max(int(np.ptp(row)), int(np.ptp(column)))
    return tuple(lag for lag in LAGS if lag <= extent)


def variation(first: Singles, second: Singles, one: Indices, other: Indices) -> Floats:
    """(k, k) half the covariance across periods of the differences of pairs of pixels."""
    x, y = (scores[one].astype(np.float64) - scores[other] for scores in (first, second))
    return _symmetric(x.T @ y) / 2 / len(one)


@dataclass(frozen=True, slots=True, eq=False)
class LandRange:
    """The range of the land, and how scores vary within it."""

    lag: int
    share: float
    """Share of the signal that varies within `lag`, each score weighted by the log of its ratio."""
    variation: Floats
    """(k, k) at `lag`."""


def land_range(
    first: Singles,
    second: Singles,
    known: Covariances,
    places: tuple[Integers, Integers],
    random: np.random.Generator,
) -> LandRange | None:
    """The first lag at which half of the signal varies, else the longest; None: too few pixels side by side.

    Args:
        first: (P, k) scores of the first period.
        second: (P, k) scores of the second period.
        known: their covariances.
        places: (P,) row and column of each pixel on the grid.
        random: draws `PAIRS` of the pairs at a lag.
    """
    signal, total = np.diag(known.signal)[:AXES], np.diag(known.total)[:AXES]
    counts = signal > MIN_SIGNAL * total
    if not counts.any():
        return None
    weight = np.log(known.ratio[:AXES])[counts]
    found = None
    distances = lags(*places)
    for lag, (one, other) in zip(distances, partners(*places, distances), strict=True):
        if len(one) < MIN_PAIRS:
            continue
        drawn = random.permutation(len(one))[:PAIRS]
        varied = variation(first, second, one[drawn], other[drawn])
        shares = np.diag(varied)[:AXES][counts] / signal[counts]
        found = LandRange(lag, float(np.average(shares, weights=weight)), varied)
        if found.share >= LEVEL:
            break
    return found


def nugget(
    first: Singles,
    second: Singles,
    total: Floats,
    places: tuple[Integers, Integers],
    random: np.random.Generator,
) -> Floats:
    """(k, k) the variation that is left at a distance of 0; 0 where too few pixels lie side by side.

    Pixels are dealt into halves. Axes are of the variation of one half, variances along them of the other,
    so that what varies by chance counts for nothing. Both ways are averaged.

    Args:
        first: (P, k) scores of the first period.
        second: (P, k) scores of the second period.
        total: (k, k) their covariance, by which axes are orthogonal.
        places: (P,) row and column of each pixel on the grid.
        random: deals pixels into halves, and draws `PAIRS` of the pairs of each.
    """
    is_first = random.random(len(first)) < 0.5
    lags = []
    for one, other in partners(*places, NUGGET_LAGS):
        halves = [np.flatnonzero(half[one]) for half in (is_first, ~is_first)]
        drawn = [random.permutation(pairs)[:PAIRS] for pairs in halves]
        if min(map(len, drawn)) < MIN_PAIRS:
            return np.zeros_like(total)
        lags.append([variation(first, second, one[pairs], other[pairs]) for pairs in drawn])
    near, far = (float(np.hypot(*np.transpose(directions(lag))).mean()) for lag in NUGGET_LAGS)
    white, back = _power(total, -0.5), _power(total, 0.5)
    first_half, second_half = (
        _symmetric(white @ (far * at_near - near * at_far) @ white) / (far - near)
        for at_near, at_far in zip(*lags, strict=True)
    )
    both = _along(first_half, second_half) + _along(second_half, first_half)
    found: Floats = back @ both @ back / 2
    return found


def _along(axes: Floats, variances: Floats) -> Floats:
    """(k, k) a matrix with the axes of one, and the variances of another along them where above 0."""
    vectors = np.linalg.eigh(axes)[1]
    along = np.maximum(np.einsum("ji,jk,ki->i", vectors, variances, vectors), 0)
    combined: Floats = (vectors * along) @ vectors.T
    return combined


def local_filter(total: Floats, varied: Floats, power: float = POWER) -> Floats:
    """(k, k) the filter: T^-1/2 (T^-1/2 G T^-1/2)^power T^1/2, of a total T and a variation G.

    Scores (P, k) times it are filtered. Directions in which the variation is below 0, by chance, become 0.
    """
    white = _power(total, -0.5)
    share = _power(_symmetric(white @ varied @ white), power)
    filtered: Floats = white @ share @ _power(total, 0.5)
    return filtered


def principal(projection: Floats, total: Floats) -> Floats:
    """(k, k) a projection (k, k) followed by the rotation to its principal axes, by falling variance.

    The mean variance of an axis is 1.
    """
    variance, vectors = np.linalg.eigh(_symmetric(projection.T @ total @ projection))
    rotated: Floats = projection @ vectors[:, ::-1] / np.sqrt(max(variance.mean(), _TINY))
    return rotated


def _symmetric(matrix: Floats) -> Floats:
    symmetric: Floats = (matrix + matrix.T) / 2
    return symmetric


def _power(matrix: Floats, power: float) -> Floats:
    """A power of a symmetric matrix whose eigenvalues below 0 count as 0; of such, none is infinite."""
    values, vectors = np.linalg.eigh(matrix)
    least = _TINY * max(values[-1], _TINY) if power < 0 else 0.0
    raised: Floats = (vectors * np.maximum(values, least) ** power) @ vectors.T
    return raised
