"""Staged parts: accumulated time steps that wait in the store's folder to be published.

    parts/<name>.json        what the part contains; written when it is complete
    parts/<name>-<id>.zarr   its arrays, chunked by superblock

The name is a digest of the inputs (rules, pixels, and every file with its size and tag), so that a
run that was stopped finds the parts it had written. A part without its JSON object was never finished,
and is never read. A part has one of two forms, whichever is smaller, with pixels in store order:

    observations   valid (step, pixel); for each cube <cube>/counts (step, band, pixel, subpixel), packed,
                   and <cube>/tables (step, band, count): the quantity of every count
    moments        for each cube <cube>/moments (band, metric, pixel, subpixel), as in a generation
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from ingest.accumulate.observations import Observations
from lake.errors import MissingError
from lake.format import order
from lake.storage.connect import connect
from lake.storage.documents import read_json
from lake.storage.objects import Objects
from lake.store import shards
from lake.store.ledger import MERGED, LedgerEntry, SourceFile

Block = NDArray[np.float32]
"""(band, metric, pixel, subpixel) moments of a superblock."""

MOMENTS, OBSERVATIONS = "moments", "observations"

CODEC = BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle")
"""The codec of parts, which are written and read once: several times faster than that of stores, and the
parts are a little larger."""


@dataclass(frozen=True, slots=True)
class Part:
    """The staged time steps of one (month, tod)."""

    name: str
    path: str
    """Path of the Zarr group below the store's folder; empty while nothing is staged."""
    form: str
    """`moments` or `observations`."""
    month: int
    tod: int
    cubes: tuple[str, ...]
    entries: tuple[LedgerEntry, ...]
    """The ledger entry of each time step; those that are `merged` are in the part."""
    suspect: tuple[str, ...] = ()
    """Metrics that may be wrong."""
    staged: str = ""
    """Time at which it was complete: UTC, ISO 8601."""

    @property
    def steps(self) -> set[str]:
        """Ids of the time steps in the part."""
        return {entry.step for entry in self.entries if entry.status == MERGED}


class PartContent(Protocol):
    """The numbers of a part, which are asked for a superblock at a time."""

    @property
    def form(self) -> str:
        """`moments` or `observations`."""

    @property
    def suspect(self) -> tuple[str, ...]:
        """Metrics that may be wrong; complete once all moments were asked for."""

    def moments(self, cube: str, superblock: int) -> Block:
        """Moments of a superblock over all time steps; asked for if the form is `moments`."""


@runtime_checkable
class ObservedContent(PartContent, Protocol):
    """The numbers of a part that may have the form `observations`."""

    def observations(self, cube: str, superblock: int) -> Observations:
        """Observations of a superblock at each time step; asked for if the form is `observations`."""


def name(*inputs: object) -> str:
    """The name of the part that is made from these inputs."""
    return hashlib.sha256("\n".join(map(str, inputs)).encode()).hexdigest()[:32]


def find(objects: Objects, part_name: str) -> Part | None:
    """The finished part of that name; None if there is none."""
    try:
        document = read_json(objects, f"parts/{part_name}.json")
    except MissingError:
        return None
    entries = tuple(
        LedgerEntry(**e | {"files": tuple(SourceFile(**file) for file in e["files"])})
        for e in document["entries"]
    )
    lists = {name: tuple(document[name]) for name in ("cubes", "suspect")}
    return Part(**document | lists | {"entries": entries})


def find_fresh(objects: Objects, part_name: str, age_s: float) -> Part | None:
    """The finished part of that name if it is younger than `age_s`; None otherwise.

    Garbage collection leaves such a part alone.
    """
    part = find(objects, part_name)
    if part is None:
        return None
    age = datetime.now(UTC) - datetime.fromisoformat(part.staged)
    return part if abs(age.total_seconds()) < age_s else None


def write(
    objects: Objects, part: Part, content: PartContent, pixels: int, layout: order.Layout
) -> Part:
    """Write all arrays of a part, then declare it complete; of two parts of one name either may stay.

    Args:
        objects: the store's folder.
        part: describes the part; path, suspect and time are filled in here.
        content: the numbers of the part.
        pixels: number of pixels of the domain.
        layout: of the store; a chunk of a part is a superblock.
    """
    path = f"parts/{part.name}-{uuid4().hex[:12]}.zarr"
    writer = _Writer(objects, path, pixels)
    superblocks = range(len(order.superblocks(pixels, layout)))
    for cube, number in product(part.cubes, superblocks):
        if isinstance(content, ObservedContent) and content.form == OBSERVATIONS:
            observations = content.observations(cube, number)
            writer.write(f"{cube}/counts", 2, number, observations.counts)
            if number == 0:
                writer.write_whole(f"{cube}/tables", observations.tables)
            if cube == part.cubes[0]:  # they share it
                writer.write("valid", 1, number, observations.valid)
        else:
            writer.write(f"{cube}/moments", 2, number, content.moments(cube, number))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    complete = replace(part, path=path, suspect=content.suspect, staged=now)
    objects.put(f"parts/{part.name}.json", json.dumps(asdict(complete)).encode())
    return complete


