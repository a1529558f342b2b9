"""Open a store and read it: by label, by place, by block of pixels, and back to two dimensions.

`open` gives the newest generation of a store; a generation's own URL gives that one for ever. What
it opens is plain Zarr, and shows the same without us:
`xarray.open_datatree(store.url, engine="zarr", zarr_format=3)`.
Opening asks for four objects, making datasets for none; results are read where they are used, and an
object that is missing or damaged is an error that names it, never NaN.
"""

import os
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from lake.errors import ConfigError, GeometryError, MissingError
from lake.format import keys, schema
from lake.format.moments import METRICS
from lake.format.regions import Region
from lake.reading import cubes, overview, raster, reprs
from lake.reading.generation import Generation
from lake.reading.lazy import CubeSource, Points
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import commits
from lake.store.generations import StoreState
from lake.store.overview import GROUP

HARMLESS = frozenset({"anon", "endpoint_url"})
"""The options that may travel to workers, because they hold no secrets."""


def open(  # noqa: A001
    url: str | Path,
    *,
    root: str | Path | None = None,
    **storage_options: Any,  # noqa: ANN401
) -> "Store":
    """The store at `url`.

    Args:
        url: folder of a store (its newest generation) or of one generation (`.../v/...zarr`), a
            path or any fsspec URL, `simplecache::` and other chains too; or the store's key,
            `sat/listing/t0_tf/geom`, below `root`.
        root: folder or URL of the lake, for a key; else the environment's `LAKE_ROOT`. URLs and
            absolute paths do not need it, and are opened as they are.
        storage_options: as for fsspec; none: credentials come from the environment.

    Raises:
        MissingError: there is no store.
        FormatError: written by a newer version of this software, or no store of ours.
    """
    text = _place(url, root)
    if text.endswith(".zarr"):
        return Store(connect(text, **storage_options), storage_options)
    objects = connect(text, **storage_options)
    newest = commits.head(objects)
    if newest is None:
        key = "; a key needs root=, or LAKE_ROOT in the environment" * _is_key(text)
        raise MissingError(
            f"there is no store at {text}: no commit was found; 'lake ls --lake ROOT' lists the "
            f"stores{key}"
        )
    state = StoreState.from_commit(newest)
    if not state.path:
        raise MissingError(
            f"nothing of {text} is published yet, {len(state.parts)} staged parts wait: run "
            "'lake ingest publish KEY --lake ROOT'"
        )
    return Store(connect(join(text, state.path), **storage_options), storage_options)


