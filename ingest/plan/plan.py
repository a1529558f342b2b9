"""Time steps of a listing: which have all their files, what the others lack, and which files changed.

Pure: files in, plan out. For each (day, tod) the scan is taken whose start is nearest to the slot,
within the listing's tolerance, among those of which every file is there; the earlier one of two
equally near. The files of one scan share the start stamp; of two creations of one file the later
counts. A slot near midnight may take a scan of the day before or after; it keeps its own date.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from ingest.abi.filenames import parse_name, seconds
from ingest.listing.listing import DAY_S, Listing
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

    @property
    def bytes(self) -> int:
        """Of all files of all steps: what must be read."""
        return sum(step.bytes for step in self.steps)

    @property
    def bytes_by_product(self) -> dict[str, int]:
        """The same of each product."""
        total: Counter[str] = Counter()
        for step in self.steps:
            for file in step.files:
                total[parse_name(file.name).product] += file.size
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
    scans = _scans(listing, {kind for every in kinds_by_tod.values() for kind in every}, files)
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
    stem = file.name.partition("_e")[0]
    old = next((name for name in sources if name.startswith(f"{stem}_e")), "a file of another name")
    return f"{old} was, and another creation is there now"


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


def _scans(
    listing: Listing, needed: set[Kind], files: Iterable[File]
) -> Mapping[Kind, Mapping[str, File]]:
    """The file of each wanted kind and start stamp."""
    first = (listing.t0.toordinal() - 1) * DAY_S
    last = (listing.tf.toordinal() + 2) * DAY_S
    newest: dict[Kind, dict[str, tuple[str, File]]] = defaultdict(dict)
    for file in files:
        name = parse(file.path)
        if name is None or name.sat != listing.sat or (name.product, name.band) not in needed:
            continue
        if first <= seconds(name.start) < last:
            scans = newest[name.product, name.band]
            candidate = (name.creation, file)
            scans[name.start] = max(scans.get(name.start, candidate), candidate)
    return {kind: {start: file for start, (_, file) in newest[kind].items()} for kind in needed}


def _step(
    listing: Listing,
    day: date,
    tod: int,
    needed: tuple[Kind, ...],
    scans: Mapping[Kind, Mapping[str, File]],
    starts: list[tuple[float, str]],
) -> Step | Absent:
    """The step of one slot; `starts` are those of the clear-sky product, in order."""
    slot = day.toordinal() * DAY_S + tod
    begin = bisect_left(starts, (slot - listing.tolerance_s, ""))
    end = bisect_right(starts, (slot + listing.tolerance_s, "~"))
    near = sorted(starts[begin:end], key=lambda start: abs(start[0] - slot))
    for _, stamp in near:
        if all(stamp in scans[kind] for kind in needed):
            return Step(day, tod, stamp, tuple(scans[kind][stamp] for kind in needed))
    if not near:
        product = listing.clear_sky.product
        return Absent(day, tod, f"no {product} within {listing.tolerance_s} s")
    stamp = near[0][1]
    missing = (band or product for product, band in needed if stamp not in scans[product, band])
    return Absent(day, tod, f"no {', '.join(dict.fromkeys(missing))} for start {stamp}")


def _id(day: date, tod: int) -> str:
    return f"{day:%Y%m%d}-{tod:05}"
