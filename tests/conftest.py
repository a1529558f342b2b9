"""What every test may ask for: the real files, and one way to draw random examples."""

import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from distributed import Client, LocalCluster
from hypothesis import settings

from lake.commands import main
from lake.storage.connect import connect
from lake.storage.objects import Objects
from tests import debian, rgw, s3
from tests.faults.proxy import Faults, Proxy

settings.register_profile("hand", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("lanes", deadline=None, derandomize=True, max_examples=20)
settings.load_profile("ci" if os.environ.get("CI") else "hand")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that runs the tests in the background has them, and all that they start, ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = ("test_site.py", "test_demo.py")
"""Files of minutes that would come last, when the other processes have nothing left to do."""

SHARED_DATA = Path(
    os.environ.get("LAKE_SHARED_DATA", Path(__file__).parents[1].parent / "shared" / "data")
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files; the test is skipped where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real files at {SHARED_DATA}: set LAKE_SHARED_DATA to their folder")
    return SHARED_DATA


@pytest.fixture
def run_lake(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lake", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def client(s3_environment) -> Iterator[Client]:
    """A Dask cluster of two worker processes, which know the S3 server."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as connected,
    ):
        yield connected


@pytest.fixture(scope="session")
def moto_environment() -> Iterator[dict[str, str]]:
    """A moto server's."""
    with s3.moto() as there:
        yield there


@pytest.fixture(scope="session")
def rgw_server(tmp_path_factory) -> Iterator[rgw.Server]:
    """A Ceph RGW with the bucket; the test is skipped where the machine cannot have it."""
    wanted = os.environ.get("LAKE_TEST_S3", "rgw")
    if wanted != "rgw":
        pytest.skip(f"LAKE_TEST_S3={wanted}: no Ceph RGW")
    try:
        rgw.install()
    except debian.UnavailableError as error:
        pytest.skip(f"no Ceph RGW: {error}")
    with rgw.server(tmp_path_factory.mktemp("rgw")) as running:
        s3.make_bucket(running.environment)
        yield running


@pytest.fixture(scope="session")
def s3_environment(request) -> Iterator[dict[str, str]]:
    """An S3 server on loopback; every S3 client of this process and its children finds it."""
    wanted = os.environ.get("LAKE_TEST_S3", "rgw" if rgw.is_possible() else "moto")
    if wanted == "rgw":
        there = request.getfixturevalue("rgw_server").environment
    elif wanted == "moto":
        there = request.getfixturevalue("moto_environment")
    else:
        there = s3.given(wanted)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in there.items():
            patch.setenv(name, value)
        yield there


@pytest.fixture
def s3_root(s3_environment, request) -> str:
    """An empty prefix on the S3 server, the same for a test each time: so are the faults drawn there."""
    name = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:32]
    return f"s3://{s3.BUCKET}/{name}"


@pytest.fixture
def moto_root(moto_environment, monkeypatch) -> str:
    """An empty prefix on a moto server."""
    return _empty_root(moto_environment, monkeypatch)


@pytest.fixture
def rgw_root(rgw_server, monkeypatch) -> str:
    """An empty prefix on a Ceph RGW."""
    return _empty_root(rgw_server.environment, monkeypatch)


def _empty_root(there: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3.BUCKET}/{uuid4().hex}"


@pytest.fixture(
    params=["folder", "memory", "moto", "s3fs", pytest.param("rgw", marks=pytest.mark.s3)]
)
def objects(request, tmp_path) -> Objects:
    """An empty root of every kind."""
    if request.param == "s3fs":  # options are given: fsspec serves it
        root = request.getfixturevalue("moto_root")
        return connect(root, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    if request.param in ("moto", "rgw"):
        return connect(request.getfixturevalue(f"{request.param}_root"))
    return connect(tmp_path / "a lake" if request.param == "folder" else f"memory://{uuid4().hex}")


@pytest.fixture
def break_s3(monkeypatch) -> Iterator[Callable[[Faults], Proxy]]:
    """Put a proxy with these faults in front of the S3 server that clients find; ask for it after a root."""
    with ExitStack() as stack:

        def start(faults: Faults) -> Proxy:
            proxy = stack.enter_context(Proxy(os.environ["AWS_ENDPOINT_URL"], faults))
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
            return proxy

        yield start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first; what asks for real files, or a real S3 server, carries their marker."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "shared_data" in asked:
            item.add_marker(pytest.mark.shared_data)
        if "rgw_server" in asked:
            item.add_marker(pytest.mark.s3)
