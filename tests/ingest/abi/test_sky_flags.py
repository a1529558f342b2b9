"""Clear sky by the flags of SST and of the cloud mask, in files of their layout."""

import tempfile
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ingest.abi.granule import Sky, open_band, open_sky
from lake.errors import GranuleError
from tests.ingest.abi.written import frame, put, written

ACM = "OR_ABI-L2-ACMC-M6_G16_s20221911801172_e20221911803545_c20221911804301.nc"
SST = "OR_ABI-L2-SSTF-M6_G16_s20221911800320_e20221911859387_c20221911904140.nc"
BYTE = {"_FillValue": -1, "_Unsigned": "true"}


def cloud_mask(bcm: list[list[int]], dqf: list[list[int]]) -> bytes:
    def build(file: netCDF4.Dataset) -> None:
        frame(file, np.shape(bcm))
        for name, values in (("BCM", bcm), ("DQF", dqf)):
            put(file, name, "i1", np.array(values).astype(np.uint8).view(np.int8), **BYTE)

    return written(build)


def sst(counts: list[list[int]], dqf: list[list[int]]) -> bytes:
    def build(file: netCDF4.Dataset) -> None:
        frame(file, np.shape(counts))
        packing = {"scale_factor": np.float32(0.00244163), "add_offset": np.float32(180)}
        valid = np.array([0, 65530], np.uint16)
        put(file, "SST", "u2", np.array(counts), _FillValue=65535, valid_range=valid, **packing)
        put(file, "DQF", "i1", np.array(dqf).astype(np.uint8).view(np.int8), **BYTE)

    return written(build)


def sky(data: bytes, path: str, rule: str) -> Sky:
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "granule.nc"
        local.write_bytes(data)
        return open_sky(str(local), path, rule)


def test_cloud_mask_is_clear_where_bcm_is_0_and_its_quality_good():
    bcm, dqf = [[0, 1, 255], [0, 0, 0]], [[0, 0, 255], [1, 2, 6]]
    granule = sky(cloud_mask(bcm, dqf), ACM, "clear")
    assert_array_equal(granule.clear(), [[True, False, False], [False, False, False]])
    assert granule.version == ""
    assert list(granule.images) == ["BCM", "DQF"]


def test_rules_on_sst_flags():
    data = sst([[48000] * 3, [48000, 65535, 65535]], [[0, 1, 2], [3, 3, 255]])
    assert_array_equal(sky(data, SST, "high").clear(), [[True, False, False], [False] * 3])
    assert_array_equal(sky(data, SST, "retrieved").clear(), [[True] * 3, [False] * 3])


def test_sst_is_valid_where_retrieved_and_in_the_valid_range(tmp_path):
    local = tmp_path / "granule.nc"
    local.write_bytes(sst([[0, 48000, 65530], [65531, 65535, 48000]], [[0, 2, 0], [0, 0, 3]]))
    kelvin = open_band(str(local), SST, "SST").quantity()
    scale = float(np.float32(0.00244163))
    expected = [[180.0, 180 + 48000 * scale, 180 + 65530 * scale], [np.nan] * 3]
    np.testing.assert_allclose(kelvin, expected, rtol=1e-12)
    assert kelvin[0, 2] == pytest.approx(340, abs=0.01)


def test_file_of_another_product_than_the_rule_is_an_error():
    data = cloud_mask([[0, 0]] * 2, [[0, 0]] * 2)
    with pytest.raises(GranuleError, match="of product ABI-L2-ACMC, wanted one that tells"):
        sky(data, ACM, "clear-land")
    with pytest.raises(GranuleError, match="ABI-L1b-RadC, wanted one that tells clear sky"):
        sky(cloud_band(), ACM.replace("L2-ACMC-M6", "L1b-RadC-M6C13"), "clear")
    with pytest.raises(GranuleError, match=r"names a band: wanted OR_ABI-L2-ACMC-M<mode>_G"):
        sky(data, ACM.replace("M6_", "M6C13_"), "clear")
    with pytest.raises(GranuleError, match="ABI-L2-FDCC, which we do not read"):
        sky(data, ACM.replace("ACMC", "FDCC"), "clear")


def cloud_band() -> bytes:
    def build(file: netCDF4.Dataset) -> None:
        frame(file, (2, 2))
        file.createVariable("band_id", "i1")[...] = 13

    return written(build)


def test_cloud_mask_without_quality_flags_is_an_error():
    def build(file: netCDF4.Dataset) -> None:
        frame(file, (2, 2))
        put(file, "BCM", "i1", np.zeros((2, 2)), **BYTE)

    with pytest.raises(GranuleError, match="has no variable DQF"):
        sky(written(build), ACM, "clear")


def test_cloud_mask_whose_flags_differ_in_shape_is_an_error():
    def build(file: netCDF4.Dataset) -> None:
        frame(file, (2, 2))
        put(file, "BCM", "i1", np.zeros((2, 2)), **BYTE)
        file.createDimension("row", 3)
        file.createVariable("DQF", "u1", ("row", "x"))

    with pytest.raises(GranuleError, match=r"DQF has shape \(3, 2\), BCM has \(2, 2\)"):
        sky(written(build), ACM, "clear")
