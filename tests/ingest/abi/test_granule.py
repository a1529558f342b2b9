import tempfile
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ingest.abi.granule import Granule, Sky, open_band, open_sky
from lake.errors import GranuleError
from tests.ingest.abi.written import frame, put, written

RAD_C13 = "OR_ABI-L1b-RadC-M6C13_G16_s20180031501172_e20180031503543_c20180031504503.nc"
RAD_C01 = "OR_ABI-L1b-RadC-M6C01_G16_s20180031501172_e20180031503543_c20180031504503.nc"
LST = "OR_ABI-L2-LSTC-M6_G16_s20180031501172_e20180031503545_c20180031505371.nc"
PLANCK = {"fk1": 10803.3, "fk2": 1392.74, "bc1": 0.0755, "bc2": 0.99975}
COUNTS = np.array([[0, 36, 37], [2000, 4094, 4095]])


def read_band(data: bytes, path: str, variable: str) -> Granule:
    """Opened where its bytes lie, as `path` of a source; a granule reads on when the file is gone."""
    with tempfile.NamedTemporaryFile(suffix=".nc") as local:
        local.write(data)
        local.flush()
        return open_band(local.name, path, variable)


def read_sky(data: bytes, path: str, rule: str) -> Sky:
    with tempfile.NamedTemporaryFile(suffix=".nc") as local:
        local.write(data)
        local.flush()
        return open_sky(local.name, path, rule)


def radiances(band: int, constants: dict[str, float], dqf: np.ndarray | None = None) -> bytes:
    """An L1b granule of `COUNTS`; its radiances are those of band 13, whatever the band."""

    def build(file: netCDF4.Dataset) -> None:
        frame(file, COUNTS.shape)
        scale, offset = np.float32(0.04572892), np.float32(-1.6443)
        valid = np.array([0, 4094], np.int16)
        packing = {"scale_factor": scale, "add_offset": offset, "valid_range": valid}
        put(file, "Rad", "i2", COUNTS, _FillValue=4095, _Unsigned="true", **packing)
        flags = np.zeros(COUNTS.shape) if dqf is None else dqf
        put(file, "DQF", "i1", flags, _FillValue=-1, _Unsigned="true")
        file.createVariable("band_id", "i1")[...] = band
        for name, value in constants.items():
            file.createVariable(name, "f4")[...] = value

    return written(build)


def thermal(**changes) -> dict[str, float]:
    constants = {f"planck_{name}": value for name, value in PLANCK.items()} | {"kappa0": -999.0}
    return constants | changes


def lst(version: str, dqf: list[list[int]], **variables: list[list[int]]) -> bytes:
    valid, masks = {"v01": ([0, 40], [22, 2, 4, 8, 16, 32]), "v02": ([0, 3], [3, 3, 3, 3])}[version]

    def build(file: netCDF4.Dataset) -> None:
        frame(file, np.shape(dqf))
        about = {
            "valid_range": np.array(valid, np.uint16),
            "flag_masks": np.array(masks, np.uint16),
        }
        put(file, "DQF", "u2", np.array(dqf), _FillValue=65535, **about)
        if "lst" in variables:
            packing = {"scale_factor": np.float32(0.0025), "add_offset": np.float32(190)}
            valid_lst = np.array([9200, 61200], np.uint16)
            counts = np.array(variables["lst"])
            put(file, "LST", "u2", counts, _FillValue=65535, valid_range=valid_lst, **packing)
        if "pqi" in variables:
            put(file, "PQI", "u2", np.array(variables["pqi"]), _FillValue=65535)

    return written(build)


def test_thermal_band_is_brightness_temperature_and_nan_where_it_has_none():
    found = read_band(radiances(13, thermal()), f"/a/{RAD_C13}", "Rad")
    scale, offset = float(np.float32(0.04572892)), float(np.float32(-1.6443))
    radiance = COUNTS * scale + offset
    fk1, fk2, bc1, bc2 = (float(np.float32(value)) for value in PLANCK.values())
    expected = [
        [np.nan, (fk2 / np.log(fk1 / radiance[0, 1] + 1) - bc1) / bc2],
        [(fk2 / np.log(fk1 / radiance[1, 0] + 1) - bc1) / bc2, np.nan],
    ]
    assert radiance[0, 0] < 0 < radiance[0, 1]
    assert_allclose(found.quantity()[:, [0, 1]][0], expected[0], rtol=1e-12)
    assert_allclose(found.quantity()[:, [0, 2]][1], expected[1], rtol=1e-12)
    assert_array_equal(found.good, [[False, True, True], [True, True, False]])
    assert_array_equal(found.counts, COUNTS)
    assert found.counts.dtype == np.uint16
    assert found.path == f"/a/{RAD_C13}"


