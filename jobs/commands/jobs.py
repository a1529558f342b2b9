"""A command for each job of the registry: it submits a run to the cluster, and watches it.

`--set run=RUN` names the run that a job builds on; without it, one of default settings is made first.
"""

from typing import Any

import click

from jobs.commands.job_options import job_command, run_options


def command(name: str) -> click.Command:
    """The command of a job; its libraries load when it runs."""

    @run_options
    @click.argument("store", metavar="KEY_OR_URL", required=False)
    def run(**options: Any) -> None:  # noqa: ANN401 (those above)
        from jobs.commands.making import make_run

        make_run(name, **options)

    return job_command(name, run)
