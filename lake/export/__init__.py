"""Part of a store, or of a run, as one file for others: Cloud-Optimized GeoTIFF, netCDF-4, GeoParquet.

Images lie on the satellite's fixed grid. They show all of it, or the rectangle around a region, with NaN
(nodata) where no pixel is. Nothing is resampled; GDAL, QGIS, xarray and Panoply know the projection.
The selected values are held in memory: a month at a time for GeoTIFF, a superblock for Parquet.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lake.export.geotiff_file import write as geotiff
from lake.export.geotiff_file import write_run as run_geotiff
from lake.export.netcdf_file import write as netcdf
from lake.export.netcdf_file import write_run as run_netcdf
from lake.export.parquet_file import write as parquet
from lake.export.parquet_file import write_run as run_parquet
from lake.export.run_selection import RunSelection
from lake.export.selection import Selection

if TYPE_CHECKING:
    from lake.reading.run import StoredRun
    from lake.reading.store import Store

__all__ = [
    "ENDINGS",
    "FORMATS",
    "RUN_FORMATS",
    "RunSelection",
    "Selection",
    "geotiff",
    "netcdf",
    "parquet",
    "run_geotiff",
    "run_netcdf",
    "run_parquet",
]

FORMATS: Mapping[str, Callable[["Store", Path, Selection], None]] = {
    "geotiff": geotiff,
    "netcdf": netcdf,
    "parquet": parquet,
}
"""The function that writes each format, by the name of the format."""
RUN_FORMATS: Mapping[str, Callable[["StoredRun", Path, RunSelection], None]] = {
    "geotiff": run_geotiff,
    "netcdf": run_netcdf,
    "parquet": run_parquet,
}
"""The same for what a run gave to pixels."""
ENDINGS = {".tif": "geotiff", ".tiff": "geotiff", ".nc": "netcdf", ".parquet": "parquet"}
"""Ending of a file -> its format."""
