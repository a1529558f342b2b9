import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import zarr

from lake.errors import ConfigError, MissingError
from lake.storage.connect import connect
from lake.storage.objects import exists


def test_get_gives_what_was_put_and_put_replaces(objects):
    objects.put("a/b", b"1")
    objects.put("a/b", b"2")
    assert objects.get("a/b") == b"2"


def test_parts_of_an_object(objects):
    objects.put("a/b", b"0123456789")
    assert [bytes(one) for one in objects.get_ranges("a/b", [(7, 2), (0, 3)])] == [b"78", b"012"]
    assert list(objects.get_ranges("a/b", [])) == []
    assert bytes(objects.tail("a/b", 4)) == b"6789"
    assert bytes(objects.tail("a/b", 40)) == b"0123456789"


def test_missing_object_is_named(objects):
    with pytest.raises(MissingError, match="a/nothing"):
        objects.get_ranges("a/nothing", [(0, 1)])
    with pytest.raises(MissingError, match="a/nothing"):
        objects.tail("a/nothing", 1)
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


def test_folders_are_those_directly_below(objects):
    assert objects.folders() == []
    for path in ("a/b/c/1", "a/b/2", "a/bb/3", "a/4", "5"):
        objects.put(path, b"x")
    assert objects.folders() == ["a"]
    assert objects.folders("a") == ["a/b", "a/bb"]
    assert objects.folders("a/b") == ["a/b/c"]
    assert objects.folders("a/b/c") == []
    assert objects.folders("nowhere") == []


def server_time(objects) -> datetime:
    objects.put("clock", b"")
    now = objects.stat("clock").modified
    objects.delete(["clock"])
    return now


def test_entries_tell_size_and_time_by_the_store_s_clock(objects):
    before = server_time(objects)
    objects.put("e/1", b"")
    objects.put("e/2", b"12345")
    first, second = objects.entries("e")
    assert [(e.path, e.size) for e in (first, second)] == [("e/1", 0), ("e/2", 5)]
    assert objects.stat("e/2").size == 5
    second_of_http = timedelta(seconds=1)
    assert before - second_of_http <= first.modified <= second.modified
    assert second.modified <= server_time(objects) + second_of_http
    assert abs(objects.stat("e/2").modified - second.modified) <= second_of_http
    assert abs(datetime.now(UTC) - second.modified) < timedelta(minutes=5)
    assert objects.list() == ["e/1", "e/2"]  # the clock left nothing


def test_stat_of_a_missing_object_names_it(objects):
    with pytest.raises(MissingError, match="a/nothing"):
        objects.stat("a/nothing")


def test_delete_is_of_those_named_and_minds_no_missing_one(objects):
    paths = [f"d/{n:04d}" for n in range(25)]
    for path in [*paths, "d/kept", "dd/kept"]:
        objects.put(path, b"x")
    objects.delete([*paths[:10], "d/never", *paths[10:]])
    objects.delete([])
    objects.delete(paths)
    assert objects.list() == ["d/kept", "dd/kept"]


def test_deleting_all_of_a_folder_leaves_no_empty_folders(tmp_path):
    objects = connect(tmp_path / "lake")
    objects.delete(["v/1/c/0"])
    assert not (tmp_path / "lake").exists()
    objects.put("v/1/c/0", b"x")
    objects.delete(["v/1/c/0"])
    assert list((tmp_path / "lake").iterdir()) == []


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


def test_password_in_a_url_is_refused_and_not_repeated():
    with pytest.raises(ConfigError, match="password") as refused:
        connect("s3://somebody:hunter2@bucket/lake")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("doing", ["get", "put", "create", "list", "delete", "stat"])
def test_refused_credentials_are_a_configuration_error_without_them(rgw_root, monkeypatch, doing):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    objects = connect(rgw_root)
    calls = {
        "get": lambda: objects.get("a"),
        "stat": lambda: objects.stat("a"),
        "put": lambda: objects.put("a", b""),
        "create": lambda: objects.create("a", b""),
        "list": objects.list,
        "delete": lambda: objects.delete(["a"]),
    }
    with pytest.raises(ConfigError, match=re.escape(rgw_root)) as refused:
        calls[doing]()
    assert "not-the-secret" not in f"{refused.value}{refused.value.__cause__!r}{objects!r}"


@pytest.mark.parametrize("doing", ["put", "list"])
def test_bucket_that_is_not_there_is_a_configuration_error(s3_environment, doing):
    objects = connect("s3://no-such-bucket/lake")
    calls = {"put": lambda: objects.put("a", b""), "list": objects.list}
    with pytest.raises(ConfigError, match="no such bucket"):
        calls[doing]()


def test_server_killed_and_restarted_keeps_what_it_took(rgw_root, rgw_server):
    objects = connect(rgw_root)
    objects.create("kept", b"1")
    rgw_server.kill()
    restart = threading.Timer(2, rgw_server.start)
    restart.start()
    began = time.monotonic()
    with pytest.raises(FileExistsError):
        objects.create("kept", b"2")
    restart.join()
    assert objects.get("kept") == b"1"
    assert time.monotonic() - began > 1.5  # it waited for the server
