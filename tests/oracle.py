"""What a granule says, read by netCDF4 alone: what the tests compare with."""

from pathlib import Path

import netCDF4
import numpy as np


def decoded(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Quantity and goodness (y, x) of a Rad file, by the formulas of the ABI documents."""
    with netCDF4.Dataset(path) as file:
        raw = file["Rad"]
        raw.set_auto_scale(False)
        scale, offset = float(raw.scale_factor), float(raw.add_offset)
        radiance = np.ma.filled(raw[:].astype(np.float64), np.nan) * scale + offset
        good = np.ma.filled(file["DQF"][:], 255) == 0
        if float(file["kappa0"][:].filled(-999)) > 0:
            return radiance * float(file["kappa0"][:]), good & np.isfinite(radiance)
        fk1, fk2, bc1, bc2 = (float(file[f"planck_{n}"][:]) for n in ("fk1", "fk2", "bc1", "bc2"))
    with np.errstate(invalid="ignore", divide="ignore"):
        kelvin = (fk2 / np.log(fk1 / radiance + 1) - bc1) / bc2
    return kelvin, good & np.isfinite(kelvin) & (radiance > 0)


def clear_land(path: str | Path) -> np.ndarray:
    """Where an LST file of either version calls a pixel clear land: (y, x)."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        dqf = file["DQF"][:]
        if "PQI" not in file.variables:
            return dqf == 0
        pqi = file["PQI"][:]
    land = np.isin((pqi >> 6) & 3, (0, 1)) & (pqi != 65535)
    return (dqf <= 2) & land & np.isin((pqi >> 2) & 3, (0, 1))
