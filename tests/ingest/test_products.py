"""Listings of SST over water, and of L1b bands under the cloud mask (ACM), equal plain NumPy."""

from datetime import UTC, datetime
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import lake
from ingest import ingestion
from ingest.listing import listing
from ingest.listing.listing import Listing
from ingest.synthetic import granules
from ingest.synthetic.landscape import Landscape, landscape
from ingest.synthetic.scene import scene
from lake.errors import ConfigError
from lake.format.bands import Quantity
from lake.format.moments import METRICS
from tests.compare import EPS
from tests.oracle import decoded

SHAPE, SEED, TOD = (40, 48), 3, 64800
DAYS = (8, 9, 10, 11)
SST = """
sat = "goes16"
listing = "sst-2km"
t0 = 2022-07-01
tf = 2022-07-31
sector = "fulldisk"
tolerance_s = 900

[clear_sky]
product = "ABI-L2-SSTF"
rule = "high"
meaning = "DQF == 0: good quality"

[domain]
product = "ABI-L2-SSTF"
rule = "water"

[layout]
chunk = 128
phases = 4

[cubes.sst-2km]
resolution = "2km"
product = "ABI-L2-SSTF"
variable = "SST"
bands = ["SST"]
tods = [64800]
"""
CLOUD_MASK = [
    "t0=2022-07-01", "tf=2022-07-31", "layout.chunk=128", "layout.phases=4",
    "listing=clear-by-acm",
    "clear_sky.product=ABI-L2-ACMC", "clear_sky.rule=clear",
    "domain.product=ABI-L2-ACMC", "domain.rule=mask",
]  # fmt: skip


@pytest.fixture(scope="module")
def country() -> Landscape:
    return landscape(SHAPE, SEED)


@pytest.fixture(scope="module")
def source(country, tmp_path_factory) -> Path:
    """One scan of four days: two bands of each resolution, cloud mask, SST, LST."""
    folder = tmp_path_factory.mktemp("source")
    for day in DAYS:
        when = datetime(2022, 7, day, 18, tzinfo=UTC) + granules.FIRST_SCAN
        products = ("ABI-L2-LSTC", "ABI-L2-ACMC", "ABI-L2-SSTF")
        granules.write_scene(folder, scene(country, when), ("C02", "C03", "C06", "C13"), products)
    return folder


@pytest.fixture(scope="module")
def mask(country, tmp_path_factory) -> str:
    """A land mask of the invented country: of each cell the nearest pixel."""
    lat = np.arange(country.lat.max() + 0.5, country.lat.min() - 0.5, -0.02)
    lon = np.arange(country.lon.min() - 0.5, country.lon.max() + 0.5, 0.02)
    centre_lat, centre_lon = np.meshgrid(lat - 0.01, lon + 0.01, indexing="ij")
    pixels = np.stack([country.lat.ravel(), country.lon.ravel()], 1)
    nearest = [
        np.argmin(((pixels - row[:, None]) ** 2).sum(axis=2), axis=1)
        for row in np.stack([centre_lat, centre_lon], 2)
    ]
    path = tmp_path_factory.mktemp("mask") / "country.npz"
    np.savez(path, mask=~country.land.ravel()[np.array(nearest)], lat=lat, lon=lon)
    return str(path)


@pytest.fixture(scope="module")
def sst_rules(mask, tmp_path_factory) -> Listing:
    path = tmp_path_factory.mktemp("listing") / "sst.toml"
    path.write_text(SST)
    return listing.load(str(path), [f"domain.mask={mask}"])


def acm_rules(mask: str, *more: str) -> Listing:
    cubes = (
        ("day-2km", ["C06", "C13"]),
        ("day-1km", ["C03"]),
        ("day-500m", ["C02"]),
    )
    raw = listing.load("clearland-l1b-c0", [*CLOUD_MASK, f"domain.mask={mask}", *more]).to_dict()
    tables = raw["cubes"]
    raw["cubes"] = {name: tables[name] | {"bands": bands, "tods": [TOD]} for name, bands in cubes}
    return Listing.from_dict(raw)


