import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import ConfigError
from lake.format.times import DAY_S, format_tod, parse_months, parse_tod

MINUTES = st.integers(0, 24 * 60 - 1)


@pytest.mark.parametrize(
    ("text", "tod"),
    [
        ("18:00", 64800), ("64800", 64800), ("0", 0), ("00:00", 0), ("9:30", 34200),
        ("23:59", 86340), (" 06:00 ", 21600), ("86399", 86399),
    ],
)  # fmt: skip
def test_tod_is_read_from_a_clock_and_from_seconds(text, tod):
    assert parse_tod(text) == tod


@given(MINUTES)
def test_tod_that_is_written_is_read_as_the_same(minutes):
    assert parse_tod(format_tod(60 * minutes).removesuffix(" UTC")) == 60 * minutes
    assert parse_tod(str(60 * minutes)) == 60 * minutes


@pytest.mark.parametrize(
    "text", ["", "3 pm", "24:00", "18:60", "18:0", "1:2:3", "-1", "86400", "1e3", "18.5", "²"]
)
def test_text_that_is_no_tod_is_refused(text):
    with pytest.raises(ConfigError, match=f"is no time of day: wanted HH:MM.*{DAY_S}"):
        parse_tod(text)


def test_months_are_read_in_their_order():
    assert parse_months("1,4,7,10") == (1, 4, 7, 10)
    assert parse_months(" 12, 1") == (12, 1)


@pytest.mark.parametrize("text", ["", "0", "13", "1,", "July", "1-3", "1;2"])
def test_text_that_is_no_months_is_refused(text):
    with pytest.raises(ConfigError, match="wanted months, 1 to 12"):
        parse_months(text)
