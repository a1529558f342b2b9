"""A source of a few files of the NOAA layout, files under other names, a clock that does not wait."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import h5py

from ingest.source.retries import Retry
from ingest.source.scratch import Scratch

RAD = "OR_ABI-L1b-RadC-M6C13_G16_s20180011801172_e20180011803543_c20180011804503.nc"
LST = "OR_ABI-L2-LSTC-M6_G16_s20180011801172_e20180011803545_c20180011805371.nc"
TREE = {
    f"ABI-L1b-RadC/2018/001/18/{RAD}": b"rad",
    f"ABI-L2-LSTC/2017/364/23/{LST}": b"two days before",
    f"ABI-L2-LSTC/2017/365/23/{LST}": b"the day before",
    f"ABI-L2-LSTC/2018/001/18/{LST}": b"lst",
    f"ABI-L2-LSTC/2018/001/18/{LST}.tmp": b"no netCDF",
    f"ABI-L2-LSTC/2018/002/00/{LST}": b"the day after",
    f"GLM-L2-LCFA/2018/001/18/{LST}": b"another instrument",
}
HOUR = ["ABI-L2-LSTC/2018/001/18"]


class Sleeps(list):
    """A clock that notes how long it was asked to sleep, and does not."""

    @property
    def retry(self) -> Retry:
        return Retry(attempts=4, sleep=self.append)


def copy_as(path: Path, target: Path) -> None:
    """Copy a granule under another name; what it says of itself goes with the name."""
    shutil.copyfile(path, target)
    stamp = target.name.partition("_s")[2][:14]
    start = datetime.strptime(f"{stamp[:13]}{stamp[13]}00000+0000", "%Y%j%H%M%S%f%z")
    middle = start + timedelta(seconds=78.6)
    with h5py.File(target, "r+") as file:
        file.attrs["dataset_name"] = target.name
        file.attrs["time_coverage_start"] = start.isoformat()
        file["t"][...] = (middle - datetime.fromisoformat("2000-01-01T12:00Z")).total_seconds()


def is_empty(scratch: Scratch) -> bool:
    return not scratch.place.exists() or not list(scratch.place.iterdir())
