"""What a disturbed ingest runs on: sources, servers, a Dask cluster, and the reference it must equal."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Self
from unittest.mock import patch
from uuid import uuid4

import lake
from ingest.synthetic import granules
from lake.catalogue import catalogue
from lake.errors import LakeError
from lake.storage.connect import connect
from lake.storage.urls import join
from lake.store import commits, ledger
from lake.store.generations import StoreState
from tests import rgw, s3
from tests.compare import assert_equal
from tests.faults.processes import Cluster, start
from tests.faults.proxy import Faults, Proxy

LISTING = "clearland-l1b-c0"
SETTINGS = [
    "layout.chunk=128", "layout.phases=4", "domain.mask=none", "t0=2020-01-10", "tf=2020-02-20",
    *(f"cubes.day-{size}.tods=[54000,64800]" for size in ("2km", "1km", "500m")),
    "cubes.night-2km.tods=[10800]",
]  # fmt: skip
"""Two days of two months, three times of day: six parts, two months to publish."""
WORKERS = 2
HUNG_S = 180
"""A command that takes longer is killed."""
REQUEST_S = "3"
"""LAKE_REQUEST_SECONDS: a request that stalls is given up."""


class Bench:
    """Use as a context; nothing of it runs afterwards."""

    def __init__(self, folder: Path, server: rgw.Server | None) -> None:
        self.folder = folder
        self.server = server
        """None: there are lakes in folders alone."""
        self.proxy: Proxy | None = None
        self.took_s: dict[bool, float] = {}
        """By whether the lake is on the server: how long an undisturbed ingest takes."""
        self._stack = ExitStack()
        self._commands: list[ForkServerProcess] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._prepare(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _prepare(self, stack: ExitStack) -> None:
        source = self.folder / "source"
        days, years = (10, 20), (2020,)
        granules.write(source, shape=(40, 48), years=years, months=(1, 2), days=days, seed=3)
        self._sources = {False: str(source)}
        environment = {"LAKE_REQUEST_SECONDS": REQUEST_S}
        if self.server:
            server_environment = self.server.environment
            stack.enter_context(patch.dict(os.environ, server_environment))
            self.proxy = stack.enter_context(Proxy(self.server.endpoint))
            environment |= server_environment | {"AWS_ENDPOINT_URL": self.proxy.endpoint}
            self._sources[True] = f"s3://{s3.BUCKET}/source-{uuid4().hex[:8]}"
            bucket = connect(self._sources[True])
            for path in source.glob("*.nc"):
                bucket.put(path.name, path.read_bytes())
        self._environment = environment
        self.cluster = Cluster(self.folder, WORKERS, environment)
        stack.callback(self.cluster.stop)
        stack.callback(self._kill_commands)
        self.scratch = stack.enter_context(_small_disk(self.folder / "scratch"))
        self.cluster.mend()
        self._reference = self._clean(on_server=False)
        for on_server in self._sources:  # the compiled loops are there by now
            began = time.monotonic()
            self._clean(on_server=on_server)
            self.took_s[on_server] = time.monotonic() - began

    def _clean(self, *, on_server: bool) -> str:
        root = self.new_lake(on_server=on_server)
        if code := self.finish(self.ingest(root)):
            raise RuntimeError(f"an undisturbed ingest ends with {code}:\n{self.last_words()}")
        return root

    def new_lake(self, *, on_server: bool) -> str:
        """The root of a lake that is not there yet."""
        if on_server:
            return f"s3://{s3.BUCKET}/{uuid4().hex}"
        return str(self.folder / "lakes" / uuid4().hex)

    def ingest(
        self, root: str, *more: str, on_cluster: bool = True, environment: Mapping[str, str] = {}
    ) -> ForkServerProcess:
        """Start the command that takes the source into a lake."""
        source = self._sources[root.startswith("s3://")]
        settings = [part for setting in SETTINGS for part in ("--set", setting)]
        address = ["--address", self.cluster.address] if on_cluster else []
        arguments = ["ingest", "run", LISTING, "--source", source, "--lake", root, *settings]
        process = start(
            "lake", [*arguments, *address, *more], self._log, self._environment | dict(environment)
        )
        self._commands.append(process)
        return process

    @property
    def _log(self) -> Path:
        return self.folder / "commands.log"

    def finish(self, process: ForkServerProcess) -> int:
        """The exit code of a command; killed if it hangs."""
        process.join(HUNG_S)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode or 0

    def last_words(self) -> str:
        """What commands printed last."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def calm(self) -> None:
        """All of the bench works again."""
        if self.proxy:
            self.proxy.faults = Faults()
        self.cluster.mend()

    def judge(self, root: str) -> str:
        """`exact`, or what is wrong with a lake that should equal the reference."""
        try:
            state, number = self._state(root)
            reference_state, _ = self._state(self._reference)
            if state != reference_state:
                return f"the ledger differs: {sorted(set(state) ^ set(reference_state))[:4]}"
            assert_equal(lake.open(self._url(root)), lake.open(self._url(self._reference)))
            if code := self.finish(self.ingest(root)):
                return f"one more run ends with {code}"
            if self._state(root)[1] != number:
                return "one more run did not do nothing"
        except (LakeError, AssertionError) as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return "exact"

    def _url(self, root: str) -> str:
        (row,) = catalogue.rows(connect(root))
        return join(root, row.generation)

    def _state(self, root: str) -> tuple[list[tuple[str, str]], int]:
        """What became of every time step, and the number of the newest commit."""
        (row,) = catalogue.rows(connect(root))
        objects = connect(join(root, row.key))
        head = commits.head(objects)
        assert head is not None
        entries = ledger.read(objects, StoreState.from_commit(head).ledger)
        return sorted((entry.step, entry.status) for entry in entries), head.number

    def _kill_commands(self) -> None:
        for process in self._commands:
            if process.is_alive():
                process.kill()
                process.join()


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of 16 MB; None where none can be made."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
