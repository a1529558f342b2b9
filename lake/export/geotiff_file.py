"""A Cloud-Optimized GeoTIFF of a part of a store, or of what a run gave to its pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import xarray as xr

from lake.errors import ConfigError
from lake.export.libraries import require
from lake.export.pixel_run import PixelRun, of_pixels
from lake.export.run_selection import RunSelection, layer_name
from lake.export.selection import Selection, unit
from lake.format.arrays import Floats
from lake.format.grid import Grid
from lake.reading.classes import LandClass
from lake.storage.files import write_whole

if TYPE_CHECKING:
    from lake.reading.run import StoredRun
    from lake.reading.store import Store

MOST_BYTES = 255
"""Number of classes that fit into a byte beside the number for none."""
MOST_CLASSES = 65_535
"""The same of two bytes, the most that a colour table has."""


def write(store: "Store", path: Path, selection: Selection) -> None:
    """Write a Cloud-Optimized GeoTIFF, a layer for each statistic, month, tod and band.

    Args:
        store: that is exported.
        path: of the file.
        selection: the part of the store.

    Raises:
        ConfigError: rasterio is not installed; as of `Selection.select`.
    """
    rasterio = require("rasterio")
    dataset = selection.select(store)
    layers = [
        (name, month, tod, band)
        for name in selection.statistics
        for month in range(dataset.sizes["month"])
        for tod in range(dataset.sizes["tod"])
        for band in range(dataset.sizes["band"])
    ]
    profile = _profile(store.to_grid(dataset[layers[0][0]].isel(month=0, tod=0, band=0)))

    def draw(finished: Path) -> None:
        draft = finished.with_name("layers.tif")
        with rasterio.open(draft, "w", driver="GTiff", count=len(layers), **profile) as file:
            for month in range(dataset.sizes["month"]):
                month_data = dataset.isel(month=month).load()
                for number, (name, layer_month, tod, band) in enumerate(layers, 1):
                    if layer_month == month:
                        layer = month_data[name].isel(tod=tod, band=band)
                        file.write(store.to_grid(layer).values, number)
                        file.set_band_description(number, _describe(layer))
                        file.set_band_unit(number, unit(name, layer))
                        file.update_tags(number, **_tags(layer))
            file.update_tags(key=str(store.key), source=store.plain_url, cube=selection.cube)
        _as_cog(draft, finished)

    write_whole(path, draw)


def write_run(stored: "StoredRun", path: Path, selection: RunSelection) -> None:
    """Write a Cloud-Optimized GeoTIFF of an array of a run: a layer, or one for each component.

    Classes are whole numbers with a colour table, and the largest number stands for no class. Their names
    are tags of the layer, and category names in `PATH.aux.xml`, where GDAL and QGIS look for them.

    Args:
        stored: the run, as `lake.open_run` gives it.
        path: of the file.
        selection: the part of what the run gave to pixels.

    Raises:
        ConfigError: rasterio is not installed; several arrays; as of `RunSelection`; a run that
            gave nothing to pixels.
        MissingError: the run is not complete.
    """
    rasterio, run = require("rasterio"), of_pixels(stored)
    names = selection.names(run)
    if len(names) > 1:
        raise ConfigError(
            f"a GeoTIFF holds one array, found {', '.join(names)}: name one (--array), or write netCDF"
        )
    (name,) = names
    values = selection.read(run, name, selection.pixels(run))
    if name == run.class_array:
        _write_classes(run, path, values)
        return
    columns = selection.columns(run, name)
    layers = (
        [(name, values)]
        if columns is None
        else [(layer_name(name, column), values[:, n]) for n, column in enumerate(columns)]
    )
    profile = _profile(run.store.to_grid(layers[0][1]))

    def draw(finished: Path) -> None:
        draft = finished.with_name("layers.tif")
        with rasterio.open(draft, "w", driver="GTiff", count=len(layers), **profile) as file:
            for number, (label, layer) in enumerate(layers, 1):
                file.write(run.store.to_grid(layer).values, number)
                file.set_band_description(number, label)
            file.update_tags(**_source(run))
        _as_cog(draft, finished)

    write_whole(path, draw)


def _write_classes(run: PixelRun, path: Path, numbers: xr.DataArray) -> None:
    """Write classes with their colours, and the file beside it with their names."""
    rasterio, image = require("rasterio"), run.store.to_grid(numbers)
    count = len(run.classes)
    if count > MOST_CLASSES:
        raise ConfigError(
            f"run {run.id} has {count} classes: a GeoTIFF with a colour table holds "
            f"{MOST_CLASSES}; write netCDF or GeoParquet"
        )
    kind = "uint8" if count <= MOST_BYTES else "uint16"
    none = np.iinfo(kind).max
    profile = _profile(image) | {"dtype": kind, "nodata": none}

    def draw(finished: Path) -> None:
        draft = finished.with_name("layers.tif")
        with rasterio.open(draft, "w", driver="GTiff", count=1, **profile) as file:
            file.write(np.where(image.values >= 0, image.values, none).astype(kind), 1)
            file.set_band_description(1, run.class_array)
            file.write_colormap(1, {each.number: _rgba(each) for each in run.classes})
            file.update_tags(1, **{f"class_{each.number}": each.name for each in run.classes})
            file.update_tags(**_source(run))
        _as_cog(draft, finished, predictor="NO", resampling="MODE")

    write_whole(path, draw)
    document = _category_names([each.name for each in run.classes])
    write_whole(path.with_name(f"{path.name}.aux.xml"), lambda draft: draft.write_bytes(document))


def _as_cog(
    draft: Path, finished: Path, *, predictor: str = "YES", resampling: str = "AVERAGE"
) -> None:
    """Copy a TIFF to a Cloud-Optimized GeoTIFF."""
    require("rasterio").shutil.copy(
        draft, finished, driver="COG", compress="DEFLATE", predictor=predictor,
        overview_resampling=resampling,
    )  # fmt: skip


def _source(run: PixelRun) -> dict[str, str]:
    """The tags of a file that say where it comes from."""
    return {"run": run.id, "source": run.url, "key": str(run.store.key)}


def _rgba(each: LandClass) -> tuple[int, int, int, int]:
    red, green, blue = (round(255 * part) for part in each.rgb)
    return red, green, blue, 255


def _category_names(names: Sequence[str]) -> bytes:
    """GDAL's auxiliary file of a raster whose values 0, 1, ... have names; GDAL wants no XML declaration."""
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    categories = ET.SubElement(band, "CategoryNames")
    for name in names:
        ET.SubElement(categories, "Category").text = name
    document: bytes = ET.tostring(root, "utf-8", xml_declaration=False)
    return document


