"""An independent land mask: which pixels of a grid are land, and how far a product's land agrees.

A mask is an `.npz` of `mask` (row, column) bool, True = ocean, `lat` (row,) from north to south and
`lon` (column,) from west to east, degrees, in even steps, each the edge of its cell towards north
and west; most lakes are land. `global-land-mask` names that of the package of this name: 30 arcsec,
from the GLOBE elevation model (Hastings and Dunbar, 1999), MIT licence. Its 0.9 GB are never held:
the rows that a grid needs are packed to bits while they are inflated.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import fsspec
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ingest.listing.masks import NONE, PACKAGED
from lake.errors import ConfigError
from lake.format.arrays import Bools, Floats
from lake.format.grid import Grid, lonlat

REACH = 2
"""So many pixels around a pixel must be alike in the mask, else it is near a coast."""

_FILE = "globe_combined_mask_compressed.npz"
_ROWS = 256
"""Inflated, or projected, at one time."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A product's land beside that of a mask, away from coasts."""

    compared: int
    """Pixels."""
    land_in_product_alone: int
    land_in_mask_alone: int

    @property
    def disagreement(self) -> float:
        """Share of the compared pixels, 0..1; 0 where none was."""
        differ = self.land_in_product_alone + self.land_in_mask_alone
        return differ / max(1, self.compared)


def land(mask: str, grid: Grid) -> Bools:
    """(y, x) True = land at the pixel's centre; False off the Earth.

    Args:
        mask: `global-land-mask`, or path or URL of a file of its layout.
        grid: the pixels.

    Raises:
        ConfigError: there is no such mask, or it is no mask.
    """
    with _opened(mask) as file:
        lat, lon = _axis(file, "lat", mask, -1), _axis(file, "lon", mask, 1)
        rows, columns = _cells(grid, lat, lon)
        on_earth = rows >= 0
        if not on_earth.any():
            return on_earth
        first, last = int(rows[on_earth].min()), int(rows.max())
        ocean = _packed(file, mask, (lat.size, lon.size), first, last)
    image = np.zeros(grid.shape, bool)
    rows, columns = rows[on_earth] - first, columns[on_earth]
    image[on_earth] = (ocean[rows, columns >> 3] >> (7 - (columns & 7))) & 1 == 0
    return image


def water(mask: str, grid: Grid) -> Bools:
    """(y, x) True = no land at the pixel's centre; False off the Earth.

    Args:
        mask: see `land`.
        grid: the pixels.

    Raises:
        ConfigError: see `land`.
    """
    return ~land(mask, grid) & _on_earth(grid)


def agreement(product: Bools, mask: Bools, grid: Grid) -> Agreement:
    """How far two images of land agree where all of 5 x 5 pixels of the mask are alike.

    Args:
        product: (y, x) True = land.
        mask: (y, x) True = land.
        grid: the pixels; those near the edge of the Earth are left out.
    """
    on_earth = _on_earth(grid)
    around = (2 * REACH + 1) ** 2
    near = _sum_around(mask)
    sure = (_sum_around(on_earth) == around) & ((near == 0) | (near == around))
    return Agreement(
        int(sure.sum()),
        int((product & ~mask & sure).sum()),
        int((~product & mask & sure).sum()),
    )


def _sum_around(image: Bools) -> NDArray[np.uint8]:
    """(y, x) How many pixels are True of those within reach; beyond the image its edge goes on."""
    total = np.pad(image, REACH, mode="edge").astype(np.uint8)
    for axis in (0, 1):
        windows = np.lib.stride_tricks.sliding_window_view(total, 2 * REACH + 1, axis)
        total = windows.sum(axis=-1, dtype=np.uint8)
    return total