def raw_values(path: Path, *names: str) -> list[np.ndarray]:
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return [file[name][:] for name in names]


def metrics(values: np.ndarray) -> dict[str, np.ndarray]:
    """The seven metrics of (step, y, x) by float64 NumPy; NaN is no observation."""
    count = np.isfinite(values).sum(axis=0)
    filled = np.where(np.isfinite(values), values, 0)
    mean = filled.sum(axis=0) / np.where(count, count, np.nan)
    deviation = np.where(np.isfinite(values), values - mean, 0)
    low, high = (np.where(np.isfinite(values), values, fill) for fill in (np.inf, -np.inf))
    powers = {f"m{n}": (deviation**n).sum(axis=0) for n in (2, 3, 4)}
    every = {"count": count, "min": low.min(axis=0), "max": high.max(axis=0), "m1": mean} | powers
    return {
        name: np.where(count > 0, every[name], 0 if name == "count" else np.nan) for name in METRICS
    }


def assert_equal_to(store: lake.Store, cube: str, band: str, values: np.ndarray) -> None:
    """A cell of a store has the metrics of (step, y, x) values of its cube's resolution."""
    cell = store.results(cube).sel(month=7, tod=TOD, band=band)
    inside = store.m_domain(store.cubes[cube].resolution)
    for name, expected in metrics(values).items():
        grid = store.to_grid(cell.sel(metric=name).values)
        scale = np.nanmax(np.abs(expected[inside]))
        np.testing.assert_allclose(
            grid[inside], expected[inside], rtol=8 * EPS, atol=4e-6 * scale, err_msg=name
        )


@pytest.fixture(scope="module")
def sst_store(client, source, sst_rules, tmp_path_factory) -> lake.Store:
    (outcome,) = ingestion.run(client, sst_rules, str(source), str(tmp_path_factory.mktemp("sst")))
    assert outcome.merged == len(DAYS)
    return lake.open(outcome.url)


def sst_values(source: Path, largest: int) -> np.ndarray:
    """(step, y, x) temperatures of quality flags up to the largest, by the packing of the files."""
    images = []
    for path in sorted(source.glob("*SSTF*")):
        counts, dqf = raw_values(path, "SST", "DQF")
        scale, offset = float(np.float32(0.00244163)), 180.0
        good = (dqf >= 0) & (dqf <= largest) & (counts <= 65530)
        images.append(np.where(good, counts * scale + offset, np.nan))
    return np.array(images)


def test_statistics_of_sst_are_those_of_numpy_over_water(sst_store, source, country):
    water = country.on_earth & ~country.land
    inside = sst_store.m_domain("2km")
    assert (inside == water).mean() > 0.97  # cells of the mask and pixels meet at the coast
    assert 0.05 < inside.mean() < 0.95
    values = sst_values(source, 0)
    assert np.isfinite(values[:, inside]).sum() > 500
    assert_equal_to(sst_store, "sst-2km", "SST", values)


def test_store_of_sst_says_quantity_and_unit_to_every_reader(sst_store):
    cube = sst_store.cubes["sst-2km"]
    assert cube.quantity == Quantity("sea surface temperature", "K")
    mean = sst_store.metrics("sst-2km", ("mean",))["mean"]
    assert mean.attrs["units"] == "K"
    assert "sea surface temperature" in mean.attrs["long_name"]
    entry = sst_store.attributes["listing"]
    assert entry["clear_sky"]["meaning"] == "DQF == 0: good quality"
    assert "domain.mask" in entry["domain"]["meaning"]


def test_degraded_retrievals_count_by_the_rule_retrieved(client, source, sst_rules, tmp_path):
    raw = sst_rules.to_dict()
    raw["clear_sky"] = {"product": "ABI-L2-SSTF", "rule": "retrieved"}
    rules = Listing.from_dict(raw)
    (outcome,) = ingestion.run(client, rules, str(source), str(tmp_path))
    values = sst_values(source, 2)
    assert np.isfinite(values).sum() > np.isfinite(sst_values(source, 0)).sum()
    assert_equal_to(lake.open(outcome.url), "sst-2km", "SST", values)


