"""Listing and fetching from servers that fail, or ask who one is."""

import hashlib
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from ingest.source import source_files
from ingest.source.source_files import File
from lake.errors import ConfigError, GranuleError, MissingError, UnreachableError
from tests.ingest.sources import HOUR, LST, TREE, is_empty

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Faulty(BaseHTTPRequestHandler):
    """A web server of one file that misbehaves as its server's list says, one fault a request."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        self.server.requests[fault] += 1
        if fault == "503":
            self.send_error(503)
        elif fault == "reset":
            self.close_connection = True
            self.connection.close()
        elif fault == "403":
            self.send_error(403)
        elif fault == "slow":
            self._answer(CONTENT[: 1 << 19])
            for begin in range(1 << 19, 1 << 20, 1 << 15):
                self.server.later.wait(0.02)
                self.wfile.write(CONTENT[begin : begin + (1 << 15)])
        elif fault == "cut":  # less than it promises
            self._answer(CONTENT[: len(CONTENT) // 3])
            self.close_connection = True
        elif fault == "short":  # and does not know it
            self._answer(CONTENT[:1000], 1000)
        elif self.path.endswith("gone.nc"):
            self.send_error(404)
        else:
            self._answer(CONTENT)

    def _answer(self, data: bytes, length: int = len(CONTENT)) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", '"abc"')
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], faults: list[str]):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.faults, server.requests, server.later = faults, Counter(), threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class TestFaultyServer:
    @pytest.mark.parametrize("fault", ["503", "reset", "cut", "short"])
    def test_download_that_fails_twice_is_tried_again(self, fault, scratch, sleeps):
        with serving(Faulty, [fault, fault]) as (server, url):
            file = File(f"{url}/a.nc", len(CONTENT))
            with source_files.fetch(file, scratch, sleeps.retry) as local:
                assert Path(local).read_bytes() == CONTENT
        assert server.requests == {fault: 2, "": 1}
        # the HTTP client asks again by itself where it was hung up on before any answer
        assert len(sleeps) == (1 if fault == "reset" else 2)
        assert is_empty(scratch)

    @pytest.mark.parametrize("fault", ["503", "reset", "cut", "short"])
    def test_download_that_fails_always_is_an_error(self, fault, scratch, sleeps):
        with serving(Faulty, [fault] * 20) as (server, url):
            file = File(f"{url}/a.nc", len(CONTENT))
            with (
                pytest.raises(GranuleError, match=r"cannot fetch .*a\.nc: failed 4 times"),
                source_files.fetch(file, scratch, sleeps.retry),
            ):
                pass
        assert server.requests == {fault: 8 if fault == "reset" else 4}
        assert is_empty(scratch)

    def test_file_that_is_gone_is_asked_for_once(self, scratch, sleeps):
        with (
            serving(Faulty, []) as (server, url),
            pytest.raises(MissingError),
            source_files.fetch(File(f"{url}/gone.nc", 9), scratch, sleeps.retry),
        ):
            pass
        assert server.requests.total() == 1
        assert sleeps == []

    def test_slow_download_is_waited_for(self, scratch, sleeps):
        with serving(Faulty, ["slow"]) as (_, url):
            file = File(f"{url}/a.nc", len(CONTENT))
            with source_files.fetch(file, scratch, sleeps.retry) as local:
                assert Path(local).read_bytes() == CONTENT
        assert sleeps == []

    def test_download_that_is_forbidden_is_asked_for_once(self, scratch, sleeps):
        with (
            serving(Faulty, ["403"] * 9) as (server, url),
            pytest.raises(ConfigError, match="403"),
            source_files.fetch(File(f"{url}/a.nc"), scratch, sleeps.retry),
        ):
            pass
        assert server.requests == {"403": 1}
        assert is_empty(scratch)

    def test_bytes_of_a_server_that_fails_always_are_an_error(self, sleeps):
        with serving(Faulty, ["503"] * 20) as (_, url), pytest.raises(UnreachableError):
            source_files.read_bytes(f"{url}/a.pkl", sleeps.retry)

    def test_server_that_is_not_there_is_an_error_after_some_tries(self, sleeps, scratch):
        with serving(Faulty, []) as (_, url):
            pass
        with (
            pytest.raises(GranuleError, match="failed 4 times"),
            source_files.fetch(File(f"{url}/a.nc", 9), scratch, sleeps.retry),
        ):
            pass
        assert len(sleeps) == 3


class FaultyS3(BaseHTTPRequestHandler):
    """Passes requests on to an S3 server, but for those that it answers with 503 or cuts off."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.requests["list" if "list-type" in self.path else "get"] += 1
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "503":
            self.send_error(503)
            return
        behind = HTTPConnection(self.server.behind)
        behind.request("GET", self.path)
        answer = behind.getresponse()
        body = answer.read()
        kept = ("ETag", "Content-Type", "Last-Modified")
        headers = {name: answer.headers[name] for name in kept if answer.headers[name]}
        headers["Content-Length"] = str(len(body))
        behind.close()
        if fault == "cut":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def bucket():
    """A public bucket named like one of NOAA's, over loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106 - moto takes any
    )
    client.create_bucket(Bucket="noaa-goes16")
    for name, data in TREE.items():
        client.put_object(Bucket="noaa-goes16", Key=name, Body=data, ACL="public-read")
    client.put_object(Bucket="noaa-goes16", Key="secret", Body=b"not for all")
    client.close()
    yield endpoint
    server.stop()


def test_public_bucket_is_listed_and_read_without_credentials_in_any_process(bucket, tmp_path):
    script = (
        "from ingest.source import source_files as source\nfrom ingest.source.scratch import Scratch\n"
        f"files = source.list_files('s3://noaa-goes16', {HOUR})\n"
        "print(files[0].path, files[0].size, files[0].tag)\n"
        f"with source.fetch(files[0], Scratch({str(tmp_path)!r})) as local:\n"
        "    print(open(local).read())\n"
        "print(source.read_bytes(files[0].path).decode())"
    )
    environment = {"PATH": "", "HOME": str(tmp_path), "LAKE_SOURCE_ENDPOINT_URL": bucket}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    path, size, tag, *data = done.stdout.split()
    assert (path, size) == (f"s3://noaa-goes16/{HOUR[0]}/{LST}", "3")
    assert tag == f"etag:{hashlib.md5(b'lst', usedforsecurity=False).hexdigest()}"
    assert data == ["lst", "lst"]


def test_file_that_may_not_be_read_is_an_error(bucket, monkeypatch, scratch):
    monkeypatch.setenv("LAKE_SOURCE_ENDPOINT_URL", bucket)
    with (
        pytest.raises(ConfigError, match=r"cannot read s3://noaa-goes16/secret"),
        source_files.fetch(File("s3://noaa-goes16/secret", 11), scratch),
    ):
        pass
    with pytest.raises(ConfigError, match=r"cannot read s3://noaa-goes16/secret"):
        source_files.read_bytes("s3://noaa-goes16/secret")


def test_bucket_without_credentials_is_an_error_that_says_what_to_set(bucket, tmp_path):
    script = (
        "from ingest.source import source_files as source\nfrom lake.errors import ConfigError\n"
        "try:\n    source.list_files('s3://private')\n"
        "except ConfigError as error:\n    print(error)"
    )
    environment = {
        "PATH": "",
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": bucket,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "cannot list s3://private" in done.stdout
    assert "LAKE_SOURCE_ANONYMOUS=true" in done.stdout


@pytest.fixture
def faulty_bucket(bucket, monkeypatch):
    """The public bucket behind a server that fails as often as its list of faults says."""
    with serving(FaultyS3, []) as (server, url):
        server.behind = bucket.removeprefix("http://")
        monkeypatch.setenv("LAKE_SOURCE_ENDPOINT_URL", url)
        S3FileSystem.clear_instance_cache()  # those that know another server
        yield server
        S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_object_that_fails_twice_is_fetched(faulty_bucket, fault, scratch, sleeps):
    (file,) = source_files.list_files("s3://noaa-goes16", HOUR, retry=sleeps.retry)
    faulty_bucket.faults[:] = [fault, fault]
    faulty_bucket.requests.clear()
    with source_files.fetch(file, scratch, sleeps.retry) as local:
        assert Path(local).read_bytes() == b"lst"
    assert faulty_bucket.requests == {"get": 3}
    assert len(sleeps) == 2


def test_listing_that_fails_is_tried_again_and_each_hour_is_one_request(faulty_bucket, sleeps):
    hours = [f"ABI-L2-LSTC/{day}" for day in ("2017/365/23", "2018/001/18", "2018/002/00")]
    source_files.list_files("s3://noaa-goes16", hours, retry=sleeps.retry)
    whole = faulty_bucket.requests["list"]
    source_files.list_files("s3://noaa-goes16", hours[:1], retry=sleeps.retry)
    assert whole - (faulty_bucket.requests["list"] - whole) == 2
    faulty_bucket.faults[:] = ["503"] * 2
    assert len(source_files.list_files("s3://noaa-goes16", hours, retry=sleeps.retry)) == 3
    assert len(sleeps) == 2


def test_listing_that_fails_always_is_an_error(faulty_bucket, sleeps):
    faulty_bucket.faults[:] = ["503"] * 50
    with pytest.raises(UnreachableError, match=r"cannot list s3://noaa-goes16: failed 4 times"):
        source_files.list_files("s3://noaa-goes16", HOUR, retry=sleeps.retry)
