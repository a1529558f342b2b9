"""Slots of a listing, (day, time of day): which files each needs, and where those can lie.

Pure. A slot takes one scan, whose start lies within the listing's tolerance, maybe on the day before
or after; all its files share the start stamp.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from ingest.abi import filenames, products
from ingest.abi.filenames import FileName, seconds
from ingest.listing.listing import DAY_S, Listing
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

    The hour is that of the scan's start, and there is none but in the minutes of the clear-sky
    product's scans.
    """
    minutes = products.sector_product(listing.clear_sky.product).minutes
    paths = set()
    for tod in listing.tods:
        tops = {products.sector_product(name).folder for name, _ in kinds(listing, tod)}
        hours = _hours(tod, listing.tolerance_s, minutes)
        for day in days(listing, since, until):
            for hour in hours:
                on = day + timedelta(days=hour // 24)
                paths |= {f"{top}/{on:%Y/%j}/{hour % 24:02}" for top in tops}
    return tuple(sorted(paths))


def name_filter(
    listing: Listing, since: date | None = None, until: date | None = None
) -> Callable[[str], bool]:
    """Whether a name, path or URL is that of a file that a slot may take."""
    every = list(days(listing, since, until))
    if not every:
        return lambda _: False
    first, last = every[0].toordinal() * DAY_S, every[-1].toordinal() * DAY_S
    tods: dict[Kind, list[int]] = {}
    for tod in sorted(listing.tods):
        for kind in kinds(listing, tod):
            tods.setdefault(kind, []).append(tod)

    def is_wanted(path: str) -> bool:
        name = parse(path)
        if name is None or name.sat != listing.sat or (name.product, name.band) not in tods:
            return False
        start = seconds(name.start)
        midnight = start // DAY_S * DAY_S
        return any(
            first <= day <= last and _distance(tods[name.product, name.band], start - day) <= reach
            for day in (midnight - DAY_S, midnight, midnight + DAY_S)
        )

    reach = listing.tolerance_s
    return is_wanted


def parse(path: str) -> FileName | None:
    """What the name of a file says; None: it is not named like an ABI granule."""
    try:
        name = filenames.parse_name(path)
        seconds(name.start)
    except (GranuleError, ValueError):
        return None
    return name


def _hours(tod: int, tolerance_s: int, minutes: tuple[int, ...]) -> list[int]:
    """Hours of the day, -24 to 47, in which a scan within the tolerance can start."""
    begin, end = tod - tolerance_s, tod + tolerance_s
    return [
        hour
        for hour in range(begin // HOUR_S, end // HOUR_S + 1)
        if any(begin - 60 < hour * HOUR_S + minute * 60 <= end for minute in minutes)
    ]


def _distance(tods: list[int], time: float) -> float:
    """Seconds to the nearest of some times of day, which are sorted."""
    after = bisect_left(tods, time)
    return min(abs(tod - time) for tod in tods[max(after - 1, 0) : after + 1])
