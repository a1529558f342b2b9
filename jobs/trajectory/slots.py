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
        months, tods = (tuple(dict.fromkeys(getattr(row, axis) for row in rows)) for axis in ("month", "tod"))
        channels = tuple(dict.fromkeys(map(_channel, rows)))
        positions = np.full((len(months), len(tods), len(channels)), -1)
        for position, row in enumerate(rows):
            cell = months.index(row.month), tods.index(row.tod), channels.index(_channel(row))
            positions[cell] = position
        return cls(months, tods, channels, positions)

    def values(self, x: Singles) -> Singles:
        """(pixel, month, tod, channel) of features (feature, pixel)."""
        return np.moveaxis(x[self.positions], -1, 0)


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
            f"{first.key} and {second.key} have no slot in which all of {', '.join(resolved.cubes)} were "
            f"observed: months {resolved.months} and {second.months}, times of day in common {tods}; "
            "choose cubes by '--set cubes=...'"
        )
    return replace(resolved, months=tuple(months), tods=tuple(sorted(tods)))


def _channel(feature: Feature) -> str:
    name = f"{feature.cube}/{feature.band}/{feature.statistic}"
    return name if feature.subpixel is None else f"{name}/s{feature.subpixel:02d}"
