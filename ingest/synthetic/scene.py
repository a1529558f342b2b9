"""An invented landscape at one moment: sun, weather, snow, skin temperature and clouds.

All fields are (Y, X) of the landscape's coarse grid. The same (landscape, time) gives the same
scene: weather is drawn from the seed and the day, the year's anomalies from the seed and the year,
and within a day clouds and the sun move on.
Source of the sun's place: NOAA Global Monitoring Laboratory, "General solar position calculations"
(the low-accuracy series, better than a quarter of a degree).
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ingest.synthetic.landscape import COVERS, WATER, Field, Landscape, field

YEAR_DAYS = 365.25
WARMEST_DAY, SUNNIEST_DAY = 200, 172
MEAN_TEMPERATURE = 289.0
"""Annual mean at 36 degrees north and sea level, K."""
LAPSE = 5.8
"""Decrease of temperature with height, K per km."""
WIND = (-0.9, 2.6)
"""Movement of clouds in an hour, coarse pixels to the south and to the east."""

_WEATHER, _YEAR, _CLOUDS = 1, 2, 3
"""Numbers of the random streams of a seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """The state of the landscape at one moment; arrays (Y, X)."""

    landscape: Landscape
    when: datetime
    """Time, UTC."""
    sun: Field
    """Cosine of the solar zenith, below 0 at night."""
    distance: float
    """Distance from Earth to sun, astronomical units."""
    growth: Field
    """Progress of the growing season, 0 (bare) to about 1 (green)."""
    snow: Field
    """Share of the ground under snow."""
    skin: Field
    """Temperature of the surface, K."""
    humid: Field
    """Humidity of the air, standard deviations from usual."""
    cloud: Field
    """Opacity of the clouds, 0 to 1."""
    cloud_top: Field
    """Temperature of the clouds, K."""


def scene(landscape: Landscape, when: datetime) -> Scene:
    """The scene at a time (UTC)."""
    day = when.timetuple().tm_yday
    warm, wet = _fields(landscape.shape, (landscape.seed, _YEAR, when.year), (0.3, 0.3))
    weather = (landscape.seed, _WEATHER, when.toordinal())
    front, humid, *clouds = _fields(landscape.shape, weather, (0.4, 0.4, 0.3, 0.06, 0.02))
    growth = _growth(landscape, day, wet)
    daily_mean = _daily_mean(landscape, day) + 3.5 * front + 0.8 * warm
    snow = np.where(landscape.land, _ramp(273.0 - daily_mean, 0, 5), 0).astype(np.float32)
    cloud, cloud_top = _clouds(landscape, when, (clouds[0], clouds[1], clouds[2]), daily_mean)
    skin = daily_mean + _daily_cycle(landscape, when) * (1 - 0.5 * cloud)
    melting = np.minimum(skin, 273.5)
    skin = skin + snow * (melting - skin)
    return Scene(
        landscape=landscape,
        when=when,
        sun=cos_solar_zenith(landscape.lon, landscape.lat, when).astype(np.float32),
        distance=sun_distance(day),
        growth=growth.astype(np.float32),
        snow=snow,
        skin=skin.astype(np.float32),
        humid=humid,
        cloud=cloud,
        cloud_top=cloud_top,
    )


def of_cover(landscape: Landscape, values: NDArray[np.floating]) -> Field:
    """One value of each cover, water last, as a field."""
    return np.asarray(values, np.float32)[landscape.classes]


def attribute(name: str) -> NDArray[np.float64]:
    """A field of every cover, water last, so that `NO_LAND` (-1) indexes it."""
    return np.array([getattr(cover, name) for cover in (*COVERS, WATER)], np.float64)


def sun_distance(day: int) -> float:
    """Distance from Earth to sun on a day of the year, astronomical units."""
    return float(1 - 0.01672 * np.cos(2 * np.pi * (day - 4) / YEAR_DAYS))


