"""The commands that fill the lake: `lake ingest plan|run|pickles|synthetic` and `lake merge`."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path

import click

from ingest import listing, policy, run
from ingest.group import Outcome
from ingest.scratch import Scratch
from lake import cluster, keys, reports
from lake.console import address_option, emit, json_option, place, progress, root_option
from lake.errors import ConfigError

source_option = click.option(
    "--source", "url", required=True, help="Folder or URL of the satellite files."
)


def _day(_: click.Context, __: click.Parameter, text: str | None) -> date | None:
    if text and (ago := re.fullmatch(r"(\d{1,5})d", text)):
        return datetime.now(UTC).date() - timedelta(days=int(ago[1]))
    return keys.day(text) if text else None


since_option = click.option(
    "--since",
    callback=_day,
    help="First day to look at: YYYY-MM-DD, or 10d for ten days ago (UTC).",
)
until_option = click.option(
    "--until", callback=_day, help="Last day to look at, inclusive; 0d is today."
)
listing_set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    envvar="LAKE_LISTING_SET",
    metavar="NAME=VALUE",
    help="Override a setting of the listing; repeatable [LAKE_LISTING_SET, separated by spaces].",
)
scratch_option = click.option(
    "--scratch",
    "folder",
    default="",
    help="Folder for remote files while they are read [the system's temporary folder].",
)


@click.group()
def ingest() -> None:
    """Fill the lake from satellite files and legacy pickles."""


@ingest.command()
@click.argument("name", metavar="LISTING")
@source_option
@listing_set_option
@since_option
@until_option
@json_option
def plan(
    name: str,
    url: str,
    overrides: Sequence[str],
    since: date | None,
    until: date | None,
    *,
    as_json: bool,
) -> None:
    """Tell which time steps a source has, how large they are, and which lack a file."""
    planned = run.plan(listing.load(name, overrides), url, run.Bounds(since, until))
    reasons = Counter(step.reason for step in planned.absent)
    document = {
        "steps": [asdict(step) | {"bytes": step.bytes} for step in planned.steps],
        "absent": [asdict(step) for step in planned.absent],
        "bytes": planned.bytes,
        "bytes_by_product": planned.bytes_by_product,
    }
    lines = [f"{len(planned.steps)} time steps, {len(planned.absent)} absent"]
    lines += [f"  {n} x {reason}" for reason, n in reasons.most_common(10)]
    lines += [f"{_size(planned.bytes)} to read"]
    lines += [f"  {_size(n)} of {product}" for product, n in planned.bytes_by_product.items()]
    emit(document, "\n".join(lines), as_json=as_json)


@ingest.command(name="run")
@click.argument("name", metavar="LISTING")
@source_option
@root_option
@listing_set_option
@address_option
@since_option
@until_option
@click.option("--max-steps", type=click.IntRange(min=1), help="Take no more time steps than this.")
@click.option(
    "--publish",
    "when",
    default="now",
    show_default=True,
    metavar="POLICY",
    help="When to publish what was staged: now, never, or some of month-end, 500 (time steps) and "
    "7d (days of waiting), separated by commas.",
)
@scratch_option
@click.option("--dry-run", is_flag=True, help="Plan only: the same as 'lake ingest plan'.")
@json_option
@click.pass_context
def run_(
    ctx: click.Context,
    name: str,
    url: str,
    root: str,
    overrides: Sequence[str],
    address: str | None,
    since: date | None,
    until: date | None,
    max_steps: int | None,
    when: str,
    folder: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take into the lake what the source has and the store lacks.

    LISTING is the name of a shipped listing (clearland-l1b-c0, lst-10km) or the path of a TOML file.
    """
    if dry_run:
        ctx.invoke(
            plan, name=name, url=url, overrides=overrides, since=since, until=until, as_json=as_json
        )
        return
    rules, due = listing.load(name, overrides), policy.parse(when)
    bounds = run.Bounds(since, until, max_steps)
    subject = f"{rules.sat}/{rules.listing}/{rules.t0:%Y%m%d}_{rules.tf:%Y%m%d}"
    with reports.kept(root, "ingest", subject) as report, cluster.client(address) as client:
        report.numbers["period_end"] = datetime.combine(rules.tf, time.max, UTC).timestamp()
        outcomes = run.run(
            client, rules, url, root, bounds=bounds, when=due, scratch=Scratch(folder)
        )
        _count(report, outcomes)
    _tell(outcomes, as_json=as_json)


@ingest.command(name="publish")
@click.argument("name", metavar="KEY")
@root_option
@address_option
@json_option
def publish_(name: str, root: str, address: str | None, *, as_json: bool) -> None:
    """Publish the time steps of a store that are staged and wait."""
    key = keys.parse(name)
    with reports.kept(root, "publish", str(key)) as report, cluster.client(address) as client:
        outcome = run.publish_waiting(client, key, root)
        _count(report, [outcome])
    _tell([outcome], as_json=as_json)


