"""`lake prometheus`: stores of a lake, how its commands ended, and the state of its runs, for Prometheus.

`serve` answers `/metrics` and `/healthz` (`jobs.commands.prometheus_server`).
"""

import click

from lake.commands.options import root_option
from lake.console.messages import say

PORT = 9105


@click.group(invoke_without_command=True)
@root_option
@click.pass_context
def prometheus(ctx: click.Context, root: str) -> None:
    """Print the state of a lake in Prometheus' format; `serve` answers it by HTTP."""
    from jobs.commands.prometheus_server import PrometheusText

    ctx.obj = root
    if ctx.invoked_subcommand is None:
        click.echo(PrometheusText(root, 0).text(), nl=False)


@prometheus.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=PORT, show_default=True)
@click.option(
    "--every", default=300.0, show_default=True, help="Seconds between looks at the lake."
)
@click.pass_obj
def serve(root: str, host: str, port: int, every: float) -> None:
    """Answer Prometheus until it is stopped."""
    from jobs.commands.prometheus_server import PrometheusText, server

    with server(PrometheusText(root, every), host, port) as serving:
        say(f"metrics of {root} at http://{host}:{serving.server_port}/metrics")
        serving.serve_forever()
