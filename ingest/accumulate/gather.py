"""Takes the pixels of a store from the chunks of images: which chunks are needed, which pixels are good.

Images are (row, column), coarse or fine: a coarse pixel holds refinement x refinement fine ones. A
chunk of a fine image may begin and end within coarse pixels.
"""

import numpy as np
from numpy.typing import NDArray

from ingest.accumulate.compiled import compiled
from lake.format.arrays import Bools, Counts

Places = NDArray[np.int32]
"""(row, column) of the coarse grid: number of the pixel among the valid ones, -1 where not valid."""

ZERO, ONE, TWO, THREE = map(np.uint64, range(4))


def occupied(valid: Bools, chunk: tuple[int, int], grid: tuple[int, int], refinement: int) -> Bools:
    """Mark the chunks of a fine image that contain a valid pixel.

    Args:
        valid: (row, column) of the coarse grid, True = usable.
        chunk: rows and columns of a chunk.
        grid: number of rows and columns of chunks.
        refinement: fine pixels along one edge of a coarse pixel of the image.

    Returns:
        (chunk row, chunk column), True where the chunk contains a valid pixel.
    """
    is_occupied = np.zeros(grid, np.bool_)
    (first_row, last_row), (first_column, last_column) = (
        _windows(*numbers, refinement) for numbers in zip(chunk, grid, valid.shape, strict=True)
    )
    bytes_ = valid.view(np.uint8)
    before = np.zeros(valid.shape[1] + 1, np.int64)
    for row in range(grid[0]):
        any_valid = np.bitwise_or.reduce(bytes_[first_row[row] : last_row[row]], axis=0)
        np.cumsum(any_valid, out=before[1:])
        is_occupied[row] = before[last_column] > before[first_column]
    return is_occupied


def _windows(
    chunk: int, chunks: int, pixels: int, refinement: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First coarse pixel of each chunk along one axis, and the one after its last.

    A coarse pixel that a chunk covers in part belongs to it too.
    """
    first = np.arange(chunks) * chunk
    return first // refinement, np.minimum((first + chunk - 1) // refinement + 1, pixels)


@compiled
def drop_bad(
    bad: NDArray[np.uint8], first_row: int, first_column: int, refinement: int, valid: Bools
) -> None:
    """Make coarse pixels with a bad fine pixel invalid, in place.

    Args:
        bad: (fine row, fine column) of a chunk; not 0 = bad.
        first_row: fine row at which the chunk begins.
        first_column: fine column at which the chunk begins.
        refinement: fine pixels along one edge of a coarse pixel.
        valid: (row, column) of the coarse grid, True = usable.
    """
    for i in range(bad.shape[0]):
        any_bad = np.uint8(0)
        for j in range(bad.shape[1]):
            any_bad |= bad[i, j]
        if any_bad:
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
        valid: (row, column) of the coarse grid, True = usable.
        row: (pixel,) coarse row of each pixel of the store.
        column: (pixel,) coarse column of each pixel of the store.
        is_valid: (pixel,) filled here, True = usable.
        place: (row, column) filled here at the store's pixels: number of the pixel among the valid
            ones, -1 where not valid.

    Returns:
        The number of valid pixels.
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
        chunk: (fine row, fine column) packed counts.
        first_row: fine row at which the chunk begins.
        first_column: fine column at which the chunk begins.
        refinement: fine pixels along one edge of a coarse pixel.
        place: (row, column) from `places`.
        counts: (valid pixel, subpixel) filled here.
    """
    rows, columns = chunk.shape
    # coarse pixels that lie in the chunk as a whole, and the fine ones that they cover
    north, west = -(-first_row // refinement), -(-first_column // refinement)
    south = max((first_row + rows) // refinement, north)
    east = max((first_column + columns) // refinement, west)
    first_whole, past_whole = north * refinement - first_row, south * refinement - first_row
    begin, end = west * refinement - first_column, east * refinement - first_column
    for row in range(north, south):
        i = row * refinement - first_row
        fine_rows, row_places = chunk[i : i + refinement, begin:end], place[row, west:east]
        if refinement == 1:
            _take_1(fine_rows[0], row_places, counts)
        elif refinement == 2:
            _take_2(fine_rows[0], fine_rows[1], row_places, counts)
        elif refinement == 4:
            for s in range(4):
                _take_4(fine_rows[s], row_places, np.uint64(4 * s), counts)
        else:
            _take_any(fine_rows, row * refinement, west * refinement, refinement, place, counts)
    _take_any(chunk[:first_whole], first_row, first_column, refinement, place, counts)
    _take_any(chunk[past_whole:], south * refinement, first_column, refinement, place, counts)
    edges = chunk[first_whole:past_whole]
    _take_any(edges[:, :begin], north * refinement, first_column, refinement, place, counts)
    _take_any(edges[:, end:], north * refinement, east * refinement, refinement, place, counts)


@compiled
def _take_1(fine_row: Counts, place: Places, counts: Counts) -> None:
    """Copy the counts of a coarse row.

    Positions are unsigned, otherwise the compiler tests each for a negative value.
    """
    for j in range(place.size):
        if place[j] >= 0:
            counts[np.uint64(place[j]), ZERO] = fine_row[j]


@compiled
def _take_2(upper: Counts, lower: Counts, place: Places, counts: Counts) -> None:
    for j in range(place.size):
        if place[j] >= 0:
            n, at = np.uint64(place[j]), np.uint64(2 * j)
            a, b, c, d = upper[at], upper[at + ONE], lower[at], lower[at + ONE]
            counts[n, ZERO], counts[n, ONE], counts[n, TWO], counts[n, THREE] = a, b, c, d


@compiled
def _take_4(fine_row: Counts, place: Places, sub: np.uint64, counts: Counts) -> None:
    for j in range(place.size):
        if place[j] >= 0:
            n, at = np.uint64(place[j]), np.uint64(4 * j)
            a, b, c, d = fine_row[at], fine_row[at + ONE], fine_row[at + TWO], fine_row[at + THREE]
            counts[n, sub], counts[n, sub + ONE] = a, b
            counts[n, sub + TWO], counts[n, sub + THREE] = c, d


@compiled
def _take_any(
    piece: Counts,
    first_row: int,
    first_column: int,
    refinement: int,
    place: Places,
    counts: Counts,
) -> None:
    """Copy the counts of any piece of a chunk, also where it covers a coarse pixel in part."""
    for i in range(piece.shape[0]):
        row = (first_row + i) // refinement
        sub = (first_row + i - row * refinement) * refinement
        for j in range(piece.shape[1]):
            column = (first_column + j) // refinement
            n = place[row, column]
            if n >= 0:
                counts[n, sub + first_column + j - column * refinement] = piece[i, j]


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
    """Clear `keep` for valid pixels with a count that has no quantity, in place.

    Args:
        chunk: (fine row, fine column) packed counts.
        first_row: fine row at which the chunk begins.
        first_column: fine column at which the chunk begins.
        refinement: fine pixels along one edge of a coarse pixel.
        place: (row, column) from `places`.
        usable: (count,) for all 16-bit counts: False = the count has no quantity.
        low: every count from `low` to `high` is usable, see `run_of`.
        high: last count of that run.
        keep: (valid pixel,) set to False where a count has no quantity.
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
    """First and last usable count if all between them are usable too, otherwise the empty run (1, 0)."""
    counts = np.flatnonzero(usable)
    if counts.size == 0 or counts[-1] - counts[0] + 1 != counts.size:
        return 1, 0
    return int(counts[0]), int(counts[-1])