@contextmanager
def _opened(mask: str) -> Iterator[zipfile.ZipFile]:
    path = str(_packaged()) if mask == PACKAGED else mask
    try:
        with fsspec.open(path, "rb") as stream, zipfile.ZipFile(stream) as file:
            yield file
    except (OSError, ValueError, zipfile.BadZipFile, KeyError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"domain.mask {mask} cannot be read: {error}; wanted {PACKAGED!r}, {NONE!r}, or path or "
            "URL of an .npz of mask (True = ocean), lat and lon"
        ) from error


def _packaged() -> Path:
    """Where the package keeps its file; importing it would inflate all of it."""
    spec = find_spec("global_land_mask")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"domain.mask {PACKAGED} is not installed: pip install 'goeslake[ingest]', or set "
            f"domain.mask to the path of a mask or to {NONE!r}"
        )
    return Path(spec.submodule_search_locations[0]) / _FILE


def _axis(file: zipfile.ZipFile, name: str, mask: str, sign: int) -> Floats:
    with file.open(f"{name}.npy") as stream:
        angles = np.asarray(npy.read_array(stream, allow_pickle=False), np.float64)
    steps = np.diff(angles) * sign if angles.ndim == 1 else np.zeros(0)
    if not steps.size or not (steps.min() > 0 and np.ptp(steps) < 1e-3 * steps.min()):
        raise _no_mask(mask, f"its {name} of shape {angles.shape} does not go in even steps")
    return angles


def _packed(
    file: zipfile.ZipFile, mask: str, shape: tuple[int, int], first: int, last: int
) -> NDArray[np.uint8]:
    """(row, eighth of a column) bits of the rows first..last, True = ocean."""
    with file.open("mask.npy") as stream:
        header = _header(stream)
        if header != (shape, False, np.dtype(bool)):
            raise _no_mask(mask, f"its mask is {header}, its axes have {shape}")
        width = shape[1]
        packed = np.empty((last + 1 - first, -(-width // 8)), np.uint8)
        for begin in range(0, last + 1, _ROWS):
            end = min(begin + _ROWS, last + 1)
            data = stream.read((end - begin) * width)
            rows = np.frombuffer(data, bool).reshape(end - begin, width)
            if end > first:
                skipped = max(first - begin, 0)
                packed[max(begin - first, 0) : end - first] = np.packbits(rows[skipped:], axis=1)
    return packed


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Shape, whether columns lie together, and type of the array that follows."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return read(stream)


def _cells(grid: Grid, lat: Floats, lon: Floats) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(y, x) row and column of the mask's cell of every pixel's centre; -1 off the Earth."""
    cells_of_axes = [np.full(grid.shape, -1, np.int32) for _ in range(2)]
    for strip, east, north in _strips(grid):
        on_earth = np.isfinite(east)
        for cells, axis, angles in ((cells_of_axes[0], lat, north), (cells_of_axes[1], lon, east)):
            step = (axis[-1] - axis[0]) / (axis.size - 1)
            index = np.floor((angles[on_earth] - axis[0]) / step)
            cells[strip][on_earth] = np.clip(index, 0, axis.size - 1).astype(np.int32)
    return cells_of_axes[0], cells_of_axes[1]


def _strips(grid: Grid) -> Iterator[tuple[slice, Floats, Floats]]:
    """Longitude and latitude, (row, x), of a few rows at a time."""
    for begin in range(0, grid.shape[0], _ROWS):
        strip = slice(begin, begin + _ROWS)
        yield strip, *lonlat(grid.projection, grid.y[strip, None], grid.x[None])


def _on_earth(grid: Grid) -> Bools:
    """(y, x) True = the pixel's centre has a longitude and latitude."""
    on_earth = np.empty(grid.shape, bool)
    for strip, lon, _ in _strips(grid):
        on_earth[strip] = np.isfinite(lon)
    return on_earth


def _no_mask(mask: str, why: str) -> ConfigError:
    return ConfigError(
        f"domain.mask {mask} is no land mask: {why}; wanted mask (row, column) bool, True = ocean, "
        "lat from north to south and lon from west to east"
    )