def test_reflective_band_is_reflectance_factor_by_the_constant_of_the_file():
    unused = {f"planck_{name}": -999.0 for name in PLANCK}
    found = read_band(radiances(1, unused | {"kappa0": 0.0015574}), RAD_C01, "Rad").quantity()
    kappa0 = float(np.float32(0.0015574))
    expected = kappa0 * (COUNTS * float(np.float32(0.04572892)) + float(np.float32(-1.6443)))
    assert_allclose(found[COUNTS < 4095], expected[COUNTS < 4095], rtol=1e-12)
    assert found[0, 0] < 0
    assert np.isnan(found[1, 2])


def test_only_pixels_of_quality_flag_0_are_good():
    dqf = np.array([[0, 1, 2], [3, 4, -1]])
    unused = {f"planck_{name}": -999.0 for name in PLANCK}
    found = read_band(radiances(1, unused | {"kappa0": 0.0015574}, dqf), RAD_C01, "Rad")
    assert_array_equal(found.good, [[True, False, False], [False, False, False]])


def test_count_above_the_valid_range_and_above_the_fill_is_not_good():
    def build(file: netCDF4.Dataset) -> None:
        frame(file, (2, 3))
        valid = np.array([0, 10], np.int16)
        packing = {"scale_factor": np.float32(1), "add_offset": np.float32(0), "valid_range": valid}
        put(
            file,
            "Rad",
            "i2",
            np.array([[10, 11, -1]] * 2),
            _FillValue=20,
            _Unsigned="true",
            **packing,
        )
        put(file, "DQF", "i1", np.zeros((2, 3)), _FillValue=-1, _Unsigned="true")
        file.createVariable("band_id", "i1")[...] = 1
        file.createVariable("kappa0", "f4")[...] = 0.5

    found = read_band(written(build), RAD_C01, "Rad")
    assert_array_equal(found.counts, [[10, 11, 65535]] * 2)
    assert_array_equal(found.quantity(), [[5.0, np.nan, np.nan]] * 2)


def test_lst_is_valid_where_retrieved_and_in_the_valid_range():
    counts = [[40000, 40000, 40000, 40000], [9199, 9200, 61200, 61201], [65535, 0, 40000, 40000]]
    dqf = [[0, 1, 2, 3], [0, 0, 0, 0], [0, 3, 65535, 0]]
    found = read_band(lst("v02", dqf, lst=counts, pqi=dqf), LST, "LST").quantity()
    expected = np.full((3, 4), np.nan)
    expected[0, :3] = expected[2, 3] = 290.0
    expected[1, 1:3] = 213.0, 343.0
    assert_allclose(found, expected, atol=1e-5)


def test_lst_of_the_baseline_is_valid_by_its_bit_field():
    dqf = [[0, 8, 32], [2, 4, 16]]
    found = read_band(lst("v01", dqf, lst=[[40000] * 3] * 2), LST, "LST")
    assert_array_equal(found.good, [[True, True, True], [False, False, False]])


def test_sky_of_the_baseline_reads_flags_alone():
    found = read_sky(lst("v01", [[0, 4], [16, 65535]]), LST, "clear-land")
    assert_array_equal(found.clear(), [[True, False], [False, False]])
    assert_array_equal(found.domain("land"), [[True, True], [False, False]])
    assert found.version == "v01"
    assert found.grid.shape == (2, 2)


def test_sky_of_the_enterprise_algorithm_reads_sky_and_land_from_the_quality_information():
    data = lst("v02", [[0, 0], [0, 3]], pqi=[[64, 76], [192, 64]])
    found = read_sky(data, LST, "clear-land")
    assert_array_equal(found.clear(), [[True, False], [False, False]])
    assert_array_equal(found.domain("land"), [[True, True], [False, True]])
    assert found.version == "v02"


def test_grid_is_rounded_to_the_exact_scan_angles():
    grid = read_band(radiances(13, thermal()), RAD_C13, "Rad").grid
    assert_array_equal(grid.y, np.array([92372, 92316]) / 1e6)
    assert_array_equal(grid.x, np.array([-17332, -17276, -17220]) / 1e6)
    assert grid.projection.longitude_of_projection_origin == -75.0
    assert grid.projection.sweep_angle_axis == "x"