def cos_solar_zenith(
    lon: NDArray[np.float64], lat: NDArray[np.float64], when: datetime
) -> NDArray[np.float64]:
    """Cosine of the angle between the vertical and the sun.

    Args:
        lon: degrees.
        lat: degrees, of `lon`'s shape.
        when: UTC.
    """
    minutes = when.hour * 60 + when.minute + when.second / 60
    year = 2 * np.pi / 365 * (when.timetuple().tm_yday - 1 + (minutes / 60 - 12) / 24)
    series = [f(n * year) for n in (1, 2, 3) for f in (np.cos, np.sin)]
    equation = 229.18 * np.dot(
        (0.000075, 0.001868, -0.032077, -0.014615, -0.040849), (1, *series[:4])
    )
    declination = np.dot(
        (0.006918, -0.399912, 0.070257, -0.006758, 0.000907, -0.002697, 0.00148), (1, *series)
    )
    hour_angle = np.deg2rad((minutes + equation + 4 * lon) / 4 - 180)
    north = np.deg2rad(lat)
    across = np.cos(north) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.sin(north) * np.sin(declination) + across, np.float64)


@lru_cache(maxsize=4)
def _fields(
    shape: tuple[int, int], seed: tuple[int, ...], lengths: tuple[float, ...]
) -> tuple[Field, ...]:
    """Random fields, kept for the next scan of the same day."""
    random = np.random.default_rng(seed)
    return tuple(field(random, shape, length) for length in lengths)


def _growth(landscape: Landscape, day: int, wet: Field) -> Field:
    """Progress of the growing season: later in the north and on mountains, stronger in a wet year."""
    late = 2 * (landscape.lat - 36) + 8 * landscape.elevation
    since = day - of_cover(landscape, attribute("peak_day")) - late
    since = (since + YEAR_DAYS / 2) % YEAR_DAYS - YEAR_DAYS / 2
    width = of_cover(landscape, attribute("season_days"))
    season = np.exp(-0.5 * (since / width) ** 2)
    return np.asarray(season * (1 + landscape.vigour + 0.06 * wet), np.float32)


def _daily_mean(landscape: Landscape, day: int) -> Field:
    """Skin temperature of a usual day, K; bright ground is dry and warm."""
    mean = MEAN_TEMPERATURE - 0.75 * (landscape.lat - 36) - LAPSE * landscape.elevation
    mean = mean + of_cover(landscape, attribute("warmth")) + 8 * landscape.texture[1]
    mean = mean + landscape.warmth
    annual = np.cos(2 * np.pi * (day - WARMEST_DAY) / YEAR_DAYS)
    return np.asarray(mean + of_cover(landscape, attribute("annual")) * annual, np.float32)


def _daily_cycle(landscape: Landscape, when: datetime) -> Field:
    """Difference from the daily mean, K; it changes faster by day than by night."""
    hour = when.hour + when.minute / 60 + landscape.lon / 15
    phase = 2 * np.pi * (hour - 12 - of_cover(landscape, attribute("lag_hours"))) / 24
    strength = 0.7 + 0.3 * np.cos(2 * np.pi * (when.timetuple().tm_yday - SUNNIEST_DAY) / YEAR_DAYS)
    shape = np.cos(phase) + 0.25 * np.cos(2 * phase)
    return np.asarray(of_cover(landscape, attribute("daily")) * strength * shape, np.float32)


def _clouds(
    landscape: Landscape,
    when: datetime,
    fields: tuple[Field, Field, Field],
    daily_mean: Field,
) -> tuple[Field, Field]:
    """Opacity and top temperature: systems that drift all day, and small clouds of a warm afternoon."""
    large, ragged, small = fields
    much = np.random.default_rng([landscape.seed, _CLOUDS, when.toordinal()]).uniform(0.25, 1.25)
    hours = when.hour + when.minute / 60
    moved = tuple(round(speed * hours) for speed in WIND)
    systems, small = (np.roll(f, moved, axis=(0, 1)) for f in (large + 0.35 * ragged, small))
    local = (hours + landscape.lon / 15) % 24
    afternoon = np.exp(-0.5 * ((local - 15) / 2.5) ** 2)
    season = 0.5 + 0.5 * np.cos(2 * np.pi * (when.timetuple().tm_yday - SUNNIEST_DAY) / YEAR_DAYS)
    layer = _ramp(systems, much, much + 0.8)
    heap = _ramp(small, 2.9 - 1.5 * afternoon * season * landscape.land, 3.4)
    opacity = (1 - (1 - layer) * (1 - heap)).astype(np.float32)
    top = daily_mean - 12 - 35 * layer - 10 * heap
    return opacity, top.astype(np.float32)


def _ramp(x: NDArray[np.floating], low: float | NDArray[np.floating], high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
