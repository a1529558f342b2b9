"""Reads the granules of one (month, tod) and gives what a part stores: observations or moments."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace

from ingest.accumulate import packed, scan
from ingest.accumulate.observations import Block, Observations
from ingest.accumulate.packed import Packed
from ingest.listing.listing import Listing
from ingest.plan.plan import Step
from ingest.source.source_files import File
from lake.errors import GeometryError, GranuleError, MissingError
from lake.format.domain import Domain
from lake.format.schema import Cube
from lake.store.ledger import MERGED, MISSING, LedgerEntry, SourceFile

Fetch = Callable[[File], AbstractContextManager[str]]
"""Gives the local path of a source file's bytes, which lie on disk as long as the context lasts."""


@dataclass(frozen=True, slots=True, eq=False)
class Accumulated:
    """The accumulated time steps of one (month, tod)."""

    entries: tuple[LedgerEntry, ...]
    """The ledger entry of each time step: merged, or missing with the reason."""
    cubes: tuple[Cube, ...]
    form: str
    """`observations` or `moments`: the one that takes less space."""
    packed: Packed
    suspect: tuple[str, ...] = ()
    """Metrics that may be wrong; granules have none."""

    def moments(self, cube: str, superblock: int) -> Block:
        """The moments of a superblock, (band, metric, pixel, subpixel).

        Where a pixel was not observed its count is 0 and its other metrics are NaN.
        """
        return self.packed.total(self._cube(cube), superblock).results()

    def observations(self, cube: str, superblock: int) -> Observations:
        """The observations of a superblock at every time step that could be read.

        They exist only where the form is `observations`.
        """
        return self.packed.observations(self._cube(cube), superblock)

    def _cube(self, name: str) -> Cube:
        return next(cube for cube in self.cubes if cube.name == name)


def accumulate(
    steps: Sequence[Step],
    listing: Listing,
    domain: Domain,
    fetch: Fetch,
    room_bytes: int = packed.ROOM_BYTES,
) -> Accumulated:
    """Accumulate the observations of time steps that share month and tod.

    Where one of the files of a step cannot be read, is gone, or lies on another grid than the domain,
    its second choices are tried in turn; the entry's reason says so. A step without any that can be
    read is left out, and recorded as missing with the reason.

    Args:
        steps: the time steps of one (month, tod).
        listing: gives the cubes and the rule of clear sky.
        domain: the pixels of the store.
        fetch: gives the bytes of a file.
        room_bytes: memory for packed counts, see `ingest.accumulate.packed`.
    """
    cubes = listing.cubes_at(steps[0].tod)
    packed_steps = Packed(cubes, domain, len(steps), room_bytes)

    def add(step: Step) -> LedgerEntry:
        with ExitStack() as stack:
            local = [stack.enter_context(fetch(file)) for file in step.files]
            open_scan = scan.open_scan(step, cubes, listing, domain, local)
            packed_steps.add(open_scan)
        version, files = open_scan.sky.version, open_scan.sources
        return LedgerEntry(step.id, MERGED, step.start, version=version, files=files)

    entries = tuple(_first_readable(step, add) for step in steps)
    form = "observations" if packed_steps.is_smaller else "moments"
    return Accumulated(entries, cubes, form, packed_steps)


def _first_readable(step: Step, add: Callable[[Step], LedgerEntry]) -> LedgerEntry:
    """The entry of the first choice of a step that can be added, or why none can."""
    problems: list[str] = []
    for choice in step.choices:
        try:
            entry = add(choice)
        except (GranuleError, MissingError, GeometryError) as error:
            problems.append(str(error))
            continue
        return replace(entry, reason=f"second choice: {problems[0]}") if problems else entry
    files = tuple(SourceFile(file.name, file.size, file.tag) for file in step.files)
    return LedgerEntry(step.id, MISSING, step.start, reason=problems[0], files=files)
