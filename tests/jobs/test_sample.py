import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import lake
from jobs import designs, driver, features, outputs, runs, sample, sampled
from jobs.features import Selection
from jobs.sample import Settings
from lake import order
from lake.errors import ConfigError, DataError
from lake.order import Layout


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
    assert sampled.reason(missing, low, high, 0.5) == told


def test_sample_holds_the_features_of_its_pixels(client, truth):
    run = driver.run(client, truth.root, truth.key, Settings(phase=1, phases=2))
    found = drawn(truth.root, run)
    store = lake.open(f"{truth.root}/{truth.key}")
    chosen = features.settle(Selection(), store)
    everything = features.read(store, chosen, slice(0, store.domain.pixels))
    assert_array_equal(found["features"], everything[:, found["pixel"]].T)
    assert list(found["feature"].values) == [
        str(column) for column in features.columns(chosen, store.cubes.values())
    ]
    phase = order.phase_of(store.domain.pixels, store.domain.layout)
    assert_array_equal(np.sort(found["pixel"]), np.flatnonzero((phase == 1) | (phase == 3)))
    assert_array_equal(found["row"], store.domain.row[found["pixel"]])
    assert (found["probability"] == 0.5).all()
    assert found["kept"].all()


def test_small_domain_is_taken_whole_and_a_large_one_in_few_phases(truth):
    store = runs.open_store(truth.root, truth.key)
    assert sample.settled(Settings(), store).phases == 4
    assert sample.settled(Settings(pixels=200), store).phases == 2
    assert sample.settled(Settings(pixels=1), store).phases == 1
    assert sample.settled(Settings(pixels=1, phases=3), store).phases == 3
    for wrong in (Settings(phase=4), Settings(phases=5)):
        with pytest.raises(ConfigError, match="phases 0 to 3"):
            sample.settled(wrong, store)


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
    assert list(sample.kept(truth.root, run)) == list(np.flatnonzero(found["kept"]))


def test_no_feature_fit_for_use_is_an_error(client, truth):
    with pytest.raises(DataError, match=r"no feature .* 675 pixels.*max_missing"):
        driver.run(client, truth.root, truth.key, Settings(max_missing=0.0))


def test_default_choices_and_the_same_spelled_out_are_one_run(client, truth, capsys):
    first = driver.run(client, truth.root, truth.key, sample.Settings())
    spelled = Settings(phases=4, features=Selection(months=(2, 7), cubes=("day-2km", "day-1km")))
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
    assert about["generation"] == runs.open_store(truth.root, truth.key).generation
    assert about["run"] == run
    plain = xr.open_zarr(folder)
    assert plain["features"].sel(feature="day-2km/C13/07/64800/mean").shape == (675,)
