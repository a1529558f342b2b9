"""A Dask client, and many calls of one function on it.

Needs dask[distributed], which `import lake` does not: only the commands of `ingest` and `jobs` come
here. Functions that compute take a `Client`; only a command makes one.

An address is one of Dask's, `tcp://` or `tls://`, or of a cluster behind a Dask Gateway, for which
dask-gateway must be installed:

    gateway+https://gateway.example.org/CLUSTER     the gateway's own URL, and the name of the cluster
    gateway://gateway.example.org:443/CLUSTER       the scheduler's address as Dask shows it; the gateway
                                                    is the one of Dask's setting `gateway.address`
"""

import logging
import re
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
_LOGS = tuple(logging.getLogger(f"distributed.{part}") for part in ("scheduler", "nanny"))

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
        _level_restored(),
        dask.config.set(WORKERS),
        LocalCluster(
            n_workers=CPU_COUNT, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as connected,
    ):
        try:
            yield connected
        finally:
            for log in _LOGS:  # that workers go, with results that nobody needs, is no news
                log.setLevel(logging.ERROR)


@contextmanager
def _level_restored() -> Iterator[None]:
    """Give the logs the levels back that they had."""
    levels = [log.level for log in _LOGS]
    try:
        yield
    finally:
        for log, level in zip(_LOGS, levels, strict=True):
            log.setLevel(level)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """A client of a scheduler that is there already, and what to say when it no longer is."""
    by_gateway = address.startswith(("gateway://", "gateway+"))
    with _behind_gateway(address) if by_gateway else _at_scheduler(address) as connected:
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


def _at_scheduler(address: str) -> Client:
    """A client of the scheduler at an address of Dask's own."""
    _check_security(address)
    try:
        return Client(address)
    except OSError as error:
        raise UnreachableError(
            f"no Dask scheduler answers at {address}: {error}; start one, or give another --address "
            "(tls://... where it speaks TLS)"
        ) from error


def _behind_gateway(address: str) -> Client:
    """A client of a cluster that a Dask Gateway started; the cluster stays when the client goes.

    Raises:
        ConfigError: dask-gateway is missing, the address names no gateway or no cluster, or the gateway
            knows no such cluster of this user.
        UnreachableError: the gateway does not answer, or its cluster did not start.
    """
    url, name = _gateway_of(address)
    try:
        import dask_gateway  # noqa: PLC0415 (who has no gateway needs it not)
    except ImportError as error:
        raise ConfigError(
            f"{address} lies behind a Dask Gateway, for which dask-gateway is missing: "
            "pip install dask-gateway"
        ) from error
    from aiohttp import ClientError, ClientResponseError  # noqa: PLC0415 (dask-gateway brings it)

    failures = (ClientError, dask_gateway.GatewayServerError, dask_gateway.GatewayClusterError)
    try:
        # it closes itself: closed by hand, it complains at its end
        gateway = dask_gateway.Gateway(url)
        names = sorted(report.name for report in gateway.list_clusters())
        report = gateway.get_cluster(name, wait=True) if name in names else None
        if report and report.scheduler_address:
            return Client(report.scheduler_address, security=report.security)
    except ClientResponseError as error:
        raise ConfigError(
            f"{url} refused this user: {error.status} {error.message}; set DASK_GATEWAY__AUTH__TYPE "
            "as its administrator says"
        ) from error
    except (OSError, ValueError, *failures) as error:
        raise UnreachableError(f"no Dask Gateway answers at {url}: {error}") from error
    if report:
        raise UnreachableError(f"{address} is {report.status.name.lower()}: try again when it runs")
    raise ConfigError(
        f"{url} has no cluster {name!r} of yours; it has {', '.join(names) or 'none'}: "
        "dask_gateway.Gateway().new_cluster(shutdown_on_close=False) starts one"
    )


def _gateway_of(address: str) -> tuple[str, str]:
    """URL of the gateway, and name of its cluster.

    Raises:
        ConfigError: the address does not say which.
    """
    url, _, name = address.removeprefix("gateway+").rpartition("/")
    if not name or not re.fullmatch(r"(gateway|https?)://[^/].*", url):
        raise ConfigError(
            f"{address}: wanted gateway+https://GATEWAY/CLUSTER; dask_gateway.Gateway().list_clusters() "
            "lists the clusters"
        )
    if not url.startswith("gateway://"):
        return url, name
    configured = dask.config.get("gateway.address", None)
    if configured is None:
        raise ConfigError(
            f"{address} does not say at which URL the gateway gives out certificates: set "
            f"DASK_GATEWAY__ADDRESS, or give gateway+https://GATEWAY/{name}"
        )
    return str(configured), name


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
