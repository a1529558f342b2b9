"""Names of GOES-R ABI files.

Stamps are `YYYYJJJHHMMSSt` (UTC, J the day of the year, t tenths of a second); files of one scan share
the start stamp.

Source: GOES-R Product Definition and Users' Guide, volume 3, appendix A (file names).
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from lake.errors import GranuleError

DAY_S, HOUR_S = 86400, 3600

OPERATIONAL, REPROCESSED = "OR", "RP"
"""System environments, the first two letters of names."""


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
    environment: str = OPERATIONAL
    """System that made the file: `OPERATIONAL`, or `REPROCESSED` years later."""

    @property
    def is_reprocessed(self) -> bool:
        """Whether the file was made again, years later, by a newer algorithm."""
        return self.environment == REPROCESSED


_NAME = re.compile(
    rf"({OPERATIONAL}|{REPROCESSED})_(ABI-L[12]b?-[A-Z][A-Za-z0-9]*)-(M\d)(C\d\d)?_G(\d\d)"
    r"_s(\d{14})_e(\d{14})_c(\d{14})\.nc"
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
    environment, product, mode, band, sat, start, end, creation = match.groups()
    return FileName(product, mode, band, f"goes{sat}", start, end, creation, environment)


def seconds(stamp: str) -> float:
    """Seconds from 0001-01-01 UTC, without leap seconds, to the time of a stamp.

    Raises:
        ValueError: no time.
    """
    hour, minute, second = int(stamp[7:9]), int(stamp[9:11]), int(stamp[11:13])
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{stamp} is no stamp YYYYJJJHHMMSSt")
    return _midnight(stamp[:7]) + hour * HOUR_S + minute * 60 + second + int(stamp[13]) / 10


@cache
def _midnight(day: str) -> int:
    year, number = int(day[:4]), int(day[4:])
    date_of_day = date(year, 1, 1) + timedelta(days=number - 1)
    if date_of_day.year != year:
        raise ValueError(f"{day} is no day YYYYJJJ")
    return date_of_day.toordinal() * DAY_S
