"""Stores that keep the promise of create-only writes, and stores that do not."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from lake.errors import ConfigError, MissingError
from lake.storage import preflight
from lake.storage.connect import connect
from tests.faults.proxy import Faults


def test_store_on_which_one_writer_wins_passes_and_is_left_clean(objects):
    objects.put("kept", b"1")
    preflight.check(objects)
    assert objects.list() == ["kept"]


@pytest.mark.parametrize("seed", range(3))
def test_server_that_ignores_the_condition_is_refused(moto_root, break_s3, seed):
    break_s3(Faults({"strip": 1}, seed))
    objects = connect(moto_root)
    with pytest.raises(ConfigError, match=r"[2-8] of 8 writers .* won.*use S3") as refused:
        preflight.check(objects)
    assert (refused.value.exit_code, moto_root in str(refused.value)) == (64, True)
    assert objects.list() == []


@pytest.mark.parametrize("seed", range(3))
def test_server_that_looks_first_and_writes_later_is_refused(moto_root, break_s3, seed):
    break_s3(Faults({"check_then_put": 1}, seed, slow_s=0.05))
    objects = connect(moto_root)
    objects.create("alone", b"1")
    with pytest.raises(FileExistsError):
        objects.create("alone", b"2")  # it looks right until two come at once
    with pytest.raises(ConfigError, match=r"[2-8] of 8 writers .* won"):
        preflight.check(objects)


def test_lost_answers_are_no_reason_to_refuse(s3_root, break_s3):
    proxy = break_s3(Faults({"error_after": 1}, match="^PUT .*probe", limit=4))
    preflight.check(connect(s3_root))
    assert proxy.injected["error_after"] == 4


def test_interrupt_before_all_writers_have_begun_ends_the_probe(tmp_path, monkeypatch):
    class Interrupted(ThreadPoolExecutor):
        def submit(self, *arguments):
            if len(self._threads) == 3:
                raise KeyboardInterrupt
            return super().submit(*arguments)

    monkeypatch.setattr(preflight, "ThreadPoolExecutor", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        preflight.check(connect(tmp_path))


class Odd:
    """A store in memory with one oddity."""

    def __init__(self, oddity: str) -> None:
        self._good, self._oddity = connect(f"memory://{uuid4().hex}"), oddity

    def __getattr__(self, name):
        return getattr(self._good, name)

    def create(self, path, data):
        if self._oddity == "late" and data == b"late":
            return
        self._good.create(path, data)
        if self._oddity == "replaced":
            self._good.put(path, b"of another")

    def get(self, path):
        if self._oddity == "lost":
            raise MissingError(path)
        return self._good.get(path)


@pytest.mark.parametrize(
    ("oddity", "message"),
    [("late", "written once more"), ("replaced", "replaced by another"), ("lost", "was not found")],
)
def test_odd_store_is_refused_with_what_was_found(oddity, message):
    with pytest.raises(ConfigError, match=message):
        preflight.check(Odd(oddity))


def test_plain_web_server_is_refused(moto_environment):
    with pytest.raises(ConfigError, match="cannot"):
        preflight.check(connect(f"{moto_environment['AWS_ENDPOINT_URL']}/somewhere"))
