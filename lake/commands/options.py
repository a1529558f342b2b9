"""Options that commands share, and the types of their values."""

from collections.abc import Callable
from typing import Any

import click

from lake.errors import ConfigError
from lake.format.times import parse_months, parse_tod
from lake.storage.urls import absolute

STATISTICS = (
    "count", "min", "max", "m1", "m2", "m3", "m4", "mean", "stddev", "skewness", "kurtosis",
)  # fmt: skip
"""`lake.reading.cubes.ALL_STATISTICS`, named here too so that help does not load the readers."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class TimeOfDay(click.ParamType[int]):
    """A time of day, `18:00` or seconds of the UTC day."""

    name = "HH:MM"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:  # noqa: ANN401 (click's)
        """Seconds of the UTC day; a default that is a number stays as it is."""
        if isinstance(value, int):
            return value
        try:
            return parse_tod(str(value))
        except ConfigError as error:
            self.fail(str(error), param, ctx)


class Months(click.ParamType[tuple[int, ...]]):
    """Months, 1 to 12, separated by commas."""

    name = "M,M,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:  # noqa: ANN401 (click's)
        """The numbers of the months, in their order."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_months(str(value))
        except ConfigError as error:
            self.fail(str(error), param, ctx)


def place(_: click.Context, __: click.Parameter, url: str) -> str:
    """The value of an option that names a folder or URL; a folder becomes absolute, for workers elsewhere."""
    return absolute(url)


def key_of_lake(_: click.Context, __: click.Parameter, text: str) -> str:
    """The value of an argument that takes the key of a store alone: its command acts on a lake, not on a URL.

    Raises:
        ConfigError: the text is a URL or a path.
    """
    if "://" in text or text.startswith(("/", ".", "~")):
        raise ConfigError(
            f"{text!r} is a URL or a path: wanted the key of a store below --lake, sat/listing/t0_tf/geom; "
            "'lake ls' lists them"
        )
    return text.rstrip("/")


def options(*decorators: Decorator) -> Decorator:
    """Several options as one decorator; the last one is listed first in the help."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in decorators:
            command = decorator(command)
        return command

    return decorate


root_option = click.option(
    "--lake",
    "root",
    envvar="LAKE_ROOT",
    required=True,
    callback=place,
    help="Folder or URL of the lake [LAKE_ROOT].",
)
key_argument = click.argument("key", metavar="KEY", callback=key_of_lake)
store_argument = click.argument("store", metavar="KEY_OR_URL")
"""The store that a command reads: opened by `lake.open(store, root=root)`."""
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
address_option = click.option(
    "--address",
    envvar="DASK_SCHEDULER_ADDRESS",
    help="Dask scheduler; without one, a cluster on this machine [DASK_SCHEDULER_ADDRESS].",
)
