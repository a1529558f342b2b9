"""What the satellite measures of the land, by functions that are not linear in the hidden truth.

Reflectance is that of a saturating mixture of soil and leaves, times a factor of the angles of sun and
view, through haze. Temperature has a daily course that wet, green or slow land flattens, less the
effects of air and emissivity. Deviations of class x season x band are added; half of each changes its
sign between the wet and the dry pixels of the class. Formulas are textbook ones, simplified; numbers
are invented. C02, C03: reflectance factor; C07, C13: K.
"""

import numpy as np
from numpy.typing import NDArray

from jobs.synthetic import sky
from jobs.synthetic.country import BANDS, PERSISTENT, SEASONS, Land
from jobs.synthetic.sky import THIN, Year
from lake.format.arrays import Floats

REFLECTED = ("C02", "C03")
REFINEMENTS = {"C02": 4, "C03": 2, "C07": 1, "C13": 1}
NOISE = {"C02": 0.012, "C03": 0.016, "C07": 1.4, "C13": 1.1}
"""Standard deviation from day to day of a class that is neither restless nor quiet."""
_DEVIATION = {"C02": 0.018, "C03": 0.03, "C07": 1.6, "C13": 1.2}
"""Standard deviation of class x season x band."""
_WRONG = {"C02": 0.4, "C03": 0.4, "C07": -35.0, "C13": -30.0}
_HAZE = {"C02": 0.10, "C03": 0.05}
_VAPOUR = {"C07": 1.2, "C13": 2.2}
_MAX_REFLECTANCE = {"C02": 0.55, "C03": 0.6}
"""Reflectance factor that the detector never exceeds."""
_MAX_K, _SATURATION_K = 325.0, 12.0
"""Temperature that the detector of C07 never exceeds, and how far below it begins to saturate."""


def mean(land: Land, year: Year, month: int, tod: int, band: str) -> Floats:
    """(P, subpixel) values of a band on a clear day, without NaN.

    Args:
        land: the land below.
        year: the anomalies of the year.
        month: position in the country's months.
        tod: seconds of the day.
        band: one of `BANDS`.
    """
    pattern = _coarser(land.pattern, REFINEMENTS[band])
    green = greenness(land, year, month)
    fine = np.clip(green[:, None] * (1 + pattern), 0, 1)
    model = _reflected if band in REFLECTED else _emitted
    return model(land, year, month, tod, band, fine, pattern)


def daily(
    land: Land, year: Year, month: int, tod: int, band: str, random: np.random.Generator
) -> Floats:
    """(day, P, subpixel) values of a band on every day, also on days that are not valid.

    Args:
        land: the land below.
        year: the anomalies of the year.
        month: position in the country's months.
        tod: position in the country's tods.
        band: one of `BANDS`.
        random: noise.
    """
    country, b, traits = land.country, BANDS.index(band), land.traits
    clear = mean(land, year, month, country.tods[tod], band)
    size = traits.restless[land.classes, b] * NOISE[band]
    skew = traits.skew[land.classes, None]
    z = random.standard_normal((country.days, *clear.shape), np.float32)
    of_day = random.standard_normal((country.days, land.pixels, 1), np.float32)
    z *= 0.6
    z += 0.8 * of_day
    z += skew * (z * z - 1)
    z *= size[:, None]
    air, thin = year.weather[month], np.clip(1 + year.cloud[month, tod] / THIN, 0, 1)
    thin[~np.isfinite(thin)] = 0
    if band in REFLECTED:
        values = clear * (1 + 0.05 * air[..., None]) + 0.04 * thin[..., None]
    else:
        values = clear + 2.0 * air[..., None] - 4 * thin[..., None]
    values = values + z
    wrong = np.flatnonzero(year.wrong[month, tod] >= 0)
    values[year.wrong[month, tod, wrong], wrong] += _WRONG[band]
    return np.asarray(np.maximum(values, 0))


def greenness(land: Land, year: Year, month: int) -> Floats:
    """(P,) share of the ground that is green in a month, by its position in the country's months."""
    phase, amplitude, sharpness = land.dynamics.T[:3]
    day = sky.middle(land.country.months[month])
    season = np.cos(2 * np.pi * (day - phase - year.later) / 365) - 1
    green: Floats = amplitude * (1 + year.greener) * np.exp(sharpness * season)
    return np.asarray(np.clip(green, 0, 1))


def _wet(land: Land, year: Year, month: int) -> Floats:
    """(P,) moisture of the soil, 0 to 1."""
    return np.asarray(np.clip(land.dynamics[:, 3] + year.wetter[month], 0, 1))


def _deviation(land: Land, month: int, band: str) -> Floats:
    """(P,) deviation by class, season and band, in the band's unit."""
    traits, classes = land.traits, land.classes
    season = _season(land, month)
    constant = traits.season[classes, season, BANDS.index(band)]
    by_moisture = traits.season[classes, season - 1, BANDS.index(band) - 1]
    wetter = np.tanh((land.dynamics[:, 3] - traits.dynamics[classes, 3]) / 0.1)
    deviation: Floats = _DEVIATION[band] * (constant / 2 + by_moisture * wetter)
    return deviation


