"""Granules of one (month, tod) -> moments of every pixel.

A coarse pixel counts at a time step only if it is clear land and every fine pixel of every band
under it is good: all bands of a pixel have the same count. Observations are kept as packed counts
with one table per file, and turned into quantities one superblock at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ingest import granule
from ingest.listing import Listing
from ingest.plan import Step
from lake import moments, order
from lake.domain import Domain
from lake.errors import GeometryError, GranuleError, MissingError
from lake.grid import Grid, refine
from lake.ledger import MERGED, MISSING, Entry, Source
from lake.moments import Floats, Moments

BATCH_BYTES = 1 << 28
"""Packed counts held before they are added to the moments."""

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One time step, on the domain's pixels."""

    valid: NDArray[np.bool_]
    """(pixel,) True = clear land, all bands good."""
    counts: dict[str, list[NDArray[np.uint16]]]
    """By cube, one (pixel, subpixel) array a band."""
    tables: dict[str, list[Floats]]
    """By cube, one (count,) table a band: count -> quantity."""
    version: str
    """Of the LST product."""


@dataclass(frozen=True, slots=True, eq=False)
class Accumulated:
    """The moments of some time steps of one (month, tod)."""

    moments: dict[str, Moments]
    """By cube, arrays of (band, pixel, subpixel)."""
    entries: tuple[Entry, ...]
    """What became of each time step."""


def accumulate(
    steps: Sequence[Step],
    listing: Listing,
    domain: Domain,
    read: Read,
    batch_bytes: int = BATCH_BYTES,
) -> Accumulated:
    """Moments of time steps that share month and tod.

    A step with a file that cannot be read, or is gone, is left out and recorded as missing, with the
    reason.

    Args:
        steps: of one (month, tod).
        listing: cubes and rules.
        domain: the pixels.
        read: path -> bytes of the file.
        batch_bytes: how many bytes of packed counts to hold at once.

    Raises:
        GeometryError: a file lies on another grid than the domain.
    """
    cubes = listing.cubes_at(steps[0].tod)
    running = {c.name: moments.empty((len(c.bands), domain.pixels, c.subpixels)) for c in cubes}
    step_bytes = 2 * domain.pixels * sum(len(c.bands) * c.subpixels for c in cubes)
    batch_size = max(1, batch_bytes // step_bytes)
    batch: list[Observation] = []
    entries = []
    for step in steps:
        files = tuple(Source(file.name, file.size, file.tag) for file in step.files)
        try:
            seen = observe(step, listing, domain, read)
        except (GranuleError, MissingError) as error:
            entries.append(Entry(step.id, MISSING, step.start, reason=str(error), files=files))
            continue
        entries.append(Entry(step.id, MERGED, step.start, version=seen.version, files=files))
        batch.append(seen)
        if len(batch) == batch_size:
            _add(running, batch, domain)
            batch = []
    _add(running, batch, domain)
    return Accumulated(running, tuple(entries))


def observe(step: Step, listing: Listing, domain: Domain, read: Read) -> Observation:
    """One time step's observations of every pixel of the domain.

    Raises:
        GranuleError: a file cannot be read.
        GeometryError: a file lies on another grid than the domain.
    """
    surface_path, *band_paths = (file.path for file in step.files)
    surface = granule.read_surface(read(surface_path), surface_path, listing.clear_sky.rule)
    _check_grid(surface.grid, domain, 1, surface_path)
    valid = domain.gather(surface.clear, 1)[:, 0]
    counts: dict[str, list[NDArray[np.uint16]]] = {}
    tables: dict[str, list[Floats]] = {}
    paths = iter(band_paths)
    for cube in listing.cubes_at(step.tod):
        counts[cube.name], tables[cube.name] = [], []
        for _ in cube.bands:
            path = surface_path if cube.product == listing.clear_sky.product else next(paths)
            seen = granule.read_band(read(path), path, cube.variable)
            _check_grid(seen.grid, domain, cube.refinement, path)
            valid &= domain.gather(seen.good, cube.refinement).all(axis=1)
            counts[cube.name].append(domain.gather(seen.counts, cube.refinement))
            tables[cube.name].append(seen.table)
    return Observation(valid, counts, tables, surface.version)


def _add(running: dict[str, Moments], batch: list[Observation], domain: Domain) -> None:
    """Add a batch of observations to the running moments, in place."""
    if not batch:
        return
    valid = np.stack([seen.valid for seen in batch])  # (time, pixel)
    for name, total in running.items():
        for band in range(total.count.shape[0]):
            for block in order.superblocks(domain.pixels, domain.layout):
                values = np.stack(
                    [seen.tables[name][band][seen.counts[name][band][block]] for seen in batch]
                )  # (time, pixel, subpixel)
                before = _at(total, (band, block))
                after = moments.add(before, values, valid[:, block, None])
                for field in fields(Moments):
                    getattr(before, field.name)[...] = getattr(after, field.name)


def _at(total: Moments, where: tuple[int, slice]) -> Moments:
    """Views of a part of the arrays."""
    return Moments(*(getattr(total, field.name)[where] for field in fields(Moments)))


def _check_grid(found: Grid, domain: Domain, refinement: int, path: str) -> None:
    wanted = refine(domain.grid, refinement)
    if found.same_as(wanted):
        return
    raise GeometryError(
        f"{path} lies on a grid of {found.shape} of {found.projection}, this run's domain on "
        f"{wanted.shape} of {wanted.projection}: two geometries cannot share a store; ingest each "
        "on its own (another t0 and tf, or another source folder)"
    )
