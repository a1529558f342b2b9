import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import lake
from jobs.features import features
from jobs.features.features import FeatureSelection
from jobs.runs import driver, outputs, records, settings
from jobs.sampling import designs, sample, writer
from jobs.sampling.hierarchy import Hierarchy
from jobs.sampling.sample import Settings
from jobs.sampling.strata import Strata
from lake.errors import ConfigError, DataError
from lake.format import order
from lake.format.order import Layout


def drawn(root, run):
    return outputs.dataset(root, run)


@given(
    st.integers(1, 2000),
    st.builds(Layout, st.integers(1, 20), st.integers(1, 16)),
    st.data(),
)
def test_sample_takes_evenly_spaced_phases_of_every_superblock(pixels, layout, data):
    phase = data.draw(st.integers(0, layout.phases - 1))
    phases = data.draw(st.integers(1, layout.phases))
    drawn = designs.phase(pixels, layout, phase, phases)
    found = drawn.pixel
    assert (np.diff(found) > 0).all()
    assert (drawn.probability == phases / layout.phases).all()
    of = order.phase_of(pixels, layout)
    assert set(found) == {i for i in range(pixels) if of[i] in {*of[found]}}
    for block in order.superblocks(pixels, layout):
        here = found[(found >= block.start) & (found < block.stop)]
        if block.stop - block.start == layout.superblock:
            assert here.size == phases * layout.chunk
            chosen = sorted({*of[here].tolist()})
            gaps = np.diff([*chosen, chosen[0] + layout.phases])
            assert phase in chosen
            assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(
    ("missing", "low", "high", "told"),
    [
        (0.5, 1, 2, ""),
        (0.51, 1, 2, "missing in 51% of the sample"),
        (1.0, np.nan, np.nan, "missing in 100% of the sample"),
        (0.0, 280, 280, "constant"),
        (0.0, 280, 280.00001, "constant"),
        (0.0, 280, 280.001, ""),
        (0.0, 0, 0, "constant"),
    ],
)
def test_feature_missing_too_often_or_constant_is_dropped(missing, low, high, told):
    assert writer.reason(missing, low, high, 0.5) == told


def test_dropped_features_are_counted_by_reason():
    reasons = ["", writer.CONSTANT, writer.reason(0.7, 0, 1, 0.5), writer.reason(0.6, 0, 1, 0.5)]
    assert writer.dropped(reasons) == (
        "3 of 4 features are dropped: 1 constant, 2 missing too often (max_missing)"
    )
    assert writer.dropped(["", ""]) == ""


def test_sample_holds_the_features_of_its_pixels(client, truth):
    run = driver.run(client, truth.root, truth.key, Settings(phase=1, phases=2))
    found = drawn(truth.root, run)
    store = lake.open(f"{truth.root}/{truth.key}")
    chosen = features.resolve(FeatureSelection(), store)
    everything = features.read(store, chosen, slice(0, store.domain.pixels))
    assert_array_equal(found["features"], everything[:, found["pixel"]].T)
    assert list(found["feature"].values) == [
        str(column) for column in features.columns(chosen, store.cubes.values())
    ]
    phase = order.phase_of(store.domain.pixels, store.domain.layout)
    assert_array_equal(found["pixel"], np.flatnonzero((phase == 1) | (phase == 3)))
    assert_array_equal(found["row"], store.domain.row[found["pixel"]])
    assert (found["probability"] == 0.5).all()
    assert found["kept"].all()


NAME = "day-2km/C13/07/64800/mean"


def checked(client, truth, **given):
    """A sample of 120 pixels: (pixels of the stratum, drawn of it), both told by itself, and its data."""
    run = driver.run(client, truth.root, truth.key, Settings(pixels=120, seed=3, **given))
    found = drawn(truth.root, run)
    store = lake.open(f"{truth.root}/{truth.key}")
    pixel = found["pixel"].values
    assert pixel.size == 120
    assert (np.diff(pixel) > 0).all()
    everything = features.read(store, features.resolve(FeatureSelection(), store), slice(0, 675))
    assert_array_equal(found["features"], everything[:, pixel].T)
    stratum, probability = found["stratum"].values, found["probability"].values
    return np.bincount(stratum, 1 / probability), np.bincount(stratum), found


def test_random_pixels_have_one_probability(client, truth):
    pixels, number, _ = checked(client, truth, design="random")
    assert_allclose(pixels, [675])
    assert number.tolist() == [120]


