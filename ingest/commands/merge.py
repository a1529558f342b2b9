"""`lake merge`: stores of disjoint periods into one."""

from collections.abc import Sequence

import click

from lake.commands.options import address_option, json_option, root_option
from lake.format import keys


@click.command()
@click.argument("names", metavar="KEY KEY...", nargs=-1, required=True, envvar="LAKE_MERGE")
@root_option
@address_option
@json_option
def merge(names: Sequence[str], root: str, address: str | None, *, as_json: bool) -> None:
    """Merge stores of disjoint periods into the store of the whole span.

    Their keys may also come in LAKE_MERGE, separated by spaces.
    """
    from ingest.commands.outcomes import emit_outcomes
    from ingest.publish import merging
    from lake import dask_cluster

    parsed = [keys.parse(name) for name in names]
    with dask_cluster.client(address) as client:
        outcome = merging.merge(client, parsed, root)
    emit_outcomes([outcome], as_json=as_json)
