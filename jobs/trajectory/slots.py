"""Slots: what a store holds of a pixel in one (month, time of day), as the channels of a vector.

A channel is a (cube, band, statistic), and a subpixel where these are kept apart. Every slot has the same
channels, so that one encoder fits all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from jobs.features import features
from jobs.features.features import Feature, FeatureSelection
from jobs.linear import linear_model
from jobs.linear.linear_model import FeatureSource
from jobs.trajectory import loops
from jobs.trajectory.loops import CENTRE, DAILY, YEARLY, Cycle
from lake.errors import ConfigError
from lake.format.arrays import Indices, Singles
from lake.reading.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class SlotGrid:
    """The features of slots in a grid."""

    months: tuple[int, ...]
    tods: tuple[int, ...]
    """Seconds after midnight UTC."""
    channels: tuple[str, ...]
    """`cube/band/statistic`, and `/s03` of a subpixel."""
    positions: Indices
    """(month, tod, channel) positions among the features."""

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """The grid of features of these names, which fill it."""
        rows = [Feature.parse(name) for name in names]
        months = tuple(dict.fromkeys(row.month for row in rows))
        tods = tuple(sorted({row.tod for row in rows}))
        channels = tuple(dict.fromkeys(map(_channel, rows)))
        positions = np.full((len(months), len(tods), len(channels)), -1)
        for position, row in enumerate(rows):
            cell = months.index(row.month), tods.index(row.tod), channels.index(_channel(row))
            positions[cell] = position
        return cls(months, tods, channels, positions)

    def values(self, x: Singles) -> Singles:
        """(pixel, month, tod, channel) of features (feature, pixel)."""
        return np.moveaxis(x[self.positions], -1, 0)


@dataclass(frozen=True, slots=True)
class SlotSources:
    """Where the slots of two periods are read, and which cycles they have."""

    first: FeatureSource
    second: FeatureSource
    names: tuple[str, ...]
    """Names of the features."""
    months: tuple[int, ...]
    tods: tuple[int, ...]
    """Seconds after midnight UTC."""

    @property
    def cycles(self) -> tuple[Cycle, Cycle]:
        """The year, in months since it began, and the day, in hours."""
        year = Cycle(tuple(month - 0.5 for month in self.months), 12.0)
        return year, Cycle(tuple(tod / 3600 for tod in self.tods), 24.0)

    @property
    def terms(self) -> list[int]:
        """Terms of the harmonics that the cycles have."""
        year, day = self.cycles
        numbers = list(range(len(loops.TERMS)))
        return (
            numbers[CENTRE]
            + numbers[YEARLY] * year.has_harmonic
            + numbers[DAILY] * day.has_harmonic
        )

    def read(self, root: str, run: str, pixels: slice) -> tuple[Singles, Singles]:
        """On a worker: values (pixel, month, tod, channel) of both periods."""
        grid, names = SlotGrid.of(self.names), list(self.names)
        first, second = (
            np.concatenate(list(linear_model.blocks(root, run, source, names, pixels)), axis=1)
            for source in (self.first, self.second)
        )
        return grid.values(first), grid.values(second)


def resolve(selection: FeatureSelection, first: Store, second: Store) -> FeatureSelection:
    """The selection with every choice spelled out: months of both stores, times of day of all cubes.

    Raises:
        ConfigError: a name that the first store does not have, or no slot remains.
    """
    resolved = features.resolve(selection, first)
    cubes = [first.cubes[name] for name in resolved.cubes]
    used = [cube for cube in cubes if {*cube.bands} & {*resolved.bands}]
    tods = [tod for tod in resolved.tods if all(tod in cube.tods for cube in used)]
    months = [month for month in resolved.months if month in second.months]
    if not (tods and months):
        raise ConfigError(
            f"{first.key} and {second.key} have no (month, time of day) of all of "
            f"{', '.join(resolved.cubes)}: months {resolved.months} and {second.months}, times of day "
            f"that all cubes have {tods}; choose cubes by '--set cubes=...'"
        )
    return replace(resolved, months=tuple(months), tods=tuple(sorted(tods)))


def sources(first: Store, second: Store, selection: FeatureSelection) -> SlotSources:
    """Where slots are read, by a resolved selection.

    Raises:
        ConfigError: the second store lacks one.
    """
    names = [str(feature) for feature in features.columns(selection, first.cubes.values())]
    one, other = (
        linear_model.feature_source(store, names, suspect=False) for store in (first, second)
    )
    grid = SlotGrid.of(names)
    return SlotSources(one, other, tuple(names), grid.months, grid.tods)


def _channel(feature: Feature) -> str:
    name = f"{feature.cube}/{feature.band}/{feature.statistic}"
    return name if feature.subpixel is None else f"{name}/s{feature.subpixel:02d}"
