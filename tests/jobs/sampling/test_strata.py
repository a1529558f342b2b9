import numpy as np
import pytest
from numpy.testing import assert_array_equal

from jobs.runs import records
from jobs.sampling import strata
from jobs.sampling.strata import Strata
from lake.errors import ConfigError, DataError, MissingError


@pytest.fixture
def store(truth):
    return records.open_store(truth.root, truth.key)


def labels(truth, store, **settings):
    return strata.labels(truth.root, store, strata.resolve(Strata(**settings)))


def test_bins_of_a_coordinate_are_equally_wide_and_edges_are_those_given(truth, store):
    row = store.domain.row
    assert_array_equal(labels(truth, store, strata="row", bins=4), np.minimum(row // 6, 3))
    found = labels(truth, store, strata="row", edges=(3.0, 20.0))
    assert_array_equal(found, (row >= 3).astype(int) + (row >= 20))
    lat = store.domain.lonlat()[1]
    found = labels(truth, store, strata="lat", bins=3)
    width = (lat.max() - lat.min()) / 3
    assert_array_equal(found, np.minimum((lat - lat.min()) // width, 2))


def test_labels_of_a_file_are_by_pixel_or_by_row_and_column(truth, store, tmp_path):
    domain = store.domain
    grid = np.arange(25 * 27).reshape(25, 27) % 7 - 1
    wanted = grid[domain.row, domain.column]
    for values in (grid.astype(np.int16), wanted, (wanted + 1).astype(np.uint64)):
        np.save(tmp_path / "x.npy", values)
        found = labels(truth, store, strata=f"{tmp_path}/x.npy")
        assert_array_equal(found, wanted + (values.dtype == np.uint64))


def test_labels_of_a_run_are_those_it_made(truth, store, chain):
    found = labels(truth, store, strata=chain.cluster)
    assert found.shape == (675,)
    assert found[5] == -1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros(675), "float64"),
        (np.zeros(12, int), r"\(12,\).*wanted.*\(675,\) or \(25, 27\)"),
        (np.full(675, "a"), "<U1"),
        (np.full(675, 1 << 40), "largest label.*wanted 0 to 99999"),
        (np.full(675, -1), "largest label .* is -1"),
    ],
)
def test_file_that_holds_no_labels_is_told(truth, store, tmp_path, values, told):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DataError, match=told):
        labels(truth, store, strata=f"{tmp_path}/x.npy")


def test_file_that_is_not_there_no_array_or_not_what_it_was_is_told(truth, store, tmp_path):
    path = tmp_path / "x.npy"
    with pytest.raises(MissingError, match=r"x\.npy"):
        strata.resolve(Strata(str(path)))
    for nothing in (b"", b"nothing"):
        path.write_bytes(nothing)
        with pytest.raises(DataError, match="no NumPy array"):
            labels(truth, store, strata=str(path))
    before = strata.resolve(Strata(str(path)))
    path.write_bytes(b"other")
    assert strata.resolve(Strata(str(path))) != before
    with pytest.raises(DataError, match="has changed"):
        strata.labels(truth.root, store, before)


def test_file_means_the_same_to_every_process(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros(3, int))
    monkeypatch.chdir(tmp_path)
    assert strata.resolve(Strata("x.npy")).strata == str(tmp_path / "x.npy")
    assert strata.resolve(Strata("cluster-0", sha256="of nothing")) == Strata("cluster-0")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"strata": "lat"}, "bins or edges"),
        ({"strata": "lat", "bins": 2, "edges": (1.0,)}, "bins or edges"),
        ({"strata": "cluster-0", "bins": 2}, "bins or edges"),
        ({"strata": "lat", "bins": -1}, "bins must be 0"),
        ({"strata": "lat", "edges": (2.0, 1.0)}, "edges must rise"),
        ({"strata": "x.npy", "allocation": "some"}, "allocation must be one of proportional"),
        ({"strata": "x.npy", "allocation": "neyman"}, "neyman must be"),
        ({"strata": "x.npy", "neyman": "day-2km/C13/07/64800/mean"}, "neyman must be"),
        ({"strata": "x.npy", "allocation": "neyman", "neyman": "mean"}, "no name of a feature"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, told):
    with pytest.raises(ConfigError, match=told):
        Strata(**wrong)
