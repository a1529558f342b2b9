"""The key of a store, (sat, listing, t0, tf, geom), as text and as path.

Text and path are the same: `sat/listing/t0_tf/geom`, days as YYYYMMDD, both inclusive. No part
may hold "/" or "_": the legacy file names separate by "_".
"""

import re
from dataclasses import dataclass
from datetime import date

from lake.errors import ConfigError

ROOT = "LAKE_ROOT"
"""The environment's variable that says below which folder or URL keys are."""

RUN_ID = re.compile(r"[a-z]+-[0-9a-f]{12}")
"""The form of the id of a run: its job, and 12 hex digits."""

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_DAY = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One group of the lake; each has a store of its own."""

    sat: str
    listing: str
    t0: date
    """The first day of the period."""
    tf: date
    """The last day of the period, inclusive."""
    geom: str

    def __post_init__(self) -> None:
        for name in ("sat", "listing", "geom"):
            part = getattr(self, name)
            if not _PART.fullmatch(part):
                raise ConfigError(
                    f"{name} {part!r} cannot be part of a key: "
                    "use letters, digits, '-' and '.', beginning with a letter or digit"
                )
        if self.tf < self.t0:
            raise ConfigError(f"tf {self.tf} is before t0 {self.t0}: both are inclusive days")

    def __str__(self) -> str:
        return f"{self.sat}/{self.listing}/{self.period}/{self.geom}"

    @property
    def period(self) -> str:
        """The period as keys have it: `YYYYMMDD_YYYYMMDD`."""
        return f"{self.t0:%Y%m%d}_{self.tf:%Y%m%d}"


def parse(text: str) -> Key:
    """The key that `str` wrote.

    Raises:
        ConfigError: `text` is not `sat/listing/t0_tf/geom`.
    """
    parts = text.strip("/").split("/")
    days = parts[2].split("_") if len(parts) == 4 else []
    if len(days) != 2:
        raise ConfigError(
            f"{text!r} is no key: wanted sat/listing/t0_tf/geom, "
            "e.g. goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0"
        )
    return Key(parts[0], parts[1], day(days[0]), day(days[1]), parts[3])


def day(text: str) -> date:
    """A day from `YYYYMMDD` or `YYYY-MM-DD`.

    Raises:
        ConfigError: neither form.
    """
    match = _DAY.fullmatch(text)
    try:
        if match:
            return date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        pass
    raise ConfigError(f"{text!r} is no day: wanted YYYYMMDD or YYYY-MM-DD")
