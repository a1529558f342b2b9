"""Finds which pixels are land by the vote of several files, spread over days and hours.

The land of a geometry never changes, so whole files agree on it. A single file may be incomplete: rows
of fill, or nothing but fill in a placeholder. A pixel is land if at least half of the files say so. A
file that differs from the vote by more than whole files do is left out, and the others vote again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ingest.abi import granule
from ingest.listing.listing import Listing
from ingest.plan.plan import Step
from ingest.source import source_files
from ingest.source.scratch import Scratch
from lake.errors import DataError, GranuleError, MissingError
from lake.format.arrays import Bools
from lake.format.grid import Grid

VOTERS = 9
"""Number of files that vote, if there are as many."""
MOST_DIFFERENCE = 0.005
"""Largest share of the land in which a whole file differs; 0.0005 was measured on real files."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """The land in one file."""

    name: str
    land: Bools
    """(row, column) of the coarse grid."""


@dataclass(frozen=True, slots=True)
class Vote:
    """The land by the files that agree."""

    land: Bools
    """(row, column) of the coarse grid."""
    files: tuple[str, ...]
    """Names of the files that voted."""
    difference: float
    """Largest share of the land in which one of them differs."""
    left_out: tuple[str, ...]
    """Files that differ too much, each with its difference."""


def vote(listing: Listing, grid: Grid, steps: Sequence[Step], scratch: Scratch) -> Vote:
    """The land of a grid by its files.

    Args:
        listing: says by which rule land is told.
        grid: of the geometry; files on another grid do not vote.
        steps: time steps, in order of time.
        scratch: for remote files.

    Raises:
        DataError: no file can be read and has land, or the files disagree.
    """
    reasons: list[str] = []
    ballots = [
        ballot
        for stretch in _stretches(steps)
        if (ballot := _first_ballot(listing, grid, stretch, scratch, reasons))
    ]
    if not ballots:
        raise DataError(
            f"no readable {listing.clear_sky.product} tells which pixels are land: "
            + ("; ".join(reasons[:3]) or "there is none")
        )
    return count(ballots)


def count(ballots: Sequence[Ballot]) -> Vote:
    """The vote of one or more files.

    Raises:
        DataError: fewer than half of the files agree.
    """
    land = _majority(ballots)
    differences = [_difference(ballot.land, land) for ballot in ballots]
    agreeing = [b for b, d in zip(ballots, differences, strict=True) if d <= MOST_DIFFERENCE]
    left_out = tuple(
        f"{ballot.name} ({difference:.2%})"
        for ballot, difference in zip(ballots, differences, strict=True)
        if difference > MOST_DIFFERENCE
    )
    if 2 * len(agreeing) < len(ballots):
        raise DataError(
            f"{len(left_out)} of {len(ballots)} files differ by more than {MOST_DIFFERENCE:.1%} from the "
            f"land that most of them have: {', '.join(left_out[:3])}; look at maps of their flags, then "
            "set domain.rule=mask (and clear_sky.rule=clear) to go by the mask"
        )
    if left_out:
        land = _majority(agreeing)
    difference = max(_difference(ballot.land, land) for ballot in agreeing)
    return Vote(land, tuple(ballot.name for ballot in agreeing), difference, left_out)


def _stretches(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Stretches of time, each beginning at another share of itself: days and hours differ."""
    bounds = np.linspace(0, len(steps), min(len(steps), VOTERS) + 1).astype(int)
    for number, (first, after) in enumerate(pairwise(bounds)):
        begin = first + number * (after - first) // VOTERS
        yield [*steps[begin:after], *steps[first:begin]]


def _first_ballot(
    listing: Listing, grid: Grid, steps: Sequence[Step], scratch: Scratch, reasons: list[str]
) -> Ballot | None:
    """The ballot of the first file that can be read, lies on the grid and has land."""
    for file in (choice.files[0] for step in steps for choice in step.choices):
        try:
            with source_files.fetch(file, scratch) as local:
                sky = granule.open_sky(local, file.path, listing.clear_sky.rule)
                if not sky.grid.same_as(grid):
                    reasons.append(f"{file.path} lies on another grid")
                    continue
                land = sky.domain(listing.domain.rule)
        except (GranuleError, MissingError) as error:
            reasons.append(str(error))
            continue
        if land.any():
            return Ballot(file.name, land)
        reasons.append(f"{file.path} has no pixel of land: it may be a placeholder")
    return None


def _majority(ballots: Sequence[Ballot]) -> Bools:
    """Pixels that are land in at least half of the files."""
    votes = np.zeros(ballots[0].land.shape, np.int32)
    for ballot in ballots:
        votes += ballot.land
    majority: Bools = 2 * votes >= len(ballots)
    return majority


def _difference(land: Bools, majority: Bools) -> float:
    """Pixels in which a file differs, as a share of the land."""
    return float((land != majority).sum() / max(majority.sum(), 1))
