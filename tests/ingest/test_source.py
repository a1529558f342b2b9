import errno
import hashlib
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import date
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import fsspec
import google_crc32c
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from ingest import listing as listings
from ingest import source
from ingest.retries import Retry
from ingest.scratch import Scratch
from ingest.source import File
from lake.errors import ConfigError, GranuleError, MissingError, SpaceError, UnreachableError

RAD = "OR_ABI-L1b-RadC-M6C13_G16_s20180011801172_e20180011803543_c20180011804503.nc"
LST = "OR_ABI-L2-LSTC-M6_G16_s20180011801172_e20180011803545_c20180011805371.nc"
TREE = {
    f"ABI-L1b-RadC/2018/001/18/{RAD}": b"rad",
    f"ABI-L2-LSTC/2017/364/23/{LST}": b"two days before",
    f"ABI-L2-LSTC/2017/365/23/{LST}": b"the day before",
    f"ABI-L2-LSTC/2018/001/18/{LST}": b"lst",
    f"ABI-L2-LSTC/2018/001/18/{LST}.tmp": b"no netCDF",
    f"ABI-L2-LSTC/2018/002/00/{LST}": b"the day after",
    f"GLM-L2-LCFA/2018/001/18/{LST}": b"another instrument",
}
HOUR = ["ABI-L2-LSTC/2018/001/18"]


class Sleeps(list):
    """A clock that notes how long it was asked to sleep, and does not."""

    @property
    def retry(self) -> Retry:
        return Retry(attempts=4, sleep=self.append)


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def scratch(tmp_path) -> Scratch:
    return Scratch(str(tmp_path / "scratch"))


def is_empty(scratch: Scratch) -> bool:
    return not scratch.place.exists() or not list(scratch.place.iterdir())


def grow(root: Path) -> None:
    for name, data in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def memory() -> str:
    files = fsspec.filesystem("memory")
    for name, data in TREE.items():
        files.pipe(f"/source-tree/{name}", data)
    yield "memory://source-tree"
    files.rm("/source-tree", recursive=True)


def paths(found: list[File]) -> list[str]:
    return [file.path for file in found]


class TestListing:
    def test_flat_folder_lists_its_netcdf_files_sorted_and_absolute(self, tmp_path, monkeypatch):
        for name in (RAD, LST, "notes.txt"):
            (tmp_path / name).write_bytes(name.encode())
        (tmp_path / "deeper").mkdir()
        (tmp_path / "deeper" / RAD).write_bytes(b"")
        monkeypatch.chdir(tmp_path.parent)
        for url in (str(tmp_path), f"{tmp_path}/", tmp_path.name, f"file://{tmp_path}"):
            assert source.list_files(url, HOUR) == [
                File(str(path), len(path.name), f"mtime:{path.stat().st_mtime_ns}")
                for path in (tmp_path / RAD, tmp_path / LST)
            ]

    def test_flat_folder_lists_files_of_another_suffix(self, tmp_path):
        for name in ("a.pkl", "b.nc"):
            (tmp_path / name).write_bytes(b"")
        assert paths(source.list_files(str(tmp_path), suffix=".pkl")) == [str(tmp_path / "a.pkl")]

    def test_noaa_layout_lists_all_products_of_the_imager(self, tmp_path):
        grow(tmp_path)
        wanted = [name for name in TREE if name.startswith("ABI") and name.endswith(".nc")]
        found = source.list_files(str(tmp_path))
        assert paths(found) == sorted(str(tmp_path / name) for name in wanted)
        assert {file.size for file in found} == {len(TREE[name]) for name in wanted}

    def test_noaa_layout_is_looked_at_in_the_given_folders_alone(self, memory):
        found = source.list_files(memory, [*HOUR, "ABI-L2-LSTC/2018/001/19"])
        assert paths(found) == [f"{memory}/{HOUR[0]}/{LST}"]

    def test_unwanted_names_are_left_out(self, memory):
        assert len(source.list_files(memory, keep=lambda path: "RadC" in path)) == 1

    def test_file_that_arrives_later_is_listed_and_an_old_one_keeps_its_tag(self, memory):
        before = source.list_files(memory)
        fsspec.filesystem("memory").pipe(f"/source-tree/ABI-L2-LSTC/2018/001/19/{LST}", b"new")
        after = source.list_files(memory)
        assert len(set(after) - set(before)) == 1
        assert set(before) < set(after)
        assert all(file.tag.startswith("mtime:") for file in after)

    def test_file_that_changes_has_another_tag(self, tmp_path):
        (tmp_path / LST).write_bytes(b"one")
        (before,) = source.list_files(str(tmp_path))
        (tmp_path / LST).write_bytes(b"two")
        (after,) = source.list_files(str(tmp_path))
        assert (before.size, before.tag) != (after.size, after.tag)

    def test_missing_source_is_an_error(self, tmp_path):
        with pytest.raises(MissingError, match=r"there is no source .*/nowhere: wanted a folder"):
            source.list_files(str(tmp_path / "nowhere"))

    def test_source_of_neither_layout_is_an_error(self, tmp_path):
        (tmp_path / "notes.txt").write_text("none")
        with pytest.raises(ConfigError, match=r"holds no \.nc files of ABI-L2-LSTC: wanted"):
            source.list_files(str(tmp_path), HOUR)
        with pytest.raises(ConfigError, match=r"holds no \.nc files: wanted"):
            source.list_files(str(tmp_path))

    def test_hours_without_files_are_no_error(self, memory):
        assert source.list_files(memory, ["ABI-L2-LSTC/2030/001/18"]) == []

    def test_scheme_that_nobody_serves_is_an_error(self):
        with pytest.raises(ConfigError, match=r"cannot open carrier-pigeon://coop.*wanted a f"):
            source.list_files("carrier-pigeon://coop")


