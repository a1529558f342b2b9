"""An S3 server on loopback for the tests: moto in a process of its own."""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError

BUCKET = "lake-tests"


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """The environment under which S3 clients find the server; a bucket is there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment
    )
    try:
        _make_bucket(environment["AWS_ENDPOINT_URL"], process)
        yield environment
    finally:
        process.terminate()
        process.wait()


def _make_bucket(endpoint: str, process: subprocess.Popen[bytes]) -> None:
    request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")  # noqa: S310
    while process.poll() is None:
        try:
            urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
        except URLError:
            continue  # not up yet
        return
    raise RuntimeError(f"the S3 server ended with {process.returncode} before it was up")
