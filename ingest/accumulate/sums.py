"""Running sums of packed observations, from which the seven metrics of a store follow.

Sums are of powers of deviations from a shift: the pixel's first observation, or the mean of the
observations before. Then no sum loses more digits to cancellation than the number of observations
has, and the mean of equal observations is exact. The work is in float64; between two additions the
statistics of a pixel are kept in float32, and the rounding error of the mean beside the mean.

Merging moments (`lake.format.moments.merge`, which names the other implementations) would give the same
numbers; adding single observations as powers takes a fraction of the time, and reads packed counts.
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
"""Positions in the second axis of `PowerSums.values`, in the order of `METRICS`. All bands share the
count, so REST, the rounding error of the mean in float32, stands in its place."""

ABSENT, OBSERVED, DROPPED = range(3)
"""State of a pixel at a step: it has no counts, counts of an observation, or counts to skip."""

ZERO, ONE, TWO, THREE, FOUR = map(np.uint64, range(5))

WIDTH, DEPTH = 256, 32
"""Numbers of fine pixels and of steps that are added at once: they fit into the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class PowerSums:
    """Running statistics of the observations of a run of pixels."""

    subpixels: int
    count: NDArray[np.int32]
    """(pixel,) number of observations, the same for all bands and subpixels."""
    values: Singles
    """(band, 7, cell), a cell for each subpixel of each pixel; undefined where the count is 0."""

    def part(self, pixels: slice) -> "PowerSums":
        """A view of the statistics of some of the pixels."""
        cells = slice(pixels.start * self.subpixels, pixels.stop * self.subpixels)
        return PowerSums(self.subpixels, self.count[pixels], self.values[:, :, cells])

    def copy(self) -> "PowerSums":
        """The same numbers in arrays of their own."""
        return PowerSums(self.subpixels, self.count.copy(), self.values.copy())

    def add(
        self,
        counts: NDArray[np.uint16],
        begins: NDArray[np.int64],
        tables: Floats,
        states: States,
    ) -> None:
        """Add observations, in place.

        Args:
            counts: one-dimensional, packed counts of all steps and bands. Those of one step and
                band follow each other in the order of pixels, each with all its subpixels, without
                pixels that are `ABSENT`.
            begins: (band, step) position of the first pixel's counts.
            tables: (step, band, count) quantity of every count of an observation.
            states: (step, pixel) `ABSENT`, `OBSERVED` or `DROPPED`.
        """
        for band, values in enumerate(self.values):
            _add(self.subpixels, self.count, values, counts, begins[band], states, tables[:, band])
        self.count[...] += (states == OBSERVED).sum(axis=0, dtype=np.int32)

    def results(self) -> Singles:
        """The metrics as a store has them, (band, metric, pixel, subpixel); they overwrite `values`.

        Where a pixel has no observation its count is 0 and its other metrics are NaN.
        """
        _finish(self.subpixels, self.count, self.values)
        return self.values.reshape(*self.values.shape[:2], self.count.size, self.subpixels)


def blank(bands: int, pixels: int, subpixels: int) -> PowerSums:
    """Sums to which no observation was added yet."""
    values = np.empty((bands, len(METRICS), pixels * subpixels), np.float32)
    return PowerSums(subpixels, np.zeros(pixels, np.int32), values)


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

    A tile of pixels is added at a time. The k-th observation of every pixel goes to layer k: numbers
    that lie side by side are added faster.
    """
    tile = max(1, WIDTH // subpixels)
    at = begins.copy()
    depth = np.empty(tile, np.int64)
    layer_counts = np.empty(tile * subpixels, np.float64)
    cell_counts = np.empty(tile * subpixels, np.float64)
    layers = np.empty((DEPTH, tile * subpixels), np.float64)
    sums = np.empty((7, tile * subpixels), np.float64)
    for first in range(0, count.size, tile):
        last = min(first + tile, count.size)
        width = (last - first) * subpixels
        tile_values = values[:, first * subpixels : last * subpixels]
        for i in range(last - first):
            cell_counts[i * subpixels : (i + 1) * subpixels] = count[first + i]
        _load(tile_values, cell_counts, sums)
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
            deepest = _settle(
                subpixels, depth[: last - first], layer_counts, cell_counts, sums, layers
            )
            _sum_up(sums, layers, layer_counts, deepest, width)
        _store(tile_values, cell_counts, sums)


@compiled
def _load(values: Singles, cell_counts: Floats, sums: Floats) -> None:
    """From statistics about the mean to sums (7, cell) about the shift, which is that mean.

    The rows of `sums` are the shift, sums of the first four powers of deviations from it, minimum and
    maximum.
    """
    sums[:5] = 0
    sums[5], sums[6] = np.inf, -np.inf
    for at in range(values.shape[1]):
        if cell_counts[at] > 0:
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
    """Put one step's observations into the layers; returns where those of the next tile begin.

    Positions are unsigned, otherwise the compiler tests each for a negative value. Four subpixels are
    read before four are written, so that the compiler may move them together.
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
    layer_counts: Floats,
    cell_counts: Floats,
    sums: Floats,
    layers: Floats,
) -> int:
    """Set the shift of cells that are observed for the first time; returns the greatest depth."""
    deepest = 0
    for i in range(depth.size):
        deepest = max(deepest, depth[i])
        layer_counts[i * subpixels : (i + 1) * subpixels] = depth[i]
    for at in range(depth.size * subpixels):
        is_first = cell_counts[at] == 0 and layer_counts[at] > 0
        x = layers[0, at]
        sums[0, at] = x if is_first else sums[0, at]
        sums[5, at] = x if is_first else sums[5, at]
        sums[6, at] = x if is_first else sums[6, at]
        cell_counts[at] += layer_counts[at]
    return deepest


@compiled
def _sum_up(sums: Floats, layers: Floats, layer_counts: Floats, deepest: int, width: int) -> None:
    """Add four layers at a time, in a form that the compiler makes vector instructions of.

    A cell without an observation in a layer gets the shift there, which changes no sum.
    """
    for k in range(0, deepest, 4):
        k0 = np.float64(k)
        for at in range(width):
            shift, depth = sums[0, at], layer_counts[at]
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
def _store(values: Singles, cell_counts: Floats, sums: Floats) -> None:
    """From sums about the shift to statistics about the mean; undefined where nothing was observed."""
    for at in range(values.shape[1]):
        n = cell_counts[at]
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
