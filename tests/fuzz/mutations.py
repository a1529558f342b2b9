"""Valid inputs made wrong: bytes, text, and trees of JSON or TOML values; a `Random` decides how."""

import copy
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

ODD_NUMBERS = (
    0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, 0.5, -0.0, 1e308, -1e308,
    math.nan, math.inf, -math.inf,
)  # fmt: skip
ODD_TEXTS = (
    "", " ", "0", "-1", "nan", "\0", "a\nb", "../../escaped", "/escaped", "é\u202e\U0001d518", "\ud800",
    "%2e%2e/x",    "x" * 5000, "{}", "s3://b/k", "v/../../../x.zarr", "20200230", "0001-01-01",
)  # fmt: skip


def odd_value(random: Random) -> Any:
    """A value that nobody expects."""
    kind = random.randrange(6)
    if kind == 0:
        return random.choice((None, True, False))
    if kind == 1:
        return random.choice(ODD_TEXTS)
    if kind == 2:
        return copy.deepcopy(random.choice(([], {}, [[]], [None], [{}], {"": None}, {"type": []})))
    if kind == 3:
        nested: Any = []
        for _ in range(random.choice((5, 50, 400, 5000))):
            nested = [nested] if random.random() < 0.99 else {"coordinates": nested}
        return nested
    return random.choice(ODD_NUMBERS)


def change_tree(random: Random, tree: Any) -> Any:
    """A copy of a tree of dicts and lists in which one to three places are wrong."""
    holder = [copy.deepcopy(tree)]
    for _ in range(random.randint(1, 3)):
        places = list(_places(holder))
        container, key = random.choice(places)
        action = random.randrange(8)
        if action <= 2:
            container[key] = odd_value(random)
        elif action == 3 and container is not holder:
            del container[key]
        elif action == 4:
            other, at = random.choice(places)
            container[key] = _copy(other[at])
        elif action == 5:
            container[key] = [container[key]] * random.choice((1, 2, 30))
        elif action == 6:
            container[key] = _nudged(random, container[key])
        elif isinstance(container, dict):
            container[random.choice(ODD_TEXTS)] = odd_value(random)
        else:
            container.insert(key, odd_value(random))
    return holder[0] if holder else None


def change_bytes(random: Random, data: bytes) -> bytes:
    """The same bytes but for one to four changes."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(_OF_BYTES)(random, data)
    return data


def change_text(random: Random, text: str) -> str:
    """The same text but for one to four changes."""
    for _ in range(random.choice((1, 1, 2, 4))):
        start = random.randint(0, len(text))
        end = min(len(text), start + random.choice((0, 1, 1, 3, 20)))
        put = random.choice(
            (
                "",
                random.choice(ODD_TEXTS),
                str(random.choice(ODD_NUMBERS)) if random.random() < 0.5 else "0",
                chr(random.choice((random.randrange(128), random.randrange(0xD800)))),
                random.choice("[]{}()\"'=.,:/\\#?%@-_"),
                text[start:end] * random.choice((2, 3, 50)),
            )
        )
        text = text[:start] + put + text[end:]
    return text


def _copy(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except RecursionError:
        return []


def _nudged(random: Random, value: Any) -> Any:
    """A value of the same type, beside the right one."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value * random.choice((-1, 2, 1000)) + random.choice((-1, 0, 1))
        case str():
            return change_text(random, value)
    return value


def _places(container: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys, without recursion."""
    waiting = [container]
    while waiting:
        container = waiting.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            yield container, key
            if isinstance(container[key], (dict, list)):
                waiting.append(container[key])


def _flip(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 8, 64)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _set(random: Random, data: bytes) -> bytes:
    at = random.randint(0, len(data))
    value = random.choice((b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\0" * 64))
    return data[:at] + value + data[at + len(value) :]


def _truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randint(0, len(data))]


def _cut(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _double(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:end] * random.choice((1, 1, 20)) + data[end:]


def _move(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    rest = data[:start] + data[end:]
    at = random.randint(0, len(rest))
    return rest[:at] + data[start:end] + rest[at:]


def _garbage(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data)
    return data[:start] + random.randbytes(end - start) + data[end:]


def _span(random: Random, data: bytes) -> tuple[int, int]:
    start = random.randint(0, len(data))
    return start, min(len(data), start + random.choice((1, 4, 16, 100, 1000)))


_OF_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip, _flip, _flip, _set, _set, _truncate, _cut, _double, _move, _garbage,
)  # fmt: skip
