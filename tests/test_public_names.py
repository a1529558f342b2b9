"""What people find by `dir` and `help`: every public name says what it is, takes and gives."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

MODULES = ("lake", "jobs", "ingest", "lake.plot", "lake.export")


def public() -> Iterator[tuple[str, Any]]:
    """Functions, classes, and methods and properties of classes, by their names."""
    for module in map(import_module, MODULES):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value):
                yield f"{module.__name__}.{name}", value
                for member in filter(lambda member: not member.startswith("_"), dir(value)):
                    found = inspect.getattr_static(value, member)
                    if not inspect.ismemberdescriptor(
                        found
                    ):  # fields say what they are in the source
                        yield f"{module.__name__}.{name}.{member}", found
            elif inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value


NAMES = dict(public())
FUNCTIONS = {
    name: getattr(value, "__func__", value)
    for name, value in NAMES.items()
    if inspect.isfunction(getattr(value, "__func__", value))
}


@pytest.mark.parametrize("name", NAMES)
def test_help_says_in_a_sentence_what_it_is(name):
    text = inspect.getdoc(NAMES[name]) or ""
    summary = text.partition("\n\n")[0].strip()
    assert len(summary) > 10, f"{name} has no docstring"
    assert summary[-1] in ".:", f"{name}: {summary!r} is no sentence"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_says_what_every_argument_is(name):
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    for parameter in parameters:
        if parameter.name not in {"self", "cls"}:
            assert f"\n    {parameter.name}: " in text, (
                f"{name} does not say what {parameter.name} is"
            )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_says_what_is_raised(name):
    """What the source of a function raises by name is told, unless only its parts raise."""
    function = inspect.unwrap(FUNCTIONS[name])
    raised = {
        line.split("raise ", 1)[1].split("(")[0].strip()
        for line in inspect.getsource(function).splitlines()
        if line.strip().startswith("raise ") and "Error(" in line
    }
    text = inspect.getdoc(function) or ""
    told = text.partition("Raises:")[2]
    assert all(f"{error}:" in told for error in raised - {"AttributeError"}), (name, raised)


@pytest.mark.parametrize("module", MODULES)
def test_completion_shows_the_public_names_and_little_else(module):
    names = set(dir(import_module(module)))
    assert set(import_module(module).__all__) <= names
    if module in {"lake", "jobs", "ingest"}:
        assert {name for name in names if not name.startswith("__")} == set(
            import_module(module).__all__
        )
