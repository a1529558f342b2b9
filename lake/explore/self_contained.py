"""A copy of a lake for the page that any web server shows, also one that knows no ranges of bytes.

A shard is read by ranges; in the copy each of its inner chunks is a file. So the copy is plain Zarr without
shards, and the page reads it as it reads a lake. It holds what fits into a number of bytes, the most useful
first: where pixels are, the coarse maps, what runs gave to pixels, last the full resolution. What is left
out is named, and has no metadata in the copy, so that nobody takes it for missing values.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np

from lake.errors import ConfigError, FormatError
from lake.explore.contents import AT_A_TIME, Offer
from lake.explore.site import OFFER, page_files
from lake.format.schema import CODEC
from lake.storage.documents import read_json
from lake.storage.objects import Objects
from lake.store import shards

FOLDER = "copy"
"""Folder of the copy beside the page."""

_UNREAD = {"lat", "lon", "phase", "superblock", "m_domain"}
"""Arrays that the page computes, or does not need."""
_RANKS = ("labels", "classes", "embedding", "series")
"""Arrays of runs, those that tell the most per byte first; other runs follow."""
_PLACES, _MAPS, _RUNS, _FULL = 0, 1, 2, 3 + len(_RANKS)

Metadata = Mapping[str, Any]
"""Of an array or a group of Zarr, as its `zarr.json` has it."""


@dataclass(frozen=True, slots=True)
class Part:
    """Arrays of one group of Zarr that are copied together or not at all."""

    group: str
    """Path below the lake."""
    owner: str
    """Key of the store, or the run."""
    words: str
    """What the arrays are."""
    arrays: tuple[str, ...]
    rank: int
    """Parts of a lower one come first."""
    size: int
    """Bytes of their objects."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was written."""

    files: int
    size: int
    """Bytes."""
    left_out: tuple[Part, ...]


def write(objects: Objects, folder: Path, most_bytes: int, keys: Sequence[str] = ()) -> Copied:
    """Write the page and the copy.

    Args:
        objects: the lake.
        folder: made if need be; files of the page are replaced.
        most_bytes: of page and copy.
        keys: of the stores that are copied; empty: all.

    Raises:
        ConfigError: there is a copy already; there is no such store; not even the places of one fit.
    """
    target = folder / FOLDER
    if target.exists():
        raise ConfigError(f"{target} is there already: remove it, or name another folder")
    offer = Offer(objects).document(f"{FOLDER}/", is_live=True)
    offer["stores"] = _chosen(offer["stores"], keys)
    groups = _groups(objects, offer)
    pages = page_files()
    room = most_bytes - sum(map(len, pages.values()))
    chosen, left_out = choose(_parts(objects, offer, groups), room)
    offer = _offered(offer, chosen, left_out, datetime.now(UTC))
    if not offer["stores"]:
        smallest_bytes = (
            most_bytes - room + min(part.size for part in left_out if part.rank == _PLACES)
        )
        raise ConfigError(
            f"{most_bytes / 1e6:g} MB hold no store: wanted {ceil(smallest_bytes / 1e6)} MB or more"
        )
    sizes = [copy_group(objects, target, path, groups[path], chosen) for path in groups]
    folder.mkdir(parents=True, exist_ok=True)
    pages |= {OFFER: json.dumps(offer, indent=1).encode()}
    for name, content in pages.items():
        (folder / name).write_bytes(content)
    written = [size for group in sizes for size in group] + [len(page) for page in pages.values()]
    return Copied(len(written), sum(written), tuple(left_out))


def choose(parts: Iterable[Part], most_bytes: int) -> tuple[list[Part], list[Part]]:
    """The parts that fit, by rank, and those that do not; nothing of a store whose places do not fit."""
    chosen: list[Part] = []
    left_out: list[Part] = []
    missing: set[str] = set()
    for part in sorted(parts, key=lambda part: part.rank):
        fits = part.size <= most_bytes and part.group not in missing
        (chosen if fits else left_out).append(part)
        most_bytes -= part.size if fits else 0
        if part.rank == _PLACES and not fits:
            missing.add(part.group)
    return chosen, left_out