def small(*overrides: str) -> listings.Listing:
    """One day, 18 UTC in two bands."""
    cubes = (
        'cubes={day={resolution="2km",product="ABI-L1b-RadC",variable="Rad",bands=["C07","C13"],'
        "tods=[64800]}}"
    )
    return listings.load("clearland-l1b-c0", ["t0=2018-01-01", "tf=2018-01-01", cubes, *overrides])


def test_listing_is_asked_for_its_hours_and_gives_its_files(memory):
    other_band = f"/source-tree/ABI-L1b-RadC/2018/001/18/{RAD.replace('C13', 'C01')}"
    fsspec.filesystem("memory").pipe(other_band, b"rad")
    names = [f"ABI-L1b-RadC/2018/001/18/{RAD}", f"{HOUR[0]}/{LST}"]
    assert paths(source.list_for(memory, small())) == [f"{memory}/{name}" for name in names]
    assert source.list_for(memory, small(), since=date(2018, 1, 2)) == []
    assert source.list_for(memory, small("cubes.day.tods=[75600]")) == []


class TestFetch:
    def test_local_file_is_read_where_it_lies(self, tmp_path, scratch):
        (tmp_path / LST).write_bytes(b"lst")
        (file,) = source.list_files(str(tmp_path))
        with source.fetch(file, scratch) as local:
            assert local == str(tmp_path / LST)
        assert Path(local).exists()
        assert not scratch.place.exists()

    def test_remote_file_lies_on_scratch_while_it_is_read(self, memory, scratch):
        (file,) = source.list_files(memory, HOUR)
        with source.fetch(file, scratch) as local:
            assert Path(local).read_bytes() == b"lst"
            assert Path(local).parent == scratch.place
        assert is_empty(scratch)

    def test_remote_file_is_deleted_after_an_error(self, memory, scratch):
        (file,) = source.list_files(memory, HOUR)
        with pytest.raises(KeyError), source.fetch(file, scratch):
            raise KeyError
        assert is_empty(scratch)

    def test_checksum_is_that_of_the_content_wherever_it_lies(self, memory, tmp_path, scratch):
        (tmp_path / LST).write_bytes(b"lst")
        for url, folders in ((memory, HOUR), (str(tmp_path), ())):
            (file,) = source.list_files(url, folders)
            assert source.checksum(file, scratch) == google_crc32c.value(b"lst")

    @pytest.mark.parametrize("where", ["memory://source-tree", "/"])
    def test_file_that_is_gone_is_an_error(self, scratch, where):
        with (
            pytest.raises(MissingError, match=r"there is no file .*gone\.nc: list the source"),
            source.fetch(File(f"{where}/gone.nc", 3), scratch),
        ):
            pass
        assert is_empty(scratch)

    def test_file_of_another_size_than_listed_is_an_error_after_some_tries(
        self, memory, scratch, sleeps
    ):
        short = File(f"{memory}/{HOUR[0]}/{LST}", 4)
        with (
            pytest.raises(
                GranuleError, match=r"cannot fetch .*LSTC.* failed 4 times.* gave 3 bytes"
            ),
            source.fetch(short, scratch, sleeps.retry),
        ):
            pass
        assert len(sleeps) == 3
        assert is_empty(scratch)

    def test_full_disk_fails_the_run_and_says_that_nothing_is_lost(
        self, memory, scratch, monkeypatch, sleeps
    ):
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        (file,) = source.list_files(memory, HOUR)
        monkeypatch.setattr(MemoryFileSystem, "get_file", full)
        with (
            pytest.raises(SpaceError, match=r"no room on scratch .*nothing is lost"),
            source.fetch(file, scratch, sleeps.retry),
        ):
            pass
        assert sleeps == []
        assert is_empty(scratch)

    def test_many_threads_read_one_file_at_one_time(self, memory, scratch):
        (file,) = source.list_files(memory, HOUR)
        found = []

        def read() -> None:
            with source.fetch(file, scratch) as local:
                met.wait(timeout=20)
                found.append(Path(local).read_bytes())

        met = threading.Barrier(8)
        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [b"lst"] * 8
        assert is_empty(scratch)


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
            with source.fetch(file, scratch, sleeps.retry) as local:
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
                source.fetch(file, scratch, sleeps.retry),
            ):
                pass
        assert server.requests == {fault: 8 if fault == "reset" else 4}
        assert is_empty(scratch)

    def test_file_that_is_gone_is_asked_for_once(self, scratch, sleeps):
        with (
            serving(Faulty, []) as (server, url),
            pytest.raises(MissingError),
            source.fetch(File(f"{url}/gone.nc", 9), scratch, sleeps.retry),
        ):
            pass
        assert server.requests.total() == 1
        assert sleeps == []

    def test_slow_download_is_waited_for(self, scratch, sleeps):
        with serving(Faulty, ["slow"]) as (_, url):
            file = File(f"{url}/a.nc", len(CONTENT))
            with source.fetch(file, scratch, sleeps.retry) as local:
                assert Path(local).read_bytes() == CONTENT
        assert sleeps == []

    def test_download_that_is_forbidden_is_asked_for_once(self, scratch, sleeps):
        with (
            serving(Faulty, ["403"] * 9) as (server, url),
            pytest.raises(ConfigError, match="403"),
            source.fetch(File(f"{url}/a.nc"), scratch, sleeps.retry),
        ):
            pass
        assert server.requests == {"403": 1}
        assert is_empty(scratch)

    def test_bytes_of_a_server_that_fails_always_are_an_error(self, sleeps):
        with serving(Faulty, ["503"] * 20) as (_, url), pytest.raises(UnreachableError):
            source.read_bytes(f"{url}/a.pkl", sleeps.retry)

    def test_server_that_is_not_there_is_an_error_after_some_tries(self, sleeps, scratch):
        with serving(Faulty, []) as (_, url):
            pass
        with (
            pytest.raises(GranuleError, match="failed 4 times"),
            source.fetch(File(f"{url}/a.nc", 9), scratch, sleeps.retry),
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
        "from ingest import source\nfrom ingest.scratch import Scratch\n"
        f"files = source.list_files('s3://noaa-goes16', {HOUR})\n"
        "print(files[0].path, files[0].size, files[0].tag)\n"
        f"with source.fetch(files[0], Scratch({str(tmp_path)!r})) as local:\n"
        "    print(open(local).read())\n"
        "print(source.read_bytes(files[0].path).decode())"
    )
    environment = {"PATH": "", "HOME": str(tmp_path), "AWS_ENDPOINT_URL": bucket}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    path, size, tag, *data = done.stdout.split()
    assert (path, size) == (f"s3://noaa-goes16/{HOUR[0]}/{LST}", "3")
    assert tag == f"etag:{hashlib.md5(b'lst', usedforsecurity=False).hexdigest()}"
    assert data == ["lst", "lst"]


