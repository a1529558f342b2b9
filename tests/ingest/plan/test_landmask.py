"""The land mask of the package, and a small one whose every cell is known."""

import tracemalloc
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from ingest.listing import masks
from ingest.plan import landmask
from lake.errors import ConfigError
from lake.format.grid import Grid, Projection, axis, lonlat

EAST = Projection(35786023.0, 6378137.0, 6356752.31414, -75.0)


def grid(rows: int, columns: int, step: float = 5.6e-5, y: float = 0.12, x: float = -0.03) -> Grid:
    return Grid(EAST, axis(np.arange(rows), -step, y), axis(np.arange(columns), step, x))


@pytest.fixture
def small(tmp_path) -> Path:
    """One-degree cells; those with an even sum of row and column are ocean."""
    lat, lon = 90.0 - np.arange(180), -180.0 + np.arange(360)
    ocean = (np.arange(180)[:, None] + np.arange(360)) % 2 == 0
    np.savez_compressed(tmp_path / "small.npz", mask=ocean, lat=lat, lon=lon)
    return tmp_path / "small.npz"


@pytest.mark.parametrize("shape", [(40, 60), (700, 11)])
def test_land_is_that_of_the_cell_of_the_pixels_centre(small, shape):
    area = grid(*shape, step=2e-4)
    lon, lat = lonlat(EAST, area.y[:, None], area.x)
    wanted = np.zeros(shape, bool)
    for at in np.argwhere(np.isfinite(lon)):
        row, column = int(np.floor(90 - lat[*at])), int(np.floor(lon[*at] + 180))
        wanted[*at] = (row + column) % 2 == 1
    found = landmask.land(str(small), area)
    assert 0.2 < found.mean() < 0.8
    np.testing.assert_array_equal(found, wanted)


def test_mask_is_read_by_url(small):
    area = grid(20, 30, step=2e-4)
    by_path, by_url = (landmask.land(where, area) for where in (str(small), small.as_uri()))
    np.testing.assert_array_equal(by_path, by_url)


def test_nothing_off_the_earth_is_land(small):
    beyond = grid(4, 4, y=0.16)
    assert not landmask.land(str(small), beyond).any()


def test_packaged_mask_is_that_of_its_own_look_up_and_takes_little_memory(shared_data):
    area = grid(300, 400, step=3e-4, y=0.128, x=-0.1)
    tracemalloc.start()
    found = landmask.land(masks.PACKAGED, area)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6
    with np.load(shared_data / "maps" / "land" / "globe_combined_mask_compressed.npz") as file:
        ocean, lats, lons = file["mask"], file["lat"], file["lon"]
    lon, lat = lonlat(EAST, area.y[:, None], area.x)
    on_earth = np.isfinite(lon)
    row = ((lat[on_earth] - lats[0]) / (lats[1] - lats[0])).astype(int)
    column = ((lon[on_earth] - lons[0]) / (lons[1] - lons[0])).astype(int)
    np.testing.assert_array_equal(found[on_earth], ~ocean[row, column])
    assert not found[~on_earth].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no zip at all", "cannot be read: File is not a zip file"),
        ({"mask": np.zeros((2, 3), bool)}, "cannot be read: .*lat.npy"),
        (
            {"mask": np.zeros((2, 3), bool), "lat": np.arange(2.0), "lon": np.arange(3.0)},
            "its lat of shape",
        ),
        (
            {"mask": np.zeros((2, 2), bool), "lat": -np.arange(2.0), "lon": np.arange(3.0)},
            "its mask is",
        ),
        ({"mask": np.zeros((2, 3)), "lat": -np.arange(2.0), "lon": np.arange(3.0)}, "its mask is"),
    ],
)
def test_file_that_is_no_mask_is_an_error(tmp_path, content, message):
    path = tmp_path / "mask.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    with pytest.raises(ConfigError, match=rf"domain.mask {path} .*{message}"):
        landmask.land(str(path), grid(4, 4))


