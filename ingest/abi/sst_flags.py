"""Quality flags of the sea surface temperature (SST) product.

`DQF`, as real files of GOES-18 of 2026 declare it: 0 good quality, 1 degraded, 2 severely degraded,
3 invalid due to unprocessed; that is also land and cloud, so that no flag says where the sea is.
"""

from ingest.abi.flags import (
    ONLY,
    WATER_BY_MASK,
    Clause,
    FlagImages,
    Quality,
    Rule,
    SkyRules,
    by_mask,
)
from lake.format.arrays import Bools

QUALITY = {ONLY: Quality(largest=2)}
"""A temperature is there."""


def _is_good(images: FlagImages) -> Bools:
    good: Bools = images["DQF"] == 0
    return good


def _is_retrieved(images: FlagImages) -> Bools:
    return QUALITY[ONLY].is_good(images["DQF"])


SKY = SkyRules(
    variables={ONLY: ("DQF",)},
    clear={
        "high": Rule({ONLY: Clause("DQF == 0: good quality", _is_good)}),
        "retrieved": Rule(
            {
                ONLY: Clause(
                    "DQF <= 2: retrieved, degraded and severely degraded included", _is_retrieved
                )
            }
        ),
    },
    domain={"water": by_mask(WATER_BY_MASK)},
)
