"""Satellite files and legacy pickles into the lake: listing, plan, accumulation, publishing.

::

    from dask.distributed import Client
    import ingest

    client = Client()  # or of any cluster
    ingest.run(client, "clearland-l1b-c0", "s3://noaa-goes16", "s3://bucket/lake", since="2018-01-01")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.interactive import run

__all__ = ["run"]


def __getattr__(name: str) -> object:
    """Load what ingests when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'ingest' has no attribute {name!r}")
    from ingest.interactive import run  # noqa: PLC0415

    return run


def __dir__() -> list[str]:
    """What there is to use, before any of it is loaded, and the names that every module has."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
