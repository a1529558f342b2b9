"""Names of GOES-R ABI files.

Stamps are `YYYYJJJHHMMSSt` (UTC, J the day of the year, t tenths of a second); files of one scan share
the start stamp.

Source: GOES-R Product Definition and Users' Guide, volume 3, appendix A (file names).
"""

import re
from dataclasses import dataclass

from lake.errors import GranuleError


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