def band_values(source: Path, clear: np.ndarray) -> dict[str, np.ndarray]:
    """By band, (step, y, x) quantities where the coarse pixel is clear and all its bands are good."""
    quantities: dict[str, list[np.ndarray]] = {}
    for step in range(len(DAYS)):
        valid, images = clear[step], {}
        for band in ("C02", "C03", "C06", "C13"):
            path = sorted(source.glob(f"*M6{band}*"))[step]
            images[band], good = decoded(path)
            r = good.shape[0] // valid.shape[0]
            blocks = good.reshape(valid.shape[0], r, valid.shape[1], r)
            valid = valid & blocks.all(axis=(1, 3))
        for band, image in images.items():
            r = image.shape[0] // valid.shape[0]
            fine = np.kron(valid, np.ones((r, r), bool))
            quantities.setdefault(band, []).append(np.where(fine, image, np.nan))
    return {band: np.array(images) for band, images in quantities.items()}


@pytest.mark.parametrize("domain_rule", ["mask", "water"])
def test_bands_under_the_cloud_mask_are_those_of_numpy(
    client, source, mask, country, tmp_path, domain_rule
):
    rules = acm_rules(mask, f"domain.rule={domain_rule}")
    (outcome,) = ingestion.run(client, rules, str(source), str(tmp_path))
    assert outcome.merged == len(DAYS)
    store = lake.open(outcome.url)
    surface = country.land if domain_rule == "mask" else ~country.land
    assert (store.m_domain("2km") == surface).mean() > 0.97
    clear = np.array([
        (bcm == 0) & (dqf == 0)
        for bcm, dqf in (raw_values(path, "BCM", "DQF") for path in sorted(source.glob("*ACMC*")))
    ])  # fmt: skip
    assert 0.1 < clear.mean() < 0.9
    values = band_values(source, clear)
    for cube in store.cubes.values():
        for band in cube.bands:
            assert_equal_to(store, cube.name, band, values[band])


def test_cloud_mask_decides_by_its_own_flags_not_those_of_lst(source, mask, client, tmp_path):
    """On water LST has no clear pixel at all."""
    (outcome,) = ingestion.run(
        client, acm_rules(mask, "domain.rule=water"), str(source), str(tmp_path)
    )
    store = lake.open(outcome.url)
    count = store.results("day-2km").sel(month=7, tod=TOD, band="C13", metric="count")
    assert float(count.sum()) > 500


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["clear_sky.rule=clear-land"], "clear_sky.rule is 'clear-land': wanted one of clear"),
        (["domain.rule=land"], "domain.rule is 'land': wanted one of mask, water"),
        (["domain.rule=water", "domain.mask=none"], "domain.mask is 'none', domain.rule 'water'"),
        (["clear_sky.meaning=cloudless"], "clear_sky.meaning of 'clear' is 'cloudless'"),
        (["domain.product=ABI-L2-LSTC", "domain.rule=land"], "wanted one product for both"),
        (
            ["cubes.day-2km.product=ABI-L2-ACMC", "cubes.day-2km.variable=BCM"],
            "cubes.day-2km.product is 'ABI-L2-ACMC': wanted one of ABI-L1b-RadC",
        ),
    ],
)
def test_listing_by_the_cloud_mask_that_cannot_work_is_an_error(overrides, message):
    with pytest.raises(ConfigError, match=message):
        listing.load("clearland-l1b-c0", [*CLOUD_MASK, *overrides])


def test_cloud_mask_is_there_at_any_time_of_day():
    """LST is hourly, the cloud mask is of every scan."""
    rules = listing.load("clearland-l1b-c0", [*CLOUD_MASK, "cubes.day-2km.tods=[66600]"])
    assert 66600 in rules.tods
