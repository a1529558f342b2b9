import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lake.storage.connect import connect
from lake.store import commits


class Flaky:
    """Objects whose `create` fails: an error of the network cannot be had otherwise."""

    def __init__(self, objects, *, written):
        self._objects, self._written = objects, written

    def __getattr__(self, name):
        return getattr(self._objects, name)

    def create(self, path, data):
        if self._written:
            self._objects.create(path, data)
        raise OSError("connection reset")


@pytest.fixture
def objects(tmp_path):
    return connect(tmp_path)


def test_no_commit_has_no_head(objects):
    assert commits.head(objects) is None


def test_commits_follow_each_other(objects):
    first = commits.append(objects, None, {"n": "first"})
    second = commits.append(objects, first, {"n": "second"})
    assert (first.number, second.number) == (1, 2)
    assert second.body["parent"] == 1
    assert commits.head(objects) == second


def test_second_writer_after_the_same_parent_is_refused(objects):
    first = commits.append(objects, None, {})
    second = commits.append(objects, first, {"n": "winner"})
    with pytest.raises(FileExistsError):
        commits.append(objects, first, {"n": "loser"})
    assert commits.head(objects) == second


def test_many_writers_that_retry_all_get_in_once(objects):
    def write(name):
        while True:
            try:
                return commits.append(objects, commits.head(objects), {"name": name}).number
            except FileExistsError:
                continue

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(pool.map(write, range(8)))
    assert numbers == list(range(1, 9))
    names = [json.loads(objects.get(f"commits/{n:08d}.json"))["name"] for n in numbers]
    assert sorted(names) == list(range(8))


def test_lost_answer_of_a_written_commit_counts_as_written(objects):
    commit = commits.append(Flaky(objects, written=True), None, {"n": "mine"})
    assert commits.head(objects) == commit


def test_lost_answer_of_an_unwritten_commit_is_the_error(objects):
    with pytest.raises(OSError, match="connection reset"):
        commits.append(Flaky(objects, written=False), None, {})
    assert commits.head(objects) is None


@pytest.mark.parametrize("hint", [None, b"{", b"{}", b'{"number": 1}', b'{"number": 9}'])
def test_hint_that_is_lost_stale_or_wrong_does_not_matter(objects, hint):
    newest = None
    for n in range(3):
        newest = commits.append(objects, newest, {"n": n})
    if hint is None:
        (Path(objects.root) / "current.json").unlink()
    else:
        objects.put("current.json", hint)
    assert commits.head(objects) == newest


def test_logs_of_two_folders_are_apart(objects):
    commits.append(objects, None, {}, "a")
    assert commits.head(objects, "b") is None
