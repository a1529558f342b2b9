from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.listing import listing as listings
from ingest.plan import geometries
from ingest.plan.plan import Step
from ingest.source.source_files import File
from lake.errors import (
    ConfigError,
    DataError,
    GeometryError,
    GranuleError,
    LegacyError,
    MissingError,
)
from lake.format import keys
from lake.format.grid import Grid, Projection, axis

TEST, EAST, WEST = -89.5, -75.0, -137.0
KEY = keys.parse("goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0")


def at(longitude: float, rows: int = 30, height: float = 35786023.0) -> Grid:
    projection = Projection(height, 6378137.0, 6356752.31414, longitude)
    y, x = axis(np.arange(rows), -5.6e-5, 0.12), axis(np.arange(40), 5.6e-5, -0.03)
    return Grid(projection, y, x)


def steps(number: int) -> list[Step]:
    days = (date(2018, 1, 1) + timedelta(days=n) for n in range(number))
    return [Step(day, 0, "", (File(f"/{n}.nc"),)) for n, day in enumerate(days)]


class Reader:
    """Gives each step's grid, by the name of its file; notes which were read."""

    def __init__(self, grids: list[Grid | Exception]) -> None:
        self.grids = grids
        self.read: list[int] = []

    def __call__(self, step: Step) -> Grid:
        number = int(step.files[0].name.removesuffix(".nc"))
        assert number not in self.read
        self.read.append(number)
        found = self.grids[number]
        if isinstance(found, Exception):
            raise found
        return found


def split(grids: list[Grid | Exception]) -> tuple[list[tuple[float, list[int]]], Reader]:
    """(longitude, numbers of its steps) of each group."""
    reader = Reader(grids)
    every = steps(len(grids))
    found = geometries.split(every, reader)
    told = [
        (grid.projection.longitude_of_projection_origin, [every.index(step) for step in mine])
        for grid, mine in found
    ]
    return told, reader


def test_one_geometry_is_told_by_its_first_and_last_file():
    found, reader = split([at(EAST)] * 1000)
    assert found == [(EAST, list(range(1000)))]
    assert reader.read == [0, 999]


@pytest.mark.parametrize("moved", [1, 2, 400, 998, 999])
def test_move_is_found_by_halving(moved):
    found, reader = split([at(TEST)] * moved + [at(EAST)] * (1000 - moved))
    assert found == [(TEST, list(range(moved))), (EAST, list(range(moved, 1000)))]
    assert len(reader.read) <= 2 + 10


@given(st.lists(st.integers(1, 12), min_size=1, max_size=3), st.data())
def test_any_moves_are_found_around_files_that_cannot_be_read(lengths, data):
    longitudes = (TEST, EAST, WEST)
    truth = [longitudes[n] for n, length in enumerate(lengths) for _ in range(length)]
    readable = data.draw(st.lists(st.booleans(), min_size=len(truth), max_size=len(truth)))
    # each stretch keeps one file that can be read
    ends = np.cumsum(lengths)
    for begin, end in zip(ends - lengths, ends, strict=True):
        readable[data.draw(st.integers(begin, end - 1))] = True
    grids = [at(t) if r else GranuleError("broken") for t, r in zip(truth, readable, strict=True)]
    found, _ = split(grids)
    assert sorted(n for _, mine in found for n in mine) == list(range(len(truth)))
    for longitude, mine in found:
        assert mine == list(range(mine[0], mine[-1] + 1))
        assert {truth[n] for n in mine if readable[n]} == {longitude}


def test_stretches_of_one_grid_are_one_group():
    found, _ = split([at(TEST)] * 4 + [at(EAST)] * 8 + [at(TEST)] * 4 + [at(WEST)] * 4)
    there, back = list(range(4)), list(range(12, 16))
    assert found == [(TEST, there + back), (EAST, list(range(4, 12))), (WEST, list(range(16, 20)))]


def test_nothing_is_read_of_no_steps():
    assert geometries.split([], Reader([])) == []


def test_steps_that_cannot_be_read_at_all_are_an_error_with_the_reasons():
    with pytest.raises(DataError, match=r"no clear-sky product of 2 time steps.*broken; gone"):
        split([GranuleError("broken"), MissingError("gone")])


