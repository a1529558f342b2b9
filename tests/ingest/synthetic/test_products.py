"""Synthetic cloud mask and SST files: their layout, and flags that go with the scene."""

from datetime import UTC, datetime

import netCDF4
import numpy as np
import pytest

from ingest.abi.filenames import parse_name
from ingest.synthetic import acm, granules, sst
from ingest.synthetic.landscape import landscape
from ingest.synthetic.scene import scene

PRODUCTS = ("ABI-L2-ACMC", "ABI-L2-SSTF")


@pytest.fixture(scope="module")
def view():
    when = datetime(2022, 7, 9, 18, tzinfo=UTC) + granules.FIRST_SCAN
    return scene(landscape((40, 48), 3), when)


@pytest.fixture(scope="module")
def paths(view, tmp_path_factory):
    return granules.write_scene(tmp_path_factory.mktemp("files"), view, (), PRODUCTS)


def test_names_have_the_product_and_the_hour(paths):
    names = [parse_name(path.name) for path in paths]
    assert [name.product for name in names] == list(PRODUCTS)
    assert [name.start for name in names] == ["20221901801172", "20221901800320"]
    assert names[1].end == "20221901859290"


def test_variables_are_packed_as_in_real_files(paths):
    with netCDF4.Dataset(paths[0]) as file:
        for name in ("BCM", "ACM", "DQF"):
            assert (file[name].dtype, file[name]._Unsigned) == (np.int8, "true")
        assert file.scene_id == "CONUS"
    with netCDF4.Dataset(paths[1]) as file:
        assert (file["SST"].dtype, file["SST"].add_offset) == (np.uint16, 180)
        assert file["SST"].scale_factor == np.float32(0.00244163)
        assert file["SST"]._FillValue == 65535
        assert file.scene_id == "Full Disk"


def test_cloud_mask_in_two_steps_is_that_in_four_steps(view):
    image = acm.acm_image(view)
    assert set(np.unique(image.acm)) == {0, 1, 2, 3}
    np.testing.assert_array_equal(image.bcm, image.acm >= 2)
    assert view.cloud[image.bcm == 1].min() >= view.cloud[image.bcm == 0].max()
    assert 0 < (image.dqf != 0).mean() < 0.05


def test_sst_is_there_over_water_alone_and_colder_under_clouds(view):
    image = sst.sst_image(view)
    assert (image.dqf[view.landscape.land] == sst.UNPROCESSED).all()
    np.testing.assert_array_equal(image.counts == sst.FILL, image.dqf == sst.UNPROCESSED)
    good = image.dqf == sst.GOOD
    kelvin = sst.OFFSET + image.counts[good] * sst.SCALE
    np.testing.assert_allclose(kelvin, view.skin[good] - 10 * view.cloud[good], atol=sst.SCALE)
