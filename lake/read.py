"""Open a store and read it: by label, by block of pixels, by region, and back to two dimensions.

`open` gives the newest generation of a store; a generation's own URL gives that one for ever. What
it opens is plain Zarr: `xarray.open_datatree(store.url, engine="zarr")` shows the same without us.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import ArrayLike, NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from lake import blocks, commits, keys, schema
from lake.domain import Domain
from lake.errors import ConfigError, FormatError, MissingError
from lake.grid import Grid, Projection
from lake.moments import METRICS
from lake.objects import Objects, connect, join
from lake.order import Layout
from lake.store import State

STUDY_DIMS = ("pixel", "subpixel", "month", "tod", "band", "metric")
"""The order in which results are presented; stored pixel-last."""


def open(url: str | Path, **storage_options: Any) -> "Store":  # noqa: A001, ANN401
    """The store at `url`.

    Args:
        url: folder of a store (its newest generation) or of one generation (`.../v/...zarr`), a
            path or any fsspec URL.
        storage_options: as for fsspec; none: credentials come from the environment.

    Raises:
        MissingError: there is no store.
        FormatError: written by a newer version of this software, or no store of ours.
    """
    text = str(url).rstrip("/")
    if text.endswith(".zarr"):
        return Store(connect(text, **storage_options))
    objects = connect(text, **storage_options)
    newest = commits.head(objects)
    if newest is None:
        raise MissingError(
            f"there is no store at {text}: no commit was found; 'lake ls --lake ROOT' lists the stores"
        )
    state = State.of(newest)
    if not state.path:
        raise MissingError(
            f"nothing of {text} is published yet, {len(state.parts)} staged parts wait: run "
            "'lake ingest publish KEY --lake ROOT'"
        )
    return Store(connect(join(text, state.path), **storage_options))


class Store:
    """One generation of one group's statistics."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.url = objects.url()
        """Of the generation: an immutable Zarr v3 group."""
        self._zarr = objects.zarr("", read_only=True)
        try:
            self._root = zarr.open_consolidated(self._zarr, mode="r", zarr_format=3)
        except (FileNotFoundError, ValueError) as error:
            raise MissingError(
                f"there is no generation of a store at {self.url}: {error}"
            ) from error
        self.attributes: dict[str, Any] = dict(self._root.attrs)
        _check_format(self.attributes, self.url)
        self.key = keys.parse(str(self.attributes["key"]))
        self.cubes = {
            name: schema.cube_from(self._root[name].attrs["cube"])  # type: ignore[arg-type]
            for name in self.attributes["cubes"]
        }
        self.months: tuple[int, ...] = tuple(self.attributes["months"])
        """Months that hold statistics."""
        self.suspect: tuple[str, ...] = tuple(self.attributes["suspect"])
        """Metrics that may be wrong, imported from merged legacy results."""

    @property
    def generation(self) -> str:
        """Name of the generation."""
        return self.url.rsplit("/", 1)[-1].removesuffix(".zarr")

    @cached_property
    def domain(self) -> Domain:
        """The pixels, in store order, on the coarse grid."""
        group = f"geom/{self._coarse.resolution}"
        noted = self._root[f"{group}/crs"].attrs
        fields = Projection.__dataclass_fields__
        projection = Projection(**{name: noted[name] for name in fields})  # type: ignore[arg-type]
        y, x = (self._read(f"{group}/scan_angle_{axis}") for axis in "yx")
        return Domain(Grid(projection, y, x), self._layout, self._read("row"), self._read("column"))

    def results(self, cube: str) -> xr.DataArray:
        """All statistics of a cube, read when used.

        Returns:
            float32 (pixel, subpixel, month, tod, band, metric) with labels on every axis and row,
            column, lat, lon, superblock, phase on `pixel`. NaN: no observation; a NaN count: no
            time step was ever ingested there.
        """
        dataset = self._dataset(self._cube(cube).name)
        stored = self._root[f"{cube}/results"]
        lazy = indexing.LazilyIndexedArray(_StudyOrder(stored))  # type: ignore[arg-type]
        labels: dict[Any, Any] = {**dataset.coords, **self._pixel_coordinates}
        attributes = dataset["results"].attrs
        return xr.DataArray(xr.Variable(STUDY_DIMS, lazy, attributes), labels, name="results")

    def block(self, cube: str, pixels: slice, month: int | None = None) -> NDArray[np.float32]:
        """Statistics of a run of pixels in stored order: the fast way for jobs.

        Fastest for whole superblocks and whole inner chunks.

        Args:
            cube: its name.
            pixels: in store order, of step 1.
            month: 1..12; None: all twelve.

        Returns:
            float32 (month, tod, band, metric, pixel, subpixel), one month or all twelve.

        Raises:
            ConfigError: no such cube.
            MissingError: an object of the store is not there.
            FormatError: one is damaged.
        """
        about = self._cube(cube)
        start, stop, step = pixels.indices(self._root[f"{cube}/results"].shape[4])  # type: ignore[union-attr]
        if step != 1:
            raise ConfigError(f"pixels={pixels}: a block is a run of pixels, wanted step 1")
        months = range(1, len(schema.MONTHS) + 1) if month is None else range(month, month + 1)
        shape = (len(about.tods), len(about.bands), len(METRICS), max(stop - start, 0))
        block = np.empty((len(months), *shape, about.subpixels), np.float32)
        seen = [i for i, m in enumerate(months) if m in self.months and block.size]
        block[[i for i in range(len(months)) if i not in seen]] = np.nan
        self._blocks.read(
            cube, [months[i] for i in seen], slice(start, stop), [block[i] for i in seen]
        )
        return block

    def region(self, bbox: tuple[float, float, float, float]) -> NDArray[np.int64]:
        """Pixels within (west, south, east, north) degrees, ascending."""
        return self.domain.pixels_in(bbox)

    def to_grid(self, values: ArrayLike) -> NDArray[Any]:
        """Values of every pixel (pixel,) or subpixel (pixel, subpixel) on the fixed grid.

        Returns:
            (row, column) at the resolution that the number of subpixels implies; NaN outside.
        """
        return self.domain.to_grid(np.asarray(values))

    def geom(self, resolution: str) -> NDArray[np.float64]:
        """Scan angles of every pixel of the fixed grid.

        Returns:
            (row, column, 2): north-south, then east-west angle in radians.
        """
        y, x = (
            self._read(f"geom/{self._resolution(resolution)}/scan_angle_{axis}") for axis in "yx"
        )
        return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)

    def m_domain(self, resolution: str) -> NDArray[np.bool_]:
        """(row, column), True where a pixel of the store lies."""
        return self._read(f"geom/{self._resolution(resolution)}/m_domain")

    def __repr__(self) -> str:
        cubes = ", ".join(self.cubes)
        return (
            f"<lake.Store {self.key}\n"
            f"  {self.domain.pixels} pixels, {len(self.months)} months, cubes {cubes}\n"
            f'  xarray.open_datatree("{self.url}", engine="zarr")>'
        )

    @property
    def _coarse(self) -> schema.Cube:
        return next(cube for cube in self.cubes.values() if cube.refinement == 1)

    @cached_property
    def _blocks(self) -> blocks.Reader:
        return blocks.Reader(self._objects, self._layout)

    @property
    def _layout(self) -> Layout:
        return Layout(**self.attributes["layout"])

    @cached_property
    def _pixel_coordinates(self) -> dict[str, xr.DataArray]:
        root = self._dataset(None)
        return {str(name): root[name] for name in root.coords}

    def _dataset(self, group: str | None) -> xr.Dataset:
        how: dict[str, Any] = {"chunks": None, "consolidated": True, "zarr_format": 3}
        opened: xr.Dataset = xr.open_zarr(self._zarr, group=group, **how)
        return opened

    def _read(self, path: str) -> NDArray[Any]:
        return np.asarray(self._root[path][...])  # type: ignore[index]

    def _cube(self, name: str) -> schema.Cube:
        if name not in self.cubes:
            raise ConfigError(
                f"{self.key} has no cube {name!r}: wanted one of {', '.join(self.cubes)}"
            )
        return self.cubes[name]

    def _resolution(self, name: str) -> str:
        known = list(dict.fromkeys(cube.resolution for cube in self.cubes.values()))
        if name not in known:
            raise ConfigError(
                f"{self.key} has no resolution {name!r}: wanted one of {', '.join(known)}"
            )
        return name


