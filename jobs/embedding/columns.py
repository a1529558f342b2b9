"""The description of an encoder's inputs: what every column is.

A column is a feature, a statistic of one (cube, band, month, time of day), or the score of a component.
Encoders are built from the description (`jobs.embedding.models.architecture`), views ask it which
columns belong together, and `model.json` keeps it, so that a stored model is rebuilt from its file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from jobs.features import static
from jobs.features.features import Feature
from lake.errors import ConfigError
from lake.format import bands
from lake.format.arrays import Indices

MERGED = -1
"""Subpixel of a column that is of all subpixels, merged."""
ATTRIBUTES = ("cube", "band", "month", "tod", "statistic", "subpixel")
"""What columns that are features can be grouped by; each is a property of `Columns`."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a model's inputs, in their order: all features, or all scores of components."""

    features: tuple[Feature, ...] = ()
    """The feature of each column; empty where columns are scores."""
    components: int = 0
    """The number of columns that are scores; 0 where columns are features."""
    variance: tuple[float, ...] = ()
    """The variance of each score over the pixels of the fitted store; empty where it is not known."""
    signal_to_noise: tuple[float, ...] = ()
    """Variance over noise variance of each score; empty where it is not known."""

    def __post_init__(self) -> None:
        if bool(self.features) == bool(self.components):
            raise ConfigError(
                f"{len(self.features)} features and {self.components} components are the columns of a "
                "model: wanted some of either, not of both"
            )
        for values in (self.variance, self.signal_to_noise):
            if len(values) not in {0, self.components}:
                raise ConfigError(f"{len(values)} values describe {self.components} components")

    @classmethod
    def from_names(cls, names: Iterable[str]) -> Self:
        """The columns that are features of these names.

        Raises:
            ConfigError: a text that is no name of a feature.
        """
        return cls(tuple(Feature.parse(name) for name in names))

    @property
    def count(self) -> int:
        """The number of columns."""
        return len(self.features) or self.components

    @property
    def are_features(self) -> bool:
        """Whether columns are features, of which cube, band, month and so on are known."""
        return bool(self.features)

    @property
    def cube(self) -> tuple[str, ...]:
        """The cube of each feature."""
        return tuple(feature.cube for feature in self.features)

    @property
    def band(self) -> tuple[str, ...]:
        """The band of each feature: `C01` to `C16`, or a product's variable."""
        return tuple(feature.band for feature in self.features)

    @property
    def wavelength_um(self) -> tuple[float, ...]:
        """The central wavelength of each feature's band; NaN for a variable that has none."""
        return tuple(bands.wavelength_um(band) for band in self.band)

    @property
    def month(self) -> tuple[int, ...]:
        """The month of each feature, 1 to 12."""
        return tuple(feature.month for feature in self.features)

    @property
    def tod(self) -> tuple[int, ...]:
        """The time of day of each feature, in seconds after midnight UTC."""
        return tuple(feature.tod for feature in self.features)

    @property
    def statistic(self) -> tuple[str, ...]:
        """The statistic of each feature, with its transform: `mean`, `stddev:log`."""
        return tuple(feature.statistic for feature in self.features)

    @property
    def subpixel(self) -> tuple[int, ...]:
        """The subpixel of each feature, from 0; `MERGED` where it is of all of them."""
        subpixels = (feature.subpixel for feature in self.features)
        return tuple(MERGED if subpixel is None else subpixel for subpixel in subpixels)

    def numbers(self, *attributes: str) -> Indices:
        """(count,) the number, from 0, of the group of each column; columns of a group agree in these.

        `numbers("month", "tod")` numbers the pairs of month and time of day, in rising order.

        Raises:
            ConfigError: columns that are scores, or an attribute that is none of `ATTRIBUTES`.
        """
        unknown = set(attributes) - set(ATTRIBUTES)
        if unknown or not self.are_features:
            raise ConfigError(
                f"{self} have no {', '.join(sorted(unknown) or attributes)}: "
                f"features have {', '.join(ATTRIBUTES)}"
            )
        keys = list(zip(*(getattr(self, name) for name in attributes), strict=True))
        number = {key: position for position, key in enumerate(sorted(set(keys)))}
        return np.array([number[key] for key in keys], np.int64)

    def fine_sets(self) -> tuple[Indices, ...]:
        """(slot, subpixel, channel) the positions of the columns of each cube whose subpixels are apart.

        A slot is a (month, tod), a channel a (band, statistic). A slot that lacks one of its cube's
        columns is left out.

        Raises:
            ConfigError: no column is a subpixel.
        """
        cells: dict[str, dict[tuple[int, int], dict[tuple[int, str, str], int]]] = {}
        for position, feature in enumerate(self.features):
            if feature.subpixel is not None:
                slots = cells.setdefault(feature.cube, {})
                slot = slots.setdefault((feature.month, feature.tod), {})
                slot[feature.subpixel, feature.band, feature.statistic] = position
        sets = tuple(_grid(slots) for slots in cells.values())
        if not sets or not all(grid.size for grid in sets):
            raise ConfigError(
                f"{self} have no fine pixels apart, or never all of a coarse pixel: give a run of "
                "'lake sample --set subpixels=separate' of a store with 500 m or 1 km cubes"
            )
        return sets

    @property
    def static(self) -> Indices:
        """The columns that need no observation, `jobs.features.static`."""
        return np.flatnonzero(np.array(self.cube) == static.CUBE)

    def subset(self, columns: Indices) -> Self:
        """The description of some of the columns, which are features."""
        return type(self)(tuple(self.features[column] for column in columns))

    def __str__(self) -> str:
        if not self.are_features:
            return f"{self.components} scores of components"
        sizes = (
            f"{len(set(getattr(self, name)))} {name}"
            for name in ("cube", "band", "month", "tod", "statistic")
        )
        return f"{self.count} features ({', '.join(sizes)})"

    def pack(self) -> dict[str, Any]:
        """The description as JSON; features by their names."""
        if self.are_features:
            return {"features": [str(feature) for feature in self.features]}
        return {
            "components": self.components,
            "variance": list(self.variance),
            "signal_to_noise": list(self.signal_to_noise),
        }

    @classmethod
    def unpack(cls, document: Mapping[str, Any]) -> Self:
        """The description that `pack` gave."""
        if "features" in document:
            return cls.from_names(document["features"])
        variance, ratio = document["variance"], document["signal_to_noise"]
        return cls((), document["components"], tuple(variance), tuple(ratio))


def _grid(slots: Mapping[tuple[int, int], Mapping[tuple[int, str, str], int]]) -> Indices:
    """(slot, subpixel, channel) positions of the slots of a cube that have all of its columns."""
    names = {key for slot in slots.values() for key in slot}
    subpixels = sorted({subpixel for subpixel, _, _ in names})
    channels = sorted({(band, statistic) for _, band, statistic in names})
    keys = [(subpixel, *channel) for subpixel in subpixels for channel in channels]
    complete = [[slot[key] for key in keys] for slot in slots.values() if slot.keys() >= set(keys)]
    return np.array(complete, np.int64).reshape(len(complete), len(subpixels), len(channels))
