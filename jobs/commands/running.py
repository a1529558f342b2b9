"""What commands that make runs share: submit them to a cluster, watch them, print their outputs."""

from collections.abc import Sequence
from contextlib import suppress

from jobs.interactive.run import submit
from jobs.runs import records
from jobs.runs.spec import FinishedRun, Spec
from jobs.runs.watch import watch
from lake import dask_cluster
from lake.console.messages import emit, say
from lake.errors import ConfigError

CLEANING_S = 600.0
"""How long a cluster that ends with its command waits for a finished run to delete its partial results."""


def make(
    root: str, specs: Sequence[Spec], address: str | None, *, detach: bool = False, as_json: bool
) -> None:
    """Submit runs, and watch them unless detached."""
    run = specs[-1].id
    with dask_cluster.client(address) as client:
        submitted = submit(client, root, specs)
        if submitted.future is None:
            say(f"{run}: under way already")
        say(f"{run}: dashboard {client.dashboard_link}")
        if detach:
            emit({"run": run}, run, as_json=as_json)
            return
        try:
            finished = watch(root, submitted.ids, submitted.future, lines=as_json)
            if not address and submitted.future is not None:
                with suppress(TimeoutError):
                    submitted.future.exception(timeout=CLEANING_S)
        except KeyboardInterrupt:
            goes_on = "goes on in the cluster" if address else "ends with this cluster"
            say(f"{run} {goes_on}: 'lake runs watch|stop|resume {run} --lake {root}'")
            raise
    if address:  # workers elsewhere said it where nobody looks
        for line in (line for name in submitted.ids for line in records.log(root, name)):
            if line.get("said"):
                say(f"{run}: {line['message']}")
    emit_run(root, finished, already=False, as_json=as_json)


def check_detached(address: str | None, *, detach: bool) -> None:
    """Refuse to detach from a cluster that would end with the command.

    Raises:
        ConfigError: no address of a scheduler.
    """
    if detach and not address:
        raise ConfigError("--detach needs a cluster that stays: give its --address")


def emit_run(root: str, finished: FinishedRun, *, already: bool, as_json: bool) -> None:
    """Print where the outputs of a run are."""
    objects = records.folder(root, finished.run)
    urls = [objects.url(path) for path in finished.outputs]
    document = {
        "run": finished.run,
        "url": objects.url(),
        "outputs": urls,
        "seconds": finished.seconds,
        "already_done": already,
    }
    emit(document, "\n".join([finished.run, *urls]), as_json=as_json)
