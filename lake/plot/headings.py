"""Names of stores in headings: the key, the days that are in it, and whether its land is invented.

Stores of earlier versions of this software say neither: then the key stands alone.
"""

from calendar import month_abbr
from datetime import date
from typing import Any

from lake.reading.generation import Generation

INVENTED = "invented land under real coast lines and borders"


def named(store: Generation) -> str:
    """The key of a store; on a line above it the days that are in it, and that its land is invented."""
    facts = [fact for fact in (days(store), INVENTED * is_invented(store)) if fact]
    return "\n".join([*(["  |  ".join(facts)] if facts else []), str(store.key)])


def days(store: Generation) -> str:
    """The days that are in a store, e.g. `12 days, 3 Jan 2020 to 28 Dec 2020`; empty: not known."""
    stored = _provenance(store).get("days")
    if not stored:
        return ""
    first, last = (_day(stored[end]) for end in ("first", "last"))
    return (
        f"1 day: {first}" if stored["count"] == 1 else f"{stored['count']} days, {first} to {last}"
    )


def is_invented(store: Generation) -> bool:
    """Whether a store shows no observation of the Earth."""
    return bool(_provenance(store).get("invented", False))


def _provenance(store: Generation) -> dict[str, Any]:
    return store.attributes.get("provenance") or {}


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {month_abbr[day.month]} {day.year}"