def test_file_that_may_not_be_read_is_an_error(bucket, monkeypatch, scratch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket)
    with (
        pytest.raises(ConfigError, match=r"cannot read s3://noaa-goes16/secret"),
        source.fetch(File("s3://noaa-goes16/secret", 11), scratch),
    ):
        pass
    with pytest.raises(ConfigError, match=r"cannot read s3://noaa-goes16/secret"):
        source.read_bytes("s3://noaa-goes16/secret")


def test_bucket_without_credentials_is_an_error_that_says_what_to_set(bucket, tmp_path):
    script = (
        "from ingest import source\nfrom lake.errors import ConfigError\n"
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
    assert "AWS_SKIP_SIGNATURE=true" in done.stdout


@pytest.fixture
def faulty_bucket(bucket, monkeypatch):
    """The public bucket behind a server that fails as often as its list of faults says."""
    with serving(FaultyS3, []) as (server, url):
        server.behind = bucket.removeprefix("http://")
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        S3FileSystem.clear_instance_cache()  # those that know another server
        yield server
        S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_object_that_fails_twice_is_fetched(faulty_bucket, fault, scratch, sleeps):
    (file,) = source.list_files("s3://noaa-goes16", HOUR, retry=sleeps.retry)
    faulty_bucket.faults[:] = [fault, fault]
    faulty_bucket.requests.clear()
    with source.fetch(file, scratch, sleeps.retry) as local:
        assert Path(local).read_bytes() == b"lst"
    assert faulty_bucket.requests == {"get": 3}
    assert len(sleeps) == 2


def test_listing_that_fails_is_tried_again_and_each_hour_is_one_request(faulty_bucket, sleeps):
    hours = [f"ABI-L2-LSTC/{day}" for day in ("2017/365/23", "2018/001/18", "2018/002/00")]
    source.list_files("s3://noaa-goes16", hours, retry=sleeps.retry)
    whole = faulty_bucket.requests["list"]
    source.list_files("s3://noaa-goes16", hours[:1], retry=sleeps.retry)
    assert whole - (faulty_bucket.requests["list"] - whole) == 2
    faulty_bucket.faults[:] = ["503"] * 2
    assert len(source.list_files("s3://noaa-goes16", hours, retry=sleeps.retry)) == 3
    assert len(sleeps) == 2


def test_listing_that_fails_always_is_an_error(faulty_bucket, sleeps):
    faulty_bucket.faults[:] = ["503"] * 50
    with pytest.raises(UnreachableError, match=r"cannot list s3://noaa-goes16: failed 4 times"):
        source.list_files("s3://noaa-goes16", HOUR, retry=sleeps.retry)
