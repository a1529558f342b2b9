from datetime import UTC, datetime

import pytest

from ingest.publish import policy
from ingest.publish.parts import Part
from ingest.publish.policy import Policy
from lake.errors import ConfigError
from lake.store.ledger import MERGED, LedgerEntry

NOW = datetime(2022, 3, 1, 12, tzinfo=UTC)


def part(*steps: str, staged: str = "2022-03-01T11:00:00+00:00") -> Part:
    entries = tuple(LedgerEntry(step, MERGED) for step in steps)
    name = "-".join(steps)
    return Part(name, "p", "moments", int(steps[0][4:6]), 0, (), entries, staged=staged)


FEBRUARY = part("20220228-00000")
MARCH = part("20220301-00000", "20220301-10800")
OLD_MARCH = part("20210302-00000")


def test_now_publishes_all_and_never_nothing():
    waiting = [FEBRUARY, MARCH]
    assert policy.parse("now").due(waiting, NOW) == waiting
    assert policy.parse("never").due(waiting, NOW) == []
    assert policy.parse("now").due([], NOW) == []


def test_month_end_publishes_months_that_are_over():
    assert policy.parse("month-end").due([FEBRUARY, MARCH], NOW) == [FEBRUARY]


def test_parts_of_a_due_month_go_together():
    # a month is rewritten whole, so this year's steps go with those of a year that is over
    assert policy.parse("month-end").due([MARCH, OLD_MARCH], NOW) == [MARCH, OLD_MARCH]


def test_number_of_steps_counts_by_month():
    assert policy.parse("2").due([FEBRUARY, MARCH], NOW) == [MARCH]
    assert policy.parse("3").due([FEBRUARY, MARCH, OLD_MARCH], NOW) == [MARCH, OLD_MARCH]
    assert policy.parse("4").due([FEBRUARY, MARCH, OLD_MARCH], NOW) == []


def test_days_count_from_when_a_part_was_staged():
    waited = part("20220301-21600", staged="2022-02-22T12:00:00+00:00")
    assert policy.parse("7d").due([FEBRUARY, MARCH, waited], NOW) == [MARCH, waited]
    assert policy.parse("8d").due([FEBRUARY, MARCH, waited], NOW) == []


def test_policies_combine():
    assert policy.parse("month-end, 500,7d") == Policy(month_end=True, steps=500, days=7)
    assert policy.parse("month-end,2").due([FEBRUARY, MARCH], NOW) == [FEBRUARY, MARCH]


@pytest.mark.parametrize("text", ["", "soon", "now,7d", "7 days", "-1", "1.5d"])
def test_what_is_no_policy_is_refused_naming_the_forms(text):
    with pytest.raises(ConfigError, match="wanted now, never, or some of month-end"):
        policy.parse(text)
