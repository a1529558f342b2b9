"""An S3 server for the tests: moto on loopback, in a process of its own, or the one that is given.

With `LAKE_TEST_S3` set to an endpoint, e.g. `http://127.0.0.1:7480` of a Ceph RGW, the tests use that
server, with the credentials in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import boto3
from botocore.config import Config

BUCKET = f"lake-tests-{uuid4().hex[:8]}"


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """The environment under which S3 clients find the server; the bucket is there."""
    if endpoint := os.environ.get("LAKE_TEST_S3"):
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        environment = _environment(endpoint, *(os.environ[name] for name in names))
        _make_bucket(environment)
        yield environment
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = _environment(f"http://127.0.0.1:{port}", "test-key", "test-secret")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment
    )
    try:
        _make_bucket(environment)
        yield environment
    finally:
        process.terminate()
        process.wait()


def _environment(endpoint: str, key: str, secret: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


def _make_bucket(environment: dict[str, str]) -> None:
    """Retries while the server is starting."""
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
        config=Config(retries={"max_attempts": 10, "mode": "standard"}),
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
