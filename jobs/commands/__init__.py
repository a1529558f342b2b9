"""The commands that work on stores and on runs, by name; each loads when it is used."""

from functools import partial

import click

from jobs import registry
from lake.commands.group import Command


def _job(name: str) -> click.Command:
    from jobs.commands.jobs import command

    return command(name)


def _classes() -> click.Command:
    from jobs.commands.classes import classes

    return classes


def _import() -> click.Command:
    from jobs.commands.import_vectors import import_

    return import_


def _join() -> click.Command:
    from jobs.commands.join import join

    return join


def _plot() -> click.Command:
    from jobs.commands.plot import plot

    return plot


def _prometheus() -> click.Command:
    from jobs.commands.prometheus import prometheus

    return prometheus


def _report() -> click.Command:
    from jobs.commands.report import report

    return report


def _runs() -> click.Command:
    from jobs.commands.runs import runs_

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
