import threading

import pytest
import zarr

from lake.errors import ConfigError, MissingError
from lake.objects import connect, exists


@pytest.fixture(params=["folder", "memory", "s3"])
def objects(request, tmp_path):
    if request.param == "s3":
        return connect(request.getfixturevalue("s3_root"))
    root = tmp_path / "a lake" if request.param == "folder" else f"memory://{tmp_path.name}-objects"
    return connect(root)


def test_get_gives_what_was_put_and_put_replaces(objects):
    objects.put("a/b", b"1")
    objects.put("a/b", b"2")
    assert objects.get("a/b") == b"2"


def test_missing_object_is_named(objects):
    with pytest.raises(MissingError, match="a/nothing"):
        objects.get("a/nothing")
    with pytest.raises(MissingError, match="a/nothing"):
        objects.copy("a/nothing", "b")
    assert not exists(objects, "a/nothing")


def test_create_refuses_what_is_there_and_leaves_it(objects):
    objects.create("c", b"first")
    with pytest.raises(FileExistsError):
        objects.create("c", b"second")
    assert objects.get("c") == b"first"


def test_of_many_creators_one_wins(objects):
    won, start = [], threading.Barrier(8)

    def create(writer):
        start.wait()
        try:
            objects.create("race", str(writer).encode())
        except FileExistsError:
            return
        won.append(writer)

    threads = [threading.Thread(target=create, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert objects.get("race") == str(won[0]).encode()


def test_list_is_of_all_below_a_folder_and_copy_copies(objects):
    assert objects.list() == []
    objects.put("x/y/1", b"1")
    objects.put("x/2", b"2")
    objects.put("xx", b"3")
    objects.copy("x/2", "z/2")
    assert objects.list() == ["x/2", "x/y/1", "xx", "z/2"]
    assert objects.list("x") == ["x/2", "x/y/1"]
    assert objects.get("z/2") == b"2"


def test_zarr_store_lies_where_its_url_says(objects):
    zarr.create_group(objects.zarr("g.zarr"), attributes={"a": 1})
    there = connect(objects.url("g.zarr"))
    assert zarr.open_group(there.zarr("", read_only=True), mode="r").attrs["a"] == 1


def test_reading_a_folder_that_is_not_there_makes_none(tmp_path):
    objects = connect(tmp_path / "typo")
    with pytest.raises(MissingError):
        objects.get("lake.json")
    with pytest.raises(MissingError):
        objects.zarr("x.zarr", read_only=True)
    assert not (tmp_path / "typo").exists()


def test_unknown_scheme_is_a_configuration_error():
    with pytest.raises(ConfigError, match="nosuch"):
        connect("nosuch://bucket/lake")


def test_unwritable_folder_is_a_configuration_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="file"):
        connect(tmp_path / "file").put("a", b"")