def test_missing_mask_is_an_error_that_names_the_packaged_one(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.npz cannot be read.*'global-land-mask'"):
        landmask.land(str(tmp_path / "nowhere.npz"), grid(4, 4))


def test_package_that_is_not_installed_is_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(landmask, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"not installed: pip install 'goeslake\[ingest\]'"):
        landmask.land(masks.PACKAGED, grid(4, 4))


class TestAgreement:
    def test_pixels_near_a_coast_are_left_out(self):
        area = grid(20, 30)
        mask = np.zeros((20, 30), bool)
        mask[:, 15:] = True
        product = mask.copy()
        product[:, 13:17] = ~product[:, 13:17]  # the coast, two pixels to each side
        found = landmask.agreement(product, mask, area)
        assert (found.compared, found.disagreement) == (20 * 26, 0)

    def test_disagreement_is_counted_both_ways_over_the_compared_pixels(self):
        area = grid(20, 30)
        mask = np.zeros((20, 30), bool)
        mask[:, 15:] = True
        product = mask.copy()
        product[3, 2], product[4:7, 25] = True, False
        found = landmask.agreement(product, mask, area)
        assert (found.land_in_product_alone, found.land_in_mask_alone) == (1, 3)
        assert found.disagreement == 4 / (20 * 26)

    def test_edge_of_the_earth_is_left_out(self):
        area = grid(40, 20, y=0.155, step=5e-4)
        lon, _ = lonlat(EAST, area.y[:, None], area.x)
        on_earth = np.isfinite(lon)
        assert 0 < on_earth.mean() < 1
        nothing = np.zeros((40, 20), bool)
        found = landmask.agreement(nothing, nothing, area)
        assert 0 < found.compared < on_earth.sum()
        product = ~on_earth
        assert landmask.agreement(product, nothing, area).disagreement == 0

    def test_where_all_is_coast_nothing_is_compared(self):
        area = grid(6, 6)
        mask = np.indices((6, 6)).sum(axis=0) % 2 == 0
        assert landmask.agreement(mask, mask, area) == landmask.Agreement(0, 0, 0)
        assert landmask.Agreement(0, 0, 0).disagreement == 0


def flags(path: Path) -> tuple[Grid, dict[str, np.ndarray]]:
    """Grid and flags of a real file by netCDF4."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        found = {
            name: np.asarray(file[name][:]) for name in ("DQF", "PQI") if name in file.variables
        }
        told = file["goes_imager_projection"]
        projection = Projection(
            float(told.perspective_point_height),
            float(told.semi_major_axis),
            float(told.semi_minor_axis),
            float(told.longitude_of_projection_origin),
        )
        y, x = (axis(file[n][:], file[n].scale_factor, file[n].add_offset) for n in ("y", "x"))
    return Grid(projection, y, x), found


READINGS = {
    "as observed": lambda surface, _: surface <= 1,
    "land and ocean exchanged": lambda surface, _: (surface == 0) | (surface == 3),
    "land and inland water exchanged": lambda surface, _: (surface == 0) | (surface == 2),
    "the reverse": lambda surface, _: surface >= 2,
    "bit 16 of v01's DQF": lambda _, dqf: (dqf & 16) == 0,
}


@pytest.fixture(scope="module")
def fulldisk(shared_data):
    """A real v02 file of the full disk, and the mask's land on its grid."""
    area, found = flags(min((shared_data / "abi" / "lstf").iterdir()))
    return area, found, landmask.land(masks.PACKAGED, area)


@pytest.mark.parametrize("reading", READINGS)
def test_threshold_tells_real_flags_from_any_wrong_reading_of_them(fulldisk, reading):
    area, found, mask = fulldisk
    pqi, dqf = found["PQI"], found["DQF"]
    product = READINGS[reading]((pqi >> 6) & 3, dqf) & (pqi != 65535)
    disagreement = landmask.agreement(product, mask, area).disagreement
    if reading == "as observed":
        assert disagreement < 0.02 / 20
    else:
        assert disagreement > 0.02 * 10


@pytest.mark.parametrize("folder", ["abi/lstm", "legacy/netcdf"])
def test_v01_land_of_real_grids_agrees_and_its_reverse_does_not(shared_data, folder):
    area, found = flags(min((shared_data / folder).glob("*LST*.nc")))
    mask = landmask.land(masks.PACKAGED, area)
    is_water = (found["DQF"] & 16) != 0
    assert landmask.agreement(~is_water, mask, area).disagreement < 0.02 / 20
    assert landmask.agreement(is_water, mask, area).disagreement > 0.9
