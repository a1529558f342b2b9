"""Runs from Python: made on a cluster of processes, waited for, stopped, read, drawn."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from numpy.testing import assert_array_equal

import jobs
import lake
from jobs.interactive.run import Run, submit
from jobs.runs import driver, heartbeat, records
from jobs.runs.heartbeat import Status
from jobs.sampling import sample
from lake.errors import ConfigError, DataError, MissingError, StoppedError, UnreachableError

NOW = records.now()


@pytest.fixture
def store(truth):
    return lake.open(truth.key, root=truth.root)


@pytest.fixture
def unfinished(truth, request):
    """A run that nobody makes, of settings that no other test has."""
    seed = int.from_bytes(request.node.name.encode()[-4:])
    spec = driver.specs(truth.root, truth.key, sample.Settings(seed=seed))[-1]
    records.write_spec(truth.root, spec)
    return spec.id


def write(truth, run, **status):
    heartbeat.write(
        records.folder(truth.root, run), replace(Status(heartbeat.RUNNING, NOW), **status)
    )


def test_chain_of_runs_is_made_read_and_drawn(client, truth, chain, store):
    drawn = jobs.sample(client, store, phase=1, phases=2)
    assert (drawn.id, drawn.done()) == (chain.sample, True)
    scored = jobs.pca(client, store, run=drawn, components=9)
    result = scored.result(timeout=120)
    assert result.scores.shape == (store.pixels, 9)
    assert_array_equal(scored.scores["lon"], store.cube("day-2km")["lon"])
    assert scored.state == scored.status.state == "done"
    assert scored.settings["run"] == drawn.id
    assert scored.url == f"{truth.root}/runs/{scored.id}"
    assert scored.plot().axes
    plain = xr.open_zarr(f"{scored.url}/pca.zarr", zarr_format=3)
    assert_array_equal(result.scores, plain["scores"])


def test_same_settings_are_the_same_run_by_key_url_and_command(client, truth, chain, store):
    given = {"run": chain.sample, "components": 10}
    for place in (store, store.url, f"{truth.root}/{truth.key}", Path(truth.root) / truth.key):
        assert jobs.pca(client, place, **given).id == chain.pca
    assert jobs.pca(client, truth.key, lake=truth.root, **given).id == chain.pca


def test_runs_go_to_another_lake_if_it_is_named(client, store, tmp_path):
    run = jobs.sample(client, store, lake=tmp_path / "mine", design="random", pixels=50)
    handlers = client.run(lambda: signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
    assert all(handlers.values()), "Jupyter interrupts all processes of its group"
    assert run.result(timeout=120).sizes["sample"] == 50
    assert run.url == f"{tmp_path}/mine/runs/{run.id}"
    assert run.store.url == store.url


def test_settings_are_refused_before_the_cluster_is_asked(store):
    client = object()
    with pytest.raises(ConfigError, match="no setting 'component'; did you mean 'components'"):
        jobs.pca(client, store, component=3)
    with pytest.raises(ConfigError, match="components must be above 0, found 0"):
        jobs.pca(client, store, components=0)
    with pytest.raises(ConfigError, match="bands: 'C99' is not there"):
        jobs.sample(client, store, bands=["C99"])
    with pytest.raises(MissingError, match="no run 'sample-0123456789ab'"):
        jobs.pca(client, store, run="sample-0123456789ab")


def test_run_that_is_not_done_is_no_input_yet(truth, store, unfinished):
    with pytest.raises(ConfigError, match=r"is queued: wait for it first, by its 'result\(\)'"):
        jobs.pca(object(), store, run=Run(truth.root, unfinished))


def test_asynchronous_client_is_refused(truth, unfinished):
    class Asynchronous:
        asynchronous = True

    with pytest.raises(ConfigError, match="the client is asynchronous"):
        submit(Asynchronous(), truth.root, [records.read_spec(truth.root, unfinished)])


def test_store_outside_a_lake_needs_one(client, store, tmp_path, truth):
    import shutil

    copy = tmp_path / "copy.zarr"
    shutil.copytree(store.url, copy)
    with pytest.raises(ConfigError, match="lies in no lake"):
        jobs.sample(client, copy)


def test_client_of_another_process_may_go_and_anybody_waits(client, truth):
    program = """
import sys, jobs
from distributed import Client
with Client(sys.argv[1]) as client:
    run = jobs.sample(client, sys.argv[2], lake=sys.argv[3], design="random", pixels=60)
print(run.id, run.future)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, client.scheduler.address, truth.key, truth.root],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    run, future = done.stdout.split()
    assert future == "None"
    assert jobs.open_run(run, lake=truth.root).result(timeout=120).sizes["sample"] == 60


def test_errors_are_those_of_the_run(truth, unfinished):
    run = jobs.open_run(unfinished, lake=truth.root)
    write(truth, unfinished, state=heartbeat.FAILED, error="DataError: no feature is fit")
    with pytest.raises(DataError, match="no feature is fit"):
        run.result()
    write(truth, unfinished, state=heartbeat.FAILED, error="ZeroDivisionError: by zero")
    with pytest.raises(lake.errors.LakeError, match="failed: ZeroDivisionError: by zero"):
        run.wait()


def test_waiting_ends_by_a_timeout_and_the_run_goes_on(truth, unfinished):
    write(truth, unfinished)
    run = jobs.open_run(unfinished, lake=truth.root)
    with pytest.raises(TimeoutError, match="is running after 0 s, and goes on"):
        run.result(timeout=0)
    assert (run.state, run.done()) == ("running", False)


def test_interrupt_ends_the_waiting_and_not_the_run(truth, unfinished):
    write(truth, unfinished)
    run = jobs.open_run(unfinished, lake=truth.root)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run.result()
    assert run.state == "running"
    assert not lake.storage.objects.exists(records.folder(truth.root, unfinished), heartbeat.STOP)


def test_run_that_is_stopped_says_so(truth, unfinished):
    write(truth, unfinished)
    run = jobs.open_run(unfinished, lake=truth.root)
    run.stop()
    with pytest.raises(StoppedError):
        heartbeat.check(truth.root, unfinished)
    write(truth, unfinished, state=heartbeat.STOPPED, error="stopped")
    with pytest.raises(StoppedError, match="stopped"):
        run.result()


def test_nobody_waits_for_a_run_that_nobody_makes(truth, unfinished, monkeypatch):
    write(truth, unfinished)
    monkeypatch.setattr(heartbeat, "STALLED_S", 0.0)
    with pytest.raises(UnreachableError, match="call the function that made it again"):
        jobs.open_run(unfinished, lake=truth.root).result()


def test_neither_run_nor_client_shows_a_secret(client, truth, chain, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "TOPSECRET")
    run = jobs.open_run(chain.pca, lake=truth.root)
    assert "TOPSECRET" not in repr(run) + run._repr_html_() + repr(vars(run))


def test_force_makes_a_run_anew(client, store):
    run = jobs.sample(client, store, design="random", pixels=40)
    run.wait(timeout=120)
    before = records.find(run.lake, run.id).finished
    again = jobs.sample(client, store, force=True, design="random", pixels=40).wait(timeout=120)
    assert again.id == run.id
    assert records.find(run.lake, run.id).finished > before
