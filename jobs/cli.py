"""The commands that work on a store: `lake sample|pca|embed|cluster|map`.

Each makes what it builds on, with default settings, where a run is not named by `--set`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import click

from jobs import runs, settings
from lake import cluster as dask
from lake.console import address_option, emit, json_option, root_option, set_option

store_option = click.option(
    "--store", required=True, help="Key of a store in the lake, or URL of a store."
)
Command = Callable[..., None]


def _options(command: Command) -> Command:
    for option in (json_option, address_option, set_option, store_option, root_option):
        command = option(command)
    return command


@click.command()
@_options
def sample(**given: Any) -> None:  # noqa: ANN401 (the options above)
    """Draw a spatially stratified sample of pixels with their features."""
    _run("jobs.sample", **given)


@click.command()
@_options
def pca(**given: Any) -> None:  # noqa: ANN401
    """Fit principal components on a sample and score every pixel."""
    _run("jobs.pca", **given)


@click.command()
@_options
def embed(**given: Any) -> None:  # noqa: ANN401
    """Train an autoencoder on the scores and embed every pixel."""
    _run("jobs.embed", **given)


@click.command()
@_options
def cluster(**given: Any) -> None:  # noqa: ANN401
    """Group the pixels by their embedding: surface classes."""
    _run("jobs.cluster", **given)


@click.command(name="map")
@_options
def map_(**given: Any) -> None:  # noqa: ANN401
    """Draw maps of a store and of what was made from it."""
    _run("jobs.map", **given)


def _run(
    module: str,
    *,
    root: str,
    store: str,
    overrides: Sequence[str],
    address: str | None,
    as_json: bool,
) -> None:
    job = import_module(module)  # torch, scikit-learn and matplotlib load with the job alone
    chosen = settings.parse(job.Settings, overrides)
    runs.open_store(root, store)  # a wrong key is told before a cluster starts
    began = datetime.now(UTC).isoformat()
    with dask.client(address) as client:
        run = job.run(client, root, store, chosen)
    done = runs.find(root, run)
    objects = runs.folder(root, run)
    urls = [objects.url(path) for path in done.outputs] if done else []
    document = {
        "run": run,
        "url": objects.url(),
        "outputs": urls,
        "seconds": done.seconds if done else None,
        "already_done": bool(done and done.finished < began),
    }
    emit(document, "\n".join([run, *urls]), as_json=as_json)