def test_bins_of_a_coordinate_are_strata(client, truth):
    by = Strata("row", bins=5, allocation="equal")
    pixels, number, found = checked(client, truth, design="stratified", strata=by)
    assert number.tolist() == [24] * 5
    assert_allclose(pixels, [135] * 5)
    assert_array_equal(found["stratum"], np.minimum(found["row"] // 4.8, 4))


def test_clusters_are_strata(client, truth, chain):
    by = Strata(chain.cluster, allocation="equal")
    pixels, number, found = checked(client, truth, design="stratified", strata=by)
    labels = outputs.dataset(truth.root, chain.cluster)["labels"].values
    assert_array_equal(found["stratum"], labels[found["pixel"]])
    assert_allclose(pixels, np.bincount(labels[labels >= 0]))
    assert number.tolist() == [40] * 3
    assert records.read_spec(truth.root, found.attrs["run"]).inputs == {"cluster": chain.cluster}


def test_neymans_shares_are_those_of_the_spread_in_one_phase(client, truth):
    by = Strata("row", 0, (9.0,), "neyman", NAME)
    _, number, found = checked(client, truth, design="stratified", strata=by)
    store = lake.open(f"{truth.root}/{truth.key}")
    one = features.resolve(
        FeatureSelection(("day-2km",), (7,), (64800,), ("C13",), ("mean",)), store
    )
    value = features.read(store, one, slice(0, 675))[0]
    north, phase = store.domain.row < 9, order.phase_of(675, store.domain.layout)
    found = []
    for k in range(4):
        weight = np.array(
            [of.sum() * np.nanstd(value[of & (phase == k)], ddof=1) for of in (north, ~north)]
        )
        found.append(np.abs(number - 120 * weight / weight.sum()).max())
    assert min(found) < 1


def test_cells_of_scores_are_strata_that_leave_out_what_has_none(client, truth, chain):
    by = Hierarchy(chain.pca, (12, 4), 300)
    pixels, number, found = checked(client, truth, design="hierarchical", hierarchy=by)
    assert pixels.sum() == pytest.approx(674)
    assert pixels.size == 12
    assert number.min() >= 1
    assert records.read_spec(truth.root, found.attrs["run"]).inputs == {"pca": chain.pca}


def test_region_holds_all_pixels_of_the_box(client, truth):
    store = records.open_store(truth.root, truth.key)
    lon, lat = store.domain.lonlat()
    box = (lon.min(), np.median(lat), np.median(lon), lat.max())
    run = driver.run(client, truth.root, truth.key, Settings("region", bbox=box))
    found = drawn(truth.root, run)
    assert_array_equal(found["pixel"], store.region(box))
    assert (found["probability"] == 1).all()
    for nowhere, told in (((0.0, 0.0, 1.0, 1.0), "is empty"), ((0.0, 9.0, 1.0, 1.0), "bbox is")):
        with pytest.raises(ConfigError, match=told):
            sample.resolve(Settings("region", bbox=nowhere), store)


def test_settings_are_noted_and_read_back(truth):
    given = ["design=stratified", "strata=lat", "edges=-1.5,30", "statistics=m1,stddev:log"]
    chosen = settings.parse(Settings, given)
    assert chosen.strata == Strata("lat", edges=(-1.5, 30.0))
    (spec,) = sample.specs(truth.root, records.open_store(truth.root, truth.key), chosen)
    noted = settings.restore(Settings, spec.settings)
    assert noted.strata == chosen.strata
    assert noted.features.statistics == ("m1", "stddev:log")
    assert settings.parse(Settings, ["design=region", "bbox=-1,0,1,2.5"]).bbox == (-1, 0, 1, 2.5)


def test_seed_decides_which_phase_and_which_pixels(truth):
    store = records.open_store(truth.root, truth.key)
    for how in ({"phases": 1}, {"design": "random", "pixels": 30}):
        ids = {sample.specs(truth.root, store, Settings(seed=k, **how))[0].id for k in (0, 1, 1)}
        assert len(ids) == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"design": "cluster"}, "design must be one of phase, random, stratified"),
        ({"design": "random", "phase": 1}, "design=random makes no use of phase=1"),
        ({"design": "region", "bbox": (0.0, 0.0, 1.0, 1.0), "pixels": 5}, "no use of pixels=5"),
        ({"design": "region"}, "bbox must be four numbers"),
        ({"bbox": (0.0, 0.0, 1.0, 1.0)}, "design=phase makes no use of bbox"),
        ({"phase": 1, "seed": 2}, "makes no use of seed=2"),
        ({"strata": Strata("x.npy")}, "no use of strata"),
        ({"design": "stratified"}, "strata or scores must be given"),
        ({"design": "hierarchical"}, "strata or scores must be given"),
        ({"pixels": 0}, "pixels"),
        ({"seed": -1}, "seed"),
        ({"phase": -2}, "phase"),
    ],
)
def test_setting_that_the_design_makes_no_use_of_or_that_cannot_work_is_refused(wrong, told):
    with pytest.raises(ConfigError, match=told):
        Settings(**wrong)


