"""How the commands that keep a lake ended: one object for each subject, replaced by the next run.

    reports/<command>/<subject>.json

Whoever watches over a lake (`lake.upkeep.prometheus`) learns from them what commits cannot tell: that a run
failed and why, how long it took, that a store was verified.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from lake.catalogue import catalogue
from lake.console import logs
from lake.errors import LakeError, MissingError
from lake.storage import retries
from lake.storage.connect import STORE_ERRORS, connect
from lake.storage.objects import Objects, exists

FOLDER = "reports"
PATIENCE = timedelta(seconds=20)
"""How long a command tries to write its report."""


@dataclass(slots=True)
class Report:
    """The report of one run of a command."""

    command: str
    subject: str
    """The listing or the key that the command was run on; empty: the whole lake."""
    run: str
    began: str
    """When the run began: UTC, ISO 8601."""
    seconds: float = 0.0
    exit_code: int = 0
    error: str = ""
    """The error's name and message; empty: none."""
    succeeded: str = ""
    """When a run of this command on this subject last ended with exit code 0: UTC, ISO 8601; empty: never."""
    numbers: dict[str, float] = field(default_factory=dict)
    """The numbers that the command counted, by name."""


_CURRENT: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def record(root: str, command: str, subject: str = "") -> Iterator[Report]:
    """Report how what is done in this context ends; a lake that is not there yet gets no report."""
    report = Report(command, subject, logs.run(), _now())
    began, token = time.monotonic(), _CURRENT.set(report)
    try:
        yield report
    finally:
        _CURRENT.reset(token)
        report.seconds = round(time.monotonic() - began, 3)
        _judge(report, sys.exception())
        # the error that ends the command is told, soon, also where it is that the lake does not answer
        with suppress(LakeError, *STORE_ERRORS), retries.patience(PATIENCE):
            _write(connect(root), report)


def observe(name: str, value: float) -> None:
    """Add a measurement to the report that is being made, if one is: its sum, count and maximum."""
    if (report := _CURRENT.get()) is not None:
        numbers = report.numbers
        numbers[f"{name}_sum"] = numbers.get(f"{name}_sum", 0) + value
        numbers[f"{name}_count"] = numbers.get(f"{name}_count", 0) + 1
        numbers[f"{name}_max"] = max(numbers.get(f"{name}_max", value), value)


def read(objects: Objects) -> list[Report]:
    """All reports of a lake, in the order of their paths."""
    return [Report(**json.loads(objects.get(path))) for path in objects.list(FOLDER)]


def _path(report: Report) -> str:
    return f"{FOLDER}/{report.command}{'/' if report.subject else ''}{report.subject}.json"


def _judge(report: Report, error: BaseException | None) -> None:
    if isinstance(error, SystemExit):
        report.exit_code = int(error.code or 0)
    elif error is not None:
        report.exit_code = error.exit_code if isinstance(error, LakeError) else 1
        report.error = f"{type(error).__name__}: {error}"


def _write(objects: Objects, report: Report) -> None:
    if not exists(objects, catalogue.MARKER):
        return
    if report.exit_code == 0:
        report.succeeded = _now()
    else:
        with suppress(MissingError):
            report.succeeded = json.loads(objects.get(_path(report)))["succeeded"]
    objects.put(_path(report), json.dumps(asdict(report), indent=1).encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
