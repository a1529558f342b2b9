"""Where a training stands, as the lake keeps it; who was overtaken cannot move it.

    train/<start>/start.json            a start of the training, numbered from 1, create-only
    train/<start>/<step>.safetensors    a `jobs.embedding.train.State`; the newest two
    train/<start>/latest.json           names the newest: written after it

A start claims the next number, copies the newest state of the start before it, and from then on is
the one that counts: an older one that is still alive writes where nobody looks any more, and ends when
it sees that. No write depends on another having been atomic.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field

from jobs.runs import records
from lake.errors import MissingError, StoppedError
from lake.storage.objects import Objects, exists

FOLDER = "train"
KEPT = 2


@dataclass(slots=True, eq=False)
class Checkpoints:
    """Of one start of a training."""

    objects: Objects
    """The run's folder."""
    start: int
    """Its number."""
    step: int | None = None
    """Of the newest; None: there is none."""
    _written: list[str] = field(default_factory=list)

    def resume(self) -> bytes | None:
        """The newest state of the starts before, from now on this one's; None: there is none."""
        for number in range(self.start - 1, 0, -1):
            while (found := latest(self.objects, number)) is not None:
                step, path = found
                with suppress(MissingError):  # a newer one, written just now, replaced it
                    data = self.objects.get(path)
                    self.write(step, data)
                    return data
        return None

    def write(self, step: int, data: bytes) -> None:
        """Keep a state.

        Raises:
            StoppedError: a later start took over.
        """
        self.check()
        path = f"{_folder(self.start)}/{step:09d}.safetensors"
        self.objects.put(path, data)
        pointer = {"step": step, "path": path, "at": records.now()}
        self.objects.put(f"{_folder(self.start)}/latest.json", records.as_json(pointer))
        self.step = step
        self._written = [*(of for of in self._written if of != path), path]
        self.objects.delete(self._written[:-KEPT])
        self._written = self._written[-KEPT:]

    def check(self) -> None:
        """Go on, or not.

        Raises:
            StoppedError: a later start took over.
        """
        if exists(self.objects, _claim(self.start + 1)):
            raise StoppedError(f"start {self.start + 1} of {self.objects.url()} took over")

    @property
    def url(self) -> str:
        """Of the newest; "none yet" if there is none."""
        return self.objects.url(self._written[-1]) if self._written else "none yet"


def begin(objects: Objects) -> Checkpoints:
    """Claim the next start."""
    number = 1 + max((int(path.split("/")[1]) for path in _claims(objects)), default=0)
    while True:
        try:
            objects.create(_claim(number), records.as_json({"at": records.now()}))
        except FileExistsError:
            number += 1
        else:
            return Checkpoints(objects, number)


def latest(objects: Objects, start: int) -> tuple[int, str] | None:
    """Step and path of the newest state of a start."""
    with suppress(MissingError):
        found = json.loads(objects.get(f"{_folder(start)}/latest.json"))
        return int(found["step"]), str(found["path"])
    return None


def newest(objects: Objects) -> int | None:
    """Step of the newest state of any start; None: there is none."""
    found = [latest(objects, int(path.split("/")[1])) for path in _claims(objects)]
    return max((of[0] for of in found if of), default=None)


def _claims(objects: Objects) -> list[str]:
    return [path for path in objects.list(FOLDER) if path.endswith("/start.json")]


def _folder(start: int) -> str:
    return f"{FOLDER}/{start:05d}"


def _claim(start: int) -> str:
    return f"{_folder(start)}/start.json"
