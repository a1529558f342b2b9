"""The machine code that the image ships: pods compile nothing, whatever they ingest."""

import re
import subprocess
import sys

import pytest

from ingest.synthetic import granules
from tests.deploy.manifests import DEPLOY, PROGRAMS, ROOT
from tests.deploy.pods import image_environment

SETTINGS = {"NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_CACHE_DIR", "LAKE_COMPILED"}


def environment(folder, **variables) -> dict[str, str]:
    """Of a container whose scratch is this folder."""
    of_image = image_environment(compiled=True)
    assert of_image.keys() >= SETTINGS
    placed = {k: re.sub(r"^/scratch", str(folder), v) for k, v in of_image.items()}
    ours = {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return placed | ours | variables


def names(folder) -> set[str]:
    """Machine code below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*.nbc")}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The folder that a build of the image fills, by the command of the Dockerfile."""
    folder, scratch = tmp_path_factory.mktemp("compiled"), tmp_path_factory.mktemp("build")
    text = (DEPLOY / "Dockerfile").read_text()
    (command,) = re.findall(r"^RUN (export NUMBA_CACHE_DIR(?:.*\\\n)*.*)$", text, re.MULTILINE)
    command = command.replace("/opt/goeslake/compiled", str(folder)).replace(
        "/opt/goeslake", "/none"
    )
    command = command.replace("/tmp/try", str(scratch / "try"))  # noqa: S108 (of the Dockerfile)
    built = environment(scratch)
    del built["LAKE_COMPILED"]
    done = subprocess.run(
        ["sh", "-c", command], check=False, capture_output=True, text=True, env=built, cwd=scratch
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def ingest(shipped, tmp_path):
    """What Numba says of its cache while `lake ingest run` is done in a new pod."""

    def run(*words, **variables):
        environ = environment(tmp_path, LAKE_COMPILED=str(shipped), NUMBA_DEBUG_CACHE="1")
        done = subprocess.run(
            ["lake", "ingest", "run", *words, "--lake", tmp_path / "lake"],
            check=False, capture_output=True, text=True, env=environ | variables, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return re.findall(r"^\[cache\] data (loaded|saved)", done.stdout, re.MULTILINE)

    return run


def test_pod_of_many_bands_compiles_nothing(ingest, tmp_path):
    source = tmp_path / "granules"
    granules.write(
        source, shape=(48, 64), years=(2020,), months=(7,), days=(3, 5), tods=(54000, 21600)
    )
    rules = ["--set", "domain.mask=none", "--set", "layout.chunk=64", "--set", "layout.phases=4"]
    days = ["--set", "t0=2020-07-01", "--set", "tf=2020-07-31"]
    words = ("clearland-l1b-c0", "--source", source, *rules, *days)
    assert set(ingest(*words, "--until", "2020-07-04")) == {"loaded"}
    assert set(ingest(*words)) == {"loaded"}


def test_pod_of_one_band_compiles_nothing(ingest, shared_data):
    days = ["--set", "t0=2022-12-14", "--set", "tf=2022-12-14"]
    words = ("lst-10km", "--source", shared_data / "abi" / "lstf", *days)
    assert set(ingest(*words, "--until", "2022-12-14")) == {"loaded"}


def test_pod_on_another_processor_than_the_image_was_built_for_compiles(shipped, tmp_path):
    """Or the tests before this one could not fail. One loop stands for all."""
    program = (
        "import numpy as np; from ingest.accumulate import gather;"
        "gather.drop_bad(np.zeros((4, 4), np.uint8), 0, 0, 2, np.ones((2, 2), bool))"
    )
    told = []
    for other in ({}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}):
        environ = environment(tmp_path, LAKE_COMPILED=str(shipped), NUMBA_DEBUG_CACHE="1") | other
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environ)
        told.append(re.findall(r"^\[cache\] data (loaded|saved)", done.stdout, re.MULTILINE))
    assert told == [["loaded"], ["saved"]]


def test_machine_code_is_that_of_every_loop(shipped):
    """By the names that Numba gives: module, function, line."""
    source = [*(ROOT / "ingest").rglob("*.py")]
    loops = {
        f"{path.stem}.{name}"
        for path in source
        for name in re.findall(r"^@compiled\ndef (\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(loops) > 10
    assert {re.sub(r"-\d+\..*", "", path.rpartition("/")[2]) for path in names(shipped)} == loops


def test_image_for_other_processors_differs_by_these_settings_alone():
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^FROM base-\$\{TARGETARCH\} AS (\w+)$", text, re.MULTILINE) == [
        "build",
        "run",
    ]
    assert set(re.findall(r"^FROM \$\{BASE\} AS base-(\w+)$", text, re.MULTILINE)) == {
        "amd64",
        "arm64",
    }
