import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from ingest.source import scratch
from ingest.source.scratch import Scratch
from lake.errors import ConfigError, SpaceError


def test_file_lives_as_long_as_its_context_also_after_an_error(tmp_path):
    where = Scratch(str(tmp_path / "made"))
    with scratch.reserve(where, 3) as path:
        path.write_bytes(b"abc")
        assert path.parent == where.place
    assert not path.exists()
    with pytest.raises(KeyError), scratch.reserve(where, 3) as path:
        raise KeyError
    assert list(where.place.iterdir()) == []


def test_files_have_names_of_their_own(tmp_path):
    where = Scratch(str(tmp_path))
    with scratch.reserve(where, 1) as first, scratch.reserve(where, 1) as second:
        assert first != second


def test_process_may_fill_its_limit_and_no_more(tmp_path):
    where = Scratch(str(tmp_path), limit_bytes=100)
    with scratch.reserve(where, 60), scratch.reserve(where, 40):
        with (
            pytest.raises(SpaceError, match=r"would hold 101 bytes.*limit is 100: give a higher"),
            scratch.reserve(where, 1),
        ):
            pass
        assert len(list(where.place.iterdir())) == 2
    with scratch.reserve(where, 100):
        pass


def hold(folder: str, ready: "multiprocessing.connection.Connection") -> None:
    with scratch.reserve(Scratch(folder), 5) as path:
        path.write_bytes(b"12345")
        ready.send(str(path))
        signal.pause()


@pytest.fixture
def other(tmp_path):
    """A process that holds a file on scratch, and the path of it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(str(tmp_path), theirs))
    process.start()
    yield process, Path(ours.recv())
    process.kill()
    process.join()


def test_file_of_a_living_process_stays_and_that_of_a_killed_one_goes(tmp_path, other):
    process, path = other
    where = Scratch(str(tmp_path), limit_bytes=5)
    with scratch.reserve(where, 5):  # the limit is that of each process
        assert path.read_bytes() == b"12345"
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert path.exists()
    with scratch.reserve(where, 5) as own:
        assert list(where.place.iterdir()) == [own]


def test_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    where = Scratch(str(tmp_path / "file"))
    with (
        pytest.raises(ConfigError, match=r"cannot write the scratch folder .*another folder"),
        scratch.reserve(where, 1),
    ):
        pass


def test_full_disk_is_an_error_that_says_what_to_do():
    found = scratch.disk_error(Scratch("/there"), OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(found, SpaceError)
    assert "no room on scratch /there/goeslake-scratch" in str(found)
    assert "nothing is lost" in str(found)
