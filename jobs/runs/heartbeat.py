"""The life of a run as the lake shows it: `status.json` every two seconds, logs, a request to stop.

To see them, the lake alone is needed. One attempt at a run counts, the one named in `attempt.json`: an
older one that is still alive (a worker that was cut off) sees that at its next beat, and ends.
"""

import json
import threading
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

from jobs.runs import records
from lake.errors import LakeError, MissingError, StoppedError
from lake.storage.connect import STORE_ERRORS
from lake.storage.objects import Objects, exists

BEAT_S = 2.0
"""Seconds between two beats."""
LOOK_S = 0.25
"""Seconds between two looks for a request to stop."""
STALLED_S = 30.0
"""Seconds without a beat after which nobody works at the run."""

QUEUED, RUNNING, STOPPED, FAILED, DONE = "queued", "running", "stopped", "failed", "done"
STALLED = "stalled"
STOP = "stop.json"


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands."""

    state: str
    at: str
    """When this was written: UTC, ISO 8601, by the clock of the process that works at the run."""
    attempt: str = ""
    beat: int = 0
    """Grows while somebody works at the run, also where a task takes long."""
    stage: str = ""
    tasks_done: int = 0
    tasks: int = 0
    """How many tasks the stage has."""
    bytes_done: int = 0
    """Bytes of statistics and results, as they lie in memory, that finished tasks went through."""
    bytes: int = 0
    """Bytes that all tasks of the stage go through; 0: not counted."""
    bytes_per_second: int | None = None
    """Rate of this attempt."""
    seconds: float = 0.0
    """Time since the stage began."""
    seconds_left: float | None = None
    """Time until the stage ends, at the rate of this attempt."""
    workers: int = 0
    error: str = ""
    """Name of the error that ended the run, and its message."""


def read(root: str, run: str) -> Status | None:
    """How a run stands; None: nothing was stored. Fields of other versions are left out."""
    try:
        document = json.loads(records.folder(root, run).get("status.json"))
    except MissingError:
        return None
    fields = Status.__dataclass_fields__
    return Status(**{name: value for name, value in document.items() if name in fields})


def write(objects: Objects, status: Status) -> None:
    """Store how a run stands, in its folder."""
    objects.put("status.json", records.as_json(asdict(status)))


def state(root: str, run: str) -> str:
    """The state of a run in a word; see `state_of`."""
    return DONE if records.find(root, run) else state_of(root, run, read(root, run))


def state_of(root: str, run: str, status: Status | None) -> str:
    """The state of a run that is not done; `stalled` if it should be under way and nobody works at it."""
    if status is None or status.state not in (QUEUED, RUNNING):
        return status.state if status else QUEUED
    if _is_fresh(root, run):
        return status.state
    inputs = records.read_spec(root, run).inputs.values() if status.state == QUEUED else ()
    return QUEUED if any(state(root, name) in (QUEUED, RUNNING) for name in inputs) else STALLED


def is_alive(root: str, run: str) -> bool:
    """Whether somebody works at a run that is not done, by the store's time of the last beat."""
    return state(root, run) == RUNNING


def _is_fresh(root: str, run: str) -> bool:
    written = records.folder(root, run).stat("status.json").modified
    return (datetime.now(UTC) - written).total_seconds() < STALLED_S


def stop(root: str, run: str) -> None:
    """Ask a run to stop."""
    records.folder(root, run).put(STOP, records.as_json({"at": records.now()}))


def check(root: str, run: str) -> None:
    """On a worker, between two pieces of work: end the task if the run is to stop.

    Raises:
        StoppedError: the run was asked to stop.
    """
    if exists(records.folder(root, run), STOP):
        raise StoppedError(f"{run} was stopped; 'lake runs resume {run}' goes on")


