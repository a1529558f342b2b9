"""Running sums of packed observations, from which the seven metrics of a store follow.

Work is in float64, about a shift that is the pixel's first observation or the mean of what came
before: then no sum loses more digits to cancellation than the number of observations has, and the
mean of equal observations is exact. Between two additions a pixel's sums rest as its statistics, in
float32, the mean with its rounding error beside it.
Source: the binomial expansion of power sums about another point; Chan, Golub and LeVeque,
"Algorithms for computing the sample variance", The American Statistician 37 (1983), section 3, on the
choice of the shift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.accumulate.compiled import compiled
from lake.format.arrays import Floats, Singles
from lake.format.moments import METRICS

States = NDArray[np.uint8]

REST, LOW, HIGH, MEAN, M2, M3, M4 = range(len(METRICS))
"""Places in the second axis of `Sums.values`: as in `METRICS`, but in place of the count, which all
bands share, what float32 leaves of the mean."""

ABSENT, OBSERVED, DROPPED = range(3)
"""State of a pixel at a step: no counts, counts of an observation, counts to pass over."""

ZERO, ONE, TWO, THREE, FOUR = map(np.uint64, range(5))

WIDTH, DEPTH = 256, 32
"""Fine pixels and steps that are worked on at once: they stay in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Statistics of the observations of a run of pixels so far."""

    subpixels: int
    count: NDArray[np.int32]
    """(pixel,) the same for all bands and subpixels."""
    values: Singles
    """(band, 7, cell), the subpixels of each pixel side by side; means nothing where the count is 0."""

    def part(self, pixels: slice) -> "Sums":
        """A view of some of the pixels."""
        cells = slice(pixels.start * self.subpixels, pixels.stop * self.subpixels)
        return Sums(self.subpixels, self.count[pixels], self.values[:, :, cells])

    def copy(self) -> "Sums":
        """The same numbers, apart."""
        return Sums(self.subpixels, self.count.copy(), self.values.copy())

    def add(
        self,
        counts: NDArray[np.uint16],
        begins: NDArray[np.int64],
        tables: Floats,
        states: States,
    ) -> None:
        """Add observations, in place.

        Args:
            counts: one-dimensional, of all steps and bands, wherever they lie in it: in the order
                of pixels, each with all its subpixels, without those that are `ABSENT`.
            begins: (band, step) where the first pixel's counts lie.
            tables: (step, band, count) quantity of every count of an observation.
            states: (step, pixel)
        """
        for band, values in enumerate(self.values):
            _add(self.subpixels, self.count, values, counts, begins[band], states, tables[:, band])
        self.count[...] += (states == OBSERVED).sum(axis=0, dtype=np.int32)

    def results(self) -> Singles:
        """(band, metric, pixel, subpixel) as a store holds them: NaN where there is no observation,
        but the count is 0. They take the place of `values`.
        """
        _finish(self.subpixels, self.count, self.values)
        return self.values.reshape(*self.values.shape[:2], self.count.size, self.subpixels)


def blank(bands: int, pixels: int, subpixels: int) -> Sums:
    """Sums of no observation."""
    values = np.empty((bands, len(METRICS), pixels * subpixels), np.float32)
    return Sums(subpixels, np.zeros(pixels, np.int32), values)


@compiled
def _finish(subpixels: int, count: NDArray[np.int32], values: Singles) -> None:
    for band in range(values.shape[0]):
        for pixel in range(count.size):
            cells = slice(pixel * subpixels, (pixel + 1) * subpixels)
            values[band, 0, cells] = count[pixel]
            if count[pixel] == 0:
                values[band, 1:, cells] = np.nan


@compiled
def _add(
    subpixels: int,
    count: NDArray[np.int32],
    values: Singles,
    counts: NDArray[np.uint16],
    begins: NDArray[np.int64],
    states: States,
    table: Floats,
) -> None:
    """Add the observations of one band: `values` (7, cell), `begins` (step,), `table` (step, count).

    A tile of pixels at a time: the k-th observation of every pixel goes to layer k, as numbers that
    lie side by side are added faster.
    """
    tile = max(1, WIDTH // subpixels)
    at = begins.copy()
    depth = np.empty(tile, np.int64)
    held = np.empty(tile * subpixels, np.float64)
    seen = np.empty(tile * subpixels, np.float64)
    layers = np.empty((DEPTH, tile * subpixels), np.float64)
    sums = np.empty((7, tile * subpixels), np.float64)
    for first in range(0, count.size, tile):
        last = min(first + tile, count.size)
        width = (last - first) * subpixels
        of_tile = values[:, first * subpixels : last * subpixels]
        for i in range(last - first):
            seen[i * subpixels : (i + 1) * subpixels] = count[first + i]
        _load(of_tile, seen, sums)
        for batch in range(0, begins.size, DEPTH):
            depth[:] = 0
            for step in range(batch, min(batch + DEPTH, begins.size)):
                at[step] = _spread(
                    subpixels,
                    states[step, first:last],
                    counts,
                    at[step],
                    table[step],
                    depth,
                    layers,
                )
            deepest = _settle(subpixels, depth[: last - first], held, seen, sums, layers)
            _sum_up(sums, layers, held, deepest, width)
        _store(of_tile, seen, sums)


@compiled
def _load(values: Singles, seen: Floats, sums: Floats) -> None:
    """Shift, sums of the first four powers of deviations from it, minimum and maximum."""
    sums[:5] = 0
    sums[5], sums[6] = np.inf, -np.inf
    for at in range(values.shape[1]):
        if seen[at] > 0:
            sums[0, at] = np.float64(values[MEAN, at]) + values[REST, at]
            sums[2, at] = values[M2, at]
            sums[3, at] = values[M3, at]
            sums[4, at] = values[M4, at]
            sums[5, at] = values[LOW, at]
            sums[6, at] = values[HIGH, at]


@compiled
def _spread(
    subpixels: int,
    states: States,
    counts: NDArray[np.uint16],
    begin: int,
    table: Floats,
    depth: NDArray[np.int64],
    layers: Floats,
) -> np.int64:
    """Lay one step's observations onto those before; returns where those of the next tile begin.

    Positions are unsigned, else each would be tested for a negative one, and four subpixels are read
    before four are written, that the compiler may move them together.
    """
    at, width = np.uint64(begin), np.uint64(subpixels)
    for i in range(states.size):
        if states[i] == OBSERVED:
            k, cell = np.uint64(depth[i]), np.uint64(i) * width
            depth[i] += 1
            if width % FOUR == ZERO:
                for s in range(ZERO, width, FOUR):
                    a, b = table[counts[at + s]], table[counts[at + s + ONE]]
                    c, d = table[counts[at + s + TWO]], table[counts[at + s + THREE]]
                    layers[k, cell + s], layers[k, cell + s + ONE] = a, b
                    layers[k, cell + s + TWO], layers[k, cell + s + THREE] = c, d
            else:
                for s in range(width):
                    layers[k, cell + s] = table[counts[at + s]]
        if states[i] != ABSENT:
            at += width
    return np.int64(at)


@compiled
def _settle(
    subpixels: int,
    depth: NDArray[np.int64],
    held: Floats,
    seen: Floats,
    sums: Floats,
    layers: Floats,
) -> int:
    """Begin with cells that are seen for the first time; returns the greatest depth."""
    deepest = 0
    for i in range(depth.size):
        deepest = max(deepest, depth[i])
        held[i * subpixels : (i + 1) * subpixels] = depth[i]
    for at in range(depth.size * subpixels):
        is_first = seen[at] == 0 and held[at] > 0
        x = layers[0, at]
        sums[0, at] = x if is_first else sums[0, at]
        sums[5, at] = x if is_first else sums[5, at]
        sums[6, at] = x if is_first else sums[6, at]
        seen[at] += held[at]
    return deepest


@compiled
def _sum_up(sums: Floats, layers: Floats, held: Floats, deepest: int, width: int) -> None:
    """Add four layers at a time: written so that the compiler makes vector instructions of it.

    A cell without an observation in a layer gets the shift there, which changes no sum.
    """
    for k in range(0, deepest, 4):
        k0 = np.float64(k)
        for at in range(width):
            shift, depth = sums[0, at], held[at]
            a = layers[k, at] if k0 < depth else shift
            b = layers[k + 1, at] if k0 + 1 < depth else shift
            c = layers[k + 2, at] if k0 + 2 < depth else shift
            d = layers[k + 3, at] if k0 + 3 < depth else shift
            sums[5, at] = min(min(min(a, b), min(c, d)), sums[5, at])  # noqa: PLW3301 (two by two)
            sums[6, at] = max(max(max(a, b), max(c, d)), sums[6, at])  # noqa: PLW3301 (two by two)
            a, b, c, d = a - shift, b - shift, c - shift, d - shift
            a2, b2, c2, d2 = a * a, b * b, c * c, d * d
            sums[1, at] += (a + b) + (c + d)
            sums[2, at] += (a2 + b2) + (c2 + d2)
            sums[3, at] += (a2 * a + b2 * b) + (c2 * c + d2 * d)
            sums[4, at] += (a2 * a2 + b2 * b2) + (c2 * c2 + d2 * d2)


@compiled
def _store(values: Singles, seen: Floats, sums: Floats) -> None:
    """From sums about the shift to statistics about the mean; nonsense where nothing was seen."""
    for at in range(values.shape[1]):
        n = seen[at]
        d = sums[1, at] / n
        s2, s3, s4 = sums[2, at], sums[3, at], sums[4, at]
        square = n * d * d
        mean = sums[0, at] + d
        single = np.float32(mean)
        values[MEAN, at] = single
        values[REST, at] = mean - single
        values[LOW, at] = sums[5, at]
        values[HIGH, at] = sums[6, at]
        values[M2, at] = max(s2 - square, 0.0)
        values[M3, at] = s3 - d * (3 * s2 - 2 * square)
        values[M4, at] = max(s4 - d * (4 * s3 - d * (6 * s2 - 3 * square)), 0.0)
