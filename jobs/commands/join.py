"""`lake join`: the vectors of several runs as one; the first run says which store's pixels they are.

Every run has a vector for each pixel: of pca, mnf, gcca, factor, transform, embed, trajectory or join. They
must be of the same pixels, in the same order.
"""

from typing import Any

import click

from jobs.commands.job_options import job_command, run_options

NAME = "join"


@run_options
@click.argument("runs", metavar="RUN RUN...", nargs=-1)
def _join(**options: Any) -> None:  # noqa: ANN401 (those above)
    from jobs.commands.making import make_joined_run

    make_joined_run(NAME, **options)


join = job_command(NAME, _join)
