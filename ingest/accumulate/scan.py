"""Opens the files of one time step and finds which pixels of the domain count, and their packed counts.

A coarse pixel counts only if it is clear land and every fine pixel of every band under it is good and
has a quantity: all bands of a pixel have the same count. So the flags are read first, those of a band
only where the sky is clear, then the counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from ingest.abi import granule
from ingest.abi.granule import Granule, Sky
from ingest.accumulate import gather
from ingest.listing.listing import Listing
from ingest.plan import geometries
from ingest.plan.plan import Step
from ingest.source.source_files import checksum_of
from lake.errors import GeometryError
from lake.format.arrays import Bools, Counts
from lake.format.domain import Domain
from lake.format.grid import Grid, refine
from lake.format.schema import Cube
from lake.store.ledger import SourceFile


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The opened files of one time step."""

    sky: Sky
    bands: Mapping[str, tuple[Granule, ...]]
    """By cube, the granule of each band in the order of the cube."""
    refinements: Mapping[str, int]
    """By cube, fine pixels along one edge of a coarse pixel."""
    sources: tuple[SourceFile, ...]
    """The files of the time step, for the ledger."""

    def valid(self, mask: Bools) -> Bools:
        """Pixels of the domain that are clear land with good flags in all bands.

        Args:
            mask: (row, column) of the coarse grid, True in the domain.

        Returns:
            (row, column) of the coarse grid.

        Raises:
            GranuleError: a chunk is damaged.
        """
        flags = self.sky.chunks
        valid = self.sky.clear(gather.occupied(mask, flags.chunk, flags.grid, 1)) & mask
        chunks_of = cache(partial(gather.occupied, valid.copy()))
        for refinement, band in self.each():
            chunks = chunks_of(band.flags.chunk, band.flags.grid, refinement)
            for row, column, block in band.flags.each(chunks):
                gather.drop_bad(band.bad(block), row, column, refinement, valid)
        return valid

    def take(self, valid: Bools, place: gather.Places, into: Sequence[Counts], keep: Bools) -> None:
        """Copy the counts of valid pixels, in the order of the store.

        Args:
            valid: from `valid`.
            place: (row, column) number of each valid pixel, from `gather.places`.
            into: (valid pixel, subpixel) for every band in the order of `each`, filled here.
            keep: (valid pixel,) set to False where a count has no quantity.

        Raises:
            GranuleError: a chunk is damaged.
        """
        chunks_of = cache(partial(gather.occupied, valid))
        for (refinement, band), counts in zip(self.each(), into, strict=True):
            usable = band.usable
            chunks = chunks_of(band.packed.chunk, band.packed.grid, refinement)
            run = gather.run_of(usable)
            for row, column, block in band.packed.each(chunks):
                piece = (block, row, column, refinement, place)
                gather.take(*piece, counts)
                gather.drop_unusable(*piece, usable, *run, keep)

    def each(self) -> Iterator[tuple[int, Granule]]:
        """The refinement and the granule of every band of every cube."""
        for name, granules in self.bands.items():
            for band in granules:
                yield self.refinements[name], band


def open_scan(
    step: Step, cubes: Sequence[Cube], listing: Listing, domain: Domain, local: Sequence[str]
) -> Scan:
    """Open the files of a time step.

    Args:
        step: the time step.
        cubes: the cubes that observe at its time of day.
        listing: says which product and rule decide what is clear sky.
        domain: the pixels of the store.
        local: local path of each of the step's files.

    Raises:
        GranuleError: a file cannot be read.
        GeometryError: a file lies on another grid than the domain.
    """
    sky_path = step.files[0].path
    sky = granule.open_sky(local[0], sky_path, listing.clear_sky.rule)
    _check_grid(sky.grid, domain, 1, sky_path)
    rest = iter(zip(step.files[1:], local[1:], strict=True))
    bands: dict[str, tuple[Granule, ...]] = {}
    for cube in cubes:
        granules = []
        for _ in cube.bands:
            is_sky = cube.product == listing.clear_sky.product
            file, local_path = (step.files[0], local[0]) if is_sky else next(rest)
            granules.append(granule.open_band(local_path, file.path, cube.variable))
            _check_grid(granules[-1].grid, domain, cube.refinement, file.path)
        bands[cube.name] = tuple(granules)
    sources = tuple(
        SourceFile(file.name, file.size, file.tag, checksum_of(local_path))
        for file, local_path in zip(step.files, local, strict=True)
    )
    return Scan(sky, bands, {cube.name: cube.refinement for cube in cubes}, sources)


def _check_grid(file_grid: Grid, domain: Domain, refinement: int, path: str) -> None:
    difference = geometries.difference(file_grid, refine(domain.grid, refinement))
    if difference:
        raise GeometryError(
            f"{path} lies on another grid than this store's pixels: {difference}; fetch it again, or "
            "leave it out"
        )
