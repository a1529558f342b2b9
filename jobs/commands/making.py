"""Makes the run that a command asks for, unless it is done."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from jobs.commands.running import check_detached, emit_run, make
from jobs.runs import driver, records, run_files, settings
from jobs.runs import job as jobs_by_name
from jobs.runs.run_files import RunFile
from lake.console.messages import say


def make_run(
    name: str,
    *,
    root: str,
    store: str | None,
    overrides: Sequence[str],
    settings_file: Path | None,
    address: str | None,
    force: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Make the run of a job that the settings ask for."""
    described = run_files.read(settings_file, name) if settings_file else RunFile()
    if not (store or described.store):
        raise click.UsageError(
            "Missing argument 'KEY_OR_URL', the store; or a --settings file that names it."
        )
    job = jobs_by_name.load(name)  # torch, scikit-learn and matplotlib load with the job alone
    check_detached(address, detach=detach)
    values = {**described.settings, **settings.texts(overrides)}
    parsed = settings.build(job.Settings, values)
    # what cannot work is said before a cluster starts
    specs = driver.specs(root, store or described.store, parsed, described.generations)
    run = specs[-1].id
    if force:
        driver.forget(root, run)
    if finished := records.find(root, run):
        say(f"{run}: already done; --force makes it anew")
        emit_run(root, finished, already=True, as_json=as_json)
    else:
        for base in driver.unfinished(root, specs[:-1]):
            say(
                f"{base.id} is made first, of default settings; '--set run=RUN' builds on another run"
            )
        make(root, specs, address, detach=detach, as_json=as_json)
    if not (detach or as_json) and (summary := jobs_by_name.summary(job, root, run)):
        say(summary)


def make_joined_run(
    name: str,
    runs: Sequence[str],
    *,
    root: str,
    overrides: Sequence[str],
    settings_file: Path | None,
    **options: Any,  # noqa: ANN401 (those of `make_run`)
) -> None:
    """Make the run that joins runs, on the store of the first one; they may stand in the file."""
    if not (runs or settings_file):
        raise click.UsageError(
            "Missing argument 'RUN RUN...'; or a --settings file that names them."
        )
    store = None
    if runs:
        store = records.store_of(root, runs[0]).url
        overrides = (*overrides, f"runs={','.join(runs)}")
    make_run(
        name, root=root, store=store, overrides=overrides, settings_file=settings_file, **options
    )
