"""What the settings of a job are, read from the source of its module, which is not imported.

Help, completion, the page of settings and the functions of `import jobs` describe settings by this. Jobs
import torch, scikit-learn or Dask: to read their text instead takes milliseconds, and Python itself keeps no
docstring of a field.

A setting is a field of the class `Settings`, of a class that it inherits, or of a class of settings that is
the type of a field. Its default and its choices are literals, or names of such in any module of ours.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jobs import registry
from jobs.registry import OWN
from lake.errors import FormatError

SETTINGS = "Settings"
_NEWER = "newer"


@dataclass(frozen=True, slots=True)
class SettingDescription:
    """One setting of a job, as people are told of it."""

    name: str
    type: str
    """As in the source: `int`, `float`, `bool`, `str`, `TimeOfDay`, or a tuple of one of them."""
    default: Any
    text: str
    """The docstring of the field, as one line."""
    choices: tuple[str, ...]
    """Every value that it can have, or each of its values; empty: they cannot be listed."""
    group: str
    """What it belongs to: the first sentence on the class that has the field."""

    @property
    def is_many(self) -> bool:
        """Whether it has any number of values."""
        return self.type.startswith("tuple[")

    @property
    def item(self) -> str:
        """Type of one of its values."""
        return self.type.removeprefix("tuple[").removesuffix(", ...]")


@cache
def of_job(job: str) -> tuple[SettingDescription, ...]:
    """The settings of a job, in the order of its `Settings`.

    Raises:
        ConfigError: there is no such job.
    """
    return of_module(registry.entry(job).module)


def of_module(module: str) -> tuple[SettingDescription, ...]:
    """The settings of the module of a job.

    Raises:
        FormatError: a field whose default or choices cannot be read from the source.
    """
    by_name = {setting.name: setting for setting in _settings(_source(module), SETTINGS)}
    return tuple(by_name.values())


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """The text of a module, taken apart."""

    module: str
    classes: Mapping[str, ast.ClassDef]
    values: Mapping[str, ast.expr]
    """Expressions of the names that are bound at its top."""
    imports: Mapping[str, tuple[str, str]]
    """Name -> the module that it was imported from, and its name there."""


@cache
def _source(module: str) -> _Source:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise FormatError(f"the source of {module} is not there: its settings cannot be described")
    body = ast.parse(Path(spec.origin).read_text("utf-8")).body
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    imports = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return _Source(module, classes, dict(_bindings(body)), imports)


def _bindings(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value
        elif isinstance(node, ast.Assign):
            (target, *_) = node.targets
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                names = (item.id for item in target.elts if isinstance(item, ast.Name))
                yield from zip(names, node.value.elts, strict=True)


def _settings(source: _Source, name: str) -> Iterator[SettingDescription]:
    """The settings of a class, those of classes that it inherits first."""
    node = source.classes[name]
    for base in node.bases:
        if isinstance(base, ast.Name) and (found := _class(source, base.id)):
            yield from _settings(*found)
    group = (ast.get_docstring(node) or "").partition("\n")[0]
    for statement, below in zip(node.body, [*node.body[1:], None], strict=True):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(statement.annotation, ast.Name) and (
            nested := _class(source, statement.annotation.id)
        ):
            yield from _settings(*nested)
        else:
            yield _setting(source, statement, statement.target.id, _docstring(below), group)


def _setting(
    source: _Source, node: ast.AnnAssign, name: str, text: str, group: str
) -> SettingDescription:
    kind, mark = _type(node.annotation)
    try:
        choices = _value(source, ast.parse(mark, mode="eval").body) if mark else ()
        return SettingDescription(name, kind, _default(source, node.value), text, choices, group)
    except FormatError as error:
        raise FormatError(f"setting {name} of {source.module}: {error}") from error


def _docstring(node: ast.stmt | None) -> str:
    """The text under a field, as one line."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _type(node: ast.expr) -> tuple[str, str]:
    """The type without what annotates it, and the name that its `OneOf` has; "" if there is none."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple)):
        return ast.unparse(node), ""
    first, *rest = node.slice.elts
    if ast.unparse(node.value) == "Annotated":
        marks = [item.args[0] for item in rest if isinstance(item, ast.Call)]
        return ast.unparse(first), str(ast.literal_eval(marks[0]))
    kind, mark = _type(first)
    return f"tuple[{kind}, ...]", mark


def _default(source: _Source, node: ast.expr | None) -> Any:  # noqa: ANN401 (of any type)
    """The default of a field, which may be given by `newer`."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == _NEWER:
        (node,) = (*node.args, *(keyword.value for keyword in node.keywords))
    return _value(source, node)


def _value(source: _Source, node: ast.expr | None) -> Any:  # noqa: ANN401, PLR0911 (of any type)
    """The value of an expression; of a mapping its keys."""
    match node:
        case ast.Constant(value):
            return value
        case ast.UnaryOp(ast.USub(), operand):
            return -_value(source, operand)
        case ast.Tuple(items):
            return tuple(value for item in items for value in _values(source, item))
        case ast.Dict(keys, values):
            return tuple(
                value
                for key, mapping in zip(keys, values, strict=True)
                for value in (_value(source, mapping) if key is None else [_value(source, key)])
            )
        case ast.Name(name):
            return _named(source, name)
        case ast.Attribute(ast.Name(module), name) if module in source.imports:
            return _named(_source(".".join(source.imports[module])), name)
        case ast.Call(ast.Name("tuple"), [argument]):
            return tuple(_value(source, argument))
        case ast.Subscript(value, ast.Slice(None, ast.Constant(stop), None)):
            return _value(source, value)[:stop]
    text = "nothing" if node is None else ast.unparse(node)
    raise FormatError(f"found {text}: wanted a literal, or the name of one")


def _values(source: _Source, item: ast.expr) -> tuple[Any, ...]:
    """The values that an item stands for: itself, or all those behind a star."""
    if isinstance(item, ast.Starred):
        return tuple(_value(source, item.value))
    return (_value(source, item),)


def _named(source: _Source, name: str) -> Any:  # noqa: ANN401 (of any type)
    """The value of a name of a module."""
    if name in source.values:
        return _value(source, source.values[name])
    if name in source.imports:
        module, imported = source.imports[name]
        return _named(_source(module), imported)
    raise FormatError(f"{source.module} has no literal {name}")


def _class(source: _Source, name: str) -> tuple[_Source, str] | None:
    """Where a class of settings is defined; None: the name is of no class of ours."""
    if name in source.classes:
        return source, name
    module, imported = source.imports.get(name, ("", ""))
    return _class(_source(module), imported) if module.partition(".")[0] in OWN else None
