"""The Zarr groups that jobs write: labelled, consolidated, readable by xarray alone.

A group lies in the folder of its run. Arrays over `pixel` are chunked by superblock, so that the
task of a superblock is the one writer of its chunks.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import EllipsisType
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import ArrayLike, NDArray

from jobs.runs import records
from jobs.runs.spec import Spec
from lake.errors import ConfigError, MissingError
from lake.format import schema
from lake.format.schema import Array
from lake.reading import run as stored
from lake.reading.store import Store
from lake.storage.objects import Objects


def whole_array(name: str, dims: tuple[str, ...], data: ArrayLike, **attributes: object) -> Array:
    """An array in one chunk, with the values that it has when the group is made.

    Text becomes Zarr `string`; older releases of xarray read it as objects.
    """
    values = np.asarray(data)
    text = values.dtype.kind in "UTO"
    if text:
        values = values.astype(np.dtypes.StringDType())
    kind = "string" if text else str(values.dtype)
    shape = tuple(max(n, 1) for n in values.shape)
    return Array(name, dims, values.shape, kind, shape, attributes=attributes, data=values)


def pixel_array(
    name: str,
    store: Store,
    columns: Mapping[str, int],
    dtype: str,
    fill: float,
    **attributes: object,
) -> Array:
    """An array (pixel, *columns) of the fill value, for tasks to write, one superblock each."""
    pixels, widths = store.domain.pixels, tuple(columns.values())
    chunks = (min(store.domain.layout.superblock, pixels), *widths)
    return Array(
        name,
        ("pixel", *columns),
        (pixels, *widths),
        dtype,
        chunks,
        attributes=attributes,
        fill_value=fill,
    )


def create(
    objects: Objects, spec: Spec, arrays: Iterable[Array], coordinates: str, **attributes: object
) -> str:
    """Make the group of a run, if it is not there yet; returns its path in the run's folder.

    Args:
        objects: the run's folder.
        spec: of the run; stored in the attributes.
        arrays: to make; those without data are left at their fill value.
        coordinates: names of coordinates that are no dimension, separated by spaces.
        attributes: further ones, JSON.
    """
    path = f"{spec.job}.zarr"
    with suppress(MissingError):
        if b"consolidated_metadata" in objects.get(f"{path}/zarr.json"):  # written last
            return path
    provenance = {
        "run": spec.id,
        "job": spec.job,
        "settings": dict(spec.settings),
        "inputs": dict(spec.inputs),
        "store": spec.store,
        "generation": spec.generation,
        "ledgers": [source.ledger for source in spec.stores],
        "coordinates": coordinates,
    }
    group = zarr.create_group(
        objects.zarr(path), overwrite=True, attributes=provenance | attributes
    )
    for array in arrays:
        schema.add(group, array)
    schema.consolidate(objects.zarr(path))
    return path


def write(
    root: str, run: str, array: str, values: ArrayLike, rows: slice | EllipsisType = ...
) -> None:
    """On a worker: fill an array of the run's group, or some rows of it that are whole chunks."""
    store = records.folder(root, run).zarr(f"{_group(run)}/{array}")
    zarr.open_array(store, mode="r+")[rows] = values


def read(
    root: str, run: str, array: str, rows: slice | NDArray[np.int64] | EllipsisType = ...
) -> Any:  # noqa: ANN401 (of any dtype)
    """Rows of one array of the run's group, by slice or by index; scaled whole numbers as float32."""
    store = records.folder(root, run).zarr(f"{_group(run)}/{array}", read_only=True)
    source = zarr.open_array(store, mode="r")
    values: Any = source[...] if rows is ... else source.oindex[rows]
    attributes: Any = source.attrs
    if "scale_factor" not in attributes:
        return values
    is_fill = values == attributes["_FillValue"]
    return np.where(is_fill, np.float32(np.nan), values * np.float32(attributes["scale_factor"]))


def dataset(root: str, run: str) -> xr.Dataset:
    """The result of a complete run, read when used.

    Raises:
        MissingError: there is no such run, or it makes no arrays.
    """
    return stored.dataset(records.folder(root, run), run.rsplit("-", 1)[0])


def require_array(root: str, run: str, array: str, store: Store) -> dict[str, str]:
    """Job -> id of a run that has an array: the `inputs` of a run that builds on it.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: it is of another store or generation, or has no such array.
    """
    job = records.read_spec(root, run).job
    records.require(root, run, job, store)
    if array not in dataset(root, run):
        raise ConfigError(f"run {run} has no {array!r}: give a run of another job")
    return {job: run}


def vectors_of(root: str, run: str, array: str) -> str:
    """The name of the vectors' array (pixel, d) in a run.

    Raises:
        ConfigError: the run has no such array, not the one that is named, or several and none is named.
    """
    names = [
        str(name)
        for name, values in dataset(root, run).items()
        if values.ndim == 2 and values.dims[0] == "pixel" and values.dtype.kind == "f"
    ]
    if array and array not in names:
        raise ConfigError(
            f"run {run} has no array {array!r} (pixel, d): it has {', '.join(names) or 'none'}"
        )
    if not names:
        raise ConfigError(
            f"run {run} has no vectors of pixels: it has {contents(root, run)}; give a run of pca, mnf, "
            "gcca, factor, transform, embed, umap, trajectory, join or import"
        )
    if not array and len(names) > 1:
        raise ConfigError(
            f"run {run} has several arrays of vectors, {', '.join(names)}: '--set array=...' names one"
        )
    return array or names[0]


def contents(root: str, run: str) -> str:
    """What a complete run has, in words: its arrays with their axes, and its other files."""
    finished = records.find(root, run)
    files = [] if finished is None else [p for p in finished.outputs if not p.endswith(".zarr")]
    arrays = []
    with suppress(MissingError):
        arrays = [
            f"{name} ({', '.join(map(str, a.dims))})" for name, a in dataset(root, run).items()
        ]
    return ", ".join([*arrays, *files]) or "no arrays and no files"


def _group(run: str) -> str:
    return f"{run.rsplit('-', 1)[0]}.zarr"
