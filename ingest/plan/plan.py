"""Time steps of a listing: which have all their files, what the others lack, and which files changed.

Pure: files in, plan out. For each (day, tod) the scan is taken whose start is nearest to the slot,
within the listing's tolerance, among those of which every file is there; the earlier one of two
equally near. The files of one scan share the start stamp. Of two creations of one file the later
counts, and where the listing prefers it the reprocessed one; the other, and the scan that is next
nearest, are the second choice where a file is broken. A slot near midnight may take a scan of the day
before or after; it keeps its own date.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from ingest.abi.filenames import parse_name, seconds
from ingest.listing.listing import DAY_S, REPROCESSED, Listing
from ingest.listing.slots import Kind, days, kinds, parse
from ingest.source.source_files import File
from lake.errors import GranuleError, MissingError
from lake.store.ledger import MISSING, Ledger, LedgerEntry, SourceFile


@dataclass(frozen=True, slots=True)
class Step:
    """A time step with all its files."""

    date: date
    """Of the slot, UTC."""
    tod: int
    """Time of day of the slot: seconds of the UTC day."""
    start: str
    """Stamp of the scan, `YYYYJJJHHMMSSt`."""
    files: tuple[File, ...]
    """The clear-sky product, then each band of each cube at this tod in the listing's order; bands of
    the clear-sky product itself are not repeated."""
    second_choices: tuple["Step", ...] = ()
    """What to take in turn where a file of this one is broken: older creations of its files, then the
    scan that is next nearest to the slot."""

    @property
    def choices(self) -> tuple["Step", ...]:
        """This time step, and what to take in turn where a file of it is broken."""
        return (self, *self.second_choices)

    @property
    def id(self) -> str:
        """`YYYYMMDD-SSSSS`: day and second of the slot."""
        return _id(self.date, self.tod)

    @property
    def month(self) -> int:
        """Month of the year, 1..12, of the slot."""
        return self.date.month

    @property
    def bytes(self) -> int:
        """Of all its files."""
        return sum(file.size for file in self.files)


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
class IngestPlan:
    """Every (day, tod) of a listing, or of some of its days, in order of time, in one of two lists."""

    steps: tuple[Step, ...]
    absent: tuple[Absent, ...]
    passed_over: Mapping[str, int] = field(default_factory=dict)
    """Number of other files of the source, by the reason why no time step takes them."""

    @property
    def bytes(self) -> int:
        """Of all files of all steps: what must be read."""
        return sum(step.bytes for step in self.steps)

    @property
    def bytes_by_product(self) -> dict[str, int]:
        """The same of each product."""
        return self._sums(lambda file: file.size)

    @property
    def files_by_product(self) -> dict[str, int]:
        """Number of files of each product."""
        return self._sums(lambda _: 1)

    @property
    def reprocessed_by_product(self) -> dict[str, int]:
        """Number of reprocessed files of each product that has any."""
        sums = self._sums(lambda file: int(parse_name(file.name).is_reprocessed))
        return {name: number for name, number in sums.items() if number}

    def _sums(self, value: Callable[[File], int]) -> dict[str, int]:
        total: Counter[str] = Counter()
        for step in self.steps:
            for file in step.files:
                total[parse_name(file.name).product] += value(file)
        return dict(sorted(total.items()))


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A file of a time step that is no longer what went into the statistics."""

    step: str
    """Id of the time step."""
    name: str
    """Of the file in the source now."""
    what: str
    """What is different."""

    def __str__(self) -> str:
        """As a warning."""
        return (
            f"{self.name} of time step {self.step} is not what was ingested: {self.what}; what was "
            "ingested stays: to use the new file, ingest the period into another lake"
        )


def plan(
    listing: Listing, files: Iterable[File], since: date | None = None, until: date | None = None
) -> IngestPlan:
    """Steps and absent steps of t0..tf.

    Args:
        listing: what is wanted.
        files: what there is; what the listing does not want is ignored.
        since: first day of the slots; none: t0.
        until: last day of the slots, inclusive; none: tf.
    """
    kinds_by_tod = {tod: kinds(listing, tod) for tod in sorted(listing.tods)}
    needed = {kind for every in kinds_by_tod.values() for kind in every}
    scans = _scans(listing, needed, files)
    starts = sorted((seconds(stamp), stamp) for stamp in scans[listing.clear_sky.product, None])
    slots = [
        _step(listing, day, tod, every, scans, starts)
        for day in days(listing, since, until)
        for tod, every in kinds_by_tod.items()
    ]
    return IngestPlan(
        tuple(slot for slot in slots if isinstance(slot, Step)),
        tuple(slot for slot in slots if isinstance(slot, Absent)),
    )


def changed(steps: Iterable[Step], ledger: Ledger, checksum: Callable[[File], int]) -> list[Change]:
    """The files of time steps already taken that are not what went in, as the source has them now.

    A file of the same name and size but with another tag is compared by content: copying a folder
    changes its tags. Tags of different kinds, of two sources, say nothing.

    Args:
        steps: planned now.
        ledger: what was taken, with the files that went in.
        checksum: CRC-32C of the content of a file.
    """
    entries = {entry.step: entry for entry in ledger if entry.status != MISSING and entry.files}
    return [
        change
        for step in steps
        if step.id in entries
        for change in _changes(step, entries[step.id], checksum)
    ]


