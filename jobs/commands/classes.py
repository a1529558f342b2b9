"""`lake classes`: what the classes of a run look like; the run says which store they are of."""

from typing import Any

import click

from jobs.commands.job_options import JobCommand, run_options
from lake.format.keys import RUN_ID

JOB = "classes"


@click.command(cls=JobCommand, job=JOB)
@run_options
@click.argument("place", metavar="RUN_OR_KEY")
def classes(place: str, root: str, overrides: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Describe classes: area, spectrum, cycles, typical pixels, nearest classes.

    RUN is of cluster or classify. To describe the classes of a file of labels, give the KEY of the store,
    --set labels=FILE and --set vectors=RUN. docs/classes.md says more.
    """
    from jobs.commands.making import make_run
    from jobs.runs import records

    store = place
    if RUN_ID.fullmatch(place):
        store = records.store_of(root, place).url
        overrides = (*overrides, f"run={place}")
    make_run(JOB, root=root, store=store, overrides=overrides, **options)
