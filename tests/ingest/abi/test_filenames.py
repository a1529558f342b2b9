import re
from pathlib import Path

import netCDF4
import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ingest.abi import filenames
from lake.errors import ConfigError, GranuleError

stamps = st.from_regex(re.compile(r"20[0-9]{12}", re.ASCII), fullmatch=True)


@given(
    product=st.sampled_from(sorted(filenames.PRODUCTS)),
    mode=st.sampled_from(["M3", "M4", "M6"]),
    band=st.none() | st.integers(1, 16).map("C{:02}".format),
    sat=st.integers(16, 19),
    times=st.tuples(stamps, stamps, stamps),
)
def test_parse_name_gives_back_the_parts_of_any_name(product, mode, band, sat, times):
    start, end, creation = times
    name = f"s3://bucket/x/OR_{product}-{mode}{band or ''}_G{sat}_s{start}_e{end}_c{creation}.nc"
    assert filenames.parse_name(name) == filenames.FileName(
        product, mode, band, f"goes{sat}", start, end, creation
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notes.txt",
        "OR_ABI-L2-LSTC-M3_G16_s20190620302131_e20190620304504_c20190620305154.nc.tmp",
        "OR_ABI-L2-LSTC-M3_G16_s2019062030213_e20190620304504_c20190620305154.nc",
        "OR_GLM-L2-LCFA_G16_s20190620302131_e20190620304504_c20190620305154.nc",
        "goes16_clearland-l1b-c0_20170701_20240630_geom-goes-conus-0_07_64800_C13.pkl",
    ],
)
def test_parse_name_of_another_file_is_an_error(name):
    with pytest.raises(GranuleError, match="not named like an ABI granule"):
        filenames.parse_name(name)


def test_every_real_granule_starts_in_a_minute_of_its_product(shared_data: Path):
    names = [filenames.parse_name(str(path)) for path in shared_data.rglob("OR_*.nc")]
    assert len(names) > 400
    for name in names:
        assert int(name.start[9:11]) in filenames.product(name.product).minutes
        assert name.sat == "goes16"


def test_unknown_product_is_an_error_that_names_the_known():
    with pytest.raises(ConfigError, match=r"ABI-L2-SSTF.*wanted one of ABI-L1b-RadC"):
        filenames.product("ABI-L2-SSTF")


def test_unpack_is_nan_at_fill_and_out_of_the_valid_range():
    table = filenames.unpack(10, 0.5, -1.0, (2, 7), 5)
    assert_array_equal(table, [np.nan, np.nan, 0, 0.5, 1, np.nan, 2, 2.5, np.nan, np.nan])


def test_reflectance_factor_is_pi_d_squared_radiance_by_solar_irradiance():
    """Constants of the real CMIP granule of band 1, 2017-09-23: esun, d in astronomical units."""
    kappa0 = np.pi * 1.0033478**2 / 2047.9382
    radiance = np.array([-25.93665, 0.0, 600.0])
    assert_allclose(filenames.reflectance_factor(radiance, 0.0015443), radiance * kappa0, rtol=5e-5)


@pytest.mark.parametrize(
    "planck",
    [
        filenames.Planck(202263.0, 3698.19, 0.43361, 0.99939),
        filenames.Planck(10803.3, 1392.74, 0.0755, 0.99975),
        filenames.Planck(6454.62, 1173.03, 0.21702, 0.99916),
    ],
    ids=["C07", "C13", "C15"],
)
def test_brightness_temperature_inverts_the_law_of_planck(planck):
    """The law with the constants of CODATA 2018, at the wavenumber that fk2 stands for."""
    h, c, k = 6.62607015e-34, 299792458.0, 1.380649e-23
    wavenumber = planck.fk2 * k / (h * c)  # 1/m
    temperature = np.linspace(180, 340, 33)
    effective = planck.bc1 + planck.bc2 * temperature
    per_metre = 2 * h * c**2 * wavenumber**3 / np.expm1(h * c * wavenumber / (k * effective))
    radiance = per_metre * 1e5  # W m-2 sr-1 m -> mW m-2 sr-1 cm
    assert_allclose(filenames.brightness_temperature(radiance, planck), temperature, atol=0.02)


def test_brightness_temperature_of_a_radiance_not_above_zero_is_nan():
    planck = filenames.Planck(10803.3, 1392.74, 0.0755, 0.99975)
    temperature = filenames.brightness_temperature(np.array([-1.6, 0.0, np.nan, 1e-3]), planck)
    assert_array_equal(np.isnan(temperature), [True, True, True, False])


BASELINE_MASKS = (22, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32)


@pytest.mark.parametrize(
    ("valid_range", "flag_masks", "product_version", "version"),
    [
        ((0, 40), None, None, "v01"),
        (None, BASELINE_MASKS, None, "v01"),
        (None, None, "v01r00", "v01"),
        ((0, 40), BASELINE_MASKS, "v01r00", "v01"),
        ((0, 3), None, None, "v02"),
        (None, (3, 3, 3, 3), None, "v02"),
        (None, None, "v02r01", "v02"),
        ((0, 3), (3, 3, 3, 3), "v02r00", "v02"),
    ],
)
def test_lst_version_is_told_by_each_hint_alone_and_by_all(
    valid_range, flag_masks, product_version, version
):
    assert filenames.lst_version("a.nc", valid_range, flag_masks, product_version) == version


