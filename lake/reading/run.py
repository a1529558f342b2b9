"""Open a run of a job and read what it gave: `lake.open_run`.

A run is a folder of the lake, `runs/<job>-<12 hex digits>`: `spec.json` says what is computed, `status.json`
how it stands, `done.json` that it is complete, and `<job>.zarr` holds its arrays. Reading them needs neither
Dask nor torch. Runs are made, watched and drawn by `jobs`.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from lake.errors import ConfigError, FormatError, MissingError
from lake.format import keys
from lake.reading import reprs
from lake.reading.store import HARMLESS, Store
from lake.reading.store import open as open_store
from lake.storage.connect import connect
from lake.storage.documents import read_json
from lake.storage.objects import Objects
from lake.storage.urls import join

FOLDER = "runs"
DONE, QUEUED = "done", "queued"


def open_run(
    run: str | Path,
    *,
    lake: str | Path | None = None,
    **storage_options: Any,  # noqa: ANN401 (fsspec's)
) -> "StoredRun":
    """The run with this id, or at this URL, to read what it gave.

    Args:
        run: URL or folder of the run, any that fsspec knows; or its id, `pca-0123456789ab`.
        lake: folder or URL of the lake, for an id; else the environment's `LAKE_ROOT`.
        storage_options: as for fsspec; none: credentials come from the environment.

    Returns:
        The run; its arrays are read where they are used.

    Raises:
        ConfigError: an id without a lake, or text that is neither an id nor a place.
        MissingError: there is no such run.
        FormatError: goeslake 0.1.0 made it.
    """
    return StoredRun(connect(place(run, lake), **storage_options), storage_options)


def place(run: str | Path, lake: str | Path | None = None) -> str:
    """The URL of a run, which may be given by its id.

    Raises:
        ConfigError: an id without a lake, or text that is neither an id nor a place.
    """
    text = str(run).rstrip("/")
    if not keys.RUN_ID.fullmatch(text):
        if "/" in text or os.sep in text:
            return text
        raise ConfigError(
            f"{text!r} is no id of a run: wanted one as 'pca-0123456789ab', or the URL of a run; "
            "'lake runs ls' lists them"
        )
    root = lake if lake is not None else os.environ.get(keys.ROOT)
    if not root:
        raise ConfigError(
            f"{text} is the id of a run: say of which lake, by lake=, or set {keys.ROOT}"
        )
    return join(root, f"{FOLDER}/{text}")


def dataset(objects: Objects, job: str) -> xr.Dataset:
    """The arrays of a run, by the folder of the run, read when used.

    Raises:
        MissingError: it has none.
    """
    store = objects.zarr(f"{job}.zarr", read_only=True)
    return xr.open_dataset(
        store,  # type: ignore[arg-type]  # which the engine takes
        engine="zarr",
        chunks=None,
        consolidated=True,
        zarr_format=3,
    )


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings by the names that they are set by, those of nested ones among the others."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= flat(value) if isinstance(value, Mapping) else {name: value}
    return found


class StoredRun:
    """A run of a lake. Its arrays are attributes: `run.scores`, `run.embedding`, `run.labels`, ...

    Pickled it is its URL: a worker opens it with credentials of its own.
    """

    def __init__(self, objects: Objects, options: dict[str, Any] | None = None) -> None:
        """Read what the run computes.

        Args:
            objects: its folder.
            options: by which the folder was opened.

        Raises:
            MissingError: there is no run.
            FormatError: goeslake 0.1.0 made it.
        """
        self._objects, self._options = objects, options or {}
        self._done: dict[str, Any] | None = None
        self.url = objects.url()
        """The URL of its folder."""
        try:
            self._spec = read_json(objects, "spec.json")
        except MissingError:
            raise MissingError(
                f"there is no run at {self.url}: 'lake runs ls' lists those of a lake"
            ) from None
        if "stores" not in self._spec:
            raise FormatError(
                f"{self.url} was made by goeslake 0.1.0, whose runs are not read: make it anew"
            )

    def __reduce__(self) -> tuple[Callable[..., "StoredRun"], tuple[Any, ...]]:
        if secret := self._options.keys() - HARMLESS:
            raise ConfigError(
                f"{self.url} was opened with the options {', '.join(sorted(secret))}, which may be secrets "
                "and are not sent to workers: give credentials by the environment, there too"
            )
        return _reopened, (self.url, tuple(self._options.items()))

    @property
    def id(self) -> str:
        """Its name: the job, and 12 hex digits that follow from all that it computes."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def job(self) -> str:
        """The job that it is of, e.g. `pca`."""
        return str(self._spec["job"])

    @property
    def lake(self) -> str:
        """The URL of the lake that holds it."""
        return self.url.rsplit("/", 2)[0]

    @property
    def settings(self) -> dict[str, Any]:
        """All its settings by name."""
        return flat(self._spec["settings"]) | self.changed

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that somebody chose, and that differ from the defaults."""
        return dict(self._spec.get("changed", {}))

    @property
    def inputs(self) -> dict[str, str]:
        """Job -> id of each run that it builds on."""
        return dict(self._spec["inputs"])

    @property
    def stores(self) -> tuple[str, ...]:
        """Keys of the stores that it reads; its pixels are those of the first."""
        return tuple(source["key"] for source in self._spec["stores"])

    @property
    def store(self) -> Store:
        """The first store, the very generation that the run read.

        Raises:
            MissingError: it is not there any more.
        """
        first = self._spec["stores"][0]
        inside = join(self.lake, f"{first['key']}/v/{first['generation']}.zarr")
        return open_store(first.get("url") or inside, **self._options)

    @property
    def state(self) -> str:
        """How it stands, as it was last written: queued, running, stopped, failed or done."""
        if self._finished:
            return DONE
        try:
            return str(read_json(self._objects, "status.json")["state"])
        except MissingError:
            return QUEUED

    @property
    def files(self) -> tuple[str, ...]:
        """URLs of what it wrote; empty: it is not done."""
        done = self._finished or {"outputs": ()}
        return tuple(self._objects.url(path) for path in done["outputs"])

    @property
    def seconds(self) -> float | None:
        """How long it took; None: it is not done."""
        return float(self._finished["seconds"]) if self._finished else None

    @property
    def dataset(self) -> xr.Dataset:
        """All its arrays, with the coordinates of the pixels, read where they are used; empty: it has none.

        Raises:
            MissingError: it is not done.
        """
        if not self._finished:
            raise MissingError(f"{self.id} is {self.state}: it can be read once it is done")
        return self._dataset

    def __getattr__(self, name: str) -> xr.DataArray:
        """An array of the run, read where it is used."""
        if name.startswith("_"):  # asked for by copy, pickle and IPython, of any object
            raise AttributeError(name)
        try:
            arrays = self.dataset
        except MissingError as error:
            raise AttributeError(str(error)) from error
        if name not in arrays.variables:
            names = ", ".join(map(str, arrays.data_vars)) or "no arrays"
            raise AttributeError(f"{self.id} has no {name!r}: it has {names}")
        return arrays[name]

    def __dir__(self) -> list[str]:
        """The names of its arrays among the others."""
        names = list(super().__dir__())
        with suppress(MissingError):
            names += map(str, self.dataset.data_vars)
        return names

    def __repr__(self) -> str:
        return reprs.text(*self._shown())

    def _repr_html_(self) -> str:
        return reprs.html(*self._shown())

    def _shown(self) -> tuple[str, dict[str, str], str]:
        """Title, facts and a line of Python."""
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.changed.items())
        facts = {
            "state": self.state,
            "store": ", ".join(self.stores),
            "settings": chosen or "the defaults",
            "builds on": ", ".join(self.inputs.values()),
            "took": f"{self.seconds:.0f} s" if self._finished else "",
            "arrays": ", ".join(map(_of_array, self.dataset.data_vars.values()))
            if self._finished
            else "",
        }
        shown = {name: value for name, value in facts.items() if value}
        return f"run {self.id}", shown, f'lake.open_run("{self.url}")'

    @property
    def _finished(self) -> dict[str, Any] | None:
        """`done.json`, once it is there; None: it is not."""
        if self._done is None:
            with suppress(MissingError):
                self._done = read_json(self._objects, "done.json")
        return self._done

    @cached_property
    def _dataset(self) -> xr.Dataset:
        group = f"{self.job}.zarr"
        has_arrays = any(url.endswith(f"/{group}") for url in self.files)
        return (
            dataset(self._objects, self.job) if has_arrays else xr.Dataset(attrs={"run": self.id})
        )


def _of_array(array: xr.DataArray) -> str:
    sizes = ", ".join(f"{dim} {size}" for dim, size in array.sizes.items())
    return f"{array.name} ({sizes})" if sizes else str(array.name)


def _reopened(url: str, options: tuple[tuple[str, Any], ...]) -> StoredRun:
    """Open a run that was pickled, on a worker."""
    return open_run(url, **dict(options))
