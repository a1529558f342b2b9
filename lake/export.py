"""Part of a store as one file for other software: Cloud-Optimized GeoTIFF, netCDF-4, GeoParquet.

Images lie on the satellite's fixed grid: whole, or the rectangle around a region, NaN (nodata) where no
pixel is. Nothing is resampled; GDAL, QGIS, xarray and Panoply know the projection. What is chosen is
held in memory (a month at a time for GeoTIFF, a superblock for Parquet).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray

from lake.errors import ConfigError
from lake.format import grid as geometry
from lake.format.moments import METRICS
from lake.format.regions import Region
from lake.reading import cubes
from lake.storage.files import whole

if TYPE_CHECKING:
    from lake.reading.store import Store

GEOPARQUET = "1.1.0"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a store; empty: all of them."""

    cube: str
    statistics: tuple[str, ...] = ("mean",)
    """Metrics and what is computed from them."""
    months: tuple[int, ...] = ()
    """1..12; empty: those that hold statistics."""
    tods: tuple[int, ...] = ()
    """Seconds of the UTC day."""
    bands: tuple[str, ...] = ()
    region: Region = ()
    """See `lake.format.regions`; empty: everything."""

    def select(self, store: "Store") -> xr.Dataset:
        """A variable for each statistic, (pixel, subpixel, month, tod, band), read when used.

        Raises:
            ConfigError: the store lacks something, or no pixel lies in the region.
        """
        if unknown := [name for name in self.statistics if name not in cubes.ALL_STATISTICS]:
            raise ConfigError(
                f"no statistic {unknown[0]!r}: wanted some of {', '.join(cubes.ALL_STATISTICS)}"
            )
        computed = tuple(name for name in self.statistics if name in cubes.STATISTICS)
        whole = store.metrics(self.cube, computed)
        axes: dict[str, Sequence[Any]] = {
            "month": self.months or store.months,
            "tod": self.tods,
            "band": self.bands,
        }
        for name, wanted in axes.items():
            known = whole[name].values.tolist()
            if lacking := [label for label in wanted if label not in known]:
                raise ConfigError(
                    f"{self.cube} has no {name} {lacking[0]!r}: wanted some of {known}"
                )
        whole = whole.sel({name: list(wanted) for name, wanted in axes.items() if wanted})
        if len(self.region):
            pixels = store.region(self.region)
            if not pixels.size:
                raise ConfigError(f"no pixel of {store.key} lies in the region")
            whole = whole.isel(pixel=pixels)
        results = whole["results"]
        raw = {
            name: results.sel(metric=name, drop=True).assign_attrs(
                long_name=f"{name} of observations"
            )
            for name in self.statistics
            if name in METRICS
        }
        found = whole.drop_dims("metric").assign(raw)
        return found[list(self.statistics)]


def geotiff(store: "Store", path: Path, selection: Selection) -> None:
    """Write a Cloud-Optimized GeoTIFF, a layer for each statistic, month, tod and band.

    Raises:
        ConfigError: rasterio is not installed; as of `Selection.select`.
    """
    rasterio = _needed("rasterio")
    chosen = selection.select(store)
    layers = [
        (name, month, tod, band)
        for name in selection.statistics
        for month in range(chosen.sizes["month"])
        for tod in range(chosen.sizes["tod"])
        for band in range(chosen.sizes["band"])
    ]
    profile = _profile(store.to_grid(chosen[layers[0][0]].isel(month=0, tod=0, band=0)))

    def write(finished: Path) -> None:
        draft = finished.with_name("layers.tif")
        with rasterio.open(draft, "w", driver="GTiff", count=len(layers), **profile) as file:
            for month in range(chosen.sizes["month"]):
                of_month = chosen.isel(month=month).load()
                for number, (name, held_in, tod, band) in enumerate(layers, 1):
                    if held_in == month:
                        layer = of_month[name].isel(tod=tod, band=band)
                        file.write(store.to_grid(layer).values, number)
                        file.set_band_description(number, _describe(layer))
                        file.set_band_unit(number, _unit(name, layer))
                        file.update_tags(number, **_tags(layer))
            file.update_tags(key=str(store.key), source=store.plain_url, cube=selection.cube)
        rasterio.shutil.copy(
            draft, finished, driver="COG", compress="DEFLATE", predictor="YES",
            overview_resampling="AVERAGE",
        )  # fmt: skip

    whole(path, write)


def netcdf(store: "Store", path: Path, selection: Selection) -> None:
    """Write netCDF-4 by the CF conventions, a variable (month, tod, y, x) for each band and statistic.

    Raises:
        ConfigError: netCDF4 is not installed; as of `Selection.select`.
    """
    _needed("netCDF4")
    chosen = selection.select(store)
    attributes = {name: chosen.attrs[name] for name in ("Conventions", "title", "key", "source")}
    variables = {}
    for name in selection.statistics:
        images = store.to_grid(chosen[name])
        for band in chosen["band"].values.tolist():
            image = images.sel(band=band).drop_vars(["band", "units", "wavelength"])
            image.attrs |= {"units": _unit(name, images.sel(band=band))}
            image.encoding = {
                "zlib": True,
                "complevel": 4,
                "_FillValue": np.float32(np.nan),
                "grid_mapping": image.attrs.pop("grid_mapping"),
            }
            variables[f"{band}_{name}"] = image
    made = xr.Dataset(variables, attrs=attributes)
    whole(path, lambda draft: made.to_netcdf(draft, engine="netcdf4", format="NETCDF4"))


