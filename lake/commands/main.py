"""The command `lake`; its commands load when they are used.

Exit codes: 0 done, 1 failed, 2 wrong usage, 64 bad configuration, 65 bad input data.
"""

import os
import signal
import sys

import click

from lake.commands.group import Command, LazyGroup
from lake.console import logs
from lake.console.messages import say
from lake.errors import LakeError


def _catalog() -> click.Command:
    from lake.commands.catalog import catalog

    return catalog


def _completion() -> click.Command:
    from lake.commands.completion import completion

    return completion


def _demo() -> click.Command:
    from lake.commands.demo import demo

    return demo


def _explore() -> click.Command:
    from lake.commands.explore import explore

    return explore


def _export() -> click.Command:
    from lake.commands.export import export

    return export


def _gc() -> click.Command:
    from lake.commands.gc import gc

    return gc


def _info() -> click.Command:
    from lake.commands.stores import info

    return info


def _ls() -> click.Command:
    from lake.commands.stores import ls

    return ls


def _tree() -> click.Command:
    from lake.commands.stores import tree

    return tree


def _url() -> click.Command:
    from lake.commands.stores import url

    return url


COMMANDS = {
    "catalog": Command(_catalog, "", "Make the catalogue anew; export as STAC."),
    "completion": Command(_completion, "", "Print what makes a shell complete what is typed."),
    "demo": Command(_demo, "all", "Show the whole way on synthetic files, with pictures."),
    "explore": Command(_explore, "", "Look at the lake in a browser."),
    "export": Command(
        _export, "export", "Write part of a store, or of a run, as GeoTIFF, netCDF, Parquet."
    ),
    "gc": Command(_gc, "", "Delete what no reader or writer needs any more."),
    "info": Command(_info, "", "Show what a store holds, what waits, and what it lacks."),
    "ls": Command(_ls, "", "List the stores."),
    "tree": Command(_tree, "", "Show the groups and arrays of a store's newest generation."),
    "url": Command(_url, "", "Print the URL of a store's newest generation."),
}
"""The commands of `lake` itself; those of `ingest` and `jobs` join them by entry points."""


@click.group(
    cls=LazyGroup, offered=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="goeslake")
def lake() -> None:
    """A data lake of per-pixel statistics of GOES satellite images."""


def main() -> None:
    """Run the command; errors of this project end as a message and an exit code."""
    logs.begin()
    if os.getpid() == 1:  # in a container, where SIGTERM would do nothing
        signal.signal(signal.SIGTERM, _end)
    try:
        lake(prog_name="lake")
    except SystemExit:  # before the next clauses load what they name
        raise
    except LakeError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except _store_errors() as error:  # after all retries
        from lake.storage import refusals

        cause = str(error).partition("\n")[0]
        refusal = refusals.explain("use", "the object store", error)
        say(f"error: {refusal or f'{cause}; what was finished is kept: run it again'}")
        sys.exit(refusal.exit_code if refusal else 1)


def _store_errors() -> tuple[type[Exception], ...]:
    """The errors that a failing object store raises; asked for when something was raised."""
    from lake.storage.connect import STORE_ERRORS

    return STORE_ERRORS


def _end(*_: object) -> None:
    """End at once: what was committed stays, what was begun is garbage at most (lake.store.commits).

    An exception would have to find its way through Dask's threads and callbacks, which may keep it.
    """
    warning = "warning: asked to end (SIGTERM); what was finished is kept: run it again"
    os.write(2, f"{logs.line(warning) if logs.is_json() else warning}\n".encode())
    os._exit(128 + signal.SIGTERM)
