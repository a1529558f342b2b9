"""On a worker: have a child train (`jobs.embedding.trainer`), stop it, start it anew if it dies."""

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

CHILD = trainer.__name__
PATIENCE_S = 1.5
"""That a child has to save its state after it was told to stop."""
FRUITLESS = 5
"""Deaths of a child without a newer checkpoint after which the run fails."""


def training(root: str, run: str, threads: int) -> None:
    """Train the model of a run to its end.

    Raises:
        StoppedError: the run was asked to stop; a checkpoint is left.
        LakeError: what the child raised.
        DataError: it died again and again.
    """
    objects, fruitless, last = records.folder(root, run), 0, ""
    while fruitless < FRUITLESS:
        before = checkpoints.newest(objects)
        with TemporaryFile("w+") as errors_said:
            code = _watched(root, run, threads, errors_said)
            if code == 0:
                return
            errors_said.seek(0)
            last = errors_said.read().strip().rsplit("\n", 1)[-1]
        fruitless = fruitless + 1 if checkpoints.newest(objects) == before else 0
    raise DataError(
        f"the training of {run} died {FRUITLESS} times without a new checkpoint after step "
        f"{before or 0}, the last time with exit code {code} (-9: killed, mostly for memory) "
        f"{last!r}; a smaller batch or held_gb needs less memory, a smaller checkpoint_seconds loses less"
    )


def _watched(root: str, run: str, threads: int, errors_said: IO[str]) -> int:
    """One child; its exit code."""
    with _started(root, run, threads, errors_said) as process:
        try:
            while process.poll() is None:
                heartbeat.check(root, run)
                time.sleep(LOOK_S)
        except StoppedError:
            _stop(process)
            raise
        finally:
            process.kill()
        said = process.stdout.read() if process.stdout else ""
    _raise(said)
    return process.returncode


def _started(root: str, run: str, threads: int, errors_said: IO[str]) -> subprocess.Popen[str]:
    path = os.pathsep.join(of for of in sys.path if of)
    environment = (
        os.environ
        | {
            "PYTHONPATH": path,
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin on shared cores: five times the CPU seconds
        }
    )
    return subprocess.Popen(  # noqa: S603 (this Python, and names that this project made)
        [sys.executable, "-P", "-m", CHILD, root, run], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors_said,
    )  # fmt: skip


def _stop(process: subprocess.Popen[str]) -> None:
    try:
        process.communicate(trainer.STOP, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return


def _raise(said: str) -> None:
    """What a child says that it raised."""
    last = said.strip().rsplit("\n", 1)[-1]
    document = json.loads(last) if last.startswith("{") else {}
    if name := document.get("error"):
        raise getattr(errors, name)(document["message"])
