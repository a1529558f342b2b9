"""The life of a run as the lake shows it: `status.json` every two seconds, logs, a request to stop.

Who looks needs the lake alone. One attempt at a run counts, the one named in `attempt.json`: an
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
LOOK_S = 0.25
"""Between looks for a request to stop."""
STALLED_S = 30.0
"""Without a beat for so long, nobody works at the run."""

QUEUED, RUNNING, STOPPED, FAILED, DONE = "queued", "running", "stopped", "failed", "done"
STALLED = "stalled"
STOP = "stop.json"


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands."""

    state: str
    at: str
    """UTC, ISO 8601, by the clock of who works at it."""
    attempt: str = ""
    beat: int = 0
    """Grows while somebody works at the run, also where a part takes long."""
    stage: str = ""
    parts_done: int = 0
    parts: int = 0
    bytes_done: int = 0
    """Of statistics and results, as they lie in memory, that the parts done went through."""
    bytes: int = 0
    """Likewise of all parts of the stage; 0: not told."""
    bytes_per_second: int | None = None
    """Of this attempt."""
    seconds: float = 0.0
    """Since the stage began."""
    seconds_left: float | None = None
    """Of the stage, at the rate of this attempt."""
    workers: int = 0
    error: str = ""
    """Name of the error, and what it says."""


def read(root: str, run: str) -> Status | None:
    """How a run stands; None: nothing was noted. What another version noted beside it is left out."""
    try:
        noted = json.loads(records.folder(root, run).get("status.json"))
    except MissingError:
        return None
    return Status(**{name: noted[name] for name in Status.__dataclass_fields__ if name in noted})


def note(objects: Objects, status: Status) -> None:
    """Write how a run stands."""
    objects.put("status.json", records.as_json(asdict(status)))


def state(root: str, run: str) -> str:
    """In a word; see `state_of`."""
    return DONE if records.find(root, run) else state_of(root, run, read(root, run))


def state_of(root: str, run: str, status: Status | None) -> str:
    """The state of a run that is not done; `stalled` if it should be under way and nobody works at it."""
    if status is None or status.state not in (QUEUED, RUNNING):
        return status.state if status else QUEUED
    if _is_fresh(root, run):
        return status.state
    before = records.read_spec(root, run).inputs.values() if status.state == QUEUED else ()
    return QUEUED if any(state(root, of) in (QUEUED, RUNNING) for of in before) else STALLED


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
    """On a worker, between two pieces of work: go on, or not.

    Raises:
        StoppedError: the run was asked to stop.
    """
    if exists(records.folder(root, run), STOP):
        raise StoppedError(f"{run} was stopped; 'lake runs resume {run}' goes on")


class Pulse:
    """One attempt at a run, alive while its context lasts; how that ended is noted."""

    def __init__(self, root: str, run: str) -> None:
        self._root, self._run = root, run
        self._objects = records.folder(root, run)
        self._status = Status(RUNNING, records.now(), uuid4().hex[:12])
        self._began = time.monotonic()
        self._sizes: Sequence[int] = ()
        self._before = self._bytes_before = 0
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ended: LakeError | None = None
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"pulse of {run}")

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

    def stage(self, name: str, sizes: Sequence[int], done: AbstractSet[int], workers: int) -> None:
        """A stage begins, or goes on.

        Args:
            name: of the stage.
            sizes: bytes that each part goes through; all 0: not told.
            done: numbers of the parts that are done.
            workers: how many there are.
        """
        self._began, self._sizes, self._before = time.monotonic(), sizes, len(done)
        self._bytes_before = sum(sizes[number] for number in done)
        self._status = replace(
            self._status, stage=name, parts_done=len(done), parts=len(sizes), workers=workers,
            bytes_done=self._bytes_before, bytes=sum(sizes), bytes_per_second=None,
            seconds=0.0, seconds_left=None,
        )  # fmt: skip
        self.log(f"{name}: {len(done)} of {len(sizes)} parts are done, {workers} workers")

    def advance(self, done: AbstractSet[int]) -> None:
        """These parts of the stage are done."""
        seconds = time.monotonic() - self._began
        status, gone = self._status, sum(self._sizes[number] for number in done)
        fresh = (gone - self._bytes_before) if status.bytes else (len(done) - self._before)
        left = (status.bytes - gone) if status.bytes else (status.parts - len(done))
        rate = fresh / max(seconds, 1e-3)
        self._status = replace(
            status, parts_done=len(done), bytes_done=gone, seconds=round(seconds, 1),
            bytes_per_second=round(rate) if status.bytes and fresh else None,
            seconds_left=round(left / rate, 1) if fresh else None,
        )  # fmt: skip

    def log(self, message: str) -> None:
        """Add a line to the run's log; it is written with the next beat."""
        with self._lock:
            self._lines.append(json.dumps({"at": records.now(), "message": message}))

    def check(self) -> None:
        """Go on, or not.

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
        """Stop beating and say how it ended; an attempt that lost its run says nothing."""
        self._over.set()
        self._thread.join()
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
                if self._ended:  # said at once, whatever the run is at
                    self._end(STOPPED, str(self._ended))
                    return
                if time.monotonic() >= due:
                    due += BEAT_S
                    self._write()
            except STORE_ERRORS:  # the next beat may come through; who looks sees the silence
                continue

    def _look(self) -> None:
        try:
            check(self._root, self._run)
        except StoppedError as stopped:
            self._ended = stopped
        if not self._is_ours():
            self._ended = StoppedError(f"another attempt at {self._run} took over")

    def _is_ours(self) -> bool:
        noted = json.loads(self._objects.get("attempt.json"))
        return bool(noted["attempt"] == self._status.attempt)

    def _write(self) -> None:
        self._status = replace(self._status, at=records.now(), beat=self._status.beat + 1)
        with self._lock:
            text = "".join(line + "\n" for line in self._lines)
        self._objects.put(f"logs/{self._status.attempt}.jsonl", text.encode())
        note(self._objects, self._status)  # last: who sees how it ended finds why in the log
