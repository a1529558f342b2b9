from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from lake.errors import ConfigError
from lake.format.order import (
    Layout,
    hilbert,
    permutation,
    phase_of,
    phase_slices,
    superblock_of,
    superblocks,
)

layouts = st.builds(Layout, chunk=st.integers(1, 9), phases=st.integers(1, 7))
masks = hnp.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


def curve(bits):
    """Cells (row, column) of the Hilbert curve in their order, grown from its four quarters."""
    if bits == 0:
        return [(0, 0)]
    quarter, half = curve(bits - 1), 2 ** (bits - 1)
    return [
        *((c, r) for r, c in quarter),
        *((r + half, c) for r, c in quarter),
        *((r + half, c + half) for r, c in quarter),
        *((half - 1 - c, 2 * half - 1 - r) for r, c in quarter),
    ]


@pytest.mark.parametrize("bits", range(7))
def test_hilbert_distance_counts_the_cells_along_the_curve(bits):
    row, column = np.array(curve(bits)).T
    assert_array_equal(hilbert(row, column, bits), np.arange(4**bits))


def test_hilbert_distance_of_large_grids_steps_from_cell_to_cell():
    row, column = np.mgrid[:512, :512]
    place = np.argsort(hilbert(row, column, 14), axis=None)
    steps = np.abs(np.diff(row.ravel()[place])) + np.abs(np.diff(column.ravel()[place]))
    assert np.all(steps == 1)
    assert hilbert(2**31 - 1, 0, 31).max() < 4**31


@given(masks, layouts)
def test_permutation_takes_every_pixel_once(mask, layout):
    order = permutation(*np.nonzero(mask), layout)
    assert order.dtype == np.int64
    assert_array_equal(np.sort(order), np.arange(mask.sum()))


@given(masks, layouts)
def test_permutation_deals_the_pixels_along_the_curve_like_cards(mask, layout):
    row, column = np.nonzero(mask)
    bits = max(mask.shape).bit_length()
    if mask.any():
        bits = max(int(row.max()), int(column.max())).bit_length()
    number = {cell: i for i, cell in enumerate(zip(row.tolist(), column.tolist(), strict=True))}
    along = [number[cell] for cell in curve(bits) if cell in number]
    wanted = []
    for start in range(0, len(along), layout.superblock):
        block = along[start : start + layout.superblock]
        for phase in range(layout.phases):
            wanted += block[phase :: layout.phases]
    assert permutation(row, column, layout).tolist() == wanted


@given(st.integers(0, 500), layouts)
def test_superblocks_partition_the_pixels_and_only_the_last_is_short(pixels, layout):
    found = superblocks(pixels, layout)
    assert [i for block in found for i in range(pixels)[block]] == list(range(pixels))
    sizes = [block.stop - block.start for block in found]
    assert all(size == layout.chunk * layout.phases for size in sizes[:-1])
    assert all(0 < size <= layout.superblock for size in sizes)


@given(st.integers(0, 500), layouts)
def test_every_phase_is_its_share_of_every_superblock(pixels, layout):
    blocks = superblocks(pixels, layout)
    phases = [phase_slices(pixels, layout, phase) for phase in range(layout.phases)]
    assert all(len(runs) == len(blocks) for runs in phases)
    for i, block in enumerate(blocks):
        held = [j for runs in phases for j in range(pixels)[runs[i]]]
        assert held == list(range(pixels)[block])
        share = (block.stop - block.start) / layout.phases
        assert all(abs(runs[i].stop - runs[i].start - share) < 1 for runs in phases)
        if block.stop - block.start == layout.superblock:
            assert all(runs[i].stop - runs[i].start == layout.chunk for runs in phases)


@given(st.integers(0, 500), layouts)
def test_pixels_are_labelled_with_their_superblock_and_phase(pixels, layout):
    superblock, phase = superblock_of(pixels, layout), phase_of(pixels, layout)
    assert (superblock.dtype, phase.dtype) == (np.int32, np.int16)
    assert superblock.shape == phase.shape == (pixels,)
    for i, block in enumerate(superblocks(pixels, layout)):
        assert np.all(superblock[block] == i)
    for number in range(layout.phases):
        for run in phase_slices(pixels, layout, number):
            assert np.all(phase[run] == number)


