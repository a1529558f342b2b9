"""All implementations of merging moments, on the same observations, against a direct computation.

`lake.format.moments.merge` (pairs, NumPy, float64) is the definition. `merge_along` takes many sets at
once, `ingest.accumulate.observations.merge` is compiled and takes the float32 blocks of stores,
`ingest.accumulate.sums.PowerSums` takes packed counts step by step. Sums of overview cells have two
implementations: `lake.store.overview.sums` (NumPy) and `ingest.publish.overview_maps.sums` (compiled).
"""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from ingest.accumulate import observations, sums
from ingest.publish import overview_maps
from lake.format import moments
from lake.format.moments import METRICS, Moments
from lake.store import overview

Part = tuple[np.ndarray, np.ndarray]
"""Values (step, pixel) and whether they are valid."""

EPS32 = float(np.finfo(np.float32).eps)
EPS64 = float(np.finfo(np.float64).eps)


def by_pairs(parts: Sequence[Part]) -> Moments:
    return reduce(moments.merge, (moments.from_observations(*part) for part in parts))


def by_addition(parts: Sequence[Part]) -> Moments:
    pixels = parts[0][0].shape[1:]
    return reduce(lambda total, part: moments.add(total, *part), parts, moments.empty(pixels))


def along_an_axis(parts: Sequence[Part]) -> Moments:
    several = [moments.from_observations(*part) for part in parts]
    stacked = (np.stack([getattr(part, name) for part in several], axis=-1) for name in METRICS)
    merged = moments.merge_along(Moments(*stacked), axis=-1)
    return Moments(*(getattr(merged, name)[..., 0] for name in METRICS))


def compiled_blocks(parts: Sequence[Part]) -> Moments:
    blocks = [
        moments.to_results(moments.from_observations(*part), axis=0)[None, :, :, None]
        for part in parts
    ]
    return moments.from_results(observations.merge(blocks)[0, :, :, 0], axis=0)


def compiled_sums(parts: Sequence[Part]) -> Moments:
    total = sums.blank(1, parts[0][0].shape[1], 1)
    for values, valid in parts:
        steps, pixels = values.shape
        table, counts = np.unique(values, return_inverse=True)
        states = np.where(valid, sums.OBSERVED, sums.DROPPED).astype(np.uint8)
        total.add(
            counts.reshape(-1).astype(np.uint16),
            np.arange(steps, dtype=np.int64)[None] * pixels,
            np.broadcast_to(table, (steps, 1, table.size)).copy(),
            states,
        )
    return moments.from_results(total.results()[0, :, :, 0], axis=0)


IMPLEMENTATIONS: dict[Callable[[Sequence[Part]], Moments], float] = {
    by_pairs: EPS64,
    by_addition: EPS64,
    along_an_axis: EPS64,
    compiled_blocks: EPS32,
    compiled_sums: EPS32,
}
"""Each with the rounding error of the numbers that it keeps between two merges."""

every_implementation = pytest.mark.parametrize(
    ("merge", "rounding"), IMPLEMENTATIONS.items(), ids=lambda item: getattr(item, "__name__", "")
)


def direct(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(metric, pixel) by two passes in float64 over each pixel's valid observations."""
    metrics = np.full((len(METRICS), values.shape[1]), np.nan)
    for pixel in range(values.shape[1]):
        x = values[valid[:, pixel], pixel]
        metrics[0, pixel] = x.size
        if x.size:
            powers = [np.sum((x - x.mean()) ** power) for power in (2, 3, 4)]
            metrics[1:, pixel] = x.min(), x.max(), x.mean(), *powers
    return metrics


def assert_is_the_whole(merged: Moments, parts: Sequence[Part], rounding: float) -> None:
    """Every metric is that of all observations, to what rounding does to them in each merge."""
    values, valid = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    expected = dict(zip(METRICS, direct(values, valid), strict=True))
    n, size = expected["count"], np.fmax(np.abs(expected["min"]), np.abs(expected["max"]))
    error = 4 * rounding * len(parts) * size  # of a mean, and so of every deviation
    spread = expected["max"] - expected["min"]
    with np.errstate(invalid="ignore"):
        allowed = {"count": 0 * n, "min": rounding * size, "max": rounding * size, "m1": error}
        for power in (2, 3, 4):
            moved = n * ((spread + error) ** power - spread**power)
            allowed[f"m{power}"] = moved + 4 * rounding * len(parts) * n * spread**power + 1e-300
    for name in METRICS:
        result = getattr(merged, name)
        assert_array_equal(np.isnan(result), np.isnan(expected[name]), name)
        differs = np.abs(result - expected[name]) > allowed[name]
        assert not differs.any(), (name, result[differs], expected[name][differs])


@st.composite
def split_observations(draw: st.DrawFn) -> list[Part]:
    """Observations with a step of 0.01, as packed files have, in parts of which some are empty."""
    lengths = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(any))
    offset = draw(st.sampled_from([0, 30000]))
    parts = []
    for length in lengths:
        shape = length, 3
        steps = draw(hnp.arrays(np.int64, shape, elements=st.integers(-3000, 3000)))
        parts.append(((steps + offset) / 100, draw(hnp.arrays(bool, shape))))
    return parts


