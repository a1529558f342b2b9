"""From chunks of images to the pixels of a store: which are wanted, which are good, what they count.

Images are (row, column), coarse or fine: a coarse pixel holds refinement x refinement fine ones. A
chunk of a fine image may begin and end within coarse pixels.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.accumulate.compiled import compiled
from lake.format.arrays import Bools, Counts

Places = NDArray[np.int32]

ZERO, ONE, TWO, THREE = map(np.uint64, range(4))


def occupied(valid: Bools, chunk: tuple[int, int], grid: tuple[int, int], refinement: int) -> Bools:
    """Which chunks of a fine image hold a valid pixel.

    Args:
        valid: (row, column) of the coarse grid.
        chunk: rows and columns of a chunk.
        grid: how many rows and columns of chunks there are.
        refinement: of the image.

    Returns:
        (chunk row, chunk column)
    """
    found = np.zeros(grid, np.bool_)
    (top, bottom), (left, right) = (
        _windows(*numbers, refinement) for numbers in zip(chunk, grid, valid.shape, strict=True)
    )
    bytes_ = valid.view(np.uint8)
    before = np.zeros(valid.shape[1] + 1, np.int64)
    for row in range(grid[0]):
        some = np.bitwise_or.reduce(bytes_[top[row] : bottom[row]], axis=0)
        np.cumsum(some, out=before[1:])
        found[row] = before[right] > before[left]
    return found


def _windows(
    chunk: int, chunks: int, pixels: int, refinement: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Coarse pixels from which and up to which the chunks along one axis reach, whole or in part."""
    first = np.arange(chunks) * chunk
    return first // refinement, np.minimum((first + chunk - 1) // refinement + 1, pixels)