def test_superblock_with_fewer_pixels_than_phases_leaves_phases_empty():
    layout = Layout(chunk=2, phases=4)
    assert [phase_slices(11, layout, phase)[1] for phase in range(4)] == [
        slice(8, 9),
        slice(9, 10),
        slice(10, 11),
        slice(11, 11),
    ]


def test_permutation_of_a_known_mask_never_changes():
    # stores hold pixels in this order for ever: another digest here needs another format version
    row, column = np.mgrid[:40, :50]
    row, column = (a[(row * 7 + column * 3) % 5 != 0] for a in (row, column))
    order = permutation(row, column, Layout(chunk=16, phases=4)).astype("<i8")
    assert order.size == 1600
    assert sha256(order.tobytes()).hexdigest() == (
        "7bc01156d5029b4cbe6c78dcc1a188c2d3107690b4dcd3cb4ffb88c5d6967bf6"
    )


def test_layout_is_that_of_the_design_by_default():
    assert (Layout().chunk, Layout().phases, Layout().superblock) == (1024, 16, 16384)


@pytest.mark.parametrize("name", ["chunk", "phases"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "16", True, None])
def test_layout_that_is_no_whole_number_above_zero_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"layout.{name} is {value!r}"):
        Layout(**{name: value})


def test_layout_of_more_phases_than_their_label_can_count_is_refused():
    with pytest.raises(ConfigError, match="at most 32767"):
        Layout(phases=32768)


@pytest.mark.parametrize("phase", [-1, 4])
def test_phase_that_the_layout_lacks_is_refused(phase):
    with pytest.raises(ConfigError, match="wanted 0 to 3"):
        phase_slices(100, Layout(chunk=4, phases=4), phase)


@pytest.fixture(scope="module")
def smooth():
    """Eight smooth fields on a land-like mask: (field, pixel), rows and columns of its pixels."""
    rng = np.random.default_rng(5)
    row, column = np.mgrid[:240, :320]
    radius = np.hypot((row - 120) / 120, (column - 160) / 160)
    inside = radius < 0.85 + 0.1 * np.sin(row / 17) + 0.05 * np.cos(column / 11)
    row, column = row[inside], column[inside]
    waves = rng.uniform(-2 * np.pi / 80, 2 * np.pi / 80, (8, 20, 2))
    angle = waves @ np.stack([row, column]) + rng.uniform(0, 2 * np.pi, (8, 20, 1))
    return np.sin(angle).sum(axis=1), row, column


def variance_of_random_sample(fields, size):
    return fields.var(axis=1, ddof=1) / size * (1 - size / fields.shape[1])


def test_one_phase_of_every_superblock_beats_a_random_sample_of_as_many_pixels_by_far(smooth):
    fields, row, column = smooth
    layout = Layout(chunk=64, phases=16)
    fields = fields[:, permutation(row, column, layout)]
    phase = phase_of(row.size, layout)
    means = np.stack([fields[:, phase == p].mean(axis=1) for p in range(layout.phases)])
    error = np.mean((means - fields.mean(axis=1)) ** 2, axis=0)
    design_effect = error / variance_of_random_sample(fields, row.size / layout.phases)
    assert design_effect.mean() < 0.1


def test_random_chunks_along_the_curve_are_far_worse_than_a_random_sample(smooth):
    fields, row, column = smooth
    fields = fields[:, permutation(row, column, Layout(chunk=64, phases=1))]
    whole = row.size // 64
    chunks = fields[:, : whole * 64].reshape(len(fields), whole, 64).mean(axis=2)
    drawn = whole // 16
    error = chunks.var(axis=1, ddof=1) / drawn * (1 - drawn / whole)
    design_effect = error / variance_of_random_sample(fields, drawn * 64)
    assert design_effect.mean() > 20
