"""Make runs: in this process, or on a worker, which no longer needs the submitting process.

`run` works in the calling process; `submit` has a worker do the same, while tasks go to all workers.
If that worker is lost Dask begins the drive anew elsewhere, and it goes on after the tasks that are
done. What goes to the scheduler is the lake's URL, ids of runs and numbers; credentials are the
workers' own.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from distributed import Client, Future, fire_and_forget, worker_client

from jobs.runs import heartbeat, job, records, tags
from jobs.runs.heartbeat import Heartbeat, Status
from jobs.runs.settings import changed
from jobs.runs.spec import FinishedRun, Spec
from jobs.runs.stages import ActiveRun
from lake.console.messages import say
from lake.errors import ConfigError, MissingError, StoppedError
from lake.reading import classes

MATCHING = ("goeslake", "dask", "distributed", "zarr", "numpy", "torch")
"""Packages whose versions must be the same on both sides, beside Python's, where both have them."""

STAYS = (tags.FILE, classes.GIVEN)
"""Files of a run that people wrote: they stay when it is made anew."""
WORKER_WAIT_S = float(os.environ.get("LAKE_WORKER_SECONDS", "60"))
"""Seconds that the first worker of a cluster may take to come: minutes, where a node must be started."""


def specs(
    root: str,
    store: str,
    settings: Any,  # noqa: ANN401 (each job has settings of its own)
    generations: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Spec, ...]:
    """The run that settings ask for, last, and before it those that it builds on.

    Args:
        root: folder or URL of the lake.
        store: key in the lake, or URL of a store.
        settings: of the job, an instance of its `Settings`.
        generations: key -> the generation that is to be read; of other stores the newest is.

    Raises:
        MissingError: no such store, or no such run.
        ConfigError: settings that do not fit the store, or one that is no setting's to choose: a
            generation of a second store that is not its newest.
    """
    opened = records.open_store(root, store, generations.get(store, ""))
    *bases, asked = job.for_settings(settings).specs(root, opened, settings)
    for source in asked.stores:
        wanted = generations.get(source.key, source.generation)
        if source.generation != wanted:
            raise ConfigError(
                f"the newest generation of {source.key} is {source.generation}, and {wanted} was asked for: "
                "leave its line out of [generations] to read the newest"
            )
    return (*bases, replace(asked, changed=changed(settings)))


def run(client: Client, root: str, store: str, settings: Any) -> str:  # noqa: ANN401
    """Make the run that settings ask for, and those it builds on; returns its id.

    Args:
        client: Dask.
        root: folder or URL of the lake.
        store: key in the lake, or URL of a store.
        settings: of the job, an instance of its `Settings`.
    """
    runs = specs(root, store, settings)
    _queue(root, runs)
    for spec in runs:
        make(client, root, spec)
    return runs[-1].id


def make(client: Client, root: str, spec: Spec) -> None:
    """Go on with the run of `spec` until it is done; if it is, do nothing."""
    if records.find(root, spec.id):
        say(f"{spec.id}: already done")
        return
    records.write_spec(root, spec)  # again, for the versions here
    objects = records.folder(root, spec.id)
    began = time.monotonic()
    with Heartbeat(root, spec.id) as heartbeats:
        stores = tuple(records.open_input(root, source) for source in spec.stores)
        outputs = job.load(spec.job).make(ActiveRun(client, root, spec, stores, heartbeats))
        heartbeats.check()
        seconds = round(time.monotonic() - began, 3)
        finished = FinishedRun(spec.id, tuple(outputs), seconds, records.now())
        with suppress(FileExistsError):  # made elsewhere at the same time
            objects.create("done.json", records.as_json(asdict(finished)))
    objects.delete(objects.list("partials"))
    say(f"{spec.id}: done in {seconds:.1f} s")


def submit(client: Client, root: str, runs: Sequence[Spec]) -> Future[None]:
    """Have the cluster make these runs, whatever becomes of this process.

    Raises:
        ConfigError: this process and the cluster have different software.
    """
    check_versions(client)
    _queue(root, runs)
    ids = [spec.id for spec in runs]
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
                _end_waiting(root, name, ids[number + 1 :])


def specs_to_resume(root: str, run: str) -> tuple[Spec, ...]:
    """The spec of a run that is to go on, last, and before it those of unfinished runs it builds on."""
    spec = records.read_spec(root, run)
    bases = [base for name in spec.inputs.values() for base in specs_to_resume(root, name)]
    return (*{base.id: base for base in unfinished(root, bases)}.values(), spec)


def unfinished(root: str, runs: Sequence[Spec]) -> tuple[Spec, ...]:
    """Those of these runs that are not done."""
    return tuple(spec for spec in runs if records.find(root, spec.id) is None)


def forget(root: str, run: str) -> None:
    """Delete all that was made for a run, so that it is made anew; what people named stays.

    Raises:
        ConfigError: a process works at it.
    """
    if heartbeat.is_alive(root, run):
        raise ConfigError(f"{run} is running: 'lake runs stop {run}' first")
    objects = records.folder(root, run)
    objects.delete(["done.json"])
    objects.delete([path for path in objects.list() if path not in STAYS])


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
        versions_by_worker = client.run(software)
    except TimeoutError as error:
        raise MissingError(
            f"the Dask cluster has no worker that answers within {WORKER_WAIT_S:.0f} s: start one, "
            f"'dask worker {client.scheduler_info()['address']}'"
        ) from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the workers lack {error.name}: install 'goeslake[all]' there, the version of here"
        ) from error
    own = software()
    for worker, versions in versions_by_worker.items():
        differences = [
            f"{name} {versions[name]} (here {own[name]})"
            for name in sorted(own.keys() & versions.keys())
            if versions[name] != own[name]
        ]
        if differences:
            raise ConfigError(
                f"worker {worker} has other software: {', '.join(differences)}; install the same on both "
                "sides, e.g. 'pip install -r requirements.lock' of one release"
            )


def software() -> dict[str, str]:
    """Versions that matter to what is sent between processes; of torch without the kind of its build."""
    installed = records.versions()
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: installed[name].partition("+")[0] for name in MATCHING if name in installed
    }


def _queue(root: str, runs: Sequence[Spec]) -> None:
    """Store what will be made, as queued; earlier requests to stop no longer count."""
    for spec in unfinished(root, runs):
        objects = records.folder(root, spec.id)
        objects.delete([heartbeat.STOP])
        records.write_spec(root, spec)
        heartbeat.write(objects, Status(heartbeat.QUEUED, records.now()))


def _end_waiting(root: str, run: str, waiting: Sequence[str]) -> None:
    """Give the runs that build on `run` its status, if it was stopped or failed."""
    status = heartbeat.read(root, run)
    if status and status.state in (heartbeat.STOPPED, heartbeat.FAILED):
        for name in waiting:
            heartbeat.write(records.folder(root, name), replace(status, at=records.now()))
