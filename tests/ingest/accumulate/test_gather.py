"""From chunks to pixels, against plain indexing of whole images."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ingest.accumulate import gather

REFINEMENTS = st.sampled_from([1, 2, 3, 4, 5])


@st.composite
def images(draw):
    """A coarse shape, a refinement, a chunk shape on the fine grid, and a seed."""
    rows, columns, refinement = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(REFINEMENTS)
    chunk = draw(st.integers(1, rows * refinement)), draw(st.integers(1, columns * refinement))
    return (rows, columns), refinement, chunk, draw(st.integers(0, 2**32 - 1))


def windows(shape: tuple[int, int], chunk: tuple[int, int]):
    """First row and column of every chunk of a fine image, and its place in the image."""
    for row in range(0, shape[0], chunk[0]):
        for column in range(0, shape[1], chunk[1]):
            yield row, column, (slice(row, row + chunk[0]), slice(column, column + chunk[1]))


def fine(image: np.ndarray, refinement: int) -> np.ndarray:
    return image.repeat(refinement, 0).repeat(refinement, 1)


def coarse(image: np.ndarray, refinement: int) -> np.ndarray:
    """Whether any fine pixel is True."""
    rows, columns = (n // refinement for n in image.shape)
    return image.reshape(rows, refinement, columns, refinement).any(axis=(1, 3))


@settings(max_examples=60)
@given(images())
def test_occupied_chunks_are_those_with_a_valid_pixel(case):
    shape, refinement, chunk, seed = case
    valid = np.random.default_rng(seed).random(shape) < 0.2
    image = fine(valid, refinement)
    grid = tuple(-(-n // c) for n, c in zip(image.shape, chunk, strict=True))
    expected = [image[window].any() for *_, window in windows(image.shape, chunk)]
    is_occupied = gather.occupied(valid, chunk, grid, refinement)
    assert_array_equal(is_occupied, np.reshape(expected, grid))


@settings(max_examples=60)
@given(images())
def test_pixels_with_a_bad_fine_pixel_are_dropped_and_no_others(case):
    shape, refinement, chunk, seed = case
    random = np.random.default_rng(seed)
    valid = random.random(shape) < 0.8
    bad = (random.random([n * refinement for n in shape]) < 0.1) * random.integers(1, 255)
    expected = valid & ~coarse(bad > 0, refinement)
    for row, column, window in windows(bad.shape, chunk):
        block = np.ascontiguousarray(bad[window], np.uint8)
        gather.drop_bad(block, row, column, refinement, valid)
    assert_array_equal(valid, expected)


@settings(max_examples=60)
@given(images())
def test_counts_are_those_of_the_valid_pixels_in_the_order_of_the_store(case):
    shape, refinement, chunk, seed = case
    random = np.random.default_rng(seed)
    row, column = np.nonzero(random.random(shape) < 0.7)
    order = random.permutation(row.size)
    row, column = row[order].astype(np.int32), column[order].astype(np.int32)
    valid = np.zeros(shape, bool)
    valid[row, column] = random.random(row.size) < 0.6
    image = random.integers(0, 1 << 16, [n * refinement for n in shape]).astype(np.uint16)
    usable = random.random(1 << 16) < 0.95

    is_valid, place = np.empty(row.size, bool), np.full(shape, -1, np.int32)
    n = gather.places(valid, row, column, is_valid, place)
    counts, keep = np.zeros((n, refinement**2), np.uint16), np.ones(n, bool)
    for y, x, window in windows(image.shape, chunk):
        block = np.ascontiguousarray(image[window])
        gather.take(block, y, x, refinement, place, counts)
        run = gather.run_of(usable)
        gather.drop_unusable(block, y, x, refinement, place, usable, *run, keep)

    assert_array_equal(is_valid, valid[row, column])
    blocks = image.reshape(shape[0], refinement, shape[1], refinement)
    expected = blocks[row, :, column, :].reshape(row.size, refinement**2)[is_valid]
    assert_array_equal(counts, expected)
    assert_array_equal(keep, usable[expected].all(axis=1))


def test_usable_counts_in_one_run_are_checked_by_its_ends():
    usable = np.zeros(1 << 16, bool)
    assert gather.run_of(usable) == (1, 0)
    usable[10:21] = True
    assert gather.run_of(usable) == (10, 20)
    usable[15] = False
    assert gather.run_of(usable) == (1, 0)
