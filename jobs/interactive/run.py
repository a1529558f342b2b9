"""A run as Python sees it: made at once, watched, waited for, read, drawn.

The functions of `import jobs` give one, and `open_run` one that somebody else made. What it shows comes from
the lake, as `lake runs` has it; of the client only `submit` and `run` are used, so that any Dask will do.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import xarray as xr

from jobs.interactive import notebook
from jobs.runs import driver, heartbeat, records, watch
from jobs.runs.heartbeat import Status
from jobs.runs.spec import Spec
from lake.errors import ConfigError, UnreachableError
from lake.reading.run import StoredRun, place
from lake.storage.connect import connect

if TYPE_CHECKING:
    from distributed import Client, Future
    from matplotlib.figure import Figure


class Run(StoredRun):
    """A run of a job: made by the cluster, whatever becomes of this process.

    Its arrays are attributes once it is done: `run.scores`, `run.embedding`, `run.labels`, ...
    """

    def __init__(
        self,
        root: str,
        run: str,
        bases: Sequence[str] = (),
        client: "Client | None" = None,
        future: "Future[None] | None" = None,
    ) -> None:
        """See how a run stands.

        Args:
            root: folder or URL of the lake.
            run: its id.
            bases: ids of the runs that are made before it.
            client: by which it was submitted.
            future: of the task that makes it.

        Raises:
            MissingError: there is no such run.
        """
        super().__init__(records.folder(root, run))
        self._root = root
        self.ids = (*bases, run)
        """Ids of the runs that are made, itself last."""
        self._client, self._future = client, future

    @property
    def state(self) -> str:
        """How it stands: queued, running, stalled (nobody works at it), stopped, failed or done."""
        return heartbeat.state(self._root, self.id)

    @property
    def status(self) -> Status:
        """How far it is: its stage, tasks that are done, bytes, seconds left, the error that ended it."""
        return heartbeat.read(self._root, self.id) or Status(heartbeat.QUEUED, records.now())

    def done(self) -> bool:
        """Whether it is complete."""
        return records.find(self._root, self.id) is not None

    def wait(self, timeout: float | None = None) -> "Run":
        """Wait until it is done; an interrupt ends the waiting, not the run.

        Args:
            timeout: seconds; None: as long as it takes.

        Returns:
            The run itself.

        Raises:
            TimeoutError: it is not done yet, and goes on.
            StoppedError: it was asked to stop.
            LakeError: it failed; the error is the run's own.
            UnreachableError: nobody works at it any more.
        """
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        for look in self._looks(self.id):
            if not look.finished and time.monotonic() >= deadline:
                raise TimeoutError(f"{self.id} is {self.state} after {timeout:g} s, and goes on")
        return self

    def result(self, timeout: float | None = None) -> xr.Dataset:
        """Wait until it is done; all its arrays, read where they are used.

        Args:
            timeout: seconds; None: as long as it takes.

        Returns:
            Its arrays with the coordinates of the pixels; no arrays of a job that only writes files.

        Raises:
            TimeoutError: it is not done yet, and goes on.
            StoppedError: it was asked to stop.
            LakeError: it failed; the error is the run's own.
            UnreachableError: nobody works at it any more.
        """
        return self.wait(timeout).dataset

    def progress(self) -> None:
        """Show how it gets on until it is done: a bar that moves, in a notebook or on a terminal.

        An interrupt ends the showing, not the run.

        Raises:
            StoppedError: it was asked to stop.
            LakeError: it failed; the error is the run's own.
            UnreachableError: nobody works at it any more.
        """
        show = notebook.display()
        if show is None:
            watch.watch(self._root, self.ids, self.future)
            return
        for run in self.ids:
            for look in self._looks(run):
                show(notebook.bar(run, look))
        show(self._repr_html_())

    def stop(self) -> None:
        """Ask it, and the runs that it still waits for, to stop; what is done is kept.

        The function that made it, called again with the same settings, goes on with it.
        """
        for run in self.ids:
            if not records.find(self._root, run):
                heartbeat.stop(self._root, run)

    def plot(
        self,
        *,
        bbox: tuple[float, ...] = (),
        projection: Literal["fixed", "platecarree"] = "fixed",
        array: str = "",
        component: int | None = None,
        by: str = "",
    ) -> "Figure":
        """Draw what it gave: components or embeddings as red, green, blue; classes; or charts of these.

        Args:
            bbox: west, south, east, north in degrees; empty: all pixels.
            projection: `fixed`, the satellite's grid, or `platecarree`.
            array: `scatter`, all pixels in the plane of their vectors, or what a trajectory measured, e.g.
                `yearly_amount`; empty: the colours.
            component: number of the only component that is drawn, from 0; none: the first three as colours.
            by: what colours the points of `scatter`: a run that has classes, or a file of them; empty: how
                many there are.

        Returns:
            A Matplotlib figure.

        Raises:
            MissingError: it is not done.
            ConfigError: it gives pixels no colours, or none of them is shown.
        """
        from jobs.figures import run_maps  # noqa: PLC0415 (Matplotlib loads with the first figure)

        return run_maps.draw(self._root, self.id, projection, bbox, array, component, by).figure

    @property
    def future(self) -> "Future[None] | None":
        """The task that makes it; None: another process submitted it, or the client is closed."""
        is_open = self._client is not None and self._client.status == "running"
        return self._future if is_open else None

    def _looks(self, run: str) -> Iterator[watch.Look]:
        """How a run stands, again and again until it is done.

        Raises:
            UnreachableError: nobody works at it, and nobody of here submitted it.
        """
        for look in watch.looks(self._root, run, lambda: self.future):
            yield look
            is_lost = self.future is None and not look.finished
            if is_lost and heartbeat.state(self._root, run) == heartbeat.STALLED:
                raise UnreachableError(
                    f"{run}: nobody works at it any more; call the function that made it again, with the "
                    "same settings, to go on with it"
                )


def submit(client: "Client", root: str, specs: Sequence[Spec]) -> Run:
    """Have the cluster make a run, the last of these, after those that it builds on.

    Nothing is submitted if it is done, or under way already.

    Args:
        client: of any Dask cluster, synchronous.
        root: folder or URL of the lake.
        specs: as of `jobs.runs.driver.specs`.

    Raises:
        ConfigError: an asynchronous client, or a cluster of other software.
        MissingError: no worker came.
    """
    run = specs[-1].id
    if records.find(root, run):
        return Run(root, run)
    if client.asynchronous:
        raise ConfigError("the client is asynchronous: wanted Client(..., asynchronous=False)")
    unfinished = driver.unfinished(root, specs)
    bases = [spec.id for spec in unfinished[:-1]]
    if heartbeat.is_alive(root, run):
        return Run(root, run, bases)
    future = driver.submit(client, root, unfinished)
    client.run(_ignore_interrupts, socket.gethostname(), os.getpgrp(), os.getpid())
    return Run(root, run, bases, client, future)


def _ignore_interrupts(host: str, group: int, process: int) -> None:
    """On a worker of a cluster that a notebook started: an interrupt of a cell is none of the run.

    Jupyter sends it to the whole group of processes, where the workers of a `LocalCluster` are.
    """
    is_child = socket.gethostname() == host and os.getpgrp() == group and os.getpid() != process
    if is_child and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def open_run(run: str | Path, *, lake: str | Path | None = None) -> Run:
    """The run with this id, or at this URL, whoever made it: to watch, stop, read or draw it.

    `lake.open_run` only reads, and takes options of fsspec.

    Args:
        run: URL or folder of the run; or its id, `pca-0123456789ab`.
        lake: folder or URL of the lake, for an id; else the environment's `LAKE_ROOT`.

    Returns:
        The run.

    Raises:
        ConfigError: an id without a lake, or text that is neither an id nor a place.
        MissingError: there is no such run.
    """
    opened = StoredRun(connect(place(run, lake)))
    return Run(opened.lake, opened.id)
