"""S3 servers for the tests, on loopback: Ceph RGW, moto in a process of its own, or one that is given.

`LAKE_TEST_S3` chooses: `moto`; `rgw`; or an endpoint, e.g. `http://127.0.0.1:7480`, with the
credentials in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Without it, RGW where it is installed or
can be, else moto.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import boto3
from botocore.config import Config

MOTO = Path(__file__).with_name("moto_server.py")
BUCKET = f"lake-tests-{uuid4().hex[:8]}"


@contextmanager
def moto(program: Path = MOTO) -> Iterator[dict[str, str]]:
    """The environment under which S3 clients find a moto server; the bucket is there.

    Args:
        program: what starts the server.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    there = environment(f"http://127.0.0.1:{port}", "test-key", "test-secret")
    command = [sys.executable, str(program), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | there
    )
    try:
        make_bucket(there)
        yield there
    finally:
        process.terminate()
        process.wait()


def given(endpoint: str) -> dict[str, str]:
    """Likewise, of a server that runs already."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    there = environment(endpoint, *(os.environ[name] for name in names))
    make_bucket(there)
    return there


def environment(endpoint: str, key: str, secret: str) -> dict[str, str]:
    """The variables by which S3 clients find a server."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }


def make_bucket(there: dict[str, str]) -> None:
    """Make the bucket, once the server has started."""
    client = boto3.client(
        "s3",
        endpoint_url=there["AWS_ENDPOINT_URL"],
        aws_access_key_id=there["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=there["AWS_SECRET_ACCESS_KEY"],
        region_name=there["AWS_REGION"],
        config=Config(retries={"max_attempts": 10, "mode": "standard"}),
    )
    client.create_bucket(Bucket=BUCKET)
    client.close()
