"""`lake verify`: checks a store."""

import sys
from dataclasses import asdict

import click

from ingest.commands.options import scratch_option
from lake.commands.options import address_option, json_option, key_argument, root_option
from lake.console.messages import emit
from lake.format import keys
from lake.format.keys import Key

NEWEST = "newest"
"""In place of the two days of a key: the newest period of which something is published."""


@click.command()
@key_argument
@root_option
@address_option
@click.option(
    "--source",
    "url",
    help="Folder or URL of the satellite files: a sample of the store is computed again from them.",
)
@click.option(
    "--cells",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of (month, time of day) to compute again.",
)
@click.option("--all", "everything", is_flag=True, help="Compute everything again.")
@click.option("--seed", default=0, help="Seed of the random sample.")
@scratch_option
@json_option
def verify(
    key: str,
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
    """Check a store's objects, numbers and sources; exit 1 with a list if anything is wrong.

    In place of its two days, KEY may say 'newest': the newest period of which something is published.
    """
    from ingest.source.scratch import Scratch
    from ingest.verify import verify as verifying
    from lake import dask_cluster
    from lake.upkeep import reports

    if everything and url is None:
        raise click.UsageError("--all needs --source: it computes everything again from the files")
    sample_size = None if everything else cells
    parsed = _resolved(key, root)
    if parsed is None:
        emit(None, f"nothing of {key} is published yet", as_json=as_json)
        return
    with (
        reports.record(root, "verify", str(parsed)) as report,
        dask_cluster.client(address) as client,
    ):
        verified = verifying.verify(
            client, parsed, root, url, cells=sample_size, seed=seed, scratch=Scratch(folder)
        )
        report.numbers = {"findings": len(verified.findings), "objects": verified.objects}
        lines = [f"{finding.place}: {finding.problem}" for finding in verified.findings]
        extent = f"{verified.objects} objects checked"
        recomputed = f"{verified.cells} (month, time of day) of {verified.steps} time steps"
        number = len(verified.findings) or "no"
        lines.append(f"{extent}, {recomputed} computed again: {number} findings")
        emit(asdict(verified), "\n".join(lines), as_json=as_json)
        if verified.findings:
            sys.exit(1)


def _resolved(key: str, root: str) -> Key | None:
    """The key of a store, of which the period may be `newest`; None: nothing of it is published."""
    from lake.catalogue import catalogue
    from lake.storage.connect import connect

    parts = key.split("/")
    if len(parts) != 4 or parts[2] != NEWEST:
        return keys.parse(key)
    sat, listing, _, geom = parts
    row = catalogue.newest_published(connect(root), sat, listing, geom)
    return keys.parse(row.key) if row else None
