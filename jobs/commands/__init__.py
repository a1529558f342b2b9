"""The commands that work on stores and on runs, by name; each loads when it is used."""

from functools import partial

import click

from jobs import registry
from lake.commands.group import Command


def _job(name: str) -> click.Command:
    from jobs.commands.jobs import command  # noqa: PLC0415 (loads when it is used, as those below)

    return command(name)


def _classes() -> click.Command:
    from jobs.commands.classes import classes  # noqa: PLC0415

    return classes


def _import() -> click.Command:
    from jobs.commands.import_vectors import import_  # noqa: PLC0415

    return import_


def _join() -> click.Command:
    from jobs.commands.join import join  # noqa: PLC0415

    return join


def _plot() -> click.Command:
    from jobs.commands.plot import plot  # noqa: PLC0415

    return plot


def _prometheus() -> click.Command:
    from jobs.commands.prometheus import prometheus  # noqa: PLC0415

    return prometheus


def _report() -> click.Command:
    from jobs.commands.report import report  # noqa: PLC0415

    return report


def _runs() -> click.Command:
    from jobs.commands.runs import runs_  # noqa: PLC0415

    return runs_


COMMANDS = {
    name: Command(partial(_job, name), entry.extra, entry.help)
    for name, entry in registry.JOBS.items()
} | {
    "classes": Command(_classes, "jobs", registry.JOBS["classes"].help),
    "import": Command(_import, "jobs", registry.JOBS["import"].help),
    "join": Command(_join, "jobs", registry.JOBS["join"].help),
    "plot": Command(_plot, "plot", "Draw maps, cycles and films of a store; no cluster."),
    "prometheus": Command(
        _prometheus, "jobs", "Serve what a lake holds and how it fares, for Prometheus."
    ),
    "report": Command(_report, "embed", "Write a page with the pictures of a run."),
    "runs": Command(_runs, "jobs", "Look at runs of jobs, stop them, go on with them."),
}
