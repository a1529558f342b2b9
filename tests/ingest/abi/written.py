"""Small netCDF files of the ABI's layout, written by netCDF4."""

import tempfile
from pathlib import Path

import netCDF4
import numpy as np


def frame(file: netCDF4.Dataset, shape: tuple[int, int]) -> None:
    """Axes and projection of a crop of the GOES-East grid."""
    file.platform_ID = "G16"
    for name, size, scale, offset in (
        ("y", shape[0], -5.6e-05, 0.092372),
        ("x", shape[1], 5.6e-05, -0.017332),
    ):
        file.createDimension(name, size)
        axis = file.createVariable(name, "i2", (name,))
        axis.set_auto_maskandscale(False)
        axis.scale_factor, axis.add_offset = np.float32(scale), np.float32(offset)
        axis[:] = np.arange(size)
    file.createVariable("goes_imager_projection", "i4").setncatts(
        {
            "perspective_point_height": 35786023.0,
            "semi_major_axis": 6378137.0,
            "semi_minor_axis": 6356752.31414,
            "latitude_of_projection_origin": 0.0,
            "longitude_of_projection_origin": -75.0,
            "sweep_angle_axis": "x",
        }
    )


def put(file: netCDF4.Dataset, name: str, kind: str, values: np.ndarray, **attributes) -> None:
    fill = attributes.pop("_FillValue")
    variable = file.createVariable(name, kind, ("y", "x"), zlib=True, complevel=1, fill_value=fill)
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes)
    variable[:] = values.astype(np.dtype(kind))


def written(build) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "granule.nc"
        with netCDF4.Dataset(path, "w") as file:
            build(file)
        return path.read_bytes()
