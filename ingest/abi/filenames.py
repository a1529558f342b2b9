"""GOES-R ABI files: their names, products, calibration, and both meanings of the LST quality flags.

Pure: names and arrays in, values and arrays out. Stamps are `YYYYJJJHHMMSSt` (UTC, J the day of
the year, t tenths of a second); files of one scan share the start stamp.

The land surface temperature (LST) product changed its algorithm and the meaning of its `DQF` on
2021-08-19. `v01` (baseline) is a bit field: 2 bad input, 4 cloud, 8 local zenith angle above
70 deg, 16 water, 32 LST out of 213-330 K. `v02` (enterprise) is an enumeration: 0 high, 1 medium,
2 low quality, 3 no retrieval; sky and surface are in a second variable, `PQI`. Observed in 96 real
10 km full-disk files of 2022 and 2023:

- PQI surface, `(PQI >> 6) & 3`: 0 snow or ice on land, 1 land, 2 inland water, 3 ocean. The file's
  own `flag_meanings` say land, snow or ice, inland water, coast. More than two pixels from a
  coast 100 % of 0 and 99.999 % of 1 are land in a 30-arcsec mask, and 0.05 % of 3. Of the
  temperatures retrieved under 0, 98 % are below 275 K; under 1, 7 %.
- PQI cloud condition, `(PQI >> 2) & 3`: 0 clear, 1 probably clear, 2 probably cloudy, 3 cloudy, as
  declared. v02 retrieves under all four: 27 % of the retrievals over land are under 2 or 3, and are
  1 to 9 K colder than high-quality clear retrievals of the same pixel and time of day on the
  neighbouring day (2 and 3, by quality: 0.9 to 1.6, 2.6 to 4.9, 4.7 to 9.1 K). v01 retrieves
  "under clear or probably clear cloud conditions" alone (NOAA OSPO notice of 2018-03-22). A rule
  that means clear on both sides needs these bits.

Source: GOES-R Product Definition and Users' Guide, volume 3 (L1b radiances, conversion to
reflectance factor and brightness temperature) and volume 5 (L2+, LST flags).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lake.errors import ConfigError, GranuleError
from lake.format.arrays import Bools, Floats

Flags = NDArray[np.unsignedinteger]

FLAG_FILL = 65535
"""DQF off the disk, PQI where nothing was computed."""


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of a granule says."""

    product: str
    """E.g. `ABI-L1b-RadC`, `ABI-L2-LSTM2`."""
    mode: str
    """Scan mode, e.g. `M6`."""
    band: str | None
    """E.g. `C13`; None for products of several bands."""
    sat: str
    """As in a listing, e.g. `goes16`."""
    start: str
    """Stamp of the scan's start."""
    end: str
    creation: str


_NAME = re.compile(
    r"OR_(ABI-L[12]b?-[A-Z][A-Za-z0-9]*)-(M\d)(C\d\d)?_G(\d\d)_s(\d{14})_e(\d{14})_c(\d{14})\.nc"
)


def parse_name(name: str) -> FileName:
    """The parts of a granule's name; folders before it are ignored.

    Raises:
        GranuleError: not the name of an ABI granule.
    """
    match = _NAME.fullmatch(name.rsplit("/", 1)[-1])
    if match is None:
        raise GranuleError(
            f"{name} is not named like an ABI granule: wanted "
            "OR_<product>-<mode>[C<band>]_G<sat>_s<start>_e<end>_c<creation>.nc"
        )
    product, mode, band, sat, start, end, creation = match.groups()
    return FileName(product, mode, band, f"goes{sat}", start, end, creation)


@dataclass(frozen=True, slots=True)
class Product:
    """One kind of file."""

    variable: str
    """The variable that is observed: `Rad`, `CMI` or `LST`."""
    sector: str
    """As in a listing: `conus`, `fulldisk`, `meso1`, `meso2`."""
    folder: str
    """Of NOAA's buckets; the two mesoscale sectors share one."""
    minutes: tuple[int, ...]
    """Of the hour, in which scans start, in any scan mode."""
    resolution: str | None
    """At the sub-satellite point; None: that of the band."""


def _products() -> dict[str, Product]:
    every = {
        "C": tuple(m for m in range(60) if m % 5 in (1, 2)),
        "F": tuple(range(0, 60, 5)),
        "M1": tuple(range(60)),
        "M2": tuple(range(60)),
    }
    hourly = {"C": (1, 2), "F": (0,), "M1": (0, 1), "M2": (0, 1)}
    sectors = {"C": "conus", "F": "fulldisk", "M1": "meso1", "M2": "meso2"}
    products = {}
    for code, sector in sectors.items():
        for stem, variable in (("ABI-L1b-Rad", "Rad"), ("ABI-L2-CMIP", "CMI")):
            products[stem + code] = Product(variable, sector, stem + code[0], every[code], None)
        coarse = "10km" if code == "F" else "2km"
        folder = f"ABI-L2-LST{code[0]}"
        products[f"ABI-L2-LST{code}"] = Product("LST", sector, folder, hourly[code], coarse)
    products["ABI-L2-LST2KMF"] = Product("LST", "fulldisk", "ABI-L2-LST2KMF", hourly["F"], "2km")
    return products


PRODUCTS = _products()
"""Every product that can be read. LST is hourly: the hour's first scan."""


