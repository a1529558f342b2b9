"""Features against the raw observations that the store was made from, by plain float64 formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.features import features
from jobs.features.features import STATISTICS, TRANSFORMS, Feature, FeatureSelection
from lake.errors import ConfigError
from lake.format import moments
from lake.format.schema import Cube
from tests.jobs import small
from tests.lake.small_store import KEY, small_domain, write

MONTHS = tuple(range(1, 13))


def direct(observed, statistic):
    """One statistic over the first axis of observations with NaN, at least 4 of them clear."""
    mean, spread = np.nanmean(observed, axis=0), np.nanstd(observed, axis=0)
    z = (observed - mean) / spread
    low, high = np.nanmin(observed, axis=0), np.nanmax(observed, axis=0)
    return {
        "mean": mean,
        "stddev": spread,
        "skewness": np.nanmean(z**3, axis=0),
        "kurtosis": np.nanmean(z**4, axis=0) - 3,
        "min": low,
        "max": high,
        "range": high - low,
        "count": np.sum(~np.isnan(observed), axis=0),
        "m1": mean,
        **{f"m{k}": np.nansum((observed - mean) ** k, axis=0) for k in (2, 3, 4)},
    }[statistic]


def many_clear(truth, cube, month):
    """(pixel,) whether every observation series of the pixel has at least 4 clear ones."""
    clear = ~np.isnan(truth.observed[cube, month])
    return (clear.sum(axis=0) >= 4).all(axis=(0, 1, 3))


@pytest.fixture
def store(truth):
    return lake.open(f"{truth.root}/{truth.key}")


def read(store, **selection):
    settled = features.resolve(FeatureSelection(**selection), store)
    values = features.read(store, settled, slice(0, store.domain.pixels))
    names = [str(column) for column in features.columns(settled, store.cubes.values())]
    assert values.shape == (len(names), store.domain.pixels)
    assert values.dtype == np.float32
    assert values.flags.c_contiguous
    return dict(zip(names, values, strict=True))


def of_block(block, cube, selection):
    """(feature, pixel)"""
    found = np.empty((len(features.columns(selection, [cube])), block.shape[3]), np.float32)
    assert features.fill(found, block, cube, selection) == len(found)
    return found


@pytest.mark.parametrize("statistic", STATISTICS)
def test_feature_of_a_coarse_cube_is_the_statistic_of_its_observations(truth, store, statistic):
    found = read(store, statistics=(statistic,))
    assert len(found) == 2 * 2 * 2 + 2
    some = many_clear(truth, "day-2km", 7)
    observed = truth.observed["day-2km", 7][:, 1, 0, some, 0]
    name = f"day-2km/C07/07/64800/{statistic}"
    assert_allclose(found[name][some], direct(observed, statistic), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_subpixels_count_as_one_set_of_observations(truth, store, statistic):
    found = read(store, statistics=(statistic,), cubes=("day-1km",), months=(2,))
    some = many_clear(truth, "day-1km", 2)
    observed = truth.observed["day-1km", 2][:, 0, 0][:, some]  # (time, pixel, subpixel)
    whole = np.moveaxis(observed, 2, 1).reshape(-1, some.sum())
    name = f"day-1km/C03/02/64800/{statistic}"
    assert_allclose(found[name][some], direct(whole, statistic), rtol=2e-3, atol=1e-3)


def test_separate_subpixels_are_features_of_their_own(truth, store):
    found = read(store, statistics=("mean",), months=(2,), subpixels="separate")
    observed = truth.observed["day-1km", 2][:, 0, 0]
    some = many_clear(truth, "day-1km", 2)
    for subpixel in range(4):
        name = f"day-1km/C03/02/64800/mean/s{subpixel:02d}"
        wanted = direct(observed[:, some, subpixel], "mean")
        assert_allclose(found[name][some], wanted, rtol=1e-6)
    assert "day-2km/C13/02/64800/mean" in found


def test_pixel_never_clear_has_no_statistic_but_a_count_of_zero(store):
    found = read(store, statistics=("mean", "stddev", "min", "count"))
    for name, values in found.items():
        if name.endswith("count"):
            assert values[5] == 0
        else:
            assert np.isnan(values[5])


def test_too_few_observations_have_no_shape():
    cube = Cube("c", "2km", 1, "p", "Rad", ("C13",), (0,))
    clear = np.arange(5)[:, None] < np.arange(5)  # pixel i has i clear observations
    values = np.array([280.0, 283, 281, 290, 285])[:, None] * np.ones(5)
    results = moments.to_results(moments.from_observations(values, clear), axis=0)
    chosen = FeatureSelection(("c",), (1,), (0,), ("C13",), STATISTICS[:4])
    found = of_block(results[None, None, ..., None], cube, chosen)
    assert_array_equal(np.isnan(found).sum(axis=1), [1, 2, 3, 4])


def test_count_of_what_was_never_ingested_is_unknown():
    cube = Cube("c", "1km", 2, "p", "Rad", ("C13",), (0,))
    chosen = FeatureSelection(("c",), (1,), (0,), ("C13",), ("count", "mean"))
    block = np.full((1, 1, 7, 3, 4), np.nan, np.float32)
    assert np.isnan(of_block(block, cube, chosen)).all()


@given(
    st.sets(st.sampled_from([0, 3600, 7200]), min_size=1),
    st.sets(st.sampled_from(["C02", "C07"]), min_size=1),
    st.lists(st.sampled_from(STATISTICS), min_size=1, unique=True),
    st.sampled_from(["merged", "separate"]),
)
def test_columns_are_named_in_the_order_they_come(tods, bands, statistics, subpixels):
    """Every count of the block is a number of its own, that the name leads back to."""
    cube = Cube("c", "1km", 2, "p", "Rad", ("C02", "C07"), (7200, 0, 3600))
    block = np.zeros((3, 2, 7, 1, 4), np.float32)
    block[:, :, 0] = 1 + np.arange(24).reshape(3, 2, 1, 4)
    block[:, :, 3] = np.arange(24).reshape(3, 2, 1, 4)
    chosen = FeatureSelection(("c",), (4,), tuple(tods), tuple(bands), tuple(statistics), subpixels)
    found = of_block(block, cube, chosen)
    columns = features.columns(chosen, [cube])
    for column, value in zip(columns, found[:, 0], strict=True):
        there = block[cube.tods.index(column.tod), cube.bands.index(column.band), :, 0]
        if column.statistic == "count":
            counts = there[0]
            assert value == (counts.sum() if column.subpixel is None else counts[column.subpixel])
        if column.statistic == "mean" and column.subpixel is not None:
            assert value == there[3, column.subpixel]


RAW = FeatureSelection(("c",), (4,), (0,), ("C02", "C07"), (*moments.METRICS, "mean"), "separate")


def test_raw_metrics_are_the_stored_numbers_bit_for_bit(monkeypatch):
    cube = Cube("c", "1km", 2, "p", "Rad", ("C02", "C07"), (0,))
    block = np.random.default_rng(0).normal(size=(1, 2, 7, 5, 4)).astype(np.float32)
    block[:, :, :, 3] = np.nan
    monkeypatch.delattr(moments, "from_results")  # nothing is computed
    found = of_block(block, cube, RAW).reshape(2, 8, 4, 5)
    assert_array_equal(found[:, :7], block[0].transpose(0, 1, 3, 2))
    assert_array_equal(found[:, 7], found[:, 3])


def test_raw_metrics_in_the_order_of_the_store_are_read_in_place(store, monkeypatch):
    mixed = (*moments.METRICS[1:], moments.METRICS[0])
    where = ("day-2km",), (2, 7)
    some = slice(3, 70)
    chosen = [FeatureSelection(*where, statistics=of) for of in (mixed, moments.METRICS)]
    other, wanted = (features.resolve(of, store) for of in chosen)
    names = [list(map(str, features.columns(of, store.cubes.values()))) for of in (other, wanted)]
    expected = features.read(store, other, some)[[names[0].index(name) for name in names[1]]]
    monkeypatch.setattr(features, "fill", None)  # nothing is copied
    assert_array_equal(features.read(store, wanted, some), expected)


@pytest.mark.parametrize("at_once", [1, 2, 4])
@pytest.mark.parametrize("statistics", [("mean", "stddev:log"), moments.METRICS])
def test_features_read_from_a_server_are_those_of_a_folder(
    tmp_path, s3_root, monkeypatch, statistics, at_once
):
    monkeypatch.setattr(features, "MONTHS_AT_ONCE", at_once)
    found = []
    for root in (tmp_path, s3_root):
        write(f"{root}/{KEY}", small_domain())
        found.append(read(lake.open(f"{root}/{KEY}"), statistics=statistics))
    folder, server = found
    assert len({name.split("/")[2] for name in folder}) == 2, "months"
    assert list(folder) == list(server)
    assert_array_equal(list(folder.values()), list(server.values()))


@pytest.mark.parametrize(
    ("transform", "function"),
    [
        ("log", np.log),
        ("log1p", np.log1p),
        ("sqrt", np.sqrt),
        ("cbrt", np.cbrt),
        ("asinh", np.arcsinh),
    ],
)
def test_transform_is_applied_and_undefined_outside_its_domain(store, transform, function):
    assert transform in TRANSFORMS
    found = read(store, statistics=("skewness", f"skewness:{transform}"), months=(2,))
    plain = found["day-2km/C13/02/64800/skewness"].astype(float)
    with np.errstate(invalid="ignore"):
        wanted = function(plain)
    assert (plain < -1).any()
    assert_allclose(found[f"day-2km/C13/02/64800/skewness:{transform}"], wanted, rtol=2e-4)


def test_logarithm_of_zero_is_undefined():
    assert np.isnan(features.apply_transform(np.zeros(1, np.float32), "log")).all()


names = st.text("abcXYZ019-.", min_size=1)


@given(
    st.builds(
        Feature,
        names,
        names,
        st.integers(1, 12),
        st.integers(0, 86399),
        st.sampled_from([*STATISTICS, "stddev:log"]),
        st.none() | st.integers(0, 15),
    )
)
def test_name_of_a_feature_leads_back_to_it(feature):
    assert Feature.parse(str(feature)) == feature


@pytest.mark.parametrize(
    "wrong", ["", "a/b/1/0/mean", "a/b/01/x/mean", "a/b/01/0/mean/07", "a/b/01/0"]
)
def test_what_is_no_name_of_a_feature_is_refused(wrong):
    with pytest.raises(ConfigError, match="day-2km/C13/07/64800/mean"):
        Feature.parse(wrong)


def test_months_without_data_are_left_out(store):
    assert features.resolve(FeatureSelection(months=MONTHS), store).months == (2, 7)
    assert features.resolve(FeatureSelection(months=(1, 7)), store).months == (7,)


def test_statistics_of_suspect_metrics_are_left_out_unless_asked_for(store, tmp_path):
    assert features.resolve(FeatureSelection(), store).statistics == STATISTICS[:4]
    doubtful = small.build(tmp_path, suspect=("m4",))
    there = lake.open(f"{doubtful.root}/{doubtful.key}")
    assert features.resolve(FeatureSelection(), there).statistics == ("mean", "stddev", "skewness")
    assert features.resolve(FeatureSelection(), there, suspect=True).statistics == STATISTICS[:4]
    raw = FeatureSelection(statistics=("m3", "m4", "m4:cbrt", "kurtosis:asinh"))
    assert features.resolve(raw, there).statistics == ("m3",)


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        ({"bands": ("C99",)}, "bands: 'C99'.*C07, C13, C03"),
        ({"tods": (1,)}, "tods: 1 .*54000, 64800"),
        ({"cubes": ("night",)}, "cubes: 'night'.*day-2km, day-1km"),
        ({"months": (13,)}, "months: 13"),
        ({"statistics": ("median",)}, "statistics: 'median'.*kurtosis"),
        ({"statistics": ("mean", "count", "mean")}, "names one twice"),
        ({"statistics": ("mean:exp",)}, "transforms: 'exp'.*log, log1p, sqrt"),
        ({"subpixels": "some"}, "subpixels: 'some'.*merged, separate"),
        ({"months": (3,)}, r"no feature of .* fits setting months=\(3,\): it holds 2, 7"),
        (
            {"cubes": ("day-1km",), "bands": ("C13",)},
            r"settings cubes=\('day-1km',\), bands=\('C13',\) together: .*day-1km has bands C03 at 18:00",
        ),
    ],
)
def test_feature_that_the_store_does_not_have_is_refused(store, selection, told):
    with pytest.raises(ConfigError, match=told):
        features.resolve(FeatureSelection(**selection), store)
