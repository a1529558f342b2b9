"""Commits, tables and metadata of a store that parse, but hold something else."""

import json
from pathlib import Path

import pytest

import lake
from lake.catalogue import catalogue
from lake.errors import FormatError, LakeError, MissingError
from lake.storage.connect import connect
from lake.store import commits
from lake.store.generations import StoreState
from tests.lake import small_store


@pytest.fixture
def store(tmp_path) -> Path:
    small_store.write(str(tmp_path), small_store.small_domain(), months=(1,))
    return tmp_path


def change(path: Path, /, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    "values",
    [{"months": 3}, {"months": [13]}, {"path": "../elsewhere.zarr"}, {"path": "v/" + "x" * 5000},
     {"parts": None}],
)  # fmt: skip
def test_commit_of_other_values_is_damaged_and_leads_nowhere_else(store, values):
    change(store / "commits" / "00000001.json", **values)
    with pytest.raises(FormatError, match=f"commit 1 says of {next(iter(values))}"):
        lake.open(store)


@pytest.mark.parametrize("text", ["[1]", "1", "[" * 100_000])
def test_commit_that_is_no_document_is_damaged(store, text):
    (store / "commits" / "00000001.json").write_text(text)
    with pytest.raises(FormatError, match=r"00000001\.json"):
        lake.open(store)


@pytest.mark.parametrize(
    "number", ["Infinity", "1e308", '"1"', "-1", "1" + "0" * 400, "[" * 100_000]
)
def test_hint_that_says_nothing_is_none(store, number):
    (store / "current.json").write_text(f'{{"number": {number}}}')
    assert commits.head(connect(store)).number == 1


@pytest.mark.parametrize(
    "values",
    [
        {"cubes": 1},
        {"layout": []},
        {"months": ["x"]},
        {"key": None},
        {"key": "goes16/x/20200230_20200301/geom"},
        {"layout": {"chunk": 0, "phases": 16}},
        {"cubes": ["geom"]},
        {"cubes": []},
    ],
)
def test_metadata_of_other_values_are_damaged(store, values):
    path = store / StoreState.from_commit(commits.head(connect(store))).path / "zarr.json"
    document = json.loads(path.read_text())
    change(path, attributes=document["attributes"] | values)
    with pytest.raises(FormatError, match=r"\.zarr/zarr\.json|has refinement 1"):
        lake.open(store)


@pytest.mark.parametrize("name", ["pixel", "row", "lat"])
def test_coordinate_of_other_length_than_the_pixels_is_damaged(store, name):
    path = store / StoreState.from_commit(commits.head(connect(store))).path / "zarr.json"
    document = json.loads(path.read_text())
    metadata = document["consolidated_metadata"]["metadata"][name]
    metadata["shape"] = [metadata["shape"][0] // 2]
    change(path, **document)
    opened = lake.open(store)
    with pytest.raises(FormatError, match=r"\.zarr/(row|lat) has shape .* pixels: it is damaged"):
        opened.cube("day-2km")
    with pytest.raises(FormatError, match="has shape"):
        opened.coordinate("row" if name == "pixel" else name)


@pytest.mark.parametrize("metadata", [1, {"day-2km": []}, {"pixel": {"node_type": "array"}}])
def test_consolidated_metadata_of_other_values_are_damaged(store, metadata):
    path = store / StoreState.from_commit(commits.head(connect(store))).path / "zarr.json"
    change(
        path,
        consolidated_metadata={"kind": "inline", "must_understand": False, "metadata": metadata},
    )
    with pytest.raises(LakeError, match=r"\.zarr"):
        lake.open(store)


@pytest.mark.parametrize(
    "body", [{}, {"table": 1}, {"table": "../x"}, {"table": "tables/none.parquet"}]
)
def test_catalogue_without_a_table_says_how_to_rebuild_it(tmp_path, body):
    objects = connect(tmp_path)
    catalogue.mark(objects)
    commits.append(objects, None, body, catalogue.FOLDER)
    with pytest.raises(MissingError, match="lake catalog rebuild"):
        lake.catalog(tmp_path)


def test_empty_catalogue_is_searched_by_cube(tmp_path):
    catalogue.mark(connect(tmp_path))
    assert len(lake.catalog(tmp_path).search(cube="day-2km")) == 0


@pytest.mark.parametrize("version", [None, "1", [1]])
def test_marker_without_a_version_is_damaged(tmp_path, version):
    (tmp_path / catalogue.MARKER).write_text(json.dumps({"version": version}))
    with pytest.raises(FormatError, match=r"lake\.json"):
        catalogue.claim(connect(tmp_path))


def test_folder_where_an_object_should_be_is_no_object(store):
    with pytest.raises(MissingError, match="commits is a folder"):
        connect(store).get("commits")


def test_chunk_whose_header_says_a_negative_size_is_damaged(store):
    state = StoreState.from_commit(commits.head(connect(store)))
    chunk = store / state.path / "row" / "c" / "0"
    data = bytearray(chunk.read_bytes())
    data[4:8] = b"\xff\xff\xff\xff"  # bytes decoded, of the header of Blosc
    chunk.write_bytes(data)
    with pytest.raises(FormatError, match="row cannot be decoded"):
        lake.open(store).coordinate("row")
