"""The part of a store that an exported file holds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr

from lake.errors import ConfigError
from lake.format.moments import METRICS
from lake.format.regions import Region
from lake.reading import cubes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.reading.store import Store


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of a store that is exported; an empty tuple stands for all of an axis."""

    cube: str
    statistics: tuple[str, ...] = ("mean",)
    """Names of metrics, and of statistics that are computed from them."""
    months: tuple[int, ...] = ()
    """Months 1..12; empty: those that hold statistics."""
    tods: tuple[int, ...] = ()
    """Times of day, seconds of the UTC day; empty: all."""
    bands: tuple[str, ...] = ()
    region: Region = ()
    """The region whose pixels are exported, see `lake.format.regions`; empty: all pixels."""

    def select(self, store: "Store") -> xr.Dataset:
        """The selected part of a store, read when used.

        Args:
            store: that is exported.

        Returns:
            A variable for each statistic, float32 (pixel, subpixel, month, tod, band).

        Raises:
            ConfigError: the store lacks something, or no pixel lies in the region.
        """
        if unknown := [name for name in self.statistics if name not in cubes.ALL_STATISTICS]:
            raise ConfigError(
                f"no statistic {unknown[0]!r}: wanted some of {', '.join(cubes.ALL_STATISTICS)}"
            )
        computed = tuple(name for name in self.statistics if name in cubes.STATISTICS)
        dataset = store.metrics(self.cube, computed)
        axes: dict[str, Sequence[Any]] = {
            "month": self.months or store.months,
            "tod": self.tods,
            "band": self.bands,
        }
        for name, labels in axes.items():
            offered = dataset[name].values.tolist()
            if absent := [label for label in labels if label not in offered]:
                raise ConfigError(
                    f"{self.cube} has no {name} {absent[0]!r}: wanted some of {offered}"
                )
        dataset = dataset.sel({name: list(labels) for name, labels in axes.items() if labels})
        if len(self.region):
            pixels = store.region(self.region)
            if not pixels.size:
                raise ConfigError(f"no pixel of {store.key} lies in the region")
            dataset = dataset.isel(pixel=pixels)
        results = dataset["results"]
        raw = {
            name: results.sel(metric=name, drop=True).assign_attrs(
                long_name=f"{name} of observations"
            )
            for name in self.statistics
            if name in METRICS
        }
        return dataset.drop_dims("metric").assign(raw)[list(self.statistics)]


def unit(name: str, layer: xr.DataArray) -> str:
    """The unit of the statistic `name` of one band, from a layer that has the coordinate `units`."""
    return cubes.unit_of(name, str(layer["units"].item()))