@every_implementation
@settings(max_examples=60)
@given(parts=split_observations())
def test_merge_of_any_split_equals_the_whole(merge, rounding, parts):
    assert_is_the_whole(merge(parts), parts, rounding)


@every_implementation
@settings(max_examples=30)
@given(parts=split_observations(), order=st.randoms(use_true_random=False))
def test_order_of_parts_does_not_matter(merge, rounding, parts, order):
    shuffled = list(parts)
    order.shuffle(shuffled)
    assert_is_the_whole(merge(shuffled), parts, rounding)


@every_implementation
def test_skewed_parts_have_the_sign_of_the_worked_example(merge, rounding):
    # 0, 0, 0 and 4: mean 1, deviations -1, -1, -1, 3; the study's own merge had the wrong sign
    parts = [(np.zeros((3, 1)), np.ones((3, 1), bool)), (np.array([[4.0]]), np.ones((1, 1), bool))]
    merged = merge(parts)
    assert_allclose([getattr(merged, name)[0] for name in METRICS], [4, 0, 4, 1, 12, 24, 84])


@every_implementation
def test_empty_parts_change_nothing(merge, rounding):
    values = np.array([[280.5, 290.25], [281.5, 270.0]])
    valid = np.array([[True, False], [True, False]])
    empty = (np.full((2, 2), 1.0), np.zeros((2, 2), bool))
    for parts in ([(values, valid), empty], [empty, (values, valid)], [empty, empty]):
        assert_is_the_whole(merge(parts), parts, rounding)


@every_implementation
def test_many_parts_far_from_zero_keep_small_spreads(merge, rounding):
    steps = np.random.default_rng(1).integers(-100, 100, (2000, 2))
    parts = [(part, np.ones(part.shape, bool)) for part in np.split(300 + steps / 100, 20)]
    assert_is_the_whole(merge(parts), parts, rounding)


@every_implementation
def test_equal_observations_have_their_value_as_mean_and_no_spread(merge, rounding):
    value = float(np.float32(287.1))
    parts = [(np.full((7, 1), value), np.ones((7, 1), bool)) for _ in range(5)]
    merged = merge(parts)
    assert [getattr(merged, name)[0] for name in METRICS[:4]] == [35, value, value, value]
    assert np.abs([merged.m2[0], merged.m3[0], merged.m4[0]]).max() < 35 * (value * 4 * EPS64) ** 2


@pytest.mark.parametrize(
    "cell_sums", [overview.sums, overview_maps.sums], ids=["numpy", "compiled"]
)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), subpixels=st.sampled_from([1, 4]))
def test_sums_of_cells_are_those_of_their_observations(cell_sums, seed, subpixels):
    rng = np.random.default_rng(seed)
    shape = 2, 3, 30, subpixels  # (tod, band, pixel, subpixel)
    values = rng.integers(-500, 500, (5, *shape)) / 16  # exact in float32
    valid = rng.random(values.shape) < 0.5
    cell = rng.integers(100, 110, 30).astype(np.int32)
    never = rng.random(shape[:3]) < 0.2  # no time step was ever ingested there
    never[0, 1] = True
    valid &= ~never[..., None]
    block = moments.to_results(moments.from_observations(values, valid), axis=2)
    block = np.where(np.moveaxis(never[..., None, None], 3, 2), np.float32(np.nan), block)
    cells, totals = cell_sums(block, cell)
    assert_array_equal(cells, np.unique(cell))
    assert cells.dtype == np.int32
    for index, number in enumerate(cells):
        pixels = cell == number
        for tod, band in np.ndindex(2, 3):
            x = values[:, tod, band, pixels][valid[:, tod, band, pixels]]
            if never[tod, band, pixels].all():
                assert np.isnan(totals[:, tod, band, index]).all()
                continue
            expected = [x.size, x.sum(), (x**2).sum()]
            assert_allclose(totals[:3, tod, band, index], expected, rtol=1e-5, atol=1e-3)
            extremes = [x.min(), x.max()] if x.size else [np.nan, np.nan]
            assert_array_equal(totals[3:, tod, band, index], extremes)
