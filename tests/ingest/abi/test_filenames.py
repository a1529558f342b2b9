import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.abi import filenames, products
from lake.errors import GranuleError

stamps = st.from_regex(re.compile(r"20[0-9]{12}", re.ASCII), fullmatch=True)


@given(
    product=st.sampled_from(sorted(products.SECTOR_PRODUCTS)),
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
