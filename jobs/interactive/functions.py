"""A function for each job: `run = pca(client, store, components=200)`.

Its arguments are the settings of the job, with their types, defaults and texts, as
`jobs.runs.setting_descriptions` reads them: so `help`, completion and `inspect.signature` show them before
the job is imported.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from distributed import Client

from jobs import registry
from jobs.interactive.run import Run, submit
from jobs.runs import driver, setting_descriptions
from jobs.runs import job as jobs_by_name
from jobs.runs import settings as settings_by_name
from jobs.runs.setting_descriptions import SettingDescription
from lake.errors import ConfigError
from lake.reading.run import DONE, StoredRun
from lake.reading.store import Store
from lake.reading.store import open as open_store
from lake.storage.urls import absolute, join

TYPES: Mapping[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "TimeOfDay": int | str,
}
"""Type of a setting in its dataclass -> what an argument takes."""
WIDER: Mapping[str, Any] = {
    **dict.fromkeys(("run", "other", "vectors", "scores"), str | StoredRun),
    "runs": Sequence[str | StoredRun],
    "second": str | Store,
}
"""Settings that name a run or a store, which may be given itself."""
AT, BY_NAME = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
HEAD = (
    inspect.Parameter("client", AT, annotation=Client),
    inspect.Parameter("store", AT, annotation=Store | str | Path),
    inspect.Parameter("lake", BY_NAME, annotation=str | Path | None, default=None),
    inspect.Parameter("force", BY_NAME, annotation=bool, default=False),
)
"""What every function takes."""


@cache
def function(job: str) -> Callable[..., Run]:
    """The function of a job.

    Raises:
        ConfigError: there is no such job.
    """

    def make(
        client: Client,
        store: Store | str | Path,
        *,
        lake: str | Path | None = None,
        force: bool = False,
        **settings: Any,  # noqa: ANN401 (those of the signature)
    ) -> Run:
        return start(job, client, store, lake=lake, force=force, settings=settings)

    make.__name__ = make.__qualname__ = registry.entry(job).function or job
    make.__module__ = "jobs"
    make.__doc__ = documentation(job)
    make.__signature__ = signature(job)  # type: ignore[attr-defined]
    return make


def signature(job: str) -> inspect.Signature:
    """The arguments of the function of a job."""
    settings = map(_parameter, setting_descriptions.of_job(job))
    return inspect.Signature([*HEAD, *settings], return_annotation=Run)


def start(
    job: str,
    client: Client,
    store: Store | str | Path,
    *,
    lake: str | Path | None = None,
    force: bool = False,
    settings: Mapping[str, Any],
) -> Run:
    """Have the cluster make a run, unless it is done or under way; returns at once.

    Args:
        job: its name.
        client: of any Dask cluster.
        store: opened, or its key or URL.
        lake: folder or URL of the lake that gets the run.
        force: make it anew, though it is done.
        settings: by name.

    Raises:
        ConfigError: settings that cannot work, or no lake.
        MissingError: no such store or run.
    """
    opened = store if isinstance(store, Store) else open_store(store, root=lake)
    root = _root(opened, lake)
    values = {name: _named(value, root) for name, value in settings.items()}
    asked = settings_by_name.build(jobs_by_name.load(job).Settings, values)
    specs = driver.specs(root, opened.url, asked)
    if force:
        driver.forget(root, specs[-1].id)
    return submit(client, root, specs)


def documentation(job: str) -> str:
    """The docstring of a function: what the job does, and every argument."""
    entry = registry.entry(job)
    arguments = {
        "client": "of any Dask cluster, synchronous; its workers make the run.",
        "store": "opened by `lake.open`, or its key or URL.",
        "lake": "folder or URL of the lake that gets the run; None: the one of the store.",
        "force": "make the run anew, though it is done.",
    } | {setting.name: _explanation(setting) for setting in setting_descriptions.of_job(job)}
    lines = "\n".join(f"    {name}: {text}" for name, text in arguments.items())
    return f"""{entry.help}

Returns at once: the run is made by the cluster, whatever becomes of this process. A run of the same settings
that is done is not made again; one that was stopped or failed goes on. docs/{entry.page} says more.

Args:
{lines}

Returns:
    The run, to wait for, watch, stop, read and draw.

Raises:
    ConfigError: settings that cannot work, found before the cluster is asked.
    MissingError: no such store, or no such run that it should build on; or no worker.
"""


def _explanation(setting: SettingDescription) -> str:
    """What a setting is, and its choices."""
    if not setting.choices:
        return setting.text
    return f"{setting.text} {'Some' if setting.is_many else 'One'} of {', '.join(setting.choices)}."


def _parameter(setting: SettingDescription) -> inspect.Parameter:
    """The argument of a setting; what has several values may also be text, as of `--set`."""
    item: Any = TYPES[setting.item]
    kind: Any = Sequence[item] | str if setting.is_many else item
    kind = WIDER.get(setting.name, kind)
    return inspect.Parameter(setting.name, BY_NAME, annotation=kind, default=setting.default)


def _root(store: Store, lake: str | Path | None) -> str:
    """The lake that gets the runs of a store.

    Raises:
        ConfigError: none is given, and the store lies in none.
    """
    if lake is not None:
        return absolute(lake)
    if store.lake is None:
        raise ConfigError(
            f"{store.url} lies in no lake, which would get the run: name one by lake=, a folder or URL"
        )
    return store.lake


def _named(value: Any, root: str) -> Any:  # noqa: ANN401 (of any setting)
    """A value as settings have it: runs by their ids, stores by key or URL, paths as text."""
    if isinstance(value, StoredRun):
        if value.state != DONE:
            raise ConfigError(f"{value.id} is {value.state}: wait for it first, by its 'result()'")
        return value.id
    if isinstance(value, Store):
        key = str(value.key)
        return key if value.plain_url.startswith(join(root, f"{key}/v/")) else value.url
    if isinstance(value, Path):
        return str(value)
    return [_named(item, root) for item in value] if isinstance(value, list | tuple) else value