class _StudyOrder(BackendArray):
    """Stored results, presented in the study's order and read only where they are indexed.

    xarray's own lazy transposition builds index arrays as large as the data.
    """

    def __init__(self, stored: zarr.Array[Any]) -> None:
        self._stored = stored
        sizes = dict(zip(schema.RESULTS_DIMS, stored.shape, strict=True))
        self.shape = tuple(sizes[dim] for dim in STUDY_DIMS)
        self.dtype = stored.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[np.float32]:
        support = indexing.IndexingSupport.OUTER
        found = indexing.explicit_indexing_adapter(key, self.shape, support, self._read)
        return np.asarray(found)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        """`key` has a number, slice or array for each of `STUDY_DIMS`; a number drops its axis."""
        wanted = dict(zip(STUDY_DIMS, key, strict=True))
        values = self._stored.oindex[tuple(wanted[dim] for dim in schema.RESULTS_DIMS)]
        kept = [
            dim
            for dim in schema.RESULTS_DIMS
            if np.ndim(wanted[dim]) or isinstance(wanted[dim], slice)
        ]
        presented = [kept.index(dim) for dim in STUDY_DIMS if dim in kept]
        return np.asarray(values).transpose(presented)


def _check_format(attributes: dict[str, Any], url: str) -> None:
    if attributes.get("lake_format") != schema.FORMAT:
        raise FormatError(f"{url} is a Zarr group, but no store of {schema.FORMAT}")
    version = attributes.get("lake_format_version")
    if not isinstance(version, int) or version > schema.VERSION:
        raise FormatError(
            f"{url} has format version {version}, this software reads up to {schema.VERSION}: "
            "upgrade goeslake"
        )
