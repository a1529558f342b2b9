"""Cells: the features of a pixel in a grid (month, tod, band, metric).

Metrics are the chosen statistics. A band is named with its cube, and with its subpixel where these are
kept apart. Cubes with other times of day leave gaps in the grid: cells that no pixel has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from jobs.features.features import Feature
from jobs.features.scaling import Scaling
from lake.format.arrays import AnyFloats, Bools, Floats, Indices, Singles

MODES = ("month", "tod", "band", "metric")
"""The small modes, in the order of the grid."""
ZEROS = ("cell", "channel", "lowest", "nothing")
"""What becomes 0: the mean of each cell, the mean or the lowest value of each channel, or 0 itself."""


@dataclass(frozen=True, slots=True, eq=False)
class CellGrid:
    """The grid, and where features lie in it."""

    months: tuple[int, ...]
    tods: tuple[int, ...]
    """Seconds after midnight UTC."""
    bands: tuple[str, ...]
    """`cube/band`, and `/s03` of a subpixel."""
    metrics: tuple[str, ...]
    positions: Indices
    """(feature,) position of each in the flat grid."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """The grid of features of these names."""
        rows = [Feature.parse(name) for name in names]
        months = tuple(dict.fromkeys(row.month for row in rows))
        tods = tuple(sorted({row.tod for row in rows}))
        bands = tuple(dict.fromkeys(map(_band, rows)))
        metrics = tuple(dict.fromkeys(row.statistic for row in rows))
        places = [
            (
                months.index(row.month),
                tods.index(row.tod),
                bands.index(_band(row)),
                metrics.index(row.statistic),
            )
            for row in rows
        ]
        shape = len(months), len(tods), len(bands), len(metrics)
        flat = np.ravel_multi_index(tuple(np.array(places).T), shape)
        return cls(months, tods, bands, metrics, flat.astype(np.int64))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of steps of each mode."""
        return len(self.months), len(self.tods), len(self.bands), len(self.metrics)

    @property
    def steps(self) -> dict[str, tuple[int, ...] | tuple[str, ...]]:
        """Mode -> its steps."""
        return dict(zip(MODES, (self.months, self.tods, self.bands, self.metrics), strict=True))

    @property
    def channels(self) -> Indices:
        """(feature,) number of the (band, metric) of each."""
        return self.positions % (len(self.bands) * len(self.metrics))

    def on_grid(self, values: Floats) -> Floats:
        """(month, tod, band, metric, ...) of values (feature, ...); 0 where there is no feature."""
        grid = np.zeros((int(np.prod(self.shape)), *values.shape[1:]))
        grid[self.positions] = values
        return grid.reshape(*self.shape, *values.shape[1:])

    def features(self, grid: Floats) -> Floats:
        """(feature, ...) of values (cell, ...) of the flat grid."""
        return grid[self.positions]


def scaling(x: Singles, grid: CellGrid, zero: str, clip: float) -> Scaling:
    """How cells are scaled: each channel, a (band, metric), gets standard deviation 1.

    So all months and times of day of a channel keep their proportions. Where cells have mean 0, the
    standard deviation is of what is left.
    Source: Bro and Smilde, "Centering and scaling in component analysis", Journal of Chemometrics 17
    (2003): centre across a mode, scale within others.

    Args:
        x: (feature, pixel) of some pixels, NaN where missing.
        grid: of the features.
        zero: one of `ZEROS`.
        clip: standard deviations from the mean, beyond which values are cut off.
    """
    known = np.isfinite(x)
    count = known.sum(axis=1).astype(np.float64)
    filled = np.where(known, x, 0)
    total = filled.sum(axis=1, dtype=np.float64)
    mean = total / np.maximum(count, 1)
    if zero != "cell":
        mean = _of_channel(grid, total) / np.maximum(_of_channel(grid, count), 1)
    deviation = np.where(known, x - mean[:, None], 0)
    squares = _of_channel(grid, (deviation**2).sum(axis=1))
    scale = np.sqrt(squares / np.maximum(_of_channel(grid, count), 1))
    clip_at = np.where(scale > 0, clip * scale, np.inf)
    low, high = mean - clip_at, mean + clip_at
    origin = mean
    if zero == "nothing":
        origin = np.zeros(len(x))
    elif zero == "lowest":
        origin = _lowest(x, known, grid)
        low = np.maximum(low, origin)
    return Scaling(low, high, origin, np.where(scale > 0, scale, 1))


def _of_channel(grid: CellGrid, values: Floats) -> Floats:
    """(feature,) sums over the features of each one's channel."""
    sums = np.bincount(grid.channels, values, minlength=int(grid.channels.max()) + 1)
    return np.asarray(sums[grid.channels], np.float64)


def _lowest(x: AnyFloats, known: Bools, grid: CellGrid) -> Floats:
    """(feature,) the lowest value of each one's channel; 0: none is known."""
    lowest = np.full(int(grid.channels.max()) + 1, np.inf)
    np.minimum.at(lowest, grid.channels, np.where(known, x, np.inf).min(axis=1))
    return np.where(np.isfinite(lowest), lowest, 0)[grid.channels]


def _band(feature: Feature) -> str:
    name = f"{feature.cube}/{feature.band}"
    return name if feature.subpixel is None else f"{name}/s{feature.subpixel:02d}"
