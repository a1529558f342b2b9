"""Per-pixel statistics of GOES satellite images: the stores, and how to read them.

::

    store = lake.open("s3://bucket/lake/goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0")
    store.results("day-2km").sel(month=7, tod=64800, band="C13", metric="m1")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.read import Store, open  # noqa: A004

__all__ = ["Store", "open"]


def __getattr__(name: str) -> object:
    """Load the reader when it is first asked for: zarr and xarray take most of a second."""
    if name not in __all__:
        raise AttributeError(f"module 'lake' has no attribute {name!r}")
    from lake import read  # noqa: PLC0415

    return getattr(read, name)
