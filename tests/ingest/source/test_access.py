"""A source and a lake are two places: each is reached by settings of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from ingest.source import access, source_files
from ingest.source.access import Access
from ingest.source.source_files import File
from lake.errors import ConfigError, LakeError
from tests.ingest.sources import HOUR, LST, RAD, TREE

LAKE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_REGION": "eu-central-1",
    "AWS_ALLOW_HTTP": "true",
    "AWS_ACCESS_KEY_ID": "of-the-lake",
    "AWS_SECRET_ACCESS_KEY": "of-the-lake",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    "GOOGLE_BASE_URL": "http://127.0.0.1:9",
    "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9",
    "AZURE_STORAGE_ACCOUNT_NAME": "of-the-lake",
}
"""An environment whose lake is on servers of its own, at which nobody listens."""

SETTINGS = [f"{access.PREFIX}{name}" for name in ("ENDPOINT_URL", "REGION", "ANONYMOUS", "PROFILE")]
SETTINGS += ["AWS_SKIP_SIGNATURE", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3"]


@pytest.fixture(autouse=True)
def lake_elsewhere(monkeypatch, tmp_path):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in LAKE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


@dataclass(slots=True)
class Server:
    """A running server, and what it was asked for."""

    url: str
    requests: list[str] = field(default_factory=list)


@contextmanager
def serving(answer: type[BaseHTTPRequestHandler]) -> Iterator[Server]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), answer)
    server = Server(f"http://127.0.0.1:{http.server_port}")
    http.requests = server.requests
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class Proxy(BaseHTTPRequestHandler):
    """Lets nothing through, and remembers the hosts that were wanted."""

    def do_CONNECT(self) -> None:
        self.server.requests.append(self.path)
        self.send_error(502)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("s3://noaa-goes16", "s3.us-east-1.amazonaws.com:443"),
        ("s3://noaa-goes19", "s3.us-east-1.amazonaws.com:443"),
        ("gs://gcp-public-data-goes-16", "storage.googleapis.com:443"),
        ("abfs://noaa-goes16", "goeseuwest.blob.core.windows.net:443"),
        ("az://noaa-goes18", "goeseuwest.blob.core.windows.net:443"),
    ],
)
def test_public_buckets_are_where_they_are_whatever_the_lake_is(
    url, host, monkeypatch, scratch, sleeps
):
    with serving(Proxy) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with pytest.raises(LakeError):
            source_files.list_files(url, HOUR, retry=sleeps.retry)
        listing = len(proxy.requests)
        file = File(f"{url}/{HOUR[0]}/{LST}", 3)
        with pytest.raises(LakeError), source_files.fetch(file, scratch, sleeps.retry):
            pass
    assert 0 < listing < len(proxy.requests)
    assert set(proxy.requests) == {host}


class Cloud(BaseHTTPRequestHandler):
    """Buckets of Google or containers of Azure with the files of `TREE`; no request may be signed."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._object(body=False)

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query or "comp" in query:
            self._list(query)
        else:
            self._object(body=True)

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        below = [name for name in sorted(TREE) if name.startswith(prefix)]
        folders = set()
        if delimiter:
            split = {name: name.removeprefix(prefix).partition(delimiter) for name in below}
            folders = {prefix + head + slash for head, slash, _ in split.values() if slash}
            below = [name for name, (_, slash, _) in split.items() if not slash]
        google = "list-type" in query
        day, size = "2025-01-01T00:00:00.000Z", len
        if google:
            items = "".join(
                f"<Contents><Key>{escape(n)}</Key><LastModified>{day}</LastModified>"
                f'<ETag>"{n[-9:]}"</ETag><Size>{size(TREE[n])}</Size></Contents>'
                for n in below
            )
            items += "".join(
                f"<CommonPrefixes><Prefix>{f}</Prefix></CommonPrefixes>" for f in folders
            )
            text = f"<ListBucketResult><KeyCount>{size(below)}</KeyCount>{items}</ListBucketResult>"
        else:
            items = "".join(
                f"<Blob><Name>{escape(n)}</Name><Properties>"
                "<Last-Modified>Wed, 01 Jan 2025 00:00:00 GMT</Last-Modified>"
                f"<Etag>{n[-9:]}</Etag><Content-Length>{size(TREE[n])}</Content-Length>"
                "<Content-Type>application/octet-stream</Content-Type>"
                "<ResourceType>file</ResourceType></Properties></Blob>"
                for n in below
            )
            items += "".join(f"<BlobPrefix><Name>{f}</Name></BlobPrefix>" for f in folders)
            text = f"<EnumerationResults><Blobs>{items}</Blobs><NextMarker/></EnumerationResults>"
        self._answer(200, text.encode(), "application/xml", body=True)

    def _object(self, *, body: bool) -> None:
        name = unquote(urlsplit(self.path).path).split("/", 2)[-1]
        data = TREE.get(name)
        self._answer(
            404 if data is None else 200, data or b"", "application/octet-stream", body=body
        )

    def _answer(self, status: int, data: bytes, kind: str, *, body: bool) -> None:
        self.server.requests.append(self.path)
        if self.headers.get("Authorization"):
            status, data = 403, b""
        self.send_response(status)
        headers = {
            "Content-Length": str(len(data)),
            "Content-Type": kind,
            "ETag": '"tag"',
            "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    "url",
    [
        "gs://gcp-public-data-goes-16",
        "abfs://noaa-goes16",
        "az://noaa-goes16",
    ],
)
def test_mirrors_at_google_and_microsoft_are_listed_and_read(url, monkeypatch, scratch, sleeps):
    with serving(Cloud) as server:
        monkeypatch.setenv("LAKE_SOURCE_ENDPOINT_URL", server.url)
        files = source_files.list_files(url, retry=sleeps.retry)
        assert [file.name for file in files] == [RAD, *[LST] * 4]
        (file,) = source_files.list_files(url, HOUR, retry=sleeps.retry)
        assert (file.path, file.size, file.tag[:5]) == (f"{url}/{HOUR[0]}/{LST}", 3, "etag:")
        with source_files.fetch(file, scratch, sleeps.retry) as local:
            assert Path(local).read_bytes() == b"lst"
        assert source_files.read_bytes(file.path) == b"lst"
        gone = File(f"{url}/{HOUR[0]}/gone.nc", 3)
        with pytest.raises(LakeError, match="there is no file"), source_files.fetch(gone, scratch):
            pass
    assert server.requests
    assert sleeps == []


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Another S3 server than that of the lake, with a private bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="x",  # noqa: S106 - moto takes any
    )  # fmt: skip
    client.create_bucket(Bucket="granules")
    for name, data in TREE.items():
        client.put_object(Bucket="granules", Key=name, Body=data)
    client.close()
    yield url
    server.stop()


