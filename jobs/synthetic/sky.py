"""Weather, clouds and missing observations of one year.

Fields over pixels are (P,) in the order of the land. Every draw depends on the country's seed, the
year, the month and the time of day alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.synthetic.country import Land, smooth
from lake.format.arrays import Floats

Flags = NDArray[np.bool_]

LOWEST_SUN = 0.12
"""Cosine of the solar zenith angle below which day bands observe nothing."""
THIN = 0.5
"""Standard deviations below the cloudy limit within which an observation counts but is not quite clear."""
_CLOUD_LENGTH, _AIR_LENGTH = 14, 7
"""Rows of the country divided by the length of the fields."""
_OUTAGE = 0.3
"""Share of the rows that one outage removes from a month and time of day."""


@dataclass(frozen=True, slots=True, eq=False)
class Year:
    """The anomalies of a year."""

    year: int
    later: Floats
    """(P,) days that vegetation is late."""
    greener: Floats
    """(P,) relative change of the greenness."""
    wetter: Floats
    """(month, P) change of the moisture."""
    warmer: Floats
    """(month, P) change of the temperature, K."""
    hazier: Floats
    """(month, P) relative change of the haze."""
    weather: Floats
    """(month, day, P) state of the air from day to day; mean 0, standard deviation 1."""
    cloud: Floats
    """(month, tod, day, P) standard deviations above the cloudy limit; below 0: observed."""
    wrong: NDArray[np.int64]
    """(month, tod, P) the day of a wrong observation; -1: none."""

    @property
    def valid(self) -> Flags:
        """(month, tod, day, P) True: observed."""
        valid: Flags = self.cloud < 0
        return valid


def make_year(land: Land, year: int) -> Year:
    """The anomalies of a year over the land."""
    country, mask = land.country, land.mask
    random = np.random.default_rng([country.seed, 1, year])
    months, shape = len(country.months), mask.shape

    def field(length: float) -> Floats:
        return smooth(random, shape, shape[0] / length)[mask]

    def fields(length: float, *count: int) -> Floats:
        layers = [field(length) for _ in range(int(np.prod(count)))]
        return np.array(layers).reshape(*count, land.pixels)

    later, greener = 9 * field(_AIR_LENGTH), 0.15 * field(_AIR_LENGTH)
    wetter, warmer = (
        scale * (fields(_AIR_LENGTH, months) + 0.8 * field(_AIR_LENGTH)) for scale in (0.12, 2.5)
    )
    hazier = 0.5 * fields(_AIR_LENGTH, months)
    weather = fields(_CLOUD_LENGTH, months, country.days)
    cloud = _cloud(
        land, random, fields(_CLOUD_LENGTH, months, country.days), fields(_AIR_LENGTH, months)
    )
    return Year(year, later, greener, wetter, warmer, hazier, weather, cloud,
                _wrong(land, random, cloud))  # fmt: skip


def sun(land: Land, month: int, tod: int) -> Floats:
    """(P,) cosine of the solar zenith angle in the middle of a month."""
    declination = np.deg2rad(-23.44) * np.cos(2 * np.pi * (middle(month) + 10) / 365)
    lat, hour = np.deg2rad(land.lat), np.deg2rad(15 * (local(land, tod) - 12))
    polar, equatorial = np.sin(lat) * np.sin(declination), np.cos(lat) * np.cos(declination)
    cosine: Floats = polar + equatorial * np.cos(hour)
    return cosine


def middle(month: int) -> float:
    """The day of the year in the middle of a month."""
    return 30.4 * (month - 0.5)


def local(land: Land, tod: int) -> Floats:
    """(P,) hour of the day by the sun."""
    hour: Floats = (tod / 3600 + land.lon / 15) % 24
    return hour


def _cloud(land: Land, random: np.random.Generator, daily: Floats, monthly: Floats) -> Floats:
    """(month, tod, day, P), shifted so that the share `missing` of (pixel, month, tod) is never clear."""
    country = land.country
    shape = len(country.months), len(country.tods), country.days, land.pixels
    season = np.array([np.cos(2 * np.pi * (middle(m) - 15) / 365) for m in country.months])
    afternoon = np.linspace(-0.3, 0.5, len(country.tods))
    cloud = 0.5 * random.normal(size=shape) + 0.6 * daily[:, None]
    cloud += (1.0 * land.cloudy + 0.7 * monthly)[:, None, None]
    cloud += 0.6 * (season[:, None] * land.cloudy)[:, None, None] + afternoon[:, None, None]
    never = _dark(land) | _outages(land, random)
    clearest = np.where(never, np.inf, cloud.min(axis=2))
    cloud -= np.quantile(clearest, 1 - country.missing, method="lower")
    cloud -= np.finfo(np.float64).eps  # the one at the limit is clear
    cloud[np.broadcast_to(never[:, :, None], shape)] = np.inf
    return cloud


def _dark(land: Land) -> Flags:
    """(month, tod, P) True: the sun is too low."""
    country = land.country
    return np.array([[sun(land, m, t) < LOWEST_SUN for t in country.tods] for m in country.months])


def _outages(land: Land, random: np.random.Generator) -> Flags:
    """(month, tod, P) True: an outage removed the rows of a month and time of day."""
    country = land.country
    row = np.nonzero(land.mask)[0] / country.rows
    outages = np.zeros((len(country.months), len(country.tods), land.pixels), bool)
    for _ in range(max(1, outages.shape[0] * outages.shape[1] // 10)):
        month, tod = (random.integers(n) for n in outages.shape[:2])
        first = random.uniform(0, 1 - _OUTAGE)
        outages[month, tod] |= (row >= first) & (row < first + _OUTAGE)
    return outages


def _wrong(land: Land, random: np.random.Generator, cloud: Floats) -> NDArray[np.int64]:
    """(month, tod, P) a random observed day, for the share `artefacts` of them; -1: none."""
    valid = cloud < 0
    is_artefact = random.random((*cloud.shape[:2], land.pixels)) < land.country.artefacts
    day = np.where(valid, random.random(cloud.shape), -1).argmax(axis=2)
    return np.where(is_artefact & valid.any(axis=2), day, -1)
