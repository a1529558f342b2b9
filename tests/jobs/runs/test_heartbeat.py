import json
from dataclasses import asdict

import pytest

from jobs.runs import heartbeat as life
from jobs.runs import records, task_progress, watch
from jobs.runs.heartbeat import Heartbeat, Status
from jobs.runs.task_progress import TaskProgress
from jobs.runs.watch import Look
from lake.errors import StoppedError
from lake.storage.connect import connect


@pytest.fixture
def heartbeat(tmp_path):
    return Heartbeat(str(tmp_path), "pca-1")


def after(heartbeat, seconds, finished):
    """The status when these tasks are done, some seconds after the stage began."""
    heartbeat._began -= seconds
    heartbeat.advance(finished)
    return heartbeat._status


def test_rate_and_time_left_are_by_bytes_and_of_this_attempt_alone(heartbeat):
    heartbeat.stage("score", [100, 300, 600, 1000], {1}, 2)
    status = after(heartbeat, 10, {1, 2})
    assert (status.tasks_done, status.tasks, status.bytes_done, status.bytes) == (2, 4, 900, 2000)
    assert status.bytes_per_second == pytest.approx(60, rel=0.02)
    assert status.seconds_left == pytest.approx(1100 / 60, rel=0.02)


def test_where_no_bytes_are_counted_time_left_is_by_tasks(heartbeat):
    heartbeat.stage("fit", [0] * 4, {0, 1}, 1)
    status = after(heartbeat, 10, {0, 1, 3})
    assert (status.bytes, status.bytes_per_second) == (0, None)
    assert status.seconds_left == pytest.approx(10, rel=0.02)


def test_nothing_done_yet_has_no_rate(heartbeat):
    heartbeat.stage("fit", [5, 5], {0}, 1)
    status = after(heartbeat, 10, {0})
    assert (status.bytes_done, status.bytes_per_second, status.seconds_left) == (5, None, None)


def test_watching_shows_how_far_a_long_task_has_come(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(task_progress.records, "folder", lambda *_: connect(tmp_path))
    shown = []
    status = Status("running", "", stage="train", tasks=1)
    advance = lambda *words: shown.append(words)  # noqa: E731
    watch._print("embed-1", Look(status, None, None), advance, lines=False)
    progress = TaskProgress("train", 60, 240, "steps", 12.34, 14.6, "infonce 3.2 (held out 3.3)")
    task_progress.write(connect(tmp_path), progress)
    look = Look(status, None, task_progress.read("lake", "embed-1", "train"))
    watch._print("embed-1", look, advance, lines=False)
    assert shown == [
        (0, 1, "train"),
        (60, 240, "train, 12.3 steps/s, 15 s left, infonce 3.2 (held out 3.3)"),
    ]
    watch._print("embed-1", look, advance, lines=True)
    assert json.loads(capsys.readouterr().err)["task"] == asdict(progress)


def test_progress_of_an_earlier_stage_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(task_progress.records, "folder", lambda *_: connect(tmp_path))
    task_progress.write(connect(tmp_path), TaskProgress("train", 1, 2, "steps", 1.0, 1.0, ""))
    assert task_progress.read("lake", "embed-1", "embed") is None


def test_progress_says_stage_bytes_and_rate():
    status = Status("running", "", stage="score", bytes=2_000_000, bytes_done=500_000)
    assert watch._stage_text(status) == "score, 500.0 kB of 2.0 MB, 0 bytes/s"
    assert watch._stage_text(Status("running", "", stage="fit")) == "fit"


def test_that_a_run_was_stopped_is_said_once(tmp_path):
    root = str(tmp_path)
    beating = Heartbeat(root, "pca-1")
    beating.begin()
    life.stop(root, "pca-1")
    beating._thread.join(30)
    with pytest.raises(StoppedError) as stopped:
        beating.check()
    beating.end(life.STOPPED, str(stopped.value))
    said = [line["message"] for line in records.log(root, "pca-1")]
    assert [message.startswith("stopped") for message in said] == [False, True]
    assert life.read(root, "pca-1").state == life.STOPPED


def test_lines_that_people_should_see_are_marked(tmp_path):
    with Heartbeat(str(tmp_path), "pca-1") as beating:
        beating.log("components=300 became 40", said=True)
    marked = [line["message"] for line in records.log(str(tmp_path), "pca-1") if line.get("said")]
    assert marked == ["components=300 became 40"]
