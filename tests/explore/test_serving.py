"""Who reaches the server of `lake explore`, and what it says to those who do not."""

import email
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from lake.errors import ConfigError, UnreachableError
from lake.explore import addresses, site
from lake.explore.server import server
from lake.storage.connect import connect
from tests.explore.serving import TOKEN, serving
from tests.explore.test_server import get


@pytest.fixture
def lake_root(explored, tmp_path):
    """A lake that a test may harm: only what names it."""
    root = tmp_path / "lake"
    root.mkdir()
    shutil.copy(explored.root / "lake.json", root)
    shutil.copytree(explored.root / "catalog", root / "catalog")
    return root


def status(site_url: str, path: str, **headers: str) -> int:
    """The status of a path of the server, whatever the URL of its page."""
    place = urlsplit(site_url)
    return get(f"http://{place.netloc}", path, **headers)[0]


@contextmanager
def open_serving(root: object, *names: str) -> Iterator[str]:
    """A server without a token: its URL."""
    running = server(connect(str(root)), "127.0.0.1", 0, "", names)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/"
    finally:
        running.shutdown()
        running.server_close()


def test_lake_is_read_by_the_token_alone(lake_root):
    with serving(str(lake_root)) as url:
        assert urlsplit(url).path == f"/{TOKEN}/"
        assert get(url, "/stores.json")[0] == get(url, "/lake/lake.json")[0] == 200
        for path in (
            "/",
            "/stores.json",
            "/lake/lake.json",
            f"/{TOKEN}x/lake/lake.json",
            f"/{TOKEN[:-1]}/",
        ):
            answer = get(url[: url.index(TOKEN)], path)
            assert answer[0] == 403, path
            assert b"'lake explore' printed" in answer[1]
        assert status(url, f"/{TOKEN}/../stores.json") == 404
        _, _, headers = get(url, "/")
        assert headers["Referrer-Policy"] == "no-referrer"
        assert status(url, f"/{TOKEN}") == 308


def test_without_a_token_another_sites_name_does_not_reach_the_lake(lake_root):
    with open_serving(lake_root, "lake.example.org") as url:
        port = urlsplit(url).port
        for host in (
            "localhost", f"localhost:{port}", f"127.0.0.1:{port}", "10.1.2.3", f"[::1]:{port}", "[fe80::1]",
            "LOCALHOST", "localhost.", socket.gethostname(), "lake.example.org", "lake.example.org:443",
        ):  # fmt: skip
            assert status(url, "/lake/lake.json", Host=host) == 200, host
        for host in (
            "evil.example:80", "evil.example", "", "localhost.evil.example", "[::1", "127.0.0.1@evil", "a b",
        ):  # fmt: skip
            assert status(url, "/lake/lake.json", Host=host) == 403, host


def test_with_a_token_any_name_will_do(lake_root):
    with serving(str(lake_root)) as url:
        assert get(url, "/lake/lake.json", Host="lake.example.org")[0] == 200


def test_range_of_the_server_is_that_of_the_object(lake_root):
    body = bytes(range(256)) * 4
    (lake_root / "object").write_bytes(body)
    (lake_root / "empty").write_bytes(b"")
    with serving(str(lake_root)) as url:
        for header, part in (
            ("1000-", slice(1000, None)),
            ("1020-9999", slice(1020, None)),
            ("-9999", slice(None)),
        ):
            code, got, headers = get(url, "/lake/object", Range=f"bytes={header}")
            first, last = range(1024)[part][0], range(1024)[part][-1]
            assert (code, got, headers["Content-Range"]) == (
                206,
                body[part],
                f"bytes {first}-{last}/1024",
            )
        for header in ("1024-", "9" * 5000 + "-", "7-3", "-0", "x"):
            code, _, headers = get(url, "/lake/object", Range=f"bytes={header}")
            assert (code, headers["Content-Range"]) == (416, "bytes */1024"), header
        assert get(url, "/lake/object", Range="pixels=0-3")[:2] == (200, body)
        assert get(url, "/lake/object", Range="bytes=0-3", **{"If-Range": '"x"'})[:2] == (200, body)
        assert get(url, "/lake/empty", Range="bytes=0-")[0] == 416
        assert get(url, "/lake/empty")[:2] == (200, b"")


