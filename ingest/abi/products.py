"""The products that can be read, one row each: `PRODUCTS`.

A row says all that is particular to a product: what it observes and in which unit, in which bands or
none, how counts become values, which observations are usable, which rules on its flags tell clear sky.
How to add one: `docs/extending.md`.

Source: GOES-R Product Definition and Users' Guide, volumes 3 (L1b) and 5 (L2+).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.abi import acm_flags, calibration, lst_flags, sst_flags
from ingest.abi.calibration import Calibration
from ingest.abi.flags import ONLY, Quality, SkyRules, VersionHints
from lake.errors import ConfigError
from lake.format.bands import BANDS, VARIABLES, Quantity

SECTORS = {"C": "conus", "F": "fulldisk", "M1": "meso1", "M2": "meso2"}
"""Sectors of the imager, as in a listing, by their letters in names of products."""

REPROCESSED = "-Reproc"
"""End of the folders of reprocessed files in NOAA's buckets."""

EVERY_SCAN = {
    "C": tuple(minute for minute in range(60) if minute % 5 in (0, 1, 2)),
    "F": tuple(range(0, 60, 5)),
    "M1": tuple(range(60)),
    "M2": tuple(range(60)),
}
"""Minutes of the hour in which scans start, in any scan mode, by sector."""
HOURLY = {"C": (0, 1, 2), "F": (0,), "M1": (0, 1), "M2": (0, 1)}
"""The same of products that are made of the hour's first scan."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What a product observes: its counts become the statistics of a cube."""

    variable: str
    """Name in the file, 16-bit counts."""
    quantity: Quantity | None = None
    """What its values are; None: each band has its own quantity."""
    bands: tuple[str, ...] = ()
    """Bands of the imager, each with a file of its own; empty: one file, without a band in its name."""
    calibrate: Calibration = calibration.as_unpacked
    quality: Mapping[str, Quality] = field(default_factory=lambda: {ONLY: Quality()})
    """Usable observations, by version of the product; default: those of `DQF` 0."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What a listing may name in the `bands` of a cube."""
        return self.bands or (self.variable,)


@dataclass(frozen=True, slots=True)
class Product:
    """One kind of file, of any sector."""

    name: str
    """As in file names, without the letter of the sector: `ABI-L1b-Rad`."""
    resolutions: Mapping[str, str | None]
    """At the sub-satellite point, by letter of the sectors of which there are files; None: that of the
    band."""
    observes: Observed | None = None
    """None: it can only tell clear sky."""
    sky: SkyRules | None = None
    """None: it has no flags that tell clear sky."""
    version_of: Callable[[VersionHints], str] | None = None
    """Which meaning the flags of a file have; None: they only ever had one."""
    minutes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: EVERY_SCAN)
    """`EVERY_SCAN` or `HOURLY`."""


_BANDS: dict[str, str | None] = dict.fromkeys(SECTORS)
_ALL_2KM: dict[str, str | None] = dict.fromkeys(SECTORS, "2km")

PRODUCTS = (
    Product(
        "ABI-L1b-Rad",
        _BANDS,
        Observed("Rad", bands=tuple(BANDS), calibrate=calibration.of_radiance),
    ),
    Product("ABI-L2-CMIP", _BANDS, Observed("CMI", bands=tuple(BANDS))),
    Product(
        "ABI-L2-LST",
        _ALL_2KM | {"F": "10km"},
        Observed("LST", VARIABLES["LST"], quality=lst_flags.QUALITY),
        lst_flags.SKY,
        lst_flags.version_of,
        HOURLY,
    ),
    Product(
        "ABI-L2-LST2KM",
        {"F": "2km"},
        Observed("LST", VARIABLES["LST"], quality=lst_flags.QUALITY),
        lst_flags.SKY,
        lst_flags.version_of,
        HOURLY,
    ),
    Product(
        "ABI-L2-SST",
        {"F": "2km"},
        Observed("SST", Quantity("sea surface temperature", "K"), quality=sst_flags.QUALITY),
        sst_flags.SKY,
        minutes=HOURLY,
    ),
    Product("ABI-L2-ACM", _ALL_2KM, sky=acm_flags.SKY),
)
"""Every product that can be read."""


@dataclass(frozen=True, slots=True)
class SectorProduct:
    """The files of a product in one sector, as NOAA's buckets have them: `ABI-L1b-RadC`."""

    name: str
    product: Product
    letter: str
    """Of the sector, in the name: `C`, `F`, `M1`, `M2`."""

    @property
    def sector(self) -> str:
        """As in a listing."""
        return SECTORS[self.letter]

    @property
    def minutes(self) -> tuple[int, ...]:
        """Of the hour, in which scans start."""
        return self.product.minutes[self.letter]

    @property
    def resolution(self) -> str | None:
        """At the sub-satellite point; None: that of the band."""
        return self.product.resolutions[self.letter]

    @property
    def pattern(self) -> str:
        """How its files are named."""
        band = "C<band>" if self.product.observes and self.product.observes.bands else ""
        return f"OR_{self.name}-M<mode>{band}_G<sat>_s<start>_e<end>_c<creation>.nc"


SECTOR_PRODUCTS = {
    product.name + letter: SectorProduct(product.name + letter, product, letter)
    for product in PRODUCTS
    for letter in product.resolutions
}
"""Every product of every sector, by name."""


def sector_product(name: str) -> SectorProduct:
    """The product of this name.

    Raises:
        ConfigError: not one that can be read.
    """
    if name not in SECTOR_PRODUCTS:
        raise ConfigError(
            f"{name!r} is no product we read: wanted one of {', '.join(SECTOR_PRODUCTS)}"
        )
    return SECTOR_PRODUCTS[name]


def observed(name: str) -> Observed:
    """What the product of this name observes.

    Raises:
        ConfigError: not one that can be read, or it observes nothing that a cube can hold.
    """
    observes = sector_product(name).product.observes
    if observes is None:
        names = [n for n, row in SECTOR_PRODUCTS.items() if row.product.observes]
        raise ConfigError(
            f"{name} only tells clear sky: wanted a product that observes, one of {', '.join(names)}"
        )
    return observes


def sky_rules(name: str) -> SkyRules:
    """The clear-sky and domain rules of the product of this name.

    Raises:
        ConfigError: not one that can be read, or it tells no clear sky.
    """
    sky = sector_product(name).product.sky
    if sky is None:
        names = [n for n, row in SECTOR_PRODUCTS.items() if row.product.sky]
        raise ConfigError(f"{name} tells no clear sky: wanted one of {', '.join(names)}")
    return sky
