"""Classes of the pixels of a store, as the readers of files give them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lake.errors import DataError
from lake.format.arrays import Indices, Integers

LABEL_LIMIT = 100_000
"""All labels are below it."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelClasses:
    """A class of every pixel of a store."""

    labels: Indices
    """(P,) number of the class; below 0: none."""
    names: tuple[str, ...]
    """Names of class 0, 1, ..."""
    notes: tuple[str, ...] = ()
    """What people should know of how the pixels got their classes."""


def number_names(labels: Integers, source: str) -> tuple[str, ...]:
    """The names of classes that have none: their numbers.

    Raises:
        DataError: a number of `LABEL_LIMIT` or above.
    """
    largest = int(labels.max(initial=-1))
    if largest >= LABEL_LIMIT:
        raise DataError(
            f"the largest label of {source} is {largest}: wanted 0 to {LABEL_LIMIT - 1}"
        )
    return tuple(map(str, range(largest + 1)))


def by_name(texts: Sequence[str | None]) -> tuple[Indices, tuple[str, ...]]:
    """(n,) numbers of texts in the order of the alphabet, -1 for None; and the texts by number."""
    names = sorted({text for text in texts if text is not None})
    number = {name: n for n, name in enumerate(names)}
    numbers = [-1 if text is None else number[text] for text in texts]
    return np.array(numbers, np.int64), tuple(names)


def majority(pixel: Indices, values: Integers, pixels: int) -> tuple[Indices, int, int]:
    """(P,) the most frequent value of each pixel, the smallest of those that tie; -1: none.

    Args:
        pixel: (n,) pixel of each value, below 0: none.
        values: (n,) below 0: none.
        pixels: number of pixels, P.

    Returns:
        The values; the number of pixels with several different ones; that of pixels where the most
        frequent ones tie.
    """
    is_known = (pixel >= 0) & (values >= 0)
    pairs, count = np.unique(
        np.stack([pixel[is_known], values[is_known].astype(np.int64)]), axis=1, return_counts=True
    )
    rank = np.lexsort((pairs[1], -count, pairs[0]))
    of_pixel, value, count = pairs[0][rank], pairs[1][rank], count[rank]
    is_first = np.diff(of_pixel, prepend=-1) != 0
    is_second = np.roll(is_first, 1) & ~is_first if of_pixel.size else is_first
    ties = is_second & (count == np.roll(count, 1))
    labels = np.full(pixels, -1, np.int64)
    labels[of_pixel[is_first]] = value[is_first]
    return labels, int(is_second.sum()), int(ties.sum())
