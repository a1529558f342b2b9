"""The command `lake`: what the lake holds; the other commands load from `ingest` and `jobs` when used.

Exit codes: 0 done, 1 failed, 2 wrong usage, 64 bad configuration, 65 bad input data.
"""

import json
import os
import signal
import sys
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import click
import zarr

from lake import catalogue, commits, garbage, ledger, logs, refusals, reports
from lake.console import emit, json_option, root_option, say, table
from lake.errors import LakeError, MissingError
from lake.garbage import GRACE
from lake.objects import STORE_ERRORS, Objects, connect, join
from lake.store import State

ELSEWHERE = {
    "catalog": ("lake.catalog_commands:catalog", "all", "Make the catalogue anew; export as STAC."),
    "export": (
        "lake.export:export",
        "export",
        "Write part of a store as GeoTIFF, netCDF or Parquet.",
    ),
    "explore": ("lake.explore.command:explore", "all", "Look at the lake in a browser."),
    "demo": ("lake.demo:demo", "all", "Show the whole way on synthetic files, with pictures."),
    "ingest": ("ingest.cli:ingest", "ingest", "Fill the lake from satellite files and pickles."),
    "verify": ("ingest.cli:verify", "ingest", "Check a store's objects, numbers and sources."),
    "merge": ("ingest.cli:merge", "ingest", "Merge stores of disjoint periods into one."),
    "sample": ("jobs.cli:sample", "jobs", "Draw a sample of pixels with their features."),
    "pca": ("jobs.cli:pca", "jobs", "Fit principal components and score every pixel."),
    "mnf": ("jobs.cli:mnf", "jobs", "Fit the components that two periods agree on, and score."),
    "transform": ("jobs.cli:transform", "jobs", "Score another store by the model of a run."),
    "embed": ("jobs.cli:embed", "embed", "Learn a vector for every pixel."),
    "cluster": ("jobs.cli:cluster", "embed", "Group pixels by their embedding: surface classes."),
    "classify": ("jobs.cli:classify", "jobs", "Tell every pixel's class by labels of some."),
    "evaluate": (
        "jobs.cli:evaluate",
        "jobs",
        "Measure the vectors of a run against known classes.",
    ),
    "map": ("jobs.cli:map_", "embed", "Draw maps of a store and of what was made from it."),
    "plot": ("jobs.plot:plot", "plot", "Draw maps, cycles and films of a store; no cluster."),
    "runs": ("jobs.cli:runs_", "jobs", "Look at runs of jobs, stop them, go on with them."),
    "metrics": (
        "jobs.metrics:metrics",
        "jobs",
        "Tell Prometheus what a lake holds and how it fares.",
    ),
    "report": ("jobs.report:report", "embed", "Write a page with the pictures of a run."),
}
"""Commands of heavier packages: where they are, the extra of goeslake they need, what they do."""

SHOWN = 3
"""Time steps named for each reason that they are missing; --json names all."""


class _Commands(click.Group):
    """Our own commands, and those of `ELSEWHERE`, which are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *ELSEWHERE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        where, extra, _ = ELSEWHERE[cmd_name]
        module, _, name = where.partition(":")
        try:
            command: click.Command = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'lake {cmd_name}' needs {error.name}: pip install 'goeslake[{extra}]'"
            ) from error
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (click passes it)
        formatter: click.HelpFormatter,
    ) -> None:
        ours = {name: command.get_short_help_str(70) for name, command in self.commands.items()}
        rows = ours | {name: summary for name, (_, _, summary) in ELSEWHERE.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
    except LakeError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except STORE_ERRORS as error:  # after all retries
        cause = str(error).partition("\n")[0]
        told = refusals.of("use", "the object store", error)
        say(f"error: {told or f'{cause}; what was finished is kept: run it again'}")
        sys.exit(told.exit_code if told else 1)


def _end(*_: object) -> None:
    """End at once: what was committed stays, what was begun is garbage at most (lake.commits).

    An exception would have to find its way through Dask's threads and callbacks, which may keep it.
    """
    told = "warning: asked to end (SIGTERM); what was finished is kept: run it again"
    os.write(2, f"{logs.line(told) if logs.is_json() else told}\n".encode())
    os._exit(128 + signal.SIGTERM)


@lake.command()
@root_option
@json_option
def ls(root: str, *, as_json: bool) -> None:
    """List the stores."""
    rows = catalogue.rows(connect(root))
    columns = [
        "key", "number", "pixels", "cubes", "months", "merged", "pending", "missing", "suspect",
    ]  # fmt: skip
    cells = [[str(getattr(row, name)) for name in columns] for row in rows]
    text = table(columns, cells) if rows else f"no store in {root}"
    emit([asdict(row) for row in rows], text, as_json=as_json)


@lake.command()
@click.argument("key")
@root_option
@json_option
def url(key: str, root: str, *, as_json: bool) -> None:
    """Print the URL of a store's newest generation."""
    found = connect(root).url(catalogue.generation(_row(connect(root), key)))
    emit({"key": key, "url": found}, found, as_json=as_json)


