import pytest

from jobs.runs import watch
from jobs.runs.heartbeat import Heartbeat, Status


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


def test_progress_says_stage_bytes_and_rate():
    status = Status("running", "", stage="score", bytes=2_000_000, bytes_done=500_000)
    assert watch._stage_text(status) == "score, 500.0 kB of 2.0 MB, 0 bytes/s"
    assert watch._stage_text(Status("running", "", stage="fit")) == "fit"
