"""`lake runs`: list and watch runs, stop them, go on with them, delete them."""

import json
from dataclasses import asdict
from operator import itemgetter
from typing import Any

import click

from jobs.commands.running import check_detached, detach_option, emit_run, make
from jobs.runs import driver, heartbeat, records, removal
from jobs.runs.heartbeat import Status
from jobs.runs.spec import FinishedRun, Spec
from jobs.runs.watch import watch
from lake.commands.options import address_option, json_option, options, root_option
from lake.console.messages import emit, json_text, say, table


@click.group(name="runs")
def runs_() -> None:
    """Look at runs, stop them, go on with them, delete them; only the lake is needed, but for resume."""


_on_run = options(json_option, root_option, click.argument("run", metavar="RUN"))


@runs_.command()
@root_option
@json_option
def ls(root: str, *, as_json: bool) -> None:
    """List the runs."""
    rows = [
        _row(root, records.read_spec(root, run), heartbeat.read(root, run), records.find(root, run))
        for run in records.names(root)
    ]
    text = table(
        ["run", "state", "stage", "tasks", "store"], [list(map(str, row.values())) for row in rows]
    )
    emit(rows, text if rows else f"no run in {root}", as_json=as_json)


@runs_.command()
@_on_run
def show(run: str, root: str, *, as_json: bool) -> None:
    """Print what a run computes and how it stands."""
    spec, status, finished = (
        records.read_spec(root, run),
        heartbeat.read(root, run),
        records.find(root, run),
    )
    document = {
        **_row(root, spec, status, finished),
        "spec": asdict(spec),
        "status": asdict(status) if status else None,
        "done": asdict(finished) if finished else None,
    }
    emit(document, json_text(document), as_json=as_json)


@runs_.command(name="watch")
@_on_run
def watch_(run: str, root: str, *, as_json: bool) -> None:
    """Show the progress of a run until it ends; Ctrl-C ends the watching, not the run."""
    records.read_spec(root, run)
    emit_run(root, watch(root, [run], lines=as_json), already=False, as_json=as_json)


@runs_.command()
@_on_run
def logs(run: str, root: str, *, as_json: bool) -> None:
    """Print the messages and errors of all attempts at a run."""
    records.read_spec(root, run)
    objects = records.folder(root, run)
    lines = [
        json.loads(line) for path in objects.list("logs") for line in objects.get(path).splitlines()
    ]
    lines.sort(key=itemgetter("at"))
    emit(
        lines, "\n".join(f"{line['at'][:19]} {line['message']}" for line in lines), as_json=as_json
    )


@runs_.command()
@_on_run
def stop(run: str, root: str, *, as_json: bool) -> None:
    """Ask a run, and those it still waits for, to stop; what is done is kept."""
    for spec in driver.specs_to_resume(root, run):
        heartbeat.stop(root, spec.id)
    emit({"run": run}, f"{run}: asked to stop; 'lake runs resume {run}' goes on", as_json=as_json)


@runs_.command()
@_on_run
def rm(run: str, root: str, *, as_json: bool) -> None:
    """Delete a run with all that it made; not one that runs, or that another run builds on."""
    objects = removal.remove(root, run)
    emit({"run": run, "objects": objects}, f"{run}: {objects} objects deleted", as_json=as_json)


@runs_.command()
@_on_run
@address_option
@detach_option
def resume(run: str, root: str, address: str | None, *, detach: bool, as_json: bool) -> None:
    """Go on with a run that was stopped, failed or lost its cluster."""
    if finished := records.find(root, run):
        say(f"{run}: already done")
        emit_run(root, finished, already=True, as_json=as_json)
        return
    check_detached(address, detach=detach)
    make(root, driver.specs_to_resume(root, run), address, detach=detach, as_json=as_json)


def _row(
    root: str, spec: Spec, status: Status | None, finished: FinishedRun | None
) -> dict[str, Any]:
    state = heartbeat.DONE if finished else heartbeat.state_of(root, spec.id, status)
    stage = status.stage if status else ""
    tasks = f"{status.tasks_done}/{status.tasks}" if status and status.tasks else ""
    return {"run": spec.id, "state": state, "stage": stage, "tasks": tasks, "store": spec.store}
