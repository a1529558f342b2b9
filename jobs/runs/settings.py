"""Settings by name, from `--set name=value`, a TOML file or Python, onto the frozen dataclass of a job.

Text is read by the type of its field: int, float, bool (`true`, `false`), str, `TimeOfDay` (`18:00` or
`64800`), and tuples of these, separated by commas. Other values must have the type of their field. A field
may be a dataclass of settings itself: its names are given without a prefix. Ranges are checked by the
dataclasses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from operator import index
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from lake.console.messages import brief
from lake.errors import ConfigError, FormatError
from lake.format.times import parse_tod

T = TypeVar("T")


def _parse_tod(text: str) -> int:
    return int(text) if text.startswith("-") else parse_tod(text)


TimeOfDay = Annotated[int, _parse_tod]
"""Seconds of the UTC day; below 0 where a job chooses one itself. The second argument reads its text."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a field of text by the values that it can have: `Annotated[str, OneOf("METHODS")]`.

    They are those of a tuple, or the keys of a mapping, of the module in which the field stands. Help and
    completion list them (`jobs.runs.setting_descriptions`); the dataclass checks them.
    """

    name: str
    """Of the tuple or the mapping."""


_NEWER = "newer"
_BOOLS = {"true": True, "false": False}
_DESCRIPTIONS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    TimeOfDay: "a time of day, HH:MM or seconds",
}


def parse(kind: type[T], overrides: Sequence[str]) -> T:
    """The settings `kind` with the values of `overrides`; of one name the last counts.

    Args:
        kind: a dataclass whose fields all have defaults.
        overrides: `name=value` each.

    Raises:
        ConfigError: not `name=value`, an unknown name, or a value of another type.
    """
    return build(kind, texts(overrides))


def texts(overrides: Sequence[str]) -> dict[str, str]:
    """Name -> text of `name=value` each; of one name the last counts.

    Raises:
        ConfigError: not `name=value`.
    """
    values = {}
    for override in overrides:
        name, equals, text = (part.strip() for part in override.partition("="))
        if not equals:
            raise ConfigError(f"--set {override!r}: wanted NAME=VALUE")
        values[name] = text
    return values


def build(kind: type[T], values: Mapping[str, Any]) -> T:
    """The settings `kind` with these values.

    Args:
        kind: a dataclass whose fields all have defaults.
        values: by name; text is read by the type of the field.

    Raises:
        ConfigError: an unknown name, a value of another type, or one that the settings refuse.
    """
    types = _types(kind)
    for name, value in values.items():
        if name not in types:
            near = (
                [f"did you mean {close[0]!r}? "]
                if (close := get_close_matches(name, types, 1))
                else []
            )
            raise ConfigError(
                f"setting {name}={brief(value)}: no setting {name!r}; {''.join(near)}"
                f"wanted one of {', '.join(types)}"
            )
    return _build(kind, {name: _value(types[name], value, name) for name, value in values.items()})


def restore(kind: type[T], document: Mapping[str, Any]) -> T:
    """The settings that were stored as JSON; a setting that is not in it has its default.

    A kind whose stored form has changed offers `upgrade(document)`, which gives today's form of an older one.

    Raises:
        FormatError: a setting that `kind` does not have: another version of goeslake stored it.
    """
    upgrade = getattr(kind, "upgrade", dict)
    document = upgrade(document)
    types = get_type_hints(kind)
    if unknown := document.keys() - types.keys():
        raise FormatError(
            f"stored settings {', '.join(sorted(unknown))} are those of another version of goeslake: "
            f"wanted some of {', '.join(types)}; have the run made anew by the command of its job"
        )
    return kind(**{name: _restore_value(types[name], value) for name, value in document.items()})


def newer(default: T) -> T:
    """A field of settings that is left out of specs while it has its default.

    So runs that make no use of it keep the names that they had before there was such a setting.
    """
    settings_field: T = field(default=default, metadata={_NEWER: True})
    return settings_field


def as_stored(settings: Any) -> dict[str, Any]:  # noqa: ANN401 (a dataclass)
    """Settings by name, as specs have them: without `newer` ones that have their defaults."""
    values = ((entry, getattr(settings, entry.name)) for entry in fields(settings))
    return {
        entry.name: as_stored(value) if is_dataclass(value) else value
        for entry, value in values
        if not (entry.metadata.get(_NEWER) and value == entry.default)
    }


def changed(settings: Any) -> dict[str, Any]:  # noqa: ANN401 (a dataclass)
    """Settings that differ from the defaults, by the names that people set them by."""
    default = type(settings)()
    found: dict[str, Any] = {}
    for entry in fields(settings):
        value = getattr(settings, entry.name)
        if is_dataclass(value):
            found |= changed(value)
        elif value != getattr(default, entry.name):
            found[entry.name] = value
    return found


def check(requirement: str, value: object, *, holds: bool) -> None:
    """Refuse a setting, by what is required of it and the value that it has.

    Raises:
        ConfigError: not `holds`.
    """
    if not holds:
        raise ConfigError(f"setting {requirement}, found {value!r}")


def _types(kind: type) -> dict[str, Any]:
    """Every name that can be set, with its type."""
    types: dict[str, Any] = {}
    for name, field_type in get_type_hints(kind, include_extras=True).items():
        types |= _types(field_type) if is_dataclass(field_type) else {name: field_type}  # type: ignore[arg-type]
    return types


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    arguments = {}
    for name, field_type in get_type_hints(kind).items():
        if is_dataclass(field_type):
            arguments[name] = _build(field_type, values)  # type: ignore[arg-type]
        elif name in values:
            arguments[name] = values[name]
    return kind(**arguments)


def _value(kind: Any, value: Any, name: str) -> Any:  # noqa: ANN401 (a type, and its value)
    """The value of a setting in the type of its field."""
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part]
        if not isinstance(value, Iterable):
            raise ConfigError(f"setting {name}: {brief(value)} is not a list, as [{brief(value)}]")
        return tuple(_value(item, part, name) for part in value)
    try:
        return _reader(kind)(value) if isinstance(value, str) else _typed(kind, value)
    except (KeyError, ValueError, TypeError):
        raise ConfigError(
            f"setting {name}: {brief(value)} is not {_DESCRIPTIONS[_plain(kind)]}"
        ) from None


def _reader(kind: Any) -> Callable[[str], Any]:  # noqa: ANN401 (a type)
    """What makes a value of this type from text."""
    if kind is bool:
        return _BOOLS.__getitem__
    reader: Callable[[str], Any] = get_args(kind)[1] if kind is TimeOfDay else _plain(kind)
    return reader


def _plain(kind: Any) -> Any:  # noqa: ANN401 (types)
    """The type without the mark of its choices."""
    return get_args(kind)[0] if get_origin(kind) is Annotated and kind is not TimeOfDay else kind


def _typed(kind: Any, value: Any) -> Any:  # noqa: ANN401 (a type, and its value)
    """A value that is no text, NumPy's too; TypeError where it is of another type."""
    is_bool = type(value).__name__ == "bool"  # NumPy's has the same name
    if kind is bool and is_bool:
        return bool(value)
    if is_bool or _plain(kind) is str or kind is bool:
        raise TypeError(kind)
    return float(value) if kind is float else index(value)


def _restore_value(kind: Any, value: Any) -> Any:  # noqa: ANN401 (a type, and its value)
    if is_dataclass(kind):
        return restore(kind, value)  # type: ignore[arg-type]
    return tuple(value) if get_origin(kind) is tuple else value
