"""A Cloud-Optimized GeoTIFF of a part of a store: a layer for each statistic, month, tod and band."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from lake.errors import ConfigError
from lake.export.libraries import require
from lake.export.selection import Selection, unit
from lake.storage.files import write_whole

if TYPE_CHECKING:
    from lake.reading.store import Store


def write(store: "Store", path: Path, selection: Selection) -> None:
    """Write a Cloud-Optimized GeoTIFF, a layer for each statistic, month, tod and band.

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
