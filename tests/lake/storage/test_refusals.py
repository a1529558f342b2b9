"""What a user is told when an object store refuses: by a server that answers every request alike."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingest.source import filesystems
from lake.errors import ConfigError, UnreachableError
from lake.storage import retries
from lake.storage.connect import connect

CALLS = {
    "get": lambda objects: objects.get("x"),
    "stat": lambda objects: objects.stat("x"),  # HEAD: the answer has no body
    "list": lambda objects: objects.list(),
    "create": lambda objects: objects.create("x", b"1"),
    "delete": lambda objects: objects.delete(["x"]),
}


@pytest.fixture
def refusing(monkeypatch):
    """An S3 server that refuses with this status and code; returns an object store on it."""
    servers = []

    def start(status, code):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 (its names)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        return connect("s3://bucket/lake")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "code", "kind", "message"),
    [
        (400, "ExpiredToken", UnreachableError, "the credentials have expired"),
        (403, "RequestTimeTooSkewed", UnreachableError, r"set the clock \(NTP\)"),
        (403, "AccessDenied", ConfigError, "or other credentials"),
        (403, "InvalidAccessKeyId", ConfigError, "or other credentials"),
    ],
)
def test_refusal_says_what_to_do_and_whether_a_retry_helps(
    refusing, call, status, code, kind, message
):
    with pytest.raises(kind, match=message) as refused:
        CALLS[call](refusing(status, code))
    assert "s3://bucket/lake" in str(refused.value)
    assert refused.value.exit_code == (1 if kind is UnreachableError else 64)


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestTimeTooSkewed"])
def test_source_that_refuses_is_told_alike(code):
    error = PermissionError(f"An error occurred ({code}) when calling the ListObjectsV2 operation")
    assert isinstance(filesystems.refusal("list", "s3://source", error), UnreachableError)


def test_missing_credentials_are_named(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retries, "PATIENCE", retries.timedelta(seconds=0.1))
    # nobody answers where a cloud's metadata server would
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"there are no credentials .* AWS_ACCESS_KEY_ID"):
        connect("s3://bucket/lake").get("x")


def test_bucket_that_nobody_serves_ends_with_a_message_and_1(run_lake, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(retries, "PATIENCE", retries.timedelta(seconds=0.1))
    monkeypatch.setattr(retries, "_PAUSES", ())
    code, _, err = run_lake("ls", "--lake", "s3://bucket/lake")
    assert code == 1
    assert "127.0.0.1:9" in err
    assert "run it again" in err


def test_command_without_credentials_ends_with_64(run_lake, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retries, "PATIENCE", retries.timedelta(seconds=0.1))
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    code, _, err = run_lake("ls", "--lake", "s3://bucket/lake")
    assert code == 64
    assert "there are no credentials" in err
