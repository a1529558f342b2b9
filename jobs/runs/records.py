"""The runs of a lake: each a folder with what it computes and what it wrote.

A run is one job with one set of settings on generations of stores (`jobs.runs.spec`).

    <root>/runs/<job>-<12 hex digits>/
        spec.json       what is computed: job, settings, stores, runs it builds on; versions beside it
        status.json     how it stands: `jobs.runs.heartbeat`
        stop.json       asks it to stop
        logs/           messages and errors, one file an attempt
        parts/          one marker for each task that is done: `jobs.runs.stages`
        partials/       what tasks returned, until the run is done
        <job>.zarr      the result, where the job makes arrays; beside it files of other formats
        done.json       written once, last: the run is complete

The hex digits are of the SHA-256 of what is computed, so the same work has the same name: who asks
for it again finds it done. A run without `done.json` goes on where it stopped.
"""

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from operator import itemgetter
from typing import Any

import lake
from jobs.runs.settings import as_stored
from jobs.runs.spec import FinishedRun, Input, Spec
from lake.errors import ConfigError, FormatError, MissingError
from lake.format import keys
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.documents import read_json
from lake.storage.objects import Objects, exists
from lake.storage.urls import join

FOLDER = "runs"
CONNECTIONS = 16
"""How many objects are asked for at a time, where many runs are looked at."""
PACKAGES = (
    "goeslake",
    "dask",
    "distributed",
    "numpy",
    "scikit-learn",
    "scipy",
    "torch",
    "umap-learn",
    "zarr",
)
"""Packages whose versions are stored with a run."""


