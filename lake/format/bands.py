"""What is observed: the ABI's bands (wavelength, native resolution), quantities and their units.

A band of the imager measures the reflectance factor or the brightness temperature. Any other variable
of a product is of a quantity that the store itself says, or that `VARIABLES` does.

Source: GOES-R Product Definition and Users' Guide, volume 3, table 5.1.2-1 (bands and resolutions).
"""

from dataclasses import dataclass

from lake.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured."""

    name: str
    """In words, small letters: `sea surface temperature`."""
    unit: str
    """Of the mean, as UDUNITS has it: `K`, `1`."""


REFLECTANCE_FACTOR = Quantity("reflectance factor", "1")
BRIGHTNESS_TEMPERATURE = Quantity("brightness temperature", "K")

VARIABLES = {"LST": Quantity("land surface temperature", "K")}
"""Variables whose quantity a store does not say: format version 1 began with bands and these alone."""


@dataclass(frozen=True, slots=True)
class Band:
    """One channel of the imager."""

    wavelength_um: float
    """Centre of the channel."""
    resolution: str
    """At the sub-satellite point: `500m`, `1km` or `2km`."""


BANDS = {
    "C01": Band(0.47, "1km"),
    "C02": Band(0.64, "500m"),
    "C03": Band(0.865, "1km"),
    "C04": Band(1.378, "2km"),
    "C05": Band(1.61, "1km"),
    "C06": Band(2.25, "2km"),
    "C07": Band(3.9, "2km"),
    "C08": Band(6.19, "2km"),
    "C09": Band(6.95, "2km"),
    "C10": Band(7.34, "2km"),
    "C11": Band(8.5, "2km"),
    "C12": Band(9.61, "2km"),
    "C13": Band(10.35, "2km"),
    "C14": Band(11.2, "2km"),
    "C15": Band(12.3, "2km"),
    "C16": Band(13.3, "2km"),
}

LAST_REFLECTIVE = 6


def is_reflective(band: str) -> bool:
    """Whether the band measures reflected sunlight (C01-C06), else emitted heat (C07-C16).

    Raises:
        ConfigError: not a band of the ABI.
    """
    if band not in BANDS:
        raise ConfigError(f"{band!r} is no ABI band: wanted one of {', '.join(BANDS)}")
    return int(band[1:]) <= LAST_REFLECTIVE


def quantity(band: str) -> Quantity:
    """What a band of the imager measures.

    Raises:
        ConfigError: not a band of the ABI.
    """
    return REFLECTANCE_FACTOR if is_reflective(band) else BRIGHTNESS_TEMPERATURE


def wavelength_um(band: str) -> float:
    """Central wavelength; NaN for a product variable that has none."""
    return BANDS[band].wavelength_um if band in BANDS else float("nan")
