import pytest

from jobs.runs import watch
from jobs.runs.heartbeat import Pulse, Status


@pytest.fixture
def beats(tmp_path):
    return Pulse(str(tmp_path), "pca-1")


def after(beats, seconds, done):
    """The status when these parts are done, some seconds after the stage began."""
    beats._began -= seconds
    beats.advance(done)
    return beats._status


def test_rate_and_time_left_are_by_bytes_and_of_this_attempt_alone(beats):
    beats.stage("score", [100, 300, 600, 1000], {1}, 2)
    found = after(beats, 10, {1, 2})
    assert (found.parts_done, found.parts, found.bytes_done, found.bytes) == (2, 4, 900, 2000)
    assert found.bytes_per_second == pytest.approx(60, rel=0.02)
    assert found.seconds_left == pytest.approx(1100 / 60, rel=0.02)


def test_where_no_bytes_are_told_time_left_is_by_parts(beats):
    beats.stage("fit", [0] * 4, {0, 1}, 1)
    found = after(beats, 10, {0, 1, 3})
    assert (found.bytes, found.bytes_per_second) == (0, None)
    assert found.seconds_left == pytest.approx(10, rel=0.02)


def test_nothing_done_yet_tells_no_rate(beats):
    beats.stage("fit", [5, 5], {0}, 1)
    found = after(beats, 10, {0})
    assert (found.bytes_done, found.bytes_per_second, found.seconds_left) == (5, None, None)


def test_who_watches_sees_stage_bytes_and_rate():
    told = Status("running", "", stage="score", bytes=2_000_000, bytes_done=500_000)
    assert watch._about(told) == "score, 500.0 kB of 2.0 MB, 0 bytes/s"
    assert watch._about(Status("running", "", stage="fit")) == "fit"