def affine(y: Floats, x: Floats) -> Any:  # noqa: ANN401 (rasterio's)
    """The transformation of rasterio from columns and rows to the projection.

    Args:
        y: (row,) centres of the rows in metres; steps of one row are those of the columns.
        x: (column,) centres of the columns, likewise.

    Raises:
        ConfigError: one pixel, whose size nobody knows.
    """
    step_y, step_x = (float((a[-1] - a[0]) / (a.size - 1)) if a.size > 1 else 0 for a in (y, x))
    step_y, step_x = step_y or -step_x, step_x or -step_y
    if not step_x:
        raise ConfigError("the region is one pixel, which is no image: wanted two or more")
    west, north = float(x[0]) - step_x / 2, float(y[0]) - step_y / 2
    return require("rasterio").Affine(step_x, 0.0, west, 0.0, step_y, north)


def georeference(grid: Grid) -> tuple[Any, Any]:
    """Projection and transformation of a grid, as rasterio has them.

    Raises:
        ConfigError: rasterio is not installed.
    """
    height = grid.projection.perspective_point_height
    crs = require("rasterio").crs.CRS.from_wkt(grid.projection.cf_attributes()["crs_wkt"])
    return crs, affine(grid.y * height, grid.x * height)


def _profile(image: xr.DataArray) -> dict[str, Any]:
    """The profile of rasterio for an image: its size, projection, and the place of its north-west corner."""
    y, x = image["y"].values, image["x"].values
    return {
        "height": y.size,
        "width": x.size,
        "dtype": "float32",
        "nodata": float("nan"),
        "crs": require("rasterio").crs.CRS.from_wkt(image["crs"].attrs["crs_wkt"]),
        "transform": affine(y, x),
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
