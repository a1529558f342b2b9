"""The part of a run that an exported file holds: some of the arrays that it gave to pixels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from lake.errors import ConfigError
from lake.format import order
from lake.format.regions import Region

if TYPE_CHECKING:
    from lake.export.pixel_run import PixelRun
    from lake.format.arrays import Indices


@dataclass(frozen=True, slots=True)
class RunSelection:
    """The part of a run that is exported."""

    arrays: tuple[str, ...] = ()
    """Names of arrays (pixel) or (pixel, n); empty: its classes, else its only vectors."""
    components: tuple[int, ...] = ()
    """Numbers of the n columns of vectors, from 0; empty: all."""
    region: Region = ()
    """The region whose pixels are exported, see `lake.format.regions`; empty: all pixels."""

    def names(self, run: "PixelRun") -> tuple[str, ...]:
        """The arrays to export.

        Args:
            run: the run, with its store.

        Raises:
            ConfigError: the run has not one of them, or several and none is named.
        """
        offered = [str(name) for name in run.dataset]
        if absent := [name for name in self.arrays if name not in offered]:
            raise ConfigError(
                f"run {run.id} has no array {absent[0]!r} of pixels: wanted some of {', '.join(offered)}"
            )
        if self.arrays:
            return self.arrays
        if run.class_array:
            return (run.class_array,)
        vectors = [name for name in offered if run.dataset[name].ndim == 2]
        if len(vectors) != 1:
            raise ConfigError(
                f"run {run.id} has several arrays of pixels: name some of {', '.join(offered)} (--array)"
            )
        return tuple(vectors)

    def pixels(self, run: "PixelRun") -> "Indices":
        """(p,) positions of the pixels, ascending.

        Args:
            run: the run, with its store.

        Raises:
            ConfigError: no pixel lies in the region.
        """
        store = run.store
        if not len(self.region):
            return np.arange(store.pixels)
        pixels = store.region(self.region)
        if not pixels.size:
            raise ConfigError(f"no pixel of {store.key} lies in the region")
        return pixels

    def read(self, run: "PixelRun", name: str, pixels: "Indices") -> xr.DataArray:
        """Chosen values of an array: (pixel), or (pixel, n) of the chosen columns.

        A superblock is read at a time; classes stay whole numbers, all else is float32.

        Args:
            run: the run, with its store.
            name: of the array.
            pixels: (p,) their positions, ascending.

        Raises:
            ConfigError: the array has no such column.
        """
        array = run.dataset[name]
        columns = self.columns(run, name)
        parts = [
            part if columns is None else part[:, columns]
            for piece in order.by_superblock(pixels, run.store.layout)
            for part in [array.isel(pixel=piece).values]
        ]
        values = np.concatenate(parts)
        if array.dtype.kind == "f":
            values = values.astype(np.float32)
        coordinates: dict[str, Any] = {"pixel": pixels}
        if columns is not None:
            coordinates[str(array.dims[1])] = columns
        attributes = {k: v for k, v in array.attrs.items() if k in {"long_name", "units"}}
        return xr.DataArray(values, coordinates, array.dims, name, attributes)

    def columns(self, run: "PixelRun", name: str) -> list[int] | None:
        """Numbers of the columns of an array that are exported; None: it has but one value a pixel.

        Args:
            run: the run, with its store.
            name: of the array.

        Raises:
            ConfigError: the array has no such column.
        """
        array = run.dataset[name]
        if array.ndim == 1:
            return None
        width = array.shape[1]
        if beyond := [number for number in self.components if not 0 <= number < width]:
            raise ConfigError(
                f"{name} of run {run.id} has no component {beyond[0]}: wanted 0 to {width - 1}"
            )
        return list(self.components) or list(range(width))


def layer_name(name: str, column: int | None) -> str:
    """The name of one layer: of the array, and the number of its column."""
    return name if column is None else f"{name}_{column}"
