"""Granules of one (month, tod) -> what a part holds of them: packed observations or moments."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass

from ingest.accumulate import packed, scan
from ingest.accumulate.observations import Block, Observations
from ingest.accumulate.packed import Packed
from ingest.listing.listing import Listing
from ingest.plan.plan import Step
from ingest.source.source_files import File
from lake.errors import GeometryError, GranuleError, MissingError
from lake.format.domain import Domain
from lake.format.schema import Cube
from lake.store.ledger import MERGED, MISSING, Entry, Source

Fetch = Callable[[File], AbstractContextManager[str]]
"""File of a source -> its bytes on the local disk, by path, as long as the context lasts."""


@dataclass(frozen=True, slots=True, eq=False)
class Accumulated:
    """Some time steps of one (month, tod)."""

    entries: tuple[Entry, ...]
    """What became of each time step."""
    cubes: tuple[Cube, ...]
    form: str
    """The smaller one: `observations` or `moments`."""
    held: Packed
    suspect: tuple[str, ...] = ()
    """Metrics that may be wrong: none."""

    def moments(self, cube: str, superblock: int) -> Block:
        """(band, metric, pixel, subpixel) of a superblock: NaN where a pixel was not observed, but
        count 0.
        """
        return self.held.total(self._cube(cube), superblock).results()

    def observations(self, cube: str, superblock: int) -> Observations:
        """Every time step that could be read, on the pixels of a superblock; for the form
        `observations` alone.
        """
        return self.held.observations(self._cube(cube), superblock)

    def _cube(self, name: str) -> Cube:
        return next(cube for cube in self.cubes if cube.name == name)


def accumulate(
    steps: Sequence[Step],
    listing: Listing,
    domain: Domain,
    fetch: Fetch,
    room_bytes: int = packed.ROOM_BYTES,
) -> Accumulated:
    """Observations of time steps that share month and tod.

    A step with a file that cannot be read, is gone, or lies on another grid than the domain, is left
    out and recorded as missing, with the reason.

    Args:
        steps: of one (month, tod).
        listing: cubes and rules.
        domain: the pixels.
        fetch: gives the bytes of a file.
        room_bytes: for packed counts, see `ingest.accumulate.packed`.
    """
    cubes = listing.cubes_at(steps[0].tod)
    held = Packed(cubes, domain, len(steps), room_bytes)
    entries = []
    for step in steps:
        with ExitStack() as stack:
            try:
                local = [stack.enter_context(fetch(file)) for file in step.files]
                seen = scan.opened(step, cubes, listing, domain, local)
                held.add(seen)
            except (GranuleError, MissingError, GeometryError) as error:
                files = tuple(Source(file.name, file.size, file.tag) for file in step.files)
                lost = Entry(step.id, MISSING, step.start, reason=str(error), files=files)
                entries.append(lost)
                continue
        version = seen.surface.version
        entries.append(Entry(step.id, MERGED, step.start, version=version, files=seen.sources))
    form = "observations" if held.is_smaller else "moments"
    return Accumulated(tuple(entries), cubes, form, held)
