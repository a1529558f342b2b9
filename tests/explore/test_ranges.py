"""Ranges of bytes, by the examples and rules of RFC 9110, section 14."""

import pytest

from lake.explore import ranges

SIZE = 10_000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-499", [(0, 500)]),  # 14.1.2, the examples
        ("bytes=500-999", [(500, 500)]),
        ("bytes=-500", [(9500, 500)]),
        ("bytes=9500-", [(9500, 500)]),
        ("bytes=0-0,-1", [(0, 1), (9999, 1)]),
        ("bytes=0-0, ,-1,", [(0, 1), (9999, 1)]),
        ("bytes= 0-999, 4500-5499, -1000", [(0, 1000), (4500, 1000), (9000, 1000)]),
        ("bytes=500-600,601-999", [(500, 101), (601, 399)]),
        ("BYTES=0-", [(0, SIZE)]),
        ("bytes=9999-20000", [(9999, 1)]),  # past the end
        ("bytes=0-" + "9" * 6000, [(0, SIZE)]),  # a number that Python refuses to read
        ("bytes=-" + "9" * 6000, [(0, SIZE)]),
        ("bytes=" + "0" * 6000 + "7-9", [(7, 3)]),
        ("bytes=20000-,5-6", [(5, 2)]),  # those that can be
    ],
)
def test_parts_are_those_that_the_standard_says(header, expected):
    assert ranges.spans(header, SIZE) == expected


@pytest.mark.parametrize("header", [None, "", "items=0-5", "seconds=1-2", "nonsense"])
def test_units_that_nobody_knows_are_not_heeded(header):
    assert ranges.spans(header, SIZE) is None


@pytest.mark.parametrize(
    "header",
    [
        "bytes=10000-", "bytes=" + "9" * 6000 + "-", "bytes=-0", "bytes=5-2", "bytes=", "bytes=-",
        "bytes=a-b", "bytes=1-2-3", "bytes=0x1-", "bytes=\u0661-\u0662", "bytes=" + "0-1," * 17,
    ],
)  # fmt: skip
def test_ranges_that_cannot_be_are_refused(header):
    with pytest.raises(ranges.UnsatisfiableError):
        ranges.spans(header, SIZE)


def test_bytes_that_are_asked_for_again_and_again_are_sent_once():
    assert ranges.spans("bytes=0-,0-,0-", SIZE) is None


def test_nothing_of_an_empty_object_can_be_asked_for():
    for header in ("bytes=0-", "bytes=-5"):
        with pytest.raises(ranges.UnsatisfiableError):
            ranges.spans(header, 0)
