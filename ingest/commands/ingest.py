"""`lake ingest`: the commands that fill a lake."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import groupby

import click

from ingest.commands.options import (
    listing_set_option,
    period_option,
    scratch_option,
    since_option,
    source_option,
    until_option,
)
from lake.commands.options import (
    Months,
    address_option,
    json_option,
    key_argument,
    place,
    root_option,
)
from lake.console.messages import emit, progress
from lake.errors import ConfigError
from lake.format import keys


@click.group()
def ingest() -> None:
    """Fill the lake from satellite files and legacy pickles."""


@ingest.command()
@click.argument("name", metavar="LISTING")
@source_option
@listing_set_option
@period_option
@since_option
@until_option
@json_option
def plan(
    name: str,
    url: str,
    overrides: Sequence[str],
    rule: str,
    since: date | None,
    until: date | None,
    *,
    as_json: bool,
) -> None:
    """List the time steps that a source has, their size, and those that lack a file."""
    from ingest import ingestion
    from ingest.interactive import by_period

    all_rules = by_period(name, overrides, rule, since, until)
    whole = replace(all_rules[0], tf=all_rules[-1].tf)
    planned = ingestion.plan(whole, url, ingestion.Bounds(since, until))
    reasons = Counter(step.reason for step in planned.absent)
    document = {
        "steps": [asdict(step) | {"bytes": step.bytes} for step in planned.steps],
        "absent": [asdict(step) for step in planned.absent],
        "bytes": planned.bytes,
        "bytes_by_product": planned.bytes_by_product,
        "reprocessed_by_product": planned.reprocessed_by_product,
        "passed_over": dict(planned.passed_over),
    }
    lines = [f"{len(planned.steps)} time steps, {len(planned.absent)} absent"]
    lines += [f"  {n} x {reason}" for reason, n in reasons.most_common(10)]
    lines += [f"{_size(planned.bytes)} to read"]
    lines += [f"  {_size(n)} of {product}" for product, n in planned.bytes_by_product.items()]
    lines += [
        f"{n} files of {product} are reprocessed ones"
        for product, n in planned.reprocessed_by_product.items()
    ]
    lines += ["passed over:"] if planned.passed_over else []
    lines += [f"  {n} files {reason}" for reason, n in list(planned.passed_over.items())[:10]]
    emit(document, "\n".join(lines), as_json=as_json)


@ingest.command(name="run")
@click.argument("name", metavar="LISTING")
@source_option
@root_option
@listing_set_option
@address_option
@period_option
@since_option
@until_option
@click.option(
    "--nth",
    type=click.IntRange(min=0),
    help="Only one of the periods of --period, counted from 0: each pod of an indexed Job fills its own.",
)
@click.option(
    "--max-steps",
    type=click.IntRange(min=1),
    help="Largest number of time steps to ingest, the earliest first.",
)
@click.option(
    "--publish",
    "when",
    default="now",
    show_default=True,
    metavar="POLICY",
    help="When to publish staged time steps: now, never, or some of month-end, 500 (time steps) and "
    "7d (days of waiting), separated by commas.",
)
@scratch_option
@click.option("--dry-run", is_flag=True, help="Only plan, as 'lake ingest plan' does.")
@json_option
@click.pass_context
def run_(
    ctx: click.Context,
    name: str,
    url: str,
    root: str,
    overrides: Sequence[str],
    address: str | None,
    rule: str,
    since: date | None,
    until: date | None,
    nth: int | None,
    max_steps: int | None,
    when: str,
    folder: str,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Ingest the time steps that the source has and the store lacks.

    LISTING is the name of a shipped listing (clearland-l1b-c0, lst-10km) or the path of a TOML file.
    """
    from ingest import ingestion
    from ingest.commands.outcomes import emit_outcomes
    from ingest.interactive import by_period, fill
    from ingest.publish import policy
    from ingest.source.scratch import Scratch
    from lake import dask_cluster

    if dry_run:
        settings = {"overrides": overrides, "rule": rule, "since": since, "until": until}
        ctx.invoke(plan, name=name, url=url, as_json=as_json, **settings)
        return
    open_listings, due = by_period(name, overrides, rule, since, until), policy.parse(when)
    if nth is not None:
        if nth >= len(open_listings):
            raise ConfigError(
                f"--nth {nth}: there are {len(open_listings)} periods, counted from 0"
            )
        open_listings = [open_listings[nth]]
    filled = fill(
        lambda: dask_cluster.client(address),
        open_listings,
        url,
        root,
        bounds=ingestion.Bounds(since, until, max_steps),
        when=due,
        scratch=Scratch(folder),
    )
    if filled.outcomes or not filled.failures:
        emit_outcomes(filled.outcomes, as_json=as_json)
    filled.raise_failures()


@ingest.command(name="publish")
@key_argument
@root_option
@address_option
@json_option
def publish_(key: str, root: str, address: str | None, *, as_json: bool) -> None:
    """Publish the staged time steps of a store."""
    from ingest import ingestion
    from ingest.commands.outcomes import emit_outcomes
    from ingest.interactive import count
    from lake import dask_cluster
    from lake.upkeep import reports

    parsed = keys.parse(key)
    with (
        reports.record(root, "publish", str(parsed)) as report,
        dask_cluster.client(address) as client,
    ):
        outcome = ingestion.publish_waiting(client, parsed, root)
        count(report, [outcome])
    emit_outcomes([outcome], as_json=as_json)


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
    from ingest.commands.outcomes import emit_outcomes
    from ingest.legacy import importer
    from lake import dask_cluster

    with dask_cluster.client(address) as client:
        outcomes = importer.import_results(client, results, geometries, root, overrides)
    emit_outcomes(outcomes, as_json=as_json)


@ingest.command()
@click.argument("folder", metavar="DIR_OR_URL", callback=place)
@click.option("--shape", default=(200, 300), type=(int, int), help="Rows and columns at 2 km.")
@click.option("--years", default="2020,2022", help="Separated by commas.")
@click.option(
    "--months", type=Months(), default="1,2,3,4,5,6,7,8,9,10,11,12", help="Separated by commas."
)
@click.option("--days", default="10,20", help="Of every month, separated by commas.")
@click.option("--seed", default=0, show_default=True, help="Another one, another country.")
@address_option
def synthetic(
    folder: str,
    shape: tuple[int, int],
    years: str,
    months: tuple[int, ...],
    days: str,
    seed: int,
    address: str | None,
) -> None:
    """Write granules of the real layout that show an invented country, whose truth is known."""
    from ingest.synthetic import granules
    from lake import dask_cluster
    from lake.storage.connect import connect

    if connect(folder).list():
        raise ConfigError(f"{folder} is not empty: give a new or empty folder")
    steps = granules.time_steps(years=_numbers(years), months=months, days=_numbers(days))
    granules.write_truth(folder, shape, seed)
    by_day = groupby(steps, key=lambda step: step.start.date())  # the steps of a day share weather
    calls = [(folder, shape, seed, list(day)) for _, day in by_day]
    with dask_cluster.client(address) as client, progress("write granules") as report:
        dask_cluster.call(client, granules.write_steps, calls, report)


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise ConfigError(f"{text!r}: wanted whole numbers, separated by commas") from None


def _size(size: int) -> str:
    """Bytes in decimal units: 128.4 GB."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    power = min(max(len(str(size)) - 1, 0) // 3, len(units) - 1)
    return f"{size / 1000**power:.{1 if power else 0}f} {units[power]}"
