"""`lake gc`: delete what no reader or writer needs any more."""

from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from lake.commands.options import json_option, root_option
from lake.console.messages import emit, table

DAYS = 7
"""`lake.upkeep.garbage.GRACE`, named here too so that help does not load what collects."""


@click.command()
@root_option
@click.option(
    "--grace",
    default=DAYS,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Days for which whatever was in use stays.",
)
@click.option("--dry-run", is_flag=True, help="Only tell.")
@json_option
def gc(root: str, grace: float, *, dry_run: bool, as_json: bool) -> None:
    """Delete what no reader or writer needs any more: old generations, published parts, drafts."""
    from lake.upkeep import garbage, reports

    period = timedelta(days=grace)
    garbage.check_grace(period)
    with nullcontext() if dry_run else reports.record(root, "gc") as report:
        items = garbage.collect(root, period, datetime.now(UTC), delete=not dry_run)
        size, objects = sum(item.bytes for item in items), sum(item.objects for item in items)
        if report:
            report.numbers = {"objects": objects, "bytes": size}
    rows = [[item.path, str(item.objects), f"{item.bytes:,}"] for item in items]
    verb = "would be deleted" if dry_run else "deleted"
    text = f"{len(items)} things, {objects} objects, {size:,} bytes {verb}"
    listed = table(["path", "objects", "bytes"], rows) + "\n" if rows else ""
    emit([asdict(item) for item in items], listed + text, as_json=as_json)
