"""Which time steps lie on which grid: a satellite's move splits a run in two.

A satellite moves between slots, and with it the projection of its files. Steps on one grid are a
stretch of time, so that few files tell where it ends: the first, the last, and halves of what lies
between two that differ. A file of another grid within a stretch is not looked for here: whoever reads
it sees that, and leaves out its time step. So do the steps of odd files that are met here: those on
another grid of a projection whose pixels are decided, or on another than most files have.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict

import numpy as np

from ingest.abi import granule
from ingest.listing.listing import Listing
from ingest.plan.plan import Step
from ingest.source import source_files
from ingest.source.scratch import Scratch
from lake.errors import ConfigError, GeometryError, GranuleError, LegacyError, MissingError
from lake.format.grid import SIZES, Grid, Projection
from lake.format.keys import Key

ReadGrid = Callable[[Step], Grid]
"""The grid of a step's clear-sky product; GranuleError or MissingError: it cannot be read."""

Groups = list[tuple[Grid, list[Step]]]

_Found = dict[int, Grid | None]
"""Grids by number of the step; None: it cannot be read."""


def groups(listing: Listing, steps: Sequence[Step], scratch: Scratch) -> Groups:
    """The grids of some steps, each with its steps, in order of time.

    Args:
        listing: of the steps.
        steps: in order of time.
        scratch: for remote files.

    Raises:
        GranuleError: no clear-sky product of them can be read.
    """
    rule = listing.clear_sky.rule

    def grid_of(step: Step) -> Grid:
        with source_files.fetch(step.files[0], scratch) as local:
            return granule.open_sky(local, step.files[0].path, rule).grid

    def read_grid(step: Step) -> Grid:
        for choice in step.choices[:-1]:
            with suppress(GranuleError, MissingError):
                return grid_of(choice)
        return grid_of(step.choices[-1])

    return split(steps, read_grid)


def split(steps: Sequence[Step], read_grid: ReadGrid) -> Groups:
    """The grids of some steps by as few readings as can be: see `groups`.

    A step that cannot be read belongs to the stretch before it, or else to the one after.
    """
    if not steps:
        return []
    reasons: list[str] = []
    grids: _Found = {}

    def grid(number: int) -> Grid | None:
        if number not in grids:
            try:
                grids[number] = read_grid(steps[number])
            except (GranuleError, MissingError) as error:
                grids[number] = None
                reasons.append(str(error))
        return grids[number]

    last = len(steps) - 1
    first_read = next((n for n in range(len(steps)) if grid(n)), None)
    if first_read is None:
        raise GranuleError(
            f"no clear-sky product of {len(steps)} time steps tells where its pixels lie: "
            + "; ".join(reasons[:3])
        )
    last_read = next(n for n in range(last, -1, -1) if grid(n))
    begins = [first_read, *_boundaries(first_read, last_read, grid)]
    return _gathered(steps, [(begin, grids[begin]) for begin in begins])


def by_projection(groups: Groups, stored_grid: Callable[[Projection], Grid | None]) -> Groups:
    """One grid for each projection, with all steps of the projection, in order of time.

    Steps of another grid stay among them; whoever reads their files leaves them out.

    Args:
        groups: from `groups`.
        stored_grid: the grid that the lake has for a projection; None: it has none yet. Then the grid
            of more than half of the steps is taken.

    Raises:
        GeometryError: no grid has more than half of the steps.
    """
    projections = dict.fromkeys(grid.projection for grid, _ in groups)
    return [
        _of_projection(
            [(grid, steps) for grid, steps in groups if grid.projection == projection],
            stored_grid(projection),
        )
        for projection in projections
    ]


def _of_projection(groups: Groups, stored: Grid | None) -> tuple[Grid, list[Step]]:
    """The grid of a projection, and the steps of all its groups."""
    steps = sorted((step for _, of_grid in groups for step in of_grid), key=lambda step: step.id)
    grid, largest = max(groups, key=lambda group: len(group[1]))
    if stored is not None or 2 * len(largest) > len(steps):
        return stored or grid, steps
    (first, first_steps), (second, second_steps) = groups[:2]
    raise GeometryError(
        f"{second_steps[0].files[0].path} lies on a grid of {second}, {first_steps[0].files[0].path} on "
        f"one of {first}, and none is that of most files: two sectors or crops of one projection cannot "
        "share a store; ingest each from a folder of its own, under another listing name"
    )


def difference(grid: Grid, expected: Grid) -> str:
    """How a grid differs from another one, in words; empty: they are the same."""
    if grid.same_as(expected):
        return ""
    for name, value in asdict(grid.projection).items():
        other = getattr(expected.projection, name)
        if value != other:
            return f"its {name} is {value}, wanted {other}"
    if grid.shape != expected.shape:
        rows, columns = expected.shape
        return f"it has {grid.shape[0]} x {grid.shape[1]} pixels, wanted {rows} x {columns}"
    axes = (("y", grid.y, expected.y), ("x", grid.x, expected.x))
    name, angles, wanted_angles = next(axis for axis in axes if not np.array_equal(*axis[1:]))
    return (
        f"its {name} goes from {angles[0]:.6f} to {angles[-1]:.6f} rad, wanted {wanted_angles[0]:.6f} "
        f"to {wanted_angles[-1]:.6f}"
    )


def check_name(listing: Listing, key: Key, projection: Projection, path: str) -> None:
    """Nothing, if a legacy geometry's name is that which this lake gives its projection.

    Args:
        listing: of the store that the results go to.
        key: of the store; its geom is the name that the legacy files give.
        projection: that the legacy geometry has.
        path: path of the legacy geometry.

    Raises:
        ConfigError: another projection has that name here; says what to set.
        LegacyError: the projection cannot have that name.
    """
    name = listing.geom_name(projection)
    if name == key.geom:
        return
    longitude = projection.longitude_of_projection_origin
    if projection.sizes != SIZES:
        raise LegacyError(
            f"{path} has {projection}, unlike the GOES-R imagers': here it is called {name}, and "
            f"results named {key.geom} cannot be imported; name them {name}"
        )
    raise ConfigError(
        f"{path} is the projection at {longitude} degrees east, which is called {name} here: to keep "
        f"its name, give --set geoms.{key.geom}={longitude} to every command that ingests files of "
        "this listing"
    )


def _boundaries(low: int, high: int, grid: Callable[[int], Grid | None]) -> list[int]:
    """Numbers of the first steps of new stretches between two steps that can be read."""
    before, after = grid(low), grid(high)
    if before is None or after is None or before.same_as(after):
        return []
    middle = (low + high) // 2
    order = sorted(range(low + 1, high), key=lambda n: abs(n - middle))
    between = next((n for n in order if grid(n)), None)
    if between is None:
        return [high]
    return [*_boundaries(low, between, grid), *_boundaries(between, high, grid)]


def _gathered(steps: Sequence[Step], begins: Sequence[tuple[int, Grid | None]]) -> Groups:
    """The stretches of one grid together; what comes before the first one belongs to it."""
    groups: Groups = []
    ends = [begin for begin, _ in begins[1:]] + [len(steps)]
    begin = 0
    for (_, grid), end in zip(begins, ends, strict=True):
        if grid is None:
            continue
        stretch = list(steps[begin:end])
        group_of_grid = next((group for group in groups if group[0].same_as(grid)), None)
        if group_of_grid:
            group_of_grid[1].extend(stretch)
        else:
            groups.append((grid, stretch))
        begin = end
    return groups