@compiled
def drop_bad(
    bad: NDArray[np.uint8], first_row: int, first_column: int, refinement: int, valid: Bools
) -> None:
    """Coarse pixels with a bad fine pixel are no longer valid, in place.

    Args:
        bad: (fine row, fine column) of a chunk; not 0 = bad.
        first_row: of the chunk, on the fine grid.
        first_column: likewise.
        refinement: of the chunk.
        valid: (row, column) of the coarse grid.
    """
    for i in range(bad.shape[0]):
        some = np.uint8(0)
        for j in range(bad.shape[1]):
            some |= bad[i, j]
        if some:
            row = (first_row + i) // refinement
            for j in range(bad.shape[1]):
                if bad[i, j]:
                    valid[row, (first_column + j) // refinement] = False


@compiled
def places(
    valid: Bools,
    row: NDArray[np.int32],
    column: NDArray[np.int32],
    is_valid: Bools,
    place: Places,
) -> int:
    """Number the valid pixels of the store in its order.

    Args:
        valid: (row, column) of the coarse grid.
        row: (pixel,) of the store.
        column: (pixel,)
        is_valid: (pixel,) filled here.
        place: (row, column) filled here at the store's pixels: number of the pixel among the valid
            ones, -1 where not valid.

    Returns:
        How many are valid.
    """
    n = 0
    for pixel in range(row.size):
        if valid[row[pixel], column[pixel]]:
            is_valid[pixel] = True
            place[row[pixel], column[pixel]] = n
            n += 1
        else:
            is_valid[pixel] = False
            place[row[pixel], column[pixel]] = -1
    return n


@compiled
def take(
    chunk: Counts,
    first_row: int,
    first_column: int,
    refinement: int,
    place: Places,
    counts: Counts,
) -> None:
    """Copy the counts of valid pixels from a chunk to their places.

    Args:
        chunk: (fine row, fine column)
        first_row: of the chunk, on the fine grid.
        first_column: likewise.
        refinement: of the chunk.
        place: (row, column) from `places`.
        counts: (valid pixel, subpixel) filled here.
    """
    rows, columns = chunk.shape
    # coarse pixels that lie in the chunk as a whole, and the fine ones that they cover
    top, left = -(-first_row // refinement), -(-first_column // refinement)
    bottom = max((first_row + rows) // refinement, top)
    right = max((first_column + columns) // refinement, left)
    up, down = top * refinement - first_row, bottom * refinement - first_row
    begin, end = left * refinement - first_column, right * refinement - first_column
    for row in range(top, bottom):
        i = row * refinement - first_row
        seen, of_row = chunk[i : i + refinement, begin:end], place[row, left:right]
        if refinement == 1:
            _take_1(seen[0], of_row, counts)
        elif refinement == 2:
            _take_2(seen[0], seen[1], of_row, counts)
        elif refinement == 4:
            for s in range(4):
                _take_4(seen[s], of_row, np.uint64(4 * s), counts)
        else:
            _take_any(seen, row * refinement, left * refinement, refinement, place, counts)
    _take_any(chunk[:up], first_row, first_column, refinement, place, counts)
    _take_any(chunk[down:], bottom * refinement, first_column, refinement, place, counts)
    edges = chunk[up:down]
    _take_any(edges[:, :begin], top * refinement, first_column, refinement, place, counts)
    _take_any(edges[:, end:], top * refinement, right * refinement, refinement, place, counts)


@compiled
def _take_1(seen: Counts, place: Places, counts: Counts) -> None:
    """The counts of a coarse row; positions are unsigned, else each is tested for a negative one."""
    for j in range(place.size):
        if place[j] >= 0:
            counts[np.uint64(place[j]), ZERO] = seen[j]


@compiled
def _take_2(upper: Counts, lower: Counts, place: Places, counts: Counts) -> None:
    for j in range(place.size):
        if place[j] >= 0:
            n, at = np.uint64(place[j]), np.uint64(2 * j)
            a, b, c, d = upper[at], upper[at + ONE], lower[at], lower[at + ONE]
            counts[n, ZERO], counts[n, ONE], counts[n, TWO], counts[n, THREE] = a, b, c, d


@compiled
def _take_4(seen: Counts, place: Places, sub: np.uint64, counts: Counts) -> None:
    for j in range(place.size):
        if place[j] >= 0:
            n, at = np.uint64(place[j]), np.uint64(4 * j)
            a, b, c, d = seen[at], seen[at + ONE], seen[at + TWO], seen[at + THREE]
            counts[n, sub], counts[n, sub + ONE] = a, b
            counts[n, sub + TWO], counts[n, sub + THREE] = c, d


@compiled
def _take_any(
    seen: Counts,
    first_row: int,
    first_column: int,
    refinement: int,
    place: Places,
    counts: Counts,
) -> None:
    """Any piece of a chunk."""
    for i in range(seen.shape[0]):
        row = (first_row + i) // refinement
        sub = (first_row + i - row * refinement) * refinement
        for j in range(seen.shape[1]):
            column = (first_column + j) // refinement
            n = place[row, column]
            if n >= 0:
                counts[n, sub + first_column + j - column * refinement] = seen[i, j]


@compiled
def drop_unusable(
    chunk: Counts,
    first_row: int,
    first_column: int,
    refinement: int,
    place: Places,
    usable: Bools,
    low: int,
    high: int,
    keep: Bools,
) -> None:
    """Valid pixels with a count that has no quantity are not kept, in place.

    Args:
        chunk: (fine row, fine column)
        first_row: of the chunk, on the fine grid.
        first_column: likewise.
        refinement: of the chunk.
        place: (row, column) from `places`.
        usable: (count,) of all 16-bit counts: False = has no quantity.
        low: counts from this one on are usable, all of them,
        high: up to this one.
        keep: (valid pixel,) False where not kept.
    """
    for i in range(chunk.shape[0]):
        smallest = largest = chunk[i, 0]
        for j in range(chunk.shape[1]):
            count = chunk[i, j]
            if count < smallest:  # noqa: PLR1730 (min and max would not become vector instructions)
                smallest = count
            if count > largest:  # noqa: PLR1730 (likewise)
                largest = count
        if smallest < low or largest > high:
            row = (first_row + i) // refinement
            for j in range(chunk.shape[1]):
                if not usable[chunk[i, j]]:
                    n = place[row, (first_column + j) // refinement]
                    if n >= 0:
                        keep[n] = False


def run_of(usable: Bools) -> tuple[int, int]:
    """First and last usable count where all between them are usable too; (1, 0), none, elsewhere."""
    counts = np.flatnonzero(usable)
    if counts.size == 0 or counts[-1] - counts[0] + 1 != counts.size:
        return 1, 0
    return int(counts[0]), int(counts[-1])
