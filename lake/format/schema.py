"""Every array of a generation, declared once, as data; `docs/format.md` says the same in words.

A generation is a plain Zarr v3 group. `arrays` lists what is in it, `create` writes it: metadata,
coordinates and empty results. Nothing else in this project creates an array of a store.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.abc.store import Store as ZarrStore
from zarr.codecs import BloscCodec

from lake.errors import ConfigError
from lake.format import bands, grid, order
from lake.format.bands import Quantity
from lake.format.domain import Domain
from lake.format.grid import Grid
from lake.format.moments import METRICS
from lake.format.times import DAY_S

FORMAT = "goeslake"
CONVENTIONS = "CF-1.11"
"""The version of the CF conventions that files follow."""
VERSION = 1
"""Readers refuse a higher version; a change that old readers would misread raises it."""

MONTHS = tuple(range(1, 13))
REFINEMENTS = (1, 2, 4)
"""How many fine pixels can lie along one edge of a coarse pixel."""
RESULTS_DIMS = ("month", "tod", "band", "metric", "pixel", "subpixel")
CODEC = BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle", typesize=4)
COORDINATE_CHUNK = 1 << 20
PIXEL_COORDINATES = "row column lat lon superblock phase"
"""The names of the coordinates on the axis `pixel`."""

_CONVENTIONS = [
    {
        "uuid": uuid,
        "name": name,
        "schema_url": f"https://raw.githubusercontent.com/zarr-conventions/{repository}/refs/tags/v1/schema.json",
        "spec_url": f"https://github.com/zarr-conventions/{repository}/blob/v1/README.md",
        "description": description,
    }
    for uuid, name, repository, description in (
        (
            "f17cb550-5864-4468-aeb7-f3180cfb622f",
            "proj:",
            "geo-proj",
            "Coordinate reference system information for geospatial data",
        ),
        (
            "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
            "spatial:",
            "spatial",
            "Spatial coordinate information",
        ),
    )
]


@dataclass(frozen=True, slots=True)
class Cube:
    """One results array: some bands at one resolution and some times of day."""

    name: str
    resolution: str
    """The name of the resolution, e.g. `2km`; cubes of one resolution share a group `geom/<resolution>`."""
    refinement: int
    """How many fine pixels lie along one edge of a coarse pixel: 1, 2 or 4."""
    product: str
    """The satellite product its bands come from, e.g. `ABI-L1b-RadC`."""
    variable: str
    """Name of what is observed in the product's files, e.g. `Rad`, `LST`."""
    bands: tuple[str, ...]
    """Bands of the imager, or the variable's own name where the product has none."""
    tods: tuple[int, ...]
    """Times of day: seconds of the UTC day, in the listing's order."""
    quantity: Quantity | None = None
    """What the variable of a product without bands is; None: each band has its own quantity."""

    def __post_init__(self) -> None:
        if self.quantity is None:
            object.__setattr__(self, "quantity", bands.VARIABLES.get(self.variable))
        for name in ("bands", "tods"):
            labels = getattr(self, name)
            if not labels or len(set(labels)) != len(labels):
                raise ConfigError(
                    f"cube {self.name!r}: {name} {labels!r} must be some, and no two alike"
                )
        if self.refinement < 1:
            raise ConfigError(f"cube {self.name!r}: refinement {self.refinement} is below 1")

    @property
    def subpixels(self) -> int:
        """The number of fine pixels in one coarse pixel."""
        return self.refinement**2

    def quantity_of(self, band: str) -> Quantity:
        """What the values of a band are.

        Raises:
            ConfigError: the cube says no quantity, and it is not a band of the ABI.
        """
        return self.quantity or bands.quantity(band)

    def quantities(self) -> str:
        """What the values of the bands are, in words: `reflectance factor and brightness temperature`."""
        names = {self.quantity_of(band).name for band in self.bands}
        return " and ".join(sorted(names, key=lambda name: name != bands.REFLECTANCE_FACTOR.name))


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """The declaration of one array of a generation."""

    path: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    data: NDArray[Any] | None = None
    """The values that `create` writes; None: the array is left at its fill value."""
    fill_value: float | None = None


def arrays(domain: Domain, cubes: tuple[Cube, ...]) -> Iterator[Array]:
    """The declarations of all arrays of a generation that holds these cubes of this domain."""
    yield from pixel_coordinates(domain)
    for resolution, refinement in sorted({(c.resolution, c.refinement) for c in cubes}):
        yield from _geometry(domain, f"geom/{resolution}", refinement)
    for cube in cubes:
        yield from labels(cube)
        yield results_array(domain.pixels, domain.layout, cube)


