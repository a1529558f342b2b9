"""The catalogue as a static STAC catalogue: a collection for each listing, an item for each store.

Links are relative, so that the files may lie anywhere; assets are the URLs of generations. Stores of
which nothing is published have no place and are left out.
Source: SpatioTemporal Asset Catalog specification 1.1.0 (https://stacspec.org), extension
xarray-assets 1.0.0.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lake.catalogue.catalogue import Row
from lake.storage.objects import Objects

VERSION = "1.1.0"
XARRAY = "https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json"
ZARR = "application/vnd.zarr; version=3"

Document = dict[str, Any]


def write(target: Objects, source: Objects, rows: Iterable[Row]) -> list[str]:
    """Write the documents.

    Args:
        target: where to; what is there under the same names is replaced.
        source: the lake.
        rows: of its stores.

    Returns:
        Their paths, `catalog.json` first.
    """
    contents = dict(documents(source, rows))
    for path, document in contents.items():
        target.put(path, json.dumps(document, indent=1).encode())
    return list(contents)


def documents(source: Objects, rows: Iterable[Row]) -> Iterator[tuple[str, Document]]:
    """The path and content of every document, the catalogue's first."""
    by_listing: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.generation:
            by_listing[row.listing].append(row)
    yield "catalog.json", _catalog(sorted(by_listing))
    for listing, stores in by_listing.items():
        yield f"{listing}/collection.json", _collection(listing, stores)
        for row in stores:
            yield f"{listing}/{identity(row)}.json", _item(row, source)


def identity(row: Row) -> str:
    """The identifier of the STAC item of a store."""
    return row.key.replace("/", "_")


def _catalog(listings: Sequence[str]) -> Document:
    links = [_link("root", "./catalog.json")]
    links += [_link("child", f"./{listing}/collection.json") for listing in listings]
    return {
        "type": "Catalog",
        "stac_version": VERSION,
        "id": "goeslake",
        "description": "Per-pixel statistics of GOES satellite images",
        "links": links,
    }


def _collection(listing: str, rows: Sequence[Row]) -> Document:
    box = [
        min(row.west for row in rows),
        min(row.south for row in rows),
        max(row.east for row in rows),
        max(row.north for row in rows),
    ]
    begin, end = min(row.t0 for row in rows), max(row.tf for row in rows)
    items = [_link("item", f"./{identity(row)}.json", "application/geo+json") for row in rows]
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": listing,
        "description": f"Monthly statistics by time of day of the clear-sky observations of {listing}",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [box]},
            "temporal": {"interval": [list(_interval(begin, end))]},
        },
        "summaries": {"platform": sorted({row.sat for row in rows}), "instruments": ["abi"]},
        "links": [_link("root", "../catalog.json"), _link("parent", "../catalog.json"), *items],
    }


def _item(row: Row, source: Objects) -> Document:
    west, south, east, north = row.west, row.south, row.east, row.north
    begin, end = _interval(row.t0, row.tf)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [XARRAY],
        "id": identity(row),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "collection": row.listing,
        "properties": {
            "datetime": None,
            "start_datetime": begin,
            "end_datetime": end,
            "platform": row.sat,
            "instruments": ["abi"],
            "goeslake:key": row.key,
            "goeslake:geom": row.geom,
            "goeslake:pixels": row.pixels,
            "goeslake:cubes": row.cubes.split(),
            "goeslake:months": row.months,
            "goeslake:merged": row.merged,
            "goeslake:missing": row.missing,
            "goeslake:suspect": row.suspect.split(),
        },
        "links": [
            _link("root", "../catalog.json"),
            _link("parent", "./collection.json"),
            _link("collection", "./collection.json"),
        ],
        "assets": {
            "zarr": {
                "href": source.url(row.generation),
                "type": ZARR,
                "roles": ["data"],
                "title": "newest generation, a Zarr group",
                "xarray:open_kwargs": {"engine": "zarr", "consolidated": True, "zarr_format": 3},
            }
        },
    }


def _interval(begin: str, end: str) -> tuple[str, str]:
    """First and last moment of a period of whole days, both inclusive."""
    return f"{begin}T00:00:00Z", f"{end}T23:59:59Z"


def _link(rel: str, href: str, kind: str = "application/json") -> Document:
    return {"rel": rel, "href": href, "type": kind}
