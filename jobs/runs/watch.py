"""Look at a run from the lake alone, until it ends."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

from distributed import Future
from rich.filesize import decimal

from jobs.runs import heartbeat, records, task_progress
from jobs.runs.heartbeat import Status
from jobs.runs.spec import FinishedRun
from lake import errors
from lake.console.messages import Advance, progress, say
from lake.errors import LakeError, UnreachableError

LOOK_S = 0.5


def watch(
    root: str, ids: Sequence[str], future: Future[None] | None = None, *, lines: bool = False
) -> FinishedRun:
    """Show the progress of runs that are made one after the other, until the last is done.

    Args:
        root: of the lake.
        ids: of the runs, in order.
        future: of the task that makes them, where this process submitted it.
        lines: whether to print each change as a JSON line instead of a bar.

    Raises:
        StoppedError: it was asked to stop.
        LakeError: it failed, as its status says.
        UnreachableError: the task is lost.
    """
    for run in ids:
        finished = _until_done(root, run, future, lines=lines)
    return finished


def _until_done(root: str, run: str, future: Future[None] | None, *, lines: bool) -> FinishedRun:
    last_status: Status | None = None
    last_change, is_announced = time.monotonic(), False
    with progress(run) as advance:
        while True:
            finished = records.find(root, run)
            status = heartbeat.read(root, run)
            if status != last_status:
                last_status, last_change, is_announced = status, time.monotonic(), False
                _print(root, run, status, advance, lines=lines)
            if finished:
                return finished
            _check(run, status, future)
            is_silent = time.monotonic() - last_change > heartbeat.STALLED_S
            if is_silent and not is_announced and heartbeat.state(root, run) == heartbeat.STALLED:
                is_announced = True
                say(
                    f"{run}: no sign of life for {heartbeat.STALLED_S:.0f} s: no worker, or lost; "
                    f"'lake runs resume {run}' goes on with it"
                )
            time.sleep(LOOK_S)


def _print(root: str, run: str, status: Status | None, advance: Advance, *, lines: bool) -> None:
    if status is None:
        return
    progress = task_progress.read(root, run, status.stage) if status.tasks == 1 else None
    if lines:
        task = {"task": asdict(progress)} if progress else {}
        say(json.dumps({"run": run, **asdict(status), **task}))
    elif progress:
        advance(progress.done, progress.total, str(progress))
    elif status.tasks:
        advance(status.tasks_done, status.tasks, _stage_text(status))


def _stage_text(status: Status) -> str:
    """The stage and, where they are counted, bytes and their rate."""
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
        raise LakeError(f"{run} failed: {status.error}; 'lake runs logs {run}' says more")
    if future is not None and future.status in ("error", "lost", "cancelled"):
        raise UnreachableError(
            f"the cluster gave up {run} ({future.status}); what was finished is kept: "
            f"'lake runs resume {run}' goes on"
        )
