"""A netCDF-4 file of a part of a store, by the CF conventions: a variable for each band and statistic."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from lake.export.libraries import require
from lake.export.selection import Selection, unit
from lake.storage.files import write_whole

if TYPE_CHECKING:
    from lake.reading.store import Store


def write(store: "Store", path: Path, selection: Selection) -> None:
    """Write netCDF-4 by the CF conventions, a variable (month, tod, y, x) for each band and statistic.

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
