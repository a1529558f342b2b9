"""Staged partial moments: what was accumulated, waiting in the store's folder to be published.

    parts/<name>.json        what the part holds; written once, create-only, when it is complete
    parts/<name>-<id>.zarr   the moments, one array a cube: (band, metric, pixel, subpixel)

The name is a digest of the inputs, so that a run that was stopped finds what it had done. A part
without its JSON object was never finished; nobody reads it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from uuid import uuid4

import numpy as np
import zarr
from numpy.typing import NDArray

from lake import order
from lake.errors import MissingError
from lake.ledger import MERGED, Entry, Source
from lake.objects import Objects
from lake.schema import CODEC


@dataclass(frozen=True, slots=True)
class Part:
    """The moments of some time steps of one (month, tod)."""

    path: str
    """Of the Zarr group, below the store's folder."""
    month: int
    tod: int
    cubes: tuple[str, ...]
    entries: tuple[Entry, ...]
    suspect: tuple[str, ...] = ()
    """Metrics that may be wrong."""

    @property
    def holds_something(self) -> bool:
        """Whether any of its time steps could be read."""
        return any(entry.status == MERGED for entry in self.entries)


def name(*inputs: str) -> str:
    """The name of the part that these inputs make."""
    return hashlib.sha256("\n".join(inputs).encode()).hexdigest()[:32]


def find(objects: Objects, part_name: str) -> Part | None:
    """The finished part of that name, if there is one."""
    try:
        noted = json.loads(objects.get(f"parts/{part_name}.json"))
    except MissingError:
        return None
    entries = tuple(
        Entry(**e | {"files": tuple(Source(**f) for f in e["files"])}) for e in noted["entries"]
    )
    lists = {name: tuple(noted[name]) for name in ("cubes", "suspect")}
    return Part(**noted | lists | {"entries": entries})


def write(
    objects: Objects,
    part_name: str,
    part: Part,
    results: Mapping[str, NDArray[np.float32]],
    layout: order.Layout,
) -> Part:
    """Write a part whole, then declare it complete; of two that make the same, the first counts.

    Args:
        objects: of the store's folder.
        part_name: from `name`.
        part: what is in it; its path is made here.
        results: by cube, (band, metric, pixel, subpixel).
        layout: of the store: a part's chunk is a superblock.
    """
    path = f"parts/{part_name}-{uuid4().hex[:12]}.zarr"
    group = zarr.create_group(objects.zarr(path), zarr_format=3)
    for cube, data in results.items():
        bands, metrics, pixels, subpixels = data.shape
        array = group.create_array(
            cube,
            shape=data.shape,
            chunks=(bands, metrics, min(layout.superblock, pixels), subpixels),
            dtype="float32",
            fill_value=np.nan,
            compressors=CODEC,
        )
        array[...] = data
    complete = replace(part, path=path)
    try:
        objects.create(f"parts/{part_name}.json", json.dumps(asdict(complete)).encode())
    except FileExistsError:
        return find(objects, part_name) or complete
    return complete


def read(objects: Objects, part_path: str, cube: str, pixels: slice) -> NDArray[np.float32]:
    """(band, metric, pixel, subpixel) of a run of pixels."""
    array = zarr.open_array(objects.zarr(f"{part_path}/{cube}", read_only=True), mode="r")
    return np.asarray(array[:, :, pixels, :])
