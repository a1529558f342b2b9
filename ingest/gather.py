"""From chunks of images to the pixels of a store: which are wanted, which are good, what they count.

Images are (row, column), coarse or fine: a coarse pixel holds refinement x refinement fine ones. A
chunk of a fine image may begin and end within coarse pixels.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.compiled import compiled

Bools = NDArray[np.bool_]
Places = NDArray[np.int32]
Counts = NDArray[np.uint16]

ONE, TWO, THREE = map(np.uint64, range(1, 4))


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
    columns = chunk.shape[1]
    # coarse pixels that lie in the chunk with all their columns
    first = -(-first_column // refinement)
    last = max((first_column + columns) // refinement, first)
    begin, end = first * refinement - first_column, last * refinement - first_column
    for i in range(chunk.shape[0]):
        row = (first_row + i) // refinement
        sub = (first_row + i - row * refinement) * refinement
        whole, places_ = chunk[i, begin:end], place[row, first:last]
        if refinement == 1:
            _take_1(whole, places_, counts)
        elif refinement == 2:
            _take_2(whole, places_, sub, counts)
        elif refinement == 4:
            _take_4(whole, places_, sub, counts)
        else:
            _take_any(whole, first * refinement, refinement, place[row], sub, counts)
        _take_any(chunk[i, :begin], first_column, refinement, place[row], sub, counts)
        _take_any(chunk[i, end:], last * refinement, refinement, place[row], sub, counts)


@compiled
def _take_1(seen: Counts, place: Places, counts: Counts) -> None:
    for j in range(place.size):
        n = place[j]
        if n >= 0:
            counts[n, 0] = seen[j]


@compiled
def _take_2(seen: Counts, place: Places, sub: int, counts: Counts) -> None:
    for j in range(place.size):
        n = place[j]
        if n >= 0:
            a, b = seen[2 * j], seen[2 * j + 1]
            counts[n, sub], counts[n, sub + 1] = a, b


@compiled
def _take_4(seen: Counts, place: Places, sub: int, counts: Counts) -> None:
    """Unsigned positions, else each would be tested for a negative one."""
    to = np.uint64(sub)
    for j in range(place.size):
        if place[j] >= 0:
            n, at = np.uint64(place[j]), np.uint64(4 * j)
            a, b, c, d = seen[at], seen[at + ONE], seen[at + TWO], seen[at + THREE]
            counts[n, to], counts[n, to + ONE] = a, b
            counts[n, to + TWO], counts[n, to + THREE] = c, d


@compiled
def _take_any(
    seen: Counts, first_column: int, refinement: int, place: Places, sub: int, counts: Counts
) -> None:
    """Any run of fine columns of one row; `place` is that of the whole coarse row."""
    for j in range(seen.size):
        column = (first_column + j) // refinement
        n = place[column]
        if n >= 0:
            counts[n, sub + first_column + j - column * refinement] = seen[j]


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
