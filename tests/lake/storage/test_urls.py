"""A place is one place for every reader, or refused before anything is read or written."""

import socket
from collections.abc import Iterator
from pathlib import Path

import boto3
import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.errors import ConfigError, UnreachableError
from lake.storage import fsspec_backend
from lake.storage.connect import connect
from lake.storage.urls import absolute, join, redact


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://bucket/lake#v2", "'#'"),
        ("s3://bucket/lake?versionId=1", "'\\?'"),
        ("s3://bucket/a%20b", "'%'"),
        ("gs://bucket/a\\b", "holds"),
        ("s3://bucket/trail ", "white space"),
        ("s3://bucket/ a/lake", "white space"),
        ("s3://bucket/a/../b", "'\\.\\.'"),
        ("az://container//lake", "path segment ''"),
        ("s3:///lake", "no bucket"),
        ("https:///lake", "no host"),
        ("s3://bucket/a\tb", "control character"),
        ("folder/a\nb", "control character"),
        ("", "empty"),
        ("  ", "empty"),
        ("https://host/lake?token=secret", "a query"),
        ("https://host/lake#part", "a fragment"),
        ("s3://key:secret@bucket/lake", "password"),
        ("simplecache::s3://bucket/lake#v2", "'#'"),
    ],
)
def test_what_cannot_be_a_place_is_refused_by_name(url, reason):
    with pytest.raises(ConfigError, match=reason) as refused:
        connect(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("lake", "{here}/lake"),
        ("./lake/", "{here}/lake"),
        ("../lake", "{parent}/lake"),
        ("a/../../b", "{parent}/b"),
        ("file://{here}/lake", "{here}/lake"),
        ("~/lake", "{home}/lake"),
        ("a#b", "{here}/a#b"),
        ("simplecache::lake", "simplecache::file://{here}/lake"),
        ("s3://bucket/lake/", "s3://bucket/lake"),
        ("s3://bucket", "s3://bucket"),
        ("memory://", "memory://"),
        ("https://host:8080/a%20b/lake/", "https://host:8080/a%20b/lake"),
    ],
)
def test_a_place_has_one_form(path, normal, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    names = {"here": here, "parent": tmp_path, "home": Path.home()}
    assert absolute(path.format(**names)) == normal.format(**names)


def test_messages_show_no_token_and_no_password():
    assert redact("https://host/lake?sig=secret") == "https://host/lake?..."
    assert "secret" not in redact("s3://key:secret@bucket/lake")


def test_a_relative_folder_is_written_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    objects = connect("../lake")
    objects.create("a/b", b"1")
    monkeypatch.chdir(tmp_path)
    assert objects.list() == ["a/b"]
    assert (tmp_path / "lake" / "a" / "b").read_bytes() == b"1"
    objects.delete(["a/b"])
    assert not (tmp_path / "lake" / "a" / "b").exists()


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cn", "Co")), min_size=1, max_size=12
).filter(lambda text: "/" not in text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(names)
def test_every_key_that_is_accepted_is_written_as_it_stands(s3_root, name):
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")
    root = f"{s3_root}/{name}"
    try:
        connect(root).put("lake.json", b"1")
        connect(join(root, "goes16/k")).put("commits/1.json", b"2")
    except ConfigError:
        return
    client = boto3.client("s3")
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{name}/")
    keys = [entry["Key"] for entry in listed["Contents"]]
    assert sorted(keys) == [
        f"{prefix}/{name}/goes16/k/commits/1.json",
        f"{prefix}/{name}/lake.json",
    ]
    assert fsspec.open(f"{root}/lake.json").open().read() == b"1"
    connect(root).delete(["lake.json", "goes16/k/commits/1.json"])
    assert client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")["KeyCount"] == 0


@pytest.mark.parametrize(
    "place",
    ["~nobody-of-this-name/lake", "/a\ud800", "http://127.0.0.1:x/lake", "http://[::1", "sftp://h/lake",
     "reference:///", "az://bucket/lake", "zip:///no/such/file"],
)  # fmt: skip
def test_place_that_nothing_can_open_is_refused_by_name(place, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigError, match=r"cannot open|cannot be a place|home folder"):
        connect(place)


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_server_that_says_nothing_is_not_waited_for(silent_server, monkeypatch):
    monkeypatch.setattr(fsspec_backend, "OPENING_S", 0.2)
    for url in (
        f"ftp://127.0.0.1:{silent_server}/lake",
        f"simplecache::ftp://127.0.0.1:{silent_server}/a",
    ):
        with pytest.raises(UnreachableError, match=r"cannot open .*ftp://127.*answer within 0.2 s"):
            connect(url)


def test_url_of_a_scheme_alone_keeps_its_form():
    assert absolute(absolute("reference:///")) == absolute("reference:///") == "reference://"
