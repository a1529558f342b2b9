"""Look at a run from the lake alone, until it ends."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

from distributed import Future
from rich.filesize import decimal

from jobs.runs import heartbeat, records
from jobs.runs.heartbeat import Status
from jobs.runs.records import Done
from lake import errors
from lake.console.messages import Advance, progress, say
from lake.errors import LakeError, UnreachableError

LOOK_S = 0.5


def watch(
    root: str, ids: Sequence[str], future: Future[None] | None = None, *, lines: bool = False
) -> Done:
    """Show the progress of runs that are made one after the other, until the last is done.

    Args:
        root: of the lake.
        ids: of the runs, in order.
        future: of the task that makes them, where this process submitted it.
        lines: whether to tell each change as a JSON line instead of a bar.

    Raises:
        StoppedError: it was asked to stop.
        LakeError: it failed, as its status says.
        UnreachableError: the task is lost.
    """
    for run in ids:
        done = _until_done(root, run, future, lines=lines)
    return done


def _until_done(root: str, run: str, future: Future[None] | None, *, lines: bool) -> Done:
    shown: Status | None = None
    changed, told = time.monotonic(), False
    with progress(run) as report:
        while True:
            done = records.find(root, run)
            status = heartbeat.read(root, run)
            if status != shown:
                shown, changed, told = status, time.monotonic(), False
                _tell(run, status, report, lines=lines)
            if done:
                return done
            _check(run, status, future)
            silent = time.monotonic() - changed > heartbeat.STALLED_S
            if silent and not told and heartbeat.state(root, run) == heartbeat.STALLED:
                told = True
                say(
                    f"{run}: no sign of life for {heartbeat.STALLED_S:.0f} s: no worker, or lost; "
                    f"'lake runs resume {run}' goes on with it"
                )
            time.sleep(LOOK_S)


def _tell(run: str, status: Status | None, report: Advance, *, lines: bool) -> None:
    if status is None:
        return
    if lines:
        say(json.dumps({"run": run, **asdict(status)}))
    elif status.parts:
        report(status.parts_done, status.parts, _about(status))


def _about(status: Status) -> str:
    """The stage and, where they are told, bytes and their rate."""
    if not status.bytes:
        return status.stage
    rate = decimal(status.bytes_per_second or 0)
    return f"{status.stage}, {decimal(status.bytes_done)} of {decimal(status.bytes)}, {rate}/s"


def _check(run: str, status: Status | None, future: Future[None] | None) -> None:
    """Raise what ended the run."""
    if status and status.state in (heartbeat.STOPPED, heartbeat.FAILED):
        if status.state == heartbeat.STOPPED:
            raise errors.StoppedError(status.error)
        name, _, message = status.error.partition(": ")
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, LakeError):
            raise kind(message)
        raise LakeError(f"{run} failed: {status.error}; 'lake runs logs {run}' tells more")
    if future is not None and future.status in ("error", "lost", "cancelled"):
        raise UnreachableError(
            f"the cluster gave up {run} ({future.status}); what was finished is kept: "
            f"'lake runs resume {run}' goes on"
        )
