"""Memory as workers get it, for benchmarks that run in a process of their own."""

import os
import sys

from lake.dask_cluster import MALLOC


def as_workers() -> None:
    """Begin this script anew in the environment of workers, unless it is in that already."""
    if missing := MALLOC.items() - os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | dict(missing))  # noqa: S606
