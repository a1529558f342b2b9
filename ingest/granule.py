"""One ABI netCDF file, as bytes -> packed counts with their table, validity and grid.

L1b `Rad` becomes reflectance factor (bands 1-6, by `kappa0`) or brightness temperature (bands
7-16, by `planck_*`) with the constants of the file itself; L2 `CMI` and `LST` are unpacked as they
are. An observation is good where `DQF` is 0; one of `LST` where a temperature was retrieved
(v01 `(DQF & 22) == 0`, v02 `DQF <= 2`) and lies in the file's valid range: the sky and surface
that a listing wants beyond that come from `read_surface`.
Arrays are (y, x), north to south, west to east.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ingest import abi
from ingest.abi import Bools, Floats
from lake.bands import BANDS, is_reflective
from lake.errors import ConfigError, GeometryError, GranuleError
from lake.grid import Grid, Projection, axis

Counts = NDArray[np.uint16]

COUNTS = 1 << 16
"""As many values as a count can have; attributes of unsigned counts may be stored negative."""

UNUSED = -999.0
"""Calibration constants of the other kind of band hold this."""


@dataclass(frozen=True, slots=True, eq=False)
class Granule:
    """One variable of one file."""

    path: str
    grid: Grid
    counts: Counts
    """(y, x) packed values."""
    table: Floats
    """(count,) reflectance factor (1) or temperature (K) of every count that occurs and more; NaN
    where the count is no valid observation."""
    good: Bools
    """(y, x) True = usable: good quality, and the table has a value."""

    def quantity(self) -> Floats:
        """(y, x) reflectance factor (1) or temperature (K); NaN where not good."""
        return np.where(self.good, self.table[self.counts], np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Sky and surface of one scan, from its LST product."""

    path: str
    grid: Grid
    clear: Bools
    """(y, x) True = counts, by the listing's clear-sky rule."""
    land: Bools
    """(y, x) True = land."""
    version: str
    """Of the LST quality flags, `v01` or `v02`."""


def read_band(data: bytes, path: str, variable: str) -> Granule:
    """The observations of one file.

    Args:
        data: the whole file.
        path: its path; the name says product and band, which the content must confirm.
        variable: `Rad`, `CMI` or `LST`.

    Raises:
        GranuleError: truncated, no HDF5, no ABI file, or of another product or band.
    """
    with _opened(data, path) as file:
        band = file.confirm(variable)
        counts = file.flags(variable)
        if counts.dtype != np.uint16:
            raise GranuleError(
                f"{path}: {variable} is packed as {counts.dtype}, wanted 16-bit counts"
            )
        grid, dqf = file.grid(counts.shape), file.flags("DQF")
        if dqf.shape != counts.shape:
            raise GranuleError(_misfit(path, "DQF", dqf.shape, f"{variable} has {counts.shape}"))
        table = _table(file, variable, int(counts.max(initial=0)))
        if variable == "Rad":
            table = _calibrated(file, band, table)
        is_usable = abi.is_retrieved(_lst_version(file), dqf) if variable == "LST" else dqf == 0
    return Granule(path, grid, counts, table, is_usable & np.isfinite(table)[counts])


def read_surface(data: bytes, path: str, rule: str) -> Surface:
    """Clear sky and land of one scan, from its LST product.

    Args:
        data: the whole file.
        path: its path.
        rule: a key of `ingest.abi.CLEAR_RULES`.

    Raises:
        GranuleError: truncated, no HDF5, no LST file, or of neither version.
    """
    with _opened(data, path) as file:
        file.confirm("LST")
        dqf, version = file.flags("DQF"), _lst_version(file)
        pqi = file.flags("PQI") if version == "v02" else None
        grid = file.grid(dqf.shape)
        if pqi is not None and pqi.shape != dqf.shape:
            raise GranuleError(_misfit(path, "PQI", pqi.shape, f"DQF has {dqf.shape}"))
    flags = abi.LstFlags(version, dqf, pqi)
    return Surface(path, grid, abi.is_clear(rule, flags), abi.is_land(flags), version)


def open_surface(local: str, path: str, rule: str) -> Surface:
    """`read_surface` of a file on the local disk."""
    return read_surface(Path(local).read_bytes(), path, rule)


