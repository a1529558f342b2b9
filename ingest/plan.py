"""Time steps of a listing: which have all their files, and what the others lack.

Pure: names in, plan out. For each (day, tod) the scan is taken whose start is nearest to the slot,
within the listing's tolerance, among those of which every file is there; the earlier one of two
equally near. The files of one scan share the start stamp; of two creations of one file the later
counts. A slot near midnight may take a scan of the day before or after; it keeps its own date.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from ingest.abi import FileName, parse_name
from ingest.listing import DAY_S, Listing
from lake.errors import GranuleError

Kind = tuple[str, str | None]
"""Product and band."""


@dataclass(frozen=True, slots=True)
class Step:
    """A time step with all its files."""

    date: date
    """Of the slot, UTC."""
    tod: int
    """Time of day of the slot: seconds of the UTC day."""
    start: str
    """Stamp of the scan, `YYYYJJJHHMMSSt`."""
    files: tuple[str, ...]
    """Paths as given: the clear-sky product, then each band of each cube at this tod in the listing's
    order; bands of the clear-sky product itself are not repeated."""

    @property
    def id(self) -> str:
        """`YYYYMMDD-SSSSS`: day and second of the slot."""
        return _id(self.date, self.tod)

    @property
    def month(self) -> int:
        """Month of the year, 1..12, of the slot."""
        return self.date.month


@dataclass(frozen=True, slots=True)
class Absent:
    """A time step that lacks a file."""

    date: date
    tod: int
    reason: str
    """`no ABI-L2-LSTC within 900 s`, `no C05, C07 for start 20180031501172`."""

    @property
    def id(self) -> str:
        """As of a `Step`."""
        return _id(self.date, self.tod)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every (day, tod) of a listing, in order of time, in one of two lists."""

    steps: tuple[Step, ...]
    absent: tuple[Absent, ...]


def plan(listing: Listing, paths: Iterable[str]) -> Plan:
    """Steps and absent steps of t0..tf.

    Args:
        listing: what is wanted.
        paths: names, paths or URLs of files; what the listing does not want is ignored.
    """
    clear_sky: Kind = (listing.clear_sky.product, None)
    wanted = {tod: (clear_sky, *_band_kinds(listing, tod)) for tod in sorted(listing.tods)}
    scans = _scans(listing, {kind for kinds in wanted.values() for kind in kinds}, paths)
    starts = sorted((seconds(stamp), stamp) for stamp in scans[clear_sky])
    found = [
        _step(listing, day, tod, kinds, scans, starts)
        for day in _days(listing)
        for tod, kinds in wanted.items()
    ]
    return Plan(
        tuple(slot for slot in found if isinstance(slot, Step)),
        tuple(slot for slot in found if isinstance(slot, Absent)),
    )


def seconds(stamp: str) -> float:
    """Seconds from 0001-01-01 UTC, without leap seconds, to the time of a stamp.

    Raises:
        ValueError: no time.
    """
    hour, minute, second = int(stamp[7:9]), int(stamp[9:11]), int(stamp[11:13])
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{stamp} is no stamp YYYYJJJHHMMSSt")
    return _midnight(stamp[:7]) + hour * 3600 + minute * 60 + second + int(stamp[13]) / 10


@cache
def _midnight(day: str) -> int:
    year, number = int(day[:4]), int(day[4:])
    found = date(year, 1, 1) + timedelta(days=number - 1)
    if found.year != year:
        raise ValueError(f"{day} is no day YYYYJJJ")
    return found.toordinal() * DAY_S


def _band_kinds(listing: Listing, tod: int) -> Iterator[Kind]:
    for cube in listing.cubes_at(tod):
        if cube.product == listing.clear_sky.product:
            continue
        for band in cube.bands:
            yield cube.product, None if cube.variable == "LST" else band


def _days(listing: Listing) -> Iterator[date]:
    for number in range((listing.tf - listing.t0).days + 1):
        yield listing.t0 + timedelta(days=number)


def _scans(
    listing: Listing, wanted: set[Kind], paths: Iterable[str]
) -> Mapping[Kind, Mapping[str, str]]:
    """The path of each wanted kind and start stamp."""
    first = (listing.t0.toordinal() - 1) * DAY_S
    last = (listing.tf.toordinal() + 2) * DAY_S
    newest: dict[Kind, dict[str, tuple[str, str]]] = defaultdict(dict)
    for path in paths:
        name = _parsed(path)
        if name is None or name.sat != listing.sat or (name.product, name.band) not in wanted:
            continue
        if first <= seconds(name.start) < last:
            files = newest[name.product, name.band]
            files[name.start] = max(files.get(name.start, ("", "")), (name.creation, path))
    return {kind: {start: path for start, (_, path) in newest[kind].items()} for kind in wanted}


def _parsed(path: str) -> FileName | None:
    try:
        name = parse_name(path)
        seconds(name.start)
    except (GranuleError, ValueError):
        return None
    return name


def _step(
    listing: Listing,
    day: date,
    tod: int,
    kinds: tuple[Kind, ...],
    scans: Mapping[Kind, Mapping[str, str]],
    starts: list[tuple[float, str]],
) -> Step | Absent:
    """The step of one slot; `starts` are those of the clear-sky product, in order."""
    slot = day.toordinal() * DAY_S + tod
    begin = bisect_left(starts, (slot - listing.tolerance_s, ""))
    end = bisect_right(starts, (slot + listing.tolerance_s, "~"))
    near = sorted(starts[begin:end], key=lambda start: abs(start[0] - slot))
    for _, stamp in near:
        if all(stamp in scans[kind] for kind in kinds):
            return Step(day, tod, stamp, tuple(scans[kind][stamp] for kind in kinds))
    if not near:
        product = listing.clear_sky.product
        return Absent(day, tod, f"no {product} within {listing.tolerance_s} s")
    stamp = near[0][1]
    lacking = (band or product for product, band in kinds if stamp not in scans[product, band])
    return Absent(day, tod, f"no {', '.join(dict.fromkeys(lacking))} for start {stamp}")


def _id(day: date, tod: int) -> str:
    return f"{day:%Y%m%d}-{tod:05}"
