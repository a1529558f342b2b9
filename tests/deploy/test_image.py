"""The image is built and run by buildah, without a daemon; where `LAKE_TEST_IMAGE` names a base image.

    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm base
    c=$(buildah from scratch) && buildah add $c base / && buildah commit $c localhost/base
    LAKE_TEST_IMAGE=localhost/base pytest tests/deploy/test_image.py

Five minutes and 330 MB of packages, so that CI skips this.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY, ROOT

BASE = os.environ.get("LAKE_TEST_IMAGE")
MOUNTED = (Path("/etc/ssl/certs"), Path("/etc/pip.conf"))
"""Of package indexes behind a proxy of one's own."""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (BASE and shutil.which("buildah")),
        reason="no image is built: install buildah, set LAKE_TEST_IMAGE to a base with Python 3.11",
    ),
]
ENVIRONMENT = {"BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}


def buildah(*arguments: str, ends_with: int = 0) -> str:
    done = subprocess.run(
        ["buildah", *arguments],
        check=False, capture_output=True, text=True, env=os.environ | ENVIRONMENT, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode != 0) == (ends_with != 0), done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def container():
    mounts = [f"{path}:{path}:ro" for path in MOUNTED if path.exists()]
    buildah(
        "bud", "-f", str(DEPLOY / "Dockerfile"), "--target", "cpu", "--build-arg", f"BASE={BASE}",
        "--build-arg", "COMMIT=abc", *(word for m in mounts for word in ("-v", m)),
        "-t", "localhost/goeslake-test", ".",
    )  # fmt: skip
    name = buildah("from", "localhost/goeslake-test").strip().splitlines()[-1]
    yield name
    buildah("rm", name)
    buildah("rmi", "localhost/goeslake-test")


def test_image_runs_the_commands_as_nobody_special(container):
    assert "version" in buildah("run", container, "--", "lake", "--version")
    assert "uid=10001" in buildah("run", container, "--", "id")
    assert "Permission denied" in buildah(
        "run", container, "--", "touch", "/opt/goeslake/x", ends_with=1
    )
    told = buildah("run", container, "--", "lake", "ls", "--lake", "/scratch/none", ends_with=1)
    assert json.loads(told.splitlines()[0])["level"] == "error"


def test_image_says_what_it_is(container):
    labels = json.loads(buildah("inspect", container))["OCIv1"]["config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == "abc"
    assert labels["org.opencontainers.image.version"]


def test_image_ingests_and_samples(container):
    days = ["--shape", "40", "48", "--years", "2020", "--months", "1", "--days", "10"]
    settings = [
        "domain.mask=none",
        "layout.chunk=128",
        "layout.phases=4",
        "t0=2020-01-01",
        "tf=2020-01-31",
    ]
    chosen = [word for setting in settings for word in ("--set", setting)]
    where = ["--source", "/scratch/s", "--lake", "/scratch/lake"]
    buildah("run", container, "--", "lake", "ingest", "synthetic", "/scratch/s", *days)
    buildah("run", container, "--", "lake", "ingest", "run", "clearland-l1b-c0", *where, *chosen)
    key = "goes16/clearland-l1b-c0/20200101_20200131/geom-goes-conus-0"
    told = buildah("run", container, "--", "lake", "sample", key, "--lake", "/scratch/lake")
    assert "sample.zarr" in told