@contextmanager
def _opened(data: bytes, path: str) -> Iterator["_File"]:
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield _File(path, file)
    except (OSError, RuntimeError, KeyError) as error:
        raise GranuleError(
            f"{path} cannot be read: found {len(data)} bytes, {error}; wanted a whole netCDF-4 file: "
            "fetch it again"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """An open file that raises `GranuleError` for whatever it lacks."""

    path: str
    file: h5py.File

    def variable(self, name: str) -> h5py.Dataset:
        found = self.file.get(name)
        if not isinstance(found, h5py.Dataset):
            raise GranuleError(
                f"{self.path} has no variable {name}, it holds {', '.join(self.file) or 'nothing'}: "
                "wanted an ABI granule of its name; fetch it again, or leave it out"
            )
        return found

    def attribute(self, variable: str, name: str) -> Any:  # noqa: ANN401
        """Text as str, anything else as an array."""
        attributes = self.variable(variable).attrs
        if name not in attributes:
            raise GranuleError(
                f"{self.path}: {variable} has no attribute {name}; wanted an ABI granule as NOAA "
                "wrote it: fetch it again"
            )
        value = attributes[name]
        return value.decode() if isinstance(value, bytes) else value

    def number(self, variable: str, name: str) -> float:
        return float(np.asarray(self.attribute(variable, name)).ravel()[0])

    def whole_numbers(self, variable: str, name: str) -> tuple[int, ...] | None:
        """An attribute that may be missing."""
        if name not in self.variable(variable).attrs:
            return None
        return tuple(int(n) for n in np.ravel(self.attribute(variable, name)))

    def flags(self, name: str) -> NDArray[np.unsignedinteger]:
        """(y, x) unsigned values: netCDF-3 types are signed, `_Unsigned` says what was meant."""
        dataset = self.variable(name)
        if dataset.ndim != 2:
            raise GranuleError(_misfit(self.path, name, dataset.shape, "wanted two dimensions"))
        values = np.asarray(dataset[()])
        if values.dtype.kind == "i" and dataset.attrs.get("_Unsigned", b"") in (b"true", "true"):
            values = values.view(f"u{values.itemsize}")
        if values.dtype.kind != "u":
            raise GranuleError(f"{self.path}: {name} is {values.dtype}, wanted unsigned integers")
        return values

    def confirm(self, variable: str) -> str | None:
        """The band, when name and content agree on product, satellite and band."""
        name = abi.parse_name(self.path)
        if name.product not in abi.PRODUCTS or abi.PRODUCTS[name.product].variable != variable:
            raise GranuleError(
                f"{self.path} is of product {name.product}, wanted one with {variable}; "
                "check the cube's product"
            )
        if variable != "LST" and name.band not in BANDS:
            raise GranuleError(f"{self.path} names no ABI band, wanted {name.mode}C01 .. C16")
        platform = self.file.attrs.get("platform_ID", b"")
        found = {"satellite": platform.decode() if isinstance(platform, bytes) else platform}
        wanted = {"satellite": f"G{name.sat[-2:]}"}
        if name.band:
            found["band"] = f"C{int(np.ravel(self.variable('band_id')[()])[0]):02}"
            wanted["band"] = name.band
        for what, value in found.items():
            if value and value != wanted[what]:
                raise GranuleError(
                    f"{self.path} holds {what} {value}, its name says {wanted[what]}: fetch it again"
                )
        return name.band

    def grid(self, shape: tuple[int, ...]) -> Grid:
        """The grid, which must have the shape of the data."""
        y, x = (
            axis(
                np.asarray(self.variable(name)[()]),
                self.number(name, "scale_factor"),
                self.number(name, "add_offset"),
            )
            for name in ("y", "x")
        )
        if (y.size, x.size) != shape:
            raise GranuleError(
                _misfit(self.path, "data", shape, f"y and x have {(y.size, x.size)}")
            )
        numbers = (
            "perspective_point_height",
            "semi_major_axis",
            "semi_minor_axis",
            "longitude_of_projection_origin",
            "latitude_of_projection_origin",
        )
        name = "goes_imager_projection"
        found = {number: self.number(name, number) for number in numbers}
        sweep = self.attribute(name, "sweep_angle_axis")
        try:
            return Grid(Projection(**found, sweep_angle_axis=sweep), y, x)
        except (ConfigError, GeometryError) as error:
            raise GranuleError(f"{self.path}: {error}; fetch it again, or leave it out") from error


def _misfit(path: str, name: str, shape: tuple[int, ...], other: str) -> str:
    return f"{path}: {name} has shape {shape}, {other}; wanted one shape (y, x): fetch it again"


def _table(file: _File, variable: str, largest: int) -> Floats:
    """Physical value of every count, up to the largest in the file at least."""
    fill = int(file.number(variable, "_FillValue")) % COUNTS
    given = file.whole_numbers(variable, "valid_range") or (0, COUNTS - 1)
    valid = (given[0] % COUNTS, given[-1] % COUNTS)
    return abi.unpack(
        max(valid[1], fill, largest) + 1,
        file.number(variable, "scale_factor"),
        file.number(variable, "add_offset"),
        valid,
        fill,
    )


def _calibrated(file: _File, band: str | None, radiance: Floats) -> Floats:
    if is_reflective(band or ""):
        return abi.reflectance_factor(radiance, _constant(file, "kappa0"))
    names = ("fk1", "fk2", "bc1", "bc2")
    planck = abi.Planck(**{name: _constant(file, f"planck_{name}") for name in names})
    return abi.brightness_temperature(radiance, planck)


def _constant(file: _File, name: str) -> float:
    value = float(np.ravel(file.variable(name)[()])[0])
    if not np.isfinite(value) or value == UNUSED:
        raise GranuleError(
            f"{file.path}: {name} is {value}, which means unused; wanted the calibration of the "
            "band in its name: fetch it again"
        )
    return value


def _lst_version(file: _File) -> str:
    container = file.file.get("algorithm_product_version_container")
    version = container.attrs.get("product_version") if container is not None else None
    return abi.lst_version(
        file.path,
        file.whole_numbers("DQF", "valid_range"),
        file.whole_numbers("DQF", "flag_masks"),
        version.decode() if isinstance(version, bytes) else version,
    )
