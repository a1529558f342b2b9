"""Per-pixel statistics of GOES satellite images: the stores, and how to read them.

::

    store = lake.open("s3://bucket/lake/goes16/clearland-l1b-c0/20180101_20181231/geom-goes-conus-0")
    store.cube("day-2km").results.sel(month=7, tod=64800, band="C13", metric="m1")
    lake.catalog("s3://bucket/lake").search(sat="goes16", t0="2018-01-01", bbox=(-110, 30, -100, 40))
    lake.open_run("s3://bucket/lake/runs/pca-0123456789ab").scores
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.catalogue.search import Catalog, catalog
    from lake.reading.run import StoredRun, open_run
    from lake.reading.store import Store, open  # noqa: A004

__all__ = ["Catalog", "Store", "StoredRun", "catalog", "open", "open_run"]

_MODULES = {
    "Catalog": "catalogue.search",
    "Store": "reading.store",
    "StoredRun": "reading.run",
    "catalog": "catalogue.search",
    "open": "reading.store",
    "open_run": "reading.run",
}


def __getattr__(name: str) -> object:
    """Load the readers when they are first asked for: zarr and xarray take most of a second."""
    if name not in __all__:
        raise AttributeError(f"module 'lake' has no attribute {name!r}")
    return getattr(import_module(f"lake.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """What there is to use, before any of it is loaded, and the names that every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