@pytest.mark.parametrize(
    ("data", "name", "variable", "message"),
    [
        (b"", RAD_C13, "Rad", "found 0 bytes"),
        (b"<html>404 Not Found</html>", RAD_C13, "Rad", "found 26 bytes.*fetch it again"),
        (radiances(13, thermal())[:-100], RAD_C13, "Rad", "truncated"),
        (radiances(13, thermal()), "image.nc", "Rad", "not named like an ABI granule"),
        (radiances(13, thermal()), LST, "Rad", "is of product ABI-L2-LSTC, wanted one with Rad"),
        (radiances(13, thermal()), RAD_C13, "LST", "wanted one with LST"),
        (radiances(13, thermal()), RAD_C01, "Rad", "holds band C13, its name says C01"),
        (radiances(13, thermal()), RAD_C13.replace("C13", "C77"), "Rad", "names no ABI band"),
        (
            radiances(13, thermal()),
            RAD_C13.replace("G16", "G18"),
            "Rad",
            "holds satellite G16, its name says G18",
        ),
        (radiances(13, thermal(planck_bc1=-999.0)), RAD_C13, "Rad", "planck_bc1 is -999.0"),
        (radiances(13, {}), RAD_C13, "Rad", "no variable planck_fk1, it holds .*Rad, DQF"),
        (lst("v01", [[0, 0]] * 2), LST, "LST", "no variable LST"),
        (written(id), LST, "LST", "no variable LST, it holds nothing"),
    ],
)
def test_file_that_is_not_what_its_name_says_is_an_error(data, name, variable, message):
    with pytest.raises(GranuleError, match=message) as error:
        read_band(data, f"s3://bucket/{name}", variable)
    assert name in str(error.value)


def with_shapes(**shapes: tuple[int, int]) -> bytes:
    def build(file: netCDF4.Dataset) -> None:
        frame(file, shapes["grid"])
        for name in ("Rad", "DQF"):
            dims = tuple(f"{name}{i}" for i in range(2))
            for dim, size in zip(dims, shapes[name], strict=True):
                file.createDimension(dim, size)
            variable = file.createVariable(name, "u2", dims, fill_value=65535)
            variable.scale_factor, variable.add_offset = 1.0, 0.0
        file.createVariable("band_id", "i1")[...] = 13

    return written(build)


@pytest.mark.parametrize(
    ("grid", "rad", "dqf", "message"),
    [
        ((4, 5), (4, 5), (2, 5), r"DQF has shape \(2, 5\), Rad has \(4, 5\)"),
        ((4, 6), (4, 5), (4, 5), r"data has shape \(4, 5\), y and x have \(4, 6\)"),
    ],
)
def test_shapes_that_disagree_are_an_error(grid, rad, dqf, message):
    with pytest.raises(GranuleError, match=message):
        read_band(with_shapes(grid=grid, Rad=rad, DQF=dqf), RAD_C13, "Rad")


def test_enterprise_file_without_quality_information_is_an_error():
    with pytest.raises(GranuleError, match="no variable PQI"):
        read_sky(lst("v02", [[0, 0]] * 2), LST, "retrieved")


def test_lst_file_whose_hints_disagree_is_an_error():
    def build(file: netCDF4.Dataset) -> None:
        frame(file, (2, 2))
        put(file, "DQF", "u2", np.zeros((2, 2)), _FillValue=65535, valid_range=[0, 3])
        container = file.createVariable("algorithm_product_version_container", "i4")
        container.product_version = "v01r00"

    with pytest.raises(GranuleError, match="cannot tell which LST quality flags"):
        read_sky(written(build), LST, "clear-land")


@settings(max_examples=60)
@given(st.data())
def test_file_cut_anywhere_is_an_error(data):
    whole = WHOLE
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(GranuleError):
        read_band(whole[:cut], RAD_C13, "Rad")


WHOLE = radiances(13, thermal())


def test_real_truncated_download_is_an_error_that_says_so(shared_data: Path):
    (path,) = (shared_data / "abi/broken").glob("*.nc")
    with pytest.raises(GranuleError, match=r"found 524288 bytes.*truncated.*fetch it again"):
        open_sky(str(path), str(path), "clear-land")


def oracle(path: Path, variable: str) -> tuple[np.ma.MaskedArray, np.ndarray, netCDF4.Dataset]:
    """netCDF4's own masking and scaling, in float64."""
    file = netCDF4.Dataset(path)
    file.set_auto_scale(False)
    scale, offset = (
        float(getattr(file[variable], name)) for name in ("scale_factor", "add_offset")
    )
    return file[variable][:].astype(np.float64) * scale + offset, file["DQF"][:].filled(99), file


