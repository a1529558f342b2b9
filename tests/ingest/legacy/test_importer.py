"""The study's pickles and its granules: imported bit for bit, and computed again."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import lake
from ingest import ingestion
from ingest.legacy import importer, pickles
from ingest.listing import listing
from ingest.publish import merging
from lake.catalogue import catalogue
from lake.errors import LegacyError, OverlapError
from lake.format import keys
from lake.format.moments import METRICS
from lake.storage.connect import connect

KEY = "goes16/clearland-l1b-c0/20180101_20201231/geom-goes-conus-0"
CUBE_OF = {"C01": "day-1km", "C02": "day-500m", "C03": "day-1km", "C05": "day-1km"}
EPS = np.finfo(np.float32).eps


def load(path: Path) -> object:
    """The oracle's own way to read the pickles that this project was given."""
    return pickle.loads(path.read_bytes())


@pytest.fixture(scope="module")
def imported(shared_data, client, tmp_path_factory):
    """Lakes of `results` and `results_batched`."""
    roots = {}
    for name in ("results", "results_batched"):
        roots[name] = str(tmp_path_factory.mktemp(name))
        folder, domains = (str(shared_data / "legacy" / f) for f in (name, "domains"))
        (outcome,) = importer.import_results(client, folder, domains, roots[name])
        assert (outcome.key, outcome.merged) == (KEY, len(list(Path(folder).iterdir())))
    return roots


@pytest.fixture(scope="module")
def computed(shared_data, client, tmp_path_factory):
    """A lake of the granules that the pickles were made of."""
    root = str(tmp_path_factory.mktemp("computed"))
    rules = listing.load("clearland-l1b-c0", ["t0=2018-01-01", "tf=2020-12-31"])
    (outcome,) = ingestion.run(client, rules, str(shared_data / "legacy" / "netcdf"), root)
    assert (outcome.key, outcome.merged) == (KEY, 36)
    return root


def legacy_order(tree: xr.DataTree, cube: str, resolution: str) -> np.ndarray:
    """(pixel, subpixel) -> position in the row-major list of the True pixels of m_domain.

    From the store's plain arrays alone: row, column and m_domain.
    """
    mask = tree[f"geom/{resolution}"]["m_domain"].values
    index = np.cumsum(mask.ravel()).reshape(mask.shape) - 1
    refinement = int(np.sqrt(tree[cube].sizes["subpixel"]))
    fine = np.arange(refinement)
    rows = tree["row"].values[:, None, None] * refinement + fine[:, None]
    columns = tree["column"].values[:, None, None] * refinement + fine
    return index[rows, columns].reshape(tree.sizes["pixel"], -1)


def cells(folder: Path):
    """(path, month, tod, band, resolution) of every result."""
    for path in sorted(folder.iterdir()):
        name = pickles.parse_name(path.name)
        resolution = CUBE_OF.get(name.band, "day-2km").removeprefix("day-")
        yield path, name.month, name.tod, name.band, resolution


@pytest.mark.parametrize("name", ["results", "results_batched"])
def test_every_result_reads_back_bit_for_bit_through_plain_xarray(shared_data, imported, name):
    tree = xr.open_datatree(lake.open(f"{imported[name]}/{KEY}").url, engine="zarr", chunks=None)
    checked = 0
    for path, month, tod, band, resolution in cells(shared_data / "legacy" / name):
        expected, _ = load(path)
        cube = f"day-{resolution}"
        order = legacy_order(tree, cube, resolution)
        assert np.array_equal(np.sort(order.ravel()), np.arange(expected["m1"].size))
        stored = tree[cube]["results"].sel(month=month, tod=tod, band=band).values
        for metric, plane in zip(METRICS, stored, strict=True):
            legacy_plane = np.asarray(expected[metric]).astype(np.float32)[order]
            assert plane.tobytes() == legacy_plane.tobytes() or np.array_equal(
                plane, legacy_plane, equal_nan=True
            )
        checked += 1
    assert checked == 48


def test_results_made_in_batches_are_marked_suspect_in_store_and_catalogue(imported):
    assert lake.open(f"{imported['results']}/{KEY}").suspect == ()
    assert lake.open(f"{imported['results_batched']}/{KEY}").suspect == ("m3", "m4")
    (row,) = catalogue.rows(connect(imported["results_batched"]))
    assert row.suspect == "m3 m4"


