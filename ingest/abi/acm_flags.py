"""Flags of the clear-sky mask product (ACM).

- `BCM`, the binary cloud mask: 0 clear or probably clear, 1 cloudy or probably cloudy, 255 fill (not
  computed, off the Earth).
- `DQF`: 0 good; 1 not geolocated or not computed, 2 beyond the limit of the zenith angle, 3 band 14
  bad or missing, 4 band 7 bad, 5 tests of band 2 failed, 6 other bands bad.

Source: `flag_meanings` of real files as public readers quote them; GOES-R Product Definition and
Users' Guide, volume 5 (clear sky mask).
"""

from ingest.abi.flags import ONLY, Clause, FlagImages, Rule, SkyRules
from lake.format.arrays import Bools


def _is_clear(images: FlagImages) -> Bools:
    clear: Bools = (images["BCM"] == 0) & (images["DQF"] == 0)
    return clear


SKY = SkyRules(
    variables={ONLY: ("BCM", "DQF")},
    clear={
        "clear": Rule(
            {
                ONLY: Clause(
                    "BCM == 0 and DQF == 0: clear or probably clear, good quality, on any surface",
                    _is_clear,
                )
            }
        ),
    },
)