def test_real_l1b_granule_equals_netcdf4_and_the_formula(shared_data: Path):
    (path,) = (shared_data / "abi/l1b").glob("*.nc")
    found = open_band(str(path), str(path), "Rad")
    radiance, dqf, file = oracle(path, "Rad")
    with file, np.errstate(invalid="ignore", divide="ignore"):
        fk1, fk2, bc1, bc2 = (float(file[f"planck_{n}"][...]) for n in ("fk1", "fk2", "bc1", "bc2"))
        expected = (fk2 / np.log(fk1 / radiance + 1) - bc1) / bc2
        mean = float(file["mean_radiance_value_of_valid_pixels"][...])
    usable = ~np.ma.getmaskarray(radiance) & (dqf == 0) & (radiance.filled(-1) > 0)
    assert_array_equal(found.good, usable)
    assert_allclose(found.quantity()[usable], expected.data[usable], rtol=1e-12)
    assert_allclose(radiance.mean(), mean, rtol=1e-6)
    assert 190 < np.nanmin(found.quantity()) < np.nanmax(found.quantity()) < 270
    assert found.grid.shape == (1500, 2500)
    assert_array_equal(found.grid.x, (np.arange(2500) * 56 - 75012) / 1e6)


def test_real_cmip_granules_have_noaas_own_statistics(shared_data: Path):
    paths = sorted((shared_data / "abi/cmipm").glob("*.nc"))
    assert len(paths) == 4
    for path in paths:
        found = open_band(str(path), str(path), "CMI")
        cmi, dqf, file = oracle(path, "CMI")
        with file:
            low, mean, stddev = (
                float(file[f"{name}_reflectance_factor"][...])
                for name in ("min", "mean", "std_dev")
            )
            valid = int(file["valid_pixel_count"][...])
        values = found.quantity()[found.good]
        assert_allclose(values, cmi.data[dqf == 0], rtol=1e-12)
        assert values.size == valid
        assert_allclose([values.mean(), values.std()], [mean, stddev], rtol=2e-4)
        assert_allclose(values.min(), low, atol=0.0002442 / 2)


def test_real_lst_granules_have_noaas_own_statistics(shared_data: Path):
    paths = [*(shared_data / "abi/lstm").glob("*.nc")]
    paths += sorted((shared_data / "abi/lstf").glob("*.nc"))[::24]
    for path in paths:
        found = open_band(str(path), str(path), "LST")
        values, _, file = oracle(path, "LST")
        with file:
            retrieved = int(file["total_pixels_where_lst_is_retrieved"][...])
            mean = float(file["mean_lst"][...])
        assert_array_equal(found.good, ~np.ma.getmaskarray(values))
        assert_array_equal(found.quantity()[found.good], values.compressed())
        assert 0 <= retrieved - found.good.sum() < 300
        assert_allclose(np.nanmean(found.quantity()), mean, atol=0.05)


def test_real_sky_and_band_of_one_file_share_the_grid(shared_data: Path):
    path = min((shared_data / "abi/lstf").glob("*.nc"))
    sky = open_sky(str(path), str(path), "retrieved")
    band = open_band(str(path), str(path), "LST")
    assert sky.version == "v02"
    assert sky.grid.same_as(band.grid)
    assert not (band.good & ~sky.clear()).any()
    assert (sky.clear() & ~band.good).sum() < 100
    assert_array_equal(band.grid.x, (np.arange(1086) * 280 - 151900) / 1e6)


def test_legacy_synthetic_granules_are_read_at_all_resolutions(shared_data: Path):
    folder = shared_data / "legacy/netcdf"
    shapes = {}
    for band in ("C01", "C02", "C13"):
        path = min(folder.glob(f"*{band}_*.nc"))
        found = open_band(str(path), str(path), "Rad")
        shapes[band] = found.grid.shape
        rad, dqf, file = oracle(path, "Rad")
        file.close()
        assert not (found.good & ((dqf != 0) | np.ma.getmaskarray(rad))).any()
    assert shapes == {"C01": (96, 120), "C02": (192, 240), "C13": (48, 60)}
    path = min(folder.glob("*LSTC*.nc"))
    sky = open_sky(str(path), str(path), "clear-land")
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        assert_array_equal(sky.clear(), file["DQF"][:] == 0)


@pytest.mark.parametrize("value", [h5py.Empty("f4"), "x", np.zeros(0), np.nan, 1j])
@pytest.mark.parametrize(
    "name", ["Rad.scale_factor", "Rad.valid_range", "band_id", "planck_fk1", "y"]
)
def test_values_that_are_no_numbers_are_refused(tmp_path, name, value):
    local = tmp_path / "granule.nc"
    local.write_bytes(radiances(13, thermal()))
    with h5py.File(local, "r+") as file:
        variable, _, attribute = name.partition(".")
        if attribute:
            del file[variable].attrs[attribute]
            file[variable].attrs[attribute] = value
        else:
            del file[variable]
            file[variable] = value
    with pytest.raises(GranuleError):
        open_band(str(local), f"/a/{RAD_C13}", "Rad")
