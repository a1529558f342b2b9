import pytest

from jobs.embedding import checkpoints
from lake.errors import StoppedError
from lake.storage.connect import connect


@pytest.fixture
def objects(tmp_path):
    return connect(tmp_path)


def test_first_start_has_nothing_to_go_on_with(objects):
    first = checkpoints.begin(objects)
    assert first.resume() is None
    assert checkpoints.newest(objects) is None


def test_next_start_goes_on_with_the_newest_state(objects):
    first = checkpoints.begin(objects)
    for step in (10, 20, 30):
        first.write(step, b"%d" % step)
    assert len(objects.list("train/00001")) == 4  # claim, pointer, and the newest two
    second = checkpoints.begin(objects)
    assert second.resume() == b"30"
    assert (second.step, checkpoints.newest(objects)) == (30, 30)


def test_overtaken_start_ends_and_moves_nothing(objects):
    zombie = checkpoints.begin(objects)
    zombie.write(1, b"one")
    living = checkpoints.begin(objects)
    assert living.resume() == b"one"
    with pytest.raises(StoppedError, match=r"start 2 of .* took over"):
        zombie.write(2, b"two")
    assert checkpoints.begin(objects).resume() == b"one"


def test_pointer_written_late_by_an_overtaken_start_is_not_looked_at(objects, monkeypatch):
    """The start had looked just before it was overtaken."""
    zombie = checkpoints.begin(objects)
    zombie.write(1, b"one")
    living = checkpoints.begin(objects)
    living.resume()
    living.write(5, b"five")
    monkeypatch.setattr(checkpoints.Checkpoints, "check", lambda _: None)
    for step in (2, 3, 4):
        zombie.write(step, b"late")
    assert checkpoints.begin(objects).resume() == b"five"


def test_start_that_wrote_nothing_leaves_the_one_before(objects):
    checkpoints.begin(objects).write(7, b"seven")
    checkpoints.begin(objects)
    assert checkpoints.begin(objects).resume() == b"seven"
