"""Which points lie in a region: a box of longitudes and latitudes, or polygons.

Edges of polygons are straight in longitude and latitude, as GeoJSON (RFC 7946, section 3.1.1) has
them; what an odd number of rings surrounds is inside, so holes are rings like others. Longitudes are
taken modulo 360: a ring across the antimeridian goes on beyond 180.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lake.errors import ConfigError
from lake.format.arrays import Bools, Floats

Region = Sequence[Any] | Mapping[str, Any]
"""(west, south, east, north) in degrees; a ring of (lon, lat) vertices; or GeoJSON of polygons."""


def inside(region: Region, lon: Floats, lat: Floats) -> Bools:
    """Which points lie in a region.

    Args:
        region: see `Region`; a box with west above east lies across the antimeridian.
        lon: (P,) degrees; NaN lies nowhere.
        lat: (P,) likewise.

    Raises:
        ConfigError: no such region.
    """
    if not isinstance(region, Mapping) and len(region) == 4 and np.ndim(region[0]) == 0:
        return _in_box(region, lon, lat)
    rings = [_checked(ring) for ring in _rings(region)]
    if not rings:
        raise ConfigError(f"the region {_short(region)} holds no polygon")
    west = min(float(ring[:, 0].min()) for ring in rings)
    # longitudes count from the region's west end, so that no ring is cut
    x, order = (lon - west) % 360 + west, np.argsort(lat)
    found = np.zeros(lon.shape, bool)
    for ring in rings:
        found ^= _in_ring(ring, x, lat, order)
    return found


def width(box: Sequence[float]) -> float:
    """Degrees from the west to the east of a box (west, south, east, north).

    Raises:
        ConfigError: it is no box.
    """
    west, south, east, north = box
    found = east - west if east >= west else east - west + 360
    if not (-90 <= south <= north <= 90 and 0 <= found <= 360):
        raise ConfigError(f"bbox is {tuple(box)}: wanted (west, south, east, north) in degrees")
    return found


def _in_box(box: Sequence[float], lon: Floats, lat: Floats) -> Bools:
    west, south, _, north = box
    found: Bools = (lat >= south) & (lat <= north) & ((lon - west) % 360 <= width(box))
    return found


def _in_ring(ring: Floats, x: Floats, y: Floats, order: NDArray[np.int64]) -> Bools:
    """Points east of an odd number of edges; `order` sorts `y`, NaN last."""
    found = np.zeros(x.shape, bool)
    sorted_y = y[order]
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        first, last = np.searchsorted(sorted_y, (low, high))  # low <= y < high
        level = order[first:last]
        if level.size:
            crossing = x0 + (y[level] - y0) * (x1 - x0) / (y1 - y0)
            found[level] ^= x[level] >= crossing
    return found


def _rings(region: Region) -> Iterator[Any]:
    """All rings of a region, those of holes too."""
    if not isinstance(region, Mapping):
        yield region
        return
    match region.get("type"):
        case "Polygon":
            yield from region["coordinates"]
        case "MultiPolygon":
            for polygon in region["coordinates"]:
                yield from polygon
        case "Feature":
            yield from _rings(region["geometry"])
        case "FeatureCollection":
            for feature in region["features"]:
                yield from _rings(feature)
        case "GeometryCollection":
            for geometry in region["geometries"]:
                yield from _rings(geometry)
        case other:
            raise ConfigError(
                f"the region is GeoJSON of type {other!r}: wanted Polygon or MultiPolygon, or features "
                "of these"
            )


def _checked(ring: Any) -> Floats:  # noqa: ANN401
    """(vertex, 2): the vertices of a ring, closed or not."""
    try:
        vertices = np.array([[float(x) for x in vertex[:2]] for vertex in ring])
    except (TypeError, ValueError, IndexError):
        vertices = np.zeros((0, 0))
    usable = vertices.ndim == 2 and vertices.shape[1:] == (2,) and np.isfinite(vertices).all()
    if not usable or len(vertices) < 3 or np.abs(vertices[:, 1]).max() > 90:
        raise ConfigError(
            f"the ring {_short(ring)} is no polygon: wanted three or more (lon, lat) in degrees"
        )
    if np.ptp(vertices[:, 0]) > 360:
        raise ConfigError(f"the ring {_short(ring)} is more than 360 degrees wide")
    return vertices


def _short(thing: object) -> str:
    text = repr(thing)
    return text if len(text) <= 100 else f"{text[:97]}..."
