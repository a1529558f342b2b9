"""Times of day and months as text: `18:00` is 64800, the seconds of the UTC day at which a step begins."""

import re

from lake.errors import ConfigError

DAY_S = 86400
"""The number of seconds of a day."""

_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])")


def parse_tod(text: str) -> int:
    """The time of day in seconds of the UTC day, from `18:00` or `64800`.

    Raises:
        ConfigError: neither form, or not within a day.
    """
    text = text.strip()
    tod = DAY_S
    if clock := _CLOCK.fullmatch(text):
        tod = int(clock[1]) * 3600 + int(clock[2]) * 60
    elif text.isdecimal():
        tod = int(text)
    if tod >= DAY_S:
        raise ConfigError(
            f"{text!r} is no time of day: wanted HH:MM, or seconds of the UTC day below {DAY_S}"
        )
    return tod


def format_tod(tod: int) -> str:
    """The time of day as a clock shows it, e.g. `18:00 UTC`."""
    return f"{tod // 3600:02d}:{tod % 3600 // 60:02d} UTC"


def parse_months(text: str) -> tuple[int, ...]:
    """Months, 1 to 12, from numbers separated by commas, e.g. `1,4,7,10`.

    Raises:
        ConfigError: something else, or no number of a month.
    """
    numbers = [number.strip() for number in text.split(",")]
    if not all(number.isdecimal() and 1 <= int(number) <= 12 for number in numbers):
        raise ConfigError(f"{text!r}: wanted months, 1 to 12, separated by commas, e.g. 1,4,7,10")
    return tuple(int(number) for number in numbers)