def assert_is_read(scratch, sleeps) -> None:
    (file,) = source_files.list_files("s3://granules", HOUR, retry=sleeps.retry)
    with source_files.fetch(file, scratch, sleeps.retry) as local:
        assert Path(local).read_bytes() == b"lst"
    assert source_files.read_bytes(file.path) == b"lst"


def test_private_source_has_a_server_of_its_own(moto, monkeypatch, scratch, sleeps):
    monkeypatch.setenv("LAKE_SOURCE_ENDPOINT_URL", moto)
    monkeypatch.setenv("LAKE_SOURCE_REGION", "us-east-1")
    assert_is_read(scratch, sleeps)


def test_profile_of_the_source_gives_keys_region_and_server(
    moto, monkeypatch, tmp_path, scratch, sleeps
):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[noaa]\naws_access_key_id = x\naws_secret_access_key = y\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        f"[profile noaa]\nregion = us-west-2\nendpoint_url = {moto}\n"
    )
    monkeypatch.setenv("LAKE_SOURCE_PROFILE", "noaa")
    assert access.access("s3://granules") == Access(moto, "us-west-2", None, False, "noaa")
    provider = access.obstore_options("s3://granules", access.access("s3://granules"))
    assert provider["credential_provider"]()["access_key_id"] == "x"
    assert_is_read(scratch, sleeps)


def test_source_without_settings_is_reached_as_the_lake_is(moto, monkeypatch, scratch, sleeps):
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    monkeypatch.delenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST")
    assert access.access("s3://granules") == Access()
    assert_is_read(scratch, sleeps)


def test_bucket_of_noaa_can_be_a_copy_with_credentials(monkeypatch):
    monkeypatch.setenv("LAKE_SOURCE_ENDPOINT_URL", "http://minio:9000/")
    monkeypatch.setenv("LAKE_SOURCE_ANONYMOUS", "false")
    reached = access.access("s3://noaa-goes16")
    assert reached == Access("http://minio:9000", "us-east-1", None, is_anonymous=False)
    assert "anon" not in access.s3fs_options(reached)
    assert access.obstore_options("s3://noaa-goes16", reached)["skip_signature"] is False


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ENDPOINT_URL", "minio:9000", r"LAKE_SOURCE_ENDPOINT_URL is 'minio:9000'"),
        ("ANONYMOUS", "perhaps", "LAKE_SOURCE_ANONYMOUS is 'perhaps': wanted true or false"),
        ("PROFILE", "nobody", "profile 'nobody'"),
    ],
)
def test_setting_without_a_meaning_is_an_error_that_names_it(name, text, message, monkeypatch):
    monkeypatch.setenv(access.PREFIX + name, text)
    with pytest.raises(ConfigError, match=message):
        source_files.list_files("s3://noaa-goes16", HOUR)


def test_setting_that_is_empty_is_none(monkeypatch):
    for name in ("ENDPOINT_URL", "REGION", "ANONYMOUS", "PROFILE"):
        monkeypatch.setenv(access.PREFIX + name, "")
    assert access.access("s3://noaa-goes16") == access.PUBLIC["s3", "noaa-goes"]
    assert access.access("/a/folder") == Access()
