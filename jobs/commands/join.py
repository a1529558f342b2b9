"""`lake join`: the vectors of several runs as one; the first run says which store's pixels they are."""

from typing import Any

import click

from jobs.commands.jobs import make_run, run_options
from jobs.linear.join import JOB
from jobs.runs import records


@click.command()
@run_options
@click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True)
def join(runs: tuple[str, ...], root: str, overrides: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Join the vectors of several runs as one.

    Every RUN has a vector for each pixel: of pca, mnf, transform, embed, trajectory or join. They must be
    of the same pixels, in the same order. docs/trajectory.md has the settings.
    """
    store = records.open_input(root, records.finished_spec(root, runs[0]).stores[0])
    named = (*overrides, f"runs={','.join(runs)}")
    make_run(JOB, root=root, store=store.url, overrides=named, **options)
