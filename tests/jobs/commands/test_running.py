"""What commands do when a run is done."""

import time
from contextlib import contextmanager
from types import SimpleNamespace

from jobs.commands import running
from jobs.runs.spec import FinishedRun
from lake import dask_cluster


def clean_slowly(path):
    """What is left to do for a driver whose run is done."""
    time.sleep(1)
    path.touch()


def test_cluster_of_the_command_ends_after_the_driver_has_cleaned(client, tmp_path, monkeypatch):
    root, cleaned, seen = str(tmp_path / "lake"), tmp_path / "cleaned", []

    @contextmanager
    def local(address):
        yield client
        seen.append(cleaned.exists())

    def submit(client_, root_, specs_):
        future = client_.submit(clean_slowly, cleaned, pure=False)
        return SimpleNamespace(ids=["sample-0"], future=future)

    done = FinishedRun("sample-0", (), 1.0, "")
    monkeypatch.setattr(dask_cluster, "client", local)
    monkeypatch.setattr(running, "submit", submit)
    monkeypatch.setattr(running, "watch", lambda *_, **__: done)
    running.make(root, [SimpleNamespace(id="sample-0")], None, as_json=False)
    assert seen == [True]
