"""Staged parts: what was accumulated, waiting in the store's folder to be published.

    parts/<name>.json        what the part holds; written when it is complete
    parts/<name>-<id>.zarr   its arrays, chunked by superblock

The name is a digest of the inputs (rules, pixels, and every file with its size and tag), so that a
run that was stopped finds what it had done. A part without its JSON object was never finished;
nobody reads it. A part has one of two forms, whichever is smaller, with pixels in store order:

    observations   valid (step, pixel); for each cube <cube>/counts (step, band, pixel, subpixel), packed,
                   and <cube>/tables (step, band, count): the quantity of every count
    moments        for each cube <cube>/moments (band, metric, pixel, subpixel), as in a generation
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable
from uuid import uuid4

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from ingest.observations import Observations
from lake import order
from lake.errors import MissingError
from lake.ledger import MERGED, Entry, Source
from lake.objects import Objects, connect

Block = NDArray[np.float32]
"""(band, metric, pixel, subpixel) of a superblock."""

MOMENTS, OBSERVATIONS = "moments", "observations"

CODEC = BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle")
"""A part is written and read once: several times faster than the codec of stores, a little larger."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some time steps of one (month, tod), staged."""

    name: str
    path: str
    """Of the Zarr group, below the store's folder; empty while nothing is staged."""
    form: str
    """`moments` or `observations`."""
    month: int
    tod: int
    cubes: tuple[str, ...]
    entries: tuple[Entry, ...]
    """What became of each time step; those that are `merged` are in the part."""
    suspect: tuple[str, ...] = ()
    """Metrics that may be wrong."""
    staged: str = ""
    """When it was complete: UTC, ISO 8601."""

    @property
    def steps(self) -> set[str]:
        """The time steps in it."""
        return {entry.step for entry in self.entries if entry.status == MERGED}


class Content(Protocol):
    """What a part is made of, a superblock at a time."""

    @property
    def form(self) -> str:
        """`moments` or `observations`."""

    @property
    def suspect(self) -> tuple[str, ...]:
        """Metrics that may be wrong: known when everything was asked for."""

    def moments(self, cube: str, superblock: int) -> Block:
        """Of all its time steps; asked for where the form is `moments`."""


@runtime_checkable
class Observed(Content, Protocol):
    """Content that may have the form `observations`."""

    def observations(self, cube: str, superblock: int) -> Observations:
        """Each time step's; asked for where it has."""


def name(*inputs: object) -> str:
    """The name of the part that these inputs make."""
    return hashlib.sha256("\n".join(map(str, inputs)).encode()).hexdigest()[:32]


def find(objects: Objects, part_name: str) -> Part | None:
    """The finished part of that name, if there is one."""
    try:
        noted = json.loads(objects.get(f"parts/{part_name}.json"))
    except MissingError:
        return None
    entries = tuple(
        Entry(**e | {"files": tuple(Source(**file) for file in e["files"])})
        for e in noted["entries"]
    )
    lists = {name: tuple(noted[name]) for name in ("cubes", "suspect")}
    return Part(**noted | lists | {"entries": entries})


def find_fresh(objects: Objects, part_name: str, age_s: float) -> Part | None:
    """The finished part of that name if it is younger than `age_s`: garbage collection keeps away from it."""
    part = find(objects, part_name)
    if part is None:
        return None
    age = datetime.now(UTC) - datetime.fromisoformat(part.staged)
    return part if abs(age.total_seconds()) < age_s else None


def write(
    objects: Objects, part: Part, content: Content, pixels: int, layout: order.Layout
) -> Part:
    """Write a part whole, then declare it complete; of two of one name either may stay.

    Args:
        objects: of the store's folder.
        part: what is in it; path, suspect and time are filled in here.
        content: the numbers.
        pixels: of the domain.
        layout: of the store: a part's chunk is a superblock.
    """
    path = f"parts/{part.name}-{uuid4().hex[:12]}.zarr"
    group = zarr.create_group(objects.zarr(path), zarr_format=3)
    superblocks = order.superblocks(pixels, layout)
    for cube in part.cubes:
        if isinstance(content, Observed) and content.form == OBSERVATIONS:
            _write_observations(group, cube, content, superblocks, alone=cube != part.cubes[0])
        else:
            _write_moments(group, cube, content, superblocks)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    complete = replace(part, path=path, suspect=content.suspect, staged=now)
    objects.put(f"parts/{part.name}.json", json.dumps(asdict(complete)).encode())
    return complete


def read_moments(folder: str, part_path: str, cube: str, pixels: slice) -> Block:
    """The moments of a run of pixels, from the part at `part_path` in the store at `folder`."""
    return np.asarray(_array(folder, f"{part_path}/{cube}/moments")[:, :, pixels, :])


def read_observations(folder: str, part_path: str, cube: str, pixels: slice) -> Observations:
    """The observations of a run of pixels, likewise."""
    return Observations(
        np.asarray(_array(folder, f"{part_path}/valid")[:, pixels]),
        np.asarray(_array(folder, f"{part_path}/{cube}/counts")[:, :, pixels, :]),
        _tables(folder, f"{part_path}/{cube}/tables"),
    )


@lru_cache(maxsize=512)
def _array(folder: str, path: str) -> Any:  # noqa: ANN401 (zarr types it as of v2 or v3)
    """An array of a part never changes: a worker keeps it open."""
    return zarr.open_array(connect(folder).zarr(path, read_only=True), mode="r")


@lru_cache(maxsize=512)
def _tables(folder: str, path: str) -> NDArray[np.float64]:
    """Every superblock needs them: a worker keeps them, a megabyte for the bands of a time step."""
    return np.asarray(_array(folder, path)[...])


def _write_moments(
    group: zarr.Group, cube: str, content: Content, superblocks: Sequence[slice]
) -> None:
    array = None
    for number, pixels in enumerate(superblocks):
        block = content.moments(cube, number)
        if array is None:
            array = _create(group, f"{cube}/moments", block, superblocks[-1].stop, np.nan)
        array[:, :, pixels, :] = block


def _write_observations(
    group: zarr.Group, cube: str, content: Observed, superblocks: Sequence[slice], *, alone: bool
) -> None:
    """`alone`: without `valid`, which the cubes share."""
    counts = valid = None
    for number, pixels in enumerate(superblocks):
        seen = content.observations(cube, number)
        if counts is None:
            counts = _create(group, f"{cube}/counts", seen.counts, superblocks[-1].stop, 0)
            group.create_array(f"{cube}/tables", data=seen.tables, compressors=CODEC)
        counts[:, :, pixels, :] = seen.counts
        if alone:
            continue
        if valid is None:
            valid = group.create_array(
                "valid",
                shape=(len(seen.valid), superblocks[-1].stop),
                chunks=seen.valid.shape,
                dtype="bool",
                compressors=CODEC,
            )
        valid[:, pixels] = seen.valid


def _create(
    group: zarr.Group, path: str, block: NDArray[Any], pixels: int, fill: float
) -> zarr.Array[Any]:
    """An array whose last but one axis is that of all pixels, one block a chunk."""
    shape = (*block.shape[:-2], pixels, block.shape[-1])
    return group.create_array(
        path,
        shape=shape,
        chunks=block.shape,
        dtype=block.dtype,
        fill_value=fill,
        compressors=CODEC,
    )
