"""Which pixels of the coarse grid a store holds, in which order, and the way back to images.

Pixel i of the store is coarse pixel (row[i], column[i]). At a finer resolution it holds
refinement x refinement subpixels, row-major from its north-west corner. Masks are True where a
pixel of the store lies.
"""

from dataclasses import dataclass
from math import isqrt, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lake.errors import ConfigError, GeometryError
from lake.format import grid as geometry
from lake.format.arrays import Floats
from lake.format.grid import Grid
from lake.format.order import Layout, permutation
from lake.format.regions import Region, inside

Image = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """The pixels of a store, in store order."""

    grid: Grid
    """The coarse grid."""
    layout: Layout
    row: NDArray[np.int32]
    """(P,) the row of each pixel on the coarse grid, counted from the north."""
    column: NDArray[np.int32]
    """(P,) the column of each pixel on the coarse grid, counted from the west."""

    def __post_init__(self) -> None:
        if self.row.ndim != 1 or self.row.shape != self.column.shape:
            raise GeometryError(
                f"rows of shape {self.row.shape} and columns of shape {self.column.shape}: "
                "wanted one of each for every pixel"
            )
        for name, places, size in zip(
            ("row", "column"), (self.row, self.column), self.grid.shape, strict=True
        ):
            if places.size and not (places.min() >= 0 and places.max() < size):
                raise GeometryError(
                    f"the {name}s of pixels go from {places.min()} to {places.max()}: wanted 0 to {size - 1}"
                )

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.row.size

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(row, column) of the coarse grid, True where a pixel of the store lies."""
        mask = np.zeros(self.grid.shape, bool)
        mask[self.row, self.column] = True
        return mask

    def same_as(self, domain: "Domain") -> bool:
        """Whether both have the same pixels in the same order: only then can two stores be joined."""
        alike = self.layout == domain.layout and self.grid.same_as(domain.grid)
        places = ((self.row, domain.row), (self.column, domain.column))
        return alike and all(np.array_equal(a, b) for a, b in places)

    def lonlat(self) -> tuple[Floats, Floats]:
        """(P,) longitude and latitude of the pixels' centres, degrees."""
        return geometry.lonlat(
            self.grid.projection, self.grid.y[self.row], self.grid.x[self.column]
        )

    def m_domain(self, refinement: int) -> NDArray[np.bool_]:
        """(row, column) of the fine grid, True for every fine pixel of a pixel of the store."""
        return self.mask.repeat(refinement, axis=0).repeat(refinement, axis=1)

    def gather(self, image: Image, refinement: int) -> Image:
        """The values of an image in store order.

        Args:
            image: (row, column) on the fine grid, of any type.
            refinement: of that grid.

        Returns:
            (P, subpixel)

        Raises:
            GeometryError: the image has another shape.
        """
        rows, columns = self.grid.shape
        if image.shape != (rows * refinement, columns * refinement):
            raise GeometryError(
                f"image of shape {image.shape} on a grid of {self.grid.shape} at refinement "
                f"{refinement}: wanted {(rows * refinement, columns * refinement)}"
            )
        return gather(image, refinement, self.row, self.column)

    def to_grid(self, values: ArrayLike, fill: float = nan) -> Image:
        """An image of values in store order: the inverse of `gather`.

        Args:
            values: (P,) or (P, subpixel).
            fill: where no pixel of the store lies; the image's type holds both.

        Returns:
            (row, column) at the refinement that the number of subpixels implies.

        Raises:
            GeometryError: not one value for each pixel or subpixel.
        """
        values = np.asarray(values)
        subpixels = values.shape[1] if values.ndim == 2 else 1
        refinement = isqrt(subpixels)
        if values.shape[:1] != (self.pixels,) or values.ndim > 2 or refinement**2 != subpixels:
            raise GeometryError(
                f"values of shape {values.shape} for {self.pixels} pixels: wanted "
                f"({self.pixels},) or ({self.pixels}, subpixels), subpixels 1, 4, 9, 16, ..."
            )
        dtype = np.result_type(values.dtype, np.min_scalar_type(fill))
        cells = values.reshape(self.pixels, subpixels)
        return scatter(cells, self.row, self.column, self.grid.shape, fill, dtype)

    def pixels_in(self, region: Region) -> NDArray[np.int64]:
        """Positions, ascending, of the pixels whose centres lie in a region.

        Args:
            region: (west, south, east, north) in degrees, west above east: across the antimeridian;
                or a polygon, see `lake.format.regions`.

        Raises:
            ConfigError: no such region.
        """
        return np.flatnonzero(inside(region, *self.lonlat())).astype(np.int64)

    def locate(
        self, lon: ArrayLike, lat: ArrayLike, refinement: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Position of the pixel, and number of the subpixel, that contain each point.

        Args:
            lon: degrees; broadcast against `lat`.
            lat: degrees.
            refinement: of the subpixels.

        Returns:
            Both -1 where no pixel of the store contains the point, or a coordinate is NaN.
        """
        y, x = geometry.scan_angles(self.grid.projection, lon, lat)
        (row, fine_row), (column, fine_column) = (
            geometry.nested_cell(axis, angles, refinement)
            for axis, angles in ((self.grid.y, y), (self.grid.x, x))
        )
        table = np.full(self.grid.shape, -1, np.int64)
        table[self.row, self.column] = np.arange(self.pixels)
        pixel = np.where((row >= 0) & (column >= 0), table[row, column], -1)
        return pixel, np.where(pixel >= 0, fine_row * refinement + fine_column, -1)


def scatter(
    values: Image,
    row: NDArray[np.int32],
    column: NDArray[np.int32],
    shape: tuple[int, int],
    fill: float,
    dtype: np.dtype[Any],
) -> Image:
    """(..., fine row, fine column) an image of values (..., pixel, subpixel).

    Args:
        values: subpixels 1, 4, 9, 16, ...
        row: (pixel,) in the image, on the coarse grid.
        column: (pixel,) likewise.
        shape: rows and columns of the image, on the coarse grid.
        fill: where no pixel lies.
        dtype: of the image.
    """
    leading, refinement = values.shape[:-2], isqrt(values.shape[-1])
    blocks = np.full((*leading, shape[0], refinement, shape[1], refinement), fill, dtype)
    cells = values.reshape(*leading, row.size, refinement, refinement)
    blocks[..., row, :, column, :] = np.moveaxis(cells, len(leading), 0)
    return blocks.reshape(*leading, shape[0] * refinement, shape[1] * refinement)


def gather(
    image: Image, refinement: int, row: NDArray[np.integer], column: NDArray[np.integer]
) -> Image:
    """(P, subpixel) the values of a fine image in pixels of the coarse grid.

    Args:
        image: (row, column) on the fine grid, whole pixels of the coarse one.
        refinement: of the fine grid.
        row: (P,) the row of each pixel on the coarse grid.
        column: (P,) the column of each pixel on the coarse grid.
    """
    rows, columns = (size // refinement for size in image.shape)
    blocks = image.reshape(rows, refinement, columns, refinement)
    values: Image = blocks[row, :, column, :]  # (P, fine row, fine column)
    return values.reshape(-1, refinement**2)


def from_mask(mask: NDArray[np.bool_], grid: Grid, layout: Layout) -> Domain:
    """The domain of all True pixels that have a longitude and latitude.

    Raises:
        GeometryError: mask and grid have different shapes.
        ConfigError: no pixel is left.
    """
    if mask.shape != grid.shape:
        raise GeometryError(
            f"mask of shape {mask.shape} on a grid of {grid.shape}: wanted the same"
        )
    row, column = np.nonzero(mask)
    lon, lat = geometry.lonlat(grid.projection, grid.y[row], grid.x[column])
    on_earth = np.isfinite(lon) & np.isfinite(lat)
    row, column = row[on_earth], column[on_earth]
    if row.size == 0:
        raise ConfigError(
            f"the domain is empty: none of {mask.size} pixels is in the mask and on the Earth; "
            "check the domain rule and the file it was applied to"
        )
    order = permutation(row, column, layout)
    return Domain(grid, layout, row[order].astype(np.int32), column[order].astype(np.int32))