@pytest.mark.parametrize(
    ("valid_range", "flag_masks", "product_version"),
    [
        (None, None, None),
        ((0, 255), (1, 2), "unknown"),
        ((0, 40), (3, 3, 3, 3), None),
        ((0, 3), None, "v01r00"),
        ((0, 3), (3, 3, 3, 3), "v03r00"),
    ],
)
def test_lst_version_without_hints_or_with_hints_that_disagree_is_an_error(
    valid_range, flag_masks, product_version
):
    with pytest.raises(GranuleError, match=r"a\.nc: cannot tell which LST quality flags"):
        filenames.lst_version("a.nc", valid_range, flag_masks, product_version)


@pytest.mark.parametrize(
    ("dqf", "clear_land", "retrieved", "high", "land"),
    [
        (0, True, True, True, True),
        (2, False, False, False, True),
        (4, False, False, False, True),
        (8, False, True, False, True),
        (32, False, True, False, True),
        (40, False, True, False, True),
        (16, False, False, False, False),
        (20, False, False, False, False),
        (65535, False, False, False, False),
    ],
)
def test_baseline_rules_of_each_flag(dqf, clear_land, retrieved, high, land):
    flags = filenames.LstFlags("v01", np.array([dqf], np.uint16), None)
    found = [filenames.is_clear(rule, flags)[0] for rule in ("clear-land", "retrieved", "high")]
    assert found == [clear_land, retrieved, high]
    assert filenames.is_land(flags)[0] == land


CLEAR, PROBABLY_CLEAR, PROBABLY_CLOUDY, CLOUDY = 0, 4, 8, 12
SNOW, LAND, LAKE, OCEAN = 0, 64, 128, 192


@pytest.mark.parametrize(
    ("dqf", "pqi", "clear_land", "retrieved", "high", "land"),
    [
        (0, CLEAR | LAND, True, True, True, True),
        (1, CLEAR | LAND, True, True, False, True),
        (2, CLEAR | SNOW, True, True, False, True),
        (2, PROBABLY_CLEAR | LAND, True, True, False, True),
        (3, CLEAR | LAND, False, False, False, True),
        (0, PROBABLY_CLOUDY | LAND, False, True, True, True),
        (0, CLOUDY | LAND, False, True, True, True),
        (0, CLEAR | LAKE, False, True, True, False),
        (0, CLEAR | OCEAN, False, True, True, False),
        (3, 65535, False, False, False, False),
        (65535, 65535, False, False, False, False),
    ],
)
def test_enterprise_rules_of_each_flag(dqf, pqi, clear_land, retrieved, high, land):
    always_set = 1 | 2 | 1024 | 32768
    flags = filenames.LstFlags(
        "v02", np.array([dqf], np.uint16), np.array([pqi | always_set], np.uint16)
    )
    found = [filenames.is_clear(rule, flags)[0] for rule in ("clear-land", "retrieved", "high")]
    assert found == [clear_land, retrieved, high]
    assert filenames.is_land(flags)[0] == land


@pytest.mark.parametrize(
    ("dqf", "pqi", "clear"),
    [
        (0, CLEAR | LAND, True),
        (2, PROBABLY_CLEAR | LAKE, True),
        (1, CLEAR | OCEAN, True),
        (0, PROBABLY_CLOUDY | LAND, False),
        (3, CLEAR | LAND, False),
        (65535, 65535, False),
    ],
)
def test_clear_sky_without_surface_is_the_same_on_any_surface(dqf, pqi, clear):
    flags = filenames.LstFlags("v02", np.array([dqf], np.uint16), np.array([pqi], np.uint16))
    assert filenames.is_clear("clear", flags)[0] == clear
    before = filenames.LstFlags("v01", np.array([0, 2, 4, 8, 16, 32, 65535], np.uint16), None)
    assert filenames.is_clear("clear", before).tolist() == [True, *[False] * 6]


def test_flags_without_the_quality_information_of_their_version_are_an_error():
    with pytest.raises(ValueError, match="PQI"):
        filenames.LstFlags("v02", np.zeros(1, np.uint16), None)


def read_lst(path: Path, *variables: str) -> list[np.ndarray]:
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return [file[name][:] for name in variables]


def counted(path: Path) -> tuple[int, int]:
    """NOAA's own counts: retrieved, and of these good."""
    with netCDF4.Dataset(path) as file:
        return int(file["total_pixels_where_lst_is_retrieved"][:]), int(
            file["number_good_retrievals"][:]
        )


