"""One ABI netCDF file on the local disk -> packed counts with their table, validity and grid.

L1b `Rad` becomes reflectance factor (bands 1-6, by `kappa0`) or brightness temperature (bands
7-16, by `planck_*`) with the constants of the file itself; L2 `CMI` and `LST` are unpacked as they
are. An observation is good where `DQF` is 0; one of `LST` where a temperature was retrieved
(v01 `(DQF & 22) == 0`, v02 `DQF <= 2`) and lies in the file's valid range: the sky and surface
that a listing wants beyond that come from `open_surface`.
Opening reads what the file says of itself; of the images only the chunks asked for are read, later,
as long as the granule is held. Arrays are (y, x), north to south, west to east.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ingest.abi import filenames, hdf5_chunks
from ingest.abi.filenames import Flags, LstFlags
from ingest.abi.hdf5_chunks import Chunks, Wanted
from lake.errors import ConfigError, GeometryError, GranuleError
from lake.format.arrays import Bools, Counts, Floats
from lake.format.bands import BANDS, is_reflective
from lake.format.grid import Grid, Projection, axis

COUNTS = 1 << 16
"""As many values as a count can have; attributes of unsigned counts may be stored negative."""

UNUSED = -999.0
"""Calibration constants of the other kind of band hold this."""


@dataclass(frozen=True, slots=True, eq=False)
class Granule:
    """One variable of one file."""

    path: str
    grid: Grid
    packed: Chunks
    """Counts, 16 bits."""
    flags: Chunks
    """`DQF`."""
    table: Floats
    """(count,) reflectance factor (1) or temperature (K) of counts up to the fill and the largest
    valid one; NaN where the count is no valid observation, as are all counts beyond."""
    version: str = ""
    """Of the LST quality flags, `v01` or `v02`; empty: of a band."""

    def bad(self, flags: Flags) -> NDArray[np.uint8]:
        """Where quality flags call an observation not usable: not 0; of the shape of `flags`."""
        if not self.version and flags.itemsize == 1:
            return flags.view(np.uint8)
        is_bad = ~filenames.is_retrieved(self.version, flags) if self.version else flags != 0
        return is_bad.view(np.uint8)

    @property
    def usable(self) -> Bools:
        """(65536,) True = the count has a quantity."""
        usable = np.zeros(COUNTS, np.bool_)
        usable[: self.table.size] = np.isfinite(self.table)
        return usable

    @property
    def counts(self) -> Counts:
        """(y, x) all packed values, read now."""
        return self.packed.image()

    @property
    def good(self) -> Bools:
        """(y, x) True = usable: good quality, and the table has a value; read now."""
        good: Bools = (self.bad(self.flags.image()) == 0) & self.usable[self.counts]
        return good

    def quantity(self) -> Floats:
        """(y, x) reflectance factor (1) or temperature (K); NaN where not good; read now."""
        known = np.minimum(self.counts, self.table.size - 1)
        return np.where(self.good, self.table[known], np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Sky and surface of one scan, from its LST product."""

    path: str
    grid: Grid
    dqf: Chunks
    pqi: Chunks | None
    """Product quality information; None in v01, which has none."""
    version: str
    """Of the LST quality flags, `v01` or `v02`."""
    rule: str
    """Which pixels count: a key of `ingest.abi.filenames.CLEAR_RULES`."""

    def seen(self, wanted: Wanted | None = None) -> LstFlags:
        """(y, x) The flags, read now; the fill value in chunks of `dqf` that are not wanted."""
        pqi = None
        if self.pqi is not None:
            alike = self.pqi.grid == self.dqf.grid
            pqi = self.pqi.image(wanted if alike else None)
        return LstFlags(self.version, self.dqf.image(wanted), pqi)

    @property
    def clear(self) -> Bools:
        """(y, x) True = counts, by the clear-sky rule."""
        return filenames.is_clear(self.rule, self.seen())

    @property
    def land(self) -> Bools:
        """(y, x) True = land."""
        return filenames.is_land(self.seen())


def open_band(local: str, path: str, variable: str) -> Granule:
    """The observations of one file.

    Args:
        local: where its bytes lie.
        path: its path in the source; the name says product and band, which the content must confirm.
        variable: `Rad`, `CMI` or `LST`.

    Raises:
        GranuleError: truncated, no HDF5, no ABI file, or of another product or band.
    """
    with _opened(local, path) as file:
        band = file.confirm(variable)
        counts, dqf = file.image(variable), file.image("DQF")
        if counts.kind != np.uint16:
            raise GranuleError(
                f"{path}: {variable} is packed as {counts.kind}, wanted 16-bit counts"
            )
        grid = file.grid(counts.shape)
        if dqf.shape != counts.shape:
            raise GranuleError(_misfit(path, "DQF", dqf.shape, f"{variable} has {counts.shape}"))
        table = _table(file, variable)
        if variable == "Rad":
            table = _calibrated(file, band, table)
        version = _lst_version(file) if variable == "LST" else ""
    return Granule(path, grid, counts, dqf, table, version)


