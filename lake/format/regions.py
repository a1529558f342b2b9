"""Which points lie in a region: a box of longitudes and latitudes, or polygons.

Edges of polygons are straight in longitude and latitude, as GeoJSON (RFC 7946, section 3.1.1) has
them. A region of several polygons is their union, however they overlap or repeat; a hole is a ring
inside its own polygon alone. Points on an edge are inside. Longitudes are taken modulo 360, for each
polygon by itself: a ring across the antimeridian goes on beyond 180.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lake.console.messages import brief
from lake.errors import ConfigError
from lake.format.arrays import Bools, Floats

if TYPE_CHECKING:
    from shapely import Polygon

Region = Sequence[Any] | Mapping[str, Any]
"""(west, south, east, north) in degrees; a ring of (lon, lat) vertices; GeoJSON of polygons; or what
has a `__geo_interface__`, as the geometries of Shapely and the tables of GeoPandas."""


def inside(region: Region, lon: Floats, lat: Floats) -> Bools:
    """The mask of the points that lie in a region.

    Args:
        region: see `Region`; a box with west above east lies across the antimeridian.
        lon: (P,) degrees; NaN lies nowhere.
        lat: (P,) likewise.

    Raises:
        ConfigError: no such region.
    """
    if not isinstance(region, Mapping) and hasattr(region, "__geo_interface__"):
        region = region.__geo_interface__
    if not isinstance(region, Mapping) and len(region) == 4 and _is_number(region[0]):
        return _in_box(_box(region), lon, lat)
    polygons = [_polygon(rings) for rings in _polygons(region)]
    if not polygons:
        raise ConfigError(f"the region {brief(region)} holds no polygon")
    covered = np.zeros(lon.shape, bool)
    for polygon in polygons:
        covered |= _in_polygon(polygon, lon, lat)
    return covered


def width(box: Sequence[float]) -> float:
    """Degrees from the west to the east of a box (west, south, east, north).

    Raises:
        ConfigError: it is no box.
    """
    west, south, east, north = box
    degrees = east - west if east >= west else east - west + 360
    if not (-90 <= south <= north <= 90 and 0 <= degrees <= 360):
        raise ConfigError(f"bbox is {tuple(box)}: wanted (west, south, east, north) in degrees")
    return degrees


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return not hasattr(value, "__len__") or getattr(value, "ndim", 1) == 0


def _box(region: Sequence[Any]) -> tuple[float, ...]:
    """The numbers of a box.

    Raises:
        ConfigError: it holds something else.
    """
    try:
        return tuple(float(degrees) for degrees in region)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"bbox is {brief(region)}: wanted (west, south, east, north) in degrees"
        ) from error


def _in_box(box: Sequence[float], lon: Floats, lat: Floats) -> Bools:
    west, south, _, north = box
    covered: Bools = (lat >= south) & (lat <= north) & ((lon - west) % 360 <= width(box))
    return covered


def _in_polygon(polygon: "Polygon", lon: Floats, lat: Floats) -> Bools:
    """Points in a polygon, at whatever full turn their longitudes are."""
    import shapely  # noqa: PLC0415 (slow to load, and only polygons need it)

    west, south, _, north = polygon.bounds
    near = np.flatnonzero((lat >= south) & (lat <= north))
    covered = np.zeros(lon.shape, bool)
    x = (lon[near] - west) % 360 + west
    # a point at the west end is also one at its full turn, where a polygon is 360 degrees wide
    shapely.prepare(polygon)
    covered[near] = shapely.intersects_xy(polygon, x, lat[near])
    return covered


def _polygon(rings: Sequence[Any]) -> "Polygon":
    """A polygon of an outer ring and its holes, all on the same turn.

    Raises:
        ConfigError: a ring that is none.
    """
    import shapely  # noqa: PLC0415

    if not isinstance(rings, Iterable):
        raise ConfigError(f"{brief(rings)} is no polygon: wanted a list of rings of (lon, lat)")
    outer, *holes = [_checked(ring) for ring in rings]
    west = outer[:, 0].min()
    for hole in holes:
        hole[:, 0] += 360 * np.ceil((west - hole[:, 0].min()) / 360)
    polygon: Polygon = shapely.make_valid(shapely.Polygon(outer, holes))
    return polygon


def _polygons(region: Region) -> Iterator[Sequence[Any]]:
    """The rings of each polygon of a region, the outer one first; features without a place have none."""
    if not isinstance(region, Mapping):
        yield [region]
        return
    pending: list[Any] = [region]  # no recursion: collections of collections may be nested at will
    while pending:
        part = pending.pop()
        try:
            match part["type"]:
                case "Polygon":
                    yield from [part["coordinates"]] if part["coordinates"] else []
                case "MultiPolygon":
                    yield from (rings for rings in part["coordinates"] if rings)
                case "Feature":
                    pending += [part["geometry"]] if part["geometry"] else []
                case "FeatureCollection":
                    pending += part["features"]
                case "GeometryCollection":
                    pending += part["geometries"]
                case kind:
                    raise ConfigError(
                        f"the region is GeoJSON of type {brief(kind)}: wanted Polygon or "
                        "MultiPolygon, or features of these"
                    )
        except (KeyError, TypeError) as error:
            raise ConfigError(
                f"the region {brief(part)} is no GeoJSON: {error!r} is missing or of another kind"
            ) from error


def _checked(ring: Any) -> Floats:  # noqa: ANN401
    """(vertex, 2): the vertices of a ring, closed or not."""
    try:
        vertices = np.array([[float(x) for x in vertex[:2]] for vertex in ring])
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        vertices = np.zeros((0, 0))
    usable = vertices.ndim == 2 and vertices.shape[1:] == (2,) and np.isfinite(vertices).all()
    if not usable or len(vertices) < 3 or np.abs(vertices[:, 1]).max() > 90:
        raise ConfigError(
            f"the ring {brief(ring)} is no polygon: wanted three or more (lon, lat) in degrees"
        )
    if np.ptp(vertices[:, 0]) > 360:
        raise ConfigError(f"the ring {brief(ring)} is more than 360 degrees wide")
    return vertices
