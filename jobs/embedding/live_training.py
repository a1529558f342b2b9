"""A training that is under way, as the lake shows it: `progress.json`, `loss.jsonl` and `loss.png`.

The trainer writes them every few seconds; `lake runs watch` shows the first.
"""

import time

from jobs.embedding import loss_curve
from jobs.embedding.train import TrainingState
from jobs.runs import task_progress
from jobs.runs.task_progress import TaskProgress
from lake.storage.objects import Objects

STAGE = "train"
"""The stage of a run in which its model is trained."""
EVERY_S = 4.0
"""Seconds between two writes, at least."""
PATIENCE = 20
"""How many times longer than a write the time to the next one is, at least: drawing takes a processor."""


class LiveTraining:
    """Writes how a training goes, while it goes."""

    def __init__(self, objects: Objects, title: str, first: int, steps: int) -> None:
        """Begin to count time.

        Args:
            objects: the run's folder.
            title: of the picture.
            first: steps that were done before.
            steps: of the whole training.
        """
        self._objects, self._title, self._first, self._steps = objects, title, first, steps
        self._began = time.monotonic()
        self._due = self._began + EVERY_S
        self._points = 0

    def show(self, state: TrainingState) -> None:
        """Write how far the training is, unless that was written just now."""
        now = time.monotonic()
        if now < self._due:
            return
        rate = (state.step - self._first) / (now - self._began)
        left = (self._steps - state.step) / rate
        detail = loss_curve.newest(state.curve)
        progress = TaskProgress(STAGE, state.step, self._steps, "steps", rate, left, detail)
        task_progress.write(self._objects, progress)
        if len(state.curve) > self._points:
            self._points = len(state.curve)
            self._objects.put(loss_curve.LINES, loss_curve.lines(state.curve))
            self._objects.put(loss_curve.PICTURE, loss_curve.picture(state.curve, self._title))
        done = time.monotonic()
        self._due = done + max(EVERY_S, PATIENCE * (done - now))
