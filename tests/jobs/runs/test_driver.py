"""Runs on a real cluster of several processes, whose parts die; the lake is on the S3 server."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict, replace
from importlib.metadata import version

import pytest
from distributed import Client
from numpy.testing import assert_array_equal

from jobs.classes import cluster as grouping
from jobs.embedding import embed
from jobs.linear import pca
from jobs.linear.passes import Fit
from jobs.runs import driver, heartbeat, outputs, records
from jobs.runs.spec import FinishedRun
from jobs.sampling import sample
from jobs.sampling.strata import Strata
from lake.errors import ConfigError, MissingError, StoppedError
from tests.faults.processes import Cluster
from tests.jobs import quick, small

LONG = quick.settings(steps=100_000)
"""Trains for minutes, unless it is stopped."""
PATIENCE_S = 90
KILLS = int(os.environ.get("LAKE_TEST_KILLS", "2"))
"""Of workers, at least; `make faults` asks for 20."""


@pytest.fixture
def cluster(s3_environment, tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "100")
    started = Cluster(tmp_path, 2, {**os.environ, **s3_environment})
    started.mend()
    yield started
    started.stop()


@pytest.fixture
def there(s3_root):
    return small.build(s3_root)


def state(root, run, *wanted):
    """The state of a run, once it is one of those wanted."""
    end = time.monotonic() + PATIENCE_S
    while (found := heartbeat.state(root, run)) not in wanted:
        assert time.monotonic() < end, heartbeat.read(root, run)
        time.sleep(0.05)
    return found


def submitted(cluster, root, key, settings):
    wanted = driver.specs(root, key, settings)
    with Client(cluster.address) as client:
        driver.submit(client, root, wanted)
    return wanted[-1].id


def test_run_is_done_though_the_client_that_submitted_it_is_gone(cluster, there, truth, chain):
    of_sample = sample.Settings(phase=1, phases=2)
    drawn = submitted(cluster, there.root, there.key, of_sample)
    state(there.root, drawn, heartbeat.DONE)
    run = submitted(cluster, there.root, there.key, pca.Settings(drawn, fit=Fit(components=10)))
    state(there.root, run, heartbeat.DONE)
    assert_array_equal(
        outputs.dataset(there.root, run)["scores"], outputs.dataset(truth.root, chain.pca)["scores"]
    )
    assert records.folder(there.root, run).list("partials") == []
    assert len(records.folder(there.root, run).list("parts/score")) == 11


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_workers_killed_at_random_change_nothing(cluster, there, truth):
    """Samples of two designs, and their components, on workers that die."""
    rng = random.Random(4)  # noqa: S311 (no secret)
    killed = rounds = 0
    while killed < KILLS:
        wanted = sample_and_components(there, rounds)
        with Client(cluster.address) as client:
            driver.submit(client, there.root, wanted)
        time.sleep(rng.uniform(0, 1.5))
        for number in rng.sample((0, 1), rng.choice((1, 2))):
            cluster.workers[number].kill()
            cluster.workers[number].join()
            killed += 1
        cluster.mend()
        state(there.root, wanted[-1].id, heartbeat.DONE)
        rounds += 1
    with Client(cluster.address) as client:
        for number in range(rounds):
            pairs = (sample_and_components(of, number) for of in (there, truth))
            for disturbed, undisturbed in zip(*pairs, strict=True):
                driver.make(client, truth.root, undisturbed)
                assert contents(there.root, disturbed.id) == contents(truth.root, undisturbed.id)


def sample_and_components(of, number):
    """The specs of round `number`: stratified by a pilot, or some phases; then a PCA."""
    store = records.open_store(of.root, of.key)
    by = Strata("row", 3, (), "neyman", "day-2km/C13/07/64800/mean")
    how = {"design": "stratified", "strata": by} if number % 2 else {"phases": 2}
    settings = sample.Settings(seed=number, max_missing=0.6, **how)
    (drawn,) = sample.specs(of.root, store, settings)
    *_, components = pca.specs(of.root, store, pca.Settings(fit=Fit(components=4)))
    return drawn, replace(components, inputs={sample.JOB: drawn.id})


def contents(root, run):
    """Path -> bytes of what a run wrote, without the metadata, which name the run."""
    objects = records.folder(root, run)
    paths = [path for path in objects.list() if ".zarr/" in path or ".parquet/" in path]
    return {path: objects.get(path) for path in paths if not path.endswith("zarr.json")}


def test_scheduler_killed_and_the_run_resumed_on_another(cluster, there, truth, run_lake):
    how = quick.settings(steps=1500)
    run = submitted(cluster, there.root, there.key, how)
    state(there.root, run, heartbeat.RUNNING)
    cluster.scheduler.kill()
    cluster.scheduler.join()
    cluster.mend()
    state(there.root, run, heartbeat.STALLED)
    code, _, err = run_lake(
        "runs", "resume", run, "--lake", there.root, "--address", cluster.address
    )
    assert code == 0, err
    assert len(records.folder(there.root, run).list("logs")) == 2
    with Client(cluster.address) as client:
        undisturbed = driver.run(client, truth.root, truth.key, how)
    assert_array_equal(
        outputs.dataset(there.root, run)["embedding"],
        outputs.dataset(truth.root, undisturbed)["embedding"],
    )


def test_stop_is_heard_and_resume_goes_on(cluster, there, run_lake):
    run = submitted(cluster, there.root, there.key, LONG)
    state(there.root, run, heartbeat.RUNNING)
    code, _, _ = run_lake("runs", "stop", run, "--lake", there.root)
    assert code == 0
    state(there.root, run, heartbeat.STOPPED)
    code, out, _ = run_lake("runs", "logs", run, "--lake", there.root)
    assert code == 0
    assert "stopped" in out
    code, out, _ = run_lake("runs", "ls", "--lake", there.root, "--json")
    assert {row["run"]: row["state"] for row in json.loads(out)}[run] == "stopped"
    code, _, err = run_lake(
        "runs", "resume", run, "--lake", there.root, "--address", cluster.address, "--detach"
    )
    assert code == 0, err
    state(there.root, run, heartbeat.RUNNING)
    heartbeat.stop(there.root, run)
    state(there.root, run, heartbeat.STOPPED)


def test_stop_of_a_run_that_waits_stops_what_it_waits_for(cluster, there, run_lake):
    awaited = driver.specs(there.root, there.key, LONG)
    *_, clusters = driver.specs(there.root, there.key, grouping.Settings(k=3))
    planned = (*awaited, replace(clusters, inputs={embed.JOB: awaited[-1].id}))
    with Client(cluster.address) as client:
        driver.submit(client, there.root, planned)
    state(there.root, awaited[-1].id, heartbeat.RUNNING)
    assert heartbeat.state(there.root, planned[-1].id) == heartbeat.QUEUED
    assert run_lake("runs", "stop", planned[-1].id, "--lake", there.root)[0] == 0
    for spec in (awaited[-1], planned[-1]):
        state(there.root, spec.id, heartbeat.STOPPED)


def test_submitting_process_killed_right_after_is_no_loss(cluster, there):
    command = [
        sys.executable, "-m", "lake", "pca", there.key, "--lake", there.root,
        "--address", cluster.address, "--set", "components=4",
    ]  # fmt: skip
    run = driver.specs(there.root, there.key, pca.Settings(fit=Fit(components=4)))[-1].id
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as laptop:
        said = next((line for line in laptop.stderr if "dashboard" in line), "")
        laptop.kill()
    assert run in said
    assert state(there.root, run, heartbeat.DONE)


def test_no_credentials_are_in_what_the_scheduler_is_sent(cluster, there, s3_environment):
    run = submitted(cluster, there.root, there.key, LONG)
    state(there.root, run, heartbeat.RUNNING)
    with Client(cluster.address) as client:
        graph = client.run_on_scheduler(_graph)
    heartbeat.stop(there.root, run)
    assert b"drive" in graph
    assert there.root.encode() in graph
    assert s3_environment["AWS_SECRET_ACCESS_KEY"].encode() not in graph
    objects = records.folder(there.root, run)
    noted = b"".join(objects.get(path) for path in objects.list() if "zarr" not in path)
    assert s3_environment["AWS_SECRET_ACCESS_KEY"].encode() not in noted


def _graph(dask_scheduler):
    """Every task that the scheduler holds, as bytes."""
    import pickle

    return b"".join(pickle.dumps(task.run_spec) for task in dask_scheduler.tasks.values())


@pytest.mark.parametrize(("package", "there"), [("dask", r"20\S+"), ("torch", r"2\.[0-9.]+")])
def test_other_software_on_the_workers_is_told_before_anything_runs(
    client, monkeypatch, package, there
):
    monkeypatch.setattr(records, "versions", lambda: {package: "0.1"})
    with pytest.raises(ConfigError, match=rf"{package} {there} \(here 0\.1\).*install"):
        driver.check_versions(client)


def test_another_build_of_the_same_torch_is_the_same_and_none_is_none_of_our_business(
    client, monkeypatch
):
    same = records.versions()
    monkeypatch.setattr(records, "versions", lambda: same | {"torch": f"{version('torch')}+cu999"})
    driver.check_versions(client)
    monkeypatch.setattr(
        records, "versions", lambda: {name: of for name, of in same.items() if name != "torch"}
    )
    driver.check_versions(client)


def test_cluster_without_a_worker_is_told_after_a_while(s3_environment, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "WORKER_WAIT_S", 0.2)
    empty = Cluster(tmp_path, 0, {**os.environ, **s3_environment})
    empty.mend()
    with Client(empty.address) as client, pytest.raises(MissingError, match="dask worker tcp://"):
        driver.check_versions(client)
    empty.stop()


def test_failed_run_tells_why_and_is_made_when_it_can_be(client, truth, monkeypatch):
    wanted = driver.specs(truth.root, truth.key, sample.Settings(phases=1, max_missing=0.3))
    monkeypatch.setattr(sample, "make", lambda _: (_ for _ in ()).throw(ConfigError("no luck")))
    with pytest.raises(ConfigError, match="no luck"):
        driver.make(client, truth.root, wanted[-1])
    assert heartbeat.state(truth.root, wanted[-1].id) == heartbeat.FAILED
    assert heartbeat.read(truth.root, wanted[-1].id).error == "ConfigError: no luck"
    monkeypatch.undo()
    driver.make(client, truth.root, wanted[-1])
    assert heartbeat.state(truth.root, wanted[-1].id) == heartbeat.DONE


def test_same_run_finished_elsewhere_meanwhile_counts(client, truth, monkeypatch):
    wanted = driver.specs(truth.root, truth.key, sample.Settings(phases=1, max_missing=0.35))[-1]
    elsewhere = FinishedRun(wanted.id, ("out",), 1.0, records.now())

    def make(work):
        work.objects.put("done.json", records.as_json(asdict(elsewhere)))
        return ["other"]

    monkeypatch.setattr(sample, "make", make)
    driver.make(client, truth.root, wanted)
    assert records.find(truth.root, wanted.id).outputs == ("out",)


def test_second_time_finds_the_run_done_and_says_so(client, truth, monkeypatch, capsys):
    wanted = driver.specs(truth.root, truth.key, sample.Settings(phases=1, max_missing=0.45))[-1]
    driver.make(client, truth.root, wanted)
    first = records.find(truth.root, wanted.id)
    monkeypatch.delattr(sample, "make")  # never called
    driver.make(client, truth.root, wanted)
    assert f"{wanted.id}: already done" in capsys.readouterr().err
    assert records.find(truth.root, wanted.id) == first


def test_run_that_was_stopped_and_is_asked_for_again_is_made(client, truth):
    settings = sample.Settings(phases=1, max_missing=0.55)
    run = driver.specs(truth.root, truth.key, settings)[-1].id
    heartbeat.stop(truth.root, run)
    assert driver.run(client, truth.root, truth.key, settings) == run
    assert records.find(truth.root, run)


def test_force_on_a_run_whose_driver_died_is_no_error_and_on_a_living_one_it_is(truth):
    with (
        heartbeat.Heartbeat(truth.root, "x-2"),
        pytest.raises(ConfigError, match="lake runs stop x-2"),
    ):
        driver.forget(truth.root, "x-2")
    heartbeat.write(
        records.folder(truth.root, "x-2"), heartbeat.Status(heartbeat.RUNNING, records.now())
    )
    long_ago = time.time() - 10 * heartbeat.STALLED_S
    os.utime(f"{truth.root}/runs/x-2/status.json", (long_ago, long_ago))
    driver.forget(truth.root, "x-2")
    assert records.folder(truth.root, "x-2").list() == []


def check_until_told(attempt):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        attempt.check()


def test_older_attempt_gives_way(truth):
    first, second = (heartbeat.Heartbeat(truth.root, "x-1") for _ in range(2))
    first.begin()
    second.begin()
    with pytest.raises(StoppedError, match="took over"):
        check_until_told(first)
    first.end(heartbeat.STOPPED)
    second.end(heartbeat.DONE)
    assert heartbeat.read(truth.root, "x-1").state == heartbeat.DONE


def test_force_makes_a_run_anew(client, truth):
    settings = sample.Settings(phases=1, max_missing=0.4)
    run = driver.run(client, truth.root, truth.key, settings)
    first = records.find(truth.root, run)
    driver.forget(truth.root, run)
    assert records.find(truth.root, run) is None
    assert driver.run(client, truth.root, truth.key, settings) == run
    assert records.find(truth.root, run).finished > first.finished
