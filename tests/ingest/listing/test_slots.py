from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.listing import listing as listings
from ingest.listing import slots

BANDS = ("C01", "C02", "C03", "C05", "C06", "C07", "C13", "C15")


def name(product: str, start: datetime, band: str = "", sat: str = "G16") -> str:
    stamp = f"{start:%Y%j%H%M%S}0"
    return f"OR_{product}-M6{band}_{sat}_s{stamp}_e{stamp}_c{stamp}.nc"


def clearland(*overrides: str) -> listings.Listing:
    return listings.load("clearland-l1b-c0", ["t0=2018-03-01", "tf=2018-03-02", *overrides])


def test_slots_need_the_clear_sky_product_and_their_cubes_bands():
    listing = clearland()
    rad = [("ABI-L1b-RadC", band) for band in ("C13", "C15")]
    assert slots.kinds(listing, 10800) == (("ABI-L2-LSTC", None), *rad)
    assert len(slots.kinds(listing, 64800)) == 1 + 8
    assert slots.kinds(listings.load("lst-10km"), 0) == (("ABI-L2-LSTF", None),)


def test_folders_are_the_hours_of_the_slots_of_both_products():
    found = slots.folders(clearland("tf=2018-03-01"))
    on_the_hour = [f"060/{hour:02}" for hour in (0, 3, 6, 9, 12, 15, 18, 21)]
    before = ["059/23", *(f"060/{hour:02}" for hour in (2, 5, 8, 11, 14, 17, 20))]
    assert found == tuple(
        f"{product}/2018/{hour}"
        for product in ("ABI-L1b-RadC", "ABI-L2-LSTC")
        for hour in sorted(on_the_hour + before)
    )


def test_reprocessed_files_have_folders_of_their_own():
    tops = {
        folder.partition("/")[0]
        for folder in slots.folders(clearland("tf=2018-03-01", "prefer=reprocessed"))
    }
    assert "ABI-L1b-RadC-Reproc" in tops


def test_every_hour_that_the_tolerance_touches_is_looked_at():
    """Mode 4 starts scans in other minutes than the others, so minutes tell nothing."""
    early = "cubes.night-2km.tods=[{}]"
    hours = {
        tod: {
            folder[-6:] for folder in slots.folders(clearland("tf=2018-03-01", early.format(tod)))
        }
        for tod in (0, 780, 3420, 54000, 83160)
    }
    assert {"059/23", "060/00"} <= hours[0]
    assert {"060/00", "060/01"} <= hours[3420]  # 00:57 looks at 00:42 .. 01:12
    assert {"059/23", "060/00"} <= hours[780]
    assert {"060/14", "060/15"} <= hours[54000]
    assert "060/23" in hours[83160]


def test_slot_near_midnight_needs_the_neighbouring_day():
    late = clearland("tf=2018-03-01", "cubes.night-2km.tods=[86340]")  # 23:59
    assert "ABI-L2-LSTC/2018/061/00" in slots.folders(late)
    wide = clearland("tf=2018-03-01", "cubes.night-2km.tods=[0]", "tolerance_s=4000")
    assert "ABI-L2-LSTC/2018/059/23" in slots.folders(wide)


def test_folders_of_bounded_days_are_those_days():
    long = clearland("t0=2018-01-01", "tf=2024-12-31")
    assert len(slots.folders(long)) == 2557 * 8 * 2 * 2
    few = slots.folders(long, since=date(2020, 2, 29), until=date(2020, 3, 1))
    assert {folder.rpartition("/")[0][-8:] for folder in few} == {
        "2020/059",
        "2020/060",
        "2020/061",
    }
    assert slots.folders(long, since=date(2025, 1, 1)) == ()


moments = st.integers(0, 4 * 86400 - 1).map(
    lambda s: datetime(2018, 2, 27, tzinfo=UTC) + timedelta(seconds=s)
)
products = st.sampled_from(
    [("ABI-L2-LSTC", ""), *(("ABI-L1b-RadC", band) for band in ("C02", "C13", "C14"))]
)


@given(moments, products, st.sampled_from(["G16", "G17"]), st.sampled_from([300, 900, 4000]))
def test_a_file_is_wanted_where_a_slot_of_its_kind_is_within_the_tolerance(
    start, product, sat, tolerance
):
    listing = clearland(f"tolerance_s={tolerance}", "t0=2018-02-28", "tf=2018-03-01")
    near = False
    for day in (28, 29):
        for tod in listing.tods:
            midnight = datetime(2018, 2, 28, tzinfo=UTC) + timedelta(days=day - 28)
            distance = abs(start - midnight - timedelta(seconds=tod))
            needs = product[0] == "ABI-L2-LSTC" or product[1] in {
                band for cube in listing.cubes_at(tod) for band in cube.bands
            }
            near |= needs and distance <= timedelta(seconds=tolerance)
    reason = slots.NameCheck(listing).reason(
        f"s3://there/{name(product[0], start, product[1], sat)}"
    )
    assert (not reason) == (near and sat == "G16")


START = datetime(2018, 3, 1, 18, 1, tzinfo=UTC)
GOOD = name("ABI-L1b-RadC", START, "C13")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("readme.txt", "not named like an ABI granule"),
        ("", "not named like an ABI granule"),
        ("goes16_abi_conus_lat_lon.nc", "not named like an ABI granule"),
        (GOOD.replace("OR_", "OT_"), "of the system environment OT_"),
        (GOOD.replace(".nc", "-128600_0.nc"), "with a suffix"),
        (GOOD.replace("OR_", "RP_"), "reprocessed: --set prefer=reprocessed"),
        (GOOD.replace("G16", "G17"), "of goes17, not goes16"),
        (name("ABI-L2-LSTF", START), "of a product or band"),
        (name("ABI-L1b-RadC", START, "C04"), "of a product or band"),
        (name("ABI-L1b-RadC", START + timedelta(days=9), "C13"), "of other days"),
        (name("ABI-L1b-RadC", START + timedelta(hours=1), "C13"), "more than 900 s"),
    ],
)
def test_other_files_are_passed_over_for_a_reason(path, reason):
    assert slots.NameCheck(clearland()).reason(path).startswith(reason)
    assert not slots.NameCheck(clearland()).reason(f"s3://bucket/folder/{GOOD}")


def test_reprocessed_files_are_taken_where_they_are_preferred():
    assert not slots.NameCheck(clearland("prefer=reprocessed")).reason(GOOD.replace("OR_", "RP_"))


def test_nothing_is_wanted_of_no_days():
    path = name("ABI-L2-LSTC", START)
    assert not slots.NameCheck(clearland()).reason(path)
    assert slots.NameCheck(clearland(), since=date(2018, 3, 2)).reason(path)
    assert slots.NameCheck(clearland(), since=date(2019, 1, 1)).reason(path)
