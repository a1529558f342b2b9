"""A netCDF-4 file by the CF conventions, of a part of a store, or of what a run gave to its pixels."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from lake.export.libraries import require
from lake.export.pixel_run import PixelRun, of_pixels
from lake.export.run_selection import RunSelection
from lake.export.selection import Selection, unit
from lake.format import schema
from lake.storage.files import write_whole

if TYPE_CHECKING:
    from lake.reading.run import StoredRun
    from lake.reading.store import Store

NO_CLASS = -1


def write(store: "Store", path: Path, selection: Selection) -> None:
    """Write netCDF-4 by the CF conventions, a variable (month, tod, y, x) for each band and statistic.

    Args:
        store: that is exported.
        path: of the file.
        selection: the part of the store.

    Raises:
        ConfigError: netCDF4 is not installed; as of `Selection.select`.
    """
    require("netCDF4")
    dataset = selection.select(store)
    attributes = {name: dataset.attrs[name] for name in ("Conventions", "title", "key", "source")}
    variables = {}
    for name in selection.statistics:
        images = store.to_grid(dataset[name])
        for band in dataset["band"].values.tolist():
            image = images.sel(band=band).drop_vars(["band", "units", "wavelength"])
            image.attrs |= {"units": unit(name, images.sel(band=band))}
            image.encoding = {
                "zlib": True,
                "complevel": 4,
                "_FillValue": np.float32(np.nan),
                "grid_mapping": image.attrs.pop("grid_mapping"),
            }
            variables[f"{band}_{name}"] = image
    document = xr.Dataset(variables, attrs=attributes)
    write_whole(path, lambda draft: document.to_netcdf(draft, engine="netcdf4", format="NETCDF4"))


def write_run(stored: "StoredRun", path: Path, selection: RunSelection) -> None:
    """Write netCDF-4 by the CF conventions: a variable (y, x), or (component, y, x), for each array of a run.

    Classes are whole numbers with the attributes `flag_values`, `flag_meanings` and `flag_colors`.

    Args:
        stored: the run, as `lake.open_run` gives it.
        path: of the file.
        selection: the part of what the run gave to pixels.

    Raises:
        ConfigError: netCDF4 is not installed; as of `RunSelection`, a run that gave nothing to pixels.
        MissingError: the run is not complete.
    """
    require("netCDF4")
    run = of_pixels(stored)
    pixels = selection.pixels(run)
    variables = {}
    for name in selection.names(run):
        image = run.store.to_grid(selection.read(run, name, pixels))
        encoding = {"zlib": True, "complevel": 4, "grid_mapping": image.attrs.pop("grid_mapping")}
        if name == run.class_array:
            image = image.fillna(NO_CLASS).astype(np.int32)
            image.attrs |= _flags(run)
            image.encoding = encoding | {"_FillValue": np.int32(NO_CLASS)}
        else:
            image.attrs.setdefault("units", "1")
            image.encoding = encoding | {"_FillValue": np.float32(np.nan)}
        variables[name] = image
    attributes = {
        "Conventions": schema.CONVENTIONS,
        "title": f"{run.id} of {run.store.key}",
        "key": str(run.store.key),
        "source": run.url,
    }
    document = xr.Dataset(variables, attrs=attributes)
    write_whole(path, lambda draft: document.to_netcdf(draft, engine="netcdf4", format="NETCDF4"))


def _flags(run: PixelRun) -> dict[str, Any]:
    """What the numbers of classes mean: CF conventions, section 3.5; names are words joined by `_`."""
    return {
        "long_name": "class",
        "flag_values": np.array([each.number for each in run.classes], np.int32),
        "flag_meanings": " ".join(re.sub(r"[^\w@.+-]+", "_", each.name) for each in run.classes),
        "flag_colors": " ".join(each.colour for each in run.classes),
    }
