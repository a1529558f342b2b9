"""The checkpoints of a training in the lake; a start that was overtaken cannot change them.

    train/<start>/start.json            a start of the training, numbered from 1, create-only
    train/<start>/<step>.safetensors    a `jobs.embedding.train.TrainingState`; the newest two
    train/<start>/latest.json           names the newest, and is written after it

A start claims the next number, copies the newest state of the start before it, and from then on is
the one that counts. An older one that is still alive writes where nobody reads any more, and ends when
it notices. No write depends on another having been atomic.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field

from jobs.runs import records
from lake.errors import MissingError, StoppedError
from lake.storage.objects import Objects, exists

FOLDER = "train"
KEPT = 2
"""Checkpoints of a start that are not deleted."""


@dataclass(slots=True, eq=False)
class Checkpoints:
    """The checkpoints of one start of a training."""

    objects: Objects
    """The run's folder."""
    start: int
    """The number of the start, from 1."""
    step: int | None = None
    """The step of the newest checkpoint; None: there is none."""
    _written: list[str] = field(default_factory=list)

    def resume(self) -> bytes | None:
        """The newest state of earlier starts, from now on this start's too; None: there is none."""
        for number in range(self.start - 1, 0, -1):
            while (newest_state := latest(self.objects, number)) is not None:
                step, path = newest_state
                with suppress(MissingError):  # a newer one, written just now, replaced it
                    data = self.objects.get(path)
                    self.write(step, data)
                    return data
        return None

    def write(self, step: int, data: bytes) -> None:
        """Store a state after a step.

        Raises:
            StoppedError: a later start took over.
        """
        self.check()
        path = f"{_folder(self.start)}/{step:09d}.safetensors"
        self.objects.put(path, data)
        pointer = {"step": step, "path": path, "at": records.now()}
        self.objects.put(f"{_folder(self.start)}/latest.json", records.as_json(pointer))
        self.step = step
        self._written = [*(earlier for earlier in self._written if earlier != path), path]
        self.objects.delete(self._written[:-KEPT])
        self._written = self._written[-KEPT:]

    def check(self) -> None:
        """Make sure that this start is the latest.

        Raises:
            StoppedError: a later start took over.
        """
        if exists(self.objects, _claim(self.start + 1)):
            raise StoppedError(f"start {self.start + 1} of {self.objects.url()} took over")

    @property
    def url(self) -> str:
        """The place of the newest checkpoint; "none yet" if there is none."""
        return self.objects.url(self._written[-1]) if self._written else "none yet"


def begin(objects: Objects) -> Checkpoints:
    """The checkpoints of a new start, whose number this call claims."""
    number = 1 + max((int(path.split("/")[1]) for path in _claims(objects)), default=0)
    while True:
        try:
            objects.create(_claim(number), records.as_json({"at": records.now()}))
        except FileExistsError:
            number += 1
        else:
            return Checkpoints(objects, number)


def latest(objects: Objects, start: int) -> tuple[int, str] | None:
    """Step and path of the newest state of a start; None: there is none."""
    with suppress(MissingError):
        pointer = json.loads(objects.get(f"{_folder(start)}/latest.json"))
        return int(pointer["step"]), str(pointer["path"])
    return None


def newest(objects: Objects) -> int | None:
    """The step of the newest state of any start; None: there is none."""
    states = [latest(objects, int(path.split("/")[1])) for path in _claims(objects)]
    return max((state[0] for state in states if state), default=None)


def _claims(objects: Objects) -> list[str]:
    return [path for path in objects.list(FOLDER) if path.endswith("/start.json")]


def _folder(start: int) -> str:
    return f"{FOLDER}/{start:05d}"


def _claim(start: int) -> str:
    return f"{_folder(start)}/start.json"
