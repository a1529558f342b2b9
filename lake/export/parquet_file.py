"""A GeoParquet file of a part of a store, or of what a run gave to its pixels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray

from lake.export.pixel_run import PixelRun, of_pixels
from lake.export.run_selection import RunSelection, layer_name
from lake.export.selection import Selection, unit
from lake.format import grid as geometry
from lake.storage.files import write_whole

if TYPE_CHECKING:
    from lake.format.arrays import Indices
    from lake.reading.run import StoredRun
    from lake.reading.store import Store

GEOPARQUET = "1.1.0"


def write(store: "Store", path: Path, selection: Selection) -> None:
    """Write GeoParquet: a row for each subpixel, month and tod, a column for each band and statistic.

    `geometry` is the subpixel's centre; `row` and `column` are those of the grid of the cube.

    Args:
        store: that is exported.
        path: of the file.
        selection: the part of the store.

    Raises:
        ConfigError: as of `Selection.select`.
    """
    dataset = selection.select(store)
    step = store.layout.superblock

    def fill(draft: Path) -> None:
        begin = _table(store, dataset.isel(pixel=slice(0)), selection)
        with pq.ParquetWriter(draft, begin.schema, compression="zstd") as writer:
            for first in range(0, dataset.sizes["pixel"], step):
                part = dataset.isel(pixel=slice(first, first + step))
                writer.write_table(_table(store, part, selection))

    write_whole(path, fill)


def write_run(stored: "StoredRun", path: Path, selection: RunSelection) -> None:
    """Write GeoParquet: a row for each pixel, a column for each array of a run, or for each component.

    Classes are whole numbers, null where a pixel has none, with their names in a column `..._name`.

    Args:
        stored: the run, as `lake.open_run` gives it.
        path: of the file.
        selection: the part of what the run gave to pixels.

    Raises:
        ConfigError: as of `RunSelection`, a run that gave nothing to pixels.
        MissingError: the run is not complete.
    """
    run = of_pixels(stored)
    pixels = selection.pixels(run)
    step = run.store.layout.superblock

    def fill(draft: Path) -> None:
        begin = _run_table(run, pixels[:0], selection)
        with pq.ParquetWriter(draft, begin.schema, compression="zstd") as writer:
            for first in range(0, pixels.size, step):
                writer.write_table(_run_table(run, pixels[first : first + step], selection))

    write_whole(path, fill)


def _run_table(run: PixelRun, pixels: "Indices", selection: RunSelection) -> pa.Table:
    """The table's rows of some pixels."""
    domain = run.store.domain
    row, column = domain.row[pixels], domain.column[pixels]
    lon, lat = geometry.lonlat(domain.grid.projection, domain.grid.y[row], domain.grid.x[column])
    columns: dict[str, Any] = {
        "pixel": pixels.astype(np.int32),
        "row": row,
        "column": column,
        "lon": lon,
        "lat": lat,
        "geometry": _points(lon, lat),
    }
    for name in selection.names(run):
        values = selection.read(run, name, pixels).values
        if name == run.class_array:
            numbers = values.astype(np.int32)
            named = np.array([each.name for each in run.classes], object)
            columns[name] = pa.array(numbers, mask=numbers < 0)
            columns[f"{name}_name"] = pa.array(
                named[np.maximum(numbers, 0)], pa.string(), mask=numbers < 0
            )
            continue
        for number, label in enumerate(selection.columns(run, name) or [None]):
            layer = values if label is None else values[:, number]
            columns[layer_name(name, label)] = np.ascontiguousarray(layer)
    table = pa.table(columns)
    metadata = {
        "geo": json.dumps(_geo()),
        "run": run.id,
        "key": str(run.store.key),
        "source": run.url,
    }
    return table.replace_schema_metadata(metadata)


def _table(store: "Store", part: xr.Dataset, selection: Selection) -> pa.Table:
    """The table's rows of some pixels."""
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
            layer = part[name].isel(band=number)
            columns[f"{band}_{name}"] = layer.values.ravel()
            units[f"{band}_{name}"] = unit(name, layer)
    table = pa.table(columns)
    fields = [
        each.with_metadata({"units": units[each.name]}) if units[each.name] else each
        for each in table.schema
    ]
    metadata = {"geo": json.dumps(_geo()), "key": str(store.key), "source": store.plain_url}
    return table.cast(pa.schema(fields, metadata))


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
