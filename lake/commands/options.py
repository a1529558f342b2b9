"""Options that commands share."""

from collections.abc import Callable
from typing import Any

import click

from lake.storage.urls import absolute


def place(_: click.Context, __: click.Parameter, url: str) -> str:
    """For options that name a folder or URL: a folder becomes absolute, as workers stand elsewhere."""
    return absolute(url)


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def options(*of: Decorator) -> Decorator:
    """Several options as one decorator; the last one is shown first."""

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in of:
            command = option(command)
        return command

    return decorated


root_option = click.option(
    "--lake",
    "root",
    envvar="LAKE_ROOT",
    required=True,
    callback=place,
    help="Folder or URL of the lake [LAKE_ROOT].",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    help="Override a setting; repeatable.",
)
address_option = click.option(
    "--address",
    envvar="DASK_SCHEDULER_ADDRESS",
    help="Dask scheduler; without one, a cluster on this machine [DASK_SCHEDULER_ADDRESS].",
)
