"""The satellite's fixed grid: scan angles <-> longitude and latitude, view zenith, resolutions.

Scan angles in radians, positive to the north (y) and to the east (x); longitude and latitude in
degrees, positive to the east and north, geodetic on the projection's ellipsoid.
Source: GOES-R Product Definition and Users' Guide (PUG), volume 3, section 5.1.2.8 (volume 5,
section 4.2.8), "Navigation of image data"; the same projection is PROJ's `geos` with `sweep=x`.
"""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lake.errors import ConfigError, GeometryError
from lake.format.arrays import Floats

_MICRO = 1e6
"""Axes of the fixed grid are whole microradians."""

SIZES = (35786023.0, 6378137.0, 6356752.31414)
"""Height, semi-major and semi-minor axis of the GOES-R imagers' projections, m."""

_SLOTS = {-750: "0", -1370: "1", -895: "2"}
"""Tenths of a degree east -> number in the geometry's name: East, West, test."""

_WKT = (
    'PROJCRS["GOES fixed grid",BASEGEOGCRS["unknown",DATUM["unknown",ELLIPSOID["unknown",{major!r},'
    '{flattening!r},LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",'
    '0.0174532925199433]]],CONVERSION["unknown",METHOD["Geostationary Satellite (Sweep X)"],'
    'PARAMETER["Longitude of natural origin",{longitude!r},ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["Satellite Height",{height!r},LENGTHUNIT["metre",1]],'
    'PARAMETER["False easting",0,LENGTHUNIT["metre",1]],'
    'PARAMETER["False northing",0,LENGTHUNIT["metre",1]]],'
    'CS[Cartesian,2],AXIS["(E)",east,ORDER[1],LENGTHUNIT["metre",1]],'
    'AXIS["(N)",north,ORDER[2],LENGTHUNIT["metre",1]]]'
)