def test_what_the_store_or_a_run_does_not_have_is_told_before_anything_runs(truth, chain):
    store = records.open_store(truth.root, truth.key)
    for wrong, told in (
        (Settings("stratified", strata=Strata(chain.pca)), "has no 'labels'"),
        (Settings("hierarchical", hierarchy=Hierarchy(chain.cluster)), "has no 'scores'"),
        (
            Settings(
                "stratified", strata=Strata("row", 2, (), "neyman", NAME.replace("C13", "C1"))
            ),
            "bands: 'C1'",
        ),
        (
            Settings("stratified", strata=Strata("row", 2, (), "neyman", f"{NAME}/s00")),
            "has no feature",
        ),
    ):
        with pytest.raises(ConfigError, match=told):
            sample.specs(truth.root, store, wrong)


def test_small_domain_is_taken_whole_and_a_large_one_in_few_phases(truth):
    store = records.open_store(truth.root, truth.key)
    assert sample.resolve(Settings(), store).phases == 4
    assert sample.resolve(Settings(pixels=200), store).phases == 2
    assert sample.resolve(Settings(pixels=1), store).phases == 1
    assert sample.resolve(Settings(pixels=1, phases=3), store).phases == 3
    assert sample.resolve(Settings("random", pixels=9000), store).pixels == 675
    assert sample.resolve(Settings(pixels=200, phases=1), store) == sample.resolve(
        Settings(pixels=100, phases=1), store
    )
    for wrong in (Settings(phase=4), Settings(phases=5)):
        with pytest.raises(ConfigError, match="phases 0 to 3"):
            sample.resolve(wrong, store)


def test_dropped_features_are_named_with_the_reason(client, truth):
    run = driver.run(client, truth.root, truth.key, Settings(max_missing=0.15))
    found = drawn(truth.root, run)
    dropped = found["feature"].values[~found["kept"].values]
    # of 6 observations, each cloudy with 30 %, fewer than the 4 that kurtosis needs in a quarter
    assert {name.rsplit("/", 1)[1] for name in dropped} == {"kurtosis"}
    assert len(dropped) == 8
    told = found["reason"].sel(feature="day-2km/C13/07/64800/kurtosis").item()
    share = np.isnan(found["features"].sel(feature="day-2km/C13/07/64800/kurtosis")).mean().item()
    assert told == f"missing in {share:.0%} of the sample"
    assert (found["reason"].values[found["kept"].values] == "").all()
    assert list(sample.kept_columns(truth.root, run)) == list(np.flatnonzero(found["kept"]))


def test_no_feature_fit_for_use_is_an_error(client, truth):
    with pytest.raises(DataError, match=r"no feature .* 675 pixels.*max_missing"):
        driver.run(client, truth.root, truth.key, Settings(max_missing=0.0))


def test_default_choices_and_the_same_spelled_out_are_one_run(client, truth, capsys):
    first = driver.run(client, truth.root, truth.key, sample.Settings())
    spelled = Settings(
        phases=4, features=FeatureSelection(months=(2, 7), cubes=("day-2km", "day-1km"))
    )
    assert driver.run(client, truth.root, truth.key, spelled) == first
    assert "already done" in capsys.readouterr().err
    assert driver.run(client, truth.root, truth.key, Settings(phase=1)) != first


def test_group_is_plain_consolidated_zarr_that_names_its_origin(client, truth):
    run = driver.run(client, truth.root, truth.key, sample.Settings())
    folder = Path(truth.root) / "runs" / run / "sample.zarr"
    metadata = json.loads((folder / "zarr.json").read_text())
    arrays = metadata["consolidated_metadata"]["metadata"]
    assert arrays["feature"]["data_type"] == "string"
    assert arrays["features"]["dimension_names"] == ["sample", "feature"]
    about = metadata["attributes"]
    assert about["store"] == truth.key
    assert about["generation"] == records.open_store(truth.root, truth.key).generation
    assert about["run"] == run
    plain = xr.open_zarr(folder)
    assert plain["features"].sel(feature="day-2km/C13/07/64800/mean").shape == (675,)