class Store(Generation):
    """One generation of one group's statistics.

    Pickled it is its URL: a worker opens it with credentials of its own.
    """

    def __reduce__(self) -> tuple[Callable[..., "Store"], tuple[Any, ...]]:
        if secret := self._options.keys() - HARMLESS:
            raise ConfigError(
                f"{self.url} was opened with the options {', '.join(sorted(secret))}, which may be "
                "secrets and are not sent to workers: give credentials by the environment, there too"
            )
        return _reopened, (self.url, tuple(self._options.items()))

    def cube(self, name: str) -> xr.Dataset:
        """The metrics of a cube, read when used.

        Args:
            name: of the cube, e.g. `day-2km`; `store.cubes` has them.

        Returns:
            `results`, float32 (pixel, subpixel, month, tod, band, metric), with labels on every axis,
            `units` and `wavelength` on `band`, row, column, lat, lon, superblock, phase on `pixel`, and
            the CF grid mapping `crs`. NaN: no observation; a NaN count: no time step was ever ingested
            there.

        Raises:
            ConfigError: no such cube.
        """
        return self.metrics(name, ())

    def metrics(self, name: str, statistics: tuple[str, ...] = cubes.STATISTICS) -> xr.Dataset:
        """The metrics of a cube, with statistics that are computed from them when used.

        Args:
            name: of the cube.
            statistics: some of mean, stddev, skewness, kurtosis.

        Returns:
            `cube(name)` and float32 (pixel, subpixel, month, tod, band) of each; NaN where too few
            observations define it, see `lake.format.moments.Summary`.

        Raises:
            ConfigError: no such cube or statistic.
        """
        source = CubeSource(self, self._cube(name))
        dataset = cubes.dataset(source, statistics=statistics)
        return dataset.assign_coords(self._pixel_coordinates)

    def overview(self, name: str, factor: int | None = None) -> xr.Dataset:
        """Coarse maps of a cube for pictures, read when used: a few hundred kilobytes each.

        Args:
            name: of the cube.
            factor: pixels of the coarse grid along a cell, one of `overview_factors`; None: the largest.

        Returns:
            float32 `count`, `mean`, `stddev`, `min` and `max` (month, tod, band, y, x) of all
            observations under each cell of `factor` x `factor` pixels of the coarse grid, see
            `lake.store.overview`.

        Raises:
            ConfigError: no such cube or factor.
            MissingError: an earlier version of this software wrote the generation, without such maps.
        """
        return overview.dataset(self, self._cube(name), factor)

    @property
    def overview_factors(self) -> tuple[int, ...]:
        """The factors of which there are coarse maps, the largest first; empty: there are none."""
        return overview.all_factors(self) if self.has(GROUP) else ()

    def results(self, cube: str) -> xr.DataArray:
        """The array `results` of `cube(cube)` alone.

        Args:
            cube: its name.
        """
        return self.cube(cube)["results"]

    def tree(self, *names: str, statistics: tuple[str, ...] = ()) -> xr.DataTree:
        """Cubes of any resolutions side by side, joined by pixel: selecting pixels selects in all.

        Args:
            names: of cubes; none: all.
            statistics: as of `metrics`.

        Returns:
            The coordinates of pixels at the root, and a node for each cube, as of `cube`.
        """
        nodes = {name: self.metrics(name, statistics) for name in names or self.cubes}
        return xr.DataTree.from_dict({"/": self._of_pixels(), **nodes})

    def series(self, pixel: int, *names: str) -> xr.DataTree:
        """All metrics and statistics of one pixel, read now: an inner chunk for each cube and month.

        Args:
            pixel: position in store order.
            names: of cubes; none: all.

        Returns:
            A node for each cube, `results` (subpixel, month, tod, band, metric) and mean, stddev,
            skewness, kurtosis (subpixel, month, tod, band).

        Raises:
            ConfigError: no such pixel or cube.
            MissingError: an object of the store is not there.
            FormatError: one is damaged.
        """
        if not 0 <= pixel < self.pixels:
            raise ConfigError(
                f"pixel is {pixel}: {self.key} has 0 to {self.pixels - 1}; 'pixels_at(lon, lat)' finds one"
            )
        nodes = {"/": self._of_pixels().isel(pixel=pixel)}
        for name in names or self.cubes:
            cube = self.cube(name).isel(pixel=pixel)
            results = cube["results"].variable.load()  # without coordinates of all pixels
            nodes[name] = cube.assign(cubes.compute_statistics(results, self.cubes[name]))
        return xr.DataTree.from_dict(nodes)

    def pixels_at(
        self, lon: ArrayLike, lat: ArrayLike, *, outside: Literal["error", "mark"] = "error"
    ) -> NDArray[np.int64]:
        """Position of the pixel that contains each point.

        Args:
            lon: (N,) degrees; broadcast against `lat`.
            lat: (N,) degrees.
            outside: what becomes of points in no pixel of the store: an error that names them, or -1,
                which is no position: as an index it would be the last pixel.

        Raises:
            GeometryError: a point lies in no pixel of the store.
        """
        lon, lat = np.broadcast_arrays(lon, lat)
        pixel, _ = self.domain.locate(lon, lat)
        if outside == "error":
            self._check_inside(lon.ravel(), lat.ravel(), pixel.ravel(), "mark")
        return pixel

    def sel_lonlat(
        self,
        name: str,
        lon: ArrayLike,
        lat: ArrayLike,
        *,
        outside: Literal["error", "nan"] = "error",
    ) -> xr.Dataset:
        """The metrics and statistics of the subpixel that contains each point, read when used.

        Args:
            name: of the cube.
            lon: (N,) degrees; broadcast against `lat`.
            lat: (N,) degrees.
            outside: what becomes of points in no pixel of the store: an error that names them, or NaN,
                `pixel` and `subpixel` -1.

        Returns:
            As of `metrics`, with an axis `point` instead of `pixel` and `subpixel`, which are
            coordinates; `lon` and `lat` are the points' own.

        Raises:
            ConfigError: no such cube.
            GeometryError: a point lies in no pixel of the store.
        """
        cube = self._cube(name)
        lon, lat = (np.ravel(a) for a in np.broadcast_arrays(lon, lat))
        pixel, subpixel = self.domain.locate(lon, lat, cube.refinement)
        if outside == "error":
            self._check_inside(lon, lat, pixel, "nan")
        dataset = cubes.dataset(CubeSource(self, cube), Points(pixel, subpixel), cubes.STATISTICS)
        return dataset.assign_coords(
            lon=("point", lon, {"standard_name": "longitude", "units": "degrees_east"}),
            lat=("point", lat, {"standard_name": "latitude", "units": "degrees_north"}),
        )

    def block(
        self,
        cube: str,
        pixels: slice,
        month: int | Sequence[int] | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Statistics of a run of pixels in stored order: the fast way for jobs.

        Fastest for whole superblocks and whole inner chunks.

        Args:
            cube: its name.
            pixels: in store order, of step 1.
            month: 1..12, one or some; None: all twelve.
            out: what is filled and returned, C-contiguous; none: made.

        Returns:
            float32 (month, tod, band, metric, pixel, subpixel) of these months.

        Raises:
            ConfigError: no such cube, or `out` is of another shape, type or order.
            MissingError: an object of the store is not there.
            FormatError: one is damaged.
        """
        declaration = self._cube(cube)
        start, stop, step = pixels.indices(self.pixels)
        if step != 1:
            raise ConfigError(f"pixels={pixels}: a block is a run of pixels, wanted step 1")
        months = schema.MONTHS if month is None else np.atleast_1d(month).tolist()
        cells = (len(months), len(declaration.tods), len(declaration.bands), len(METRICS))
        shape = (*cells, max(stop - start, 0), declaration.subpixels)
        block = np.empty(shape, np.float32) if out is None else out
        if block.shape != shape or block.dtype != np.float32 or not block.flags.c_contiguous:
            raise ConfigError(
                f"out is {block.dtype} {block.shape}: wanted C-contiguous float32 {shape}"
            )
        if block.size:
            self.blocks.read(cube, months, slice(start, stop), list(block))
        return block

    def region(self, region: Region) -> NDArray[np.int64]:
        """The positions, ascending, of the pixels whose centres lie in a region.

        Args:
            region: (west, south, east, north) in degrees, west above east: across the antimeridian; or
                a polygon: (lon, lat) of its vertices, or GeoJSON of polygons, see `lake.format.regions`.

        Raises:
            ConfigError: no such region.
        """
        return self.domain.pixels_in(region)

    def to_grid(self, values: Any) -> Any:  # noqa: ANN401 (as it came)
        """Values of pixels on the satellite's fixed grid; NaN where no pixel is.

        Args:
            values: an `xarray.DataArray` (..., pixel) or (..., pixel, subpixel), or a Dataset of such:
                of all pixels, or of some (then only the rectangle around them); or a plain array
                (pixel,) or (pixel, subpixel) of all pixels.

        Returns:
            The same, (..., y, x), with coordinates in metres, radians and degrees: see `lake.reading.raster`;
            or a plain array (row, column).
        """
        if isinstance(values, xr.Dataset):
            return values.map(lambda array: raster.to_grid(array, self.domain), keep_attrs=True)
        if isinstance(values, xr.DataArray):
            return raster.to_grid(values, self.domain)
        return self.domain.to_grid(np.asarray(values))

    def geom(self, resolution: str) -> NDArray[np.float64]:
        """Scan angles of every pixel of the fixed grid.

        Args:
            resolution: e.g. `2km`; one of a cube.

        Returns:
            (row, column, 2): north-south, then east-west angle in radians.
        """
        y, x = (
            self.read(f"geom/{self._resolution(resolution)}/scan_angle_{axis}") for axis in "yx"
        )
        return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)

    def m_domain(self, resolution: str) -> NDArray[np.bool_]:
        """(row, column), True where a pixel of the store lies.

        Args:
            resolution: e.g. `2km`; one of a cube.
        """
        return self.read(f"geom/{self._resolution(resolution)}/m_domain")

    def __repr__(self) -> str:
        return reprs.text(f"lake.Store {self.key}", self._facts(), self._plain_line())

    def _repr_html_(self) -> str:
        return reprs.html(f"lake.Store {self.key}", self._facts(), self._plain_line())

    def _facts(self) -> dict[str, str]:
        months = " ".join(map(str, self.months)) or "none"
        facts = {"generation": self.generation, "pixels": f"{self.pixels:,}", "months": months}
        if self.suspect:
            facts["suspect"] = " ".join(self.suspect)
        for name, cube in self.cubes.items():
            sizes = len(self.months), len(cube.tods), len(cube.bands), len(METRICS), cube.subpixels
            stored_size = reprs.size(float(np.prod((*sizes, self.pixels), dtype=float)) * 4)
            bands = " ".join(cube.bands)
            facts[name] = (
                f"{cube.resolution}, {len(cube.tods)} tods, bands {bands}; {stored_size} of float32"
            )
        return facts

    def _plain_line(self) -> str:
        return f'xarray.open_datatree("{self.plain_url}", engine="zarr", zarr_format=3)'

    def _of_pixels(self) -> xr.Dataset:
        """The dataset at the root of trees: the coordinates of all pixels."""
        attributes = {
            "key": str(self.key),
            "source": self.plain_url,
            "without_goeslake": self._plain_line(),
        }
        return xr.Dataset(coords=self._pixel_coordinates, attrs=attributes)

    def _check_inside(
        self, lon: NDArray[Any], lat: NDArray[Any], pixel: NDArray[np.int64], outside: str
    ) -> None:
        lost = np.flatnonzero(pixel < 0)
        if lost.size:
            named = ", ".join(f"{i} ({lon[i]:g}, {lat[i]:g})" for i in lost[:3])
            raise GeometryError(
                f"{lost.size} of {pixel.size} points lie in no pixel of {self.key}: point {named}"
                f"{', ...' * (lost.size > 3)}; leave them out, or in Python give outside={outside!r}"
            )

    @cached_property
    def _pixel_coordinates(self) -> dict[str, xr.Variable]:
        return cubes.pixel_coordinates(CubeSource(self, self._coarse))

    def _cube(self, name: str) -> schema.Cube:
        if name not in self.cubes:
            raise ConfigError(
                f"{self.key} has no cube {name!r}: wanted one of {', '.join(self.cubes)}"
            )
        return self.cubes[name]

    def _resolution(self, name: str) -> str:
        resolutions = list(dict.fromkeys(cube.resolution for cube in self.cubes.values()))
        if name not in resolutions:
            raise ConfigError(
                f"{self.key} has no resolution {name!r}: wanted one of {', '.join(resolutions)}"
            )
        return name


@lru_cache(maxsize=4)
def _reopened(url: str, options: tuple[tuple[str, Any], ...]) -> Store:
    """Open a generation that was pickled, on a worker, where the last ones stay open."""
    return open(url, **dict(options))


def _place(url: str | Path, root: str | Path | None) -> str:
    """The URL of a store, which may be given by its key."""
    text = str(url).rstrip("/")
    lake = root if root is not None else os.environ.get(keys.ROOT)
    if isinstance(url, str) and lake and _is_key(text):
        return join(lake, text.strip("/"))
    if root is not None and "://" not in text and not Path(text).is_absolute():
        raise ConfigError(
            f"{text!r} is no key below {root}: wanted sat/listing/t0_tf/geom, or a URL or absolute path"
        )
    return text


def _is_key(text: str) -> bool:
    try:
        return str(keys.parse(text)) == text
    except ConfigError:
        return False
