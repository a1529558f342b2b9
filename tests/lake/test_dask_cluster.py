import os
import time

import dask
import pytest
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster

from lake import dask_cluster
from lake.errors import UnreachableError


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def failing(_: int) -> None:
    raise ValueError("the call failed")


def test_results_come_in_the_order_of_the_calls_and_progress_is_told(client):
    told = []
    calls = [(0.2,), (0.0,), (0.1,)]
    found = dask_cluster.call(client, slow, calls, lambda done, total: told.append((done, total)))
    assert found == [0.2, 0.0, 0.1]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_what_a_call_raises_is_raised(client):
    with pytest.raises(ValueError, match="the call failed"):
        dask_cluster.call(client, failing, [(1,), (2,)])


def of_worker(dask_worker) -> tuple[dict[str, str], list[object]]:
    manager = dask_worker.memory_manager
    names = ("target", "spill", "pause")
    return dict(os.environ), [getattr(manager, f"memory_{name}_fraction") for name in names]


def test_workers_of_this_machine_keep_their_memory_and_are_not_paused_for_it(monkeypatch):
    for name in dask_cluster.MALLOC | dask_cluster.ONE_THREAD:
        monkeypatch.delenv(name, raising=False)  # Dask leaves them here, for clusters to come
    with dask_cluster.client(None) as client:
        found = client.run(of_worker).values()
    assert len(found) == CPU_COUNT
    for environment, fractions in found:
        assert environment.items() >= (dask_cluster.MALLOC | dask_cluster.ONE_THREAD).items()
        assert fractions == [False, False, False]


def test_address_where_no_scheduler_answers_is_said():
    quick = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    missing = pytest.raises(
        UnreachableError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"
    )
    with quick, missing, dask_cluster.client("tcp://127.0.0.1:9"):
        pass


def test_scheduler_that_is_lost_under_way_is_said_with_what_to_do():
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**settings) as there:
        lost = pytest.raises(UnreachableError, match="run the same command again")
        with lost, dask_cluster.client(there.scheduler_address) as client:
            for _ in dask_cluster.each(client, slow, [(0.0,), (60.0,)]):
                there.close(timeout=5)


def test_memory_of_a_task_is_that_of_the_smallest_worker_by_its_threads():
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            memory_limit=3_000_000_000,
            processes=False,
            dashboard_address=":0",  # by the default, that of another session is in the way
        ) as cluster,
        Client(cluster) as client,
    ):
        assert dask_cluster.memory_bytes(client) == 1_500_000_000
