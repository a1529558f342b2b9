from pathlib import Path

import pytest

from ingest.abi import filenames, products
from ingest.abi.flags import ONLY
from lake.errors import ConfigError
from lake.format.bands import BANDS


def test_every_real_granule_starts_in_a_minute_of_its_product(shared_data: Path):
    names = [filenames.parse_name(str(path)) for path in shared_data.rglob("OR_*.nc")]
    assert len(names) > 400
    for name in names:
        assert int(name.start[9:11]) in products.sector_product(name.product).minutes
        assert name.sat == "goes16"


def test_unknown_product_is_an_error_that_names_the_known():
    with pytest.raises(ConfigError, match=r"ABI-L2-SSTC.*wanted one of ABI-L1b-RadC"):
        products.sector_product("ABI-L2-SSTC")


def test_product_that_only_tells_clear_sky_observes_nothing_and_the_other_way_round():
    with pytest.raises(ConfigError, match=r"ABI-L2-ACMC only tells clear sky.*ABI-L1b-RadC"):
        products.observed("ABI-L2-ACMC")
    with pytest.raises(ConfigError, match=r"ABI-L1b-RadC tells no clear sky.*ABI-L2-LSTC"):
        products.sky_rules("ABI-L1b-RadC")


def test_every_row_says_all_that_reading_needs():
    for row in products.PRODUCTS:
        assert row.resolutions.keys() <= products.SECTORS.keys() & row.minutes.keys()
        versions = {
            *(row.sky.variables if row.sky else ()),
            *(row.observes.quality if row.observes else ()),
        }
        assert (versions == {ONLY}) == (row.version_of is None)
        for rules in (row.sky.clear, row.sky.domain) if row.sky else ():
            assert all(rule.clauses.keys() == row.sky.variables.keys() for rule in rules.values())
        if row.observes:
            assert bool(row.observes.bands) == (row.observes.quantity is None)
            assert row.observes.quality.keys() == versions


def test_names_and_sectors_follow_from_the_row():
    meso = products.sector_product("ABI-L1b-RadM1")
    assert (meso.sector, meso.resolution) == ("meso1", None)
    assert meso.pattern.startswith("OR_ABI-L1b-RadM1-M<mode>C<band>_G<sat>")
    sst = products.sector_product("ABI-L2-SSTF")
    assert (sst.sector, sst.resolution) == ("fulldisk", "2km")
    assert sst.pattern.startswith("OR_ABI-L2-SSTF-M<mode>_G<sat>")
    assert products.observed("ABI-L2-SSTF").labels == ("SST",)
    assert products.observed("ABI-L2-CMIPC").labels == tuple(BANDS)
