"""Views of maps: a part of the satellite's fixed grid, or of plate carree.

Coordinates of a map are scan angles in radians, or degrees east and north.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lake.errors import ConfigError
from lake.format import grid
from lake.format.arrays import Floats
from lake.format.domain import Domain, Image
from lake.format.grid import Grid
from lake.format.regions import width

LONG_SIDE = 2000
"""Dots along the longer side of plate carree: those of a sheet at its highest dots per inch."""

MapProjection = Literal["fixed", "platecarree"]
Cells = NDArray[np.int32]
Extent = tuple[float, float, float, float]
"""Edges in the west, east, south and north."""


class MapView(Protocol):
    """The part of the Earth that a map shows, in its projection."""

    @property
    def grid(self) -> Grid:
        """The grid of the visible pixels."""

    @property
    def extent(self) -> Extent:
        """Outer edges, in coordinates of the map."""

    @property
    def degrees(self) -> Extent:
        """Edges in degrees of longitude and latitude, east above west; NaN if all is beyond the limb."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns that show every pixel."""

    @property
    def is_filled(self) -> bool:
        """Whether all of the view is on the Earth."""

    @property
    def projection_name(self) -> str:
        """The projection's name, for the foot of the map."""

    def place(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """(x, y) on the map of points in degrees; NaN where it cannot show them."""

    def crop(self, image: Image) -> Image:
        """The visible part of an image of the coarse grid, at any refinement."""

    def contains(self, domain: Domain) -> NDArray[np.bool_]:
        """(P,) whether each pixel of a domain is visible."""


@dataclass(frozen=True, slots=True, eq=False)
class GridView:
    """A part of the coarse grid, as the satellite sees it."""

    grid: Grid
    """The visible part of the coarse grid."""
    rows: slice
    columns: slice
    whole: tuple[int, int]
    """Shape of the coarse grid."""

    def crop(self, image: Image) -> Image:
        """The visible part of an image of the whole grid, at any refinement."""
        n = image.shape[0] // self.whole[0]
        rows, columns = (slice(s.start * n, s.stop * n) for s in (self.rows, self.columns))
        return image[rows, columns]

    def contains(self, domain: Domain) -> NDArray[np.bool_]:
        """(P,) whether each pixel of a domain is visible."""
        row, column = domain.row, domain.column
        down = (row >= self.rows.start) & (row < self.rows.stop)
        across = (column >= self.columns.start) & (column < self.columns.stop)
        inside: NDArray[np.bool_] = down & across
        return inside

    @property
    def extent(self) -> Extent:
        """Outer edges in radians."""
        y, x = self.grid.y, self.grid.x
        dy, dx = (y[0] - y[-1]) / (y.size - 1) / 2, (x[-1] - x[0]) / (x.size - 1) / 2
        return float(x[0] - dx), float(x[-1] + dx), float(y[-1] - dy), float(y[0] + dy)

    @property
    def degrees(self) -> Extent:
        """Edges in degrees, from about 60 x 60 points."""
        lon, lat = self._corners()
        if not np.isfinite(lat).any():
            return np.nan, np.nan, np.nan, np.nan
        east = _near_satellite(lon, self.grid)
        return _edges(east, lat)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the coarse grid."""
        return self.grid.shape

    @property
    def is_filled(self) -> bool:
        """Whether all of the view is on the Earth."""
        return bool(np.isfinite(self._corners()[1]).all())

    @property
    def projection_name(self) -> str:
        """The projection's name, for the foot of the map."""
        return "satellite's fixed grid"

    def place(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """Scan angles (x, y) of points; NaN where the satellite does not see them."""
        y, x = grid.scan_angles(self.grid.projection, lon, lat)
        return x, y

    def _corners(self) -> tuple[Floats, Floats]:
        """Longitude and latitude of about 60 x 60 points, those of the edges among them."""
        y, x = (
            a[np.linspace(0, a.size - 1, 60).round().astype(int)]
            for a in (self.grid.y, self.grid.x)
        )
        return grid.lonlat(self.grid.projection, y[:, None], x[None, :])


@dataclass(frozen=True, slots=True, eq=False)
class PlateCarree:
    """A box of longitudes and latitudes, every dot taken from the pixel that contains it."""

    grid: Grid
    """The coarse grid, or the part of it that holds the view."""
    extent: Extent
    """Outer edges in degrees; longitudes lie within 180 degrees of the satellite's."""
    cells: dict[int, tuple[Cells, Cells]] = field(default_factory=dict, repr=False)
    """Refinement -> row and column of the grid cell of every dot, computed once."""

    @property
    def degrees(self) -> Extent:
        """The outer edges, which are in degrees already."""
        return self.extent

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of dots, in even steps of degrees."""
        west, east, south, north = self.extent
        step = max(east - west, north - south) / LONG_SIDE
        return max(round((north - south) / step), 1), max(round((east - west) / step), 1)

    @property
    def is_filled(self) -> bool:
        """All of the view is on the Earth, though the satellite may not see it."""
        return True

    @property
    def projection_name(self) -> str:
        """The projection's name, for the foot of the map."""
        return "plate carrée, nearest pixels"

    def place(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """Degrees (x, y) of points; NaN before a point on the other side of the map's edge."""
        x = np.atleast_1d(_near_satellite(np.asarray(lon, np.float64), self.grid))
        y = np.array(np.broadcast_to(np.asarray(lat, np.float64), x.shape))
        with np.errstate(invalid="ignore"):
            x[1:][np.abs(np.diff(x)) > 180] = np.nan
        return (x, y) if np.ndim(lon) else (x[0], y[0])

    def crop(self, image: Image) -> Image:
        """The visible part of an image of the grid, at any refinement; NaN or 0 elsewhere."""
        row, column = self._cells(image.shape[0] // self.grid.shape[0])
        outside = np.nan if image.dtype.kind == "f" and image.ndim == 2 else 0
        on_grid = (row >= 0) & (column >= 0)
        cropped = np.full((*row.shape, *image.shape[2:]), outside, image.dtype)
        cropped[on_grid] = image[row[on_grid], column[on_grid]]
        return cropped

    def contains(self, domain: Domain) -> NDArray[np.bool_]:
        """(P,) whether each pixel of a domain is visible."""
        row, column = self._cells(1)
        on_grid = (row >= 0) & (column >= 0)
        touched = np.zeros(self.grid.shape, bool)
        touched[row[on_grid], column[on_grid]] = True
        visible: NDArray[np.bool_] = touched[domain.row, domain.column]
        return visible

    def _cells(self, refinement: int) -> tuple[Cells, Cells]:
        """Row and column of the grid, at a refinement, of every dot; -1: outside."""
        if refinement in self.cells:
            return self.cells[refinement]
        fine = grid.refine(self.grid, refinement)
        west, east, south, north = self.extent
        rows, columns = self.size
        lon = west + (np.arange(columns) + 0.5) / columns * (east - west)
        lat = north - (np.arange(rows) + 0.5) / rows * (north - south)
        y, x = grid.scan_angles(fine.projection, lon[None, :], lat[:, None])
        row, column = (grid.cell(axis, a) for axis, a in ((fine.y, y), (fine.x, x)))
        self.cells[refinement] = row.astype(np.int32), column.astype(np.int32)
        return self.cells[refinement]


def around(domain: Domain, margin: float = 0.03) -> GridView:
    """The view of a domain with some space around it."""
    return _window(domain, domain.row, domain.column, margin)


def select(
    domain: Domain, projection: MapProjection = "fixed", bbox: tuple[float, ...] = ()
) -> MapView:
    """The view of a domain, or of a box of it, in a projection.

    Args:
        domain: the pixels of a store.
        projection: the satellite's fixed grid, or plate carree.
        bbox: west, south, east, north in degrees; empty: all of the domain, with a margin.

    Raises:
        ConfigError: no such projection, no box, or one that the satellite does not see.
    """
    if projection not in {"fixed", "platecarree"}:
        raise ConfigError(f"projection is {projection!r}: wanted 'fixed' or 'platecarree'")
    if bbox and not (width(bbox) > 0 and bbox[1] < bbox[3]):
        raise ConfigError(
            f"bbox {tuple(bbox)} is a line: wanted west, south, east, north in degrees"
        )
    if projection == "fixed":
        return _box_view(domain, bbox) if bbox else around(domain)
    if bbox:
        west = float(_near_satellite(np.asarray(bbox[0], np.float64), domain.grid))
        return PlateCarree(domain.grid, (west, west + width(bbox), bbox[1], bbox[3]))
    lon, lat = domain.lonlat()
    west, east, south, north = _edges(_near_satellite(lon, domain.grid), lat)
    more = max(0.03 * max(east - west, north - south), 0.02)
    edges = west - more, east + more, max(south - more, -90.0), min(north + more, 90.0)
    return PlateCarree(domain.grid, edges)


def visible_part(domain: Domain, map_view: MapView) -> tuple[NDArray[np.int64], Domain, MapView]:
    """Cut a domain and a view to the pixels that are visible.

    Images of the cut are as large as the view, however large the store is.

    Returns:
        (p,) positions in the domain, ascending; the domain of these, on the part of the grid around
        them; and the view of that grid.

    Raises:
        ConfigError: no pixel is shown.
    """
    pixels = np.flatnonzero(map_view.contains(domain)).astype(np.int64)
    if not pixels.size:
        raise ConfigError(
            "no pixel of the store lies in what is to be shown: give another --bbox; 'lake ls' tells "
            "where stores lie"
        )
    row, column = domain.row[pixels], domain.column[pixels]
    if isinstance(map_view, GridView):
        rows, columns = map_view.rows, map_view.columns
    else:
        spans = zip((row, column), domain.grid.shape, strict=True)
        rows, columns = (_span(index, size, 0) for index, size in spans)
    cut_grid = Grid(domain.grid.projection, domain.grid.y[rows], domain.grid.x[columns])
    visible = Domain(cut_grid, domain.layout, row - rows.start, column - columns.start)
    whole = slice(0, cut_grid.shape[0]), slice(0, cut_grid.shape[1])
    if isinstance(map_view, GridView):
        return pixels, visible, GridView(cut_grid, *whole, cut_grid.shape)
    return pixels, visible, PlateCarree(cut_grid, map_view.extent)


def _box_view(domain: Domain, bbox: tuple[float, ...]) -> GridView:
    """The view of the fixed grid's rectangle around a box of degrees."""
    west, south, north = bbox[0], bbox[1], bbox[3]
    lon, lat = np.linspace(west, west + width(bbox), 300), np.linspace(south, north, 300)
    y, x = grid.scan_angles(domain.grid.projection, lon[None, :], lat[:, None])
    row, column = (grid.cell(axis, a) for axis, a in ((domain.grid.y, y), (domain.grid.x, x)))
    on_grid = (row >= 0) & (column >= 0)
    if not on_grid.any():
        raise ConfigError(
            f"bbox {tuple(bbox)} lies outside the images of the store: wanted west, south, east, north "
            "of a place that they show"
        )
    return _window(domain, row[on_grid], column[on_grid], 0)


def _window(
    domain: Domain, row: NDArray[np.integer], column: NDArray[np.integer], margin: float
) -> GridView:
    """The view of all rows and columns between the given ones, with a margin."""
    spans = zip((row, column), domain.grid.shape, strict=True)
    rows, columns = (_span(index, size, margin) for index, size in spans)
    cut_grid = Grid(domain.grid.projection, domain.grid.y[rows], domain.grid.x[columns])
    return GridView(cut_grid, rows, columns, domain.grid.shape)


def _span(index: NDArray[np.integer], size: int, margin: float) -> slice:
    """The slice from the first to the last index, with a margin; at least two of `size`."""
    first, last = int(index.min()), int(index.max())
    space = max(2, round(margin * (last - first))) if margin or first == last else 0
    return slice(max(0, first - space), min(size, last + space + 1))


def _near_satellite(lon: Floats, reference: Grid) -> Floats:
    """Longitudes within 180 degrees of the satellite's: a map is not cut at 180."""
    origin = reference.projection.longitude_of_projection_origin
    nearby: Floats = (lon - origin + 180) % 360 - 180 + origin
    return nearby


def _edges(lon: Floats, lat: Floats) -> Extent:
    return (
        float(np.nanmin(lon)),
        float(np.nanmax(lon)),
        float(np.nanmin(lat)),
        float(np.nanmax(lat)),
    )
