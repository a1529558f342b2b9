"""Messages as JSON lines, where machines read the logs: `LAKE_LOG=json`.

Each message of a command, each line of Dask's log and each traceback is then one JSON object on
stderr: `at` (UTC), `level`, `run`, `message`, and of Dask `logger`. `run` names one execution of a command:
`LAKE_RUN_ID` if that is set, else one made up when it begins. Processes that it starts inherit it.
"""

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from uuid import uuid4

RUN = "LAKE_RUN_ID"
LEVELS = ("error", "warning")
"""The levels that a message may begin with, e.g. `error: ...`; any other message has the level `info`."""


def begin() -> None:
    """Set up a command when it starts: name its run, and have tracebacks logged as everything else is."""
    os.environ.setdefault(RUN, uuid4().hex[:12])
    if is_json():
        sys.excepthook = _log_traceback


def run() -> str:
    """The name of this run."""
    return os.environ.get(RUN, "")


def is_json() -> bool:
    """Whether machines read the log."""
    return os.environ.get("LAKE_LOG", "").lower() == "json"


def line(message: str, **fields: str) -> str:
    """A message as one line of JSON."""
    level, colon, rest = message.partition(": ")
    if not (colon and level in LEVELS):
        level, rest = "info", message
    record = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level}
    return json.dumps(record | {"run": run(), "message": rest} | fields)


class Formatter(logging.Formatter):
    """The formatter for Dask's logs, which `DASK_LOGGING` names (deploy/base/kustomization.yaml)."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        fields = {"logger": record.name, "level": record.levelname.lower()}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return line(record.getMessage(), **fields)


def _log_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(line(f"error: {kind.__name__}: {error}", traceback=text) + "\n")
