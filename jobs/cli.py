"""The commands that work on a store, one for each job, and `lake runs`.

Each makes what it builds on, with default settings, where a run is not named by `--set`. A run is made
by the cluster; the command submits it and watches.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from operator import itemgetter
from typing import Any

import click

from jobs import driver, pulse, runs, settings
from jobs.pulse import Status
from jobs.runs import Done, Spec
from jobs.watch import watch
from lake import cluster as dask
from lake.console import (
    address_option,
    emit,
    json_option,
    options,
    root_option,
    say,
    set_option,
    table,
)  # fmt: skip
from lake.errors import ConfigError

store_option = click.option(
    "--store", required=True, help="Key of a store in the lake, or URL of a store."
)
force_option = click.option("--force", is_flag=True, help="Make the run anew, though it is done.")
detach_option = click.option("--detach", is_flag=True, help="Submit the run and do not watch it.")
_options = options(
    json_option, detach_option, force_option, address_option, set_option, store_option, root_option,
)  # fmt: skip


@click.command()
@_options
def sample(**given: Any) -> None:  # noqa: ANN401 (the options above)
    """Draw a sample of pixels with their features: docs/sampling.md has the designs."""
    _run("jobs.sample", **given)


@click.command()
@_options
def pca(**given: Any) -> None:  # noqa: ANN401
    """Fit principal components on all pixels, and score them."""
    _run("jobs.pca", **given)


@click.command()
@_options
def mnf(**given: Any) -> None:  # noqa: ANN401
    """Fit the components that two periods agree on (--set second=STORE), and score every pixel."""
    _run("jobs.mnf", **given)


@click.command()
@_options
def transform(**given: Any) -> None:  # noqa: ANN401
    """Score or embed the pixels of another store by the model of a run (--set model=RUN)."""
    _run("jobs.transform", **given)


@click.command()
@_options
def embed(**given: Any) -> None:  # noqa: ANN401
    """Train a model and embed every pixel: docs/embedding.md has the recipes."""
    _run("jobs.embed", **given)


@click.command()
@_options
def cluster(**given: Any) -> None:  # noqa: ANN401
    """Group the pixels by their embedding: surface classes."""
    _run("jobs.cluster", **given)


@click.command()
@_options
def classify(**given: Any) -> None:  # noqa: ANN401
    """Tell the class of every pixel by labels of some (--set run=RUN --set labels=URL)."""
    _run("jobs.classify", **given)


@click.command()
@_options
def evaluate(**given: Any) -> None:  # noqa: ANN401
    """Measure how well the vectors of a run tell classes that are known: docs/evaluation.md.

    Needs '--set run=RUN' and '--set labels=URL'.
    """
    run = _run("jobs.evaluate", **given)
    if not (given["detach"] or given["as_json"]):
        found = import_module("jobs.evaluate").told(given["root"], run)["measures"]
        rows = [[name, f"{of['mean']:.3f}", f"{of['spread']:.3f}"] for name, of in found.items()]
        say(table(["measure", "mean", "spread"], rows))


@click.command(name="map")
@_options
def map_(**given: Any) -> None:  # noqa: ANN401
    """Draw maps of a store and of what was made from it."""
    _run("jobs.map", **given)


def _run(
    module: str,
    *,
    root: str,
    store: str,
    overrides: Sequence[str],
    address: str | None,
    force: bool,
    detach: bool,
    as_json: bool,
) -> str:
    """Make the run that is asked for, unless it is done; returns its id."""
    job = import_module(module)  # torch, scikit-learn and matplotlib load with the job alone
    _check_detached(address, detach=detach)
    chosen = settings.parse(job.Settings, overrides)
    wanted = driver.specs(root, store, chosen)  # what cannot work is told before a cluster starts
    run = wanted[-1].id
    if force:
        driver.forget(root, run)
    if done := runs.find(root, run):
        say(f"{run}: already done; --force makes it anew")
        _emit(root, done, already=True, as_json=as_json)
        return run
    _make(root, driver.lacking(root, wanted), address, detach=detach, as_json=as_json)
    return run


def _make(
    root: str, wanted: Sequence[Spec], address: str | None, *, detach: bool = False, as_json: bool
) -> None:
    """Submit runs, and watch them unless detached."""
    run, ids = wanted[-1].id, [spec.id for spec in wanted]
    with dask.client(address) as client:
        if pulse.is_alive(root, run):
            say(f"{run}: under way already")
            future = None
        else:
            future = driver.submit(client, root, wanted)
        say(f"{run}: dashboard {client.dashboard_link}")
        if detach:
            emit({"run": run}, run, as_json=as_json)
            return
        try:
            done = watch(root, ids, future, lines=as_json)
        except KeyboardInterrupt:
            goes_on = "goes on in the cluster" if address else "ends with this cluster"
            say(f"{run} {goes_on}: 'lake runs watch|stop|resume {run} --lake {root}'")
            raise
    _emit(root, done, already=False, as_json=as_json)


def _check_detached(address: str | None, *, detach: bool) -> None:
    if detach and not address:
        raise ConfigError("--detach needs a cluster that stays: give its --address")


def _emit(root: str, done: Done, *, already: bool, as_json: bool) -> None:
    objects = runs.folder(root, done.run)
    urls = [objects.url(path) for path in done.outputs]
    document = {
        "run": done.run,
        "url": objects.url(),
        "outputs": urls,
        "seconds": done.seconds,
        "already_done": already,
    }
    emit(document, "\n".join([done.run, *urls]), as_json=as_json)


@click.group(name="runs")
def runs_() -> None:
    """Look at runs, stop them, go on with them; only the lake is needed, but for resume."""


_on_run = options(json_option, root_option, click.argument("run", metavar="RUN"))


@runs_.command()
@root_option
@json_option
def ls(root: str, *, as_json: bool) -> None:
    """List the runs."""
    found = [
        _row(root, runs.read_spec(root, run), pulse.read(root, run), runs.find(root, run))
        for run in runs.names(root)
    ]
    text = table(
        ["run", "state", "stage", "parts", "store"], [list(map(str, r.values())) for r in found]
    )
    emit(found, text if found else f"no run in {root}", as_json=as_json)


@runs_.command()
@_on_run
def show(run: str, root: str, *, as_json: bool) -> None:
    """Tell what a run computes and how it stands."""
    spec, status, done = runs.read_spec(root, run), pulse.read(root, run), runs.find(root, run)
    document = {
        **_row(root, spec, status, done),
        "spec": asdict(spec),
        "status": asdict(status) if status else None,
        "done": asdict(done) if done else None,
    }
    emit(document, json.dumps(document, indent=1), as_json=as_json)


@runs_.command(name="watch")
@_on_run
def watch_(run: str, root: str, *, as_json: bool) -> None:
    """Show the progress of a run until it ends; Ctrl-C ends the looking alone."""
    runs.read_spec(root, run)
    _emit(root, watch(root, [run], lines=as_json), already=False, as_json=as_json)


@runs_.command()
@_on_run
def logs(run: str, root: str, *, as_json: bool) -> None:
    """Print what was said and what went wrong, of all attempts."""
    runs.read_spec(root, run)
    objects = runs.folder(root, run)
    lines = [
        json.loads(line) for path in objects.list("logs") for line in objects.get(path).splitlines()
    ]
    lines.sort(key=itemgetter("at"))
    emit(lines, "\n".join(f"{of['at'][:19]} {of['message']}" for of in lines), as_json=as_json)


@runs_.command()
@_on_run
def stop(run: str, root: str, *, as_json: bool) -> None:
    """Ask a run, and those it still waits for, to stop; what is done is kept."""
    for spec in driver.resumed(root, run):
        pulse.stop(root, spec.id)
    emit({"run": run}, f"{run}: asked to stop; 'lake runs resume {run}' goes on", as_json=as_json)


@runs_.command()
@_on_run
@address_option
@detach_option
def resume(run: str, root: str, address: str | None, *, detach: bool, as_json: bool) -> None:
    """Go on with a run that was stopped, failed or lost its cluster."""
    if done := runs.find(root, run):
        say(f"{run}: already done")
        _emit(root, done, already=True, as_json=as_json)
        return
    _check_detached(address, detach=detach)
    _make(root, driver.resumed(root, run), address, detach=detach, as_json=as_json)


def _row(root: str, spec: Spec, status: Status | None, done: Done | None) -> dict[str, Any]:
    state = pulse.DONE if done else pulse.state_of(root, spec.id, status)
    stage = status.stage if status else ""
    parts = f"{status.parts_done}/{status.parts}" if status and status.parts else ""
    return {"run": spec.id, "state": state, "stage": stage, "parts": parts, "store": spec.store}