def read_moments(objects: Objects, part_path: str, cube: str, pixels: slice) -> Block:
    """The moments of a superblock, from the part at `part_path` below the objects' root.

    Raises:
        MissingError: an object is gone.
        FormatError: an object is damaged.
    """
    return _run(objects, f"{part_path}/{cube}/moments", 2, pixels)


def read_observations(objects: Objects, part_path: str, cube: str, pixels: slice) -> Observations:
    """The observations of a superblock, from the part at `part_path`; errors as of `read_moments`."""
    return Observations(
        _run(objects, f"{part_path}/valid", 1, pixels),
        _run(objects, f"{part_path}/{cube}/counts", 2, pixels),
        _tables(objects.root, f"{part_path}/{cube}/tables"),
    )


def _run(objects: Objects, path: str, axis: int, pixels: slice) -> NDArray[Any]:
    """The pixels of a superblock, which lie along `axis` of an array."""
    chunk = _chunk(objects, path, axis, pixels.start)
    return chunk[(slice(None),) * axis + (slice(pixels.stop - pixels.start),)]


def _chunk(objects: Objects, path: str, axis: int, first: int) -> NDArray[Any]:
    """The chunk of an array that begins at `first` of `axis`, and at 0 of the other axes.

    It is decoded by Blosc directly: Zarr takes twice as long, and fills in chunks that are lost.
    """
    hint = "it belongs to a staged part: restore it, or ingest the part's steps into a new store"
    array = None
    with suppress(FileNotFoundError):
        array = _array(objects.root, path)
    if array is None:  # without Zarr's own error, which does not travel between processes
        raise MissingError(f"there is no array {objects.url(path)}; {hint}")
    place = _place(path, array.ndim, axis, first // array.chunks[axis])
    try:
        data = objects.view(place)
    except MissingError as error:
        raise MissingError(f"{error}; {hint}") from None
    chunk = np.empty(array.chunks, array.dtype)
    shards.decompress(data, chunk, objects.url(place), hint)
    return chunk


@lru_cache(maxsize=512)
def _array(folder: str, path: str) -> Any:  # noqa: ANN401 (zarr types it as of v2 or v3)
    """An array of a part, which never changes: a worker keeps it open."""
    return zarr.open_array(connect(folder).zarr(path, read_only=True), mode="r")


@lru_cache(maxsize=512)
def _tables(folder: str, path: str) -> NDArray[np.float64]:
    """Tables of a part, which every superblock needs: a worker keeps them, a megabyte a time step."""
    return _chunk(connect(folder), path, 0, 0)


class _Writer:
    """Writes the arrays of a part a superblock at a time, each as one chunk and one object.

    Every chunk is written, even if it is empty: a chunk that does not exist was lost.
    """

    def __init__(self, objects: Objects, path: str, pixels: int) -> None:
        self._objects, self._path, self._pixels = objects, path, pixels
        self._group = zarr.create_group(objects.zarr(path), zarr_format=3)
        self._arrays: dict[str, zarr.Array[Any]] = {}

    def write(self, name: str, axis: int, superblock: int, block: NDArray[Any]) -> None:
        """Write the values of the pixels of a superblock, along `axis`; superblock 0 comes first."""
        if superblock == 0:
            shape = (*block.shape[:axis], self._pixels, *block.shape[axis + 1 :])
            self._arrays[name] = self._create(name, block, shape)
        self._put(name, axis, superblock, block)

    def write_whole(self, name: str, values: NDArray[Any]) -> None:
        """Write an array of one chunk."""
        self._arrays[name] = self._create(name, values, values.shape)
        self._put(name, 0, 0, values)

    def _create(self, name: str, chunk: NDArray[Any], shape: tuple[int, ...]) -> zarr.Array[Any]:
        return self._group.create_array(
            name,
            shape=shape,
            chunks=chunk.shape,
            dtype=chunk.dtype,
            fill_value=np.nan if chunk.dtype.kind == "f" else 0,
            compressors=CODEC,
        )

    def _put(self, name: str, axis: int, number: int, block: NDArray[Any]) -> None:
        array = self._arrays[name]
        chunk = np.ascontiguousarray(block)
        if padding := array.chunks[axis] - block.shape[axis]:
            rest = (*block.shape[:axis], padding, *block.shape[axis + 1 :])
            chunk = np.concatenate([chunk, np.full(rest, array.fill_value, block.dtype)], axis)
        place = _place(f"{self._path}/{name}", array.ndim, axis, number)
        self._objects.put(place, shards.compress(chunk, CODEC))


def _place(array: str, ndim: int, axis: int, number: int) -> str:
    """Path of the chunk that has this number along `axis` and 0 along the other axes."""
    index = [0] * ndim
    index[axis] = number
    return "/".join(map(str, [array, "c", *index]))
