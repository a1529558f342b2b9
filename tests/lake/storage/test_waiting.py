"""A server that does not answer is said to be waited for; a forked process says why it cannot."""

import multiprocessing
import socket
import sys
import threading

import pytest

from lake.errors import ConfigError, LakeError
from lake.storage import retries, waiting
from lake.storage.connect import STORE_ERRORS, connect


@pytest.fixture
def silent():
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_long_wait_is_announced_once_with_the_url(silent, monkeypatch, capfd):
    from datetime import timedelta

    monkeypatch.setattr(waiting, "AFTER_S", 0.2)
    monkeypatch.setattr(waiting, "_LOOK_S", 0.05)
    monkeypatch.setenv("LAKE_REQUEST_SECONDS", "1")
    with retries.patience(timedelta(seconds=1)), pytest.raises((LakeError, *STORE_ERRORS)):
        connect(f"{silent}/lake").get("a")
    said = capfd.readouterr().err
    assert said.count("waiting for the server of") == 1
    assert f"{silent}/lake/a" in said


def test_short_requests_say_nothing(s3_root, capfd):
    connect(s3_root).put("a", b"1")
    assert connect(s3_root).get("a") == b"1"
    assert capfd.readouterr().err == ""


def read_in_child(root, queue):
    try:
        queue.put(connect(root).get("a"))
    except ConfigError as error:
        queue.put(str(error))


def answer(method, root):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=read_in_child, args=(root, queue))
    process.start()
    try:
        return queue.get(timeout=60)
    finally:
        process.join(10)
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="fork is for Linux")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_process_says_at_once_what_to_do_and_others_read(s3_root):
    connect(s3_root).put("a", b"1")
    assert "spawn or forkserver" in answer("fork", s3_root)
    assert answer("spawn", s3_root) == b"1"


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_process_reads_a_folder(tmp_path):
    connect(tmp_path).put("a", b"1")
    assert answer("fork", str(tmp_path)) == b"1"


def test_requests_of_many_threads_are_forgotten_when_they_end(s3_root):
    objects = connect(s3_root)
    objects.put("a", b"1")
    threads = [threading.Thread(target=objects.get, args=("a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waiting._since == {}