def _changes(step: Step, entry: LedgerEntry, checksum: Callable[[File], int]) -> Iterator[Change]:
    sources = {source.name: source for source in entry.files}
    if entry.reason:  # a second choice was taken
        same = (c for c in step.choices if all(file.name in sources for file in c.files))
        step = next(same, step)
    if entry.start and step.start != entry.start:
        difference = f"the scan {entry.start} was, and {step.start} is nearer or complete now"
        yield Change(step.id, step.files[0].name, difference)
        return
    for file in step.files:
        source = sources.get(file.name)
        difference = (
            _superseded(file, sources) if source is None else _difference(file, source, checksum)
        )
        if difference:
            yield Change(step.id, file.name, difference)


def _superseded(file: File, sources: Mapping[str, SourceFile]) -> str:
    """Which file of the ledger another creation has replaced."""
    scan = _scan_of(file.name)
    old = next((name for name in sources if _scan_of(name) == scan), "a file of another name")
    return f"{old} was, and another creation is there now"


def _scan_of(name: str) -> str:
    """The part of a name that says product, band and start: the same for all creations of a file."""
    return name.partition("_")[2].partition("_e")[0]


def _difference(file: File, source: SourceFile, checksum: Callable[[File], int]) -> str:
    """What differs between two states of one file; empty: nothing."""
    if file.size and source.size and file.size != source.size:
        return f"it has {file.size} bytes now and had {source.size}"
    kind, _, tag = file.tag.partition(":")
    kind_before, _, tag_before = source.tag.partition(":")
    if kind != kind_before or tag == tag_before:
        return ""
    if not source.checksum:
        return f"its {kind} is {tag} now and was {tag_before}, its content then is not known"
    try:
        checksum_now = checksum(file)
    except (GranuleError, MissingError) as error:
        return f"its {kind} is {tag} now and was {tag_before}, and it cannot be read: {error}"
    if checksum_now == source.checksum:
        return ""
    return f"its content has CRC-32C {checksum_now:08x} now and had {source.checksum:08x}"


Scans = Mapping[Kind, Mapping[str, tuple[File, ...]]]
"""The creations of the file of each kind and start stamp, the one that counts first."""


def _scans(listing: Listing, needed: set[Kind], files: Iterable[File]) -> Scans:
    first = (listing.t0.toordinal() - 1) * DAY_S
    last = (listing.tf.toordinal() + 2) * DAY_S
    creations: dict[Kind, dict[str, list[tuple[bool, str, File]]]] = {kind: {} for kind in needed}
    for file in files:
        name = parse(file.path)
        if name is None or name.sat != listing.sat or (name.product, name.band) not in needed:
            continue
        if name.is_reprocessed and listing.prefer != REPROCESSED:
            continue
        if first <= seconds(name.start) < last:
            of_scan = creations[name.product, name.band].setdefault(name.start, [])
            of_scan.append((name.is_reprocessed, name.creation, file))
    return {
        kind: {
            start: tuple(file for _, _, file in sorted(found, reverse=True))
            for start, found in of_kind.items()
        }
        for kind, of_kind in creations.items()
    }


def _step(
    listing: Listing,
    day: date,
    tod: int,
    needed: tuple[Kind, ...],
    scans: Scans,
    starts: list[tuple[float, str]],
) -> Step | Absent:
    """The step of one slot; `starts` are those of the clear-sky product, in order."""
    slot = day.toordinal() * DAY_S + tod
    begin = bisect_left(starts, (slot - listing.tolerance_s, ""))
    end = bisect_right(starts, (slot + listing.tolerance_s, "~"))
    near = sorted(starts[begin:end], key=lambda start: abs(start[0] - slot))
    complete = (stamp for _, stamp in near if all(stamp in scans[kind] for kind in needed))
    nearest, next_nearest = next(complete, None), next(complete, None)
    if nearest is not None:
        files, *older = _combinations([scans[kind][nearest] for kind in needed])
        second = [Step(day, tod, nearest, combination) for combination in older]
        if next_nearest is not None:
            newest = tuple(scans[kind][next_nearest][0] for kind in needed)
            second.append(Step(day, tod, next_nearest, newest))
        return Step(day, tod, nearest, files, tuple(second))
    if not near:
        product = listing.clear_sky.product
        return Absent(day, tod, f"no {product} within {listing.tolerance_s} s")
    stamp = near[0][1]
    missing = (band or product for product, band in needed if stamp not in scans[product, band])
    return Absent(day, tod, f"no {', '.join(dict.fromkeys(missing))} for start {stamp}")


def _combinations(creations: Sequence[tuple[File, ...]]) -> Iterator[tuple[File, ...]]:
    """The files of a scan: the newest creations, then one older creation, then all that are older."""
    newest = tuple(of_file[0] for of_file in creations)
    older = {n: of_file[1] for n, of_file in enumerate(creations) if len(of_file) > 1}
    yield newest
    for n, file in older.items():
        yield (*newest[:n], file, *newest[n + 1 :])
    if len(older) > 1:
        yield tuple(older.get(n, file) for n, file in enumerate(newest))


def _id(day: date, tod: int) -> str:
    return f"{day:%Y%m%d}-{tod:05}"
