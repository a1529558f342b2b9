"""One generation of a store, opened: what its metadata say, and its arrays as they are stored."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from lake.errors import FormatError, LakeError, MissingError
from lake.format import keys, schema
from lake.format.domain import Domain
from lake.format.grid import Grid, Projection
from lake.format.order import Layout
from lake.reading import blocks
from lake.reading.damage import explained, missing_generation, missing_object, parsed
from lake.storage.documents import read_json
from lake.storage.objects import Objects
from lake.storage.readonly import ReadOnlyStore


class Generation:
    """One generation of a store: an immutable Zarr v3 group of statistics."""

    def __init__(self, objects: Objects, options: dict[str, Any] | None = None) -> None:
        self._objects = objects
        self._options = options or {}
        self.url = objects.url()
        """The URL of the generation."""
        self._zarr = ReadOnlyStore(objects, whole=True)
        with explained(objects.url("zarr.json")):
            self._root = self._open_root()
        with parsed(objects.url("zarr.json")):
            self.attributes: dict[str, Any] = dict(self._root.attrs)
            _check_format(self.attributes, self.url)
            self.key = keys.parse(str(self.attributes["key"]))
            self.cubes = {
                name: schema.cube_from(name, dict(self._root[name].attrs))
                for name in self.attributes["cubes"]
            }
            self.months: tuple[int, ...] = tuple(map(int, self.attributes["months"]))
            """The months that hold statistics."""
            self.suspect: tuple[str, ...] = tuple(map(str, self.attributes["suspect"]))
            """The metrics that may be wrong, because they come from merged legacy results."""
            self.layout = Layout(**self.attributes["layout"])
            """The sizes of the superblocks and chunks into which pixels are cut."""
            self.pixels: int = self.declared("pixel")[0].shape[0]
            """The number of pixels."""
            _check_coarse(self.cubes)
        self.blocks = blocks.Reader(objects, self.layout, self.months)
        """The reader of inner chunks."""
        self._read: dict[str, NDArray[Any]] = {}

    def _open_root(self) -> zarr.Group:
        try:
            return zarr.open_consolidated(self._zarr, mode="r", zarr_format=3)
        except LakeError as error:  # some of ours are ValueErrors: a refusal is no missing store
            if isinstance(error, MissingError):
                raise missing_generation(self.url, error) from error
            raise
        except FileNotFoundError as error:
            raise missing_generation(self.url, error) from error
        except ValueError as error:
            read_json(self._objects, "zarr.json")  # says what it is, if it is no JSON
            raise missing_generation(self.url, error) from error

    @property
    def generation(self) -> str:
        """The name of the generation, e.g. `00000007-8c1f2a3b4c5d`."""
        return self.url.rsplit("/", 1)[-1].removesuffix(".zarr")

    @property
    def plain_url(self) -> str:
        """The URL of the generation without caches before it, which xarray opens by itself."""
        return self.url.rpartition("::")[2]

    @property
    def lake(self) -> str | None:
        """The URL of the lake that the store lies in, None: it lies in none."""
        root, inside, _ = self.plain_url.rpartition(f"/{self.key}/v/")
        return root if inside else None

    @property
    def projection(self) -> Projection:
        """The projection of the fixed grid."""
        attributes = self.crs(self._coarse.resolution)
        with explained(self._objects.url("zarr.json")):
            return Projection(
                **{name: attributes[name] for name in Projection.__dataclass_fields__}
            )

    @cached_property
    def domain(self) -> Domain:
        """The pixels, in store order, on the coarse grid."""
        resolution = self._coarse.resolution
        y, x = (self.read(f"geom/{resolution}/scan_angle_{axis}") for axis in "yx")
        row, column = self.coordinate("row"), self.coordinate("column")
        with parsed(self.url):
            return Domain(Grid(self.projection, y, x), self.layout, row, column)

    def crs(self, resolution: str) -> dict[str, Any]:
        """The attributes of the CF grid mapping of a resolution.

        Args:
            resolution: e.g. `2km`; one of a cube.
        """
        return self.declared(f"geom/{resolution}/crs")[1]

    def declared(self, path: str) -> tuple[zarr.Array[Any], dict[str, Any]]:
        """An array (or a group) of the store, of which nothing is read, and its attributes.

        Args:
            path: of the array in the group, e.g. `day-2km/results`.
        """
        with explained(self._objects.url(path)):
            array: Any = self._root[path]
            return array, dict(array.attrs)

    def declared_coordinate(self, name: str) -> tuple[zarr.Array[Any], dict[str, Any]]:
        """A coordinate of all pixels, of which nothing is read, and its attributes.

        Args:
            name: of the coordinate, e.g. `lat`.

        Raises:
            FormatError: it is not one number a pixel.
        """
        array, attributes = self.declared(name)
        if array.shape != (self.pixels,):
            raise FormatError(
                f"{self._objects.url(name)} has shape {array.shape}, and there are {self.pixels} "
                "pixels: it is damaged; 'lake verify' lists what is"
            )
        return array, attributes

    def coordinate(self, name: str) -> NDArray[Any]:
        """(pixel,) a coordinate of all pixels, remembered; raises as `read`.

        Args:
            name: `row`, `column`, `lat` or `lon`.
        """
        if name not in self._read:
            self.declared_coordinate(name)
            self._read[name] = self.read(name)
            self._read[name].flags.writeable = False
        return self._read[name]

    def has(self, path: str) -> bool:
        """Whether the store has a group or an array at `path`.

        Args:
            path: of a group or an array.
        """
        return path in self._root

    def read(self, path: str, key: Any = ...) -> NDArray[Any]:  # noqa: ANN401 (as NumPy takes it)
        """The whole of an array, or what an orthogonal key chooses of it.

        Args:
            path: of the array in the group, e.g. `geom/2km/m_domain`.
            key: a number, slice or array for each axis, as NumPy's `ix_` combines them; `...`: everything.

        Raises:
            MissingError: an object of the array is not there.
            FormatError: one is damaged.
        """
        with explained(self._objects.url(path)):
            array: Any = self._root[path]
            try:
                return np.asarray(array[...] if key is ... else array.oindex[key])
            except MissingError as error:
                raise missing_object(self._objects, error) from error

    @property
    def _coarse(self) -> schema.Cube:
        return next(cube for cube in self.cubes.values() if cube.refinement == 1)


def _check_coarse(cubes: Mapping[str, schema.Cube]) -> None:
    """Refuse a store without a cube on the coarse grid, which says where its pixels lie."""
    if not any(cube.refinement == 1 for cube in cubes.values()):
        raise FormatError(f"none of the cubes {', '.join(cubes)} has refinement 1: it is damaged")


def _check_format(attributes: dict[str, Any], url: str) -> None:
    if attributes.get("lake_format") != schema.FORMAT:
        raise FormatError(f"{url} is a Zarr group, but no store of {schema.FORMAT}")
    version = attributes.get("lake_format_version")
    if not isinstance(version, int) or version > schema.VERSION:
        raise FormatError(
            f"{url} has format version {version}, this software reads up to {schema.VERSION}: "
            "upgrade goeslake"
        )
