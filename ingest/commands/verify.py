"""`lake verify`: whether a store is what it says."""

import sys
from dataclasses import asdict

import click

from ingest.commands.options import scratch_option
from ingest.source.scratch import Scratch
from ingest.verify import verify as verifying
from lake import dask_cluster
from lake.commands.options import address_option, json_option, root_option
from lake.console.messages import emit
from lake.format import keys
from lake.upkeep import reports


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
    if everything and url is None:
        raise click.UsageError("--all needs --source: it computes everything anew from the files")
    wanted = None if everything else cells
    key = keys.parse(name)
    with reports.kept(root, "verify", str(key)) as report, dask_cluster.client(address) as client:
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
