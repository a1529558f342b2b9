"""What web servers answer that are no plain object stores: read all the same, or said by name."""

import gzip
import re
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import lake
from lake.errors import ConfigError, FormatError, LakeError, UnreachableError
from lake.storage import retries
from tests.lake.small_store import KEY, MONTHS, small_domain, write

PAGE = b"<!doctype html><html><title>Sign in</title></html>"


class Handler(BaseHTTPRequestHandler):
    """Serves a folder in a way that its server's `mode` names."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        mode, path = self.server.mode, Path(f"{self.server.folder}{self.path}")
        if mode == "redirect" and self.path != "/login":
            self.answer(302, b"", Location="/login")
        elif mode in {"login", "redirect"}:
            self.answer(200, PAGE, Content_Type="text/html")
        elif mode.isdigit():
            self.answer(int(mode), b"no")
        elif not path.is_file():
            self.answer(404, b"not here")
        elif mode == "gzip":
            self.answer(200, gzip.compress(path.read_bytes()), Content_Encoding="gzip")
        else:
            self.part(path.read_bytes(), mode)

    def part(self, data: bytes, mode: str) -> None:
        span = re.match(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if span is None or mode == "no ranges":
            self.answer(200, data)
            return
        size, first, last = len(data), span[1], span[2]
        start = int(first) if first else max(size - int(last), 0)
        end = min(int(last) + 1, size) if first and last else size
        if mode == "other range":
            start, end = 0, end - start
        self.answer(206, data[start:end], Content_Range=f"bytes {start}-{end - 1}/{size}")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    write(str(folder / KEY), small_domain())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.folder, server.mode = folder, "plain"
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(params=["store", "generation"])
def url(request, server) -> str:
    root = f"http://127.0.0.1:{server.server_port}/{KEY}"
    (generation,) = (server.folder / KEY / "v").iterdir()
    return root if request.param == "store" else f"{root}/v/{generation.name}"


def read(url: str) -> np.ndarray:
    with retries.patience(timedelta(seconds=1)):
        return lake.open(url).results("day-2km").isel(pixel=5).sel(month=MONTHS[0]).values


def test_server_without_ranges_is_read_by_whole_objects_and_said_to_be_slow(server, url, capfd):
    server.mode = "plain"
    expected = read(url)
    assert "no ranges" not in capfd.readouterr().err
    server.mode = "no ranges"
    np.testing.assert_array_equal(read(url), expected)
    assert capfd.readouterr().err.count("knows no ranges") == 1


def test_empty_shard_of_a_server_without_ranges_is_damaged(server, url):
    server.mode = "no ranges"
    shards = {
        path: path.read_bytes()
        for path in server.folder.rglob("results/c/*/*/*/*/*/*")
        if path.is_file()
    }
    for path in shards:
        path.write_bytes(b"")
    with pytest.raises(LakeError, match="results/c"):
        read(url)
    for path, data in shards.items():
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("mode", "error", "words"),
    [
        ("login", FormatError, r"\.json is no JSON: it is a web page.*login"),
        ("redirect", FormatError, r"\.json is no JSON: it is a web page.*login"),
        ("gzip", FormatError, r"\.json is no JSON: it is compressed by gzip"),
        ("401", ConfigError, "cannot read http"),
        ("403", ConfigError, "cannot read http"),
        ("304", UnreachableError, "cannot read http"),
        ("409", UnreachableError, "cannot read http"),
        ("412", UnreachableError, "cannot read http"),
        ("418", UnreachableError, r"cannot read http.*418"),
        ("500", UnreachableError, r"cannot read http.*500"),
        ("other range", UnreachableError, r"cannot read http.*results/c"),
    ],
)
def test_answer_that_is_no_object_is_an_error_with_the_url(
    server, url, mode, error, words, monkeypatch
):
    monkeypatch.setattr(retries, "_PAUSES", (0.01,))
    server.mode = mode
    with pytest.raises(LakeError, match=words) as refused:
        read(url)
    assert type(refused.value) is error
