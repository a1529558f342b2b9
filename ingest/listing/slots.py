"""Slots of a listing, (day, time of day): which files each needs, and where those can lie.

Pure. A slot takes one scan, whose start lies within the listing's tolerance, maybe on the day before
or after; all its files share the start stamp.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, timedelta

from ingest.abi import filenames, products
from ingest.abi.filenames import FileName, seconds
from ingest.listing.listing import DAY_S, REPROCESSED, Listing
from lake.errors import GranuleError

HOUR_S = 3600

Kind = tuple[str, str | None]
"""Product and band."""


def days(listing: Listing, since: date | None = None, until: date | None = None) -> Iterator[date]:
    """The days of a listing, of those from `since` to `until`, both inclusive."""
    first = max(listing.t0, since or listing.t0)
    last = min(listing.tf, until or listing.tf)
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def kinds(listing: Listing, tod: int) -> tuple[Kind, ...]:
    """What a slot needs: the clear-sky product, then each band of each cube at this time of day.

    Bands of the clear-sky product itself are not repeated.
    """
    needed: list[Kind] = [(listing.clear_sky.product, None)]
    for cube in listing.cubes_at(tod):
        if cube.product != listing.clear_sky.product:
            bands = cube.bands if products.observed(cube.product).bands else (None,)
            needed += [(cube.product, band) for band in bands]
    return tuple(needed)


def folders(
    listing: Listing, since: date | None = None, until: date | None = None
) -> tuple[str, ...]:
    """`<product>/<YYYY>/<JJJ>/<HH>` of NOAA's buckets that can hold a file of a slot, sorted.

    The hour is that of the scan's start: every hour that the tolerance touches, as no rule tells in
    which minutes all scans of all years started.
    """
    paths = set()
    for tod in listing.tods:
        tops = {name for name, _ in kinds(listing, tod)}
        if listing.prefer == REPROCESSED:
            tops |= {name + products.REPROCESSED for name in tops}
        begin, end = tod - listing.tolerance_s, tod + listing.tolerance_s
        for day in days(listing, since, until):
            for hour in range(begin // HOUR_S, end // HOUR_S + 1):
                on = day + timedelta(days=hour // 24)
                paths |= {f"{top}/{on:%Y/%j}/{hour % 24:02}" for top in tops}
    return tuple(sorted(paths))


class NameCheck:
    """Says why no slot takes a file of a name, path or URL."""

    def __init__(
        self, listing: Listing, since: date | None = None, until: date | None = None
    ) -> None:
        self._listing = listing
        self._midnights = {day.toordinal() * DAY_S for day in days(listing, since, until)}
        self._tods: dict[Kind, list[int]] = {}
        for tod in sorted(listing.tods):
            for kind in kinds(listing, tod):
                self._tods.setdefault(kind, []).append(tod)

    def reason(self, path: str) -> str:
        """Why no slot takes the file; empty: a slot may take it."""
        name = parse(path)
        if name is None:
            return _odd_name(path)
        if name.sat != self._listing.sat:
            return f"of {name.sat}, not {self._listing.sat}"
        if name.is_reprocessed and self._listing.prefer != REPROCESSED:
            return f"reprocessed: --set prefer={REPROCESSED} takes them"
        if (name.product, name.band) not in self._tods:
            return "of a product or band that the listing does not need"
        return self._reason_of_time(seconds(name.start), self._tods[name.product, name.band])

    def _reason_of_time(self, start: float, tods: list[int]) -> str:
        midnight = int(start // DAY_S * DAY_S)
        reach = self._listing.tolerance_s
        for day in (midnight, midnight - DAY_S, midnight + DAY_S):
            if day in self._midnights and _distance(tods, start - day) <= reach:
                return ""
        if midnight not in self._midnights:
            return "of other days"
        return f"more than {reach} s from every time of day"


def parse(path: str) -> FileName | None:
    """What the name of a file says; None: it is not named like an ABI granule."""
    try:
        name = filenames.parse_name(path)
        seconds(name.start)
    except (GranuleError, ValueError):
        return None
    return name


_LIKE_A_GRANULE = re.compile(r"([A-Z]{2})_ABI-.*_c\d{14}(.*)\.nc")


def _odd_name(path: str) -> str:
    """What is odd about a name that is not that of a granule as NOAA names them."""
    match = _LIKE_A_GRANULE.fullmatch(path.rpartition("/")[2])
    if match is None:
        return "not named like an ABI granule"
    environment, suffix = match.groups()
    if environment not in (filenames.OPERATIONAL, filenames.REPROCESSED):
        return f"of the system environment {environment}_ (wanted {filenames.OPERATIONAL}_)"
    if suffix:
        return "with a suffix after the creation time (wanted NOAA's names)"
    return "not named like an ABI granule"


def _distance(tods: list[int], time: float) -> float:
    """Seconds to the nearest of some times of day, which are sorted."""
    after = bisect_left(tods, time)
    return min(abs(tod - time) for tod in tods[max(after - 1, 0) : after + 1])
