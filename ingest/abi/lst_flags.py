"""Both meanings of the quality flags of the land surface temperature (LST) product.

LST changed its algorithm and the meaning of its `DQF` on 2021-08-19. `v01` (baseline) is a bit field:
2 bad input, 4 cloud, 8 local zenith angle above 70 deg, 16 water, 32 LST out of 213-330 K. `v02`
(enterprise) is an enumeration: 0 high, 1 medium, 2 low quality, 3 no retrieval; sky and surface are in
a second variable, `PQI`. Observed in 96 real 10 km full-disk files of 2022 and 2023:

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

Source: GOES-R Product Definition and Users' Guide, volume 5 (L2+, LST flags).
"""

import re

from ingest.abi.flags import (
    LAND_BY_MASK,
    Clause,
    FlagImages,
    Quality,
    Rule,
    SkyRules,
    VersionHints,
    by_mask,
)
from lake.errors import GranuleError
from lake.format.arrays import Bools

V01, V02 = "v01", "v02"

FLAG_FILL = 65535
"""DQF off the disk, PQI where nothing was computed."""

QUALITY = {V01: Quality(bits=22, largest=FLAG_FILL), V02: Quality(largest=2)}
"""The file holds a land surface temperature, good or not."""


def version_of(hints: VersionHints) -> str:
    """Which meaning the DQF of an LST file has, `v01` or `v02`, by whatever the file says of itself.

    The valid range is (0, 40) in v01, (0, 3) in v02; of v01's masks bit 16 (water) is one, v02's are 3
    throughout.

    Raises:
        GranuleError: the file says nothing known, or two things that disagree.
    """
    release = re.fullmatch(r"v(\d\d)r\d\d", hints.product_version or "")
    masks = set(hints.flag_masks or ())
    valid_range = "-".join(map(str, hints.valid_range or ()))
    answers = {
        {"0-40": V01, "0-3": V02}.get(valid_range),
        V01 if 16 in masks else V02 if masks == {3} else None,
        f"v{release[1]}" if release and release[1] != "00" else None,
    } - {None}
    if answers not in ({V01}, {V02}):
        raise GranuleError(
            f"{hints.where}: cannot tell which LST quality flags these are: found DQF valid_range "
            f"{hints.valid_range}, flag_masks {hints.flag_masks}, product_version "
            f"{hints.product_version}; wanted all to say v01 (0-40, bit field) or all v02 (0-3); "
            "leave the file out or read its notes"
        )
    return V01 if V01 in answers else V02


def _is_high(images: FlagImages) -> Bools:
    high: Bools = images["DQF"] == 0
    return high


def _is_retrieved_v01(images: FlagImages) -> Bools:
    return QUALITY[V01].is_good(images["DQF"])


def _is_retrieved_v02(images: FlagImages) -> Bools:
    return QUALITY[V02].is_good(images["DQF"])


def _is_clear_v02(images: FlagImages) -> Bools:
    return _is_retrieved_v02(images) & (((images["PQI"] >> 2) & 3) <= 1)


def _is_clear_land_v02(images: FlagImages) -> Bools:
    return _is_clear_v02(images) & _is_land_v02(images)


def _is_land_v01(images: FlagImages) -> Bools:
    dqf = images["DQF"]
    land: Bools = ((dqf & 16) == 0) & (dqf != FLAG_FILL)
    return land


def _is_land_v02(images: FlagImages) -> Bools:
    pqi = images["PQI"]
    land: Bools = (((pqi >> 6) & 3) <= 1) & (pqi != FLAG_FILL)
    return land


_BASELINE_CLEAR = (
    "DQF == 0: land or inland water, clear or probably clear, local zenith angle at most "
    "70 deg, LST within 213-330 K"
)

SKY = SkyRules(
    variables={V01: ("DQF",), V02: ("DQF", "PQI")},
    clear={
        "clear-land": Rule(
            {
                V01: Clause(_BASELINE_CLEAR, _is_high),
                V02: Clause(
                    "DQF <= 2 and PQI cloud condition 0 or 1 (clear, probably clear) "
                    "and PQI surface 0 or 1 (land, snow or ice on land)",
                    _is_clear_land_v02,
                ),
            }
        ),
        # leaves the surface to the domain: with the domain rule `mask`, PQI's surface decides nothing
        "clear": Rule(
            {
                V01: Clause(_BASELINE_CLEAR, _is_high),
                V02: Clause(
                    "DQF <= 2 and PQI cloud condition 0 or 1 (clear, probably clear), on any surface",
                    _is_clear_v02,
                ),
            }
        ),
        "retrieved": Rule(
            {
                V01: Clause(
                    "(DQF & 22) == 0: retrieved, any zenith angle and temperature; "
                    "clear or probably clear alone",
                    _is_retrieved_v01,
                ),
                V02: Clause(
                    "DQF <= 2: retrieved, probably cloudy and cloudy included", _is_retrieved_v02
                ),
            }
        ),
        "high": Rule(
            {
                V01: Clause("DQF == 0: good retrieval", _is_high),
                V02: Clause("DQF == 0: high quality, local zenith angle at most 55 deg", _is_high),
            }
        ),
    },
    domain={
        "land": Rule(
            {
                V01: Clause("(DQF & 16) == 0 and DQF not fill: land or inland water", _is_land_v01),
                V02: Clause(
                    "PQI surface 0 or 1 and PQI not fill: land, snow or ice on land", _is_land_v02
                ),
            }
        ),
        "mask": by_mask(LAND_BY_MASK, V01, V02),
    },
)
