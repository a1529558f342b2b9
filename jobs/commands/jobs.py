"""A command for each job of the registry: it submits a run to the cluster, and watches it.

`--set run=RUN` names the run that a job builds on; without it, one of default settings is made first.
"""

from collections.abc import Sequence
from typing import Any

import click

from jobs import registry
from jobs.commands.running import check_detached, detach_option, emit_run, make
from jobs.runs import driver, records, settings
from jobs.runs import job as jobs_by_name
from lake.commands.options import (
    address_option,
    json_option,
    options,
    root_option,
    set_option,
    store_argument,
)
from lake.console.messages import say

run_options = options(
    json_option,
    detach_option,
    click.option("--force", is_flag=True, help="Make the run anew, though it is done."),
    address_option,
    set_option,
    root_option,
)
_job_options = options(run_options, store_argument)


def command(name: str) -> click.Command:
    """The command of a job; its libraries load when it runs."""

    def run(**options: Any) -> None:  # noqa: ANN401 (those above)
        make_run(name, **options)

    summary = registry.JOBS[name].help
    text = f"""{summary}

    A store is named by its key in the lake, or by its URL. docs/{registry.JOBS[name].page} has
    the settings.
    """
    return click.command(name=name, help=text)(_job_options(run))


def make_run(
    name: str,
    *,
    root: str,
    store: str,
    overrides: Sequence[str],
    address: str | None,
    force: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Make the run that the settings ask for, unless it is done."""
    job = jobs_by_name.load(name)  # torch, scikit-learn and matplotlib load with the job alone
    check_detached(address, detach=detach)
    parsed = settings.parse(job.Settings, overrides)
    specs = driver.specs(root, store, parsed)  # what cannot work is said before a cluster starts
    run = specs[-1].id
    if force:
        driver.forget(root, run)
    if finished := records.find(root, run):
        say(f"{run}: already done; --force makes it anew")
        emit_run(root, finished, already=True, as_json=as_json)
    else:
        make(root, driver.unfinished(root, specs), address, detach=detach, as_json=as_json)
    if not (detach or as_json) and (summary := jobs_by_name.summary(job, root, run)):
        say(summary)