def parquet(store: "Store", path: Path, selection: Selection) -> None:
    """Write GeoParquet: a row for each subpixel, month and tod, a column for each band and statistic.

    `geometry` is the subpixel's centre; `row` and `column` are those of the grid of the cube.

    Raises:
        ConfigError: as of `Selection.select`.
    """
    chosen = selection.select(store)
    step = store.layout.superblock

    def write(draft: Path) -> None:
        begin = _table(store, chosen.isel(pixel=slice(0)), selection)
        with pq.ParquetWriter(draft, begin.schema, compression="zstd") as writer:
            for first in range(0, chosen.sizes["pixel"], step):
                part = chosen.isel(pixel=slice(first, first + step))
                writer.write_table(_table(store, part, selection))

    whole(path, write)


FORMATS: dict[str, Callable[["Store", Path, Selection], None]] = {
    "geotiff": geotiff,
    "netcdf": netcdf,
    "parquet": parquet,
}


def _needed(name: str) -> Any:  # noqa: ANN401 (a module)
    """A library that only exports need."""
    try:
        if name == "netCDF4":
            import netCDF4  # noqa: PLC0415 (xarray loads it)

            return netCDF4
        import rasterio  # noqa: PLC0415
        import rasterio.shutil  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(f"this needs {name}: pip install 'goeslake[export]'") from error
    return rasterio


def _profile(image: xr.DataArray) -> dict[str, Any]:
    """What rasterio is told of an image: size, projection, and where its north-west corner is."""
    y, x = image["y"].values, image["x"].values
    step_y, step_x = (float((a[-1] - a[0]) / (a.size - 1)) if a.size > 1 else 0 for a in (y, x))
    step_y, step_x = step_y or -step_x, step_x or -step_y
    if not step_x:
        raise ConfigError("the region is one pixel, which is no image: wanted two or more")
    affine = (step_x, 0.0, float(x[0]) - step_x / 2, 0.0, step_y, float(y[0]) - step_y / 2)
    rasterio = _needed("rasterio")
    return {
        "height": y.size,
        "width": x.size,
        "dtype": "float32",
        "nodata": float("nan"),
        "crs": rasterio.crs.CRS.from_wkt(image["crs"].attrs["crs_wkt"]),
        "transform": rasterio.Affine(*affine),
        "compress": "DEFLATE",
        "tiled": True,
        "bigtiff": "IF_SAFER",
    }


def _describe(layer: xr.DataArray) -> str:
    return f"{layer['band'].item()} {layer.name} month {layer['month'].item()} tod {layer['tod'].item()}"


def _tags(layer: xr.DataArray) -> dict[str, str]:
    return {name: str(layer[name].item()) for name in ("band", "month", "tod")} | {
        "statistic": str(layer.name)
    }


def _unit(name: str, layer: xr.DataArray) -> str:
    """Of a statistic of one band."""
    return cubes.unit_of(name, str(layer["units"].item()))


def _table(store: "Store", part: xr.Dataset, selection: Selection) -> pa.Table:
    """Rows of some pixels."""
    sizes = [part.sizes[name] for name in ("pixel", "subpixel", "month", "tod")]
    refinement = int(part.attrs["refinement"])
    pixel = part["pixel"].values
    subpixel = np.arange(part.sizes["subpixel"])
    row = store.domain.row[pixel][:, None] * refinement + subpixel // refinement
    column = store.domain.column[pixel][:, None] * refinement + subpixel % refinement
    fine = geometry.refine(store.domain.grid, refinement)
    lon, lat = geometry.lonlat(fine.projection, fine.y[row], fine.x[column])

    def spread(values: NDArray[Any], *axes: int) -> NDArray[Any]:
        shape = [sizes[axis] if axis in axes else 1 for axis in range(len(sizes))]
        return np.broadcast_to(values.reshape(shape), sizes).ravel()

    columns: dict[str, Any] = {
        "pixel": spread(pixel.astype(np.int32), 0),
        "subpixel": spread(subpixel.astype(np.int16), 1),
        "row": spread(row.astype(np.int32), 0, 1),
        "column": spread(column.astype(np.int32), 0, 1),
        "lon": spread(lon, 0, 1),
        "lat": spread(lat, 0, 1),
        "month": spread(part["month"].values.astype(np.int16), 2),
        "tod": spread(part["tod"].values.astype(np.int32), 3),
    }
    columns["geometry"] = _points(columns["lon"], columns["lat"])
    units = dict.fromkeys(columns, "")
    for name in selection.statistics:
        for number, band in enumerate(part["band"].values.tolist()):
            of_band = part[name].isel(band=number)
            columns[f"{band}_{name}"] = of_band.values.ravel()
            units[f"{band}_{name}"] = _unit(name, of_band)
    made = pa.table(columns)
    fields = [
        each.with_metadata({"units": units[each.name]}) if units[each.name] else each
        for each in made.schema
    ]
    about = {"geo": json.dumps(_geo()), "key": str(store.key), "source": store.plain_url}
    return made.cast(pa.schema(fields, about))


def _points(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> pa.Array:
    """Points in well-known binary (OGC 06-103r4, section 8): byte order, type 1, x, y."""
    points = np.zeros(lon.size, [("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
    points["order"], points["type"], points["x"], points["y"] = 1, 1, lon, lat
    ends = np.arange(lon.size + 1, dtype=np.int32) * points.itemsize
    buffers = [None, pa.py_buffer(ends.tobytes()), pa.py_buffer(points.tobytes())]
    return pa.Array.from_buffers(pa.binary(), lon.size, buffers)


def _geo() -> dict[str, Any]:
    """GeoParquet's file metadata; without `crs` coordinates are longitude and latitude (OGC:CRS84)."""
    column = {"encoding": "WKB", "geometry_types": ["Point"]}
    return {"version": GEOPARQUET, "primary_column": "geometry", "columns": {"geometry": column}}