@lake.command()
@click.argument("key")
@root_option
@json_option
def info(key: str, root: str, *, as_json: bool) -> None:
    """Tell what a store holds, what waits, what it lacks and what it was made from."""
    objects = connect(root)
    row = _row(objects, key)
    store = connect(join(root, row.key))
    state = _newest(store)
    entries = ledger.read(store, state.ledger)
    missing = [entry for entry in entries if entry.status == ledger.MISSING]
    document = asdict(row) | {
        "url": store.url(state.path) if state.path else "",
        "versions": entries.versions,
        "clear_sky": _rule(store, state),
        "parts": len(state.parts),
        "pending_steps": [entry.step for entry in entries.pending],
        "missing_steps": [{"step": e.step, "reason": e.reason} for e in missing],
    }
    told = {k: v for k, v in document.items() if k not in ("pending_steps", "missing_steps")}
    lines = [f"{name:<12} {value}" for name, value in told.items()]
    lines += _waiting(entries)
    lines += _summary(missing)
    if state.path:
        lines += ["", f'xarray.open_datatree("{document["url"]}", engine="zarr")']
    emit(document, "\n".join(lines), as_json=as_json)


@lake.command()
@click.argument("key")
@root_option
@json_option
def tree(key: str, root: str, *, as_json: bool) -> None:
    """Show the groups and arrays of a store's newest generation."""
    objects = connect(root)
    row = _row(objects, key)
    group = zarr.open_consolidated(
        objects.zarr(catalogue.generation(row), read_only=True), mode="r", zarr_format=3
    )
    members = sorted(group.members(max_depth=None))
    arrays: list[dict[str, Any]] = [
        {
            "path": path,
            "shape": list(a.shape),
            "dtype": str(a.dtype),
            "dims": _dims(a),
        }
        for path, a in members
        if isinstance(a, zarr.Array)
    ]
    rows = [[a["path"], a["dtype"], ", ".join(map(_axis, a["dims"], a["shape"]))] for a in arrays]
    emit(arrays, table(["array", "dtype", "axes"], rows), as_json=as_json)


def _summary(missing: list[ledger.Entry]) -> list[str]:
    """A line for each reason that time steps are missing: how many, and which."""
    steps: dict[str, list[str]] = {}
    for entry in missing:
        steps.setdefault(entry.reason, []).append(entry.step)
    return [
        f"  {len(which)} x {reason}: {', '.join(which[:SHOWN])}{', ...' * (len(which) > SHOWN)}"
        for reason, which in sorted(steps.items(), key=lambda item: -len(item[1]))
    ]


@lake.command()
@root_option
@click.option(
    "--grace",
    default=GRACE.days,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Days for which whatever was in use stays.",
)
@click.option("--dry-run", is_flag=True, help="Only tell.")
@json_option
def gc(root: str, grace: float, *, dry_run: bool, as_json: bool) -> None:
    """Delete what no reader or writer needs any more: old generations, published parts, drafts."""
    period = timedelta(days=grace)
    garbage.check_grace(period)
    with nullcontext() if dry_run else reports.kept(root, "gc") as report:
        found = garbage.collect(root, period, datetime.now(UTC), delete=not dry_run)
        size, objects = sum(item.bytes for item in found), sum(item.objects for item in found)
        if report:
            report.numbers = {"objects": objects, "bytes": size}
    rows = [[item.path, str(item.objects), f"{item.bytes:,}"] for item in found]
    verb = "would be deleted" if dry_run else "deleted"
    text = f"{len(found)} things, {objects} objects, {size:,} bytes {verb}"
    listed = table(["path", "objects", "bytes"], rows) + "\n" if rows else ""
    emit([asdict(item) for item in found], listed + text, as_json=as_json)


def _waiting(entries: ledger.Ledger) -> list[str]:
    """How many time steps wait to be published, and from when to when."""
    steps = sorted(entry.step for entry in entries.pending)
    if not steps:
        return []
    return [f"  {len(steps)} staged, waiting to be published: {steps[0]} to {steps[-1]}"]


def _rule(store: Objects, state: State) -> str:
    """The clear-sky rule of the store's listing; empty where nobody kept it."""
    try:
        noted = json.loads(store.get(f"listings/{state.listing}.json"))
    except MissingError:
        return ""
    return str(noted["clear_sky"]["rule"])


def _dims(array: Any) -> list[str]:  # noqa: ANN401 (zarr types it as of v2 or v3; ours are v3)
    return list(array.metadata.dimension_names or ())


def _axis(name: str, length: int) -> str:
    return f"{name} {length}"


def _row(objects: Objects, key: str) -> catalogue.Row:
    rows = catalogue.rows(objects)
    for row in rows:
        if row.key == key.strip("/"):
            return row
    known = "\n  ".join(row.key for row in rows) or "(none)"
    raise MissingError(f"there is no store {key!r} in {objects.root}; its stores are:\n  {known}")


def _newest(store: Objects) -> State:
    commit = commits.head(store)
    if commit is None:
        raise MissingError(
            f"{store.root} is in the catalogue, but has no commit: its objects are lost"
        )
    return State.of(commit)
