"""Training in a process of its own: `python -m jobs.embedding.trainer ROOT RUN`.

What it computes it reads from the run's spec, where it stands from the lake
(`jobs.embedding.checkpoints`), so that it can be killed at any time and started anew. On its
standard input it is told to stop; when that closes, its worker is dead, and it ends at once. The
last line of its output says how it ended. A part of `multiprocessing` cannot do this: Dask's
workers are daemons, which may have no such child.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jobs import registry
from jobs.embedding import checkpoints, loss_curve, train
from jobs.embedding.checkpoints import Checkpoints
from jobs.embedding.loader import Loader
from jobs.embedding.train import State, Task, Training
from jobs.runs import records
from lake.errors import DataError, LakeError, StoppedError
from lake.storage.objects import Objects, exists

STOP = "stop\n"
"""On standard input: save the state and end."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a job has trained; the module of such a job offers `plan(root, spec)`."""

    training: Training
    result: str
    """Path of what `keep` writes last, below the run's folder."""
    prepare: Callable[[], tuple[State, Loader, Task]]
    """A model before its first step, and what it will see."""
    keep: Callable[[int, State, dict[str, Any]], None]
    """Writes the model that a start (its number) ended with, and facts of the training."""


class Ear:
    """Listens for a request to stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.training = False
        """Whether there is something to save; else stopping is ending."""
        threading.Thread(target=self._listen, daemon=True).start()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            StoppedError: it was told to stop.
        """
        if self._stop.is_set():
            raise StoppedError("told to stop")

    def _listen(self) -> None:
        told = sys.stdin.readline()
        self._stop.set()
        if told != STOP or not self.training:
            os._exit(1)


def main(root: str, run: str) -> None:
    """Train the model of a run to its end, or go on with that."""
    ear = Ear()
    try:
        _train(root, run, ear)
    except LakeError as error:
        _tell(error=type(error).__name__, message=str(error))
    else:
        _tell(error=None)


def _train(root: str, run: str, ear: Ear) -> None:
    objects = records.folder(root, run)
    spec = records.read_spec(root, run)
    plan: Plan = registry.load(spec.job).plan(root, spec)
    if exists(objects, plan.result):  # by a start whose worker died before it could say so
        return
    how = plan.training
    held = checkpoints.begin(objects)
    with train.environment(how):
        state, loader, task = plan.prepare()
        if (data := held.resume()) is not None:
            state.restore(data)
        ear.training = True
        began, first = time.monotonic(), state.step
        try:
            _steps(objects, held, train.train(state, loader, task), ear, how)
        except DataError as error:
            step = "" if held.step is None else f" of step {held.step}"
            raise DataError(f"{error}; last good checkpoint{step}: {held.url}") from error
        finally:
            loader.close()
        if not state.is_finite():
            raise DataError(
                f"the last step left weights that are no numbers; last good: {held.url}"
            )
        held.write(state.step, state.save())
        about = {"seconds": round(time.monotonic() - began, 1), "resumed_at_step": first}
        plan.keep(held.start, state, about)


def _steps(
    objects: Objects,
    held: Checkpoints,
    steps: Iterator[State],
    ear: Ear,
    how: Training,
) -> None:
    due = time.monotonic() + how.checkpoint_seconds
    for state in steps:
        try:
            ear.check()
        except StoppedError:
            _save(objects, held, state)
            raise
        if time.monotonic() >= due:
            _save(objects, held, state)
            due = time.monotonic() + how.checkpoint_seconds


def _save(objects: Objects, held: Checkpoints, state: State) -> None:
    if state.is_finite():
        held.write(state.step, state.save())
        objects.put(loss_curve.LINES, loss_curve.lines(state.curve))


def _tell(**document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
