"""The trainer, a process of its own: `python -m jobs.embedding.trainer ROOT RUN`.

The trainer reads what it computes from the run's spec, and how far it got from the lake
(`jobs.embedding.checkpoints`), so that it can be killed at any time and started anew. Its standard input
asks it to stop; when that closes, its worker is dead, and it ends at once. The last line of its output
says how it ended. `multiprocessing` cannot do this: Dask's workers are daemons, which may have no such
child.
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
from jobs.embedding import checkpoints, train
from jobs.embedding.checkpoints import Checkpoints
from jobs.embedding.live_training import LiveTraining
from jobs.embedding.loader import Loader
from jobs.embedding.train import LearningTask, Training, TrainingState
from jobs.runs import records
from lake.errors import DataError, LakeError, StoppedError
from lake.storage.objects import exists

STOP = "stop\n"
"""The line on standard input that asks to save the state and end."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPlan:
    """A training for the trainer to run; the module of a job that trains offers `plan(root, spec)`."""

    training: Training
    result: str
    """Path below the run's folder of the file that `keep` writes last."""
    prepare: Callable[[], tuple[TrainingState, Loader, LearningTask]]
    """Gives a model before its first step, the loader of its batches, and the settings to follow."""
    keep: Callable[[int, TrainingState, dict[str, Any]], None]
    """Writes the model that a start (its number) ended with, and facts of the training."""


class StopListener:
    """Listens on standard input for a request to stop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.training = False
        """Whether there is a state to save; else a request to stop ends the process."""
        threading.Thread(target=self._listen, daemon=True).start()

    def check(self) -> None:
        """Go on unless a stop was requested.

        Raises:
            StoppedError: it was.
        """
        if self._stop.is_set():
            raise StoppedError("asked to stop")

    def _listen(self) -> None:
        line = sys.stdin.readline()
        self._stop.set()
        if line != STOP or not self.training:
            os._exit(1)


def main(root: str, run: str) -> None:
    """Train the model of a run to its end, from its newest checkpoint."""
    listener = StopListener()
    try:
        _train(root, run, listener)
    except LakeError as error:
        _report(error=type(error).__name__, message=str(error))
    else:
        _report(error=None)


def _train(root: str, run: str, listener: StopListener) -> None:
    objects = records.folder(root, run)
    spec = records.read_spec(root, run)
    plan: TrainingPlan = registry.load(spec.job).plan(root, spec)
    if exists(objects, plan.result):  # by a start whose worker died before it could say so
        return
    training = plan.training
    saved = checkpoints.begin(objects)
    with train.environment(training):
        state, loader, task = plan.prepare()
        if (data := saved.resume()) is not None:
            state.restore(data)
        listener.training = True
        began, first = time.monotonic(), state.step
        try:
            live = LiveTraining(objects, run, first, task.training.steps)
            steps = _shown(train.train(state, loader, task), live)
            _steps(saved, steps, listener, training)
        except DataError as error:
            step = "" if saved.step is None else f" of step {saved.step}"
            raise DataError(f"{error}; last good checkpoint{step}: {saved.url}") from error
        finally:
            loader.close()
        if not state.is_finite():
            raise DataError(
                f"the last step left weights that are no numbers; last good: {saved.url}"
            )
        saved.write(state.step, state.save())
        facts = {"seconds": round(time.monotonic() - began, 1), "resumed_at_step": first}
        plan.keep(saved.start, state, facts)


def _shown(steps: Iterator[TrainingState], live: LiveTraining) -> Iterator[TrainingState]:
    """The same steps; how the training goes is shown on the way."""
    for state in steps:
        live.show(state)
        yield state


def _steps(
    saved: Checkpoints,
    steps: Iterator[TrainingState],
    listener: StopListener,
    training: Training,
) -> None:
    """Make all steps; save a checkpoint now and then, and when a stop is requested."""
    due = time.monotonic() + training.checkpoint_seconds
    for state in steps:
        try:
            listener.check()
        except StoppedError:
            _save(saved, state)
            raise
        if time.monotonic() >= due:
            _save(saved, state)
            due = time.monotonic() + training.checkpoint_seconds


def _save(saved: Checkpoints, state: TrainingState) -> None:
    if state.is_finite():
        saved.write(state.step, state.save())


def _report(**document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
