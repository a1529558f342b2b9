"""Training in a process that is killed, stopped, or fails."""

import os
import random
import signal
import threading
from dataclasses import dataclass

import pytest
import torch

from jobs.embedding import checkpoints, stored_model, supervisor, trainer
from jobs.embedding.train import Training
from jobs.embedding.views.choice import NOISE
from jobs.runs import driver, heartbeat, records
from lake.errors import DataError, StoppedError
from lake.storage.connect import connect
from tests.jobs import quick

KILLS = int(os.environ.get("LAKE_TEST_KILLS", "2"))
"""Of one training; `make faults` asks for 20."""


@pytest.fixture
def queued(truth, chain):
    """A function that writes the spec of a run of these settings; its training is not begun."""

    def queue(**training):
        settings = quick.settings(chain.pca, loss=("huber",), views=(NOISE,), **training)
        spec = driver.specs(truth.root, truth.key, settings)[-1]
        driver.forget(truth.root, spec.id)
        records.write_spec(truth.root, spec)
        return spec.id

    return queue


def weights(truth, run):
    return torch.cat([w.ravel() for w in stored_model.load(truth.root, run).parameters()]).detach()


def kill_at_steps(monkeypatch, truth, run, steps):
    """Kill each trainer once the lake has a checkpoint of the next of these steps."""
    objects, kills = records.folder(truth.root, run), list(steps)
    started = supervisor._start

    def watch(process):
        while process.poll() is None:
            if kills and (checkpoints.newest(objects) or 0) >= kills[0]:
                kills.pop(0)
                os.kill(process.pid, signal.SIGKILL)
            threading.Event().wait(0.02)

    def start(*arguments):
        process = started(*arguments)
        threading.Thread(target=watch, args=(process,), daemon=True).start()
        return process

    monkeypatch.setattr(supervisor, "_start", start)
    return kills


@pytest.mark.timeout(900)
def test_killed_training_ends_with_the_same_bits(queued, truth, monkeypatch):
    settings = {"steps": 60 * KILLS, "checkpoint_seconds": 0.0}
    undisturbed = queued(**settings)
    supervisor.training(truth.root, undisturbed, 1)
    expected = weights(truth, undisturbed)
    run = queued(**settings)
    steps = sorted(random.Random(1).sample(range(10, 50 * KILLS), KILLS))  # noqa: S311 (no secret)
    pending = kill_at_steps(monkeypatch, truth, run, steps)
    supervisor.training(truth.root, run, 1)
    assert pending == []
    assert torch.equal(weights(truth, run), expected)


def test_stop_ends_a_training_that_goes_on_from_its_checkpoint(queued, truth):
    run = queued(steps=1_000_000, checkpoint_seconds=1.0)
    objects = records.folder(truth.root, run)
    stopping = threading.Thread(target=stop_when_training, args=(truth, run))
    stopping.start()
    with pytest.raises(StoppedError, match="lake runs resume"):
        supervisor.training(truth.root, run, 1)
    stopping.join()
    step, path = checkpoints.latest(objects, 1)
    assert step > 0
    assert checkpoints.begin(objects).resume() == objects.get(path)


def stop_when_training(truth, run):
    """As soon as the lake has a checkpoint."""
    while checkpoints.newest(records.folder(truth.root, run)) is None:
        threading.Event().wait(0.05)
    heartbeat.stop(truth.root, run)


class LateListener:
    """A listener that reports a stop when it is asked the third time."""

    looks = 0

    def check(self):
        self.looks += 1
        if self.looks == 3:
            raise StoppedError("asked to stop")


@dataclass
class StepState:
    """A state that is the number of its step."""

    step: int
    curve: tuple = ()

    def save(self):
        return b"state %d" % self.step

    def is_finite(self):
        return True


def test_trainer_that_is_asked_to_stop_saves_the_step_it_made(tmp_path):
    objects = connect(tmp_path)
    saved = checkpoints.begin(objects)
    steps = (StepState(step) for step in range(1, 100))
    with pytest.raises(StoppedError):
        trainer._steps(saved, steps, LateListener(), Training())
    assert (saved.step, checkpoints.begin(objects).resume()) == (3, b"state 3")


def test_loss_that_is_no_number_names_step_pixels_and_checkpoint(queued, truth):
    run = queued(steps=50, learning_rate=1e30, checkpoint_seconds=0.0)
    with pytest.raises(
        DataError, match=r"loss of step \d+ is .*pixels \d+, .*last good checkpoint"
    ) as e:
        supervisor.training(truth.root, run, 1)
    step, path = checkpoints.latest(records.folder(truth.root, run), 1)
    assert f"of step {step}: " in str(e.value)
    assert path in str(e.value)


def test_error_of_a_trainer_that_cannot_begin_has_its_last_words(queued, truth, monkeypatch):
    monkeypatch.setattr(supervisor, "TRAINER", "jobs.nothing")
    run = queued()
    with pytest.raises(
        DataError, match=r"died 5 times .* exit code 1 .*No module named jobs.nothing"
    ):
        supervisor.training(truth.root, run, 1)
