"""The STAC export against the fields that the specification (1.1.0) requires of each kind of document."""

import json
import posixpath
from dataclasses import replace
from datetime import datetime

import pytest

from lake.catalogue import catalogue, stac
from lake.storage.connect import connect
from tests.lake.catalogue.rows import ROWS

REQUIRED = {
    "Catalog": {"type", "stac_version", "id", "description", "links"},
    "Collection": {
        "type", "stac_version", "id", "description", "license", "extent", "links",
    },
    "Feature": {
        "type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets", "collection",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The lake and the documents, by path."""
    objects = connect(tmp_path_factory.mktemp("lake"))
    target = connect(tmp_path_factory.mktemp("stac"))
    unpublished = replace(
        ROWS[0], key="goes16/new/20180101_20181231/g", listing="new", generation=""
    )
    paths = stac.write(target, objects, [*ROWS, unpublished])
    assert sorted(paths) == target.list()
    return objects, {path: json.loads(target.get(path)) for path in paths}


def test_every_document_has_what_the_specification_requires(written):
    for document in written[1].values():
        assert document.keys() >= REQUIRED[document["type"]]
        assert document["stac_version"] == "1.1.0"
        for link in document["links"]:
            assert {"rel", "href"} <= link.keys()
    kinds = [document["type"] for document in written[1].values()]
    assert (kinds.count("Catalog"), kinds.count("Collection"), kinds.count("Feature")) == (1, 2, 5)


def test_links_lead_from_the_catalogue_to_every_document_and_back(written):
    _, documents = written
    seen, todo = set(), ["catalog.json"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        folder = posixpath.dirname(path)
        todo += [
            posixpath.normpath(f"{folder}/{link['href']}").lstrip("/")
            for link in documents[path]["links"]
        ]
    assert seen == set(documents)


def test_items_say_when_and_where_and_how_to_open(written):
    objects, documents = written
    items = {
        d["properties"]["goeslake:key"]: d for d in documents.values() if d["type"] == "Feature"
    }
    for row in ROWS:
        item = items[row.key]
        about = item["properties"]
        assert about["datetime"] is None
        begin, end = (
            datetime.fromisoformat(about[name]) for name in ("start_datetime", "end_datetime")
        )
        assert (begin.date().isoformat(), end.date().isoformat()) == (row.t0, row.tf)
        assert item["bbox"] == [row.west, row.south, row.east, row.north]
        (ring,) = item["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        asset = item["assets"]["zarr"]
        assert asset["href"] == objects.url(row.generation)
        assert asset["xarray:open_kwargs"]["engine"] == "zarr"


def test_collections_span_their_items(written):
    collection = written[1]["lst/collection.json"]
    assert collection["extent"]["spatial"]["bbox"] == [[-180.0, -80.0, 190.0, 80.0]]
    assert collection["extent"]["temporal"]["interval"] == [
        ["2018-01-01T00:00:00Z", "2019-12-31T23:59:59Z"]
    ]
    assert collection["summaries"]["platform"] == ["goes16", "goes17", "goes18"]


def test_command_writes_them(tmp_path, run_lake):
    objects = connect(tmp_path / "lake")
    catalogue.mark(objects)
    assert catalogue.replace(objects, None, ROWS)
    code, out, _ = run_lake(
        "catalog", "stac", "--lake", str(tmp_path / "lake"), "--out", str(tmp_path / "s"), "--json"
    )
    assert code == 0
    assert json.loads(out) == {"url": str(tmp_path / "s" / "catalog.json"), "documents": 8}
