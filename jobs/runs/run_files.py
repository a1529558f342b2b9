"""A run described by a TOML file, from which the same run is made again.

job = "pca"                                       # may be left out; else it must be the command's
store = "goes16/small/20180101_20181231/g"        # key in the lake, or URL; an argument goes first

[settings]                                        # as by `--set`, which goes first
components = 200
months = [1, 7]

[generations]                                     # of stores in the lake; others are read at their newest
"goes16/small/20180101_20181231/g" = "00000001-3a5c"
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.runs import setting_descriptions
from jobs.runs.spec import Spec
from lake.errors import ConfigError
from lake.reading.run import flat

RUN = "run"
"""The setting of most jobs that names the one run they build on."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """What a file says; all of it may be left out."""

    job: str = ""
    store: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    generations: Mapping[str, str] = field(default_factory=dict)


def read(path: Path, job: str) -> RunFile:
    """The description of a run of a job.

    Raises:
        ConfigError: no TOML, a key that has no meaning here, a value of another type, or another job.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    kinds = {name: type(value) for name, value in _document(RunFile()).items()}
    for name, value in document.items():
        if name not in kinds:
            raise ConfigError(
                f"{path} has {name!r}: wanted {', '.join(kinds)}; settings go below [settings]"
            )
        if not isinstance(value, kinds[name]):
            wanted = "a table" if kinds[name] is dict else "text"
            raise ConfigError(f"{path}: {name} is {value!r}, wanted {wanted}")
    described = RunFile(**document)
    if described.job not in {"", job}:
        raise ConfigError(
            f"{path} describes a run of {described.job!r}: 'lake {described.job} --settings {path}' makes it"
        )
    return described


def of_spec(spec: Spec) -> RunFile:
    """The description by which a run is made again, under the same id."""
    names = {setting.name for setting in setting_descriptions.of_job(spec.job)}
    stored = flat(spec.settings) | dict(spec.changed)
    settings = {name: value for name, value in stored.items() if name in names}
    settings |= {name: run for name, run in spec.inputs.items() if name in names}
    if RUN in names and not settings.get(RUN) and len(spec.inputs) == 1:
        settings[RUN] = next(iter(spec.inputs.values()))
    inside = {source.key: source.generation for source in spec.stores if not source.url}
    return RunFile(spec.job, spec.stores[0].url or spec.store, settings, inside)


def text(described: RunFile) -> str:
    """The file."""
    document = _document(described)
    lines = [
        f"{name} = {_toml(value)}" for name, value in document.items() if isinstance(value, str)
    ]
    for name, table in document.items():
        if isinstance(table, Mapping) and table:
            lines += [
                "",
                f"[{name}]",
                *(f"{_key(key)} = {_toml(value)}" for key, value in table.items()),
            ]
    return "\n".join(lines)


def _document(described: RunFile) -> dict[str, Any]:
    return {name: getattr(described, name) for name in RunFile.__slots__}


def _key(key: str) -> str:
    return key if key.isidentifier() else _toml(key)


def _toml(value: object) -> str:
    """A value of a setting in TOML, in which text and lists are written as in JSON."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value)
