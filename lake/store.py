"""The generations of a store: find the newest, draft the next, write its shards, publish it.

    <root>/<sat>/<listing>/<t0>_<tf>/<geom>/
        commits/00000007.json      names a generation and its ledger; written once
        ledgers/<sha256>.parquet   the time steps in it
        v/00000007-<id>.zarr/      the generation: never changed after its commit

A draft that was never committed is garbage that nobody sees. Functions take the `Objects` of the
store's own folder.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import uuid4

import numpy as np
import zarr
from numpy.typing import NDArray

from lake import commits, schema
from lake.domain import Domain
from lake.errors import ConflictError, MissingError
from lake.objects import Objects
from lake.schema import Cube


@dataclass(frozen=True, slots=True)
class Generation:
    """What a commit of a store says."""

    path: str
    """Of the Zarr group, below the store's folder."""
    ledger: str
    """Path of the ledger."""
    months: tuple[int, ...]
    """Months that hold statistics."""
    domain: str
    """SHA-256 of the domain: stores of one domain can be merged."""
    listing: str
    """Digest of the listing: what was measured, and by which rules."""

    @classmethod
    def of(cls, commit: commits.Commit) -> Self:
        """The generation that a commit made visible."""
        noted = {name: commit.body[name] for name in cls.__slots__}
        return cls(**noted | {"months": tuple(noted["months"])})


def draft(
    objects: Objects,
    parent: commits.Commit | None,
    domain: Domain,
    cubes: tuple[Cube, ...],
    about: dict[str, Any],
) -> str:
    """An empty generation to follow `parent`, not visible yet; returns its path."""
    number = parent.number + 1 if parent else 1
    path = f"v/{number:08d}-{uuid4().hex[:12]}.zarr"
    schema.create(objects.zarr(path), domain, cubes, about)
    return path


def write_shard(
    objects: Objects, path: str, cube: str, month: int, pixels: slice, values: NDArray[np.float32]
) -> None:
    """Write one shard whole: a superblock of one month. Each shard has one writer.

    Chunks of NaN are written too: in a month that holds statistics a missing object is damage.

    Args:
        objects: where the generation is.
        path: of the draft.
        cube: its name.
        month: 1..12.
        pixels: the superblock.
        values: (tod, band, metric, pixel, subpixel).
    """
    results = zarr.open_array(objects.zarr(f"{path}/{cube}/results"), mode="r+")
    results.with_config({"write_empty_chunks": True})[month - 1, :, :, :, pixels, :] = values


def copy_shard(
    objects: Objects, source: str, path: str, cube: str, month: int, superblock: int
) -> None:
    """Copy a shard that did not change from the generation at `source` to the draft at `path`.

    Raises:
        MissingError: the source lacks the shard: it is damaged.
    """
    key = f"{cube}/results/c/{month - 1}/0/0/0/{superblock}/0"
    try:
        objects.copy(f"{source}/{key}", f"{path}/{key}")
    except MissingError as error:
        raise MissingError(
            f"{objects.url(source)} should hold month {month} of {cube} but lacks {key}: it is "
            "damaged; restore the object, or build the store anew from its sources"
        ) from error


def publish(
    objects: Objects, parent: commits.Commit | None, generation: Generation
) -> commits.Commit:
    """Make a complete draft the newest generation of the store.

    Raises:
        ConflictError: another writer published after `parent`; the draft stays invisible.
    """
    schema.consolidate(objects.zarr(generation.path))
    try:
        return commits.append(objects, parent, asdict(generation))
    except FileExistsError:
        raise ConflictError(
            f"another writer published to {objects.root} in the meantime; "
            "run the same command again: it merges only what is still lacking"
        ) from None