def spec_of(
    root: str,
    settings: Any,  # noqa: ANN401 (each job has settings of its own)
    job: str,
    stores: tuple[Store, ...],
    inputs: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> Spec:
    """The spec of a job with these settings on these generations of stores.

    Args:
        root: of the lake.
        settings: the job's dataclass.
        job: its name.
        stores: what is read.
        inputs: job -> id of the run it builds on.
        without: settings that are left out, because `inputs` says what they name.
    """
    plain = json.loads(json.dumps(as_stored(settings)))
    remaining = {name: value for name, value in plain.items() if name not in without}
    return Spec(job, remaining, tuple(_input(root, store) for store in stores), dict(inputs or {}))


def open_store(root: str, store: str, generation: str = "") -> Store:
    """The newest generation of the store with this key in the lake, or the store at this URL.

    Args:
        root: folder or URL of the lake.
        store: key, or URL.
        generation: of the store with this key; empty: the newest.

    Raises:
        MissingError: there is none.
    """
    try:
        key = str(keys.parse(store))
    except ConfigError:
        return lake.open(store)
    return lake.open(_generation_url(root, key, generation) if generation else join(root, key))


def open_input(root: str, source: Input) -> Store:
    """The very generation that a run reads, whatever was published since."""
    return lake.open(source.url or _generation_url(root, source.key, source.generation))


def open_second(root: str, key: str, first: Store) -> Store:
    """Open a store of the same pixels in another period, by its key in the lake or its URL.

    Raises:
        ConfigError: it has other pixels.
    """
    second = open_store(root, key)
    check_pixels(second, first)
    return second


def check_pixels(second: Store, first: Store) -> None:
    """Refuse two stores that do not have the same pixels.

    Raises:
        ConfigError: they do not.
    """
    if not second.domain.same_as(first.domain):
        raise ConfigError(
            f"{second.key} has other pixels than {first.key} ({second.domain.pixels}, "
            f"{first.domain.pixels}): wanted another period of the same geometry"
        )


def folder(root: str, run: str) -> Objects:
    """The objects of a run."""
    return connect(join(root, f"{FOLDER}/{run}"))


def names(root: str, confirmed: Collection[str] = ()) -> list[str]:
    """Ids of all runs of the lake; those `confirmed` to be runs are not asked for one by one."""
    objects = connect(join(root, FOLDER))
    folders = objects.folders()
    candidates = [name for name in folders if name not in confirmed]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = pool.map(lambda name: exists(objects, f"{name}/spec.json"), candidates)
    no_runs = {name for name, is_run in zip(candidates, answers, strict=True) if not is_run}
    return [name for name in folders if name not in no_runs]


def find(root: str, run: str) -> FinishedRun | None:
    """The run if it is complete."""
    try:
        document = read_json(folder(root, run), "done.json")
    except MissingError:
        return None
    return FinishedRun(**document | {"outputs": tuple(document["outputs"])})


def write_spec(root: str, spec: Spec) -> None:
    """Store what a run computes, and by which software."""
    document = {"run": spec.id, **asdict(spec), "versions": versions()}
    folder(root, spec.id).put("spec.json", as_json(document))


def require(root: str, run: str, job: str, store: Store) -> str:
    """`run`, if it is a complete run of `job` on this generation of the store.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: a run of another job, or on another store or generation.
    """
    spec = finished_spec(root, run)
    actual = (spec.job, spec.store, spec.generation)
    required = (job, str(store.key), store.generation)
    if actual != required:
        raise ConfigError(
            f"run {run} is {' of '.join(actual)}, wanted {' of '.join(required)}: "
            f"give a run of 'lake {job}' on this store, or none to have it made"
        )
    return run


def finished_spec(root: str, run: str) -> Spec:
    """The spec of a run that is done.

    Raises:
        MissingError: there is no such run, or it is not complete.
    """
    spec = read_spec(root, run)
    if find(root, run) is None:
        raise MissingError(
            f"{folder(root, run).url()} is not complete (no done.json): "
            f"run 'lake runs resume {run}'"
        )
    return spec


def store_of(root: str, run: str) -> Store:
    """The very generation of the store whose pixels a run is of, the first that it read.

    Raises:
        MissingError: there is no such run, or it is not complete.
    """
    return open_input(root, finished_spec(root, run).stores[0])


def first_store(root: str, run: str) -> Store:
    """The first store of a run that may be still under way; its others have the same pixels."""
    return open_input(root, read_spec(root, run).stores[0])


def named_run(root: str, run: str, job: str, store: Store) -> tuple[Spec, ...]:
    """The spec of a run that settings name, for the `specs` of what builds on it; see `require`."""
    return (read_spec(root, require(root, run, job, store)),)


def read_spec(root: str, run: str) -> Spec:
    """What a run computes.

    Raises:
        MissingError: there is no such run.
        FormatError: it was made by goeslake 0.1.0.
    """
    try:
        document = read_json(folder(root, run), "spec.json")
    except MissingError:
        raise MissingError(f"there is no run {run!r} in {join(root, FOLDER)}") from None
    if "stores" not in document:
        raise FormatError(
            f"{folder(root, run).url('spec.json')} was written by goeslake 0.1.0, whose runs are not "
            "read: delete the run's folder, and make it anew"
        )
    stores = tuple(Input(**entry) for entry in document["stores"])
    changed = document.get("changed", {})  # runs of before have none
    return Spec(document["job"], document["settings"], stores, document["inputs"], changed)


def ancestor(root: str, run: str, job: str) -> str:
    """The run of `job` that `run` builds on, directly or through others.

    Raises:
        MissingError: it builds on none.
    """
    inputs = dict(read_spec(root, run).inputs)
    while job not in inputs:
        specs = [read_spec(root, name) for name in inputs.values()]
        inputs = {name: ancestor for spec in specs for name, ancestor in spec.inputs.items()}
        if not inputs:
            raise MissingError(f"run {run} in {join(root, FOLDER)} builds on no run of '{job}'")
    return inputs[job]


def log(root: str, run: str) -> list[dict[str, Any]]:
    """The lines of all attempts at a run, by time: `at`, `message`, and `said` where people should see it."""
    objects = folder(root, run)
    lines = [
        json.loads(line) for path in objects.list("logs") for line in objects.get(path).splitlines()
    ]
    return sorted(lines, key=itemgetter("at"))


def versions() -> dict[str, str]:
    """Versions of the software in this process, by package."""
    installed = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            installed[package] = version(package)
    return installed


def now() -> str:
    """The time: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


def as_json(document: Mapping[str, Any]) -> bytes:
    """A document as it is stored."""
    return json.dumps(document, indent=1).encode()


def _input(root: str, store: Store) -> Input:
    ledger = str(store.attributes.get("provenance", {}).get("ledger", ""))
    inside = connect(_generation_url(root, str(store.key), store.generation)).url() == store.url
    return Input(str(store.key), store.generation, ledger, "" if inside else store.url)


def _generation_url(root: str, key: str, generation: str) -> str:
    return join(root, f"{key}/v/{generation}.zarr")