def test_granules_give_the_same_numbers_as_the_study(shared_data, computed):
    """To float32 rounding: the study worked in float32.

    Minimum, maximum and mean: a few units in the last place of the result's largest value, as
    unpacking takes a difference. Sums of k-th powers: the same of n s^k and of k n size s^(k-1), s
    the range, for deviations between values that are themselves rounded.
    """
    store = lake.open(f"{computed}/{KEY}")
    tree = xr.open_datatree(store.url, engine="zarr", chunks=None)
    for path, month, tod, band, resolution in cells(shared_data / "legacy" / "results"):
        expected, _ = load(path)
        cube = f"day-{resolution}"
        order = legacy_order(tree, cube, resolution)
        stored = (
            tree[cube]["results"].sel(month=month, tod=tod, band=band).values.astype(np.float64)
        )
        study = {m: np.asarray(expected[m], np.float64)[order] for m in METRICS}
        assert np.array_equal(stored[0], study["count"])
        n, low, high = (study[m] for m in ("count", "min", "max"))
        size = np.nanmax(np.maximum(np.abs(low), np.abs(high)))
        for metric in ("min", "max", "m1"):
            error = np.abs(stored[METRICS.index(metric)] - study[metric])
            assert np.nanmax(error / size) < 4 * EPS
        spread = high - low
        for k in (2, 3, 4):
            error = np.abs(stored[METRICS.index(f"m{k}")] - study[f"m{k}"])
            allowed = 4 * EPS * n * (spread**k + k * size * spread ** (k - 1))
            allowed += n * (4 * EPS * size) ** k
            assert not (error > allowed).any(), (path.name, k)


def test_times_of_day_without_files_are_nan_and_named_missing(computed):
    store = lake.open(f"{computed}/{KEY}")
    night = store.block("night-2km", slice(None), 7)
    assert np.isnan(night).all()
    day = store.block("day-2km", slice(None), 7)[0]
    counted = [
        tod
        for tod, plane in zip(store.cubes["day-2km"].tods, day, strict=True)
        if not np.isnan(plane).all()
    ]
    assert sorted(counted) == [54000, 64800, 75600]


def test_importing_again_does_nothing(shared_data, imported, client):
    root = imported["results"]
    before = lake.open(f"{root}/{KEY}").generation
    folders = [str(shared_data / "legacy" / f) for f in ("results", "domains")]
    (outcome,) = importer.import_results(client, *folders, root)
    assert (outcome.merged, outcome.stored) == (0, 48)
    assert lake.open(f"{root}/{KEY}").generation == before


def test_results_that_come_later_are_added(shared_data, client, tmp_path):
    source = tmp_path / "results"
    source.mkdir()
    paths = sorted((shared_data / "legacy" / "results").glob("*_C13.pkl"))
    domains = str(shared_data / "legacy" / "domains")
    for count, path in enumerate(paths[:3], start=1):
        shutil.copy(path, source)
        (outcome,) = importer.import_results(client, str(source), domains, str(tmp_path / "lake"))
        assert (outcome.merged, outcome.stored) == (1, count)
    tree = xr.open_datatree(lake.open(f"{tmp_path}/lake/{KEY}").url, engine="zarr", chunks=None)
    order = legacy_order(tree, "day-2km", "2km")
    for path in paths[:3]:
        name = pickles.parse_name(path.name)
        selection = {"month": name.month, "tod": name.tod, "band": "C13", "metric": "m4"}
        stored = tree["day-2km"]["results"].sel(selection).values
        np.testing.assert_array_equal(stored, load(path)[0]["m4"][order])


def test_legacy_results_and_granules_of_one_period_are_never_mixed(
    shared_data, imported, computed, client
):
    rules = listing.load("clearland-l1b-c0", ["t0=2018-01-01", "tf=2020-12-31"])
    with pytest.raises(OverlapError, match="48 legacy results"):
        ingestion.run(client, rules, str(shared_data / "legacy" / "netcdf"), imported["results"])
    folders = [str(shared_data / "legacy" / f) for f in ("results", "domains")]
    with pytest.raises(OverlapError, match="holds time steps of granules"):
        importer.import_results(client, *folders, computed)


def test_stores_with_legacy_results_are_merged_by_disjoint_periods_alone(
    shared_data, imported, client
):
    granules = str(shared_data / "legacy" / "netcdf")
    rules = listing.load("clearland-l1b-c0", ["t0=2018-06-01", "tf=2021-12-31"])
    overlapping = ingestion.run(client, rules, granules, imported["results"])[0].key
    with pytest.raises(OverlapError, match="overlap, and legacy results do not say"):
        merging.merge(client, [keys.parse(KEY), keys.parse(overlapping)], imported["results"])


def test_hostile_pickle_stops_the_import_and_nothing_is_visible(shared_data, client, tmp_path):
    source = tmp_path / "results"
    source.mkdir()
    name = next((shared_data / "legacy" / "results").iterdir()).name
    (source / name).write_bytes(b"cposix\nsystem\n(S'touch pwned'\ntR.")
    root = tmp_path / "lake"
    with pytest.raises(LegacyError, match="posix"):
        importer.import_results(
            client, str(source), str(shared_data / "legacy" / "domains"), str(root)
        )
    assert catalogue.rows(connect(root)) == []
    assert not (tmp_path / "pwned").exists()


def test_listing_of_the_store_says_what_was_measured(computed):
    recorded = lake.open(f"{computed}/{KEY}").attributes["listing"]
    assert json.loads(json.dumps(recorded))["clear_sky"]["rule"] == "clear-land"
