"""Designs against theory: unbiased totals, exact allocations, variances of the textbook."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from jobs.sampling import designs, hierarchy, strata
from lake.errors import ConfigError
from lake.format.domain import from_mask
from lake.format.grid import Grid, Projection, lonlat
from lake.format.order import Layout

DRAWS = 200
OCEAN = 32
LAYOUT = Layout(16, 8)
PIXELS = 1000
LABELS = np.random.default_rng(5).choice(5, PIXELS, p=[0.5, 0.3, 0.1, 0.08, 0.02])
Y = np.random.default_rng(6).gamma(2, 10, PIXELS) * (1 + LABELS) + np.arange(PIXELS) / 50
SIZE = np.bincount(LABELS)


def shares(weight, n=100):
    return designs.allocate(weight, SIZE, np.minimum(SIZE, 2), n)


def by_strata(weight):
    counts = shares(weight)
    return lambda rng: designs.strata(rng, LABELS, counts)


def balanced():
    cells = (LABELS * 4 + np.arange(PIXELS) % 4).astype(np.int32)
    size = np.bincount(cells)
    parents = [np.arange(20) // 4, np.array([0, 0, 0, 1, 1])]
    counts = hierarchy.counts(size, np.minimum(size, 1), parents, 100)
    return lambda rng: designs.strata(rng, cells, counts)


RANDOM = {
    "phase": lambda rng: designs.phase(PIXELS, LAYOUT, int(rng.integers(8)), 1),
    "three phases": lambda rng: designs.phase(PIXELS, LAYOUT, int(rng.integers(8)), 3),
    "random": lambda rng: designs.strata(rng, np.zeros(PIXELS, np.int8), np.array([100])),
    "proportional": by_strata(SIZE.astype(float)),
    "equal": by_strata(np.ones(5)),
    "neyman": by_strata(SIZE * np.array([Y[k == LABELS].std(ddof=1) for k in range(5)])),
    "hierarchical": balanced(),
}


def z_score(estimates):
    """Standard errors between the mean of the estimates and the true total."""
    return (np.mean(estimates) - Y.sum()) / (np.std(estimates, ddof=1) / np.sqrt(len(estimates)))


@pytest.mark.parametrize("design", RANDOM)
def test_totals_by_inverse_probability_are_unbiased(design):
    drawn = [RANDOM[design](np.random.default_rng((1, seed))) for seed in range(DRAWS)]
    assert abs(z_score([(Y[of.pixel] / of.probability).sum() for of in drawn])) < 3
    number = np.array([(1 / of.probability).sum() for of in drawn])
    assert_allclose(number.mean(), PIXELS, rtol=0.01)  # of pixels: itself a total
    for of in drawn:
        assert (np.diff(of.pixel) > 0).all()
        assert (of.probability > 0).all()
        assert (of.probability <= 1).all()


@pytest.mark.parametrize("design", ["equal", "neyman", "hierarchical"])
def test_without_the_probabilities_the_test_of_bias_fails(design):
    drawn = [RANDOM[design](np.random.default_rng((1, seed))) for seed in range(DRAWS)]
    assert abs(z_score([Y[of.pixel].mean() * PIXELS for of in drawn])) > 10


@pytest.mark.parametrize("phases", [1, 3])
def test_mean_over_all_phases_is_the_total_exactly(phases):
    drawn = [designs.phase(PIXELS, LAYOUT, first, phases) for first in range(8)]
    estimates = [(Y[of.pixel] / of.probability).sum() for of in drawn]
    assert np.mean(estimates) == pytest.approx(Y.sum(), rel=1e-12)


def test_pixels_below_zero_are_never_drawn_and_strata_are_those_of_the_labels():
    labels = np.where(np.arange(PIXELS) % 3 == 0, -1, LABELS)
    counts = np.array([10, 0, 5, 1, 2])
    drawn = designs.strata(np.random.default_rng(0), labels, counts)
    assert_array_equal(drawn.stratum, labels[drawn.pixel])
    assert_array_equal(np.bincount(drawn.stratum, minlength=5), counts)
    size = np.bincount(labels[labels >= 0])
    assert_array_equal(drawn.probability, (counts / size)[drawn.stratum])


def test_neymans_allocation_is_the_closed_formula():
    spread = np.array([1.0, 2.0, 4.0, 3.0])
    size = np.array([4000, 3000, 1000, 2000])
    wanted = 500 * size * spread / (size * spread).sum()  # Neyman 1934: n N_h S_h / sum N_h S_h
    found = designs.allocate(size * spread, size, np.full(4, 2), 500)
    assert found.sum() == 500
    assert (np.abs(found - wanted) < 1).all()


def test_what_a_small_stratum_cannot_give_the_others_share_by_weight():
    found = designs.allocate(np.array([6.0, 2, 1]), np.array([10, 500, 500]), np.full(3, 2), 100)
    assert_array_equal(found, [10, 60, 30])


def test_strata_without_weight_give_the_least_until_the_others_are_empty():
    weight, size, least = np.array([1.0, 0, 0]), np.array([30, 40, 80]), np.full(3, 2)
    assert_array_equal(designs.allocate(weight, size, least, 20), [16, 2, 2])
    assert_array_equal(designs.allocate(weight, size, least, 90), [30, 20, 40])


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1e6)), min_size=1, max_size=30),
    st.data(),
)
def test_allocation_is_whole_within_bounds_and_complete(strata, data):
    size = np.array([of for of, _ in strata])
    weight = np.array([of for _, of in strata])
    least = np.minimum(size, 2)
    n = data.draw(st.integers(int(least.sum()), int(size.sum()) + 5))
    found = designs.allocate(weight, size, least, n)
    assert found.sum() == min(n, size.sum())
    assert (found >= least).all()
    assert (found <= size).all()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.data())
def test_equal_allocation_is_that_of_one_pixel_at_a_time(size, data):
    size = np.array(size)
    n = data.draw(st.integers(np.count_nonzero(size), int(size.sum())))
    wanted = np.zeros_like(size)
    for _ in range(n):  # each to the stratum that has the fewest, and has some left
        wanted[np.argmin(np.where(wanted < size, wanted, 1000))] += 1
    found = designs.allocate(np.ones(size.size), size, np.minimum(size, 1), n)
    assert_array_equal(np.sort(found), np.sort(wanted))


def test_fewer_pixels_than_strata_need_is_refused():
    with pytest.raises(ConfigError, match=r"pixels is 5: wanted at least 10.*5 strata"):
        shares(np.ones(5), 5)


def test_spread_of_a_stratum_is_its_standard_deviation():
    values = np.where(np.arange(PIXELS) % 4 == 0, Y, np.nan).astype(np.float32)
    values[LABELS == 4] = np.nan
    found = strata.spreads(values, np.where(LABELS == 3, -1, LABELS), 5)
    for label in range(3):
        of = values[label == LABELS].astype(float)
        assert found[label] == pytest.approx(np.nanstd(of, ddof=1), rel=1e-9)
    assert np.isnan(found[3:]).all()
    weight = strata.weights(strata.NEYMAN, SIZE, found)
    assert_allclose(weight[3:], SIZE[3:] * found[:3].max())


@pytest.fixture(scope="module")
def koppen(shared_data):
    """Layout, and (class, pixel) 0 or 1: Koppen classes of the land of CONUS at 12 km, in store order."""
    zones = np.asarray(Image.open(shared_data / "maps" / "koppen" / "kmz_int_reshape.png"))
    projection = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)
    y, x = 0.128212 - 6 * 5.6e-5 * np.arange(250), -0.101332 + 6 * 5.6e-5 * np.arange(416)
    lon, lat = lonlat(projection, y[:, None], x)
    row, column = (90 - lat) / 180 * zones.shape[0], (lon + 180) / 360 * zones.shape[1]
    known = np.isfinite(lon)
    zone = zones[np.where(known, row, 0).astype(int), np.where(known, column, 0).astype(int)]
    layout = Layout(64, 16)
    land = from_mask(known & (zone != OCEAN), Grid(projection, y, x), layout)
    zone = zone[land.row, land.column]
    common = [k for k, count in enumerate(np.bincount(zone)) if count >= land.pixels / 100]
    return layout, np.array([zone == k for k in common], float)


def design_effect(estimates, classes):
    """(class,) squared error of (draw, class) estimated totals / that of random with replacement."""
    total, pixels = classes.sum(axis=1), classes.shape[1]
    drawn = pixels / 16
    share = total / pixels
    return ((estimates - total) ** 2).mean(axis=0) / (pixels**2 * share * (1 - share) / drawn)


def estimated(drawn, classes):
    return np.array([(classes[:, of.pixel] / of.probability).sum(axis=1) for of in drawn])


def test_random_pixels_have_the_design_effect_of_a_finite_population(koppen):
    _, classes = koppen
    everywhere = np.zeros(classes.shape[1], np.int8)
    counts = np.array([classes.shape[1] // 16])
    draws = (designs.strata(np.random.default_rng(i), everywhere, counts) for i in range(DRAWS))
    found = design_effect(estimated(draws, classes), classes)
    assert found.size >= 10
    # 1 - n / N; 200 draws tell a variance to 10 %, and ten classes together to about 4 %
    assert found.mean() == pytest.approx(15 / 16, abs=0.12)


def test_a_phase_has_the_design_effect_of_systematic_sampling_and_it_is_small(koppen):
    """Cochran, Sampling Techniques (1977), theorem 8.1: by the variance within systematic samples."""
    layout, classes = koppen
    pixels = classes.shape[1] // layout.superblock * layout.superblock  # phases of one size
    classes = classes[:, :pixels]
    draws = [designs.phase(pixels, layout, first, 1) for first in range(16)]
    found = design_effect(estimated(draws, classes), classes)
    by_phase = (
        classes.reshape(len(classes), -1, 16, 64).swapaxes(1, 2).reshape(len(classes), 16, -1)
    )
    n = by_phase.shape[2]
    within = by_phase.var(axis=2, ddof=1).mean(axis=1)
    variance = (pixels - 1) / pixels * classes.var(axis=1, ddof=1) - (n - 1) * 16 / pixels * within
    theory = pixels**2 * variance / (pixels**2 * classes.var(axis=1) / n)
    assert_allclose(found, theory, rtol=1e-6)
    assert found.mean() < 0.3
