"""On a worker: start the trainer (`jobs.embedding.trainer`), stop it, start it anew if it dies.

The trainer is a process of its own, so that it can be killed at any time without the worker.
"""

import json
import os
import subprocess
import sys
import time
from tempfile import TemporaryFile
from typing import IO

from jobs.embedding import checkpoints, trainer
from jobs.runs import heartbeat, records
from jobs.runs.heartbeat import LOOK_S
from lake import errors
from lake.errors import DataError, StoppedError

TRAINER = trainer.__name__
"""The module that the trainer runs."""
PATIENCE_S = 1.5
"""Seconds that a trainer has to save its state after it was asked to stop."""
FRUITLESS = 5
"""Deaths of a trainer without a newer checkpoint after which the run fails."""


def training(root: str, run: str, threads: int) -> None:
    """Train the model of a run to its end.

    Raises:
        StoppedError: the run was asked to stop; a checkpoint is left.
        LakeError: what the trainer raised.
        DataError: the trainer died again and again.
    """
    objects, fruitless, message = records.folder(root, run), 0, ""
    while fruitless < FRUITLESS:
        before = checkpoints.newest(objects)
        with TemporaryFile("w+") as error_file:
            code = _run_trainer(root, run, threads, error_file)
            if code == 0:
                return
            error_file.seek(0)
            message = error_file.read().strip().rsplit("\n", 1)[-1]
        fruitless = fruitless + 1 if checkpoints.newest(objects) == before else 0
    raise DataError(
        f"the training of {run} died {FRUITLESS} times without a new checkpoint after step "
        f"{before or 0}, the last time with exit code {code} (-9: killed, mostly for memory) "
        f"{message!r}; a smaller batch or memory_gb needs less memory, a smaller checkpoint_seconds "
        "loses less"
    )


def _run_trainer(root: str, run: str, threads: int, error_file: IO[str]) -> int:
    """The exit code of a trainer, when it has ended; what it raised is raised here."""
    with _start(root, run, threads, error_file) as process:
        try:
            while process.poll() is None:
                heartbeat.check(root, run)
                time.sleep(LOOK_S)
        except StoppedError:
            _stop(process)
            raise
        finally:
            process.kill()
        output = process.stdout.read() if process.stdout else ""
    _raise(output)
    return process.returncode


def _start(root: str, run: str, threads: int, error_file: IO[str]) -> subprocess.Popen[str]:
    path = os.pathsep.join(folder for folder in sys.path if folder)
    environment = (
        os.environ
        | {
            "PYTHONPATH": path,
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin on shared cores: five times the CPU seconds
        }
    )
    return subprocess.Popen(  # noqa: S603 (this Python, and names that this project made)
        [sys.executable, "-P", "-m", TRAINER, root, run], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=error_file,
    )  # fmt: skip


def _stop(process: subprocess.Popen[str]) -> None:
    try:
        process.communicate(trainer.STOP, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return


def _raise(output: str) -> None:
    """Raise the error that a trainer reports in the last line of its output, if it reports one."""
    last = output.strip().rsplit("\n", 1)[-1]
    document = json.loads(last) if last.startswith("{") else {}
    if name := document.get("error"):
        raise getattr(errors, name)(document["message"])
