"""The land of a geometry is no decision of one file."""

from datetime import date, datetime, timedelta

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ingest.listing import listing as listings
from ingest.plan import land_votes, plan
from ingest.plan.land_votes import Ballot
from ingest.source import source_files
from ingest.source.scratch import Scratch
from ingest.synthetic import granules
from lake.errors import DataError

RNG = np.random.default_rng(5)
WHOLE = RNG.random((100, 120)) < 0.6


def partial(rows: slice) -> np.ndarray:
    land = WHOLE.copy()
    land[rows] = False
    return land


def ballots(*lands: np.ndarray) -> list[Ballot]:
    return [Ballot(f"{number}.nc", land) for number, land in enumerate(lands)]


def test_files_that_agree_decide_all():
    vote = land_votes.count(ballots(WHOLE, WHOLE, WHOLE))
    assert_array_equal(vote.land, WHOLE)
    assert (vote.files, vote.difference, vote.left_out) == (("0.nc", "1.nc", "2.nc"), 0, ())


@pytest.mark.parametrize("position", [0, 1])
def test_of_two_files_the_incomplete_one_is_left_out(position):
    lands = [WHOLE, partial(slice(60, 95))]
    vote = land_votes.count(ballots(*(lands[::-1] if position == 0 else lands)))
    assert_array_equal(vote.land, WHOLE)
    assert vote.files == (f"{1 - position}.nc",)
    assert vote.left_out[0].startswith(f"{position}.nc (3")


def test_pixels_of_one_file_alone_are_outvoted_and_its_figure_is_given():
    odd = WHOLE.copy()
    odd.flat[np.flatnonzero(~WHOLE)[:20]] = True
    vote = land_votes.count(ballots(WHOLE, odd, WHOLE))
    assert_array_equal(vote.land, WHOLE)
    assert vote.difference == 20 / WHOLE.sum()
    assert vote.left_out == ()


def test_files_that_all_differ_are_an_error_that_names_them():
    lands = [np.random.default_rng(seed).random(WHOLE.shape) < 0.5 for seed in range(5)]
    with pytest.raises(DataError, match=r"5 of 5 files differ by more than 0\.5%.*0\.nc \("):
        land_votes.count(ballots(*lands))


def step(number: int) -> plan.Step:
    moment = datetime(2020, 1, 1) + timedelta(hours=3 * number)  # noqa: DTZ001 (a name)
    return plan.Step(date(2020, 1, 1), number, f"{moment:%j%H}", ())


@pytest.mark.parametrize("number", [1, 2, 9, 10, 80, 1000])
def test_stretches_have_every_step_once_and_begin_at_different_hours(number):
    steps = [step(n) for n in range(number)]
    stretches = list(land_votes._stretches(steps))
    assert len(stretches) == min(number, land_votes.VOTERS)
    assert sorted(s.tod for stretch in stretches for s in stretch) == list(range(number))
    if number >= 80:
        assert len({stretch[0].start[-2:] for stretch in stretches}) >= 4


@pytest.fixture
def source(tmp_path):
    """Five days of July at 18 UTC as files, with their steps and grid."""
    folder = tmp_path / "source"
    days = (5, 10, 15, 20, 25)
    granules.write(
        folder, shape=(40, 48), seed=3, years=(2020,), months=(7,), days=days, tods=(64800,),
        missing=False,
    )  # fmt: skip
    rules = listings.load(
        "clearland-l1b-c0", ["t0=2020-07-01", "tf=2020-07-31", "domain.mask=none"]
    )
    return rules, plan.plan(rules, source_files.list_for(str(folder), rules).files).steps


def spoil(step: plan.Step, rows: slice) -> None:
    """Rows of fill in a file, as an interrupted scan leaves them."""
    with h5py.File(step.files[0].path, "r+") as file:
        for name in ("LST", "DQF", "PQI"):
            if name in file:
                values = file[name][...]
                values[rows] = 65535
                file[name][...] = values


def voted(source, scratch) -> land_votes.Vote:
    from ingest.plan import geometries

    rules, steps = source
    ((grid, _),) = geometries.groups(rules, steps, scratch)
    return land_votes.vote(rules, grid, steps, scratch)


def test_first_file_with_rows_of_fill_does_not_decide(source, tmp_path):
    scratch = Scratch(str(tmp_path / "scratch"))
    expected = voted(source, scratch)
    assert len(expected.files) == 5
    spoil(source[1][0], slice(20, 30))
    vote = voted(source, scratch)
    assert_array_equal(vote.land, expected.land)
    assert vote.files == expected.files[1:]
    assert vote.left_out[0].startswith(expected.files[0])


def test_first_file_of_fill_alone_does_not_stop_and_does_not_vote(source, tmp_path):
    scratch = Scratch(str(tmp_path / "scratch"))
    expected = voted(source, scratch)
    spoil(source[1][0], slice(None))
    vote = voted(source, scratch)
    assert_array_equal(vote.land, expected.land)
    assert vote.files == expected.files[1:]
    assert vote.left_out == ()


def test_files_without_land_alone_are_an_error_that_says_so(source, tmp_path):
    for each in source[1]:
        spoil(each, slice(None))
    with pytest.raises(DataError, match="has no pixel of land: it may be a placeholder"):
        voted(source, Scratch(str(tmp_path / "scratch")))
