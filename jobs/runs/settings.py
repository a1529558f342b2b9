"""`--set name=value` onto the frozen dataclass that holds a job's settings.

A value is read by the type of its field: int, float, bool (`true`, `false`), str, and tuples of
int, float or str, separated by commas. A field may be a dataclass of settings itself: its names are given
without a prefix. Ranges are checked by the dataclasses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lake.errors import ConfigError, FormatError

T = TypeVar("T")

_BOOL = {"true": True, "false": False}
_WANTED = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def parse(kind: type[T], overrides: Sequence[str]) -> T:
    """The settings `kind` with the values of `overrides`; of one name the last counts.

    Args:
        kind: a dataclass whose fields all have defaults.
        overrides: `name=value` each.

    Raises:
        ConfigError: not `name=value`, an unknown name, or a value of another type.
    """
    types = _types(kind)
    values: dict[str, Any] = {}
    for override in overrides:
        name, equals, text = (part.strip() for part in override.partition("="))
        if not equals:
            raise ConfigError(f"--set {override!r}: wanted NAME=VALUE")
        if name not in types:
            known = ", ".join(types)
            raise ConfigError(f"--set {override!r}: no setting {name!r}; wanted one of {known}")
        values[name] = _value(types[name], text, override)
    return _build(kind, values)


def restore(kind: type[T], noted: Mapping[str, Any]) -> T:
    """The settings that were noted as JSON; what was not noted has its default.

    Raises:
        FormatError: a setting that there is not: another version of goeslake had it.
    """
    types = get_type_hints(kind)
    if unknown := noted.keys() - types.keys():
        raise FormatError(
            f"stored settings {', '.join(sorted(unknown))} are those of another version of goeslake: "
            f"wanted some of {', '.join(types)}; have the run made anew by the command of its job"
        )
    return kind(**{name: _restored(types[name], value) for name, value in noted.items()})


def check(wanted: str, found: object, *, holds: bool) -> None:
    """Refuse a setting.

    Raises:
        ConfigError: not `holds`.
    """
    if not holds:
        raise ConfigError(f"setting {wanted}, found {found!r}")


def _nested(kind: Any) -> bool:  # noqa: ANN401 (a type)
    return is_dataclass(kind)


def _types(kind: type) -> dict[str, Any]:
    """Every name that can be set, with its type."""
    found: dict[str, Any] = {}
    for name, of in get_type_hints(kind).items():
        found |= _types(of) if _nested(of) else {name: of}
    return found


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    arguments = {
        name: _build(of, values) if _nested(of) else values[name]
        for name, of in get_type_hints(kind).items()
        if _nested(of) or name in values
    }
    return kind(**arguments)


def _value(kind: Any, text: str, override: str) -> Any:  # noqa: ANN401 (a type, and its value)
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return tuple(_value(item, part.strip(), override) for part in text.split(",") if part)
    read: Callable[[str], Any] = _BOOL.__getitem__ if kind is bool else kind
    try:
        return read(text)
    except (KeyError, ValueError):
        raise ConfigError(f"--set {override!r}: {text!r} is not {_WANTED[kind]}") from None


def _restored(kind: Any, value: Any) -> Any:  # noqa: ANN401 (a type, and its value)
    if _nested(kind):
        return restore(kind, value)
    return tuple(value) if get_origin(kind) is tuple else value