@dataclass(frozen=True, slots=True)
class Projection:
    """A geostationary projection; fields have their names from the CF conventions."""

    perspective_point_height: float
    """Height of the satellite above the ellipsoid, m."""
    semi_major_axis: float
    """Equatorial radius of the ellipsoid, m; `semi_minor_axis` is its polar radius."""
    semi_minor_axis: float
    longitude_of_projection_origin: float
    """Degrees east; not where the satellite really is."""
    latitude_of_projection_origin: float = 0.0
    sweep_angle_axis: str = "x"

    def __post_init__(self) -> None:
        if self.sweep_angle_axis != "x" or self.latitude_of_projection_origin != 0:
            raise ConfigError(
                f"projection has sweep_angle_axis {self.sweep_angle_axis!r} and "
                f"latitude_of_projection_origin {self.latitude_of_projection_origin}: wanted 'x' and 0, "
                "as the GOES-R imagers have"
            )
        height, major, minor = self.sizes
        if not (0 < height < np.inf and 0 < minor < major < np.inf):
            raise ConfigError(
                f"projection has height, semi-major and semi-minor axis {self.sizes}: "
                "wanted metres, all above 0, the ellipsoid oblate"
            )
        if not -180 <= self.longitude_of_projection_origin <= 180:
            raise ConfigError(
                f"longitude_of_projection_origin is {self.longitude_of_projection_origin}: "
                "wanted degrees east, -180 to 180"
            )

    @property
    def sizes(self) -> tuple[float, float, float]:
        """The height, the semi-major axis and the semi-minor axis, m."""
        return self.perspective_point_height, self.semi_major_axis, self.semi_minor_axis

    @property
    def distance(self) -> float:
        """The distance from the Earth's centre to the satellite, m."""
        return self.perspective_point_height + self.semi_major_axis

    def cf_attributes(self) -> dict[str, Any]:
        """Attributes of a CF-1.11 grid mapping variable."""
        flattening = self.semi_major_axis / (self.semi_major_axis - self.semi_minor_axis)
        wkt = _WKT.format(
            major=self.semi_major_axis,
            flattening=flattening,
            longitude=self.longitude_of_projection_origin,
            height=self.perspective_point_height,
        )
        return {
            "grid_mapping_name": "geostationary",
            **asdict(self),
            "inverse_flattening": flattening,
            "longitude_of_prime_meridian": 0.0,
            "false_easting": 0.0,
            "false_northing": 0.0,
            "crs_wkt": wkt,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Pixel centres of an image: every row has one y, every column one x, in even steps."""

    projection: Projection
    y: Floats
    """(Y,) scan_angle_y, rad, north to south."""
    x: Floats
    """(X,) scan_angle_x, rad, west to east."""

    def __post_init__(self) -> None:
        for name, angles, sign in (("y", self.y, -1), ("x", self.x, 1)):
            if angles.ndim != 1 or angles.size < 2 or angles.dtype != np.float64:
                raise GeometryError(
                    f"axis {name} of the grid is {angles.dtype} of shape {angles.shape}: "
                    "wanted two or more float64 angles in one dimension"
                )
            steps = np.diff(angles) * sign
            if not (steps.min() > 0 and np.ptp(steps) <= steps.min() * 1e-3):
                raise GeometryError(
                    f"axis {name} of the grid has steps of {steps.min()} to {steps.max()} rad: "
                    "wanted even ones, y from north to south and x from west to east"
                )

    def __str__(self) -> str:
        """The grid in the words of messages: its size, its first pixel, and where the satellite is."""
        return (
            f"{self.y.size} x {self.x.size} pixels from y {self.y[0]:.6f}, x {self.x[0]:.6f} rad, seen "
            f"from {self.projection.longitude_of_projection_origin:g} degrees east"
        )

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.y.size, self.x.size

    def same_as(self, grid: "Grid") -> bool:
        """Whether every pixel is the same, to the last bit."""
        return (
            self.projection == grid.projection
            and np.array_equal(self.y, grid.y)
            and np.array_equal(self.x, grid.x)
        )


def axis(packed: ArrayLike, scale: float, offset: float) -> Floats:
    """Scan angles from a file's packed axis.

    Files give scale and offset as float32 of whole microradians; here they are whole again, so
    that any two files, and any two crops, of one grid have the same angles to the last bit.

    Args:
        packed: (N,) whole numbers.
        scale: rad, rounded to 6 decimals.
        offset: rad, rounded to 6 decimals.
    """
    step, first = (np.rint(np.float64(value) * _MICRO) for value in (scale, offset))
    angles: Floats = (np.asarray(packed, np.float64) * step + first) / _MICRO
    return angles


def refine(grid: Grid, refinement: int) -> Grid:
    """The grid of the refinement x refinement fine pixels in every pixel.

    Whole microradians come out as `axis` makes them, so the axes of the ABI's 1 km and 0.5 km
    images equal those refined from 2 km to the last bit.

    Raises:
        ConfigError: refinement below 1.
    """
    if refinement < 1:
        raise ConfigError(f"refinement is {refinement}: wanted 1 or more")
    if refinement == 1:
        return grid
    return Grid(grid.projection, *(_refined(angles, refinement) for angles in (grid.y, grid.x)))


def lonlat(projection: Projection, y: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
    """Longitude and latitude of where lines of sight meet the ellipsoid.

    Args:
        projection: of the grid.
        y: scan_angle_y, rad; broadcast against `x`.
        x: scan_angle_x, rad.

    Returns:
        Longitude (-180 to 180) and latitude, degrees; NaN where the line of sight misses the
        Earth, or an angle is NaN.
    """
    sx, sy, sz = _sight(projection, np.asarray(y, np.float64), np.asarray(x, np.float64))
    toward = projection.distance - sx
    ratio = (projection.semi_major_axis / projection.semi_minor_axis) ** 2
    lon = projection.longitude_of_projection_origin - np.rad2deg(np.arctan2(sy, toward))
    lat = np.rad2deg(np.arctan2(ratio * sz, np.hypot(toward, sy)))
    return (lon + 180) % 360 - 180, lat


def scan_angles(projection: Projection, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Scan angles (y, x), rad, of points on the ellipsoid.

    Args:
        projection: of the grid.
        lon: degrees; broadcast against `lat`.
        lat: degrees.

    Returns:
        scan_angle_y and scan_angle_x; NaN where the satellite does not see the point.
    """
    sx, sy, sz = _from_satellite(projection, lon, lat)
    return np.arctan2(sz, sx), np.arctan2(-sy, np.hypot(sx, sz))


def cell(axis: Floats, angles: Floats) -> NDArray[np.int64]:
    """Index of the pixel of an axis around each angle; -1: outside the axis, or NaN."""
    step = (axis[-1] - axis[0]) / (axis.size - 1)
    index = np.rint((angles - axis[0]) / step)
    inside = (index >= 0) & (index < axis.size)
    return np.where(inside, index, -1).astype(np.int64)


def nested_cell(
    axis: Floats, angles: Floats, refinement: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of the pixel of an axis around each angle, and which of its fine pixels holds it.

    A fine pixel lies in its coarse pixel by construction: a point on an edge, or beside it by a
    rounding, is in nested pixels at every refinement that is a power of two.

    Args:
        axis: scan angles of the coarse pixels.
        angles: rad.
        refinement: fine pixels along one coarse edge.

    Returns:
        -1 and 0 outside the axis, or where an angle is NaN.
    """
    index = cell(axis, angles)
    step = (axis[-1] - axis[0]) / (axis.size - 1)
    inside = index >= 0
    with np.errstate(invalid="ignore"):
        share = (angles - axis[0]) / step - index + 0.5  # 0 to 1 of the coarse pixel
    fine = np.clip(np.floor(np.where(inside, share, 0) * refinement), 0, refinement - 1)
    return index, fine.astype(np.int64)


def view_zenith(projection: Projection, lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Angle at points on the ellipsoid between the vertical and the satellite, degrees.

    The satellite is taken to stand where the projection says; the real one is some tenths of a
    degree beside it. NaN where it does not see the point.
    """
    sx, sy, sz = _from_satellite(projection, lon, lat)
    east, north = np.deg2rad(_east_of_origin(projection, lon)), np.deg2rad(lat)
    # the unit vertical, and the way to the satellite, in the axes of `_from_satellite`
    up = -np.cos(north) * np.cos(east), -np.cos(north) * np.sin(east), np.sin(north)
    to_satellite = -sx, -sy, -sz
    along = sum(u * a for u, a in zip(up, to_satellite, strict=True))
    across = np.sqrt(sum((a - along * u) ** 2 for u, a in zip(up, to_satellite, strict=True)))
    return np.asarray(np.rad2deg(np.arctan2(across, along)), np.float64)


def pixel_areas(grid: Grid, row: ArrayLike, column: ArrayLike) -> Floats:
    """Areas on the ground of pixels, m2: larger where the satellite looks more obliquely.

    A pixel is the quadrilateral between the four points of the ellipsoid that its corners see. Its area is
    half the cross product of its diagonals, for it is flat within a ten-millionth of its size.

    Args:
        grid: of the pixels.
        row: whole numbers; broadcast against `column`.
        column: whole numbers.

    Returns:
        NaN where a corner misses the Earth.
    """
    (y, step_y), (x, step_x) = (
        (axis[np.asarray(index)], (axis[-1] - axis[0]) / (axis.size - 1))
        for axis, index in ((grid.y, row), (grid.x, column))
    )
    west_north, east_south, east_north, west_south = (
        np.stack(_sight(grid.projection, y + step_y * down / 2, x + step_x * right / 2), axis=-1)
        for down, right in ((-1, -1), (1, 1), (-1, 1), (1, -1))
    )
    normal = np.cross(east_south - west_north, west_south - east_north)
    areas: Floats = np.linalg.norm(normal, axis=-1) / 2
    return areas


def geom_name(projection: Projection, sector: str) -> str:
    """The name of a geometry in keys, e.g. `geom-goes-conus-0`: equal for equal projections alone.

    Args:
        projection: 0 stands for GOES East (-75), 1 for West (-137), 2 for the test slot (-89.5);
            another longitude is spelt out, `lon1050w`, in tenths of a degree. Where that does not say
            it all, as height or ellipsoid are not the GOES-R imagers', a digest of it follows.
        sector: of the listing: `conus`, `fulldisk`.
    """
    longitude = projection.longitude_of_projection_origin
    tenths = round(longitude * 10)
    slot = _SLOTS.get(tenths, f"lon{abs(tenths)}{'w' if tenths < 0 else 'e'}")
    name = f"geom-goes-{sector}-{slot}"
    if projection.sizes == SIZES and abs(longitude * 10 - tenths) < 1e-6:
        return name
    identity = repr((longitude, *projection.sizes))
    return f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def _refined(angles: Floats, refinement: int) -> Floats:
    step = (angles[-1] - angles[0]) / (angles.size - 1)
    shares = (2 * np.arange(refinement) + 1 - refinement) / (2 * refinement)
    fine = (angles[:, None] + step * shares).ravel()
    # a millionth of a microradian is far above the rounding of float64, far below any pixel
    rounded: Floats = np.round(fine * _MICRO, 6) / _MICRO
    return rounded


def _sight(projection: Projection, y: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    """From the satellite to where lines of sight meet the ellipsoid, m; NaN where they do not.

    Axes of the PUG: sx to the Earth's centre, sy to the west, sz to the north.
    """
    ratio = (projection.semi_major_axis / projection.semi_minor_axis) ** 2
    a = np.sin(x) ** 2 + np.cos(x) ** 2 * (np.cos(y) ** 2 + ratio * np.sin(y) ** 2)
    half_b = -projection.distance * np.cos(x) * np.cos(y)
    c = projection.distance**2 - projection.semi_major_axis**2
    with np.errstate(invalid="ignore"):
        length = (-half_b - np.sqrt(half_b**2 - a * c)) / a
    return length * np.cos(x) * np.cos(y), -length * np.sin(x), length * np.cos(x) * np.sin(y)


def _from_satellite(
    projection: Projection, lon: ArrayLike, lat: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """From the satellite to points on the ellipsoid, axes as `_sight`; NaN where it sees them not."""
    east, north = np.deg2rad(_east_of_origin(projection, lon)), np.deg2rad(lat)
    shrink = (projection.semi_minor_axis / projection.semi_major_axis) ** 2
    normal = projection.semi_major_axis / np.sqrt(1 - (1 - shrink) * np.sin(north) ** 2)
    toward = normal * np.cos(north) * np.cos(east)
    is_visible = toward >= projection.semi_major_axis**2 / projection.distance
    sx = np.where(is_visible, projection.distance - toward, np.nan)
    sy = np.where(is_visible, -normal * np.cos(north) * np.sin(east), np.nan)
    sz = np.where(is_visible, normal * shrink * np.sin(north), np.nan)
    return sx, sy, sz


def _east_of_origin(projection: Projection, lon: ArrayLike) -> Floats:
    return np.asarray(lon, np.float64) - projection.longitude_of_projection_origin
