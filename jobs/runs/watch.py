"""Look at a run from the lake alone, until it ends."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.filesize import decimal

from jobs.runs import heartbeat, records, task_progress
from jobs.runs.heartbeat import Status
from jobs.runs.spec import FinishedRun
from jobs.runs.task_progress import TaskProgress
from lake import errors
from lake.console.messages import Advance, say
from lake.console.messages import progress as bar
from lake.errors import LakeError, UnreachableError

if TYPE_CHECKING:
    from distributed import Future

LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """How a run stands at one moment."""

    status: Status | None
    finished: FinishedRun | None
    """None: it is not done."""
    progress: TaskProgress | None
    """Of the one task of a stage that takes long; None: tasks are counted."""

    @property
    def share(self) -> tuple[int, int, str]:
        """How much of the stage is done, of how much, and what else to show."""
        if self.progress:
            return self.progress.done, self.progress.total, str(self.progress)
        if self.status:
            return self.status.tasks_done, self.status.tasks, _stage_text(self.status)
        return 0, 0, ""


def looks(
    root: str, run: str, future: Callable[[], "Future[None] | None"] = lambda: None
) -> Iterator[Look]:
    """Look at a run twice a second, until it is done.

    Args:
        root: of the lake.
        run: its id.
        future: gives the task that makes it, where this process submitted it.

    Raises:
        StoppedError: it was asked to stop.
        LakeError: it failed, as its status says.
        UnreachableError: the task is lost.
    """
    while True:
        finished = records.find(root, run)
        status = heartbeat.read(root, run)
        is_one = status is not None and status.tasks == 1
        progress = task_progress.read(root, run, status.stage) if status and is_one else None
        yield Look(status, finished, progress)
        if finished:
            return
        _check(run, status, future())
        time.sleep(LOOK_S)


def watch(
    root: str, ids: Sequence[str], future: "Future[None] | None" = None, *, lines: bool = False
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


def _until_done(root: str, run: str, future: "Future[None] | None", *, lines: bool) -> FinishedRun:
    last_status: Status | None = None
    last_change, is_announced = time.monotonic(), False
    with bar(run) as advance:
        for look in looks(root, run, lambda: future):
            if look.status != last_status:
                last_status, last_change, is_announced = look.status, time.monotonic(), False
                _print(run, look, advance, lines=lines)
            is_silent = time.monotonic() - last_change > heartbeat.STALLED_S
            if is_silent and not is_announced and heartbeat.state(root, run) == heartbeat.STALLED:
                is_announced = True
                say(
                    f"{run}: no sign of life for {heartbeat.STALLED_S:.0f} s: no worker, or lost; "
                    f"'lake runs resume {run}' goes on with it"
                )
    if look.finished is None:
        raise UnreachableError(f"{run} is not done")
    return look.finished


def _print(run: str, look: Look, advance: Advance, *, lines: bool) -> None:
    if look.status is None:
        return
    done, total, detail = look.share
    if lines:
        task = {"task": asdict(look.progress)} if look.progress else {}
        say(json.dumps({"run": run, **asdict(look.status), **task}))
    elif total:
        advance(done, total, detail)


def _stage_text(status: Status) -> str:
    """The stage and, where they are counted, bytes and their rate."""
    if not status.bytes:
        return status.stage
    rate = decimal(status.bytes_per_second or 0)
    return f"{status.stage}, {decimal(status.bytes_done)} of {decimal(status.bytes)}, {rate}/s"


def _check(run: str, status: Status | None, future: "Future[None] | None") -> None:
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