def test_several_ranges_come_as_parts(lake_root):
    body = bytes(range(256))
    (lake_root / "object").write_bytes(body)
    with serving(str(lake_root)) as url:
        code, got, headers = get(url, "/lake/object", Range="bytes=0-9,300-,-5")
    assert code == 206
    message = email.message_from_bytes(
        b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + got
    )
    parts = [
        (part["Content-Range"], part.get_payload(decode=True)) for part in message.get_payload()
    ]
    assert parts == [("bytes 0-9/256", body[:10]), ("bytes 251-255/256", body[-5:])]


def test_head_tells_the_size_of_the_whole(lake_root):
    (lake_root / "object").write_bytes(b"12345")
    with serving(str(lake_root)) as url:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
        connection.request("HEAD", f"{place.path}lake/object", headers={"Range": "bytes=0-1"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "5", b"")
        connection.request("GET", f"{place.path}lake/object")  # the connection is still in step
        assert connection.getresponse().read() == b"12345"
        connection.close()


def test_links_out_of_the_lake_are_not_followed(lake_root, tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("x")
    (lake_root / "file").write_text("inside")
    (lake_root / "out").symlink_to(tmp_path / "secret")
    (lake_root / "folder").symlink_to(tmp_path / "elsewhere")
    (lake_root / "within").symlink_to("file")
    (lake_root / "loop").symlink_to("loop")
    os.mkfifo(lake_root / "pipe")
    with serving(str(lake_root)) as url:
        for path in ("out", "folder/file"):
            for headers in ({}, {"Range": "bytes=0-"}):
                code, body, _ = get(url, f"/lake/{path}", **headers)
                assert code == 403
                assert b"leads out of the lake" in body
        assert get(url, "/lake/within")[:2] == (200, b"inside")
        for path in ("loop", "pipe", "catalog", "n" * 300):
            assert get(url, f"/lake/{path}")[0] == 404, path


def test_nonsense_is_answered_without_a_traceback(lake_root, capfd):
    with serving(str(lake_root)) as url:
        place = urlsplit(url)
        for line in (
            "GET http://[ HTTP/1.1", "GET / HTTP/9.9", "\x00\xff", "GET", "GET /%00%ff%fe HTTP/1.1",
            "GET / HTTP/1.1\r\n" + "a: b\r\n" * 200, "GET /" + "a" * 70000 + " HTTP/1.1",
            "POST / HTTP/1.1\r\nContent-Length: 9",
        ):  # fmt: skip
            with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
                connection.sendall(f"{line}\r\n\r\n".encode("latin-1"))
                connection.shutdown(socket.SHUT_WR)
                head = connection.makefile("rb").read()
            assert re.search(rb"\b[45]\d\d ", head[:20]), line[:30]
            assert b"Traceback" not in head
        assert get(url, "/lake/lake.json")[0] == 200
    assert capfd.readouterr().err == ""


def test_error_of_our_own_is_a_sentence(lake_root, monkeypatch, capfd):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(site.SiteContent, "answer", fail)
    with serving(str(lake_root)) as url:
        code, body, _ = get(url, "/")
    assert (code, body.count(b"\n")) == (500, 1)
    assert b"ZeroDivisionError: by nothing" in body
    assert "Traceback" not in capfd.readouterr().err


def test_damaged_run_is_left_out_of_the_offer_and_said_once(lake_root, explored, capfd):
    shutil.copytree(explored.root / "runs", lake_root / "runs")
    (lake_root / "runs" / explored.pca / "spec.json").write_text('{"stores": []}')
    (lake_root / "runs" / explored.embed / "done.json").write_text("no JSON")
    with serving(str(lake_root)) as url:
        for _ in range(2):
            offer = json.loads(get(url, "/stores.json")[1])
            assert [run["id"] for run in offer["runs"]] == [explored.cluster]
    said = capfd.readouterr().err
    assert said.count(explored.pca) == said.count("lacks what a run has") == 1
    assert said.count(explored.embed) == 1


def test_policy_makes_nothing_from_text(lake_root):
    with serving(str(lake_root)) as url:
        for path in ("/", "/worker.js", "/blosc.js", "/nothing", "/lake/lake.json"):
            policy = get(url, path)[2]["Content-Security-Policy"]
            assert (
                re.search("script-src [^;]*", policy)[0] == "script-src 'self' 'wasm-unsafe-eval'"
            ), path


@pytest.mark.parametrize(
    ("host", "port", "token", "expected"),
    [
        ("127.0.0.1", 8765, "t", "http://127.0.0.1:8765/t/"),
        ("localhost", 80, "t", "http://localhost/t/"),
        ("0.0.0.0", 80, "", "http://localhost/"),  # noqa: S104 (no server)
        ("::", 8765, "", "http://localhost:8765/"),
        ("::1", 8765, "t", "http://[::1]:8765/t/"),
        ("[::1]", 80, "t", "http://[::1]/t/"),
    ],
)
def test_printed_address_can_be_opened(host, port, token, expected):
    assert addresses.url(host, port, token) == expected


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "[::1]", "localhost"])  # noqa: S104 (of tests)
def test_any_address_of_the_machine_is_listened_on(lake_root, host):
    if ":" in host and not has_ipv6():
        with pytest.raises(ConfigError, match="cannot listen on"):
            server(connect(str(lake_root)), host, 0)
        return
    running = server(connect(str(lake_root)), host, 0, TOKEN)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        for address in {"::": ("127.0.0.1", "[::1]"), "0.0.0.0": ("127.0.0.1",)}.get(host, ("",)):  # noqa: S104
            url = addresses.url(address or host, running.server_port, TOKEN)
            assert get(url, "/lake/lake.json")[0] == 200, address
    finally:
        running.shutdown()
        running.server_close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--host", "192.0.2.1"), "it is no address of this machine"),  # RFC 5737: of nobody
        (("--host", "no such host"), "cannot listen on 'no such host'"),
        (("--host", ""), "it is empty"),
        (("--port", "99999"), "99999"),
    ],
)
def test_place_that_cannot_be_listened_on_is_refused_with_the_reason(
    run_lake, lake_root, arguments, reason
):
    code, _, err = run_lake("explore", "--lake", str(lake_root), *arguments)
    assert code in (2, 64)
    assert reason in err
    assert "Traceback" not in err