def results_array(pixels: int, layout: order.Layout, cube: Cube) -> Array:
    """The array of one cube's metrics; an inner chunk is one month of one phase, with all tods and bands."""
    inner = (1, len(cube.tods), len(cube.bands), len(METRICS), layout.chunk, cube.subpixels)
    return Array(
        f"{cube.name}/results",
        RESULTS_DIMS,
        (len(MONTHS), *inner[1:4], pixels, cube.subpixels),
        "float32",
        chunks=inner,
        shards=(*inner[:4], layout.superblock, cube.subpixels),
        fill_value=float("nan"),
        attributes={
            "long_name": f"statistics of clear-sky {cube.quantities()}",
            "comment": "m1 mean; m2, m3, m4 sums of powers of deviations from the mean; "
            "NaN: no observation; count NaN: no time step was ever ingested",
            "coordinates": "units wavelength",
        },
    )


def create(
    store: ZarrStore, domain: Domain, cubes: tuple[Cube, ...], attributes: dict[str, Any]
) -> None:
    """Write an empty generation into an empty Zarr store: metadata, coordinates, no results.

    Args:
        store: where to; must be empty.
        domain: the pixels, in store order.
        cubes: the results arrays to make.
        attributes: root attributes beside those of the format: key, listing, provenance.
    """
    root = zarr.create_group(
        store, zarr_format=3, attributes=_root_attributes(domain, cubes) | attributes
    )
    for resolution, refinement in {(c.resolution, c.refinement) for c in cubes}:
        root.create_group(f"geom/{resolution}", attributes=_geometry_attributes(domain, refinement))
    for cube in cubes:
        root.create_group(cube.name, attributes=cube_attributes(cube))
    for array in arrays(domain, cubes):
        add(root, array)


def add(group: zarr.Group, array: Array) -> None:
    """Make one array in a group, with its data if they are known."""
    created = group.create_array(
        array.path,
        shape=array.shape,
        dtype=str if array.dtype == "string" else array.dtype,
        chunks=array.chunks,
        shards=array.shards,
        compressors="auto" if array.dtype == "string" else CODEC,
        fill_value=array.fill_value,
        dimension_names=array.dims,
        attributes=dict(array.attributes),
        config={"write_empty_chunks": array.data is not None},  # of known data none may be missing
    )
    if array.data is not None:
        created[...] = array.data


def consolidate(store: ZarrStore) -> None:
    """Write the metadata of all arrays into that of the root: without it https shows nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata is currently not part")
        zarr.consolidate_metadata(store)


def cube_attributes(cube: Cube) -> dict[str, Any]:
    """Attributes of a cube's group; they say the quantity where version 1 does not imply it."""
    fields = asdict(cube)
    quantity = fields.pop("quantity")
    is_implied = quantity is None or cube.variable in bands.VARIABLES
    return {"cube": fields} | ({} if is_implied else {"quantity": quantity})


def cube_from(name: str, attributes: Mapping[str, Any]) -> Cube:
    """The cube that `cube_attributes` wrote.

    Args:
        name: of the group that has the attributes.
        attributes: of that group.

    Raises:
        ConfigError: they are of another cube, or hold values of another type.
    """
    fields = dict(attributes["cube"])
    quantity = attributes.get("quantity")
    cube = Cube(
        **fields | {"bands": tuple(fields["bands"]), "tods": tuple(fields["tods"])},
        quantity=Quantity(**quantity) if quantity else None,
    )
    texts = (cube.name, cube.resolution, cube.product, cube.variable, *cube.bands)
    is_typed = all(isinstance(text, str) for text in texts) and all(
        type(number) is int for number in (cube.refinement, *cube.tods)
    )
    fits = (
        is_typed
        and cube.refinement in REFINEMENTS
        and 0 <= min(cube.tods) <= max(cube.tods) < DAY_S
    )
    if name != cube.name or not fits:
        raise ConfigError(f"the attributes of the cube {name!r} are {str(fields)[:200]}")
    return cube


def _root_attributes(domain: Domain, cubes: tuple[Cube, ...]) -> dict[str, Any]:
    return {
        "Conventions": CONVENTIONS,
        "lake_format": FORMAT,
        "lake_format_version": VERSION,
        "cubes": [cube.name for cube in cubes],
        "layout": asdict(domain.layout),
        "shape": list(domain.grid.shape),
        "coordinates": PIXEL_COORDINATES,
    }


def coordinate(
    path: str, dims: tuple[str, ...], data: NDArray[Any], dtype: str, **attributes: object
) -> Array:
    """An array whose data are known when a generation is made."""
    chunks = tuple(min(n, COORDINATE_CHUNK) for n in data.shape)
    return Array(path, dims, data.shape, dtype, chunks, attributes=attributes, data=data)


