"""Periods by a rule of the calendar, so that nobody has to move two days at New Year.

    listing    t0 to tf, as the listing says
    year       1 January to 31 December
    half       half a year, from 1 January or 1 July
    month      a calendar month

A run by a rule fills every period that has one of its days. So a period that is over stays open for late
files for as long as a run looks back: with `--since 10d`, last year is filled until 10 January.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from lake.errors import ConfigError

if TYPE_CHECKING:
    from ingest.listing.listing import Listing

LISTING = "listing"
MONTHS = {"year": 12, "half": 6, "month": 1}
"""Length of a period of each rule of the calendar."""
RULES = (LISTING, *MONTHS)


def by_rule(
    listing: "Listing", rule: str, since: date | None, until: date | None, today: date
) -> "list[Listing]":
    """The listing for every period that a run fills, the earliest first.

    Args:
        listing: its own t0 and tf count under the rule `listing` alone.
        rule: one of `RULES`.
        since: first day of the run.
        until: last day of the run, inclusive; None: today.
        today: the current day, UTC.

    Raises:
        ConfigError: a rule of the calendar and no first day, or a first day after the last one.
    """
    if rule == LISTING:
        return [listing]
    last = until or today
    if since is None or since > last:
        raise ConfigError(
            f"--period {rule}: --since is {since}, the last day {last}; wanted a first day, e.g. "
            f"--since 10d: every {rule} that has a day of the run is filled"
        )
    return [replace(listing, t0=t0, tf=tf) for t0, tf in _periods(MONTHS[rule], since, last)]


def _periods(months: int, since: date, last: date) -> Iterator[tuple[date, date]]:
    """First and last days of the periods, of so many months each, that have a day of since..last."""
    first = date(since.year, since.month - (since.month - 1) % months, 1)
    while first <= last:
        years, month = divmod(first.month - 1 + months, 12)
        following = date(first.year + years, month + 1, 1)
        yield first, following - timedelta(days=1)
        first = following
