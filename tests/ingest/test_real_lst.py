"""96 real granules at 10 km: the store against a direct float64 computation by netCDF4 and NumPy."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import netCDF4
import numpy as np
import pytest
import xarray as xr

import lake
from ingest import ingestion
from ingest.listing import listing
from ingest.plan import domains
from ingest.publish import merging
from lake.format import keys
from lake.format.grid import lonlat
from lake.storage.connect import connect

KEY = "goes16/lst-10km/{}/geom-goes-fulldisk-0"
DECEMBER, FEBRUARY = ("2022-12-01", "2022-12-31"), ("2023-02-01", "2023-02-28")
BOTH = (DECEMBER[0], FEBRUARY[1])

EPS = np.finfo(np.float32).eps


@dataclass(frozen=True)
class Oracle:
    """Everything observed, straight from the files."""

    values: dict[tuple[int, int], np.ndarray]
    """(month, tod) -> (time, row, column) K, NaN where not retrieved."""
    land: dict[str, np.ndarray]
    """Name of a file -> (row, column) of its land."""


@pytest.fixture(scope="module")
def oracle(shared_data) -> Oracle:
    observed = defaultdict(list)
    land = {}
    for path in sorted((shared_data / "abi" / "lstf").iterdir()):
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            counts, dqf, pqi = (np.asarray(file[name][:]) for name in ("LST", "DQF", "PQI"))
            low, high = file["LST"].valid_range
            scale = float(file["LST"].scale_factor)
            valid = (dqf <= 2) & (counts >= low) & (counts <= high)
            kelvin = counts.astype(np.float64) * scale + float(file["LST"].add_offset)
            seconds = float(file["time_bounds"][0])
        start = datetime(2000, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=seconds)
        observed[start.month, start.hour * 3600].append(np.where(valid, kelvin, np.nan))
        land[path.name] = (pqi != 65535) & np.isin((pqi >> 6) & 3, (0, 1))
    return Oracle({slot: np.stack(images) for slot, images in observed.items()}, land)


@pytest.fixture(scope="module")
def root(shared_data, client, tmp_path_factory) -> str:
    """A lake with the whole span ingested at once, and both periods and what they merge to."""
    source = str(shared_data / "abi" / "lstf")
    folders = {name: str(tmp_path_factory.mktemp(name)) for name in ("whole", "halves")}
    for folder, spans in (("whole", [BOTH]), ("halves", [DECEMBER, FEBRUARY])):
        for t0, tf in spans:
            rules = listing.load("lst-10km", [f"t0={t0}", f"tf={tf}"])
            ingestion.run(client, rules, source, folders[folder])
    halves = [
        keys.parse(KEY.format("_".join(span).replace("-", ""))) for span in (DECEMBER, FEBRUARY)
    ]
    merging.merge(client, halves, folders["halves"])
    return folders


@pytest.fixture(scope="module", params=["whole", "halves"])
def store(request, root):
    return lake.open(f"{root[request.param]}/{KEY.format('20221201_20230228')}")


def test_store_names_the_days_of_its_files_and_calls_no_land_invented(store, shared_data):
    stamps = {path.name.split("_s")[1][:7] for path in (shared_data / "abi" / "lstf").iterdir()}
    days = sorted(datetime.strptime(stamp, "%Y%j").date().isoformat() for stamp in stamps)  # noqa: DTZ007
    provenance = store.attributes["provenance"]
    assert provenance["days"] == {"first": days[0], "last": days[-1], "count": len(days)}
    assert "invented" not in provenance


def test_every_metric_of_every_cell_equals_the_direct_computation(store, oracle):
    assert store.months == (2, 12)
    results = store.block("lst-10km", slice(None))[:, :, 0, :, :, 0]  # (month, tod, metric, pixel)
    row, column = store.domain.row, store.domain.column
    assert len(oracle.values) == 48
    for (month, tod), images in oracle.values.items():
        _check_cell(results[month - 1, tod // 3600], images[:, row, column])


def _check_cell(results: np.ndarray, x: np.ndarray) -> None:
    """One (metric, pixel) against (time, pixel).

    Minimum and maximum are single observations and the mean is rounded once: float32 rounding.
    m2, m3, m4 inherit the rounding of a mean of about 300 K where two stored halves are merged, so
    they are compared to float32 rounding of n s^k and of n |mean| s^(k-1), s the largest deviation.
    """
    n = np.isfinite(x).sum(axis=0)
    is_observed = n > 0
    assert np.array_equal(results[0], n)
    assert np.isnan(results[1:, ~is_observed]).all()
    results, x, n = results[:, is_observed].astype(np.float64), x[:, is_observed], n[is_observed]
    mean = np.nansum(x, axis=0) / n
    assert np.array_equal(results[1], np.nanmin(x, axis=0).astype(np.float32))
    assert np.array_equal(results[2], np.nanmax(x, axis=0).astype(np.float32))
    np.testing.assert_allclose(results[3], mean, rtol=EPS)
    deviation = x - mean
    spread = np.nanmax(np.abs(deviation), axis=0)
    for k, metric in ((2, results[4]), (3, results[5]), (4, results[6])):
        direct = np.nansum(deviation**k, axis=0)
        allowed = (
            2 * EPS * n * (spread**k + k * mean * spread ** (k - 1)) + k * n * (EPS * mean) ** k
        )
        assert (np.abs(metric - direct) <= allowed).all()


def test_moments_of_a_single_pass_are_rounded_once(root, oracle):
    store = lake.open(f"{root['whole']}/{KEY.format('20221201_20230228')}")
    results = store.results("lst-10km").isel(subpixel=0, band=0)
    x = oracle.values[12, 64800][:, store.domain.row, store.domain.column]
    complete = np.isfinite(x).all(axis=0)
    deviation = x[:, complete] - x[:, complete].mean(axis=0)
    for k in (2, 3, 4):
        stored = results.sel(month=12, tod=64800, metric=f"m{k}").values[complete]
        scale = (np.abs(deviation) ** k).sum(axis=0)
        # the direct float64 mean itself is off by a few 1e-14 K
        np.testing.assert_array_less(
            np.abs(stored - (deviation**k).sum(axis=0)), EPS * scale + 1e-12
        )


def test_halves_merged_equal_the_whole(root):
    whole, merged = (
        lake.open(f"{root[n]}/{KEY.format('20221201_20230228')}") for n in ("whole", "halves")
    )
    blocks = [s.block("lst-10km", slice(0, 20000)) for s in (whole, merged)]
    np.testing.assert_array_equal(*blocks)  # the periods share no month: nothing is rounded twice


@pytest.mark.parametrize("name", ["whole", "halves"])
def test_domain_is_the_land_of_at_least_half_of_the_files_it_names(root, name, oracle):
    key = keys.parse(KEY.format("20221201_20230228"))
    store = lake.open(f"{root[name]}/{key}")
    files = domains.origin_of(connect(root[name]), key).files
    assert len(files) == 9
    assert len({file.partition("_s")[2][7:9] for file in files}) > 1, "hours differ"
    land = 2 * sum(oracle.land[file].astype(int) for file in files) >= len(files)
    assert np.isfinite(store.domain.lonlat()).all()
    mask = store.m_domain("10km")
    assert not (mask & ~land).any()
    y, x = np.moveaxis(store.geom("10km"), -1, 0)
    lon, _ = lonlat(store.domain.grid.projection, y, x)
    assert np.isnan(lon[land & ~mask]).all()  # off the limb: no longitude, no pixel


def test_domain_agrees_with_an_independent_land_mask(store, shared_data):
    with np.load(shared_data / "maps" / "land" / "globe_combined_mask_compressed.npz") as file:
        ocean, lats, lons = file["mask"], file["lat"], file["lon"]
    y, x = store.geom("10km")[..., 0], store.geom("10km")[..., 1]
    lon, lat = lonlat(store.domain.grid.projection, y, x)
    on_earth = np.isfinite(lon)
    step = abs(lats[1] - lats[0])
    land = np.zeros(lon.shape, bool)
    rows = np.clip(np.rint((lat[on_earth] - lats[0]) / (lats[1] - lats[0])), 0, lats.size - 1)
    columns = np.clip(np.rint((lon[on_earth] - lons[0]) / step), 0, lons.size - 1)
    land[on_earth] = ~ocean[rows.astype(int), columns.astype(int)]
    # away from coasts: all nine neighbours agree in the independent mask
    neighbours = sum(np.roll(land, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1))
    inland = on_earth & np.isin(neighbours, (0, 9))
    agree = (store.m_domain("10km") == land)[inland].mean()
    assert agree > 0.98


def test_plain_xarray_reads_what_the_store_reads(store):
    tree = xr.open_datatree(store.url, engine="zarr", chunks=None)
    plain = tree["lst-10km"]["results"].sel(month=2, tod=43200, band="LST", metric="m1")
    store_values = store.results("lst-10km").sel(month=2, tod=43200, band="LST", metric="m1")
    np.testing.assert_array_equal(plain.values, store_values.values)
