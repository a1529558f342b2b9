"""Make runs: here, or by a task of the cluster that needs the submitting process no more.

`run` works in the calling process; `submit` has a worker do the same, while parts go to all workers.
If that worker is lost Dask begins the task anew elsewhere, and it goes on after the parts that are
done. What goes to the scheduler is the lake's URL, ids of runs and numbers; credentials are the
workers' own.
"""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from distributed import Client, Future, fire_and_forget, worker_client

from jobs.runs import heartbeat, job, records
from jobs.runs.heartbeat import Pulse, Status
from jobs.runs.records import Done, Spec
from jobs.runs.stages import Work
from lake.console.messages import say
from lake.errors import ConfigError, MissingError, StoppedError

AGREEING = ("goeslake", "dask", "distributed", "zarr", "numpy", "torch")
"""Packages whose versions must be the same on both sides, beside Python's, where both have them."""

WORKER_WAIT_S = float(os.environ.get("LAKE_WORKER_SECONDS", "60"))
"""How long the first worker of a cluster may take to come: minutes, where a node must be started first."""


def specs(root: str, store: str, settings: Any) -> tuple[Spec, ...]:  # noqa: ANN401
    """The run that settings ask for, last, and those before it that it builds on.

    Raises:
        MissingError: no such store, or no such run.
        ConfigError: settings that do not fit the store.
    """
    return job.of_settings(settings).specs(root, records.open_store(root, store), settings)


def run(client: Client, root: str, store: str, settings: Any) -> str:  # noqa: ANN401
    """Make the run that settings ask for, and those it builds on; returns its id.

    Args:
        client: Dask.
        root: folder or URL of the lake.
        store: key in the lake, or URL of a store.
        settings: of the job.
    """
    wanted = specs(root, store, settings)
    _queue(root, wanted)
    for spec in wanted:
        make(client, root, spec)
    return wanted[-1].id


def make(client: Client, root: str, spec: Spec) -> None:
    """Find the run of `spec` done, or go on with it until it is."""
    if records.find(root, spec.id):
        say(f"{spec.id}: already done")
        return
    records.write_spec(root, spec)  # again, for the versions here
    objects = records.folder(root, spec.id)
    began = time.monotonic()
    with Pulse(root, spec.id) as beats:
        stores = tuple(records.open_input(root, of) for of in spec.stores)
        outputs = job.load(spec.job).make(Work(client, root, spec, stores, beats))
        beats.check()
        seconds = round(time.monotonic() - began, 3)
        done = Done(spec.id, tuple(outputs), seconds, records.now())
        with suppress(FileExistsError):  # made elsewhere at the same time
            objects.create("done.json", records.as_json(asdict(done)))
    objects.delete(objects.list("partials"))
    say(f"{spec.id}: done in {seconds:.1f} s")


def submit(client: Client, root: str, wanted: Sequence[Spec]) -> Future[None]:
    """Have the cluster make these runs, whatever becomes of this process.

    Raises:
        ConfigError: this process and the cluster have other software.
    """
    check_versions(client)
    _queue(root, wanted)
    ids = [spec.id for spec in wanted]
    future = client.submit(drive, root, ids, key=f"drive-{ids[-1]}-{uuid4().hex[:8]}", pure=False)
    fire_and_forget(future)
    return future


def drive(root: str, ids: Sequence[str]) -> None:
    """On a worker: make these runs, one after the other."""
    with worker_client() as client:
        for number, name in enumerate(ids):
            try:
                make(client, root, records.read_spec(root, name))
            except StoppedError:  # as asked; the status says so
                return
            finally:
                _tell_waiting(root, name, ids[number + 1 :])


def resumed(root: str, run: str) -> tuple[Spec, ...]:
    """The spec of a run that is to go on, and before it those of runs it builds on and lacks."""
    spec = records.read_spec(root, run)
    before = [of for name in spec.inputs.values() for of in resumed(root, name)]
    return (*{of.id: of for of in lacking(root, before)}.values(), spec)


def lacking(root: str, wanted: Sequence[Spec]) -> tuple[Spec, ...]:
    """Those of these runs that are not done."""
    return tuple(spec for spec in wanted if records.find(root, spec.id) is None)


def forget(root: str, run: str) -> None:
    """Delete all that was made for a run, so that it is made anew.

    Raises:
        ConfigError: somebody works at it.
    """
    if heartbeat.is_alive(root, run):
        raise ConfigError(f"{run} is running: 'lake runs stop {run}' first")
    objects = records.folder(root, run)
    objects.delete(["done.json"])
    objects.delete(objects.list())


def check_versions(client: Client) -> None:
    """Compare the software of this process with that of every worker.

    Raises:
        ConfigError: it differs, with what to do.
        MissingError: no worker came.
    """
    if not client.scheduler_info(n_workers=-1)["workers"]:
        say("waiting for a worker")
    try:
        # a task, so that a cluster that starts workers on demand starts one
        client.submit(software, pure=False).result(timeout=WORKER_WAIT_S)
        there = client.run(software)
    except TimeoutError as error:
        raise MissingError(
            f"the Dask cluster has no worker that answers within {WORKER_WAIT_S:.0f} s: start one, "
            f"'dask worker {client.scheduler_info()['address']}'"
        ) from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the workers lack {error.name}: install 'goeslake[all]' there, the version of here"
        ) from error
    here = software()
    for worker, found in there.items():
        other = [
            f"{name} {found[name]} (here {here[name]})"
            for name in sorted(here.keys() & found.keys())
            if found[name] != here[name]
        ]
        if other:
            raise ConfigError(
                f"worker {worker} has other software: {', '.join(other)}; install the same on both "
                "sides, e.g. 'pip install -r requirements.lock' of one release"
            )


def software() -> dict[str, str]:
    """Versions that matter to what is sent between processes; of torch without the kind of its build."""
    found = records.versions()
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: found[name].partition("+")[0] for name in AGREEING if name in found
    }


def _queue(root: str, wanted: Sequence[Spec]) -> None:
    """Note what will be made; what was asked to stop is asked for again."""
    for spec in lacking(root, wanted):
        objects = records.folder(root, spec.id)
        objects.delete([heartbeat.STOP])
        records.write_spec(root, spec)
        heartbeat.note(objects, Status(heartbeat.QUEUED, records.now()))


def _tell_waiting(root: str, run: str, waiting: Sequence[str]) -> None:
    """If `run` was stopped or failed, so were those that build on it."""
    status = heartbeat.read(root, run)
    if status and status.state in (heartbeat.STOPPED, heartbeat.FAILED):
        for name in waiting:
            heartbeat.note(records.folder(root, name), replace(status, at=records.now()))
