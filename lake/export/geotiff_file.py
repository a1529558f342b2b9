"""A Cloud-Optimized GeoTIFF of a part of a store, or of what a run gave to its pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import xarray as xr

from lake.errors import ConfigError
from lake.export.libraries import require
from lake.export.pixel_run import of_pixels
from lake.export.run_selection import RunSelection, layer_name
from lake.export.selection import Selection, unit
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
        rasterio.shutil.copy(
            draft, finished, driver="COG", compress="DEFLATE", predictor="YES",
            overview_resampling="AVERAGE",
        )  # fmt: skip

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
    is_classes = name == run.class_array
    columns = selection.columns(run, name)
    first = run.store.to_grid(values if columns is None else values[:, 0])
    profile = _profile(first) | {"count": 1 if columns is None else len(columns)}
    kind = "uint8" if len(run.classes) <= MOST_BYTES else "uint16"
    if is_classes and len(run.classes) > MOST_CLASSES:
        raise ConfigError(
            f"run {run.id} has {len(run.classes)} classes: a GeoTIFF with a colour table holds "
            f"{MOST_CLASSES}; write netCDF or GeoParquet"
        )
    if is_classes:
        profile |= {"dtype": kind, "nodata": np.iinfo(kind).max}

    def draw(finished: Path) -> None:
        draft = finished.with_name("layers.tif")
        with rasterio.open(draft, "w", driver="GTiff", **profile) as file:
            for number, column in enumerate(columns or [None], 1):
                layer = values if column is None else values[:, number - 1]
                image = run.store.to_grid(layer).values
                if is_classes:
                    absent = ~(image >= 0)
                    image = np.where(absent, profile["nodata"], image).astype(kind)
                file.write(image, number)
                file.set_band_description(number, layer_name(name, column))
            if is_classes:
                file.write_colormap(1, {each.number: _rgba(each) for each in run.classes})
                file.update_tags(1, **{f"class_{each.number}": each.name for each in run.classes})
            file.update_tags(run=run.id, source=run.url, key=str(run.store.key))
        rasterio.shutil.copy(
            draft, finished, driver="COG", compress="DEFLATE",
            predictor="NO" if is_classes else "YES",
            overview_resampling="MODE" if is_classes else "AVERAGE",
        )  # fmt: skip

    write_whole(path, draw)
    if is_classes:
        document = _category_names([each.name for each in run.classes])
        write_whole(
            path.with_name(f"{path.name}.aux.xml"), lambda draft: draft.write_bytes(document)
        )


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


def _profile(image: xr.DataArray) -> dict[str, Any]:
    """The profile of rasterio for an image: its size, projection, and the place of its north-west corner."""
    y, x = image["y"].values, image["x"].values
    step_y, step_x = (float((a[-1] - a[0]) / (a.size - 1)) if a.size > 1 else 0 for a in (y, x))
    step_y, step_x = step_y or -step_x, step_x or -step_y
    if not step_x:
        raise ConfigError("the region is one pixel, which is no image: wanted two or more")
    affine = (step_x, 0.0, float(x[0]) - step_x / 2, 0.0, step_y, float(y[0]) - step_y / 2)
    rasterio = require("rasterio")
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