def product(name: str) -> Product:
    """The product of this name.

    Raises:
        ConfigError: not one that can be read.
    """
    if name not in PRODUCTS:
        raise ConfigError(f"{name!r} is no product we read: wanted one of {', '.join(PRODUCTS)}")
    return PRODUCTS[name]


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


def lst_version(
    where: str,
    valid_range: Sequence[int] | None,
    flag_masks: Sequence[int] | None,
    product_version: str | None,
) -> str:
    """Which meaning the DQF of an LST file has, `v01` or `v02`, by whatever the file says of itself.

    Args:
        where: path, for the message.
        valid_range: of DQF: (0, 40) is v01, (0, 3) is v02.
        flag_masks: of DQF: v01 masks bit 16 (water) alone, v02 masks 3 throughout.
        product_version: `v01r00`, `v02r00`, ...

    Raises:
        GranuleError: the file says nothing known, or two things that disagree.
    """
    release = re.fullmatch(r"v(\d\d)r\d\d", product_version or "")
    masks = set(flag_masks or ())
    hints = {
        "valid_range": {"0-40": "v01", "0-3": "v02"}.get("-".join(map(str, valid_range or ()))),
        "flag_masks": "v01" if 16 in masks else "v02" if masks == {3} else None,
        "product_version": f"v{release[1]}" if release and release[1] != "00" else None,
    }
    said = {version for version in hints.values() if version}
    if len(said) != 1 or not said <= {"v01", "v02"}:
        raise GranuleError(
            f"{where}: cannot tell which LST quality flags these are: found DQF valid_range "
            f"{valid_range}, flag_masks {flag_masks}, product_version {product_version}; wanted all "
            "to say v01 (0-40, bit field) or all v02 (0-3); leave the file out or read its notes"
        )
    return said.pop()


@dataclass(frozen=True, slots=True)
class Meaning:
    """A rule on LST flags in words, one for each version."""

    v01: str
    v02: str


CLEAR_RULES = {
    "clear-land": Meaning(
        v01="DQF == 0: land or inland water, clear or probably clear, local zenith angle at most "
        "70 deg, LST within 213-330 K",
        v02="DQF <= 2 and PQI cloud condition 0 or 1 (clear, probably clear) "
        "and PQI surface 0 or 1 (land, snow or ice on land)",
    ),
    "clear": Meaning(
        v01="DQF == 0: land or inland water, clear or probably clear, local zenith angle at most "
        "70 deg, LST within 213-330 K",
        v02="DQF <= 2 and PQI cloud condition 0 or 1 (clear, probably clear), on any surface",
    ),
    "retrieved": Meaning(
        v01="(DQF & 22) == 0: retrieved, any zenith angle and temperature; "
        "clear or probably clear alone",
        v02="DQF <= 2: retrieved, probably cloudy and cloudy included",
    ),
    "high": Meaning(
        v01="DQF == 0: good retrieval",
        v02="DQF == 0: high quality, local zenith angle at most 55 deg",
    ),
}
"""Which pixels of a scan count: `clear_sky.rule` of a listing. `clear` leaves the surface to the
domain: with the domain rule `mask`, so that PQI's surface, too, decides nothing."""

DOMAIN_RULES = {
    "land": Meaning(
        v01="(DQF & 16) == 0 and DQF not fill: land or inland water",
        v02="PQI surface 0 or 1 and PQI not fill: land, snow or ice on land",
    ),
    "mask": Meaning(
        v01="land at the pixel's centre in domain.mask, whatever the flags say",
        v02="land at the pixel's centre in domain.mask, whatever the flags say",
    ),
}
"""Which pixels exist: `domain.rule` of a listing."""


@dataclass(frozen=True, slots=True, eq=False)
class LstFlags:
    """The flags of one LST scan; arrays of one shape."""

    version: str
    """`v01` or `v02`."""
    dqf: Flags
    pqi: Flags | None
    """Product quality information; None in v01, which has none."""

    def __post_init__(self) -> None:
        if (self.version == "v02") != (self.pqi is not None):
            raise ValueError(f"PQI belongs to v02 and to v02 alone, not to {self.version}")


def is_retrieved(version: str, dqf: Flags) -> Bools:
    """Where the file holds a land surface temperature, good or not."""
    return (dqf & 22) == 0 if version == "v01" else dqf <= 2


def is_clear(rule: str, flags: LstFlags) -> Bools:
    """Where the rule of `CLEAR_RULES` holds."""
    is_high: Bools = flags.dqf == 0
    if rule == "retrieved":
        return is_retrieved(flags.version, flags.dqf)
    if rule == "high" or flags.pqi is None:
        return is_high
    sky_is_clear: Bools = ((flags.pqi >> 2) & 3) <= 1
    clear = is_retrieved(flags.version, flags.dqf) & sky_is_clear
    return clear if rule == "clear" else clear & is_land(flags)


def is_land(flags: LstFlags) -> Bools:
    """Where there is land, by the rule `land` of `DOMAIN_RULES`."""
    land: Bools
    if flags.pqi is None:
        land = ((flags.dqf & 16) == 0) & (flags.dqf != FLAG_FILL)
    else:
        land = (((flags.pqi >> 6) & 3) <= 1) & (flags.pqi != FLAG_FILL)
    return land
