"""What is known of a pixel without any observation: its place, how it is seen, where the sun stands. Pure.

Features of it are of the cube `static`, named like all others: `static/latitude/00/0/value`,
`static/solar_zenith/07/64800/value`. Month 0 and time 0 stand for all. Angles are degrees; azimuths,
clockwise from north, are given as `sin` and `cos`, since 359 is beside 0.

The sun is that of the 15th of a month of 2019; in other years leap days move it by up to 0.3 degrees. Source:
Michalsky, "The Astronomical Almanac's algorithm for approximate solar position (1950-2050)", Solar Energy 40
(1988); good to 0.01 degrees.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lake.format import grid
from lake.format.arrays import Floats, Singles
from lake.format.domain import Domain
from lake.format.grid import Projection

CUBE = "static"
PLACES = ("latitude", "longitude", "view_zenith", "view_azimuth")
SUN = ("solar_zenith", "solar_azimuth")
"""Quantities that depend on month and time of day."""
QUANTITIES = (*PLACES, *SUN)
AZIMUTHS = ("view_azimuth", "solar_azimuth")
_MIDDLES = (15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349)
"""Day of the year, from 1, of the 15th of each month."""
_FIRST_DAY = 6939.5
"""2019-01-01, in days since 2000-01-01 12:00 UTC."""


@dataclass(frozen=True, slots=True)
class StaticFeature:
    """A row of a block of static features."""

    quantity: str
    month: int
    """0: of all months."""
    tod: int
    """Seconds after midnight UTC; 0 where `month` is."""
    form: str
    """`value`, degrees; of an azimuth `sin` or `cos`."""


def features(
    quantities: Iterable[str], months: Sequence[int], tods: Sequence[int]
) -> Iterator[StaticFeature]:
    """The features of these quantities; those of the sun are of every month and time of day."""
    for quantity in quantities:
        times = [(month, tod) for month in months for tod in tods] if quantity in SUN else [(0, 0)]
        forms = ("sin", "cos") if quantity in AZIMUTHS else ("value",)
        for month, tod in times:
            yield from (StaticFeature(quantity, month, tod, form) for form in forms)


def values(domain: Domain, rows: Iterable[StaticFeature], pixels: slice) -> Singles:
    """(feature, pixel) of consecutive pixels of a domain, NaN outside the Earth."""
    projection, (y, x) = domain.grid.projection, (domain.grid.y, domain.grid.x)
    lon, lat = grid.lonlat(projection, y[domain.row[pixels]], x[domain.column[pixels]])
    blocks = [_form(_quantity(projection, row, lon, lat), row.form) for row in rows]
    return np.array(blocks, np.float32).reshape(-1, lon.size)


def view_azimuth(projection: Projection, lon: Floats, lat: Floats) -> Floats:
    """Direction of the satellite at points on the ellipsoid, degrees clockwise from north.

    By the geocentric way from the point to the satellite, in its local axes of east and north.
    """
    lon0 = projection.longitude_of_projection_origin
    east, north = np.deg2rad(lon - lon0), np.deg2rad(lat)
    shrink = (projection.semi_minor_axis / projection.semi_major_axis) ** 2
    normal = projection.semi_major_axis / np.sqrt(1 - (1 - shrink) * np.sin(north) ** 2)
    x = projection.distance - normal * np.cos(north) * np.cos(east)
    y = -normal * np.cos(north) * np.sin(east)
    z = -normal * shrink * np.sin(north)
    to_east = -np.sin(east) * x + np.cos(east) * y
    to_north = -np.sin(north) * (np.cos(east) * x + np.sin(east) * y) + np.cos(north) * z
    azimuth: Floats = np.rad2deg(np.arctan2(to_east, to_north)) % 360
    return azimuth


def sun(month: int, tod: int, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Zenith angle, and azimuth clockwise from north, of the sun at places, degrees; without refraction.

    Args:
        month: 1 to 12; in its middle.
        tod: seconds after midnight UTC.
        lon: degrees.
        lat: degrees.
    """
    declination, greenwich = _over_greenwich(month, tod)
    angle, north = greenwich + np.deg2rad(lon), np.deg2rad(lat)
    up = np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(angle)
    to_east = -np.cos(declination) * np.sin(angle)
    to_north = np.cos(north) * np.sin(declination) - (
        np.sin(north) * np.cos(declination) * np.cos(angle)
    )
    zenith: Floats = np.rad2deg(np.arctan2(np.hypot(to_east, to_north), up))
    azimuth: Floats = np.rad2deg(np.arctan2(to_east, to_north)) % 360
    return zenith, azimuth


def _over_greenwich(month: int, tod: int) -> tuple[float, float]:
    """Declination of the sun, and its hour angle at longitude 0, rad."""
    days = _FIRST_DAY + _MIDDLES[month - 1] - 1 + tod / 86400
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    longitude = np.deg2rad(
        280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    )
    tilt = np.deg2rad(23.439 - 0.0000004 * days)
    ascension = np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude))
    sidereal = np.deg2rad(15 * (6.697375 + 0.0657098242 * days + tod / 3600))
    return float(np.arcsin(np.sin(tilt) * np.sin(longitude))), float(sidereal - ascension)


def _quantity(projection: Projection, row: StaticFeature, lon: Floats, lat: Floats) -> Floats:
    """(pixel,) degrees."""
    if row.quantity in SUN:
        return sun(row.month, row.tod, lon, lat)[SUN.index(row.quantity)]
    if row.quantity == "view_zenith":
        return grid.view_zenith(projection, lon, lat)
    if row.quantity == "view_azimuth":
        return view_azimuth(projection, lon, lat)
    return lat if row.quantity == "latitude" else lon


def _form(degrees: Floats, form: str) -> Floats:
    if form == "value":
        return degrees
    function = np.sin if form == "sin" else np.cos
    result: Floats = function(np.deg2rad(degrees))
    return result