class Heartbeat:
    """One attempt at a run, alive while its context lasts; how that ended is stored."""

    def __init__(self, root: str, run: str) -> None:
        self._root, self._run = root, run
        self._objects = records.folder(root, run)
        self._status = Status(RUNNING, records.now(), uuid4().hex[:12])
        self._began = time.monotonic()
        self._sizes: Sequence[int] = ()
        self._tasks_before = self._bytes_before = 0
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ended: LakeError | None = None
        self._stop_is_stored = False
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"heartbeat of {run}")

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if error is None:
            self.end(DONE)
        elif isinstance(error, StoppedError):
            self.end(STOPPED, str(error))
        else:
            self.end(FAILED, f"{type(error).__name__}: {error}")

    def stage(
        self, name: str, sizes: Sequence[int], finished: AbstractSet[int], workers: int
    ) -> None:
        """Report that a stage begins, or goes on.

        Args:
            name: of the stage.
            sizes: bytes that each task goes through; all 0: not counted.
            finished: numbers of the tasks that are done.
            workers: how many there are.
        """
        self._began, self._sizes = time.monotonic(), sizes
        self._tasks_before = len(finished)
        self._bytes_before = sum(sizes[number] for number in finished)
        self._status = replace(
            self._status, stage=name, tasks_done=len(finished), tasks=len(sizes), workers=workers,
            bytes_done=self._bytes_before, bytes=sum(sizes), bytes_per_second=None,
            seconds=0.0, seconds_left=None,
        )  # fmt: skip
        self.log(f"{name}: {len(finished)} of {len(sizes)} tasks are done, {workers} workers")

    def advance(self, finished: AbstractSet[int]) -> None:
        """Report that these tasks of the stage are done."""
        seconds = time.monotonic() - self._began
        status, bytes_done = self._status, sum(self._sizes[number] for number in finished)
        tasks_done = len(finished)
        progress = (
            bytes_done - self._bytes_before if status.bytes else tasks_done - self._tasks_before
        )
        remainder = status.bytes - bytes_done if status.bytes else status.tasks - tasks_done
        rate = progress / max(seconds, 1e-3)
        self._status = replace(
            status, tasks_done=tasks_done, bytes_done=bytes_done, seconds=round(seconds, 1),
            bytes_per_second=round(rate) if status.bytes and progress else None,
            seconds_left=round(remainder / rate, 1) if progress else None,
        )  # fmt: skip

    def log(self, message: str, *, said: bool = False) -> None:
        """Add a line to the run's log; it is written with the next beat.

        Args:
            message: the line.
            said: whether people should see it without looking for it: `lake.console.messages.say`.
        """
        line = {"at": records.now(), "message": message} | ({"said": True} if said else {})
        with self._lock:
            self._lines.append(json.dumps(line))

    def check(self) -> None:
        """End the attempt if it is to stop.

        Raises:
            StoppedError: the run was asked to stop, or another attempt took it over.
        """
        if self._ended:
            raise self._ended

    def begin(self) -> None:
        """Claim the run and start to beat."""
        self._objects.put("attempt.json", records.as_json({"attempt": self._status.attempt}))
        self.log(f"attempt {self._status.attempt} begins")
        self._write()
        self._thread.start()

    def end(self, state: str, error: str = "") -> None:
        """Stop beating and say how it ended; an attempt that lost its run says nothing.

        That a run was stopped is said when the request is seen, and not again.
        """
        self._over.set()
        self._thread.join()
        if not (self._stop_is_stored and state == STOPPED):
            self._end(state, error)

    def _end(self, state: str, error: str) -> None:
        self.log(f"{state} {error}".strip())
        if self._is_ours():
            self._status = replace(self._status, state=state, error=error)
            self._write()

    def _beat(self) -> None:
        due = time.monotonic() + BEAT_S
        while not self._over.wait(LOOK_S):
            try:
                self._look()
                if self._ended:  # stored at once, whatever the run is doing
                    self._end(STOPPED, str(self._ended))
                    self._stop_is_stored = True
                    return
                if time.monotonic() >= due:
                    due += BEAT_S
                    self._write()
            except STORE_ERRORS:  # the next beat may come through; readers see the silence
                continue

    def _look(self) -> None:
        try:
            check(self._root, self._run)
        except StoppedError as stopped:
            self._ended = stopped
        if not self._is_ours():
            self._ended = StoppedError(f"another attempt at {self._run} took over")

    def _is_ours(self) -> bool:
        document = json.loads(self._objects.get("attempt.json"))
        return bool(document["attempt"] == self._status.attempt)

    def _write(self) -> None:
        self._status = replace(self._status, at=records.now(), beat=self._status.beat + 1)
        with self._lock:
            text = "".join(line + "\n" for line in self._lines)
        self._objects.put(f"logs/{self._status.attempt}.jsonl", text.encode())
        write(
            self._objects, self._status
        )  # last: a reader who sees how it ended finds why in the log
