"""What is read from the source of a job, against the settings themselves."""

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from jobs import registry
from jobs.runs import setting_descriptions
from jobs.runs.settings import OneOf, TimeOfDay
from lake.errors import ConfigError, FormatError

jobs = pytest.mark.parametrize("job", list(registry.JOBS))


def leaves(settings: Any) -> Iterator[tuple[str, Any, Any, type]]:
    """Name, type, default and class of every setting of an instance."""
    for entry in fields(settings):
        value = getattr(settings, entry.name)
        if is_dataclass(value):
            yield from leaves(value)
        else:
            kind = get_type_hints(type(settings), include_extras=True)[entry.name]
            yield entry.name, kind, value, type(settings)


def owner(kind: type, name: str) -> Any:
    """The module of the class, of those that `kind` inherits, that has a field."""
    (*_, first) = (base for base in kind.__mro__ if name in getattr(base, "__annotations__", {}))
    return sys.modules[first.__module__]


def item(kind: Any) -> tuple[Any, tuple[OneOf, ...]]:
    """The type of one value, and the marks that it carries."""
    kind = get_args(kind)[0] if get_origin(kind) is tuple else kind
    if kind is TimeOfDay or get_origin(kind) is not Annotated:
        return kind, ()
    return get_args(kind)[0], get_args(kind)[1:]


@jobs
def test_descriptions_are_those_of_the_dataclasses(job):
    expected = list(leaves(registry.load(job).Settings()))
    found = setting_descriptions.of_job(job)
    assert [setting.name for setting in found] == [name for name, *_ in expected]
    for setting, (name, kind, default, settings) in zip(found, expected, strict=True):
        assert setting.default == default
        assert setting.is_many == (get_origin(kind) is tuple)
        one, marks = item(kind)
        assert setting.item == ("TimeOfDay" if one is TimeOfDay else one.__name__)
        choices: tuple[str, ...] = ()
        for mark in marks:
            choices = owner(settings, name)
            for part in mark.name.split("."):
                choices = getattr(choices, part)
        assert setting.choices == tuple(choices)


@jobs
def test_every_setting_has_a_text_of_its_own(job):
    for setting in setting_descriptions.of_job(job):
        assert setting.text.endswith("."), setting.name
        assert len(setting.text) < 200, setting.name
        assert "jobs." not in setting.text, f"{setting.name} names a module"
        assert setting.group.endswith("."), setting.name


@jobs
def test_choices_are_taken_and_others_are_refused(job):
    made = registry.load(job).Settings
    for setting in setting_descriptions.of_job(job):
        if setting.choices and setting.name in {entry.name for entry in fields(made)}:
            with pytest.raises(ConfigError, match=setting.name):
                made(**{setting.name: ("nonesuch",) if setting.is_many else "nonesuch"})


def test_job_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="no job 'fly'"):
        setting_descriptions.of_job("fly")


def test_default_that_is_computed_is_refused_by_its_name(tmp_path, monkeypatch):
    (tmp_path / "computed_job.py").write_text(
        'class Settings:\n    """Settings."""\n\n    size: int = len("abc")\n    """Size."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FormatError, match=r"setting size of computed_job: found len\('abc'\)"):
        setting_descriptions.of_module("computed_job")
