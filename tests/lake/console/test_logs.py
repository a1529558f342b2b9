import json
import logging
import sys

import pytest

from lake.console import logs
from lake.console.messages import progress, say


@pytest.fixture(autouse=True)
def as_json(monkeypatch):
    monkeypatch.setenv("LAKE_LOG", "json")
    monkeypatch.setenv("LAKE_RUN_ID", "run-1")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def test_messages_are_lines_of_json_with_level_and_run(capsys):
    say("warning: a file changed")
    say("error: no lake: it is gone")
    say("12: twelve")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["message"], line["run"]) for line in lines] == [
        ("warning", "a file changed", "run-1"),
        ("error", "no lake: it is gone", "run-1"),
        ("info", "12: twelve", "run-1"),
    ]


def test_progress_is_lines_of_json(capsys):
    with progress("stage") as report:
        report(1, 2)
    assert json.loads(capsys.readouterr().err)["message"] == "stage: 1/2"


def test_error_of_a_command_is_one_line_of_json(run_lake, tmp_path):
    code, out, err = run_lake("ls", "--lake", str(tmp_path / "nothing"))
    assert (code, out) == (1, "")
    assert json.loads(err)["level"] == "error"


def test_traceback_that_nobody_caught_is_one_line_of_json(capsys):
    logs.begin()
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    sys.excepthook(caught.type, caught.value, caught.tb)
    told = json.loads(capsys.readouterr().err)
    assert told["message"] == "ZeroDivisionError: division by zero"
    assert "test_logs.py" in told["traceback"]


def test_what_python_logs_is_json_with_its_logger():
    record = logging.LogRecord("distributed.core", logging.INFO, "", 0, "with %s", ("art",), None)
    told = json.loads(logs.Formatter().format(record))
    assert (told["logger"], told["level"], told["message"]) == (
        "distributed.core", "info", "with art",
    )  # fmt: skip


def test_run_gets_a_name_where_none_is_given(monkeypatch):
    monkeypatch.setenv("LAKE_RUN_ID", "")
    monkeypatch.delenv("LAKE_RUN_ID")
    logs.begin()
    assert len(logs.run()) == 12
