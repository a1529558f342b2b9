from pathlib import Path

import netCDF4
import numpy as np
import pyproj
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ingest.abi import lst_flags
from ingest.abi.flags import FlagImages, VersionHints
from lake.errors import GranuleError
from lake.format.arrays import Bools


def clear(rule: str, version: str, flags: FlagImages) -> Bools:
    return lst_flags.SKY.clear[rule].holds(version, flags)


def is_land(version: str, flags: FlagImages) -> Bools:
    return lst_flags.SKY.domain["land"].holds(version, flags)


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
    assert (
        lst_flags.version_of(VersionHints("a.nc", valid_range, flag_masks, product_version))
        == version
    )


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
        lst_flags.version_of(VersionHints("a.nc", valid_range, flag_masks, product_version))


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
    flags = {"DQF": np.array([dqf], np.uint16)}
    results = [clear(rule, "v01", flags)[0] for rule in ("clear-land", "retrieved", "high")]
    assert results == [clear_land, retrieved, high]
    assert is_land("v01", flags)[0] == land


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
    flags = {
        "DQF": np.array([dqf], np.uint16),
        "PQI": np.array([pqi | always_set], np.uint16),
    }
    results = [clear(rule, "v02", flags)[0] for rule in ("clear-land", "retrieved", "high")]
    assert results == [clear_land, retrieved, high]
    assert is_land("v02", flags)[0] == land


@pytest.mark.parametrize(
    ("dqf", "pqi", "is_clear"),
    [
        (0, CLEAR | LAND, True),
        (2, PROBABLY_CLEAR | LAKE, True),
        (1, CLEAR | OCEAN, True),
        (0, PROBABLY_CLOUDY | LAND, False),
        (3, CLEAR | LAND, False),
        (65535, 65535, False),
    ],
)
def test_clear_sky_without_surface_is_the_same_on_any_surface(dqf, pqi, is_clear):
    flags = {"DQF": np.array([dqf], np.uint16), "PQI": np.array([pqi], np.uint16)}
    assert clear("clear", "v02", flags)[0] == is_clear
    before = {"DQF": np.array([0, 2, 4, 8, 16, 32, 65535], np.uint16)}
    assert clear("clear", "v01", before).tolist() == [True, *[False] * 6]


def test_rule_by_which_a_mask_decides_holds_nowhere_in_a_file():
    rule = lst_flags.SKY.domain["mask"]
    assert rule.is_by_mask
    with pytest.raises(ValueError, match="a land mask decides"):
        rule.holds("v02", {})


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
    flags = {"DQF": dqf}
    retrieved = clear("retrieved", "v01", flags)
    assert (retrieved.sum(), clear("high", "v01", flags).sum()) == counted(path) == (46692, 46692)
    assert_array_equal(retrieved, lst != 65535)
    assert_allclose(is_land("v01", flags).mean(), 0.909288, atol=1e-6)


def test_rules_on_real_enterprise_granules_give_noaas_own_counts(shared_data: Path):
    holes = 0
    for path in sorted((shared_data / "abi/lstf").glob("*.nc"))[::4]:
        dqf, pqi, lst = read_lst(path, "DQF", "PQI", "LST")
        flags = {"DQF": dqf, "PQI": pqi}
        retrieved = clear("retrieved", "v02", flags)
        assert (retrieved.sum(), clear("high", "v02", flags).sum()) == counted(path)
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
    found = is_land("v02", {"DQF": dqf, "PQI": pqi})
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
