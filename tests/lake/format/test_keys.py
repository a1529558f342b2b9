from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import ConfigError
from lake.format.keys import Key, day, parse

TEXT = "goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0"
KEY = Key("goes16", "clearland-l1b-c0", date(2018, 1, 1), date(2018, 12, 31), "geom-goes-conus-0")

parts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,12}", fullmatch=True)
days = st.dates(date(2017, 2, 28), date(2040, 12, 31))


def test_key_of_the_documentation_is_written_and_read():
    assert str(KEY) == TEXT
    assert parse(TEXT) == KEY
    assert KEY.period == "20180101_20181231"


@given(parts, parts, days, days, parts)
def test_key_written_and_read_is_the_same(sat, listing, a, b, geom):
    key = Key(sat, listing, min(a, b), max(a, b), geom)
    assert parse(str(key)) == key


def test_key_of_one_day_ends_on_the_day_it_begins():
    assert parse("goes16/lst/20180101_20180101/g").tf == date(2018, 1, 1)


def test_key_read_from_a_path_may_have_slashes_around_it():
    assert parse(f"/{TEXT}/") == KEY


def test_keys_sort_by_their_parts():
    later = replace(KEY, t0=date(2019, 1, 1), tf=date(2019, 12, 31))
    assert sorted([replace(KEY, sat="goes17"), later, KEY])[:2] == [KEY, later]


@pytest.mark.parametrize("part", ["", "a_b", "a/b", "..", ".hidden", "-a", "a b", "a\n", "é"])
@pytest.mark.parametrize("name", ["sat", "listing", "geom"])
def test_key_with_a_part_that_cannot_be_a_path_is_refused(name, part):
    with pytest.raises(ConfigError, match=name):
        replace(KEY, **{name: part})


def test_key_that_ends_before_it_begins_is_refused():
    with pytest.raises(ConfigError, match="2017-01-01 is before t0 2018-01-01"):
        replace(KEY, tf=date(2017, 1, 1))


@pytest.mark.parametrize(
    "text",
    ["", "goes16", "a/b/c/d", "a/b/20180101/d", "a/b/20180101_20180102_20180103/d", f"{TEXT}/v"],
)
def test_text_that_is_no_key_is_refused_with_an_example(text):
    with pytest.raises(ConfigError, match="wanted sat/listing/t0_tf/geom"):
        parse(text)


@pytest.mark.parametrize("text", ["20180703", "2018-07-03"])
def test_day_is_read_in_both_forms(text):
    assert day(text) == date(2018, 7, 3)


@pytest.mark.parametrize(
    "text", ["2018-7-3", "2018073", "20180732", "201807033", "2018-0703", "July", "", "2018 7 3"]
)
def test_text_that_is_no_day_is_refused(text):
    with pytest.raises(ConfigError, match="is no day"):
        day(text)
