"""The processes of an ingest, each one that can be killed: scheduler, workers, and commands.

They are forked from a server that has imported everything and done nothing yet, so that one costs
little to start; each runs the command line of its kind, `dask scheduler`, `dask worker` or `lake`.
"""

import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from distributed.cli import dask_scheduler, dask_worker

import ingest.commands
import ingest.ingestion
from lake.commands import main

PRELOADED = (ingest.commands, ingest.ingestion)
"""What commands would import by themselves, each time."""

COMMANDS = {"scheduler": dask_scheduler.main, "worker": dask_worker.main, "lake": main.main}

PATIENCE_S = 60


def start(
    command: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]
) -> ForkServerProcess:
    """A process that runs a command; what it prints goes to `log`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_run, args=(command, arguments, log, dict(environment)))
    process.start()
    return process


def _run(command: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.update(environment)
    with log.open("ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    sys.argv = [command, *arguments]
    COMMANDS[command]()


class Cluster:
    """A scheduler and workers with one thread each, which are started anew when they were killed."""

    def __init__(self, folder: Path, workers: int, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler: ForkServerProcess | None = None
        self.workers: list[ForkServerProcess | None] = [None] * workers

    def mend(self) -> None:
        """Start what does not run, and wait until the scheduler does; workers come when they come."""
        if self.scheduler is None or not self.scheduler.is_alive():
            self.stop()  # workers of a dead scheduler end
            arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard"]
            arguments += ["--no-show", "--idle-timeout", "600"]
            log = self._folder / "scheduler.log"
            self.scheduler = start("scheduler", arguments, log, self._environment)
        for number, worker in enumerate(self.workers):
            if worker is None or not worker.is_alive():
                self.workers[number] = self._start_worker(number)
        self._wait()

    def stop(self) -> None:
        """Kill all of it."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                process.kill()
                process.join()

    def _start_worker(self, number: int) -> ForkServerProcess:
        local = ["--local-directory", str(self._folder / "dask"), "--death-timeout", "60"]
        arguments = [self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *local]
        log = self._folder / f"worker-{number}.log"
        return start("worker", [*arguments, "--host", "127.0.0.1"], log, self._environment)

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"no scheduler at {self.address}: see {self._folder}/scheduler.log")