def test_rules_on_the_real_baseline_granule_give_noaas_own_counts(shared_data: Path):
    (path,) = (shared_data / "abi/lstm").glob("*.nc")
    dqf, lst = read_lst(path, "DQF", "LST")
    flags = filenames.LstFlags("v01", dqf, None)
    retrieved = filenames.is_clear("retrieved", flags)
    assert (
        (retrieved.sum(), filenames.is_clear("high", flags).sum())
        == counted(path)
        == (46692, 46692)
    )
    assert_array_equal(retrieved, lst != 65535)
    assert_allclose(filenames.is_land(flags).mean(), 0.909288, atol=1e-6)


def test_rules_on_real_enterprise_granules_give_noaas_own_counts(shared_data: Path):
    holes = 0
    for path in sorted((shared_data / "abi/lstf").glob("*.nc"))[::4]:
        dqf, pqi, lst = read_lst(path, "DQF", "PQI", "LST")
        flags = filenames.LstFlags("v02", dqf, pqi)
        retrieved = filenames.is_clear("retrieved", flags)
        assert (retrieved.sum(), filenames.is_clear("high", flags).sum()) == counted(path)
        assert not (~retrieved & (lst != 65535)).any()
        holes += int((retrieved & (lst == 65535)).sum())
    assert holes <= 1


@pytest.fixture(scope="module")
def independent_land(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Land on the 10 km grid by a 30-arcsec mask and pyproj; and what is two pixels off any coast."""
    angles = np.round(-0.1519 + 0.00028 * np.arange(1086), 6)
    height = 35786023.0
    geos = pyproj.CRS.from_proj4(f"+proj=geos +h={height} +lon_0=-75 +sweep=x +ellps=GRS80")
    to_degrees = pyproj.Transformer.from_crs(geos, 4326, always_xy=True)
    lon, lat = to_degrees.transform(*np.meshgrid(angles * height, -angles * height))
    on_disk = np.isfinite(lon)
    with np.load(shared_data / "maps/land/globe_combined_mask_compressed.npz") as mask:
        ocean = mask["mask"]
    row = np.rint((90 - np.where(on_disk, lat, 0)) * 120).astype(int).clip(0, 21599)
    column = np.rint((np.where(on_disk, lon, 0) + 180) * 120).astype(int) % 43200
    land = on_disk & ~ocean[row, column]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(land, 2), (5, 5))
    shares = windows.mean(axis=(2, 3))
    return land, on_disk & ((shares == 0) | (shares == 1))


@pytest.mark.parametrize("number", [0, 95])
def test_land_of_a_real_granule_agrees_with_an_independent_mask(
    shared_data: Path, independent_land, number
):
    land, off_coast = independent_land
    dqf, pqi = read_lst(sorted((shared_data / "abi/lstf").glob("*.nc"))[number], "DQF", "PQI")
    found = filenames.is_land(filenames.LstFlags("v02", dqf, pqi))
    seen = off_coast & (pqi != 65535)
    assert (found == land)[seen].mean() > 0.999
    surface = (pqi >> 6) & 3
    assert land[seen & (surface == 0)].mean() > 0.9999
    assert land[seen & (surface == 1)].mean() > 0.9999
    assert land[seen & (surface == 3)].mean() < 0.001


def test_surface_0_of_real_granules_is_frozen_and_surface_1_is_not(shared_data: Path):
    """Against the file's own flag_meanings, which say the opposite."""
    kelvin: dict[int, list[np.ndarray]] = {0: [], 1: []}
    for path in sorted((shared_data / "abi/lstf").glob("*.nc"))[::12]:
        dqf, pqi, lst = read_lst(path, "DQF", "PQI", "LST")
        for surface, found in kelvin.items():
            there = (dqf <= 2) & (((pqi >> 6) & 3) == surface) & (lst != 65535)
            found.append(190 + 0.0025 * lst[there])
    frozen = {surface: (np.concatenate(found) < 275).mean() for surface, found in kelvin.items()}
    assert frozen[0] > 0.95
    assert frozen[1] < 0.15


def test_retrievals_under_cloudy_bits_are_colder_than_clear_ones_a_day_away(shared_data: Path):
    """Why `clear-land` needs the cloud condition: DQF <= 2 alone lets clouds in."""
    paths = sorted((shared_data / "abi/lstf").glob("*.nc"))[:48]
    colder, cloudy_share = [], []
    for first, second in zip(paths[0:24:3], paths[24:48:3], strict=True):
        days = [read_lst(path, "DQF", "PQI", "LST") for path in (first, second)]
        for (dqf, pqi, lst), (other_dqf, other_pqi, other_lst) in (days, days[::-1]):
            land = ((pqi >> 6) & 3 == 1) & ((other_pqi >> 6) & 3 == 1)
            clear_high = (other_dqf == 0) & ((other_pqi >> 2) & 3 == 0)
            retrieved = land & (dqf <= 2)
            is_cloudy = (pqi >> 2) & 3 >= 2
            there = retrieved & is_cloudy & clear_high
            colder.append(0.0025 * (other_lst[there].astype(float) - lst[there]))
            cloudy_share.append((retrieved & is_cloudy).sum() / retrieved.sum())
    assert np.concatenate(colder).mean() > 1.5
    assert np.mean(cloudy_share) > 0.15
