"""`lake report`: the pictures of a map and what they rest on, in one file for any browser."""

from pathlib import Path

import click

from lake.commands.options import json_option, root_option
from lake.console.messages import emit


@click.command()
@click.argument("run", metavar="RUN")
@root_option
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="File to write.")
@click.option("--truth", type=click.Path(dir_okay=False), help="truth.npz of synthetic granules.")
@click.option(
    "--commands", type=click.Path(dir_okay=False), help="Text file to quote: how it was made."
)
@json_option
def report(
    run: str, root: str, out: str, truth: str | None, commands: str | None, *, as_json: bool
) -> None:
    """Write a page with the pictures of RUN, a run of 'lake map'."""
    from jobs.report.report import render

    html = render(root, run, truth, Path(commands).read_text("utf-8") if commands else "")
    Path(out).write_text(html, "utf-8")
    emit({"run": run, "report": out}, out, as_json=as_json)
