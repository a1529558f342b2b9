"""An ABI netCDF file on the local disk, opened by HDF5: raises `GranuleError` for whatever it lacks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ingest.abi import filenames, hdf5_chunks, identity, products
from ingest.abi.filenames import FileName
from ingest.abi.flags import ONLY, VersionHints
from ingest.abi.hdf5_chunks import Chunks
from ingest.abi.identity import Identity
from ingest.abi.products import Product, SectorProduct
from lake.errors import ConfigError, GeometryError, GranuleError
from lake.format.arrays import Floats
from lake.format.grid import Grid, Projection, axis

UNUSED = -999.0
"""Calibration constants of the other kind of band hold this."""
INVENTED = "Synthetic: "
"""Begin of the summary of files that `ingest.synthetic` writes."""
_NUMERIC = (h5py.h5t.INTEGER, h5py.h5t.FLOAT)
_MOST_VALUES = 1 << 20
"""More than any axis or constant of a granule has."""


@contextmanager
def opened(local: str, path: str) -> Iterator["AbiFile"]:
    """A file, as long as the context lasts.

    Args:
        local: where its bytes lie.
        path: its path in the source.

    Raises:
        GranuleError: it is truncated, no HDF5, or lacks something that was asked for.
    """
    try:
        # nobody changes a file that is being read: no lock, which some network disks refuse
        with h5py.File(local, "r", locking=False) as file:
            yield AbiFile(path, file, hdf5_chunks.mapped(local), {})
    except (OSError, RuntimeError, KeyError) as error:
        size = Path(local).stat().st_size if Path(local).is_file() else 0
        raise GranuleError(
            f"{path} cannot be read: found {size} bytes, {error}; wanted a whole netCDF-4 file: "
            "fetch it again"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class AbiFile:
    """An open file that raises `GranuleError` for whatever it lacks."""

    path: str
    file: h5py.File
    data: memoryview
    """All its bytes."""
    variables: dict[str, h5py.Dataset]
    """Those opened so far."""

    def variable(self, name: str) -> h5py.Dataset:
        """The variable of this name."""
        if name not in self.variables:
            try:
                self.variables[name] = h5py.Dataset(h5py.h5d.open(self.file.id, name.encode()))
            except (KeyError, ValueError) as error:
                raise GranuleError(
                    f"{self.path} has no variable {name}, it holds "
                    f"{', '.join(self.file) or 'nothing'}: wanted an ABI granule of its name; fetch "
                    "it again, or leave it out"
                ) from error
        return self.variables[name]

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
        if attribute.get_type().get_class() not in _NUMERIC or not _is_filled(
            attribute.get_space()
        ):
            raise GranuleError(self._lacks(variable, name))
        values = np.empty(attribute.shape, np.float64)
        attribute.read(values)
        if not np.isfinite(values).all():
            raise GranuleError(self._lacks(variable, name))
        return values.ravel()

    def whole_numbers(self, variable: str, name: str) -> tuple[int, ...] | None:
        """An attribute that may be missing."""
        numbers = self.numbers(variable, name)
        return None if numbers is None else tuple(int(n) for n in numbers)

    def text(self, variable: str, name: str) -> str:
        """A text attribute."""
        value = self.variable(variable).attrs.get(name)
        if value is None:
            raise GranuleError(self._lacks(variable, name))
        return _decoded(value)

    def _lacks(self, variable: str, name: str) -> str:
        return (
            f"{self.path}: {variable} has no attribute {name} of its type; wanted an ABI granule as NOAA "
            "wrote it: fetch it again"
        )

    def image(self, name: str) -> Chunks:
        """(y, x) unsigned values, not read yet."""
        dataset = self.variable(name)
        if dataset.ndim != 2:
            raise GranuleError(misfit(self.path, name, dataset.shape, "wanted two dimensions"))
        chunks = hdf5_chunks.chunks_of(dataset, self.data, self.path)
        if chunks.kind.kind != "u":
            raise GranuleError(f"{self.path}: {name} is {chunks.kind}, wanted unsigned integers")
        return chunks

    def constant(self, name: str) -> float:
        """A scalar variable of the calibration.

        Raises:
            GranuleError: it holds no number, or the one that means unused.
        """
        value = float(self._values(name)[0])
        if not np.isfinite(value) or value == UNUSED:
            raise GranuleError(
                f"{self.path}: {name} is {value}, which means unused; wanted the calibration of the "
                "band in its name: fetch it again"
            )
        return value

    def _values(self, name: str) -> Floats:
        """All numbers of a variable, of any shape; read now."""
        dataset = self.variable(name)
        if dataset.dtype.kind not in "iuf" or not dataset.size or dataset.size > _MOST_VALUES:
            raise GranuleError(
                f"{self.path}: {name} is {dataset.dtype} of shape {dataset.shape}, wanted numbers: fetch "
                "it again"
            )
        return np.asarray(dataset[()], np.float64).ravel()

    @property
    def is_invented(self) -> bool:
        """Whether the file says that it shows no observation of the Earth."""
        return _decoded(self.file.attrs.get("summary", "")).startswith(INVENTED)

    def version(self, product: Product) -> str:
        """Which meaning its flags have; empty: the product's only ever had one."""
        if product.version_of is None:
            return ONLY
        container = self.file.get("algorithm_product_version_container")
        version = container.attrs.get("product_version") if container is not None else None
        hints = VersionHints(
            self.path,
            self.whole_numbers("DQF", "valid_range"),
            self.whole_numbers("DQF", "flag_masks"),
            None if version is None else _decoded(version),
        )
        return product.version_of(hints)

    def confirm(self) -> tuple[FileName, SectorProduct]:
        """Name and product, when name and content agree on product, satellite, band, sector and time.

        Raises:
            GranuleError: they do not, or it is no product that we read.
        """
        name = filenames.parse_name(self.path)
        row = products.SECTOR_PRODUCTS.get(name.product)
        if row is None:
            raise GranuleError(f"{self.path} is of product {name.product}, which we do not read")
        bands = row.product.observes.bands if row.product.observes else ()
        if name.band not in (bands or (None,)):
            raise GranuleError(
                f"{self.path} names {'no ABI band' if bands else 'a band'}: wanted {row.pattern}"
                + (f" of the bands {bands[0]} .. {bands[-1]}" if bands else "")
            )
        if difference := identity.mismatch(name, row.sector, self._identity(bool(bands))):
            raise GranuleError(f"{self.path} holds {difference}: fetch it again")
        return name, row

    def _identity(self, has_band: bool) -> Identity:  # noqa: FBT001 (one caller)
        """What the file says of itself."""
        names = {
            "satellite": "platform_ID",
            "scene": "scene_id",
            "first_name": "dataset_name",
            "start": "time_coverage_start",
        }
        texts = {
            field: _decoded(self.file.attrs[name])
            for field, name in names.items()
            if name in self.file.attrs
        }
        band = f"C{self._values('band_id')[0]:02.0f}" if has_band else ""
        middle = float(self._values("t")[0]) if "t" in self.file else None
        return Identity(**texts, band=band, middle_s=middle)

    def grid(self, shape: tuple[int, ...]) -> Grid:
        """The grid, which must have the shape of the data."""
        y, x = (
            axis(
                self._values(name),
                self.number(name, "scale_factor"),
                self.number(name, "add_offset"),
            )
            for name in ("y", "x")
        )
        if (y.size, x.size) != shape:
            raise GranuleError(misfit(self.path, "data", shape, f"y and x have {(y.size, x.size)}"))
        numbers = (
            "perspective_point_height",
            "semi_major_axis",
            "semi_minor_axis",
            "longitude_of_projection_origin",
            "latitude_of_projection_origin",
        )
        name = "goes_imager_projection"
        sizes = {number: self.number(name, number) for number in numbers}
        sweep = self.text(name, "sweep_angle_axis")
        try:
            return Grid(Projection(**sizes, sweep_angle_axis=sweep), y, x)
        except (ConfigError, GeometryError) as error:
            raise GranuleError(f"{self.path}: {error}; fetch it again, or leave it out") from error


def misfit(path: str, name: str, shape: tuple[int, ...], conflict: str) -> str:
    """What to say of a variable whose shape is not that of another."""
    return f"{path}: {name} has shape {shape}, {conflict}; wanted one shape (y, x): fetch it again"


def _is_filled(space: h5py.h5s.SpaceID) -> bool:
    """Whether an attribute of this space holds any value."""
    return bool(space.get_simple_extent_npoints() > 0)


def _decoded(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
