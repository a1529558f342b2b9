"""Which periods a run fills by a rule of the calendar."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.listing import listing, periods
from lake.errors import ConfigError

RULES = listing.load("clearland-l1b-c0")
NEW_YEAR = date(2027, 1, 1)


def days(rule, since, until=None, today=NEW_YEAR):
    found = periods.by_rule(RULES, rule, since, until, today)
    return [(of.t0.isoformat(), of.tf.isoformat()) for of in found]


def test_listing_keeps_its_own_days():
    assert days("listing", None) == [("2018-01-01", "2018-12-31")]


LAST_YEAR, THIS_YEAR = ("2026-01-01", "2026-12-31"), ("2027-01-01", "2027-12-31")


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (date(2026, 12, 31), [LAST_YEAR]),
        (date(2027, 1, 1), [LAST_YEAR, THIS_YEAR]),
        (date(2027, 1, 10), [LAST_YEAR, THIS_YEAR]),
        (date(2027, 1, 11), [THIS_YEAR]),
    ],
)
def test_last_year_is_open_for_as_long_as_a_run_looks_back(today, expected):
    assert days("year", today - timedelta(days=10), today=today) == expected


def test_halves_and_months_begin_where_the_calendar_says():
    assert days("half", date(2026, 6, 30), date(2026, 7, 1)) == [
        ("2026-01-01", "2026-06-30"),
        ("2026-07-01", "2026-12-31"),
    ]
    assert days("month", date(2024, 1, 31), date(2024, 3, 1)) == [
        ("2024-01-01", "2024-01-31"),
        ("2024-02-01", "2024-02-29"),
        ("2024-03-01", "2024-03-31"),
    ]


@given(
    st.sampled_from(sorted(periods.MONTHS)),
    st.dates(date(2016, 1, 1), date(2040, 1, 1)),
    st.integers(0, 1500),
)
def test_every_day_of_the_run_is_in_one_period_and_every_period_has_one(rule, since, length):
    last = since + timedelta(days=length)
    found = periods.by_rule(RULES, rule, since, last, last)
    assert found[0].t0 <= since
    assert found[0].tf >= since
    assert found[-1].t0 <= last <= found[-1].tf
    for earlier, later in pairwise(found):
        assert later.t0 == earlier.tf + timedelta(days=1)


@pytest.mark.parametrize("since", [None, date(2027, 1, 2)])
def test_rule_without_a_first_day_is_refused(since):
    with pytest.raises(ConfigError, match=r"wanted a first day, e\.g\. --since 10d"):
        days("year", since)
