"""Content over name: what a file says of itself must be what its name says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.abi.filenames import parse_name
from ingest.abi.granule import open_band, open_sky
from ingest.abi.identity import EPOCH, Identity, mismatch
from ingest.synthetic import granules
from ingest.synthetic.landscape import landscape
from ingest.synthetic.scene import scene
from lake.errors import GranuleError

START, END = (
    datetime(2022, 7, 9, 18, 1, 17, 200000, UTC),
    datetime(2022, 7, 9, 18, 3, 54, tzinfo=UTC),
)
NAME = parse_name("OR_ABI-L1b-RadC-M6C13_G16_s20221901801172_e20221901803540_c20221901804501.nc")
CONTENT = Identity(
    "G16", "C13", "CONUS",
    "OR_ABI-L1b-RadC-M6C13_G16_s20221901801172_e20221901803540_c20221901804501.nc",
    "2022-07-09T18:01:17.2Z", (START + (END - START) / 2 - EPOCH).total_seconds(),
)  # fmt: skip


def test_file_that_is_what_its_name_says_has_no_mismatch():
    assert mismatch(NAME, "conus", CONTENT) == ""
    assert mismatch(NAME, "conus", Identity(band="C13")) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"satellite": "G18"}, "satellite G18, its name says G16"),
        ({"band": "C14"}, "band C14, its name says C13"),
        ({"scene": "Full Disk"}, "scene Full Disk, its name says CONUS"),
        ({"first_name": CONTENT.first_name.replace("RadC", "RadM1")}, "product ABI-L1b-RadM1"),
        ({"first_name": "mine.nc"}, ""),
        (
            {"start": "2022-07-09T17:56:17.2Z"},
            "start 2022-07-09 17:56:17, its name says 2022-07-09 18",
        ),
        ({"start": "2022-07-09T18:01:17.0Z"}, ""),
        ({"start": "2022-07-09T18:01:17"}, ""),
        ({"start": "yesterday"}, "start 'yesterday'"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start 1-01-01"),
        ({"middle_s": -999.0}, "time 2000-01-01 11:43:21, its name says 2022-07-09 18:01:17 to"),
        ({"middle_s": float("nan")}, "time nan"),
        ({"middle_s": 1e300}, "time 1e"),
    ],
)
def test_each_aspect_that_differs_is_named(change, message):
    found = mismatch(NAME, "conus", replace(CONTENT, **change))
    assert found.startswith(message) if message else found == ""


@given(st.floats(-86400, 86400))
def test_middle_of_the_scan_lies_about_the_time_of_the_name(shift):
    middle = START + timedelta(seconds=shift)
    content = replace(CONTENT, start="", middle_s=(middle - EPOCH).total_seconds())
    is_near = START - timedelta(minutes=1) <= middle <= END + timedelta(minutes=10)
    assert (mismatch(NAME, "conus", content) == "") == is_near


def test_name_that_ends_as_it_starts_is_fine():
    """Mode 4: L2 names have one stamp twice, the content has the middle of the scan."""
    name = replace(NAME, end=NAME.start)
    assert mismatch(name, "conus", CONTENT) == ""


@pytest.mark.parametrize("sector", ["meso1", "meso2"])
def test_mesoscale_sectors_are_told_apart_by_the_first_name(sector):
    letter = {"meso1": "M1", "meso2": "M2"}[sector]
    name = replace(NAME, product=f"ABI-L1b-Rad{letter}")
    first = CONTENT.first_name.replace("RadC", "RadM1")
    content = replace(CONTENT, scene="Mesoscale", first_name=first)
    assert bool(mismatch(name, sector, content)) == (sector == "meso2")


def test_every_real_file_is_what_its_name_says(shared_data: Path):
    paths = [path for path in shared_data.rglob("OR_*.nc") if "broken" not in path.parts]
    assert len(paths) > 400
    for path in paths[::7]:
        if "-LST" in path.name:
            open_sky(str(path), str(path), "retrieved")
        else:
            open_band(str(path), str(path), "Rad" if "-Rad" in path.name else "CMI")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    view = scene(landscape((40, 48), 3), datetime(2022, 7, 9, 18, tzinfo=UTC) + granules.FIRST_SCAN)
    products = ("ABI-L2-LSTC", "ABI-L2-ACMC", "ABI-L2-SSTF")
    return granules.write_scene(tmp_path_factory.mktemp("files"), view, ("C13",), products)


def open_as(local: Path, path: str) -> None:
    rules = {"LSTC": "clear-land", "ACMC": "clear", "SSTF": "high"}
    rule = next((rule for product, rule in rules.items() if product in path), "")
    if rule:
        open_sky(str(local), path, rule)
    else:
        open_band(str(local), path, "Rad")


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(
    ("stamp", "other"), [("_s2022190180", "_s2022190190"), ("_s2022", "_s2021"), ("_G16", "_G19")]
)
def test_file_under_the_name_of_another_scan_is_an_error(files, number, stamp, other):
    path = files[number]
    open_as(path, str(path))
    name = path.name.replace(stamp, other).replace(
        stamp.replace("_s", "_e"), other.replace("_s", "_e")
    )
    with pytest.raises(GranuleError, match=r"holds (start|satellite) .*its name says"):
        open_as(path, f"s3://bucket/{name}")


def test_placeholder_whose_time_is_a_sentinel_is_an_error(files, tmp_path):
    local = tmp_path / files[0].name
    local.write_bytes(files[0].read_bytes())
    with h5py.File(local, "r+") as file:
        file["t"][...] = -999
        del file.attrs["time_coverage_start"]
    with pytest.raises(GranuleError, match="holds time 2000-01-01 11:43:21"):
        open_as(local, str(local))