def _chosen(stores: list[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    unknown = [key for key in keys if key not in {store["key"] for store in stores}]
    if unknown:
        all_keys = ", ".join(store["key"] for store in stores) or "none"
        raise ConfigError(f"the lake has no published store {unknown[0]}: it has {all_keys}")
    return [store for store in stores if not keys or store["key"] in keys]


def _groups(objects: Objects, offer: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Path of each group of Zarr that is offered -> its root's metadata."""
    keys = {store["key"] for store in offer["stores"]}
    paths = [store["generation"] for store in offer["stores"]]
    paths += [run["path"] for run in offer["runs"] if run["arrays"] and run["store"] in keys]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        documents = pool.map(lambda path: read_json(objects, f"{path}/zarr.json"), paths)
        return dict(zip(paths, documents, strict=True))


def _parts(
    objects: Objects, offer: Mapping[str, Any], groups: Mapping[str, Metadata]
) -> Iterator[Part]:
    for store in offer["stores"]:
        path = store["generation"]
        sizes = _sizes(objects, path, groups[path])
        results = [name for name in sizes if name.endswith("/results")]
        maps = [name for name in sizes if name.startswith("overview/")]
        places = [name for name in sizes if name not in results and name not in maps]
        for names, words, rank in (
            (places, "where the pixels are", _PLACES),
            (maps, "coarse maps", _MAPS),
            *(([name], f"full resolution of {name.split('/')[0]}", _FULL) for name in results),
        ):
            size = sum(sizes[name] for name in names)
            yield Part(path, store["key"], words, tuple(names), rank, size)
    for run in offer["runs"]:
        if run["path"] in groups:
            sizes = _sizes(objects, run["path"], groups[run["path"]])
            rank = min(
                (n for n, name in enumerate(_RANKS) if name in run["arrays"]), default=len(_RANKS)
            )
            words = ", ".join(run["arrays"])
            size = sum(sizes.values())
            yield Part(run["path"], f"run {run['id']}", words, tuple(sizes), _RUNS + rank, size)


def _sizes(objects: Objects, path: str, root: Metadata) -> dict[str, int]:
    """Array of a group -> bytes of its objects; of arrays that the page reads."""
    nodes = _nodes(root)
    sizes = {
        name: 0
        for name, node in nodes.items()
        if node["node_type"] == "array" and name.rpartition("/")[2] not in _UNREAD
    }
    for entry in objects.entries(path):
        name = _array(entry.path, path)
        if name in sizes:
            sizes[name] += entry.size
    return sizes


def _nodes(root: Metadata) -> dict[str, dict[str, Any]]:
    nodes: dict[str, dict[str, Any]] = root["consolidated_metadata"]["metadata"]
    return nodes


def _offered(
    offer: dict[str, Any], chosen: Sequence[Part], left_out: Sequence[Part], time: datetime
) -> dict[str, Any]:
    """The offer of the copy: `time` is when it is made, `left_out` what it lacks, of each store and run."""
    groups = {part.group for part in chosen}
    lacks = {
        path: [part.words for part in left_out if part.group == path]
        for path in {part.group for part in left_out}
    }
    stores = [
        store | {"left_out": lacks.get(store["generation"], [])}
        for store in offer["stores"]
        if store["generation"] in groups
    ]
    runs = [
        run if run["path"] in groups else run | {"arrays": [], "left_out": run["arrays"]}
        for run in offer["runs"]
        if run["store"] in {store["key"] for store in stores}
    ]
    return offer | {"stores": stores, "runs": runs, "made": time.isoformat(timespec="seconds")}


def copy_group(
    objects: Objects, target: Path, path: str, root: dict[str, Any], chosen: Sequence[Part]
) -> list[int]:
    """Copy the arrays of a group that are chosen.

    Args:
        objects: the lake.
        target: folder of the copy.
        path: of the group below both.
        root: its metadata.
        chosen: parts, also of other groups.

    Returns:
        The sizes of the files.
    """
    names = {name for part in chosen if part.group == path for name in part.arrays}
    if not names:
        return []
    nodes = _nodes(root)
    whole = copy.deepcopy(root)
    whole["consolidated_metadata"]["metadata"] = {
        name: _without_shards(node)
        for name, node in nodes.items()
        if node["node_type"] == "group" or name in names
    }
    content = json.dumps(whole).encode()
    folder = target / path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "zarr.json").write_bytes(content)

    def copied(source: str) -> list[int]:
        name = _array(source, path)
        return _copy_object(objects, target, source, nodes[name]) if name in names else []

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        sizes = pool.map(copied, [entry.path for entry in objects.entries(path)])
        return [len(content), *(size for each in sizes for size in each)]


def _array(source: str, group: str) -> str:
    """The array of a group that an object belongs to; of other objects some text."""
    return source.removeprefix(f"{group}/").partition("/c/")[0].removesuffix("/c")


def _copy_object(objects: Objects, target: Path, source: str, node: Metadata) -> list[int]:
    """Copy a chunk, or the chunks of a shard; returns the sizes of the files."""
    data = objects.get(source)
    sharding = _sharding(node)
    files = {source: data}
    if sharding is not None:
        array, _, place = source.rpartition("/c/")
        chunks = _chunks(data, place, node, sharding, objects.url(source))
        files = {f"{array}/c/{name}": chunk for name, chunk in chunks.items()}
    for name, content in files.items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return [len(content) for content in files.values()]


def _chunks(
    data: bytes, place: str, node: Metadata, sharding: Metadata, url: str
) -> dict[str, bytes]:
    """The chunks of a shard by their place in the array; one that the shard lacks holds the fill value."""
    inner, outer = sharding["chunk_shape"], node["chunk_grid"]["configuration"]["chunk_shape"]
    counts = [whole // part for whole, part in zip(outer, inner, strict=True)]
    first = [int(number) * count for number, count in zip(place.split("/"), counts, strict=True)]
    chunks = {}
    for number, (offset, size) in enumerate(shards.spans(data, prod(counts), url)):
        at = [
            start + step
            for start, step in zip(first, np.unravel_index(number, counts), strict=True)
        ]
        if any(
            n * part >= length for n, part, length in zip(at, inner, node["shape"], strict=True)
        ):
            continue  # beyond the array
        chunk = data[offset : offset + size] if offset != shards.NO_CHUNK else _empty(node, inner)
        chunks["/".join(map(str, at))] = chunk
    return chunks


def _empty(node: Metadata, shape: Sequence[int]) -> bytes:
    return shards.compress(np.full(shape, float(node["fill_value"]), node["data_type"]), CODEC)


def _sharding(node: Metadata) -> dict[str, Any] | None:
    """The configuration of the shards of an array; None: it has none.

    Raises:
        FormatError: chunks are packed in a way that this lake does not know.
    """
    for codec in node.get("codecs", ()):
        if codec["name"] == "sharding_indexed":
            configuration: dict[str, Any] = codec["configuration"]
            packing = [each["name"] for each in configuration["codecs"]]
            if packing != ["bytes", "blosc"]:
                raise FormatError(
                    f"the chunks of a shard are packed by {packing}, wanted bytes, blosc"
                )
            return configuration
    return None


def _without_shards(node: dict[str, Any]) -> dict[str, Any]:
    """The metadata of an array whose chunks are files."""
    sharding = _sharding(node)
    if sharding is None:
        return node
    grid = {"name": "regular", "configuration": {"chunk_shape": sharding["chunk_shape"]}}
    return node | {"chunk_grid": grid, "codecs": sharding["codecs"]}
