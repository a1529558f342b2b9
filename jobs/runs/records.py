"""A run: one job with one set of settings on generations of stores, and a folder of the lake.

    <root>/runs/<job>-<12 hex digits>/
        spec.json       what is computed: job, settings, stores, runs it builds on; versions beside it
        status.json     how it stands: `jobs.runs.heartbeat`
        stop.json       asks it to stop
        logs/           what was said and what went wrong, one file an attempt
        parts/          one marker for each part done: `jobs.runs.stages`
        <job>.zarr      the result, where the job makes arrays; beside it files of other formats
        done.json       written once, last: the run is complete

The hex digits are of the SHA-256 of what is computed, so the same work has the same name: who asks
for it again finds it done. A run without `done.json` goes on where it stopped.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lake
from lake.errors import ConfigError, FormatError, MissingError
from lake.format import keys
from lake.reading.store import Store
from lake.storage.connect import connect
from lake.storage.objects import Objects, exists
from lake.storage.urls import join

FOLDER = "runs"
CONNECTIONS = 16
"""Objects asked for at a time, where many runs are looked at."""
PACKAGES = ("goeslake", "dask", "distributed", "numpy", "scikit-learn", "scipy", "torch", "zarr")
"""Whose versions are noted with a run."""


@dataclass(frozen=True, slots=True)
class Input:
    """One generation of a store, which a run reads."""

    key: str
    generation: str
    ledger: str
    """Path of the ledger that the generation was made by; its name is its SHA-256."""
    url: str = ""
    """Of a store that lies outside the lake."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a run computes."""

    job: str
    settings: Mapping[str, Any]
    """As JSON; without the runs it builds on, which are `inputs`."""
    stores: tuple[Input, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Job -> id of the run it builds on."""

    @property
    def id(self) -> str:
        """The name of the run."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return f"{self.job}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def store(self) -> str:
        """Key of the first store."""
        return self.stores[0].key

    @property
    def generation(self) -> str:
        """Of the first store."""
        return self.stores[0].generation


@dataclass(frozen=True, slots=True)
class Done:
    """A complete run."""

    run: str
    outputs: tuple[str, ...]
    """Paths below the run's folder."""
    seconds: float
    """It took to make, since it last began."""
    finished: str
    """UTC, ISO 8601."""


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
    plain = json.loads(json.dumps(asdict(settings)))
    remaining = {name: value for name, value in plain.items() if name not in without}
    return Spec(job, remaining, tuple(_input(root, store) for store in stores), dict(inputs or {}))


def open_store(root: str, store: str) -> Store:
    """The newest generation of the store with this key in the lake, or the store at this URL.

    Raises:
        MissingError: there is none.
    """
    try:
        return lake.open(join(root, str(keys.parse(store))))
    except ConfigError:
        return lake.open(store)


def open_input(root: str, of: Input) -> Store:
    """The very generation that a run reads, whatever was published since."""
    return lake.open(of.url or _place(root, of.key, of.generation))


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


def names(root: str, known: Collection[str] = ()) -> list[str]:
    """Ids of all runs of the lake; those `known` to be runs are not asked for one by one."""
    objects = connect(join(root, FOLDER))
    folders = objects.folders()
    unknown = [name for name in folders if name not in known]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        found = pool.map(lambda name: exists(objects, f"{name}/spec.json"), unknown)
    no_runs = {name for name, is_run in zip(unknown, found, strict=True) if not is_run}
    return [name for name in folders if name not in no_runs]


def find(root: str, run: str) -> Done | None:
    """The run if it is complete."""
    try:
        noted = json.loads(folder(root, run).get("done.json"))
    except MissingError:
        return None
    return Done(**noted | {"outputs": tuple(noted["outputs"])})


def write_spec(root: str, spec: Spec) -> None:
    """Note what a run computes, and by which software."""
    document = {"run": spec.id, **asdict(spec), "versions": versions()}
    folder(root, spec.id).put("spec.json", as_json(document))


def require(root: str, run: str, job: str, store: Store) -> str:
    """`run`, if it is a complete run of `job` on this generation of the store.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: a run of another job, or on another store or generation.
    """
    spec = complete(root, run)
    found = (spec.job, spec.store, spec.generation)
    wanted = (job, str(store.key), store.generation)
    if found != wanted:
        raise ConfigError(
            f"run {run} is {' of '.join(found)}, wanted {' of '.join(wanted)}: "
            f"give a run of 'lake {job}' on this store, or none to have it made"
        )
    return run


def complete(root: str, run: str) -> Spec:
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


def given(root: str, run: str, job: str, store: Store) -> tuple[Spec, ...]:
    """The spec of a run that settings name, for the `specs` of what builds on it; see `require`."""
    return (read_spec(root, require(root, run, job, store)),)


def read_spec(root: str, run: str) -> Spec:
    """What a run computes.

    Raises:
        MissingError: there is no such run.
        FormatError: it was made by goeslake 0.1.0.
    """
    try:
        noted = json.loads(folder(root, run).get("spec.json"))
    except MissingError:
        raise MissingError(f"there is no run {run!r} in {join(root, FOLDER)}") from None
    if "stores" not in noted:
        raise FormatError(
            f"{folder(root, run).url('spec.json')} was written by goeslake 0.1.0, whose runs are not "
            "read: delete the run's folder, and make it anew"
        )
    stores = tuple(Input(**of) for of in noted["stores"])
    return Spec(noted["job"], noted["settings"], stores, noted["inputs"])


def ancestor(root: str, run: str, job: str) -> str:
    """The run of `job` that `run` builds on, directly or through others.

    Raises:
        MissingError: it builds on none.
    """
    known = dict(read_spec(root, run).inputs)
    while job not in known:
        before = {j: r for of in known.values() for j, r in read_spec(root, of).inputs.items()}
        if not before:
            raise MissingError(f"run {run} in {join(root, FOLDER)} builds on no run of '{job}'")
        known = before
    return known[job]


def versions() -> dict[str, str]:
    """Of the software in this process."""
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def now() -> str:
    """UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


def as_json(document: Mapping[str, Any]) -> bytes:
    """As it is stored."""
    return json.dumps(document, indent=1).encode()


def _input(root: str, store: Store) -> Input:
    ledger = str(store.attributes.get("provenance", {}).get("ledger", ""))
    inside = connect(_place(root, str(store.key), store.generation)).url() == store.url
    return Input(str(store.key), store.generation, ledger, "" if inside else store.url)


def _place(root: str, key: str, generation: str) -> str:
    return join(root, f"{key}/v/{generation}.zarr")
