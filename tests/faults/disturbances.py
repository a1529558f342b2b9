"""The ways to disturb an ingest, each at moments and in places that a seed decides."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerProcess
from random import Random

from tests.faults.bench import Bench
from tests.faults.proxy import Faults


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to an ingest."""

    fault: str
    codes: tuple[int, ...]
    """Exit codes of the disturbed commands; negative: killed by that signal."""
    injected: int = 0
    """Requests that were broken."""

    @property
    def succeeded(self) -> bool:
        return not any(self.codes)


Disturb = Callable[[Bench, str, Random], Done]
"""Of an ingest into the lake at a root."""


def kill_worker(bench: Bench, root: str, random: Random) -> Done:
    """SIGKILL one of the workers; another comes in its place a little later."""
    command, at = _begin(bench, root, random)
    worker = random.choice([w for w in bench.cluster.workers if w is not None])
    worker.kill()
    worker.join()
    time.sleep(random.uniform(0, 1))
    bench.cluster.mend()
    return Done(f"a worker killed after {at:.2f} s", (bench.finish(command),))


def kill_driver(bench: Bench, root: str, random: Random) -> Done:
    """SIGKILL the command."""
    command, at = _begin(bench, root, random)
    command.kill()
    return Done(f"the command killed after {at:.2f} s", (bench.finish(command),))


def kill_scheduler(bench: Bench, root: str, random: Random) -> Done:
    """SIGKILL the scheduler; another comes in its place a little later, with new workers."""
    command, at = _begin(bench, root, random)
    scheduler = bench.cluster.scheduler
    if scheduler is not None:
        scheduler.kill()
        scheduler.join()
    time.sleep(random.uniform(0, 1))
    bench.cluster.mend()
    return Done(f"the scheduler killed after {at:.2f} s", (bench.finish(command),))


def restart_server(bench: Bench, root: str, random: Random) -> Done:
    """SIGKILL the S3 server; it comes back with what it had answered for."""
    command, at = _begin(bench, root, random)
    gone = random.uniform(1, 8)
    if bench.server is not None:
        bench.server.kill()
        time.sleep(gone)
        bench.server.start()
    fault = f"the S3 server killed after {at:.2f} s, gone for {gone:.2f} s"
    return Done(fault, (bench.finish(command),))


def break_requests(rates: dict[str, float], bench: Bench, root: str, random: Random) -> Done:
    """Every request to the S3 server may fail, those to the source too."""
    if bench.proxy is None:
        return Done("nothing", ())
    before = bench.proxy.injected.total()
    bench.proxy.faults = Faults(rates, random.randrange(1 << 32), stall_s=4, slow_s=0.3)
    code = bench.finish(bench.ingest(root))
    fault = ", ".join(f"{kind} {rate:.1%}" for kind, rate in rates.items())
    return Done(fault, (code,), bench.proxy.injected.total() - before)


def many_writers(bench: Bench, root: str, random: Random) -> Done:
    """Eight commands do the same work at the same time."""
    commands = []
    for _ in range(8):
        commands.append(bench.ingest(root))
        time.sleep(random.uniform(0, 0.5))
    return Done("8 commands at once", tuple(bench.finish(command) for command in commands))


def overlap(bench: Bench, root: str, random: Random) -> Done:
    """Two commands with clusters of their own, the second begun while the first runs."""
    first = bench.ingest(root, on_cluster=False)
    after = random.uniform(0, 2 * bench.took_s[root.startswith("s3://")])
    time.sleep(after)
    second = bench.ingest(root, on_cluster=False)
    codes = bench.finish(first), bench.finish(second)
    return Done(f"a second command {after:.2f} s after the first", codes)


def fill_scratch(bench: Bench, root: str, random: Random) -> Done:
    """The disk that remote files are brought to is full, from some moment on."""
    if bench.scratch is None:
        return Done("nothing", ())
    command = bench.ingest(root, "--scratch", str(bench.scratch))
    while command.is_alive() and not any(bench.scratch.glob("*/*")):
        command.join(0.01)
    after = random.uniform(0, 1)
    command.join(after)
    filler = bench.scratch / "of somebody else"
    with filler.open("wb", buffering=0) as file:
        while command.is_alive():
            with suppress(OSError):  # full
                while file.write(bytes(1 << 10)):
                    pass
            command.join(0.01)
    code = bench.finish(command)
    filler.unlink()
    return Done(f"scratch full {after:.2f} s after the first file", (code,))


def _begin(bench: Bench, root: str, random: Random) -> tuple[ForkServerProcess, float]:
    """A command that has run for a part of the time it takes."""
    at = random.uniform(0.1, 1.0) * bench.took_s[root.startswith("s3://")]
    command = bench.ingest(root)
    command.join(at)
    return command, at


KINDS: dict[str, Disturb] = {
    "worker": kill_worker,
    "driver": kill_driver,
    "scheduler": kill_scheduler,
    "server": restart_server,
    "errors": partial(break_requests, {"error_before": 0.05, "error_after": 0.05}),
    "resets": partial(break_requests, {"reset_before": 0.03, "reset_after": 0.03}),
    "stalls": partial(break_requests, {"stall": 0.004}),
    "slow": partial(break_requests, {"slow": 0.05}),
    "truncated": partial(break_requests, {"truncate": 0.1}),
    "mixed": partial(
        break_requests,
        dict.fromkeys(
            ("error_before", "error_after", "reset_before", "reset_after", "slow", "truncate"), 0.02
        ),
    ),
    "writers": many_writers,
    "overlap": overlap,
    "scratch": fill_scratch,
}

ON_SERVER = ("server", "errors", "resets", "stalls", "slow", "truncated", "mixed", "scratch")
"""Kinds that need the S3 server; the others are done in folders too."""