def open_surface(local: str, path: str, rule: str) -> Surface:
    """Clear sky and land of one scan, from its LST product.

    Args:
        local: where its bytes lie.
        path: its path in the source.
        rule: a key of `ingest.abi.filenames.CLEAR_RULES`.

    Raises:
        GranuleError: truncated, no HDF5, no LST file, or of neither version.
    """
    with _opened(local, path) as file:
        file.confirm("LST")
        dqf, version = file.image("DQF"), _lst_version(file)
        pqi = file.image("PQI") if version == "v02" else None
        grid = file.grid(dqf.shape)
        if pqi is not None and pqi.shape != dqf.shape:
            raise GranuleError(_misfit(path, "PQI", pqi.shape, f"DQF has {dqf.shape}"))
    return Surface(path, grid, dqf, pqi, version, rule)


@contextmanager
def _opened(local: str, path: str) -> Iterator["_File"]:
    try:
        # nobody changes a file that is being read: no lock, which some network disks refuse
        with h5py.File(local, "r", locking=False) as file:
            yield _File(path, file, hdf5_chunks.mapped(local), {})
    except (OSError, RuntimeError, KeyError) as error:
        there = Path(local)
        size = there.stat().st_size if there.is_file() else 0
        raise GranuleError(
            f"{path} cannot be read: found {size} bytes, {error}; wanted a whole netCDF-4 file: "
            "fetch it again"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """An open file that raises `GranuleError` for whatever it lacks."""

    path: str
    file: h5py.File
    data: memoryview
    """All its bytes."""
    known: dict[str, h5py.Dataset]
    """Variables opened so far."""

    def variable(self, name: str) -> h5py.Dataset:
        if name not in self.known:
            try:
                self.known[name] = h5py.Dataset(h5py.h5d.open(self.file.id, name.encode()))
            except (KeyError, ValueError) as error:
                raise GranuleError(
                    f"{self.path} has no variable {name}, it holds "
                    f"{', '.join(self.file) or 'nothing'}: wanted an ABI granule of its name; fetch "
                    "it again, or leave it out"
                ) from error
        return self.known[name]

    def number(self, variable: str, name: str) -> float:
        """The first or only number of an attribute."""
        numbers = self.numbers(variable, name)
        if numbers is None:
            raise GranuleError(self._lacks(variable, name))
        return float(numbers[0])

    def numbers(self, variable: str, name: str) -> Floats | None:
        """All numbers of an attribute that may be missing."""
        dataset = self.variable(variable).id
        if not h5py.h5a.exists(dataset, name.encode()):
            return None
        attribute = h5py.h5a.open(dataset, name.encode())
        found = np.empty(attribute.shape, np.float64)
        attribute.read(found)
        return np.atleast_1d(found)

    def whole_numbers(self, variable: str, name: str) -> tuple[int, ...] | None:
        """An attribute that may be missing."""
        numbers = self.numbers(variable, name)
        return None if numbers is None else tuple(int(n) for n in numbers)

    def text(self, variable: str, name: str) -> str:
        value = self.variable(variable).attrs.get(name)
        if value is None:
            raise GranuleError(self._lacks(variable, name))
        return value.decode() if isinstance(value, bytes) else str(value)

    def _lacks(self, variable: str, name: str) -> str:
        return (
            f"{self.path}: {variable} has no attribute {name}; wanted an ABI granule as NOAA "
            "wrote it: fetch it again"
        )

    def image(self, name: str) -> Chunks:
        """(y, x) unsigned values, not read yet."""
        dataset = self.variable(name)
        if dataset.ndim != 2:
            raise GranuleError(_misfit(self.path, name, dataset.shape, "wanted two dimensions"))
        found = hdf5_chunks.of(dataset, self.data, self.path)
        if found.kind.kind != "u":
            raise GranuleError(f"{self.path}: {name} is {found.kind}, wanted unsigned integers")
        return found

    def confirm(self, variable: str) -> str | None:
        """The band, when name and content agree on product, satellite and band."""
        name = filenames.parse_name(self.path)
        if (
            name.product not in filenames.PRODUCTS
            or filenames.PRODUCTS[name.product].variable != variable
        ):
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
        sweep = self.text(name, "sweep_angle_axis")
        try:
            return Grid(Projection(**found, sweep_angle_axis=sweep), y, x)
        except (ConfigError, GeometryError) as error:
            raise GranuleError(f"{self.path}: {error}; fetch it again, or leave it out") from error


def _misfit(path: str, name: str, shape: tuple[int, ...], other: str) -> str:
    return f"{path}: {name} has shape {shape}, {other}; wanted one shape (y, x): fetch it again"


def _table(file: _File, variable: str) -> Floats:
    """Physical value of every count, up to the largest valid one and the fill."""
    fill = int(file.number(variable, "_FillValue")) % COUNTS
    given = file.whole_numbers(variable, "valid_range") or (0, COUNTS - 1)
    valid = (given[0] % COUNTS, given[-1] % COUNTS)
    return filenames.unpack(
        max(valid[1], fill) + 1,
        file.number(variable, "scale_factor"),
        file.number(variable, "add_offset"),
        valid,
        fill,
    )


def _calibrated(file: _File, band: str | None, radiance: Floats) -> Floats:
    if is_reflective(band or ""):
        return filenames.reflectance_factor(radiance, _constant(file, "kappa0"))
    names = ("fk1", "fk2", "bc1", "bc2")
    planck = filenames.Planck(**{name: _constant(file, f"planck_{name}") for name in names})
    return filenames.brightness_temperature(radiance, planck)


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
    return filenames.lst_version(
        file.path,
        file.whole_numbers("DQF", "valid_range"),
        file.whole_numbers("DQF", "flag_masks"),
        version.decode() if isinstance(version, bytes) else version,
    )
