"""The description of inputs: what every column is, by names, as groups, as JSON."""

import json
import math

import pytest

from jobs.embedding.columns import MERGED, Columns
from lake.errors import ConfigError

NAMES = (
    "day-2km/C13/07/64800/mean",
    "day-500m/C02/07/64800/stddev:log/s03",
    "day-2km/C13/01/64800/mean",
    "lst/LST/07/54000/mean",
)


def test_features_say_what_they_are():
    columns = Columns.from_names(NAMES)
    assert columns.count == 4
    assert columns.cube == ("day-2km", "day-500m", "day-2km", "lst")
    assert columns.band == ("C13", "C02", "C13", "LST")
    assert columns.wavelength_um[:3] == (10.35, 0.64, 10.35)
    assert math.isnan(columns.wavelength_um[3])
    assert columns.month == (7, 7, 1, 7)
    assert columns.tod == (64800, 64800, 64800, 54000)
    assert columns.statistic == ("mean", "stddev:log", "mean", "mean")
    assert columns.subpixel == (MERGED, 3, MERGED, MERGED)


def test_groups_are_numbered_in_rising_order():
    columns = Columns.from_names(NAMES)
    assert columns.numbers("month", "tod").tolist() == [2, 2, 0, 1]
    assert columns.numbers("band").tolist() == [1, 0, 1, 2]
    assert columns.numbers("subpixel").tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "columns",
    [
        Columns.from_names(NAMES),
        Columns(components=2, variance=(3.0, 1.5)),
        Columns(components=2, signal_to_noise=(40.0, 2.0)),
    ],
)
def test_description_survives_json(columns):
    assert Columns.unpack(json.loads(json.dumps(columns.pack()))) == columns


def test_scores_have_no_months_to_ask_for():
    with pytest.raises(ConfigError, match="3 scores of components have no month"):
        Columns(components=3).numbers("month")
    with pytest.raises(ConfigError, match="no colour"):
        Columns.from_names(NAMES).numbers("colour")


@pytest.mark.parametrize(
    "wrong",
    [{}, {"features": Columns.from_names(NAMES).features, "components": 4},
     {"components": 3, "variance": (1.0,)}],
)  # fmt: skip
def test_description_that_is_half_made_is_refused(wrong):
    with pytest.raises(ConfigError, match="components"):
        Columns(**wrong)