def pixel_coordinates(domain: Domain) -> Iterator[Array]:
    """The arrays that say where every pixel lies, in store order: `pixel` and `PIXEL_COORDINATES`."""
    lon, lat = domain.lonlat()
    n, layout = domain.pixels, domain.layout
    for name, data, dtype, attributes in (
        ("pixel", np.arange(n), "int32", {"long_name": "position in store order"}),
        ("row", domain.row, "int32", {"long_name": "row on the coarse grid, from the north"}),
        (
            "column",
            domain.column,
            "int32",
            {"long_name": "column on the coarse grid, from the west"},
        ),
        ("lat", lat, "float64", {"standard_name": "latitude", "units": "degrees_north"}),
        ("lon", lon, "float64", {"standard_name": "longitude", "units": "degrees_east"}),
        (
            "superblock",
            order.superblock_of(n, layout),
            "int32",
            {"long_name": "shard of the pixel"},
        ),
        ("phase", order.phase_of(n, layout), "int16", {"long_name": "phase within the superblock"}),
    ):
        yield coordinate(name, ("pixel",), data, dtype, **attributes)


def _geometry_attributes(domain: Domain, refinement: int) -> dict[str, Any]:
    """GeoZarr; the affine transform gives a pixel's outer corner in metres of the projection."""
    fine = grid.refine(domain.grid, refinement)
    height = fine.projection.perspective_point_height
    step_x, step_y = (float((a[-1] - a[0]) / max(a.size - 1, 1)) * height for a in (fine.x, fine.y))
    corner_x, corner_y = fine.x[0] * height - step_x / 2, fine.y[0] * height - step_y / 2
    return {
        "zarr_conventions": _CONVENTIONS,
        "proj:wkt2": fine.projection.cf_attributes()["crs_wkt"],
        "spatial:dimensions": ["y", "x"],
        "spatial:shape": list(fine.shape),
        "spatial:transform": [step_x, 0.0, float(corner_x), 0.0, step_y, float(corner_y)],
        "spatial:registration": "pixel",
        "refinement": refinement,
        "coordinates": "scan_angle_y scan_angle_x",
    }


def _geometry(domain: Domain, group: str, refinement: int) -> Iterator[Array]:
    fine = grid.refine(domain.grid, refinement)
    yield from axes(group, fine)
    yield coordinate(
        f"{group}/m_domain",
        ("y", "x"),
        domain.m_domain(refinement),
        "bool",
        long_name="True where a pixel of the store lies",
        grid_mapping="crs",
    )


def axes(group: str, image_grid: Grid) -> Iterator[Array]:
    """`y`, `x`, `scan_angle_y`, `scan_angle_x` and `crs` of a grid."""
    height = image_grid.projection.perspective_point_height
    for axis, angles in (("y", image_grid.y), ("x", image_grid.x)):
        yield coordinate(
            f"{group}/{axis}",
            (axis,),
            angles * height,
            "float64",
            standard_name=f"projection_{axis}_coordinate",
            units="m",
        )
        yield coordinate(
            f"{group}/scan_angle_{axis}",
            (axis,),
            angles,
            "float64",
            standard_name=f"projection_{axis}_angular_coordinate",
            units="rad",
        )
    yield Array(
        f"{group}/crs", (), (), "int32", (), attributes=image_grid.projection.cf_attributes()
    )


def labels(cube: Cube) -> Iterator[Array]:
    """The arrays that label the axes of a cube's results, all but the axis of pixels."""

    def label(name: str, dim: str, values: object, dtype: str, **attributes: object) -> Array:
        data = np.array(values, np.dtypes.StringDType() if dtype == "string" else dtype)
        return coordinate(f"{cube.name}/{name}", (dim,), data, dtype, **attributes)

    yield label("month", "month", MONTHS, "int32", long_name="month of the year")
    yield label("tod", "tod", cube.tods, "int32", long_name="time of day (UTC) in seconds")
    yield label("band", "band", cube.bands, "string", long_name="ABI band or product variable")
    yield label("metric", "metric", METRICS, "string", long_name="statistic")
    yield label(
        "subpixel", "subpixel", range(cube.subpixels), "int32", long_name="row-major in the pixel"
    )
    units = [cube.quantity_of(band).unit for band in cube.bands]
    yield label("units", "band", units, "string", long_name="unit of min, max and m1")
    wavelengths = [bands.wavelength_um(band) for band in cube.bands]
    yield label(
        "wavelength", "band", wavelengths, "float32", long_name="central wavelength", units="um"
    )
