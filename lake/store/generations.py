"""The state of a store, as its log of commits says it; how a generation is drafted, written and sealed.

    <root>/<sat>/<listing>/<t0>_<tf>/<geom>/
        commits/00000007.json            names generation, manifest, ledger and staged parts; written once
        ledgers/<sha256>-<id>.parquet    what became of every time step
        manifests/<sha256>-<id>.parquet  the objects of the generation
        parts/                           staged by ingest, waiting to be published
        v/00000007-<id>.zarr/            the generation: never changed after its commit

A draft that was never committed is garbage that nobody sees. Functions take the `Objects` of the
store's own folder.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from lake.errors import FormatError, MissingError
from lake.format import schema
from lake.format.domain import Domain
from lake.format.moments import METRICS
from lake.format.order import Layout
from lake.format.schema import Cube
from lake.storage import documents
from lake.storage.objects import Objects
from lake.store import commits, ledger, manifest, shards
from lake.store.ledger import Ledger
from lake.store.manifest import Manifest, Recorder, StoredObject


@dataclass(frozen=True, slots=True)
class StoreState:
    """The state of a store, as one commit says it."""

    path: str
    """The path of the newest generation below the store's folder; empty before anything was published."""
    manifest: str
    """The path of the generation's manifest; empty likewise."""
    months: tuple[int, ...]
    """The months of the generation that hold statistics."""
    suspect: tuple[str, ...]
    """The metrics of the generation that may be wrong."""
    ledger: str
    """The path of the ledger."""
    parts: tuple[str, ...]
    """The names of the staged parts that wait to be published."""
    domain: str
    """SHA-256 of the domain: stores of one domain can be merged."""
    listing: str
    """Digest of the listing: what was measured, and by which rules."""

    @classmethod
    def from_commit(cls, commit: commits.Commit) -> Self:
        """The state that a commit made known.

        Raises:
            FormatError: the commit is not one of this format.
        """
        if missing_fields := [name for name in cls.__slots__ if name not in commit.body]:
            raise FormatError(
                f"commit {commit.number} says nothing of {', '.join(missing_fields)}: it was written by a "
                "version of goeslake from before the format was fixed; ingest anew into another lake"
            )
        fields = {name: commit.body[name] for name in cls.__slots__}
        if wrong_fields := [name for name, value in fields.items() if not _FITS[name](value)]:
            raise FormatError(
                f"commit {commit.number} says of {wrong_fields[0]} {str(fields[wrong_fields[0]])[:100]!r}: "
                "it is damaged, restore it; 'lake verify' tells what else is"
            )
        return cls(
            **fields | {name: tuple(fields[name]) for name in ("months", "suspect", "parts")}
        )


def _is_path(value: object) -> bool:
    return value == "" or documents.is_path(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _holds_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _holds_months(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(month, int) and month in schema.MONTHS for month in value
    )


_FITS = {
    "path": _is_path,
    "manifest": _is_path,
    "months": _holds_months,
    "suspect": _holds_texts,
    "ledger": _is_path,
    "parts": _holds_texts,
    "domain": _is_text,
    "listing": _is_text,
}
"""What a commit's value of each field of `StoreState` must be."""


def read_ledger(objects: Objects, commit: commits.Commit | None) -> Ledger:
    """The ledger that a commit names; empty before the first, or where it names none."""
    path = StoreState.from_commit(commit).ledger if commit else ""
    return ledger.read(objects, path) if path else Ledger()


def commit(objects: Objects, parent: commits.Commit | None, state: StoreState) -> commits.Commit:
    """Make a state the store's newest.

    Raises:
        FileExistsError: another writer has committed after `parent`; nothing was written.
    """
    return commits.append(objects, parent, asdict(state))


def draft(
    objects: Objects,
    parent: commits.Commit | None,
    domain: Domain,
    cubes: tuple[Cube, ...],
    attributes: dict[str, Any],
) -> tuple[str, Manifest]:
    """An empty generation to follow `parent`, not visible yet: its path, and what was written."""
    number = parent.number + 1 if parent else 1
    path = f"v/{number:08d}-{uuid4().hex[:12]}.zarr"
    recorder = Recorder(objects.zarr(path))
    schema.create(recorder, domain, cubes, attributes)
    return path, recorder.stored


def write_shard(
    objects: Objects,
    path: str,
    cube: str,
    month: int,
    superblock: int,
    values: NDArray[np.float32],
    layout: Layout,
) -> StoredObject:
    """Write one shard whole: a superblock of one month. Each shard has one writer.

    Chunks of NaN are written too: in a month that holds statistics a missing object is damage.

    Args:
        objects: where the generation is.
        path: of the draft.
        cube: its name.
        month: 1..12.
        superblock: its number.
        values: (tod, band, metric, pixel, subpixel).
        layout: of the store.
    """
    data = shards.encode(values, layout)
    place = shard_path(cube, month, superblock)
    objects.put(f"{path}/{place}", data)
    return StoredObject.from_data(place, data)


def read_shard(
    objects: Objects,
    path: str,
    cube: Cube,
    month: int,
    superblock: int,
    pixels: int,
    layout: Layout,
) -> NDArray[np.float32]:
    """Read one shard whole.

    Args:
        objects: where the generation is.
        path: of the generation.
        cube: the cube.
        month: 1..12; one that holds statistics.
        superblock: its number.
        pixels: how many it has.
        layout: of the store.

    Returns:
        float32 (tod, band, metric, pixel, subpixel).

    Raises:
        MissingError: there is no such object.
        FormatError: it is damaged.
    """
    place = f"{path}/{shard_path(cube.name, month, superblock)}"
    shape = (len(cube.tods), len(cube.bands), len(METRICS), pixels, cube.subpixels)
    return shards.decode(objects.view(place), shape, layout, objects.url(place))


def shard_path(cube: str, month: int, superblock: int) -> str:
    """The path, below its generation, of the object that holds a superblock of one month."""
    return f"{cube}/results/c/{month - 1}/0/0/0/{superblock}/0"


def copy_shard(objects: Objects, source: str, target: str, path: str) -> None:
    """Copy a shard that did not change from the generation `source` to the draft `target`.

    Raises:
        MissingError: the source lacks the shard: it is damaged.
    """
    try:
        objects.copy(f"{source}/{path}", f"{target}/{path}")
    except MissingError as error:
        raise MissingError(
            f"{objects.url(source)} should hold {path} but lacks it: it is damaged; "
            "restore the object, or build the store anew from its sources"
        ) from error


def seal(objects: Objects, path: str, stored: Iterable[StoredObject]) -> str:
    """Complete a draft whose arrays are written; returns the path of its manifest."""
    recorder = Recorder(objects.zarr(path))
    schema.consolidate(recorder)
    whole = {item.path: item for item in stored} | recorder.stored
    return manifest.write(objects, whole.values())
