"""A Dask client, and many calls of one function on it.

Needs dask[distributed], which `import lake` does not: only the commands of `ingest` and `jobs` come
here. Functions that compute take a `Client`; only a command makes one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import dask
from dask.system import CPU_COUNT
from distributed import Client, KilledWorker, LocalCluster, Security, as_completed
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError  # type: ignore[attr-defined]  # not in an __all__

from lake.console.messages import Advance, say
from lake.errors import ConfigError, UnreachableError

T = TypeVar("T")

MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 33),
    "MALLOC_ARENA_MAX": "1",
}
"""Environment in which freed memory stays with the process.

Dask tells malloc to give memory back at every chance; for arrays of some megabytes that costs as
much time again as the computing (measured at ingest: 0.13 s in the kernel instead of 2.0). The largest
array, the 1.6 GB of packed counts of `ingest.accumulate.packed`, must stay too (a time step: 0.32 s
instead of 0.39). Threads other than the first have arenas of 64 MB, beyond which every array is the kernel's
again: there is one for all (reading blocks in tasks: 0.9 s instead of 1.4).
"""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
WORKERS = {
    "distributed.nanny.pre-spawn-environ": MALLOC | ONE_THREAD,
    "distributed.worker.profile.interval": "100ms",
    "distributed.admin.tick.interval": "500ms",
    **{f"distributed.worker.memory.{at}": False for at in ("target", "spill", "pause")},
}
"""Dask configuration of our worker processes.

To look at their stacks every 10 ms, and at their event loops every 20, takes a tenth of them. A worker
that keeps its memory would be paused for good at 0.8 of its limit; what tasks need is stated, and they
leave nothing with Dask that could be spilled. Above 0.95 it still dies.
"""


@contextmanager
def client(address: str | None) -> Iterator[Client]:
    """A client of the scheduler at `address`, or of a new cluster on this machine.

    The cluster has one process for each core that this process may use, by its affinity and by its
    container's limit, each with one thread; Dask spawns them, never forks. It ends with the context.
    """
    if address:
        with _connected(address) as connected:
            say(f"Dask cluster at {address}")
            yield connected
        return
    with (
        dask.config.set(WORKERS),
        LocalCluster(
            n_workers=CPU_COUNT, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as connected,
    ):
        yield connected


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """A client of a scheduler that is there already, and what to say when it no longer is."""
    _check_security(address)
    try:
        connected = Client(address)
    except OSError as error:
        raise UnreachableError(
            f"no Dask scheduler answers at {address}: {error}; start one, or give another --address "
            "(tls://... where it speaks TLS)"
        ) from error
    with connected:
        try:
            yield connected
        except (CommClosedError, FutureCancelledError) as error:
            raise UnreachableError(
                f"lost the Dask scheduler at {address}: {error}; what was finished is kept: run the "
                "same command again"
            ) from error
        except KilledWorker as error:
            raise UnreachableError(
                f"{error}; what was finished is kept: look into the workers' logs (memory?), and run "
                "the same command again"
            ) from error


def _check_security(address: str) -> None:
    """Nothing, if Dask's settings fit the scheme of an address.

    Raises:
        ConfigError: certificates are missing, or Dask may not speak without them.
    """
    security = Security()
    encrypted = address.startswith("tls://")
    if encrypted and security.get_connection_args("client").get("ssl_context") is None:
        raise ConfigError(
            f"{address} speaks TLS, and Dask has no certificate here: set "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY to files, docs/deploy.md tells how to get them"
        )
    if security.require_encryption and not encrypted:
        raise ConfigError(
            f"Dask's setting comm.require-encryption allows no address but tls://..., found {address}"
        )


def memory_bytes(client: Client) -> int | None:
    """The smallest memory that a task has, by the limits of the workers that are there.

    A worker's limit is shared by its threads; None: no worker has a limit, or none is there yet.
    """
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [int(w["memory_limit"]) // w["nthreads"] for w in workers if w["memory_limit"]]
    return min(limits, default=None)


def each(
    client: Client, function: Callable[..., T], calls: Iterable[Sequence[Any]]
) -> Iterator[tuple[int, T]]:
    """`function(*arguments)` for each of `calls`, on the workers: (its number, result) as each is done.

    Arguments are plain values; a failed call cancels those not yet begun and raises its error.
    """
    pending = {}
    for number, arguments in enumerate(calls):
        future = client.submit(function, *arguments, pure=False)
        pending[future.key] = number, future
    done = as_completed([future for _, future in pending.values()], with_results=True)
    try:
        for future, result in done:  # raises what a call raised
            if isinstance(result, FutureCancelledError):  # with its scheduler
                raise result
            number, _ = pending.pop(future.key)  # and the worker forgets the result
            yield number, result
    finally:
        client.cancel([future for _, future in pending.values()])


def call(
    client: Client,
    function: Callable[..., T],
    calls: Iterable[Sequence[Any]],
    report: Advance | None = None,
) -> list[T]:
    """All results of `each`, in the order of `calls`; `report` is called with the number of those done."""
    calls = list(calls)
    results = {}
    for number, result in each(client, function, calls):
        results[number] = result
        if report:
            report(len(results), len(calls))
    return [results[number] for number in range(len(calls))]
