"""A run: one job with one set of settings on one generation of a store, and a folder of the lake.

    <root>/runs/<job>-<12 hex digits>/
        spec.json      what is computed: job, settings, store, generation, runs it builds on
        status.json    running, failed (and why) or done; for people
        <job>.zarr     the result, where the job makes arrays
        done.json      written once, last: the run is complete

The hex digits are of the SHA-256 of what is computed, so the same work has the same name: who asks
for it again finds it done. A run without `done.json` is made anew.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lake
from lake import keys
from lake.console import say
from lake.errors import ConfigError, MissingError
from lake.objects import Objects, connect, join
from lake.read import Store

FOLDER = "runs"
_PACKAGES = ("goeslake", "numpy", "scikit-learn", "torch", "zarr")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a run computes."""

    job: str
    settings: Mapping[str, Any]
    """As JSON; without the runs it builds on, which are `inputs`."""
    store: str
    """Key of the store."""
    generation: str
    """Of the store."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Job -> id of the run it builds on."""

    @property
    def id(self) -> str:
        """The name of the run."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return f"{self.job}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Done:
    """A complete run."""

    run: str
    outputs: tuple[str, ...]
    """Paths below the run's folder."""
    seconds: float
    """It took to make."""
    finished: str
    """UTC, ISO 8601."""


def spec_of(
    settings: Any,  # noqa: ANN401 (each job has settings of its own)
    job: str,
    store: Store,
    inputs: Mapping[str, str] | None = None,
) -> Spec:
    """The spec of a job with these settings on this generation of a store.

    Args:
        settings: the job's dataclass; fields named like an input are left out.
        job: its name.
        store: the input.
        inputs: job -> id of the run it builds on.
    """
    inputs = dict(inputs or {})
    plain = json.loads(json.dumps(asdict(settings)))
    chosen = {name: value for name, value in plain.items() if name not in inputs}
    return Spec(job, chosen, str(store.key), store.generation, inputs)


def open_store(root: str, store: str) -> Store:
    """The newest generation of the store with this key in the lake, or the store at this URL.

    Raises:
        MissingError: there is none.
    """
    try:
        return lake.open(join(root, str(keys.parse(store))))
    except ConfigError:
        return lake.open(store)


def folder(root: str, run: str) -> Objects:
    """The objects of a run."""
    return connect(join(root, f"{FOLDER}/{run}"))


def find(root: str, run: str) -> Done | None:
    """The run if it is complete."""
    try:
        noted = json.loads(folder(root, run).get("done.json"))
    except MissingError:
        return None
    return Done(**noted | {"outputs": tuple(noted["outputs"])})


def complete(root: str, spec: Spec, make: Callable[[Objects], Sequence[str]]) -> str:
    """Find the run of `spec` done, or make it; returns its id.

    Args:
        root: of the lake.
        spec: what to compute.
        make: computes it into the folder it is given; returns the paths of its outputs.
    """
    if find(root, spec.id):
        say(f"{spec.id}: already done")
        return spec.id
    objects = folder(root, spec.id)
    started = time.monotonic()
    objects.put("spec.json", _json({"run": spec.id, **asdict(spec), "versions": _versions()}))
    _note(objects, "running")
    try:
        outputs = make(objects)
    except BaseException as error:
        _note(objects, "failed", error=f"{type(error).__name__}: {error}")
        raise
    seconds = round(time.monotonic() - started, 3)
    done = Done(spec.id, tuple(outputs), seconds, _now())
    with suppress(FileExistsError):  # the same run, made elsewhere at the same time
        objects.create("done.json", _json(asdict(done)))
    _note(objects, "done")
    say(f"{spec.id}: done in {seconds:.1f} s")
    return spec.id


def require(root: str, run: str, job: str, store: Store) -> str:
    """`run`, if it is a complete run of `job` on this generation of the store.

    Raises:
        MissingError: there is no such run, or it is not complete.
        ConfigError: a run of another job, or on another store or generation.
    """
    spec = read_spec(root, run)
    if find(root, run) is None:
        raise MissingError(
            f"{folder(root, run).url()} is not complete (no done.json): "
            f"run 'lake {spec.job}' again with its settings"
        )
    found = (spec.job, spec.store, spec.generation)
    wanted = (job, str(store.key), store.generation)
    if found != wanted:
        raise ConfigError(
            f"run {run} is {' of '.join(found)}, wanted {' of '.join(wanted)}: "
            f"give a run of 'lake {job}' on this store, or none to have it made"
        )
    return run


def read_spec(root: str, run: str) -> Spec:
    """What a run computes.

    Raises:
        MissingError: there is no such run.
    """
    try:
        noted = json.loads(folder(root, run).get("spec.json"))
    except MissingError:
        raise MissingError(f"there is no run {run!r} in {join(root, FOLDER)}") from None
    return Spec(**{name: noted[name] for name in Spec.__dataclass_fields__})


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


def _note(objects: Objects, state: str, **about: str) -> None:
    objects.put("status.json", _json({"state": state, "since": _now(), **about}))


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()
