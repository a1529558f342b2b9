"""`lake runs`: list and watch runs, stop them, go on with them, delete them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from jobs.commands.job_options import detach_option, value_text
from lake.commands.options import address_option, json_option, options, root_option
from lake.console.messages import emit, json_text, say, table
from lake.errors import ConfigError

if TYPE_CHECKING:
    from jobs.runs.heartbeat import Status
    from jobs.runs.spec import FinishedRun, Spec


@click.group(name="runs")
def runs_() -> None:
    """Look at runs, stop them, go on with them, delete them; only the lake is needed, but for resume."""


_on_run = options(json_option, root_option, click.argument("run", metavar="RUN"))


@runs_.command()
@root_option
@click.option("--sizes", is_flag=True, help="Add up the bytes of every run.")
@json_option
def ls(root: str, *, sizes: bool, as_json: bool) -> None:
    """List the runs: what was asked for, of which store, when, how long it took, tags."""
    from jobs.runs import heartbeat, records

    rows = [
        _row(root, records.read_spec(root, run), heartbeat.read(root, run), records.find(root, run))
        | ({"bytes": _bytes(root, run)} if sizes else {})
        for run in records.names(root)
    ]
    head = ["run", "state", "settings", "store", "finished", "took", "tags"]
    text = table([*head, "size"] if sizes else head, [_texts(row) for row in rows])
    emit(rows, text if rows else f"no run in {root}", as_json=as_json)


@runs_.command()
@_on_run
@click.argument("tags", nargs=-1, metavar="TAG...")
@click.option("--remove", "removed", multiple=True, metavar="TAG", help="Take a tag off.")
def tag(
    run: str, root: str, tags: tuple[str, ...], removed: tuple[str, ...], *, as_json: bool
) -> None:
    """Give a run tags, by which people tell it apart; without TAG print those that it has."""
    from jobs.runs import tags as tags_of

    all_tags = (
        tags_of.change(root, run, tags, removed) if tags or removed else tags_of.read(root, run)
    )
    emit(
        {"run": run, "tags": all_tags}, f"{run}: {' '.join(all_tags) or 'no tags'}", as_json=as_json
    )


@runs_.command(name="classes")
@_on_run
@click.argument("number", type=int, required=False)
@click.argument("name", required=False)
@click.option("--colour", metavar="'#RRGGBB'", help="The colour of the class.")
@click.option("--forget", is_flag=True, help="Take off the name and colour that were given.")
def classes_(
    run: str,
    root: str,
    number: int | None,
    name: str | None,
    colour: str | None,
    *,
    forget: bool,
    as_json: bool,
) -> None:
    """Name and colour class NUMBER of a run; without NUMBER print all its classes."""
    from jobs.runs import class_names

    if number is None and (colour or forget):
        raise ConfigError("--colour and --forget are of one class: give its NUMBER, too")
    if number is not None and not (name or colour or forget):
        raise ConfigError(
            f"class {number} of {run} gets nothing: give a NAME, --colour or --forget"
        )
    classes = (
        class_names.read(root, run)
        if number is None
        else class_names.change(root, run, number, name, colour, forget=forget)
    )
    rows = [[str(each.number), each.name, each.colour] for each in classes]
    document = {"run": run, "classes": [asdict(each) for each in classes]}
    emit(document, table(["number", "name", "colour"], rows), as_json=as_json)


@runs_.command()
@_on_run
def tree(run: str, root: str, *, as_json: bool) -> None:
    """Print what a run builds on, as a tree, and which runs build on it."""
    from jobs.runs import lineage, records

    lines, rows = [], []
    for depth, name in lineage.tree(root, run):
        spec = records.read_spec(root, name)
        rows.append(
            {"run": name, "depth": depth, "store": spec.store, "settings": dict(spec.changed)}
        )
        lines.append(f"{'    ' * depth}{name}  {spec.store}  {_settings(spec.changed)}".rstrip())
    above = lineage.builders(root, run)
    lines += [f"{', '.join(above)} build on {run}"] if above else []
    emit({"tree": rows, "builders": above}, "\n".join(lines), as_json=as_json)


@runs_.command()
@_on_run
@click.option(
    "--toml", "as_toml", is_flag=True, help="As a file from which --settings makes it again."
)
def show(run: str, root: str, *, as_toml: bool, as_json: bool) -> None:
    """Print what a run computes and how it stands."""
    from jobs.runs import heartbeat, records, run_files

    if as_toml:
        click.echo(run_files.text(run_files.of_spec(records.read_spec(root, run))))
        return
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
    from jobs.commands.running import emit_run
    from jobs.runs import records
    from jobs.runs.watch import watch

    records.read_spec(root, run)
    emit_run(root, watch(root, [run], lines=as_json), already=False, as_json=as_json)


@runs_.command()
@_on_run
def logs(run: str, root: str, *, as_json: bool) -> None:
    """Print the messages and errors of all attempts at a run."""
    from jobs.runs import records

    records.read_spec(root, run)
    lines = records.log(root, run)
    emit(
        lines, "\n".join(f"{line['at'][:19]}Z {line['message']}" for line in lines), as_json=as_json
    )


@runs_.command()
@_on_run
def stop(run: str, root: str, *, as_json: bool) -> None:
    """Ask a run, and those it still waits for, to stop; what is done is kept."""
    from jobs.runs import driver, heartbeat

    for spec in driver.specs_to_resume(root, run):
        heartbeat.stop(root, spec.id)
    emit({"run": run}, f"{run}: asked to stop; 'lake runs resume {run}' goes on", as_json=as_json)


@runs_.command()
@_on_run
def rm(run: str, root: str, *, as_json: bool) -> None:
    """Delete a run with all that it made; not one that runs, or that another run builds on."""
    from jobs.runs import removal

    objects = removal.remove(root, run)
    emit({"run": run, "objects": objects}, f"{run}: {objects} objects deleted", as_json=as_json)


@runs_.command()
@_on_run
@address_option
@detach_option
def resume(run: str, root: str, address: str | None, *, detach: bool, as_json: bool) -> None:
    """Go on with a run that was stopped, failed or lost its cluster."""
    from jobs.commands.running import check_detached, emit_run, make
    from jobs.runs import driver, records

    if finished := records.find(root, run):
        say(f"{run}: already done")
        emit_run(root, finished, already=True, as_json=as_json)
        return
    check_detached(address, detach=detach)
    make(root, driver.specs_to_resume(root, run), address, detach=detach, as_json=as_json)


def _row(
    root: str, spec: "Spec", status: "Status | None", finished: "FinishedRun | None"
) -> dict[str, Any]:
    from jobs.runs import heartbeat
    from jobs.runs import tags as tags_of

    state = heartbeat.DONE if finished else heartbeat.state_of(root, spec.id, status)
    return {
        "run": spec.id,
        "state": state,
        "stage": status.stage if status else "",
        "tasks": f"{status.tasks_done}/{status.tasks}" if status and status.tasks else "",
        "store": spec.store,
        "settings": dict(spec.changed),
        "finished": finished.finished if finished else None,
        "seconds": finished.seconds if finished else None,
        "tags": tags_of.read(root, spec.id),
    }


def _texts(row: dict[str, Any]) -> list[str]:
    """A row of the table of runs."""
    from rich.filesize import decimal

    from jobs.runs import heartbeat

    is_done = row["state"] == heartbeat.DONE
    state = row["state"] if is_done else f"{row['state']} {row['stage']} {row['tasks']}".strip()
    finished = f"{row['finished'][:16]}Z".replace("T", " ") if is_done else ""
    took = f"{row['seconds']:.0f} s" if is_done else ""
    texts = [
        row["run"], state, _settings(row["settings"]), row["store"], finished, took, " ".join(row["tags"]),
    ]  # fmt: skip
    return [*texts, decimal(row["bytes"])] if "bytes" in row else texts


def _settings(values: Mapping[str, Any]) -> str:
    """Settings as they are set."""
    return " ".join(f"{name}={value_text(value)}" for name, value in values.items())


def _bytes(root: str, run: str) -> int:
    from jobs.runs import records

    return sum(entry.size for entry in records.folder(root, run).entries())
