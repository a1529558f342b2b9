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


def random_observations(
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


def values(observed: Observations) -> np.ndarray:
    """(step, band, pixel, subpixel) NaN where not valid."""
    quantities = np.stack(
        [
            [t[c] for t, c in zip(tables, counts, strict=True)]
            for tables, counts in zip(observed.tables, observed.counts, strict=True)
        ]
    )
    return np.where(observed.valid[:, None, :, None], quantities, np.nan)


def direct(x: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Metrics over the first axis, two-pass, in long double; and what their errors are compared to."""
    x = x.astype(np.longdouble)
    is_observed = np.isfinite(x)
    n = is_observed.sum(axis=0)
    total = np.where(is_observed, x, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = total / n
    d = np.where(is_observed, x - mean, 0)
    low, high = (
        f(np.where(is_observed, x, e), axis=0) for f, e in ((np.min, np.inf), (np.max, -np.inf))
    )
    metrics = {"count": n, "min": low, "max": high, "m1": mean}
    scale = {"count": 0 * n, "min": np.abs(low), "max": np.abs(high), "m1": np.abs(mean)}
    for k in (2, 3, 4):
        metrics[f"m{k}"], scale[f"m{k}"] = (d**k).sum(axis=0), (np.abs(d) ** k).sum(axis=0)
    unseen = n == 0
    for name in METRICS[1:]:
        metrics[name] = np.where(unseen, np.nan, metrics[name])
    return metrics, scale


def assert_rounded_once(results: np.ndarray, x: np.ndarray) -> None:
    """`found` (band, metric, ...) is the direct result to half a unit of float32 and a little more."""
    expected, scale = direct(x)
    for number, name in enumerate(METRICS):
        a, b = results[:, number].astype(np.longdouble), expected[name]
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
    observed = random_observations(**shape)
    assert_rounded_once(observations.moments(observed), values(observed))


def test_moments_of_more_pixels_than_a_tile_and_more_steps_than_a_batch(monkeypatch):
    observed = random_observations(
        1, steps=3 * sums.DEPTH + 5, bands=2, pixels=700, subpixels=1, clear=0.3
    )
    assert_rounded_once(observations.moments(observed), values(observed))


def test_pixel_first_seen_after_a_whole_batch_of_clouds():
    observed = random_observations(
        2, steps=2 * sums.DEPTH, bands=1, pixels=300, subpixels=1, clear=1.0
    )
    observed.valid[: sums.DEPTH, ::2] = False
    assert_rounded_once(observations.moments(observed), values(observed))


def test_equal_observations_have_an_exact_mean_and_no_spread():
    observed = random_observations(3, steps=29, bands=1, pixels=20, subpixels=4, clear=0.7)
    observed.counts[observed.counts > 0] = 1234
    tables = np.full_like(observed.tables, 271.828182845)
    results = observations.moments(Observations(observed.valid, observed.counts, tables))
    is_observed = results[0, 0] > 0
    assert (results[0, 1:4][:, is_observed] == np.float32(271.828182845)).all()
    assert (results[0, 4:][:, is_observed] == 0).all()


def test_pixel_without_observation_has_count_0_and_nan_elsewhere():
    observed = random_observations(4, steps=3, bands=2, pixels=5, subpixels=4, clear=1.0)
    observed.valid[:, 2] = False
    results = observations.moments(observed)
    assert (results[:, 0, 2] == 0).all()
    assert np.isnan(results[:, 1:, 2]).all()
    assert np.isfinite(results[:, :, [0, 1, 3, 4]]).all()


@settings(max_examples=40)
@given(split=st.lists(st.integers(1, 30), min_size=1, max_size=4), **SHAPES)
def test_sums_that_rest_between_additions_are_those_of_all_to_rounding(split, **shape):
    """Resting sums are rounded to float32, but the mean is not: each rest costs half a unit."""
    observed = random_observations(**shape)
    steps, bands, pixels, subpixels = observed.counts.shape
    total = sums.blank(bands, pixels, subpixels)
    ends = [0, *np.minimum(np.cumsum(split), steps), steps]
    for first, last in itertools.pairwise(ends):
        if first < last:
            counts = observed.counts[first:last].reshape(-1)
            begins = np.arange((last - first) * bands).reshape(-1, bands).T * pixels * subpixels
            states = np.where(observed.valid[first:last], sums.OBSERVED, sums.DROPPED).astype(
                np.uint8
            )
            total.add(counts, begins, observed.tables[first:last], states)
    results = total.results()
    x = values(observed)
    expected, _ = direct(x)
    size = np.nanmax(np.abs(x), axis=0, initial=0)
    for number, name in enumerate(METRICS[:4]):
        assert_array_equal(results[:, number], expected[name].astype(np.float32))
    spread = np.where(expected["count"] > 0, expected["max"] - expected["min"], 0).astype(float)
    for k in (2, 3, 4):
        allowed = len(ends) * EPS * expected["count"] * (spread**k) + 1e-12 * size
        assert not (np.abs(results[:, 2 + k] - expected[f"m{k}"]) > allowed).any(), k


def test_packed_counts_are_those_of_valid_pixels_alone():
    observed = random_observations(5, steps=4, bands=2, pixels=9, subpixels=4, clear=0.5)
    states = np.where(observed.valid, sums.OBSERVED, sums.ABSENT).astype(np.uint8)
    states[1, np.flatnonzero(observed.valid[1])[0]] = sums.DROPPED
    room, begins = [np.full(7, 9999, np.uint16)], np.zeros((2, 4), np.int64)
    for step in range(4):
        for band in range(2):
            begins[band, step] = sum(map(len, room))
            room.append(observed.counts[step, band][states[step] != sums.ABSENT].reshape(-1))
    total = sums.blank(2, 9, 4)
    total.add(np.concatenate(room), begins, observed.tables, states)
    valid_alone = Observations(states == sums.OBSERVED, observed.counts, observed.tables)
    assert_array_equal(total.results(), observations.moments(valid_alone))


def test_concatenated_parts_hold_all_steps_whatever_the_length_of_their_tables():
    whole = random_observations(6, steps=9, bands=2, pixels=8, subpixels=4, clear=0.6)
    parts = [
        Observations(whole.valid[:4], whole.counts[:4], whole.tables[:4]),
        Observations(
            whole.valid[4:], whole.counts[4:], np.pad(whole.tables[4:], ((0, 0), (0, 0), (0, 50)))
        ),
    ]
    joined = observations.concatenate(parts)
    assert_array_equal(observations.moments(joined), observations.moments(whole))


# merging


def block(observed: Observations) -> np.ndarray:
    return observations.moments(observed)


@settings(max_examples=60)
@given(
    parts=st.lists(st.tuples(st.integers(1, 20), st.sampled_from([0.0, 0.3, 1.0])), max_size=5),
    pixels=st.integers(1, 40),
    subpixels=st.sampled_from([1, 4, 16]),
    seed=st.integers(0, 2**32 - 1),
)
def test_merged_blocks_are_the_moments_of_all_observations(parts, pixels, subpixels, seed):
    pieces = [
        random_observations(seed + n, steps, 2, pixels, subpixels, clear)
        for n, (steps, clear) in enumerate([(3, 0.5), *parts])
    ]
    merged = observations.merge([block(s) for s in pieces]).astype(np.float64)
    x = np.concatenate([values(s) for s in pieces])
    expected, _ = direct(x)
    for number, name in enumerate(("count", "min", "max")):
        assert_array_equal(merged[:, number], expected[name].astype(np.float32))
    size = np.nanmax(np.abs(x), axis=0, initial=0)
    low, high = np.nanmin(x, axis=0, initial=np.inf), np.nanmax(x, axis=0, initial=-np.inf)
    n, spread = expected["count"].astype(float), np.where(high > low, high - low, 0)
    assert not (np.abs(merged[:, 3] - expected["m1"]) > 1.01 * EPS * size).any()
    for k in (2, 3, 4):
        allowed = 2 * EPS * n * (spread**k + k * size * spread ** (k - 1)) + n * (EPS * size) ** k
        error = np.abs(merged[:, 2 + k] - expected[f"m{k}"])
        assert not (error > allowed).any(), k


def test_merge_rounds_once_however_many_blocks():
    """Many blocks of one equal observation each: rounding after each would drift."""
    observed = random_observations(7, steps=1, bands=1, pixels=4, subpixels=1, clear=1.0)
    single = block(observed)
    merged = observations.merge([single] * 200)
    assert (merged[0, 0] == 200).all()
    assert_array_equal(merged[0, 1:4], single[0, 1:4])
    assert (merged[0, 4:] == 0).all()


def test_one_block_alone_comes_back_bit_for_bit():
    single = block(random_observations(8, steps=5, bands=2, pixels=6, subpixels=4, clear=0.4))
    assert_array_equal(observations.merge([single]), single)
    nothing = np.full_like(single, np.nan)
    for blocks in ([single, nothing], [nothing, single], [nothing, single, nothing]):
        assert_array_equal(observations.merge(blocks), single)


def test_what_one_block_alone_has_seen_comes_back_bit_for_bit():
    first = block(random_observations(9, steps=5, bands=1, pixels=50, subpixels=1, clear=0.3))
    second = block(random_observations(10, steps=5, bands=1, pixels=50, subpixels=1, clear=0.3))
    merged = observations.merge([first, second])
    alone = (first[0, 0] > 0) & (second[0, 0] == 0)
    assert alone.any()
    assert_array_equal(merged[0][:, alone], first[0][:, alone])


def test_count_of_nan_stays_only_where_all_blocks_have_it():
    single = block(random_observations(11, steps=2, bands=1, pixels=3, subpixels=1, clear=1.0))
    never = np.full_like(single, np.nan)
    unseen = never.copy()
    unseen[:, 0] = 0
    assert np.isnan(observations.merge([never, never])).all()
    for blocks in ([never, unseen], [unseen, never], [unseen, unseen]):
        merged = observations.merge(blocks)
        assert (merged[:, 0] == 0).all()
        assert np.isnan(merged[:, 1:]).all()


def test_merge_leaves_its_blocks_as_they_are():
    single = block(random_observations(12, steps=2, bands=1, pixels=3, subpixels=1, clear=1.0))
    before = single.copy()
    observations.merge([single, single])
    assert_array_equal(single, before)


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
    results = observations.moments(Observations(np.ones((1, 2), bool), counts, tables))
    assert (results[0, 3] == 1.5).all()
