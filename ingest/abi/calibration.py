"""From packed counts to physical values: unpacking, and the calibration of L1b radiances.

Source: GOES-R Product Definition and Users' Guide, volume 3 (L1b radiances, conversion to reflectance
factor and brightness temperature).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lake.format.arrays import Floats
from lake.format.bands import is_reflective

Constant = Callable[[str], float]
"""Name of a scalar variable of the file -> its value."""

Calibration = Callable[[Floats, str, Constant], Floats]
"""Unpacked values, band (empty: none) and constants of the file -> physical values; NaN stays NaN."""


@dataclass(frozen=True, slots=True)
class Planck:
    """Constants of one thermal band, from its file."""

    fk1: float
    fk2: float
    bc1: float
    bc2: float


def unpack(size: int, scale: float, offset: float, valid: tuple[int, int], fill: int) -> Floats:
    """Physical value of every count 0..size-1; NaN out of the valid range (inclusive) and at the fill.

    Args:
        size: entries of the table.
        scale: value of one count.
        offset: value of count 0.
        valid: smallest and largest valid count.
        fill: the count that means "no value".
    """
    counts = np.arange(size)
    usable = (counts >= valid[0]) & (counts <= valid[1]) & (counts != fill)
    return np.where(usable, counts * scale + offset, np.nan)


def as_unpacked(values: Floats, _band: str, _constant: Constant) -> Floats:
    """The calibration of L2 products: the unpacked values are the quantity itself."""
    return values


def of_radiance(radiance: Floats, band: str, constant: Constant) -> Floats:
    """The calibration of L1b radiances: reflectance factor (C01-C06) or brightness temperature."""
    if is_reflective(band):
        return reflectance_factor(radiance, constant("kappa0"))
    names = ("fk1", "fk2", "bc1", "bc2")
    planck = Planck(**{name: constant(f"planck_{name}") for name in names})
    return brightness_temperature(radiance, planck)


def reflectance_factor(radiance: Floats, kappa0: float) -> Floats:
    """Reflectance factor (1) of a radiance (W m-2 sr-1 um-1): not divided by the cosine of the zenith.

    kappa0 = pi d^2 / esun comes from the file: d, in astronomical units, changes over the year.
    """
    return radiance * kappa0


def brightness_temperature(radiance: Floats, planck: Planck) -> Floats:
    """Brightness temperature (K) of a radiance (mW m-2 sr-1 cm); NaN where it is not positive.

    Noise makes slightly negative radiances of cold scenes legal; they have no temperature.
    """
    positive = np.where(radiance > 0, radiance, np.nan)
    return (planck.fk2 / np.log(planck.fk1 / positive + 1) - planck.bc1) / planck.bc2
