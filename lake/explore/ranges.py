"""The header `Range` of a request: which bytes of an object are asked for.

Source: RFC 9110, section 14. A unit other than bytes is not heeded, as it demands. Ranges that cannot be,
or of which none lies in the object, are refused. So are more than `MOST` at once.
"""

import re

MOST = 16
"""The largest number of ranges of one request."""

_BYTES = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_DIGITS = 18
"""Longer numbers are larger than any object."""

Span = tuple[int, int]
"""Offset and size."""


class UnsatisfiableError(ValueError):
    """No byte of the object is in what was asked for; the message says why."""


def spans(header: str | None, size: int) -> list[Span] | None:
    """The parts of an object that a header asks for, in its order; None: all of it.

    Args:
        header: the value of `Range`; None: there is none.
        size: of the object, bytes.

    Raises:
        UnsatisfiableError: as its name says; also of what is no range.
    """
    match = _BYTES.fullmatch(header or "")
    if match is None:
        return None
    texts = [text for part in match[1].split(",") if (text := part.strip())]
    if not 0 < len(texts) <= MOST:
        raise UnsatisfiableError(f"{len(texts)} ranges, wanted 1 to {MOST}")
    parts = [part for text in texts if (part := _span(text, size)) is not None]
    if not parts:
        raise UnsatisfiableError(f"the object has {size} bytes, none of them in {header!r:.80}")
    # whoever asks for the same bytes again and again gets them once
    return parts if len(parts) == 1 or sum(length for _, length in parts) <= size else None


def _span(text: str, size: int) -> Span | None:
    """The part of one range; None: it holds no byte of the object."""
    match = _RANGE.fullmatch(text)
    if match is None or text == "-":
        raise UnsatisfiableError(f"{text!r:.80} is no range of bytes")
    first, last = (_number(digits) for digits in match.groups())
    if first is None:
        suffix = min(last or 0, size)
        return (size - suffix, suffix) if suffix else None
    if last is not None and last < first:
        raise UnsatisfiableError(f"the range {text:.80} ends before it begins")
    end = size if last is None else min(last + 1, size)
    return (first, end - first) if first < end else None


def _number(digits: str) -> int | None:
    digits = digits.lstrip("0") or digits[:1]
    return int(digits[:_DIGITS].ljust(min(len(digits), _DIGITS + 1), "9")) if digits else None
