"""Compiled sums and merges against direct two-pass float64 computations by NumPy."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ingest.accumulate import observations, sums
from ingest.accumulate.observations import Observations
from lake.format.moments import METRICS

EPS = np.finfo(np.float32).eps


def drawn(
    seed: int, steps: int, bands: int, pixels: int, subpixels: int, clear: float
) -> Observations:
    """Observations whose tables differ from step to step, brightness temperatures or reflectances."""
    random = np.random.default_rng(seed)
    valid = random.random((steps, pixels)) < clear
    counts = random.integers(100, 4000, (steps, bands, pixels, subpixels)).astype(np.uint16)
    counts[~valid[:, None].repeat(bands, 1)] = 0
    scale, offset = random.choice([1e-4, 0.02]), random.choice([-0.05, 200.0])
    drift = 1 + 0.03 * random.standard_normal((steps, bands, 1))
    tables = (np.arange(4001) * scale + offset) * drift
    tables[:, :, :100] = np.nan
    return Observations(valid, counts, tables)


def values(seen: Observations) -> np.ndarray:
    """(step, band, pixel, subpixel) NaN where not valid."""
    of = np.stack(
        [
            [t[c] for t, c in zip(tables, counts, strict=True)]
            for tables, counts in zip(seen.tables, seen.counts, strict=True)
        ]
    )
    return np.where(seen.valid[:, None, :, None], of, np.nan)


def direct(x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Metrics over the first axis, two-pass, in long double; and what their errors are compared to."""
    x = x.astype(np.longdouble)
    seen = np.isfinite(x)
    n = seen.sum(axis=0)
    total = np.where(seen, x, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = total / n
    d = np.where(seen, x - mean, 0)
    low, high = (f(np.where(seen, x, e), axis=0) for f, e in ((np.min, np.inf), (np.max, -np.inf)))
    found = {"count": n, "min": low, "max": high, "m1": mean}
    scale = {"count": 0 * n, "min": np.abs(low), "max": np.abs(high), "m1": np.abs(mean)}
    for k in (2, 3, 4):
        found[f"m{k}"], scale[f"m{k}"] = (d**k).sum(axis=0), (np.abs(d) ** k).sum(axis=0)
    unseen = n == 0
    for name in METRICS[1:]:
        found[name] = np.where(unseen, np.nan, found[name])
    return found, scale


def assert_rounded_once(found: np.ndarray, x: np.ndarray) -> None:
    """`found` (band, metric, ...) is the direct result to half a unit of float32 and a little more."""
    wanted, scale = direct(x)
    for number, name in enumerate(METRICS):
        a, b = found[:, number].astype(np.longdouble), wanted[name]
        assert_array_equal(np.isnan(a), np.isnan(b))
        allowed = 0.51 * EPS * scale[name] + 1e-13 * np.nanmax(np.abs(x), initial=0)
        assert not (np.abs(a - b) > allowed).any(), name


SHAPES = {
    "steps": st.integers(1, 70),
    "bands": st.integers(1, 3),
    "pixels": st.integers(1, 40),
    "subpixels": st.sampled_from([1, 4, 9, 16, 400]),
    "clear": st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    "seed": st.integers(0, 2**32 - 1),
}


@settings(max_examples=60)
@given(**SHAPES)
def test_moments_are_the_direct_ones_rounded_once(**shape):
    seen = drawn(**shape)
    assert_rounded_once(observations.moments(seen), values(seen))


def test_moments_of_more_pixels_than_a_tile_and_more_steps_than_a_batch(monkeypatch):
    seen = drawn(1, steps=3 * sums.DEPTH + 5, bands=2, pixels=700, subpixels=1, clear=0.3)
    assert_rounded_once(observations.moments(seen), values(seen))


def test_pixel_first_seen_after_a_whole_batch_of_clouds():
    seen = drawn(2, steps=2 * sums.DEPTH, bands=1, pixels=300, subpixels=1, clear=1.0)
    seen.valid[: sums.DEPTH, ::2] = False
    assert_rounded_once(observations.moments(seen), values(seen))


def test_equal_observations_have_an_exact_mean_and_no_spread():
    seen = drawn(3, steps=29, bands=1, pixels=20, subpixels=4, clear=0.7)
    seen.counts[seen.counts > 0] = 1234
    tables = np.full_like(seen.tables, 271.828182845)
    found = observations.moments(Observations(seen.valid, seen.counts, tables))
    known = found[0, 0] > 0
    assert (found[0, 1:4][:, known] == np.float32(271.828182845)).all()
    assert (found[0, 4:][:, known] == 0).all()


def test_pixel_without_observation_has_count_0_and_nan_elsewhere():
    seen = drawn(4, steps=3, bands=2, pixels=5, subpixels=4, clear=1.0)
    seen.valid[:, 2] = False
    found = observations.moments(seen)
    assert (found[:, 0, 2] == 0).all()
    assert np.isnan(found[:, 1:, 2]).all()
    assert np.isfinite(found[:, :, [0, 1, 3, 4]]).all()


@settings(max_examples=40)
@given(split=st.lists(st.integers(1, 30), min_size=1, max_size=4), **SHAPES)
def test_sums_that_rest_between_additions_are_those_of_all_to_rounding(split, **shape):
    """Resting sums are rounded to float32, but the mean is not: each rest costs half a unit."""
    seen = drawn(**shape)
    steps, bands, pixels, subpixels = seen.counts.shape
    total = sums.blank(bands, pixels, subpixels)
    ends = [0, *np.minimum(np.cumsum(split), steps), steps]
    for first, last in itertools.pairwise(ends):
        if first < last:
            counts = seen.counts[first:last].reshape(-1)
            begins = np.arange((last - first) * bands).reshape(-1, bands).T * pixels * subpixels
            states = np.where(seen.valid[first:last], sums.OBSERVED, sums.DROPPED).astype(np.uint8)
            total.add(counts, begins, seen.tables[first:last], states)
    found = total.results()
    x = values(seen)
    wanted, _ = direct(x)
    size = np.nanmax(np.abs(x), axis=0, initial=0)
    for number, name in enumerate(METRICS[:4]):
        assert_array_equal(found[:, number], wanted[name].astype(np.float32))
    spread = np.where(wanted["count"] > 0, wanted["max"] - wanted["min"], 0).astype(float)
    for k in (2, 3, 4):
        allowed = len(ends) * EPS * wanted["count"] * (spread**k) + 1e-12 * size
        assert not (np.abs(found[:, 2 + k] - wanted[f"m{k}"]) > allowed).any(), k


def test_packed_counts_are_those_of_valid_pixels_alone():
    seen = drawn(5, steps=4, bands=2, pixels=9, subpixels=4, clear=0.5)
    states = np.where(seen.valid, sums.OBSERVED, sums.ABSENT).astype(np.uint8)
    states[1, np.flatnonzero(seen.valid[1])[0]] = sums.DROPPED
    room, begins = [np.full(7, 9999, np.uint16)], np.zeros((2, 4), np.int64)
    for step in range(4):
        for band in range(2):
            begins[band, step] = sum(map(len, room))
            room.append(seen.counts[step, band][states[step] != sums.ABSENT].reshape(-1))
    total = sums.blank(2, 9, 4)
    total.add(np.concatenate(room), begins, seen.tables, states)
    kept = Observations(states == sums.OBSERVED, seen.counts, seen.tables)
    assert_array_equal(total.results(), observations.moments(kept))


def test_concatenated_parts_hold_all_steps_whatever_the_length_of_their_tables():
    whole = drawn(6, steps=9, bands=2, pixels=8, subpixels=4, clear=0.6)
    parts = [
        Observations(whole.valid[:4], whole.counts[:4], whole.tables[:4]),
        Observations(
            whole.valid[4:], whole.counts[4:], np.pad(whole.tables[4:], ((0, 0), (0, 0), (0, 50)))
        ),
    ]
    joined = observations.concatenate(parts)
    assert_array_equal(observations.moments(joined), observations.moments(whole))


# merging


def block(seen: Observations) -> np.ndarray:
    return observations.moments(seen)


@settings(max_examples=60)
@given(
    parts=st.lists(st.tuples(st.integers(1, 20), st.sampled_from([0.0, 0.3, 1.0])), max_size=5),
    pixels=st.integers(1, 40),
    subpixels=st.sampled_from([1, 4, 16]),
    seed=st.integers(0, 2**32 - 1),
)
def test_merged_blocks_are_the_moments_of_all_observations(parts, pixels, subpixels, seed):
    seen = [
        drawn(seed + n, steps, 2, pixels, subpixels, clear)
        for n, (steps, clear) in enumerate([(3, 0.5), *parts])
    ]
    found = observations.merge([block(s) for s in seen]).astype(np.float64)
    x = np.concatenate([values(s) for s in seen])
    wanted, _ = direct(x)
    for number, name in enumerate(("count", "min", "max")):
        assert_array_equal(found[:, number], wanted[name].astype(np.float32))
    size = np.nanmax(np.abs(x), axis=0, initial=0)
    low, high = np.nanmin(x, axis=0, initial=np.inf), np.nanmax(x, axis=0, initial=-np.inf)
    n, spread = wanted["count"].astype(float), np.where(high > low, high - low, 0)
    assert not (np.abs(found[:, 3] - wanted["m1"]) > 1.01 * EPS * size).any()
    for k in (2, 3, 4):
        allowed = 2 * EPS * n * (spread**k + k * size * spread ** (k - 1)) + n * (EPS * size) ** k
        error = np.abs(found[:, 2 + k] - wanted[f"m{k}"])
        assert not (error > allowed).any(), k


def test_merge_rounds_once_however_many_blocks():
    """Many blocks of one equal observation each: rounding after each would drift."""
    seen = drawn(7, steps=1, bands=1, pixels=4, subpixels=1, clear=1.0)
    one = block(seen)
    found = observations.merge([one] * 200)
    assert (found[0, 0] == 200).all()
    assert_array_equal(found[0, 1:4], one[0, 1:4])
    assert (found[0, 4:] == 0).all()


def test_one_block_alone_comes_back_bit_for_bit():
    one = block(drawn(8, steps=5, bands=2, pixels=6, subpixels=4, clear=0.4))
    assert_array_equal(observations.merge([one]), one)
    nothing = np.full_like(one, np.nan)
    for blocks in ([one, nothing], [nothing, one], [nothing, one, nothing]):
        assert_array_equal(observations.merge(blocks), one)


def test_what_one_block_alone_has_seen_comes_back_bit_for_bit():
    first = block(drawn(9, steps=5, bands=1, pixels=50, subpixels=1, clear=0.3))
    other = block(drawn(10, steps=5, bands=1, pixels=50, subpixels=1, clear=0.3))
    found = observations.merge([first, other])
    alone = (first[0, 0] > 0) & (other[0, 0] == 0)
    assert alone.any()
    assert_array_equal(found[0][:, alone], first[0][:, alone])


def test_count_of_nan_stays_only_where_all_blocks_have_it():
    one = block(drawn(11, steps=2, bands=1, pixels=3, subpixels=1, clear=1.0))
    never = np.full_like(one, np.nan)
    unseen = never.copy()
    unseen[:, 0] = 0
    assert np.isnan(observations.merge([never, never])).all()
    for blocks in ([never, unseen], [unseen, never], [unseen, unseen]):
        found = observations.merge(blocks)
        assert (found[:, 0] == 0).all()
        assert np.isnan(found[:, 1:]).all()


def test_merge_leaves_its_blocks_as_they_are():
    one = block(drawn(12, steps=2, bands=1, pixels=3, subpixels=1, clear=1.0))
    before = one.copy()
    observations.merge([one, one])
    assert_array_equal(one, before)


def test_loops_are_compiled_where_nothing_can_be_remembered(tmp_path):
    import subprocess
    import sys

    script = (
        "import numba.core.caching as c\n"
        "c.CacheImpl._locator_classes = []\n"
        "from ingest.accumulate import observations\n"
        "import numpy as np\n"
        "x = np.ones((1, 7, 3, 1), np.float32)\n"
        "print(observations.merge([x, x])[0, 0, 0, 0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout == "2.0\n", done.stderr


@pytest.mark.parametrize("subpixels", [1, 16])
def test_moments_see_the_last_count_of_a_table(subpixels):
    counts = np.full((1, 1, 2, subpixels), 4000, np.uint16)
    tables = np.full((1, 1, 4001), np.nan)
    tables[..., 4000] = 1.5
    found = observations.moments(Observations(np.ones((1, 2), bool), counts, tables))
    assert (found[0, 3] == 1.5).all()