@ingest.command()
@click.argument("results", metavar="DIR")
@click.option(
    "--domains", "geometries", required=True, callback=place, help="Folder of the geometry pickles."
)
@root_option
@listing_set_option
@address_option
@json_option
def pickles(
    results: str,
    geometries: str,
    root: str,
    overrides: Sequence[str],
    address: str | None,
    *,
    as_json: bool,
) -> None:
    """Import the original study's results."""
    from ingest import legacy  # noqa: PLC0415 (needed here alone)

    with cluster.client(address) as client:
        outcomes = legacy.import_results(client, results, geometries, root, overrides)
    _tell(outcomes, as_json=as_json)


@ingest.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--shape", default=(200, 300), type=(int, int), help="Rows and columns at 2 km.")
@click.option("--years", default="2020,2022", help="Separated by commas.")
@click.option("--months", default="1,2,3,4,5,6,7,8,9,10,11,12", help="Separated by commas.")
@click.option("--days", default="10,20", help="Of every month, separated by commas.")
@click.option("--seed", default=0)
@address_option
def synthetic(
    folder: str,
    shape: tuple[int, int],
    years: str,
    months: str,
    days: str,
    seed: int,
    address: str | None,
) -> None:
    """Write granules of the real layout, of an invented country whose truth is known."""
    from ingest import synthetic as made  # noqa: PLC0415 (needed here alone)

    if any(Path(folder).glob("*")):
        raise ConfigError(f"{folder} is not empty: give a new or empty folder")
    steps = made.time_steps(years=_numbers(years), months=_numbers(months), days=_numbers(days))
    made.write_truth(folder, shape, seed)
    by_day = groupby(steps, key=lambda step: step.start.date())  # those of a day share its weather
    calls = [(str(Path(folder).absolute()), shape, seed, list(day)) for _, day in by_day]
    with cluster.client(address) as client, progress("write granules") as report:
        cluster.call(client, made.write_steps, calls, report)


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ConfigError(f"{text!r}: wanted whole numbers, separated by commas") from None


@click.command()
@click.argument("names", metavar="KEY KEY...", nargs=-1, required=True, envvar="LAKE_MERGE")
@root_option
@address_option
@json_option
def merge(names: Sequence[str], root: str, address: str | None, *, as_json: bool) -> None:
    """Merge stores of disjoint periods into the store of the whole span.

    Their keys may also come in LAKE_MERGE, separated by spaces.
    """
    from ingest import periods  # noqa: PLC0415 (needed here alone)

    parsed = [keys.parse(name) for name in names]
    with cluster.client(address) as client:
        outcome = periods.merge(client, parsed, root)
    _tell([outcome], as_json=as_json)


@click.command()
@click.argument("name", metavar="KEY")
@root_option
@address_option
@click.option(
    "--source",
    "url",
    help="Folder or URL of the satellite files: a sample of what is stored is computed anew from them.",
)
@click.option(
    "--cells",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many (month, time of day) to compute anew.",
)
@click.option("--all", "everything", is_flag=True, help="Compute everything anew.")
@click.option("--seed", default=0, help="Of the sample.")
@scratch_option
@json_option
def verify(
    name: str,
    root: str,
    address: str | None,
    url: str | None,
    cells: int,
    seed: int,
    folder: str,
    *,
    everything: bool,
    as_json: bool,
) -> None:
    """Check a store's objects, numbers and sources; exit 1 with a list if anything is wrong."""
    from ingest import verify as verifying  # noqa: PLC0415 (needed here alone)

    if everything and url is None:
        raise click.UsageError("--all needs --source: it computes everything anew from the files")
    wanted = None if everything else cells
    key = keys.parse(name)
    with reports.kept(root, "verify", str(key)) as report, cluster.client(address) as client:
        told = verifying.verify(
            client, key, root, url, cells=wanted, seed=seed, scratch=Scratch(folder)
        )
        report.numbers = {"findings": len(told.findings), "objects": told.objects}
        lines = [f"{finding.where}: {finding.what}" for finding in told.findings]
        looked = (
            f"{told.objects} objects, {told.cells} (month, time of day) of {told.steps} time steps"
        )
        lines.append(f"{looked} computed anew: {len(told.findings) or 'no'} findings")
        emit(asdict(told), "\n".join(lines), as_json=as_json)
        if told.findings:
            sys.exit(1)


def _size(size: int) -> str:
    """Bytes in decimal units: 128.4 GB."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    power = min(max(len(str(size)) - 1, 0) // 3, len(units) - 1)
    return f"{size / 1000**power:.{1 if power else 0}f} {units[power]}"


def _count(report: reports.Report, outcomes: Sequence[Outcome]) -> None:
    for name in ("merged", "staged", "missing", "held"):
        report.numbers[name] = sum(getattr(outcome, name) for outcome in outcomes)


def _tell(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    emit([asdict(o) for o in outcomes], "\n".join(map(_line, outcomes)), as_json=as_json)


def _line(outcome: Outcome) -> str:
    nothing = "nothing published" if outcome.staged else "nothing to do"
    told = [f"{outcome.merged} merged" if outcome.merged else nothing]
    told += [f"{outcome.staged} staged"] if outcome.staged else []
    told += [f"{outcome.held} held", f"{outcome.missing} missing"]
    told += [f"{len(outcome.changed)} files changed"] if outcome.changed else []
    return f"{outcome.key}: {', '.join(told)}\n{outcome.url}".rstrip()