def test_port_in_use_is_said(run_lake, lake_root):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = run_lake("explore", "--lake", str(lake_root), "--port", port)
    assert code == 64
    assert "another program listens there: give another --port" in err


def start(*arguments: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "lake", "explore", "--port", "0", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | environment | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["refuses", "is silent"])
def test_unreachable_lake_is_said_within_ten_seconds_of_the_start(kind):
    """A port that nobody listens on; a server that takes the request and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        if kind == "refuses":
            silent.close()
        began = time.monotonic()
        endpoint = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1",
        }  # fmt: skip
        with start("--lake", "s3://bucket/lake", **endpoint) as process:
            try:
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
    assert site.ANSWER_S < 10  # what the lake is given; the rest is how long a busy machine starts
    assert time.monotonic() - began < 30
    assert process.returncode == 1
    assert "s3://bucket/lake" in err
    assert "Traceback" not in err
    assert out == ""


def test_lake_that_falls_silent_is_said_to_the_page(lake_root, monkeypatch):
    monkeypatch.setattr(site, "ANSWER_S", 0.2)
    waiting = threading.Event()
    monkeypatch.setattr(site.Offer, "document", lambda *_, **__: waiting.wait(30))
    with serving(str(lake_root)) as url:
        code, body, _ = get(url, "/stores.json")
    waiting.set()
    assert code == 502
    assert b"gave no whole answer" in body


def test_errors_of_a_call_with_a_limit_are_its_own():
    assert site.within(5, lambda: 7, "x") == 7
    with pytest.raises(ZeroDivisionError):
        site.within(5, lambda: 1 // 0, "x")
    with pytest.raises(UnreachableError):
        site.within(0.05, lambda: time.sleep(0.5), "x")


def test_command_prints_a_new_token_each_time_and_none_where_asked(lake_root):
    urls = []
    for arguments in ((), (), ("--no-token",)):
        with start("--lake", str(lake_root), *arguments) as process:
            urls.append(process.stdout.readline().strip())
            code = get(urls[-1], "/lake/lake.json")[0]
            process.terminate()
            err = process.stderr.read()
        assert code == 200
        assert ("everybody who reaches this port" in err) == bool(arguments)
    tokens = [urlsplit(url).path.strip("/") for url in urls]
    assert len(tokens[0]) >= 43  # 256 bits
    assert tokens[0] != tokens[1]
    assert tokens[2] == ""