def _snow(land: Land, year: Year, month: int) -> Floats:
    """(P,) share of the ground that is white."""
    cold = -_air(land, year, month) + 271
    cover: Floats = 1 / (1 + np.exp(-cold / 1.5))
    return np.asarray(cover * (1 - land.traits.shelter[land.classes]))


def _air(land: Land, year: Year, month: int) -> Floats:
    """(P,) temperature of the air, K, in the mean of the day."""
    north = land.lat - 25
    season = np.cos(2 * np.pi * (sky.middle(land.country.months[month]) - 200) / 365)
    climate: Floats = 299 - 0.55 * north - 5.5 * land.elevation + (4 + 0.45 * north) * season
    return np.asarray(climate + year.warmer[month] + 5 * _persistent(land, month, "warmth"))


def _persistent(land: Land, month: int, field: str) -> Floats:
    """(P,) a field of `PERSISTENT` in the season of a month."""
    values: Floats = land.persistent[PERSISTENT.index(field), _season(land, month)]
    return values


def _season(land: Land, month: int) -> int:
    """Season of a month: 0 in December, January, February."""
    return (land.country.months[month] % 12) // (12 // SEASONS)


def _reflected(
    land: Land, year: Year, month: int, tod: int, band: str, green: Floats, pattern: Floats
) -> Floats:
    traits, classes, b = land.traits, land.classes, REFLECTED.index(band)
    soil = traits.soil[classes, b] * (1 - 0.5 * _wet(land, year, month))
    canopy = (1 - np.exp(-3 * green)) / (1 - np.exp(-3))
    bright = soil[:, None] * (1 - canopy) * (1 + 0.4 * pattern)
    bright = (
        bright + traits.leaf[classes, b, None] * canopy + _deviation(land, month, band)[:, None]
    )
    snow = _snow(land, year, month)[:, None]
    bright = np.maximum(bright, 0.01) * (1 - snow) + 0.65 * snow
    up, down = np.maximum(sky.sun(land, land.country.months[month], tod), 0.05), land.view
    hour = np.deg2rad(15 * (sky.local(land, tod) - 12))
    phase_cosine = up * down + np.sqrt((1 - up**2) * (1 - down**2)) * np.cos(hour)
    shadow, spot = traits.rough[classes].T
    angular = 1 - shadow * (1 - up) * (1 - down) * 3 + spot * phase_cosine**4
    usual = 0.9 * _persistent(land, month, "haze")
    haze = _HAZE[band] * np.exp(0.5 * year.hazier[month] - 0.4 * land.elevation + usual)
    transmittance = np.exp(-haze * (1 / up + 1 / down))
    path = 0.35 * haze / down
    reflectance = (bright * (angular * transmittance)[:, None] + path[:, None]) * up[:, None]
    limit = _MAX_REFLECTANCE[band]
    saturated: Floats = limit * np.tanh(reflectance / limit)
    return saturated


def _emitted(
    land: Land, year: Year, month: int, tod: int, band: str, green: Floats, _: Floats
) -> Floats:
    traits, classes, b = land.traits, land.classes, ("C07", "C13").index(band)
    up = np.maximum(sky.sun(land, land.country.months[month], tod), 0)[:, None]
    noon = np.maximum(sky.sun(land, land.country.months[month], 64800), 0.1)[:, None]
    wet, slow = _wet(land, year, month)[:, None], land.dynamics[:, 4, None]
    course = np.cos(2 * np.pi * (sky.local(land, tod)[:, None] - 12.7 - 1.6 * slow) / 24)
    range_ = 17 * noon * (1 - 0.6 * green) * (1 - 0.55 * wet) / (0.45 + slow)
    snow = _snow(land, year, month)[:, None]
    ground = _air(land, year, month)[:, None] + range_ * course * (1 - 0.8 * snow)
    dark = traits.emissivity[classes, b, None] * (1 - 0.7 * green) / land.view[:, None] ** 0.5
    usual = 0.5 * _persistent(land, month, "vapour")
    vapour = _VAPOUR[band] * np.exp((_air(land, year, month) - 285) / 14 + usual) / land.view
    kelvin = (
        ground - dark - vapour[:, None] * (1 + 0.3 * wet) + _deviation(land, month, band)[:, None]
    )
    if band == "C07":
        kelvin = kelvin + traits.shine[classes, None] * up * (1 - green)
        kelvin = _MAX_K - _SATURATION_K * np.logaddexp(0, (_MAX_K - kelvin) / _SATURATION_K)
    return kelvin


def _coarser(pattern: NDArray[np.float32], refinement: int) -> Floats:
    """(P, subpixel) means of the fine pixels."""
    n = pattern.shape[1] // refinement
    blocks = pattern.reshape(len(pattern), refinement, n, refinement, n)
    means: Floats = blocks.mean(axis=(2, 4), dtype=np.float64)
    return means.reshape(len(pattern), refinement**2)