def by_projection(grids, stored=None):
    """Shape of the grid and numbers of the steps, by projection."""
    every = steps(len(grids))
    groups = geometries.by_projection(geometries.split(every, Reader(grids)), lambda _: stored)
    return [(grid.shape[0], [every.index(step) for step in of_grid]) for grid, of_grid in groups]


def test_two_crops_of_one_projection_are_an_error_that_names_both():
    with pytest.raises(
        GeometryError, match=r"/1\.nc lies on a grid of 20 x 40 .*, /0\.nc on one of 30 x 40 pixels"
    ):
        by_projection([at(EAST, 30), at(EAST, 20)])


@pytest.mark.parametrize("odd", range(5))
def test_odd_file_stays_among_the_steps_of_its_projection(odd):
    grids = [at(EAST, 30)] * 5
    grids[odd] = at(EAST, 20)
    assert by_projection(grids) == [(30, [0, 1, 2, 3, 4])]


def test_grid_of_the_lake_counts_whatever_most_files_have():
    grids = [at(EAST, 20), at(EAST, 30)]
    assert by_projection(grids, at(EAST, 30)) == [(30, [0, 1])]
    assert by_projection([at(EAST, 20)], at(EAST, 30)) == [(30, [0])]
    assert by_projection([at(EAST, 20)] * 3, at(EAST, 30)) == [(30, [0, 1, 2])]


def test_odd_file_of_one_projection_does_not_touch_another():
    grids = [at(TEST, 30)] * 2 + [at(EAST, 30)] * 3 + [at(EAST, 20)]
    assert by_projection(grids) == [(30, [0, 1]), (30, [2, 3, 4, 5])]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (at(EAST), ""),
        (at(WEST), "its longitude_of_projection_origin is -137.0, wanted -75.0"),
        (at(EAST, 20), "it has 20 x 40 pixels, wanted 30 x 40"),
    ],
)
def test_difference_of_grids_is_said_in_words(grid, message):
    assert geometries.difference(grid, at(EAST, 30)) == message


def test_difference_of_axes_says_where_they_lie():
    grid = at(EAST)
    moved = Grid(grid.projection, grid.y, grid.x + 10 * 5.6e-5)
    words = geometries.difference(moved, grid)
    assert words == (
        f"its x goes from {moved.x[0]:.6f} to {moved.x[-1]:.6f} rad, wanted {grid.x[0]:.6f} to "
        f"{grid.x[-1]:.6f}"
    )


def test_real_files_of_one_geometry_are_one_group(shared_data, tmp_path):
    from ingest.plan import plan
    from ingest.source import source_files
    from ingest.source.scratch import Scratch

    listing = listings.load("lst-10km")
    files = source_files.list_for(str(shared_data / "abi" / "lstf"), listing).files
    every = plan.plan(listing, files).steps
    ((grid, mine),) = geometries.groups(listing, every, Scratch(str(tmp_path)))
    assert (grid.shape, len(mine)) == ((1086, 1086), 96)
    assert listing.geom_name(grid.projection) == "geom-goes-fulldisk-0"


class TestLegacyName:
    def test_name_of_this_lake_is_fine(self):
        listing = listings.load("clearland-l1b-c0")
        geometries.check_name(listing, KEY, at(EAST).projection, "a.pkl")

    def test_name_of_another_geometry_is_an_error_that_says_what_to_set(self):
        listing = listings.load("clearland-l1b-c0")
        with pytest.raises(
            ConfigError, match=r"called geom-goes-conus-2 here.*--set geoms\.geom"
        ) as e:
            geometries.check_name(listing, KEY, at(TEST).projection, "a.pkl")
        override = str(e.value).partition("--set ")[2].partition(" ")[0]
        kept = listings.load("clearland-l1b-c0", [override])
        geometries.check_name(kept, KEY, at(TEST).projection, "a.pkl")

    def test_projection_of_no_goes_imager_cannot_keep_the_name(self):
        listing = listings.load("clearland-l1b-c0")
        with pytest.raises(LegacyError, match="unlike the GOES-R imagers'"):
            geometries.check_name(listing, KEY, at(EAST, height=35786000.0).projection, "a.pkl")
