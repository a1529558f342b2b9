"""The libraries that only exports need: imported when a file is written, and named where they are missing."""

from typing import Any

from lake.errors import ConfigError


def require(name: str) -> Any:  # noqa: ANN401 (a module)
    """The module `netCDF4` or `rasterio`.

    Raises:
        ConfigError: it is not installed; the message says how to install it.
    """
    try:
        if name == "netCDF4":
            import netCDF4  # noqa: PLC0415 (xarray loads it)

            return netCDF4
        import rasterio  # noqa: PLC0415
        import rasterio.shutil  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(f"this needs {name}: pip install 'goeslake[export]'") from error
    return rasterio
