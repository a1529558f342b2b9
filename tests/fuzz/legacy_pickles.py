"""Pickles of the study whose bytes, instructions or contents are wrong, read by `ingest.legacy`."""

import itertools
import pickle
import pickletools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from random import Random
from typing import Any

import numpy as np

from ingest.legacy import pickles
from tests.fuzz import mutations
from tests.ingest.legacy import test_pickles as valid

KINDS = ("f4", "f8", "i1", "i8", "u2", "?", "S3", "U2", ">f4", "c8")
READERS = (
    pickles.read_result,
    pickles.read_geometry,
    pickles.read_index,
    pickles.read_listing,
    pickles.read_permutation,
)


@contextmanager
def attempts(_folder: Path) -> Iterator[Callable[[Random], None]]:
    """Reads a wrong pickle, with the reader of its kind or another."""
    order = np.array([2, 0, 1])
    entry = {"path": PurePosixPath("/old/geom-goes-conus-0.pkl"), "shapes": [(4, 5), (8, 10)]}
    contents = (
        (valid.statistics([2.0, 0.0, 3.0, 1.0]), valid.METADATA),
        valid.geometry(),
        {(35786023.0, -75.0, 6378137.0, 6356752.31414): entry},
        ({}, [(("20180103", 15, 54000), ["a.nc", "b.nc"]), (("20180104", 15, 54000), [])]),
        ({}, np.stack([order, np.argsort(order)], 1), {}),
    )

    def attempt(random: Random) -> None:
        number = random.randrange(len(READERS))
        content: Any = contents[number]
        if random.random() < 0.4:
            content = _changed(random, content)
        try:
            data = pickle.dumps(content, random.randint(0, 5))
        except RecursionError:  # deeper than Python writes, not deeper than others do
            data = b"]" * 5000 + b"a" * 4999 + b"."
        action = random.random()
        if action < 0.3:
            data = mutations.change_bytes(random, data)
        elif action < 0.5:
            data = _change_instructions(random, data)
        elif action < 0.6:
            pickles.parse_name(mutations.change_text(random, valid.NAME))
        read = READERS[number] if random.random() < 0.9 else random.choice(READERS)
        read(data, "some.pkl")

    yield attempt


def _changed(random: Random, value: Any, depth: int = 0) -> Any:
    """The contents with something else at a random place."""
    if (depth and random.random() < 0.3) or not isinstance(value, (dict, list, tuple)) or not value:
        return _odd(random, value)
    if isinstance(value, dict):
        key = random.choice(list(value))
        if random.random() < 0.15:
            key_to = _hashable(_changed(random, key, depth + 1))
            return {(key_to if k == key else k): v for k, v in value.items()}
        if random.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: _changed(random, value[key], depth + 1)}
    number = random.randrange(len(value))
    items = [_changed(random, v, depth + 1) if n == number else v for n, v in enumerate(value)]
    return type(value)(items)


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        return type(value).__name__
    return value


def _odd(random: Random, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        size = max(value.size, 1)
        return random.choice(
            (
                lambda: value.ravel()[:-1],
                lambda: value.astype(random.choice(KINDS)),
                lambda: value.reshape(-1),
                lambda: value[None],
                lambda: np.zeros((0,), value.dtype),
                lambda: value * np.where(np.arange(size).reshape(value.shape) % 2, np.nan, 1),
                lambda: np.ma.masked_array(value, mask=True),
                lambda: np.asfortranarray(value),
                lambda: mutations.odd_value(random),
            )
        )()
    if random.random() < 0.2:
        return random.choice(
            (np.float32(1), np.int64(-1), np.zeros(3), b"\xff", 1j, {1}, (), (0, 0))
        )
    return mutations.odd_value(random)


def _change_instructions(random: Random, data: bytes) -> bytes:
    """Instructions of the pickle left out, doubled or swapped."""
    starts = [position for _, _, position in pickletools.genops(data)] + [len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(starts)]
    for _ in range(random.choice((1, 1, 3))):
        a, b = random.randrange(len(pieces)), random.randrange(len(pieces))
        action = random.randrange(3)
        if action == 0 and len(pieces) > 1:
            del pieces[a]
        elif action == 1:
            pieces.insert(b, pieces[a])
        else:
            pieces[a], pieces[b] = pieces[b], pieces[a]
    return b"".join(pieces)
